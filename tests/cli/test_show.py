"""`foodbench show`: tasks, models, runs, and single answers with their pictures."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from foodbench.core.types import Sample
from foodbench.data.kitchen import PRESETS, make
from foodbench.runs.store import RunFolder
from foodbench.tasks import TASKS
from foodbench.tasks.controls import controlled
from tests.cli.stored_runs import Output, finish_run, load_task, store_task

Foodbench = Callable[..., Output]


def field(output: Output, name: str) -> str:
    line = next(line for line in output.out.splitlines() if line.startswith(f"{name} "))
    return line.removeprefix(name).strip()


# Tasks and models


@pytest.mark.parametrize("name", ["food101.dish", "nutrition5k.total", "foodseg103.refer1"])
def test_task_card(foodbench: Foodbench, kitchen: Path, name: str) -> None:
    output = foodbench("show", name)
    task = TASKS.get(name)
    assert output.code == 0
    assert f"{name}@{task.version}: {task.summary}" in output.out
    assert field(output, "protocol") == "strict"
    assert field(output, "used now").startswith("the kitchen edition")
    for metric in task.metrics:
        assert metric.id in output.out
        assert metric.description in output.out


def test_task_card_has_the_wordings_with_slots(foodbench: Foodbench, kitchen: Path) -> None:
    found = json.loads(foodbench("show", "foodseg103.refer1", "--json").out)
    assert found["schema"] == "foodbench.show.task/1"
    assert all("{ingredient}" in question for question in found["questions"])
    assert {metric["id"]: metric["formula"] for metric in found["metrics"]} == {
        "ciou": "sum of intersection / sum of union",
        "giou.sample": "mean of iou",
        "answered.ingredient": "100 x sum of answered / sum of present",
    }


def test_task_card_before_there_is_any_data(foodbench: Foodbench, tmp_path: Path) -> None:
    output = foodbench("show", "food101.dish")
    assert output.code == 0
    assert field(output, "questions").startswith("What is the name of the dish")
    assert "made when it is first used" in output.out
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(("spec", "expected"), [("baseline:random", "seed: int = 0"), ("endpoint:gpt-x", "model")])
def test_model_card_lists_settings(foodbench: Foodbench, spec: str, expected: str) -> None:
    output = foodbench("show", spec)
    assert output.code == 0
    assert expected in output.out
    assert f"foodbench run --model {spec}" in output.out


def test_model_card_of_own_class(foodbench: Foodbench) -> None:
    assert "constructor" in foodbench("show", "py:my.module:Class").out


@pytest.mark.parametrize("what", ["lmms", "lmms:", "lmms:qwen2_5_vl"])
def test_models_of_lmms_eval(foodbench: Foodbench, what: str) -> None:
    output = foodbench("show", what)
    assert output.code == 0
    assert output.out.startswith("lmms:NAME: one of lmms-eval's own models")
    named = what if what.endswith("vl") else "lmms:NAME"
    assert field(output, "try it") == f"foodbench run --model {named} --tasks all --limit 4"


def test_the_prefix_of_several_models(foodbench: Foodbench) -> None:
    output = foodbench("show", "baseline")
    assert output.code == 2
    assert output.error[0] == "error: 'baseline' begins the names of 8 models."
    assert "baseline:oracle" in output.error[1]


def test_unknown_names(foodbench: Foodbench, runs: Path) -> None:
    output = foodbench("show", "food101.dsh")
    assert output.code == 2
    assert output.err.startswith("error: Unknown task, model or run 'food101.dsh'.\nhint: Did you mean food101.dish")
    assert "foodbench list" in foodbench("show", "zzzz").err
    assert foodbench("show", "").code == 2


# Runs


def test_run_by_id_prefix_and_path(foodbench: Foodbench, runs: Path) -> None:
    outputs = [foodbench("show", what) for what in ("parrot-11aa", "parrot-1", runs / "parrot-11aa")]
    assert {output.code for output in outputs} == {0}
    assert outputs[0].out == outputs[1].out == outputs[2].out
    assert field(outputs[0], "model") == "py:tests:Parrot"
    assert "food101.dish (kitchen, seed 7, 24+24)" in outputs[0].out
    assert "100.0% oracle" in outputs[0].out
    assert "the train split is not there" in outputs[0].out
    assert "nutrition5k.total@1: not measured: parrots do not weigh" in outputs[0].out


def test_ambiguous_prefix(foodbench: Foodbench, runs: Path) -> None:
    output = foodbench("show", "parrot")
    assert output.code == 2
    assert "parrot-11aa, parrot-22bb" in output.err


def test_run_as_json(foodbench: Foodbench, runs: Path) -> None:
    found = json.loads(foodbench("show", "parrot-1", "--json").out)
    assert found["schema"] == "foodbench.show.run/1"
    assert found["run"]["run_id"] == "parrot-11aa"
    assert [result["task"]["name"] for result in found["results"]] == ["food101.dish", "foodseg103.refer1"]
    assert found["results"][0]["metrics"][0]["value"] == 100.0


def test_unfinished_task_counts_saved_answers(foodbench: Foodbench, runs: Path) -> None:
    task = RunFolder(runs / "parrot-22bb").task("nutrition5k.total@1")
    task.path.mkdir()
    task.journal_path(0).write_text('{"key": "a", "answer": "1 kcal", "seconds": 1}\n{"key": "b", "ans')
    output = foodbench("show", "parrot-2")
    assert "nutrition5k.total@1: not finished, 1 answer saved" in output.out


def test_damaged_run_is_two_lines(foodbench: Foodbench, runs: Path) -> None:
    (runs / "parrot-22bb" / "run.json").write_text("{}")
    output = foodbench("show", "parrot-2")
    assert output.code == 5
    assert len(output.err.splitlines()) == 2


# Samples


def any_sample(runs: Path, task: str) -> str:
    return RunFolder(runs / "parrot-11aa").task(task).samples()[3].sample_id


def test_mask_sample(foodbench: Foodbench, runs: Path, tmp_path: Path) -> None:
    sample_id = any_sample(runs, "foodseg103.refer1@2")
    picture = tmp_path / "picture.png"
    output = foodbench("show", "parrot-1", "--sample", sample_id, "--out", picture)
    assert output.code == 0
    assert field(output, "sample") == sample_id
    assert field(output, "task") == "foodseg103.refer1@2"
    assert field(output, "edition") == "kitchen, seed 7, 24+24"
    assert field(output, "answer") == "It is here."
    assert "mask 'table' of" in output.out
    assert field(output, "picture") == str(picture)
    assert output.err == ""
    page = np.asarray(Image.open(picture)).astype(int)
    assert page.shape[1] > 3 * 384
    # Photo, ingredient, and the decoy over the whole table: it was not scored as the ingredient.
    orange = page[:, :, 0] - page[:, :, 2] > 60
    second, third = (orange[:, 14 + column * 398 :][:, :384] for column in (1, 2))
    assert third.mean() > 0.5
    record = next(
        each
        for each in RunFolder(runs / "parrot-11aa").task("foodseg103.refer1@2").samples()
        if each.sample_id == sample_id
    )
    assert record.values["iou"] > 0.3
    assert 0 < second.mean() < 0.4


def test_default_picture_lies_in_the_run(foodbench: Foodbench, runs: Path) -> None:
    sample_id = any_sample(runs, "food101.dish@1")
    output = foodbench("show", "parrot-1", "--sample", sample_id)
    assert output.code == 0
    path = runs / "parrot-11aa" / "food101.dish@1" / "pictures" / f"{sample_id.replace('/', '_')}.png"
    assert field(output, "picture") == str(path)
    assert Image.open(path).format == "PNG"
    assert field(output, "values") == "correct 1"
    assert foodbench("show", "parrot-1").code == 0  # a folder more does not disturb the run


def test_sample_as_json(foodbench: Foodbench, runs: Path) -> None:
    sample_id = any_sample(runs, "foodseg103.refer1@2")
    found = json.loads(foodbench("show", "parrot-1", "--sample", sample_id, "--json").out)
    assert found["schema"] == "foodbench.show.sample/1"
    assert found["record"]["sample_id"] == sample_id
    assert found["slots"]["ingredients"][0] in found["question"]
    assert found["changed"] is None
    assert Path(found["picture"]).is_file()


def test_hostile_answer_cannot_reach_the_terminal(foodbench: Foodbench, runs: Path) -> None:
    output = foodbench("show", "parrot-2", "--sample", any_sample(runs, "food101.dish@1"))
    assert output.code == 0
    assert "\x1b" not in output.out
    assert "\u202e" not in output.out
    assert field(output, "answer").startswith(r"\x1b[31mcake")
    # The line that imitates a field is indented, and so is no field.
    assert [line for line in output.out.splitlines() if line.startswith("values")] == ["values     correct 0"]


def test_unknown_sample_and_task(foodbench: Foodbench, runs: Path) -> None:
    sample_id = any_sample(runs, "foodseg103.refer1@2")
    output = foodbench("show", "parrot-1", "--sample", f"{sample_id}0")
    assert output.code == 2
    assert f"Did you mean {sample_id}" in output.err
    output = foodbench("show", "parrot-1", "--sample", sample_id, "--task", "food101.dihs")
    assert output.code == 2
    assert "Did you mean food101.dish@1" in output.err


def test_sample_of_several_tasks_needs_the_task(
    foodbench: Foodbench, runs: Path, small_kitchen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = RunFolder(runs / "parrot-22bb")
    shutil.copytree(folder.path / "food101.dish@1", folder.path / "food101.dish@2")
    sample_id = any_sample(runs, "food101.dish@1")
    output = foodbench("show", "parrot-2", "--sample", sample_id)
    assert output.code == 2
    assert "food101.dish@1, food101.dish@2" in output.err
    assert foodbench("show", "parrot-2", "--sample", sample_id, "--task", "food101.dish@2").code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "parrot-1", "--out", "x.png"),
        ("show", "parrot-1", "--sample", "s", "--out", "x.jpg"),
        ("show", "food101.dish", "--sample", "s"),
    ],
)
def test_wrong_usage(foodbench: Foodbench, runs: Path, arguments: tuple[str, ...]) -> None:
    output = foodbench(*arguments)
    assert output.code == 2
    assert len(output.err.splitlines()) == 2


def test_missing_photo_still_shows_the_answer(
    foodbench: Foodbench, runs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FOODBENCH_KITCHEN", str(tmp_path / "elsewhere"))
    output = foodbench("show", "parrot-1", "--sample", any_sample(runs, "food101.dish@1"))
    assert output.code == 5
    assert field(output, "values") == "correct 1"
    assert "FOODBENCH_KITCHEN" in output.err


def test_changed_data_is_said(foodbench: Foodbench, runs: Path) -> None:
    task = RunFolder(runs / "parrot-22bb").task("food101.dish@1")
    lines = task.samples_path.read_text().replace('"correct":0.0', '"correct":1.0')
    task.samples_path.write_text(lines)
    output = foodbench("show", "parrot-2", "--sample", any_sample(runs, "food101.dish@1"))
    assert output.code == 0
    assert "warning: the way answers are read has changed" in output.err


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("", "(empty)"),
        ('{"foodbench_answer": 1, "masks": [{"size": [2, 2], "counts": "04"}]}', "% of 2 x 2 (h x w)"),
        ('{"foodbench_answer": 1, "masks": [{"size": [2, 2], "counts": "x"}]}', "cannot be read"),
        ('{"foodbench_answer": 1, "masks": 7}', "(malformed: "),
    ],
)
def test_any_mask_answer_can_be_shown(
    foodbench: Foodbench, runs: Path, small_kitchen: Path, answer: str, expected: str
) -> None:
    folder = RunFolder(runs / "odd")
    data = load_task("foodseg103.refer1", small_kitchen)
    store_task(folder, data, lambda sample: answer)
    finish_run(folder, {})
    output = foodbench("show", "odd", "--sample", data.samples[0].sample_id)
    assert output.code == 0, output.err
    assert expected in output.out


def test_overlaps_are_those_of_each_name(foodbench: Foodbench, runs: Path, small_kitchen: Path) -> None:
    """Two ingredients marked as each other: over both together the masks would agree."""
    folder = RunFolder(runs / "swapped")
    data = load_task("foodseg103.refer3", small_kitchen)

    def swapped(sample: Sample) -> str:
        right = data.task.oracle(sample)
        if len(right.masks) < 3:
            return right.to_text()
        first, second, *rest = right.masks
        return replace(
            right, masks=(replace(first, label=second.label), replace(second, label=first.label), *rest)
        ).to_text()

    store_task(folder, data, swapped)
    finish_run(folder, {})
    sample = next(each for each in data.samples if len(each.reference["masks"]) == 3)
    first, second, third = (mask["label"] for mask in sample.reference["masks"])
    output = foodbench("show", "swapped", "--sample", sample.sample_id)
    assert output.code == 0, output.err
    assert field(output, f"iou of {first}") == field(output, f"iou of {second}") == "0"
    assert field(output, f"iou of {third}") == "1"


@pytest.mark.parametrize("control", ["wrong-image", "blank-image"])
def test_the_picture_of_a_control_is_shown(
    foodbench: Foodbench, runs: Path, small_kitchen: Path, control: str, tmp_path: Path
) -> None:
    folder = RunFolder(runs / "controlled")
    right = load_task("food101.dish", small_kitchen)
    data = controlled(right, control)
    store_task(folder, data, lambda sample: "curry rice")
    finish_run(folder, {})
    sample, picture = data.samples[0], tmp_path / "shown.png"
    output = foodbench("show", "controlled", "--sample", sample.sample_id, "--out", picture)
    assert output.code == 0, output.err
    assert field(output, "control") == control
    shown = sample.image.open()
    page = Image.open(picture)
    drawn = page.crop((14, page.height - 14 - 384, 14 + 384, page.height - 14))
    expected = shown.resize((384, 384), Image.Resampling.LANCZOS)
    assert np.abs(np.asarray(drawn).astype(int) - np.asarray(expected).astype(int)).max() <= 1
    original = next(each for each in right.samples if each.sample_id == sample.sample_id).image.path
    assert f"shown instead of {original}" in output.out


def test_a_sample_of_another_kitchen_is_not_found(
    foodbench: Foodbench, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / "hard", seed=8, train=8, test=12, difficulty=PRESETS["hard"], datasets=("nutrition5k",), workers=1)
    folder = RunFolder(runs / "hard")
    data = load_task("nutrition5k.total", tmp_path / "hard")
    store_task(folder, data, lambda sample: data.task.oracle(sample).to_text())
    finish_run(folder, {})
    output = foodbench("show", "hard", "--sample", data.samples[0].sample_id)
    assert output.code != 0
    assert "hint: The run's edition: kitchen, hard, seed 8, 8+12. Here is kitchen, seed 7, 24+24: " in output.err
    assert "FOODBENCH_KITCHEN" in output.err
    monkeypatch.setenv("FOODBENCH_KITCHEN", str(tmp_path / "hard"))
    again = foodbench("show", "hard", "--sample", data.samples[0].sample_id)
    assert again.code == 0, again.err
    assert field(again, "edition") == "kitchen, hard, seed 8, 8+12"


def test_nutrition_sample(foodbench: Foodbench, runs: Path, small_kitchen: Path) -> None:
    folder = RunFolder(runs / "scale")
    data = load_task("nutrition5k.total", small_kitchen)
    store_task(folder, data, lambda sample: data.task.oracle(sample).to_text())
    finish_run(folder, {})
    output = foodbench("show", "scale", "--sample", data.samples[0].sample_id)
    assert output.code == 0, output.err
    reference: dict[str, Any] = dict(data.samples[0].reference)
    assert field(output, "reference").startswith(f"kcal {reference['kcal']:.4g}")
    assert field(output, "answer").startswith("kcal ")
