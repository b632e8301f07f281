"""Train the small FoodLMM on rendered plates: from nothing, or on from a checkpoint.

    python baselines/foodlmm/train.py --config baselines/foodlmm/kitchen/stage1.yaml --out runs/foodlmm-stage1

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

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
# Idle threads that spin take the core from the thread that has work; must be set before torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("GOMP_SPINCOUNT", "0")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # loaders are forked from a process that has tokenized

from baselines.common.command import command

if TYPE_CHECKING:
    from baselines.foodlmm.settings import TrainSettings
    from baselines.foodlmm.training import Outcome
    from baselines.foodlmm.validation import Examiner

_MOST_LOADERS = 8


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, required=True, help="recipe, e.g. baselines/foodlmm/kitchen/stage1.yaml")
    parser.add_argument("--out", type=Path, required=True, help="folder for state, log and checkpoint")
    parser.add_argument("--cache", type=Path, help="folder for rendered plates (default: OUT/plates)")
    parser.add_argument("--workers", type=int, default=2, help="processes that render plates")
    parser.add_argument(
        "--loaders",
        type=int,
        help="processes that make batches ahead of time (default: up to 8 for a GPU, none for a CPU)",
    )
    return parser.parse_args(argv)


def run(config: Path, out: Path, cache: Path, workers: int, loaders: int | None = None) -> None:
    """Render, train, measure, publish.

    Raises:
        FoodbenchError: the recipe, its device, its checkpoint or the folder cannot be used.
    """
    from baselines.foodlmm.devices import resolve_device
    from baselines.foodlmm.plates import load_plates
    from baselines.foodlmm.progress import Reporter
    from baselines.foodlmm.settings import load_settings
    from baselines.foodlmm.throughput import describe
    from baselines.foodlmm.training import Trainer
    from baselines.foodlmm.validation import Examiner, render_plates

    settings = load_settings(config)
    device = resolve_device(settings.device)  # before minutes of rendering
    if loaders is None:
        loaders = min(_MOST_LOADERS, max(1, (os.cpu_count() or 1) - 1)) if device.type == "cuda" else 0
    data, began = settings.data, time.monotonic()
    with Reporter() as reporter:
        reporter.start("plates", data.train_plates)
        plates = load_plates(
            data,
            settings.data.side,
            cache,
            split="train",
            count=data.train_plates,
            workers=workers,
            on_progress=reporter.advance,
        )
        seconds = {"render": time.monotonic() - began}
        val_plates = render_plates(data, "val", data.val_plates)
        examiner = Examiner(val_plates[: data.monitor_plates])
        outcome = Trainer(settings, plates, out, reporter, examiner, loaders).run()
        measured = publish(settings, outcome, Examiner(val_plates), out, seconds)
        for stage, record in outcome.throughput.items():
            reporter.say(describe(stage, record))
        reporter.say(f"checkpoint in {out / 'checkpoint'}: {measured or 'pretrained'}")


def publish(
    settings: TrainSettings, outcome: Outcome, examiner: Examiner, out: Path, seconds: dict[str, float]
) -> dict[str, float]:
    """Write the checkpoint with its record and curve; returns what was measured on it.

    A model that is only pretrained cannot speak yet: it is not measured, and its scaffold stays with it.
    """
    from baselines.common.publishing import save_training_record, versions
    from baselines.foodlmm.publish import draw_curve, save_checkpoint
    from foodbench.adapters.foodlmm import load_checkpoint
    from foodbench.core.files import AppendLog, read_json_lines
    from foodbench.core.hashing import sha256_file

    began, checkpoint = time.monotonic(), out / "checkpoint"
    save_checkpoint(outcome.model, outcome.processor, checkpoint, None if settings.joint else outcome.scaffold)
    measured: dict[str, float] = {}
    if settings.joint:
        # Measured on what is published: reloaded, weights rounded to half precision.
        model, processor = load_checkpoint(checkpoint)
        measured = examiner.measure(model.to(outcome.model.device), processor)
        with AppendLog(out / "log.jsonl") as log:
            log.append({"stage": "joint", "step": settings.joint.steps, "val": measured, "plates": len(examiner)})
    log_records = list(read_json_lines(out / "log.jsonl"))
    draw_curve(log_records, out / "curve.png")
    seconds = {**seconds, "train": _training_seconds(log_records), "measure": time.monotonic() - began}
    save_training_record(
        checkpoint,
        {
            "command": shlex.join(["python", *sys.argv]),
            "settings": settings.model_dump(mode="json"),
            "start_from_sha256": _weights_of(settings.start_from),
            "seed": settings.seed,
            "versions": versions(),
            "parameters": sum(parameter.numel() for parameter in outcome.model.parameters()),
            "weights_sha256": sha256_file(checkpoint / "model.safetensors"),
            "seconds": {name: round(value) for name, value in seconds.items()},
            "throughput": outcome.throughput,
            "val": {"plates": len(examiner), **measured} if measured else None,
        },
    )
    return measured


def _weights_of(start_from: Path | None) -> str | None:
    from baselines.foodlmm.building import REPOSITORY
    from foodbench.core.hashing import sha256_file

    return None if start_from is None else sha256_file(REPOSITORY / start_from / "model.safetensors")


def _training_seconds(log: list[dict[str, Any]]) -> float:
    """From the steps and their last noted speed, since the run may have gone on from an interruption."""
    last = {record["stage"]: record for record in log if "steps_per_second" in record}
    return sum(record["step"] / record["steps_per_second"] for record in last.values())


@command
def main(argv: list[str] | None = None) -> None:
    """Entry point; returns the exit code."""
    arguments = _arguments(argv)
    cache = arguments.cache or arguments.out / "plates"
    run(arguments.config, arguments.out, cache, arguments.workers, arguments.loaders)


if __name__ == "__main__":
    sys.exit(main())
