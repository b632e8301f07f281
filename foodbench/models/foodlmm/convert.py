"""Turn the published weights of FoodLMM or LISA into a folder that foodbench loads.

`python -m foodbench.models.foodlmm.convert --source FoodLMM-Chat --vision-tower clip-vit-large-patch14 --out FOLDER`

Every name, count and shape is checked before anything is written. Then the source's files are worked through one after
the other, mapped into memory and written a few gigabytes at a time, so that 7B weights need no more memory than that.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import torch
import transformers
from safetensors.torch import save_file
from transformers import SamConfig

import foodbench
from foodbench.core.errors import CheckpointError, ExitCode, FoodbenchError, StorageFull, UsageError
from foodbench.core.files import atomic_write, atomic_write_json
from foodbench.core.hashing import sha256_file
from foodbench.core.wording import counted
from foodbench.models.foodlmm.configuration_foodlmm import FoodLMMConfig
from foodbench.models.foodlmm.image_processing_foodlmm import FoodLMMImageProcessor
from foodbench.models.foodlmm.modeling_foodlmm import FoodLMMForConditionalGeneration
from foodbench.models.foodlmm.released import (
    VISION_TOWER,
    ReleasedConfig,
    counts_by_part,
    is_dropped,
    key_map,
    read_released_config,
    read_special_ids,
    read_vision_config,
    vision_key,
    vision_key_map,
)
from foodbench.models.foodlmm.shards import TensorHead, WeightFiles, open_tensors, read_json_object, read_weight_files
from foodbench.models.foodlmm.tokenization_legacy import LegacyLlamaTokenizer

DTYPES: dict[str, torch.dtype | None] = {"float32": torch.float32, "bfloat16": torch.bfloat16, "keep": None}
REPORT = "conversion.json"
TOKENIZER_FILES = ("tokenizer.model", "added_tokens.json", "special_tokens_map.json")
TOKENIZER_SETTINGS = "tokenizer_config.json"
DEFAULT_SHARD_SIZE = 2 * 10**9

_VISION_HINT = (
    "FoodLMM's and LISA's files leave CLIP out. Fetch it with `hf download openai/clip-vit-large-patch14 config.json "
    "preprocessor_config.json model.safetensors --local-dir clip-vit-large-patch14` and give that folder as "
    "--vision-tower."
)
_WEIGHTS_HINT = "Is this FoodLMM-Chat or LISA-7B, complete and as its authors released it?"
_FLOATS = frozenset({torch.float32, torch.float16, torch.bfloat16})
_UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


@dataclass(frozen=True, slots=True)
class Move:
    """One tensor's way: from a key of a source file to one or two of our names."""

    key: str
    head: TensorHead
    targets: tuple[str, ...]

    def size(self, dtype: torch.dtype | None) -> int:
        """Bytes that it takes when written."""
        return torch.Size(self.head.shape).numel() * (dtype or self.head.dtype).itemsize * len(self.targets)


@dataclass(frozen=True, slots=True)
class Plan:
    """A conversion that has passed all checks.

    Attributes:
        config: of the converted model.
        released: the source's configuration as it was.
        weights, vision_weights: the source's files and CLIP's.
        moves: all tensors, in the order of the source's files.
        dropped: keys of the source that are not needed.
        vision_dropped: keys of CLIP's folder that are not needed.
        vision_folder: CLIP's folder.
    """

    config: FoodLMMConfig
    released: ReleasedConfig
    weights: WeightFiles
    vision_weights: WeightFiles
    moves: tuple[Move, ...]
    dropped: tuple[str, ...]
    vision_dropped: tuple[str, ...]
    vision_folder: Path

    @property
    def counts(self) -> dict[str, int]:
        """How many keys of the source each part of the model takes."""
        return counts_by_part(key for key in self.weights.heads if not is_dropped(key))


def convert(
    source: Path,
    out: Path,
    *,
    vision_tower: Path | None,
    dtype: str = "keep",
    max_shard_size: int = DEFAULT_SHARD_SIZE,
    sam: SamConfig | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Convert a published checkpoint. The out folder is complete afterwards, or absent if anything went wrong.

    Args:
        source: folder of FoodLMM-Chat or LISA-7B.
        out: new folder.
        vision_tower: folder of `openai/clip-vit-large-patch14`.
        dtype: `float32`, `bfloat16`, or `keep` for each tensor's own type.
        max_shard_size: bytes of weights per file; also about the memory that is needed at a time.
        sam: SAM's sizes where they are not ViT-H's.
        tell: receives lines about the progress.

    Returns:
        the report, as in the out folder's `conversion.json`.

    Raises:
        CheckpointError: anything about the source or CLIP is wrong, or `out` is in use.
        UsageError: an unknown dtype or a size that is not positive.
        StorageFull: the out folder cannot be written.
    """
    if dtype not in DTYPES:
        raise UsageError(f"Unknown dtype '{dtype}'.", hint=f"Use {', '.join(DTYPES)}.")
    if max_shard_size < 1:
        raise UsageError(f"A shard size of {max_shard_size} is not positive.", hint="Use e.g. 2GB.")
    _refuse_used(out)
    plan = make_plan(source, vision_tower, sam)
    for line in _summary(plan):
        tell(line)
    groups = list(_groups(plan.moves, DTYPES[dtype], max_shard_size))
    with _new_folder(out, sum(move.size(DTYPES[dtype]) for move in plan.moves)) as unfinished:
        _write_weights(groups, DTYPES[dtype], unfinished, tell)
        tell("hashing the source files")
        report = _report(plan, source, dtype)
        _write_rest(plan, source, unfinished, report, DTYPES[dtype])
    tell(f"{out} is complete")
    return report


def make_plan(source: Path, vision_tower: Path | None, sam: SamConfig | None = None) -> Plan:
    """Check everything that can be checked without reading weights.

    Raises:
        CheckpointError: as `convert`.
    """
    for folder in (source, vision_tower):
        if folder is not None and not folder.is_dir():
            raise CheckpointError(f"No folder {folder}.", hint="Give the folder that the checkpoint was fetched to.")
    released = read_released_config(source)
    if not released.use_im_start_end:
        raise CheckpointError(
            f"{released.path} sets mm_use_im_start_end to false, unlike FoodLMM's and LISA's releases.",
            hint="A model with other prompts would be asked wrongly. Is it one of the two?",
        )
    ids = read_special_ids(source)
    if vision_tower is None:
        raise CheckpointError(f"{source} has no vision tower, and none was given.", hint=_VISION_HINT)
    config = released.to_config(ids, read_vision_config(vision_tower), sam)
    weights, vision_weights = read_weight_files(source), read_weight_files(vision_tower)
    with torch.device("meta"):
        shapes = {
            name: tuple(value.shape) for name, value in FoodLMMForConditionalGeneration(config).state_dict().items()
        }
    dropped = tuple(key for key in weights.heads if is_dropped(key))
    wanted = key_map(shapes)
    moves = _moves(source, {key: head for key, head in weights.heads.items() if not is_dropped(key)}, wanted, shapes)
    plain = {name: key for key in vision_weights.heads if (name := vision_key(key)) is not None}
    vision_wanted = {plain.get(name, name): (target,) for name, target in vision_key_map(shapes).items()}
    vision_heads = {key: vision_weights.heads[key] for key in plain.values()}
    vision_moves = _moves(vision_tower, vision_heads, vision_wanted, shapes)
    return Plan(
        config=config,
        released=released,
        weights=weights,
        vision_weights=vision_weights,
        moves=(*moves, *vision_moves),
        dropped=dropped,
        vision_dropped=tuple(key for key in vision_weights.heads if vision_key(key) is None),
        vision_folder=vision_tower,
    )


def _moves(
    folder: Path,
    heads: Mapping[str, TensorHead],
    wanted: Mapping[str, tuple[str, ...]],
    shapes: Mapping[str, tuple[int, ...]],
) -> list[Move]:
    """Match a folder's tensors with ours, one to one."""
    missing = [key for key in wanted if key not in heads]
    unknown = [key for key in heads if key not in wanted]
    reshaped = [
        f"{key} {head.shape} instead of {shapes[wanted[key][0]]}"
        for key, head in heads.items()
        if key in wanted and head.shape != shapes[wanted[key][0]]
    ]
    retyped = [f"{key} ({head.dtype})" for key, head in heads.items() if key in wanted and head.dtype not in _FLOATS]
    complaints = [
        f"{counted(len(keys), 'key')} {what}: {_shorten(keys)}"
        for what, keys in (
            ("missing", missing),
            ("unknown", unknown),
            ("of another shape", reshaped),
            ("of a type that is no float of 16 or 32 bits", retyped),
        )
        if keys
    ]
    if complaints:
        lora = any("lora_" in key for key in unknown)
        raise CheckpointError(
            f"{folder} does not fit: {'; '.join(complaints)}.",
            hint="Merge the LoRA weights first (merge_lora_weights_and_save_hf_model.py)." if lora else _WEIGHTS_HINT,
        )
    return [Move(key, head, wanted[key]) for key, head in heads.items()]


def _shorten(keys: Sequence[str]) -> str:
    return ", ".join(keys[:4]) + (f" and {len(keys) - 4} more" if len(keys) > 4 else "")


def _groups(moves: Sequence[Move], dtype: torch.dtype | None, limit: int) -> Iterator[list[Move]]:
    """Tensors of one output file each: neighbours in one source file, together no larger than the limit."""
    group: list[Move] = []
    size = 0
    for move in moves:
        if group and (size + move.size(dtype) > limit or move.head.path != group[0].head.path):
            yield group
            group, size = [], 0
        group.append(move)
        size += move.size(dtype)
    yield group


def _write_weights(
    groups: Sequence[Sequence[Move]], dtype: torch.dtype | None, folder: Path, tell: Callable[[str], None]
) -> None:
    weight_map: dict[str, str] = {}
    for number, group in enumerate(groups, start=1):
        name = f"model-{number:05d}-of-{len(groups):05d}.safetensors"
        # Opened anew for each output file: what one of them has touched of a mapped file is given back with it.
        with open_tensors(group[0].head.path) as read:
            taken: set[int] = set()
            tensors = {target: _own(read(move.key), dtype, taken) for move in group for target in move.targets}
            try:
                save_file(tensors, folder / name, metadata={"format": "pt"})
            except (safetensors.SafetensorError, OSError) as error:
                raise StorageFull(
                    f"Cannot write {folder / name}: {error}.", hint="Free some space and run the same command again."
                ) from error
            del tensors
        weight_map.update({target: name for move in group for target in move.targets})
        tell(f"wrote {name} ({counted(len(group), 'tensor')})")
    total = sum(move.size(dtype) for group in groups for move in group)
    atomic_write_json(
        folder / "model.safetensors.index.json",
        {"metadata": {"total_size": total}, "weight_map": dict(sorted(weight_map.items()))},
    )


def _own(tensor: torch.Tensor, dtype: torch.dtype | None, taken: set[int]) -> torch.Tensor:
    """The tensor in the type wanted, contiguous, and sharing memory with no other that is written with it.

    Args:
        tensor: as mapped from its file; not copied where that is not needed.
        dtype: wanted; None for its own.
        taken: addresses of the others, to which this one's is added.
    """
    converted = tensor.to(dtype or tensor.dtype).contiguous()
    if converted.untyped_storage().nbytes() != converted.nbytes or converted.data_ptr() in taken:
        converted = converted.clone()
    taken.add(converted.data_ptr())
    return converted


def _write_rest(plan: Plan, source: Path, folder: Path, report: dict[str, Any], dtype: torch.dtype | None) -> None:
    """Configuration, tokenizer, processor and report; then see to it that all of it is on the disk."""
    config = plan.config
    config.dtype = dtype or plan.weights.heads["lm_head.weight"].dtype
    config.save_pretrained(folder)
    atomic_write_json(
        folder / "generation_config.json",
        {
            "_from_model_config": True,
            "bos_token_id": config.text_config.bos_token_id,
            "eos_token_id": config.text_config.eos_token_id,
            "pad_token_id": config.text_config.pad_token_id,
            "transformers_version": transformers.__version__,
        },
    )
    for name in TOKENIZER_FILES:
        if (source / name).is_file():
            atomic_write(folder / name, (source / name).read_bytes())
    # The class that the file names means other ids in today's transformers than in the one that wrote it.
    settings = source / TOKENIZER_SETTINGS
    told = read_json_object(settings) if settings.is_file() else {}
    atomic_write_json(folder / TOKENIZER_SETTINGS, {**told, "tokenizer_class": LegacyLlamaTokenizer.__name__})
    atomic_write_json(folder / "processor_config.json", _processor(plan))
    atomic_write_json(folder / REPORT, report)
    mode = (folder / REPORT).stat().st_mode  # safetensors makes files that nobody else may read
    for path in sorted(folder.iterdir()):
        path.chmod(mode)
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _processor(plan: Plan) -> dict[str, Any]:
    """Content of `processor_config.json`."""
    config = plan.config
    images = FoodLMMImageProcessor(
        clip_size=config.vision_config.image_size, sam_size=config.sam_config.vision_config.image_size
    )
    file = plan.vision_folder / "preprocessor_config.json"
    told = read_json_object(file) if file.is_file() else {}
    for name, ours in (("image_mean", "clip_mean"), ("image_std", "clip_std")):
        values = told.get(name, getattr(images, ours))
        if not isinstance(values, list) or len(values) != 3 or not all(type(value) is float for value in values):
            raise CheckpointError(f"{file}: {name} is not three numbers.", hint="Fetch the file again.")
        setattr(images, ours, values)
    return {
        "image_processor": {
            "image_processor_type": type(images).__name__,
            "clip_size": images.clip_size,
            "clip_mean": images.clip_mean,
            "clip_std": images.clip_std,
            "sam_size": images.sam_size,
            "sam_mean": images.sam_mean,
            "sam_std": images.sam_std,
        },
        "image_seq_length": config.image_seq_length,
        "max_segments": config.max_segments,
        "processor_class": "FoodLMMProcessor",
        "conversation": _style(plan),
        "context": config.text_config.max_position_embeddings,
    }


def _style(plan: Plan) -> str:
    return "foodlmm" if plan.config.nutrition_heads else "lisa"


def _report(plan: Plan, source: Path, dtype: str) -> dict[str, Any]:
    used = [
        plan.released.path,
        *plan.weights.files,
        *(source / name for name in (*TOKENIZER_FILES, TOKENIZER_SETTINGS)),
    ]
    used += [plan.weights.index] if plan.weights.index else []
    clip = [plan.vision_folder / "config.json", plan.vision_folder / "preprocessor_config.json"]
    clip += [*plan.vision_weights.files, *([plan.vision_weights.index] if plan.vision_weights.index else [])]
    return {
        "format": 1,
        "model": _style(plan),
        "dtype": dtype,
        "source": _hashes(used),
        "vision_tower": _hashes(clip),
        "counts": {**plan.counts, "vision tower": sum(move.targets[0].startswith(VISION_TOWER) for move in plan.moves)},
        "dropped": list(plan.dropped),
        "vision_tower_dropped": len(plan.vision_dropped),
        "written": sum(len(move.targets) for move in plan.moves),
        "versions": {
            "foodbench": foodbench.__version__,
            "safetensors": safetensors.__version__,
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        },
    }


def _hashes(paths: Sequence[Path]) -> dict[str, str]:
    return {path.name: sha256_file(path) for path in paths if path.is_file()}


def _summary(plan: Plan) -> Iterator[str]:
    yield f"{_style(plan)}: {counted(sum(plan.counts.values()), 'key')}, all of the expected shapes"
    for part, count in plan.counts.items():
        yield f"  {part}: {count}"
    yield f"dropped: {counted(len(plan.dropped), 'key')}"
    for key in plan.dropped:
        yield f"  {key}"
    yield f"vision tower from {plan.vision_folder}; {len(plan.vision_dropped)} keys of its text side dropped"


def _refuse_used(out: Path) -> None:
    if out.is_symlink() or (out.exists() and (not out.is_dir() or any(out.iterdir()))):
        raise CheckpointError(f"{out} is there already.", hint="Give a new folder, or move the old one away.")


@contextlib.contextmanager
def _new_folder(out: Path, size: int) -> Iterator[Path]:
    """A folder to fill, which becomes `out` when the context ends well and vanishes otherwise."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(out.parent).free
        if free < size:
            raise StorageFull(
                f"{out.parent} has {free / 1e9:.1f} GB free; the converted weights take {size / 1e9:.1f} GB.",
                hint="Free some space, choose another --out, or use --dtype bfloat16.",
            )
        temporary = Path(tempfile.mkdtemp(prefix=f".new-{out.name}-", dir=out.parent))
    except OSError as error:
        raise StorageFull(f"Cannot write {out}: {error.strerror}.", hint="Choose another --out.") from error
    try:
        # mkdtemp makes private folders; the final one shall be like any other.
        unfinished = temporary / out.name
        unfinished.mkdir()
        yield unfinished
        if out.is_dir():
            out.rmdir()
        unfinished.rename(out)
    except OSError as error:
        raise StorageFull(f"Cannot write {out}: {error}.", hint="Free some space, or choose another --out.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def parse_size(text: str) -> int:
    """Bytes of `500MB`, `2GB`, `2GiB`, `1000000`.

    Raises:
        UsageError: it is not of that form.
    """
    fit = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMG]i?B|)\s*", text, re.IGNORECASE)
    if not fit:
        raise UsageError(f"'{text}' is not a size.", hint="Write e.g. 500MB, 2GB or 2GiB.")
    return int(float(fit[1]) * _UNITS[fit[2].upper()])


def main(arguments: Sequence[str] | None = None, *, sam: SamConfig | None = None) -> int:
    """The command line. Returns an exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m foodbench.models.foodlmm.convert",
        description="Convert the published weights of FoodLMM-Chat or LISA-7B.",
    )
    parser.add_argument("--source", type=Path, required=True, help="folder with the published files")
    parser.add_argument("--out", type=Path, required=True, help="new folder for the converted ones")
    parser.add_argument("--vision-tower", type=Path, help="folder of openai/clip-vit-large-patch14")
    parser.add_argument("--dtype", choices=tuple(DTYPES), default="keep", help="type of the weights (default: keep)")
    parser.add_argument("--max-shard-size", default="2GB", help="size of a file, and of the memory used (default: 2GB)")
    options = parser.parse_args(arguments)
    try:
        convert(
            options.source,
            options.out,
            vision_tower=options.vision_tower,
            dtype=options.dtype,
            max_shard_size=parse_size(options.max_shard_size),
            sam=sam,
            tell=lambda line: print(line, flush=True),
        )
    except FoodbenchError as error:
        print(error, file=sys.stderr)
        return int(error.exit_code)
    return int(ExitCode.OK)


__all__ = ["Plan", "convert", "main", "make_plan", "parse_size"]

if __name__ == "__main__":
    sys.exit(main())
