"""Checkpoints: a Qwen2.5-VL in Hugging Face's form, and beside it how it is to be asked (`qwen_seg.json`)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foodbench.core.errors import CheckpointError
from foodbench.core.hashing import fingerprint, sha256_file
from foodbench.models.pretrained import read_image_text_model, refuse_misfits
from foodbench.models.qwen_seg.grid import PAPER_GRID
from foodbench.models.qwen_seg.prompting import PAPER_PROMPT
from foodbench.models.weight_files import weight_files

KITCHEN_CHECKPOINT = Path(__file__).parent / "kitchen"
"""The small checkpoint that the package carries, trained on rendered plates (`baselines/rl_segmentation`)."""

SETTINGS_FILE = "qwen_seg.json"
_DEVICE_MAPS = ("auto", "balanced", "balanced_low_0", "sequential")
_ARCHITECTURE = "qwen2_5_vl"
_REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
_FETCHED = ("*.json", "*.safetensors", "*.jinja", "*.txt")
_DECISIVE = (
    *("config.json", "generation_config.json", SETTINGS_FILE),
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("vocab.json", "merges.txt", "chat_template.jinja", "chat_template.json"),
    *("processor_config.json", "preprocessor_config.json", "video_preprocessor_config.json"),
)


@dataclass(frozen=True, slots=True)
class QwenSegSettings:
    """How a checkpoint is asked and its answers are drawn. The defaults are the paper's, for a released Qwen2.5-VL.

    Attributes:
        prompt: the template, with `{question}`.
        grid: side of the square that pictures are squashed to, in which the answers' coordinates are.
        segmenter: what draws, as `load_segmenter` takes it.
        max_new_tokens: limit of an answer.
    """

    prompt: str = PAPER_PROMPT
    grid: int = PAPER_GRID
    segmenter: str = "sam2:facebook/sam2-hiera-large"
    max_new_tokens: int = 2000

    @classmethod
    def read(cls, folder: Path) -> QwenSegSettings:
        """The settings of a checkpoint folder; the paper's if it has no such file.

        Raises:
            CheckpointError: the file is damaged, or a value in it is of another kind.
        """
        path = folder / SETTINGS_FILE
        if not path.is_file():
            return cls()
        hint = f"Correct {path}, or copy the checkpoint anew."
        try:
            plain = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise CheckpointError(f"{path} cannot be read: {type(error).__name__}.", hint=hint) from error
        if not isinstance(plain, dict):
            raise CheckpointError(f"{path} is not a JSON object.", hint=hint)
        kinds = {"prompt": str, "grid": int, "segmenter": str, "max_new_tokens": int}
        unknown = sorted(set(plain) - set(kinds))
        if unknown:
            raise CheckpointError(f"{path} has an unknown key '{unknown[0]}'.", hint=f"Known: {', '.join(kinds)}.")
        for key, value in plain.items():
            if isinstance(value, bool) or not isinstance(value, kinds[key]) or (isinstance(value, int) and value < 1):
                raise CheckpointError(f"{path}: '{key}' is {value!r:.80}.", hint=hint)
        if "{question}" not in plain.get("prompt", "{question}"):
            raise CheckpointError(f"{path}: 'prompt' has no place for {{question}}.", hint=hint)
        return cls(**plain)

    def write(self, folder: Path) -> None:
        """Write the settings into a checkpoint folder."""
        from foodbench.core.files import atomic_write_json

        plain = {name: getattr(self, name) for name in ("prompt", "grid", "segmenter", "max_new_tokens")}
        atomic_write_json(folder / SETTINGS_FILE, plain)


def checkpoint_folder(name: str | Path) -> Path:
    """The folder of a checkpoint: a folder itself, or a repository of the Hub, whose files are fetched if need be.

    Raises:
        CheckpointError: there is no such folder, or the repository cannot be fetched.
    """
    folder = Path(name)
    if folder.is_dir():
        return folder
    if not _REPOSITORY.fullmatch(str(name)) or folder.exists():
        raise CheckpointError(
            f"No checkpoint folder {name}.",
            hint="Give a folder with config.json and model.safetensors, or a repository of the Hugging Face Hub, "
            "e.g. Qwen/Qwen2.5-VL-3B-Instruct.",
        )
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(str(name), allow_patterns=list(_FETCHED)))
    except Exception as error:  # the Hub's errors have no common class: network, file system, access, name
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(
            f"{name} is no folder, and cannot be fetched from the Hub: {type(error).__name__}: {reason}",
            hint="Check the name and the network, or give a folder.",
        ) from error


def checkpoint_identity(name: str | Path, folder: Path) -> str:
    """What a checkpoint's answers depend on: the hash of its files, or a repository's commit.

    Args:
        name: as it was given.
        folder: what `checkpoint_folder` made of it.

    Raises:
        CheckpointError: as `weight_files`.
    """
    weights = weight_files(folder)
    if not Path(name).is_dir():
        return f"{name}@{folder.name}"  # the Hub's cache has one folder per commit, named by it
    others = [folder / each for each in _DECISIVE if (folder / each).is_file()]
    return fingerprint({path.name: sha256_file(path) for path in [*weights, *others]})


def load_model(name: str | Path, dtype: Any = None, device: Any = None) -> tuple[Any, Any]:
    """Model and processor of a checkpoint, ready to answer.

    Pictures must be squashed to the settings' grid before they are given to the processor.

    Args:
        name: a folder, or a repository of the Hub.
        dtype: a torch dtype; float32 by default.
        device: a torch device, `auto` or another device map of accelerate's; the CPU by default.

    Returns:
        the model in evaluation mode, and its processor, which pads on the left.

    Raises:
        CheckpointError: anything about the files is wrong.
    """
    import torch

    folder = checkpoint_folder(name)
    weight_files(folder)
    spread = device if isinstance(device, dict) or device in _DEVICE_MAPS else None
    model, processor = _read(folder, dtype or torch.float32, spread)
    if spread is None and device is not None:
        model = model.to(device)
    return model.eval(), processor


def _read(folder: Path, dtype: Any, device_map: Any) -> tuple[Any, Any]:
    """Model and processor as the files have them, checked to belong together."""
    hint = "The checkpoint is damaged, incomplete, or not a Qwen2.5-VL; copy it anew."
    model, processor, report = read_image_text_model(folder, hint, dtype, device_map)
    if model.config.model_type != _ARCHITECTURE:
        raise CheckpointError(f"{folder} holds a {model.config.model_type}, not a Qwen2.5-VL.", hint=hint)
    if processor.image_token_id != model.config.image_token_id:
        raise CheckpointError(f"{folder}: config.json and tokenizer disagree about the picture's token.", hint=hint)
    refuse_misfits(folder, report, hint)
    return model, processor


__all__ = [
    "KITCHEN_CHECKPOINT",
    "QwenSegSettings",
    "checkpoint_folder",
    "checkpoint_identity",
    "load_model",
]
