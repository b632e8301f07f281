"""Tune a synthesiser, or post-train a model, on conversations that `prepare` wrote.

    python baselines/adamllm/train.py --what single_stage --config kitchen --samples DIR --out runs/adamllm-single
    accelerate launch --config_file baselines/adamllm/accelerate/zero2_8gpu.yaml baselines/adamllm/train.py \
        --what single_stage --config paper --back-end qwen2_vl --samples DIR --out runs/adamllm-qwen2-vl

DIR has a file of samples for each stage: `train.jsonl` for a synthesiser, `single.jsonl`, or `captions.jsonl` and
`tasks.jsonl`. `--resume` goes on with an interrupted run. The checkpoint is in OUT/checkpoint, beside the log.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import baselines.common.trl_environment  # noqa: F401 - before torch is imported
from baselines.adamllm.export import read_conversations
from baselines.adamllm.intake import Intake, Rejected
from baselines.adamllm.records import Conversation
from baselines.adamllm.training_settings import (
    POST_TRAINED,
    WHATS,
    StageSettings,
    TrainingSettings,
    What,
    load_training,
)
from baselines.common.command import command
from baselines.common.run_folder import CHECKPOINT, LOG, STATE, on_device, place, quiet_training, train_to_end
from foodbench.core.errors import DataMissing, UsageError

if TYPE_CHECKING:
    from baselines.foodlmm.progress import Reporter

DONE = "done.json"
SAMPLES_OF = {"synthesizer": "train"}
"""The file of a stage's samples, where it is not called as the stage."""


def samples_of(stage: str, folder: Path) -> Intake[Conversation]:
    """The samples of a stage; damaged lines, repeated ids and absent pictures are kept apart.

    Raises:
        DataMissing: no such file, or nothing in it can be used.
    """
    path = folder / f"{SAMPLES_OF.get(stage, stage)}.jsonl"
    read = read_conversations(path)
    found: Intake[Conversation] = Intake(rejected=list(read.rejected))
    seen: set[str] = set()
    for sample in read.kept:
        reason = None
        if sample.conversation_id in seen:
            reason = "duplicate_id"
        elif not any(message.learn for message in sample.messages):
            reason = "nothing_learnt"
        elif not sample.image.path.is_file():
            reason = "no_image"
        seen.add(sample.conversation_id)
        if reason is None:
            found.kept.append(sample)
        else:
            found.rejected.append(Rejected(sample.conversation_id, reason, str(sample.image.path)))
    if not found.kept:
        raise DataMissing(f"{path} has no sample that could be learnt.", hint=f"What was found: {found.counts()}")
    return found


def by_rule(folder: Path) -> bool:
    """Whether the tasks in a folder of samples were written by rule."""
    try:
        report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return any(name.startswith("task.rule.") for name in report.get("counts", {}))


def run(settings: TrainingSettings, what: What, samples: Path, out: Path, *, resume: bool) -> Path:
    """Train all stages and publish; returns the folder of the checkpoint.

    Args:
        settings: the recipe.
        what: which of its stages.
        samples: folder of the stages' files.
        out: for states, log and checkpoint.
        resume: go on with what is in `out`, if anything is.

    Raises:
        FoodbenchError: checkpoint, samples, device or folder cannot be used.
    """
    from accelerate import PartialState

    from baselines.foodlmm.progress import Reporter

    if what == "rule" and not by_rule(samples):
        raise UsageError(
            f"The tasks in {samples} are not by rule.", hint="Assemble without --synthesis, or use two_stage."
        )
    settings = on_device(settings.model_copy(update={"start": place(settings.start)}))
    state = PartialState(cpu=settings.device == "cpu")
    held = (CHECKPOINT, *(stage.name for stage in settings.stages_of(what)))
    if state.is_main_process and not resume and any((out / name).exists() for name in held):
        raise UsageError(f"{out} holds a run already.", hint="Go on with it by --resume, or give another folder.")
    before = settings.start
    with quiet_training(), Reporter(every=10) as reporter:
        for stage in settings.stages_of(what):
            before = _train(settings, stage, before, samples_of(stage.name, samples), out, state, reporter)
        if state.is_main_process and not is_finished(out):
            publish(settings, what, before, out)
            reporter.say(f"checkpoint in {out / CHECKPOINT}")
        state.wait_for_everyone()
    return out / CHECKPOINT


def _train(
    settings: TrainingSettings,
    stage: StageSettings,
    start: str,
    found: Intake[Conversation],
    out: Path,
    state: Any,
    reporter: Reporter,
) -> str:
    """Train one stage, unless it is done; returns the folder of its weights."""
    import torch

    from baselines.adamllm.trainers import Parts, build_trainer
    from baselines.common.course import Logging
    from foodbench.core.files import atomic_write_json
    from foodbench.models.adamllm.checkpoint import load_model

    folder = out / stage.name
    final = folder / "final"
    if (folder / DONE).is_file():
        return str(final)
    if state.is_main_process:
        reporter.say(f"{stage.name}: {found.counts()}, {stage.updates(len(found.kept))} updates")
    model, processor, _ = load_model(start, settings.asking, getattr(torch, settings.dtype))
    told = [Logging(folder, reporter)]
    parts = Parts(model, processor, found.kept, folder / STATE, state.num_processes, told)
    trainer = build_trainer(settings, stage, parts)
    train_to_end(trainer, told, folder, final)
    if state.is_main_process:
        record = {"updates": trainer.state.global_step, "samples": found.counts()}
        atomic_write_json(folder / DONE, {**record, "cut": trainer.data_collator.counts["cut"]})
    state.wait_for_everyone()
    return str(final)


def is_finished(out: Path) -> bool:
    """Whether a run has published its checkpoint, whose record is written last."""
    return (out / CHECKPOINT / "training.json").is_file()


def publish(settings: TrainingSettings, what: What, weights: str, out: Path) -> None:
    """Write a plain checkpoint folder with how it is asked, and the record of its training.

    Raises:
        CheckpointError: the trained weights cannot be read.
    """
    import torch

    from baselines.adamllm.publishing import gather_log
    from baselines.common.publishing import all_versions, save_checkpoint, save_training_record, weights_digest
    from foodbench.models.adamllm.checkpoint import load_model

    folder, names = out / CHECKPOINT, [stage.name for stage in settings.stages_of(what)]
    model, processor, _ = load_model(weights, settings.asking)
    save_checkpoint(model, processor, settings.asking, folder, getattr(torch, settings.published))
    ends, seconds = gather_log(out, names, out / LOG)
    save_training_record(
        folder,
        {
            "command": shlex.join(["python", *sys.argv]),
            "what": what,
            "settings": settings.model_dump(mode="json"),
            "start_from_sha256": weights_digest(settings.start),
            "versions": all_versions(),
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            "weights_sha256": weights_digest(str(folder)),
            "updates": sum(record["updates"] for record in ends),
            "seconds": round(seconds),
        },
    )


def arguments_of(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--what", choices=WHATS, required=True)
    parser.add_argument("--config", required=True, help="kitchen, single_gpu, paper, or a recipe of one's own")
    parser.add_argument("--back-end", choices=POST_TRAINED, default="qwen2_vl", help="for --config paper")
    parser.add_argument("--samples", type=Path, required=True, help="folder that prepare wrote")
    parser.add_argument("--out", type=Path, required=True, help="folder for states, log and checkpoint")
    parser.add_argument("--seed", type=int, help="instead of the recipe's")
    parser.add_argument("--start", help="checkpoint to begin with instead of the recipe's: a folder, or a repository")
    parser.add_argument("--resume", action="store_true", help="go on with the run in OUT, if there is one")
    return parser.parse_args(argv)


@command
def main(argv: Sequence[str] | None = None) -> None:
    """Entry point; returns the exit code."""
    options = arguments_of(argv)
    settings = load_training(options.config, options.what, options.back_end)
    changes = {"seed": options.seed, "start": options.start}
    settings = settings.model_copy(update={name: value for name, value in changes.items() if value is not None})
    run(settings, options.what, options.samples, options.out, resume=options.resume)


if __name__ == "__main__":
    sys.exit(main())
