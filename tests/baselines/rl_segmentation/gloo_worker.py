"""One of two processes that train together; started by `torchrun` from a test.

torchrun --nproc_per_node 2 gloo_worker.py CHECKPOINT OUT
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import torch
from accelerate.utils import gather_object

from baselines.rl_segmentation.sampling_settings import SamplingSettings
from tests.baselines.rl_segmentation.training_helpers import logged, trainer


def picky(completions: list[Any], **_columns: Any) -> list[float]:
    """Few groups differ, and not as many on one process as on the other."""
    return [float(sum(character.isalpha() for character in one[0]["content"]) > 15) for one in completions]


def main(checkpoint: Path, out: Path) -> None:
    run = trainer(
        checkpoint,
        out / "state",
        (picky,),
        sampling=SamplingSettings(rounds=3),
        ddp_backend="gloo",
        max_steps=4,
        save_strategy="steps",
        save_steps=4,
    )
    seen: list[int] = []
    drawn = run._draw

    def noted(count: int) -> list[dict[str, Any]]:
        rows = drawn(count)
        seen.extend(int(row["prompt"][1]["content"].split("egg ")[1].rstrip('".')) for row in rows)
        return rows

    run._draw = noted  # type: ignore[method-assign]
    run.train()
    total = float(sum(parameter.detach().double().abs().sum() for parameter in run.model.parameters()))
    found = {
        "rank": run.accelerator.process_index,
        "world": run.accelerator.num_processes,
        "weights": total,
        "draws": run._draws,
        "seen": seen,
        "kept": logged(run, "dynamic_sampling/kept"),
        "rounds": logged(run, "dynamic_sampling/rounds"),
    }
    results = gather_object([found])
    if run.accelerator.is_main_process:
        (out / "results.json").write_text(json.dumps(results))
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
