"""Supervised training of the kitchen-sized Qwen2.5-VL, from nothing, on rendered plates.

    python -m baselines.rl_segmentation.kitchen_model.sft \
        --config baselines/rl_segmentation/kitchen/sft.yaml --out runs/qwen-seg-sft

The same command continues an interrupted run. The checkpoint is in OUT/checkpoint, beside the log and its curve.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Idle threads that spin take the core from the thread that has work; must be set before torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("GOMP_SPINCOUNT", "0")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from baselines.common.command import command

if TYPE_CHECKING:
    from baselines.rl_segmentation.kitchen_model.measuring import Examiner
    from baselines.rl_segmentation.kitchen_model.settings import SftSettings
    from baselines.rl_segmentation.kitchen_model.training import Trainer


def run(config: Path, out: Path, cache: Path | None = None, workers: int = 2) -> None:
    """Render, train, measure, publish.

    Args:
        config: a recipe, as `settings.SftSettings` describes it.
        out: folder for state, log and checkpoints.
        cache: folder for rendered plates; `out/plates` by default.
        workers: processes that render.

    Raises:
        FoodbenchError: the recipe or the folder cannot be used.
    """
    from baselines.foodlmm.plates import load_plates
    from baselines.foodlmm.progress import Reporter
    from baselines.rl_segmentation.kitchen_model.measuring import Examiner
    from baselines.rl_segmentation.kitchen_model.places import load_places
    from baselines.rl_segmentation.kitchen_model.settings import load_settings
    from baselines.rl_segmentation.kitchen_model.training import Trainer

    settings = load_settings(config)
    data, shape, cache = settings.data, settings.shape, cache or out / "plates"
    seconds, began = {}, time.monotonic()
    with Reporter() as reporter:
        reporter.start("plates", data.train_plates)
        count, told = data.train_plates, reporter.advance
        plates = load_plates(data, data.side, cache, split="train", count=count, workers=workers, on_progress=told)
        reporter.start("places", count)
        places = load_places(plates, shape.grid, shape.cells, cache, told)
        seconds["render"] = time.monotonic() - began
        monitor = Examiner(data, data.monitor_plates, shape.grid)

        def publish_step(trainer: Trainer, step: int) -> None:
            folder = out / f"checkpoint-{step}"
            publish(settings, trainer, folder, step, None, {})
            reporter.say(f"checkpoint in {folder}")

        trainer = Trainer(settings, plates, places, out, reporter, monitor, publish_step)
        trainer.run()
        measured = finish(settings, trainer, Examiner(data, data.val_plates, shape.grid), out, seconds)
        reporter.say(f"checkpoint in {out / 'checkpoint'}: {measured}")


def finish(
    settings: SftSettings, trainer: Trainer, examiner: Examiner, out: Path, seconds: dict[str, float]
) -> dict[str, float]:
    """Publish the trained model and measure what was published: reloaded, weights rounded to half precision."""
    from baselines.rl_segmentation.kitchen_model.publish import draw_curve, save_checkpoint
    from foodbench.core.files import AppendLog, read_json_lines
    from foodbench.models.qwen_seg.checkpoint import load_model

    began, folder, step = time.monotonic(), out / "checkpoint", settings.answering.steps
    save_checkpoint(trainer.model, trainer.processor, folder, settings.shape.grid)
    measured = examiner.measure(*load_model(folder))
    with AppendLog(out / "log.jsonl") as log:
        log.append({"stage": "answering", "step": step, "val": measured, "plates": examiner.plates})
    records = list(read_json_lines(out / "log.jsonl"))
    draw_curve(records, out / "curve.png")
    seconds = {**seconds, "train": _training_seconds(records), "measure": time.monotonic() - began}
    publish(settings, trainer, folder, step, {"plates": examiner.plates, **measured}, seconds)
    return measured


def publish(
    settings: SftSettings,
    trainer: Trainer,
    folder: Path,
    step: int,
    measured: dict[str, float] | None,
    seconds: dict[str, float],
) -> None:
    """Write a checkpoint with the record of its training."""
    from baselines.common.publishing import save_training_record, versions
    from baselines.rl_segmentation.kitchen_model.publish import save_checkpoint
    from foodbench.core.hashing import sha256_file

    save_checkpoint(trainer.model, trainer.processor, folder, settings.shape.grid)
    save_training_record(
        folder,
        {
            "command": shlex.join(["python", "-m", "baselines.rl_segmentation.kitchen_model.sft", *sys.argv[1:]]),
            "settings": settings.model_dump(mode="json"),
            "step": step,
            "seed": settings.seed,
            "versions": versions(),
            "parameters": sum(parameter.numel() for parameter in trainer.model.parameters()),
            "weights_sha256": sha256_file(folder / "model.safetensors"),
            "seconds": {name: round(value) for name, value in seconds.items()},
            "val": measured,
        },
    )


def _training_seconds(log: list[dict[str, Any]]) -> float:
    """From the steps and their last noted speed, since the run may have gone on from an interruption."""
    last = {record["stage"]: record for record in log if "steps_per_second" in record}
    return sum(record["step"] / record["steps_per_second"] for record in last.values())


@command
def main(argv: list[str] | None = None) -> None:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, required=True, help="a recipe of baselines/rl_segmentation/kitchen")
    parser.add_argument("--out", type=Path, required=True, help="folder for state, log and checkpoints")
    parser.add_argument("--cache", type=Path, help="folder for rendered plates (default: OUT/plates)")
    parser.add_argument("--workers", type=int, default=2, help="processes that render plates")
    arguments = parser.parse_args(argv)
    run(arguments.config, arguments.out, arguments.cache, arguments.workers)


if __name__ == "__main__":
    sys.exit(main())
