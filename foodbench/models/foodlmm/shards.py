"""Weight files of a checkpoint folder: what they hold without reading it, and their tensors a few at a time.

Both forms of file are mapped into memory, so that a tensor costs memory only while it is used. Files that are pickles
are read with torch's restricted unpickler, which knows tensors and refuses everything that could run code.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from foodbench.core.errors import CheckpointError
from foodbench.core.files import open_regular

SAFETENSORS = ".safetensors"
_STEMS = (("model", SAFETENSORS), ("pytorch_model", ".bin"))
_ZIP_START, _LFS_START = b"PK\x03\x04", b"version https://git-lfs"
_LARGEST_JSON = 64 * 1024 * 1024
_DAMAGED = (
    "The download is incomplete or damaged: fetch the file again and compare its size and SHA-256 with the hub's."
)


@dataclass(frozen=True, slots=True)
class TensorHead:
    """What a file says about one of its tensors."""

    path: Path
    shape: tuple[int, ...]
    dtype: torch.dtype

    @property
    def size(self) -> int:
        """Bytes of the tensor's values."""
        return torch.Size(self.shape).numel() * self.dtype.itemsize


@dataclass(frozen=True, slots=True)
class WeightFiles:
    """All tensors of a folder.

    Attributes:
        folder: where.
        files: the weight files in their order.
        index: the file that lists them; None where there is one weight file only.
        heads: by key, in the order of files and within a file.
    """

    folder: Path
    files: tuple[Path, ...]
    index: Path | None
    heads: Mapping[str, TensorHead]


def read_json_object(path: Path) -> dict[str, Any]:
    """A JSON file that must hold an object.

    Raises:
        CheckpointError: it is absent, unreadable, or something else.
    """
    try:
        with open_regular(path) as stream:
            content = json.loads(stream.read(_LARGEST_JSON).decode("utf-8-sig"))
    except OSError as error:
        raise CheckpointError(
            f"Cannot read {path}: {error.strerror or error}.", hint="Is this the folder of a checkpoint, complete?"
        ) from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not valid JSON.", hint=_DAMAGED) from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} holds no JSON object.", hint=_DAMAGED)
    return content


def read_weight_files(folder: Path) -> WeightFiles:
    """Find the weight files of a folder and read what each says about its tensors.

    Safetensors are preferred where both forms are there.

    Raises:
        CheckpointError: there are none, one that the index names is absent or damaged, the index contradicts the
            files, or names something outside of the folder.
    """
    for stem, suffix in _STEMS:
        index, single = folder / f"{stem}{suffix}.index.json", folder / f"{stem}{suffix}"
        if index.is_file():
            return _read_indexed(folder, index)
        if single.is_file():
            return WeightFiles(folder, (single,), None, read_heads(single))
    shards = sorted(path.name for path in folder.glob("*-of-*") if path.suffix in {".bin", SAFETENSORS})
    if shards:
        raise CheckpointError(
            f"{folder} has {shards[0]}, but no index of its shards.",
            hint="Fetch pytorch_model.bin.index.json (or model.safetensors.index.json) as well.",
        )
    raise CheckpointError(
        f"{folder} has no weights (pytorch_model.bin or model.safetensors, or an index of shards).",
        hint="Is this the folder of a checkpoint, complete?",
    )


def _read_indexed(folder: Path, index: Path) -> WeightFiles:
    weight_map = read_json_object(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise CheckpointError(f"{index} has no weight_map.", hint=_DAMAGED)
    names = sorted({_plain_name(index, name) for name in weight_map.values()})
    absent = [name for name in names if not (folder / name).is_file()]
    if absent:
        raise CheckpointError(
            f"{folder} lacks {len(absent)} of {len(names)} shards: {', '.join(absent[:5])}.",
            hint="Fetch the missing files into the folder.",
        )
    heads: dict[str, TensorHead] = {}
    for name in names:
        for key, head in read_heads(folder / name).items():
            if weight_map.get(key) != name:
                raise CheckpointError(
                    f"{folder / name} holds '{key}', which {index.name} does not place there.",
                    hint="The index and the shards belong to different checkpoints; fetch them again.",
                )
            heads[key] = head
    lacking = [key for key in weight_map if key not in heads]
    if lacking:
        raise CheckpointError(
            f"{folder / str(weight_map[lacking[0]])} does not hold '{lacking[0]}', although {index.name} says so "
            f"({len(lacking)} such).",
            hint="The index and the shards belong to different checkpoints; fetch them again.",
        )
    return WeightFiles(folder, tuple(folder / name for name in names), index, heads)


def _plain_name(index: Path, name: Any) -> str:
    """A file's name without any folder: an index is data from elsewhere and must not lead out of its folder."""
    plain = isinstance(name, str) and Path(name).name == name and not set(name) & set("/\\:\0")
    if not plain or not name.endswith((".bin", SAFETENSORS)):
        raise CheckpointError(
            f"{index} names {name!r}, which is not the name of a weight file in its folder.",
            hint="An index may only name files beside it. Do not use this checkpoint unless you know who made it.",
        )
    return name


def read_heads(path: Path) -> dict[str, TensorHead]:
    """Names, shapes and types of a file's tensors; their values are not read.

    Raises:
        CheckpointError: as `open_tensors`.
    """
    if path.suffix == SAFETENSORS:
        with _safetensors(path) as stored:
            return {
                key: TensorHead(path, tuple(part.get_shape()), _torch_dtype(path, key, part.get_dtype()))
                for key in stored.keys()  # noqa: SIM118 - not a dict
                for part in (stored.get_slice(key),)
            }
    return {key: TensorHead(path, tuple(value.shape), value.dtype) for key, value in _load_pickled(path).items()}


@contextmanager
def open_tensors(path: Path) -> Iterator[Callable[[str], torch.Tensor]]:
    """Map a file into memory and give a function from key to tensor.

    Memory that the tensors have touched is given back when the context ends, so nothing of them may be kept.

    Raises:
        CheckpointError: the file is absent, truncated, of another format, or a pickle of more than tensors.
    """
    if path.suffix == SAFETENSORS:
        with _safetensors(path) as stored:
            yield stored.get_tensor
    else:
        yield _load_pickled(path).__getitem__


@contextmanager
def _safetensors(path: Path) -> Iterator[Any]:
    try:
        stored = safe_open(path, framework="pt")
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"Cannot read {path}: {_short(error)}.", hint=_DAMAGED) from error
    with stored:
        yield stored


def _torch_dtype(path: Path, key: str, name: str) -> torch.dtype:
    known = {
        "F64": torch.float64,
        "F32": torch.float32,
        "F16": torch.float16,
        "BF16": torch.bfloat16,
        "I64": torch.int64,
        "I32": torch.int32,
        "I16": torch.int16,
        "I8": torch.int8,
        "U8": torch.uint8,
        "BOOL": torch.bool,
    }
    if name not in known:
        raise CheckpointError(f"{path} holds '{key}' as {name}.", hint="Use a checkpoint in a 16 or 32 bit float type.")
    return known[name]


def _load_pickled(path: Path) -> dict[str, torch.Tensor]:
    _refuse_other_formats(path)
    try:
        content = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    except Exception as error:  # whatever a foreign file makes the reader raise
        reason = _short(error)
        if "weights_only" in reason or "Weights only" in reason:
            raise CheckpointError(
                f"{path} wants to run code when it is loaded, and is refused: {_offender(error)}",
                hint="A file of weights needs no code. Do not use this checkpoint unless you know who made it.",
            ) from error
        raise CheckpointError(f"Cannot read {path}: {reason}", hint=_DAMAGED) from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} holds no table of tensors.", hint="Is it a file of weights?")
    for key, value in content.items():
        if not isinstance(key, str) or not isinstance(value, torch.Tensor) or value.layout != torch.strided:
            raise CheckpointError(
                f"{path} holds something else than a dense tensor under {key!r}.",
                hint="Is it a training state rather than a file of weights?",
            )
    return content


def _refuse_other_formats(path: Path) -> None:
    """Name the usual accidents before torch meets them with an error of its own."""
    try:
        with open_regular(path) as stream:
            start = stream.read(len(_LFS_START))
    except OSError as error:
        raise CheckpointError(f"Cannot read {path}: {error.strerror or error}.", hint=_DAMAGED) from error
    if start == _LFS_START:
        raise CheckpointError(
            f"{path} is a Git LFS pointer, not the weights.", hint="Run `git lfs pull` in the folder it came from."
        )
    if not start.startswith(_ZIP_START):
        raise CheckpointError(
            f"{path} is not a file of weights that can be mapped into memory.",
            hint="It is damaged, or from a torch before 1.6: load and save it again with a current torch.",
        )
    if not zipfile.is_zipfile(path):
        raise CheckpointError(f"{path} is truncated.", hint=_DAMAGED)


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _offender(error: Exception) -> str:
    """The part of torch's long message that names what the file asked for."""
    text = " ".join(str(error).split())
    start = max(text.find("Unsupported"), text.find("GLOBAL"), 0)
    return text[start : start + 160].split(" was not an allowed")[0].split(". ")[0].rstrip(".") + "."


__all__ = ["TensorHead", "WeightFiles", "open_tensors", "read_heads", "read_json_object", "read_weight_files"]
