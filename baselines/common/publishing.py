"""The checkpoint folder that a run publishes, and the record of its training."""

from __future__ import annotations

import platform
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import torch

from foodbench.core.errors import CheckpointError
from foodbench.core.files import atomic_write_json
from foodbench.core.hashing import fingerprint, sha256_file
from foodbench.models.pretrained import quiet
from foodbench.models.qwen_seg.checkpoint import checkpoint_folder
from foodbench.models.weight_files import weight_files

_LOADING_OPTIONS = ("backend", "is_local", "local_files_only")
"""How a tokenizer was loaded, which transformers would write down as if it were a property of it."""
_PACKAGES = ("torch", "transformers", "tokenizers", "numpy", "pillow", "safetensors")
_TRL_PACKAGES = ("trl", "accelerate", "peft", "datasets")


class AskingSettings(Protocol):
    """How a checkpoint is asked."""

    def write(self, folder: Path) -> None:
        """Write the settings into its folder."""


def save_processor(processor: Any, folder: Path) -> None:
    """Write tokenizer and processor as transformers has them."""
    for name in _LOADING_OPTIONS:
        processor.tokenizer.init_kwargs.pop(name, None)
    processor.save_pretrained(folder)


def save_checkpoint(model: Any, processor: Any, asking: AskingSettings, folder: Path, dtype: torch.dtype) -> None:
    """Write a plain folder of transformers, and how it is to be asked. The model's weights become of that type."""
    with quiet():
        model.to(dtype).save_pretrained(folder)
    save_processor(processor, folder)
    asking.write(folder)


def trained_model(folder: Path, start: str, load: Callable[[str | Path], tuple[Any, Any]]) -> Any:
    """The model of weights that were kept while training; adapters are merged into what training began with.

    Args:
        folder: the weights.
        start: the checkpoint that training began with.
        load: reads model and processor of a checkpoint.

    Raises:
        CheckpointError: it cannot be loaded.
    """
    if not (folder / "adapter_config.json").is_file():
        return load(folder)[0]
    from peft import PeftModel

    model, _ = load(start)
    try:
        return PeftModel.from_pretrained(model, str(folder)).merge_and_unload()
    except Exception as error:  # damaged adapters show as errors of safetensors, torch, json and the file system
        raise CheckpointError(
            f"Cannot load the adapter {folder}: {type(error).__name__}: {error}", hint="Train again with --resume."
        ) from error


def weights_digest(name: str) -> str:
    """SHA-256 of a checkpoint's weight file; of several, a digest of theirs.

    Raises:
        CheckpointError: there are none.
    """
    files = weight_files(checkpoint_folder(name))
    digests = [sha256_file(path) for path in files]
    return digests[0] if len(digests) == 1 else fingerprint(digests)


def versions() -> dict[str, str]:
    """Of what the numbers depend on."""
    return {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}}


def all_versions() -> dict[str, str]:
    """Of what the numbers of a run with TRL depend on."""
    return {**versions(), **{name: version(name) for name in _TRL_PACKAGES}}


def save_training_record(folder: Path, record: dict[str, Any]) -> None:
    """Write `training.json`: command, recipe, versions, measurements."""
    atomic_write_json(folder / "training.json", record)


__all__ = [
    "all_versions",
    "save_checkpoint",
    "save_processor",
    "save_training_record",
    "trained_model",
    "versions",
    "weights_digest",
]
