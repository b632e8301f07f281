"""Reading checkpoints with transformers: quietly, and refusing what is damaged in one sentence that says what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from foodbench.core.errors import CheckpointError
from foodbench.core.hashing import fingerprint, sha256_file
from foodbench.models.weight_files import weight_files

_DECISIVE = ("*.json", "*.jinja", "*.txt")
_RECORD = "training.json"


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers' bar over the reading of tensors, and its table of those that do not fit, off the terminal."""
    from transformers.utils import logging

    shown, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if shown:
            logging.enable_progress_bar()


@contextmanager
def reading(folder: Path, hint: str) -> Iterator[None]:
    """Read a checkpoint's files: quietly, and whatever transformers raises about them comes out as one error.

    Args:
        folder: the checkpoint, for the message.
        hint: what to do about files that cannot be used.

    Raises:
        CheckpointError: they cannot.
    """
    from safetensors import SafetensorError

    try:
        with quiet():
            yield
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(f"Cannot load {folder}: {type(error).__name__}: {reason}", hint=hint) from error


def read_image_text_model(folder: Path, hint: str, dtype: Any, device_map: Any = None) -> tuple[Any, Any, Any]:
    """Model, processor, which pads on the left, and report of weights that do not fit, which are still to be refused.

    Args:
        folder: the checkpoint.
        hint: what to do about files that cannot be used.
        dtype: a torch dtype.
        device_map: how accelerate spreads the weights over devices; None leaves them on the CPU.

    Raises:
        CheckpointError: the files cannot be read.
    """
    from transformers import AutoModelForImageTextToText, AutoProcessor

    with reading(folder, hint):
        model, report = AutoModelForImageTextToText.from_pretrained(
            folder,
            dtype=dtype,
            device_map=device_map,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            ignore_mismatched_sizes=True,  # the caller refuses them, by name
            output_loading_info=True,
        )
        processor = AutoProcessor.from_pretrained(
            folder, padding_side="left", local_files_only=True, trust_remote_code=False
        )
    return model, processor, report


def refuse_misfits(folder: Path, report: Mapping[str, Any], hint: str) -> None:
    """Refuse a checkpoint whose weights are not exactly the model's.

    Args:
        folder: the checkpoint.
        report: what transformers says of its weights (`output_loading_info`).
        hint: what to do about it.

    Raises:
        CheckpointError: some are missing, of another shape, or of no use.
    """
    problems = [
        *(f"{name} is missing" for name in sorted(report["missing_keys"])),
        *(f"{name} is not of this model" for name in sorted(report["unexpected_keys"])),
        *(f"{name} has the shape {tuple(found)}, not {tuple(own)}" for name, found, own in report["mismatched_keys"]),
    ]
    if problems:
        raise CheckpointError(f"{folder}: {len(problems)} weights do not fit, e.g. {problems[0]}.", hint=hint)


def refuse_gaps(folder: Path, report: Mapping[str, Any], hint: str) -> None:
    """Refuse a checkpoint that lacks weights of the model; it may have others besides, as released ones do.

    Args:
        folder: the checkpoint.
        report: what transformers says of its weights (`output_loading_info`).
        hint: what to do about it.

    Raises:
        CheckpointError: some are missing or of another shape.
    """
    wrong = [*sorted(report["missing_keys"]), *(key for key, *_ in report["mismatched_keys"])]
    if wrong:
        raise CheckpointError(f"{folder}: {len(wrong)} weights are missing or do not fit, e.g. {wrong[0]}.", hint=hint)


def identity_of(name: str | Path, folder: Path) -> str:
    """What a checkpoint's answers depend on: the hash of its files, or a repository's commit.

    Args:
        name: as it was given.
        folder: what `checkpoint_folder` made of it.

    Raises:
        CheckpointError: it has no weights that can be used.
    """
    weights = weight_files(folder)
    if not Path(name).is_dir():
        return f"{name}@{folder.name}"  # the Hub's cache has one folder per commit, named by it
    others = [path for pattern in _DECISIVE for path in sorted(folder.glob(pattern)) if path.name != _RECORD]
    return fingerprint({path.name: sha256_file(path) for path in dict.fromkeys([*weights, *others])})
