"""Train one stage of grounded recipes: a predictor of actions or ingredients, or a writer of instructions.

    python baselines/recipe_grounded/train.py --stage ar_sft --config kitchen --out runs/recipes/ar_sft
    python baselines/recipe_grounded/train.py --stage ar_rft --config kitchen \
        --start runs/recipes/ar_sft/checkpoint --out runs/recipes/ar_rft
    accelerate launch --config_file baselines/rl_segmentation/accelerate/ddp_4gpu.yaml \
        baselines/recipe_grounded/train.py --stage ar_sft --config paper --out runs/recipes-paper/ar_sft

`--resume` goes on with an interrupted run. The checkpoint is in OUT/checkpoint, beside log, samples and curve; the
actions and their tiers are in OUT/vocabulary.json.
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
    REPOSITORY,
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
from baselines.recipe_grounded.settings import STAGES, StageSettings, load_settings, settings_path
from foodbench.core.errors import UsageError
from foodbench.models.recipe_grounded.checkpoint import PartSettings

if TYPE_CHECKING:
    from baselines.foodlmm.progress import Reporter
    from baselines.recipe_grounded.course import Exam

VOCABULARY = "vocabulary.json"


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stage", choices=STAGES, required=True)
    add_run_arguments(parser)
    return parser.parse_args(argv)


def read_recipe(arguments: argparse.Namespace) -> StageSettings:
    """The recipe with what the command line changes in it.

    Raises:
        DataMissing: there is no such recipe.
        UsageError: it is not valid, or is one for another stage.
    """
    path = settings_path(arguments.config, arguments.stage)
    settings = load_settings(path, seed=arguments.seed)
    if settings.stage != arguments.stage:
        raise UsageError(
            f"{arguments.config} is a recipe for {settings.stage}, not for {arguments.stage}.",
            hint=f"Give --stage {settings.stage}, or another recipe.",
        )
    optimiser = settings.optimiser
    if arguments.steps is not None:
        optimiser = optimiser.model_copy(update={"steps": arguments.steps, "epochs": None})
    model = settings.model.model_copy(update={"start": place(arguments.start or settings.model.start)})
    return checked_again(settings.model_copy(update={"optimiser": optimiser, "model": model}), path)


def run(settings: StageSettings, out: Path, cache: Path, workers: int, resume: bool) -> None:
    """Prepare the questions, train, measure, publish.

    Raises:
        FoodbenchError: checkpoint, data, device or folder cannot be used.
    """
    from accelerate import PartialState

    from baselines.foodlmm.progress import Reporter
    from baselines.recipe_grounded.course import Exam, shown
    from baselines.recipe_grounded.questions import load_questions
    from foodbench.models.qwen_seg.checkpoint import checkpoint_folder

    settings = on_device(settings)
    state, began = PartialState(cpu=settings.device == "cpu"), time.monotonic()
    if state.is_main_process:
        check_out(out, resume)
    asking = settings.ask or PartSettings.read(checkpoint_folder(settings.model.start))
    with quiet_training(), Reporter(every=10) as reporter:
        with state.main_process_first():
            questions = load_questions(settings, asking.grid, cache=cache, workers=workers)
        exam = Exam(questions, settings, asking)
        if state.is_main_process:
            questions.vocabulary.save(out / VOCABULARY)
            _announce(settings, exam, reporter)
        seconds = {"questions": time.monotonic() - began}
        _train(settings, out, exam, reporter, state.num_processes)
        if state.is_main_process:
            measured = publish(settings, out, exam, seconds)
            reporter.say(f"checkpoint in {out / CHECKPOINT}: {shown(measured)}")
        state.wait_for_everyone()


def _announce(settings: StageSettings, exam: Exam, reporter: Reporter) -> None:
    counts = ", ".join(f"{count} {reason}" for reason, count in exam.questions.counts.items() if count)
    training, measured = len(exam.questions.training), len(exam.questions.validation)
    reporter.say(f"{settings.stage}: {training} questions to learn from, {measured} to measure on ({counts})")


def _train(settings: StageSettings, out: Path, exam: Exam, reporter: Reporter, processes: int) -> None:
    from baselines.recipe_grounded.course import callbacks
    from baselines.recipe_grounded.data import to_dataset
    from baselines.recipe_grounded.trainers import Parts, build_trainer

    model, processor = _load(settings)
    told = callbacks(settings, out, exam, processor, reporter)
    asking = exam.asking
    rows = to_dataset(
        exam.questions.training, supervised=settings.supervised, system=asking.system, prepare=asking.scaled
    )
    trainer = build_trainer(settings, Parts(model, processor, rows, out / STATE, processes, told), exam.questions)
    is_measured = settings.validation is not None and exam.questions.validation
    train_to_end(trainer, told, out, None if is_measured else out / BEST)


def _load(settings: StageSettings) -> tuple[Any, Any]:
    """Model and processor that training begins with, the weights in the type that they are trained in."""
    import torch

    from foodbench.models.recipe_grounded.checkpoint import load_part_model

    model, processor = load_part_model(settings.model.start, dtype=getattr(torch, settings.model.dtype))
    model.set_attn_implementation(settings.model.attention)
    return model, processor


def publish(settings: StageSettings, out: Path, exam: Exam, seconds: dict[str, float]) -> dict[str, float]:
    """Write the checkpoint with its record and curve; returns what was measured on it as it is published."""
    import torch

    from baselines.common.publishing import save_checkpoint, save_training_record, trained_model
    from baselines.recipe_grounded.measuring import summary
    from baselines.recipe_grounded.publishing import draw_curve
    from foodbench.core.files import read_json_lines
    from foodbench.models.recipe_grounded.checkpoint import load_part_model

    began, checkpoint = time.monotonic(), out / CHECKPOINT
    _, processor = _load(settings)
    model = trained_model(out / BEST, settings.model.start, load_part_model)
    save_checkpoint(model, processor, exam.asking, checkpoint, getattr(torch, settings.model.published))
    measured: dict[str, float] = {}
    if settings.validation is not None:
        due = exam.questions.final()
        found = exam.measure(*load_part_model(checkpoint), due, settings.validation.batch)
        measured = {"questions": float(len(found)), **summary(found)}
    records = list(read_json_lines(out / LOG))
    draw_curve(records, out / "curve.png")
    spent = {**seconds, "train": training_seconds(records), "measure": time.monotonic() - began}
    save_training_record(checkpoint, _record(settings, out, exam, spent, measured))
    return measured


def _record(
    settings: StageSettings, out: Path, exam: Exam, seconds: dict[str, float], measured: dict[str, float]
) -> dict[str, Any]:
    from baselines.common.measuring import best_step
    from baselines.common.publishing import all_versions, weights_digest

    start = Path(settings.model.start)
    told = settings.model_dump(mode="json")
    if start.is_absolute() and start.is_relative_to(REPOSITORY):
        told["model"]["start"] = start.relative_to(REPOSITORY).as_posix()
    return {
        "command": shlex.join(["python", *sys.argv]),
        "settings": told,
        "start_from_sha256": weights_digest(settings.model.start),
        "seed": settings.seed,
        "versions": all_versions(),
        "weights_sha256": weights_digest(str(out / CHECKPOINT)),
        "questions": dict(exam.questions.counts),
        "vocabulary": exam.questions.vocabulary.fingerprint,
        "best": best_step(out),
        "seconds": {name: round(value) for name, value in seconds.items()},
        "val": measured or None,
    }


@command
def main(argv: list[str] | None = None) -> None:
    """Entry point; returns the exit code."""
    arguments = _arguments(argv)
    cache = arguments.cache or arguments.out / "plates"
    run(read_recipe(arguments), arguments.out, cache, arguments.workers, arguments.resume)


if __name__ == "__main__":
    sys.exit(main())
