"""Short runs of every kind on a very small model: two updates, what learns, and going on after an interruption."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from baselines.adamllm.export import write_conversations
from baselines.adamllm.hyperparameters import LearningRates
from baselines.adamllm.optimizers import part_of
from baselines.adamllm.train import main, run, samples_of
from baselines.adamllm.trainers import Parts, build_trainer, course_of
from baselines.common.run_folder import last_state
from foodbench.core.errors import DataMissing, UsageError
from foodbench.core.files import atomic_write_json
from foodbench.models.adamllm.checkpoint import AskingSettings, load_model
from tests.baselines.adamllm.tiny_models import llava_next
from tests.baselines.adamllm.training_helpers import FORMS, post_like, seed_like, settings, stage
from tests.baselines.rl_segmentation.random_model import build


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("tiny"), hidden=32, layers=2, vision=32, vocabulary=420, side=28)


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("samples")
    write_conversations(folder / "train.jsonl", [seed_like(folder, number) for number in range(5)])
    write_conversations(folder / "single.jsonl", [post_like(folder, number) for number in range(5)])
    write_conversations(folder / "captions.jsonl", [post_like(folder, number, turns=1) for number in range(4)])
    write_conversations(folder / "tasks.jsonl", [post_like(folder, number) for number in range(3)])
    atomic_write_json(folder / "report.json", {"counts": {"task.rule.title": 3}})
    return folder


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return dict(load_model(folder)[0].state_dict())


def largest_difference(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    assert one.keys() == other.keys()
    return max(float((one[name] - other[name]).abs().max()) for name in one)


@pytest.mark.parametrize(
    ("what", "names"),
    [
        ("synthesizer", ("synthesizer",)),
        ("single_stage", ("single",)),
        ("two_stage", ("captions", "tasks")),
        ("rule", ("captions", "tasks")),
    ],
)
def test_two_updates_of_each_kind(
    what: Any, names: tuple[str, ...], checkpoint: Path, samples: Path, tmp_path: Path
) -> None:
    chosen = settings(checkpoint, *(stage(name) for name in names))
    made = run(chosen, what, samples, tmp_path / "out", resume=False)
    assert largest_difference(weights(made), weights(checkpoint)) > 0
    assert AskingSettings.read(made) == chosen.asking
    record = json.loads((made / "training.json").read_text())
    assert record["updates"] == 2 * len(names)
    log = [json.loads(line) for line in (tmp_path / "out" / "log.jsonl").read_text().splitlines()]
    assert {line["stage"] for line in log} == set(names)
    assert all(line["loss"] > 0 for line in log if "loss" in line)
    # A finished run has nothing to do, and is not overwritten.
    assert run(chosen, what, samples, tmp_path / "out", resume=True) == made
    assert json.loads((made / "training.json").read_text()) == record
    with pytest.raises(UsageError, match="holds a run"):
        run(chosen, what, samples, tmp_path / "out", resume=False)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_an_interrupted_run_ends_with_the_same_bits(
    optimizer: str, checkpoint: Path, samples: Path, tmp_path: Path
) -> None:
    first = stage("captions", steps=3, optimizer=optimizer, warmup_share=0.5)
    second = stage("tasks", steps=6, optimizer=optimizer, scheduler="linear", micro_batch=1)
    chosen = settings(checkpoint, first, second)
    whole = run(chosen, "two_stage", samples, tmp_path / "whole", resume=False)
    cut = tmp_path / "cut"
    shutil.copytree(tmp_path / "whole", cut, ignore=shutil.ignore_patterns("checkpoint"))
    # As if killed after the fourth update of the second stage, in its second round of three samples.
    for name in ("done.json", "final", "state/checkpoint-6"):
        path = cut / "tasks" / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    newest = last_state(cut / "tasks")
    assert newest is not None
    assert newest.name == "checkpoint-4"
    again = run(chosen, "two_stage", samples, cut, resume=True)
    assert largest_difference(weights(again), weights(whole)) == 0
    steps = [json.loads(line)["step"] for line in (cut / "tasks" / "log.jsonl").read_text().splitlines()]
    assert steps == sorted(steps)


def test_a_run_killed_behind_its_last_update_only_publishes(checkpoint: Path, samples: Path, tmp_path: Path) -> None:
    chosen = settings(checkpoint, stage("single"))
    before = weights(run(chosen, "single_stage", samples, tmp_path, resume=False))
    (tmp_path / "checkpoint" / "training.json").unlink()
    assert largest_difference(weights(run(chosen, "single_stage", samples, tmp_path, resume=True)), before) == 0
    (tmp_path / "single" / "done.json").unlink()
    shutil.rmtree(tmp_path / "single" / "final")
    shutil.rmtree(tmp_path / "checkpoint")
    assert largest_difference(weights(run(chosen, "single_stage", samples, tmp_path, resume=True)), before) == 0


def test_frozen_parts_stay_and_each_part_has_its_rate(checkpoint: Path, samples: Path, tmp_path: Path) -> None:
    only = stage("captions", learning_rates=LearningRates(projector=1e-2, language=None, vision=None))
    made = run(settings(checkpoint, only, stage("tasks", steps=1)), "two_stage", samples, tmp_path, resume=False)
    before, after = weights(checkpoint), weights(tmp_path / "captions" / "final")
    changed = {part_of(name) for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"projector"}
    assert made.is_dir()


def test_the_parts_of_each_family_are_known() -> None:
    assert part_of("model.visual.merger.mlp.0.weight") == part_of("visual.merger.ln_q.weight") == "projector"
    assert part_of("model.visual.blocks.0.attn.qkv.weight") == part_of("model.vision_tower.x") == "vision"
    assert part_of("model.multi_modal_projector.linear_1.weight") == part_of("model.image_newline") == "projector"
    assert part_of("model.vision_model.patch_embedding.weight") == "vision"
    assert part_of("model.language_model.layers.0.mlp.up_proj.weight") == part_of("lm_head.weight") == "language"


def test_llava_s_first_stage_trains_its_projector_alone(tmp_path: Path) -> None:
    start = llava_next(tmp_path / "llava")
    model, processor, _ = load_model(start)
    rates = LearningRates(projector=1e-2, language=None, vision=None)
    only = stage("captions", learning_rates=rates)
    chosen = settings(start, only, form=FORMS["llava_next"], asking=AskingSettings())
    parts = Parts(model, processor, [post_like(tmp_path, number) for number in range(3)], tmp_path / "state", 1)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    build_trainer(chosen, only, parts).train()
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed
    assert all(part_of(name) == "projector" for name in changed)


def test_every_round_has_all_samples_in_an_order_of_its_own(tmp_path: Path) -> None:
    chosen = [post_like(tmp_path, number) for number in range(6)]
    long = stage(epochs=3, batch=4)
    course = [json.loads(row)["id"] for row in course_of(chosen, long, 0)["conversation"]]
    assert len(course) == long.updates(6) * 4 == 20
    assert sorted(course[:6]) == sorted(course[6:12]) == sorted(one.conversation_id for one in chosen)
    assert course[:6] != course[6:12]
    assert course == [json.loads(row)["id"] for row in course_of(chosen[::-1], long, 0)["conversation"]]


def test_like_lengths_come_together_and_nothing_is_lost(tmp_path: Path) -> None:
    chosen = [post_like(tmp_path, number, turns=1 + number % 2) for number in range(8)]
    long = stage(epochs=2, batch=4, group_by_length=True)
    rows = [json.loads(row) for row in course_of(chosen, long, 0)["conversation"]]
    assert sorted(row["id"] for row in rows) == sorted(2 * [one.conversation_id for one in chosen])
    updates = [rows[begin : begin + 4] for begin in range(0, 16, 4)]
    assert all(len({len(row["messages"]) for row in update}) == 1 for update in updates)


def test_what_cannot_be_learnt_is_kept_apart(tmp_path: Path) -> None:
    good, twice, gone = post_like(tmp_path, 1), post_like(tmp_path, 1), post_like(tmp_path, 2)
    silent = post_like(tmp_path, 3, turns=0)
    write_conversations(tmp_path / "single.jsonl", [good, twice, gone, silent])
    with (tmp_path / "single.jsonl").open("a") as stream:
        stream.write("{broken\n")
    gone.image.path.unlink()
    counts = samples_of("single", tmp_path).counts()
    assert counts == {"kept": 1, "duplicate_id": 1, "no_image": 1, "nothing_learnt": 1, "not_json": 1}
    with pytest.raises(DataMissing):
        samples_of("tasks", tmp_path)
    write_conversations(tmp_path / "tasks.jsonl", [silent])
    with pytest.raises(DataMissing, match="no sample"):
        samples_of("tasks", tmp_path)


def test_tasks_by_rule_are_told_from_others(checkpoint: Path, samples: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    shutil.copytree(samples, plain)
    atomic_write_json(plain / "report.json", {"counts": {"task.reasoned.forward": 3}})
    with pytest.raises(UsageError, match="not by rule"):
        run(settings(checkpoint, stage("captions"), stage("tasks")), "rule", plain, tmp_path / "out", resume=False)


def test_a_recipe_without_the_stage_is_refused(checkpoint: Path, samples: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no stage 'captions'"):
        run(settings(checkpoint, stage("single")), "two_stage", samples, tmp_path, resume=False)


def test_a_batch_that_cannot_be_divided_is_refused(checkpoint: Path, samples: Path, tmp_path: Path) -> None:
    odd = stage("single", batch=3, micro_batch=2)
    with pytest.raises(UsageError, match="micro-batches"):
        run(settings(checkpoint, odd), "single_stage", samples, tmp_path, resume=False)


def test_a_missing_start_is_told_on_the_command_line(
    samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--what", "single_stage", "--config", "kitchen", "--samples", str(samples), "--out", str(tmp_path / "out")]
    assert main([*given, "--start", str(tmp_path / "nothing")]) != 0
    assert "No checkpoint folder" in capsys.readouterr().err
