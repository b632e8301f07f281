"""Train a Qwen2.5-VL to point at food: supervised, by GRPO, or by DAPO.

    python baselines/rl_segmentation/train.py --algo dapo --config kitchen --out runs/qwen-seg-dapo
    accelerate launch --config_file baselines/rl_segmentation/accelerate/ddp_4gpu.yaml \
        baselines/rl_segmentation/train.py --algo grpo --config paper --out runs/qwen-seg-paper

`--resume` goes on with an interrupted run. The best checkpoint is in OUT/checkpoint, beside log, samples and curve.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
# Idle threads that spin take the core from the thread that has work; must be set before torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("GOMP_SPINCOUNT", "0")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")

from baselines.rl_segmentation.settings import ALGORITHMS, REPOSITORY, RunSettings, load_settings, settings_path
from foodbench.core.errors import FoodbenchError, UsageError

if TYPE_CHECKING:
    from baselines.foodlmm.progress import Reporter
    from baselines.rl_segmentation.data import Questions
    from foodbench.models.qwen_seg.checkpoint import QwenSegSettings

STATE, CHECKPOINT = "state", "checkpoint"


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--algo", choices=ALGORITHMS, required=True)
    parser.add_argument("--config", required=True, help="kitchen, single_gpu, paper, or a recipe of one's own")
    parser.add_argument("--out", type=Path, required=True, help="folder for state, log and checkpoint")
    parser.add_argument("--seed", type=int, help="instead of the recipe's")
    parser.add_argument("--start", help="checkpoint to begin with instead of the recipe's: a folder, or a repository")
    parser.add_argument("--resume", action="store_true", help="go on with the run in OUT, if there is one")
    parser.add_argument("--steps", type=int, help="updates instead of the recipe's")
    parser.add_argument("--learning-rate", type=float, help="instead of the recipe's")
    parser.add_argument("--cache", type=Path, help="folder for rendered plates (default: OUT/plates)")
    parser.add_argument("--workers", type=int, default=2, help="processes that render plates")
    return parser.parse_args(argv)


def read_recipe(arguments: argparse.Namespace) -> RunSettings:
    """The recipe with what the command line changes in it.

    Raises:
        DataMissing: there is no such recipe.
        UsageError: it is not valid, or is one for another algorithm.
    """
    settings = load_settings(settings_path(arguments.config, arguments.algo), seed=arguments.seed)
    if settings.algorithm != arguments.algo:
        raise UsageError(
            f"{arguments.config} is a recipe for {settings.algorithm}, not for {arguments.algo}.",
            hint=f"Give --algo {settings.algorithm}, or another recipe.",
        )
    changes = {"steps": arguments.steps, "learning_rate": arguments.learning_rate}
    optimiser = settings.optimiser.model_copy(update={name: one for name, one in changes.items() if one is not None})
    model = settings.model.model_copy(update={"start": _place(arguments.start or settings.model.start)})
    # Checked again as a whole: copies with changes are not.
    return RunSettings.model_validate(settings.model_copy(update={"optimiser": optimiser, "model": model}).model_dump())


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


def run(settings: RunSettings, out: Path, cache: Path, workers: int, resume: bool) -> None:
    """Prepare the questions, train, measure, publish.

    Raises:
        FoodbenchError: checkpoint, data, device or folder cannot be used.
    """
    import torch
    from accelerate import PartialState
    from transformers.utils import logging

    from baselines.foodlmm.progress import Reporter
    from baselines.rl_segmentation.data import load_questions
    from foodbench.models.qwen_seg.checkpoint import QwenSegSettings, checkpoint_folder

    on_cpu = settings.device == "cpu" or not torch.cuda.is_available()
    settings = settings.model_copy(update={"device": "cpu" if on_cpu else "auto"})
    if on_cpu:
        torch.set_num_threads(settings.threads)
    state, began = PartialState(cpu=on_cpu), time.monotonic()
    if state.is_main_process:
        _check_out(out, resume)
    asked = QwenSegSettings.read(checkpoint_folder(settings.model.start))  # before minutes of rendering
    logging.disable_progress_bar()  # over the writing and reading of tensors
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")  # about TRL's use of it
    with Reporter(every=10) as reporter:
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
    from foodbench.core.files import AppendLog
    from foodbench.models.qwen_seg.segmenters import load_segmenter

    model, processor = _load(settings)
    exam = None
    if settings.validation is not None:
        segmenter = load_segmenter(settings.validation.segmenter or asked.segmenter)
        exam = Exam(questions.validation, asked, segmenter, settings.rewards, settings.validation.batch)
    told = callbacks(settings, out, exam, processor, reporter)
    rows = to_rows(questions.training, asked.prompt, asked.grid, supervised=settings.algorithm == "sft")
    trainer = build_trainer(settings, Parts(model, processor, rows, asked.grid, out / STATE, processes, told))
    for callback in told:
        if hasattr(callback, "trainer"):
            callback.trainer = trainer
    newest, began = last_state(out), time.monotonic()
    trainer.train(resume_from_checkpoint=str(newest) if newest else None)
    if settings.validation is None or not questions.validation:
        trainer.save_model(str(out / "best"))
    if trainer.is_world_process_zero():
        with AppendLog(out / "log.jsonl") as log:
            log.append({"step": trainer.state.global_step, "train_seconds": round(time.monotonic() - began, 1)})


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

    from baselines.foodlmm.publish import save_training_record
    from baselines.rl_segmentation import publishing
    from baselines.rl_segmentation.course import LOG, best_step
    from foodbench.core.files import read_json_lines

    began, checkpoint = time.monotonic(), out / CHECKPOINT
    _, processor = _load(settings)
    model = publishing.trained_model(out / "best", settings.model.start)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    dtype = getattr(torch, settings.model.published)
    publishing.save_checkpoint(model, processor, asked, checkpoint, dtype)
    measured = _measure_published(settings, checkpoint, questions, asked)
    records = list(read_json_lines(out / LOG))
    publishing.draw_curve(records, out / "curve.png")
    spent = {
        **seconds,
        "train": sum(record.get("train_seconds", 0.0) for record in records),
        "measure": time.monotonic() - began,
    }
    save_training_record(
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


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    arguments = _arguments(argv)
    try:
        if _is_kitchen_model(arguments):
            _run_kitchen_model(arguments)
        else:
            cache = arguments.cache or arguments.out / "plates"
            run(read_recipe(arguments), arguments.out, cache, arguments.workers, arguments.resume)
    except FoodbenchError as error:
        sys.stderr.write(f"{error}\n")
        return int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main())
