"""Train the paper-size FoodLMM, or LISA: adapters on LLaMA-7B, real datasets.

    accelerate launch --config_file baselines/foodlmm/paper/accelerate/ddp.yaml \
        baselines/foodlmm/paper/train.py --config baselines/foodlmm/paper/configs/stage1.yaml \
        --start-from LISA-converted --out runs/foodlmm-stage1

`python baselines/foodlmm/paper/train.py ...` trains on one device. The same command continues an interrupted run. The
checkpoint is in OUT/checkpoint, beside the log and its curve.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
# Idle threads that spin take the core from the thread that has work; must be set before torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("GOMP_SPINCOUNT", "0")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from baselines.common.command import command

if TYPE_CHECKING:
    from baselines.foodlmm.paper.settings import TrainSettings
    from baselines.foodlmm.paper.training import Trainer


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, required=True, help="recipe, e.g. stage1.yaml of the folder configs")
    parser.add_argument("--out", type=Path, required=True, help="folder for state, log and checkpoint")
    parser.add_argument("--start-from", type=Path, help="converted checkpoint folder (default: the recipe's)")
    return parser.parse_args(argv)


def run(config: Path, out: Path, start_from: Path | None) -> None:
    """Train and publish.

    Args:
        config: recipe.
        out: folder for all that is written.
        start_from: checkpoint folder, if not the recipe's.

    Raises:
        FoodbenchError: anything about recipe, checkpoint or data is wrong.
    """
    from transformers.utils import logging

    from baselines.foodlmm.paper.mixtures import stream_from_settings
    from baselines.foodlmm.paper.settings import load_settings
    from baselines.foodlmm.paper.training import Trainer, make_accelerator
    from baselines.foodlmm.progress import Reporter

    settings = load_settings(config)
    if start_from is not None:
        settings = settings.model_copy(update={"model": settings.model.model_copy(update={"start_from": start_from})})
    logging.disable_progress_bar()
    accelerator = make_accelerator()
    with contextlib.ExitStack() as stack:
        reporter = stack.enter_context(Reporter()) if accelerator.is_main_process else None
        # One process makes what is made of the datasets on first use (indexes); the others find it.
        with accelerator.main_process_first():
            stream = stream_from_settings(settings.data, settings.seed, architecture=settings.model.architecture)
        trainer = Trainer(settings, stream, out, reporter, accelerator)
        began = time.monotonic()
        trainer.run()
        if accelerator.is_main_process:
            _record(settings, trainer, time.monotonic() - began)
            if reporter:
                reporter.say(f"checkpoint in {trainer.checkpoint(settings.optimiser.steps)}")
        accelerator.end_training()


def _record(settings: TrainSettings, trainer: Trainer, seconds: float) -> None:
    """Write `training.json` into each published folder."""
    from baselines.common.publishing import save_training_record
    from baselines.foodlmm.paper.publishing import paper_versions
    from foodbench.adapters.foodlmm import weight_files
    from foodbench.core.hashing import sha256_file

    for step in (*settings.publish_at, settings.optimiser.steps):
        folder = trainer.checkpoint(step)
        save_training_record(
            folder,
            {
                "command": shlex.join(["python", *sys.argv]),
                "settings": settings.model_dump(mode="json"),
                "seed": settings.seed,
                "versions": paper_versions(),
                "devices": trainer.accelerator.num_processes,
                "parameters": trainer.counts,
                "step": step,
                "examples": step * settings.optimiser.batch,
                "seconds_since_last_start": round(seconds),
                "weights_sha256": {path.name: sha256_file(path) for path in weight_files(folder)},
            },
        )


@command
def main(argv: list[str] | None = None) -> None:
    """Entry point; returns the exit code."""
    arguments = _arguments(argv)
    run(arguments.config, arguments.out, arguments.start_from)


if __name__ == "__main__":
    sys.exit(main())
