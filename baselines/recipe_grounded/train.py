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
import os
import shlex
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
# Idle threads that spin take the core from the thread that has work; must be set before torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("GOMP_SPINCOUNT", "0")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")

from baselines.recipe_grounded.settings import REPOSITORY, STAGES, StageSettings, load_settings, settings_path
from foodbench.core.errors import FoodbenchError, UsageError
from foodbench.models.recipe_grounded.checkpoint import PartSettings

if TYPE_CHECKING:
    from baselines.foodlmm.progress import Reporter
    from baselines.recipe_grounded.course import Exam

STATE, CHECKPOINT, VOCABULARY = "state", "checkpoint", "vocabulary.json"


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stage", choices=STAGES, required=True)
    parser.add_argument("--config", required=True, help="kitchen, single_gpu, paper, or a recipe of one's own")
    parser.add_argument("--out", type=Path, required=True, help="folder for state, log and checkpoint")
    parser.add_argument("--seed", type=int, help="instead of the recipe's")
    parser.add_argument("--start", help="checkpoint to begin with instead of the recipe's: a folder, or a repository")
    parser.add_argument("--resume", action="store_true", help="go on with the run in OUT, if there is one")
    parser.add_argument("--steps", type=int, help="updates instead of the recipe's")
    parser.add_argument("--cache", type=Path, help="folder for rendered plates (default: OUT/plates)")
    parser.add_argument("--workers", type=int, default=2, help="processes that render plates")
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
    model = settings.model.model_copy(update={"start": _place(arguments.start or settings.model.start)})
    changed = settings.model_copy(update={"optimiser": optimiser, "model": model}).model_dump()
    try:
        return StageSettings.model_validate(changed)  # copies with changes are not checked
    except ValueError as error:
        raise UsageError(f"{path}: {error}", hint="Change the arguments.") from error


def _place(start: str) -> str:
    """A folder as given or in the repository; anything else is a repository of the Hub."""
    inside = REPOSITORY / start
    return str(inside) if not Path(start).exists() and inside.exists() else start


def last_state(out: Path) -> Path | None:
    """The newest state in a folder that can be gone on from."""
    found = [path for path in (out / STATE).glob("checkpoint-*") if (path / "trainer_state.json").is_file()]
    return max(found, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def _check_out(out: Path, resume: bool) -> None:
    if not resume and (last_state(out) or (out / CHECKPOINT).exists()):
        raise UsageError(
            f"{out} holds a run already.", hint="Go on with it by --resume, or give another folder with --out."
        )


def run(settings: StageSettings, out: Path, cache: Path, workers: int, resume: bool) -> None:
    """Prepare the questions, train, measure, publish.

    Raises:
        FoodbenchError: checkpoint, data, device or folder cannot be used.
    """
    import torch
    from accelerate import PartialState

    from baselines.foodlmm.progress import Reporter
    from baselines.recipe_grounded.course import Exam, shown
    from baselines.recipe_grounded.questions import load_questions
    from foodbench.models.qwen_seg.checkpoint import checkpoint_folder

    on_cpu = settings.device == "cpu" or not torch.cuda.is_available()
    settings = settings.model_copy(update={"device": "cpu" if on_cpu else "auto"})
    if on_cpu:
        torch.set_num_threads(settings.threads)
    state, began = PartialState(cpu=on_cpu), time.monotonic()
    if state.is_main_process:
        _check_out(out, resume)
    asking = settings.ask or PartSettings.read(checkpoint_folder(settings.model.start))
    with _quiet(), Reporter(every=10) as reporter:
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


@contextmanager
def _quiet() -> Iterator[None]:
    """Without transformers' bars over tensors, and its warnings about TRL's use of it."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
        yield


def _announce(settings: StageSettings, exam: Exam, reporter: Reporter) -> None:
    counts = ", ".join(f"{count} {reason}" for reason, count in exam.questions.counts.items() if count)
    training, measured = len(exam.questions.training), len(exam.questions.validation)
    reporter.say(f"{settings.stage}: {training} questions to learn from, {measured} to measure on ({counts})")


def _train(settings: StageSettings, out: Path, exam: Exam, reporter: Reporter, processes: int) -> None:
    from baselines.recipe_grounded.course import BEST, callbacks
    from baselines.recipe_grounded.data import to_dataset
    from baselines.recipe_grounded.trainers import Parts, build_trainer
    from foodbench.core.files import AppendLog

    model, processor = _load(settings)
    told = callbacks(settings, out, exam, processor, reporter)
    asking = exam.asking
    rows = to_dataset(
        exam.questions.training, supervised=settings.supervised, system=asking.system, prepare=asking.scaled
    )
    trainer = build_trainer(settings, Parts(model, processor, rows, exam.questions, out / STATE, processes, told))
    for callback in told:
        if hasattr(callback, "trainer"):
            callback.trainer = trainer
    newest, began = last_state(out), time.monotonic()
    trainer.train(resume_from_checkpoint=str(newest) if newest else None)
    if settings.validation is None or not exam.questions.validation:
        trainer.save_model(str(out / BEST))
    if trainer.is_world_process_zero():
        with AppendLog(out / "log.jsonl") as log:
            log.append({"step": trainer.state.global_step, "train_seconds": round(time.monotonic() - began, 1)})


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

    from baselines.foodlmm.publish import save_training_record
    from baselines.recipe_grounded.course import BEST
    from baselines.recipe_grounded.measuring import summary
    from baselines.recipe_grounded.publishing import draw_curve, save_checkpoint, trained_model
    from baselines.rl_segmentation.course import LOG
    from foodbench.core.files import read_json_lines
    from foodbench.models.recipe_grounded.checkpoint import load_part_model

    began, checkpoint = time.monotonic(), out / CHECKPOINT
    _, processor = _load(settings)
    model = trained_model(out / BEST, settings.model.start)
    save_checkpoint(model, processor, exam.asking, checkpoint, getattr(torch, settings.model.published))
    measured: dict[str, float] = {}
    if settings.validation is not None:
        due = exam.questions.final()
        found = exam.measure(*load_part_model(checkpoint), due, settings.validation.batch)
        measured = {"questions": float(len(found)), **summary(found)}
    records = list(read_json_lines(out / LOG))
    draw_curve(records, out / "curve.png")
    spent = {
        **seconds,
        "train": sum(record.get("train_seconds", 0.0) for record in records),
        "measure": time.monotonic() - began,
    }
    save_training_record(checkpoint, _record(settings, out, exam, spent, measured))
    return measured


def _record(
    settings: StageSettings, out: Path, exam: Exam, seconds: dict[str, float], measured: dict[str, float]
) -> dict[str, Any]:
    import json

    from baselines.recipe_grounded.course import BEST, MEASURED
    from baselines.rl_segmentation.publishing import all_versions, weights_digest

    kept, start = out / BEST / MEASURED, Path(settings.model.start)
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
        "best": json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else None,
        "seconds": {name: round(value) for name, value in seconds.items()},
        "val": measured or None,
    }


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    arguments = _arguments(argv)
    try:
        cache = arguments.cache or arguments.out / "plates"
        run(read_recipe(arguments), arguments.out, cache, arguments.workers, arguments.resume)
    except FoodbenchError as error:
        sys.stderr.write(f"{error}\n")
        return int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main())
