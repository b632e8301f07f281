"""Another picture, or none, for every question."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from foodbench.cli.main import run_command
from foodbench.core.errors import UsageError
from foodbench.data.controls import CONTROLS, ControlImage
from foodbench.data.images import image_from_dict
from foodbench.tasks.controls import controlled
from foodbench.tasks.hooks import document_to_sample, sample_to_document
from tests.tasks.helpers import load


def test_every_question_gets_another_picture_and_every_picture_is_used(kitchen: Path) -> None:
    data = load("foodseg103.absent1")
    other = controlled(data, "wrong-image")
    right = {sample.cluster: sample.image.path for sample in data.samples}
    shown = {sample.cluster: sample.image.path for sample in other.samples}
    assert sorted(right.values()) == sorted(shown.values())
    assert all(shown[cluster] != path for cluster, path in right.items())
    for before, after in zip(data.samples, other.samples, strict=True):
        assert (before.question, before.reference, before.slots) == (after.question, after.reference, after.slots)
        assert after.image.open().size == before.image.open().size, "masks are scored at the right picture's size"
        assert document_to_sample(sample_to_document(after, "foodseg103.absent1")) == after
    assert {sample.cluster: sample.image.path for sample in controlled(data, "wrong-image", seed=1).samples} != shown


def test_the_blank_picture_is_even_and_has_the_right_size(kitchen: Path) -> None:
    data = load("food101.dish", limit=3)
    for before, after in zip(data.samples, controlled(data, "blank-image").samples, strict=True):
        picture = after.image.open()
        assert picture.size == before.image.open().size
        assert np.ptp(np.asarray(picture)) == 0
        assert after.image.fingerprint() != before.image.fingerprint()


def test_a_controlled_task_does_not_compare_with_the_plain_one(kitchen: Path) -> None:
    data = load("food101.dish")
    prints = {data.fingerprint, *(controlled(data, control).fingerprint for control in CONTROLS)}
    assert len(prints) == 3
    assert controlled(data, None) is data


def test_controls_that_cannot_be(kitchen: Path) -> None:
    with pytest.raises(UsageError, match="no control 'upside-down'"):
        controlled(load("food101.dish"), "upside-down")
    with pytest.raises(UsageError, match="one picture only"):
        controlled(load("food101.dish", limit=1), "wrong-image")


def test_a_control_picture_round_trips_and_refuses_nonsense(kitchen: Path) -> None:
    image = controlled(load("food101.dish", limit=2), "wrong-image").samples[0].image
    assert isinstance(image, ControlImage)
    assert image_from_dict(json.loads(json.dumps(image.as_dict()))) == image


@pytest.mark.parametrize("control", CONTROLS)
def test_a_run_under_control_says_so_and_shows_what_is_earned_blindly(
    control: str, kitchen: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "controlled"
    command = ["run", "--model", "foodlmm", "--tasks", "food101.dish", "--limit", "12", "--out", str(out)]
    assert run_command([*command, "--control", control, "--json", "--quiet"]) == 0
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert result["task"]["control"] == control
    assert result["metrics"][0]["value"] < 50, "the dish of another plate is not this one's"
    (run,) = out.iterdir()
    assert run_command(["score", str(run)]) == 0
    assert f"control {control}" in capsys.readouterr().out
