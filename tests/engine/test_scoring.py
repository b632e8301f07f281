"""Results without the samples that are known to be wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from foodbench.data.roots import resolve
from foodbench.engine import scoring
from foodbench.tasks import TASKS
from foodbench.tasks.controls import controlled


@pytest.mark.parametrize("control", [None, "wrong-image", "blank-image"])
def test_a_wrong_sample_is_left_out_whatever_picture_is_shown(
    kitchen: Path, monkeypatch: pytest.MonkeyPatch, control: str | None
) -> None:
    data = TASKS.get("foodseg103.labels").load(resolve("foodseg103", "kitchen"))
    wrong = data.samples[3]
    monkeypatch.setattr(scoring, "bad_ids", lambda _dataset: frozenset({wrong.image.path.name}))
    real = controlled(replace(data, choice=replace(data.choice, edition="real")), control)
    scores = [data.task.score(sample, "rice", data.vocabulary) for sample in real.samples]
    without = scoring._without_known_bad(real, scores)
    assert without is not None
    assert without.excluded == [wrong.sample_id]
