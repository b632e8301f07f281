"""The weights of a checkpoint folder: safetensors, whole or in shards, and nothing that could run code."""

from __future__ import annotations

from pathlib import Path

from foodbench.core.errors import CheckpointError

WEIGHTS = "model.safetensors"
WEIGHTS_INDEX = "model.safetensors.index.json"
_UNSAFE_SUFFIXES = frozenset({".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt"})


def weight_files(folder: Path, *, convert: str = "Save the model again with safe_serialization=True.") -> list[Path]:
    """The weight files of a checkpoint folder, the index of shards before them.

    Args:
        folder: the checkpoint.
        convert: what to do about weights in another format.

    Raises:
        CheckpointError: the folder or its weights are missing, or there are only weights in a format that can run code.
    """
    if not folder.is_dir():
        raise CheckpointError(
            f"No checkpoint folder {folder}.",
            hint="Give a folder with config.json and model.safetensors, or nothing for the packaged checkpoint.",
        )
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    if (folder / WEIGHTS_INDEX).is_file():
        return [folder / WEIGHTS_INDEX, *sorted(folder.glob("model-*.safetensors"))]
    unsafe = sorted(path.name for path in folder.iterdir() if path.suffix in _UNSAFE_SUFFIXES)
    if unsafe:
        raise CheckpointError(
            f"{folder} has its weights as {unsafe[0]} only; such files can run code when loaded and are refused.",
            hint=convert,
        )
    raise CheckpointError(f"{folder} has no {WEIGHTS}.", hint="Is the checkpoint complete?")
