"""The checkpoint folder that a run publishes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from foodbench.core.files import atomic_write, read_json_lines
from foodbench.models.adamllm.checkpoint import AskingSettings
from foodbench.models.qwen_seg.checkpoint import quiet

_LOADING_OPTIONS = ("backend", "is_local", "local_files_only")
"""How a tokenizer was loaded, which transformers would write down as if it were a property of it."""


def save_checkpoint(
    model: Any, processor: Any, asking: AskingSettings, folder: Path, dtype: torch.dtype = torch.float16
) -> None:
    """Write weights, tokenizer and processor as transformers has them, and how the model is asked.

    The model's weights become of that type.
    """
    with quiet():
        model.to(dtype).save_pretrained(folder)
    for name in _LOADING_OPTIONS:
        processor.tokenizer.init_kwargs.pop(name, None)
    processor.save_pretrained(folder)
    asking.write(folder)


def gather_log(out: Path, stages: Sequence[str], log: Path) -> tuple[list[dict[str, Any]], float]:
    """Write one log of all stages; returns what each stage's record of its end says, and the seconds of training."""
    lines = [
        {"stage": stage, **record}
        for stage in stages
        if (out / stage / "log.jsonl").is_file()
        for record in read_json_lines(out / stage / "log.jsonl")
    ]
    atomic_write(log, "".join(json.dumps(line) + "\n" for line in lines))
    seconds = sum(line.get("train_seconds", 0.0) for line in lines)
    return [json.loads((out / stage / "done.json").read_text(encoding="utf-8")) for stage in stages], seconds


__all__ = ["gather_log", "save_checkpoint"]
