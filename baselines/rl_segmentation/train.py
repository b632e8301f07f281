"""Train a Qwen2.5-VL to point at food: supervised, by GRPO, or by DAPO.

    python baselines/rl_segmentation/train.py --algo dapo --config kitchen --out runs/qwen-seg-dapo
    accelerate launch --config_file baselines/rl_segmentation/accelerate/ddp_4gpu.yaml \
        baselines/rl_segmentation/train.py --algo grpo --config paper --out runs/qwen-seg-paper

`--resume` goes on with an interrupted run. The best checkpoint is in OUT/checkpoint, beside log, samples and curve.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import baselines.common.trl_environment  # noqa: F401 - before torch is imported
from baselines.common.command import command
from baselines.common.run_folder import (
    BEST,
    CHECKPOINT,
    LOG,
    STATE,
    add_run_arguments,
    check_out,
    on_device,
    place,
    quiet_training,
    train_to_end,
    training_seconds,
)
from baselines.common.yaml_file import checked_again
from baselines.rl_segmentation.settings import ALGORITHMS, RunSettings, load_settings, settings_path
from foodbench.core.errors import UsageError

if TYPE_CHECKING:
    from baselines.foodlmm.progress import Reporter
    from baselines.rl_segmentation.data import Questions
    from foodbench.models.qwen_seg.checkpoint import QwenSegSettings


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--algo", choices=ALGORITHMS, required=True)
    add_run_arguments(parser)
    parser.add_argument("--learning-rate", type=float, help="instead of the recipe's")
    return parser.parse_args(argv)


def read_recipe(arguments: argparse.Namespace) -> RunSettings:
    """The recipe with what the command line changes in it.

    Raises:
        DataMissing: there is no such recipe.
        UsageError: it is not valid, or is one for another algorithm.
    """
    path = settings_path(arguments.config, arguments.algo)
    settings = load_settings(path, seed=arguments.seed)
    if settings.algorithm != arguments.algo:
        raise UsageError(
            f"{arguments.config} is a recipe for {settings.algorithm}, not for {arguments.algo}.",
            hint=f"Give --algo {settings.algorithm}, or another recipe.",
        )
    changes = {"steps": arguments.steps, "learning_rate": arguments.learning_rate}
    optimiser = settings.optimiser.model_copy(update={name: one for name, one in changes.items() if one is not None})
    model = settings.model.model_copy(update={"start": place(arguments.start or settings.model.start)})
    return checked_again(settings.model_copy(update={"optimiser": optimiser, "model": model}), path)


def run(settings: RunSettings, out: Path, cache: Path, workers: int, resume: bool) -> None:
    """Prepare the questions, train, measure, publish.

    Raises:
        FoodbenchError: checkpoint, data, device or folder cannot be used.
    """
    from accelerate import PartialState

    from baselines.foodlmm.progress import Reporter
    from baselines.rl_segmentation.data import load_questions
    from foodbench.models.qwen_seg.checkpoint import QwenSegSettings, checkpoint_folder

    settings = on_device(settings)
    state, began = PartialState(cpu=settings.device == "cpu"), time.monotonic()
    if state.is_main_process:
        check_out(out, resume)
    asked = QwenSegSettings.read(checkpoint_folder(settings.model.start))  # before minutes of rendering
    with quiet_training(), Reporter(every=10) as reporter:
        with state.main_process_first():
            questions = load_questions(settings, asked.grid, cache=cache, workers=workers)
        if state.is_main_process:
            _announce(settings, questions, reporter)
        seconds = {"questions": time.monotonic() - began}
        _train(settings, out, questions, asked, reporter, state.num_processes)
        if state.is_main_process:
            measured = publish(settings, out, questions, asked, seconds)
            reporter.say(f"checkpoint in {out / CHECKPOINT}: {measured}")
        state.wait_for_everyone()


def _announce(settings: RunSettings, questions: Questions, reporter: Reporter) -> None:
    left_out = ", ".join(f"{count} {reason}" for reason, count in questions.left_out.items() if count)
    reporter.say(
        f"{settings.algorithm}: {len(questions.training)} questions to learn from, {len(questions.validation)} to "
        f"measure on{f' ({left_out} left out)' if left_out else ''}"
    )


def _train(
    settings: RunSettings,
    out: Path,
    questions: Questions,
    asked: QwenSegSettings,
    reporter: Reporter,
    processes: int,
) -> None:
    from baselines.rl_segmentation.course import Exam, callbacks
    from baselines.rl_segmentation.data import to_rows
    from baselines.rl_segmentation.trainers import Parts, build_trainer
    from foodbench.models.qwen_seg.segmenters import load_segmenter

    model, processor = _load(settings)
    exam = None
    if settings.validation is not None:
        segmenter = load_segmenter(settings.validation.segmenter or asked.segmenter)
        exam = Exam(questions.validation, asked, segmenter, settings.rewards)
    told = callbacks(settings, out, exam, processor, reporter)
    rows = to_rows(questions.training, asked.prompt, asked.grid, supervised=settings.algorithm == "sft")
    trainer = build_trainer(settings, Parts(model, processor, rows, out / STATE, processes, told), asked.grid)
    is_measured = settings.validation is not None and questions.validation
    train_to_end(trainer, told, out, None if is_measured else out / BEST)


def _load(settings: RunSettings) -> tuple[Any, Any]:
    """Model and processor that training begins with, the weights in the type that they are trained in."""
    import torch

    from foodbench.models.qwen_seg.checkpoint import load_model

    model, processor = load_model(settings.model.start, dtype=getattr(torch, settings.model.dtype))
    model.set_attn_implementation(settings.model.attention)
    return model, processor


def publish(
    settings: RunSettings, out: Path, questions: Questions, asked: QwenSegSettings, seconds: dict[str, float]
) -> dict[str, float]:
    """Write the best checkpoint with its record and curve; returns what was measured on it as it is published."""
    import torch

    from baselines.common import publishing
    from baselines.common.measuring import best_step
    from baselines.rl_segmentation.publishing import draw_curve
    from foodbench.core.files import read_json_lines
    from foodbench.models.qwen_seg.checkpoint import load_model

    began, checkpoint = time.monotonic(), out / CHECKPOINT
    _, processor = _load(settings)
    model = publishing.trained_model(out / BEST, settings.model.start, load_model)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    dtype = getattr(torch, settings.model.published)
    publishing.save_checkpoint(model, processor, asked, checkpoint, dtype)
    measured = _measure_published(settings, checkpoint, questions, asked)
    records = list(read_json_lines(out / LOG))
    draw_curve(records, out / "curve.png")
    spent = {**seconds, "train": training_seconds(records), "measure": time.monotonic() - began}
    publishing.save_training_record(
        checkpoint,
        {
            "command": shlex.join(["python", *sys.argv]),
            "settings": settings.model_dump(mode="json"),
            "start_from_sha256": publishing.weights_digest(settings.model.start),
            "seed": settings.seed,
            "versions": publishing.all_versions(),
            "parameters": parameters,
            "weights_sha256": publishing.weights_digest(str(checkpoint)),
            "best": best_step(out),
            "seconds": {name: round(value) for name, value in spent.items()},
            "val": measured or None,
        },
    )
    return measured


def _measure_published(
    settings: RunSettings, checkpoint: Path, questions: Questions, asked: QwenSegSettings
) -> dict[str, float]:
    """On questions about pictures that stopped nothing, if there are any; reloaded, in the type that is published."""
    from baselines.rl_segmentation.evaluate import measure, summary
    from foodbench.models.qwen_seg.checkpoint import load_model
    from foodbench.models.qwen_seg.segmenters import load_segmenter

    validation = settings.validation
    due = questions.final() if questions.final else questions.validation
    if validation is None or not due:
        return {}
    segmenter = load_segmenter(validation.segmenter or asked.segmenter)
    model, processor = load_model(checkpoint)
    found = measure(model, processor, due, asked, segmenter, rewards=settings.rewards, batch=validation.batch)
    return {"questions": float(len(found)), **summary(found)}


def _run_kitchen_model(arguments: argparse.Namespace) -> None:
    """The kitchen-sized model's own supervised trainer, which makes the model first."""
    from baselines.rl_segmentation.kitchen_model import sft

    if arguments.start or arguments.seed is not None or arguments.steps or arguments.learning_rate:
        raise UsageError(
            "The kitchen's supervised recipe makes its model from nothing.",
            hint="Change a copy of baselines/rl_segmentation/kitchen/sft.yaml instead, and give it with --config.",
        )
    sft.run(settings_path(arguments.config, "sft"), arguments.out, arguments.cache, arguments.workers)


def _is_kitchen_model(arguments: argparse.Namespace) -> bool:
    """Whether a supervised recipe is one for the kitchen-sized model, which has stages of its own."""
    if arguments.algo != "sft":
        return False
    path = settings_path(arguments.config, "sft")
    return path.is_file() and "answering:" in path.read_text(encoding="utf-8")


@command
def main(argv: list[str] | None = None) -> None:
    """Entry point; returns the exit code."""
    arguments = _arguments(argv)
    if _is_kitchen_model(arguments):
        _run_kitchen_model(arguments)
    else:
        cache = arguments.cache or arguments.out / "plates"
        run(read_recipe(arguments), arguments.out, cache, arguments.workers, arguments.resume)


if __name__ == "__main__":
    sys.exit(main())
