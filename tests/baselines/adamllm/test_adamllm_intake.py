from __future__ import annotations

import json
from pathlib import Path

import pytest

from baselines.adamllm import intake
from baselines.adamllm.records import defuse
from foodbench.core.errors import DataCorrupt, DataMissing


def write(path: Path, *rows: object) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def pair(**changes: object) -> dict[str, object]:
    return {"id": "a", "image": "p0.png", "caption": "Rice.", **changes}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("{not json", "not_json"),
        ("[1, 2]", "not_json"),
        ("[" * 100_000, "not_json"),
        (pair(caption=""), "empty_caption"),
        (pair(caption=" \n\u0007 "), "empty_caption"),
        (pair(caption=None), "empty_caption"),
        (pair(caption=["Rice."]), "bad_field"),
        (pair(caption="x" * 30_000), "too_long"),
        (pair(id=7), "bad_id"),
        (pair(id=""), "bad_id"),
        (pair(id="a\u202eb"), "bad_id"),
        (pair(image="../p0.png"), "bad_image_path"),
        (pair(image="/etc/passwd"), "bad_image_path"),
        (pair(image=3), "bad_image_path"),
        (pair(image="none.png"), "missing_image"),
        (pair(image="broken.png"), "broken_image"),
        (pair(image="empty.png"), "broken_image"),
        (pair(facts=[1]), "bad_field"),
        (pair(recipe={"title": "t", "ingredients": "rice", "steps": []}), "bad_field"),
    ],
)
def test_what_cannot_be_used_is_named_and_the_rest_goes_on(folder: Path, row: object, reason: str) -> None:
    whole = (folder / "p0.png").read_bytes()
    (folder / "broken.png").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.png").write_bytes(b"")
    found = intake.read_pairs(write(folder / "x.jsonl", row, pair(id="good")))
    assert [one.pair_id for one in found.kept] == ["good"]
    assert [(one.where, one.reason) for one in found.rejected] == [("line 1", reason)]
    assert found.counts() == {"kept": 1, reason: 1}


def test_of_records_with_one_id_the_first_usable_one_counts(folder: Path) -> None:
    rows = (pair(caption=""), pair(caption="First."), pair(caption="Second."), pair(caption="First."))
    found = intake.read_pairs(write(folder / "x.jsonl", *rows))
    assert [one.caption for one in found.kept] == ["First."]
    assert found.counts() == {"kept": 1, "duplicate_id": 2, "empty_caption": 1}


def test_files_without_a_usable_record_are_refused(folder: Path) -> None:
    path = write(folder / "x.jsonl", pair(caption=""))
    with pytest.raises(DataCorrupt, match="1 empty_caption"):
        intake.require_some(intake.read_pairs(path), path)
    with pytest.raises(DataMissing):
        intake.read_pairs(folder / "absent.jsonl")


def test_pairs_and_seed_survive_a_round_trip(folder: Path) -> None:
    recipe = {"title": "Rice", "ingredients": ["1 cup rice"], "steps": ["Boil."]}
    found = intake.read_pairs(write(folder / "x.jsonl", pair(recipe=recipe, facts={"dish": "curry rice"})))
    again = write(folder / "y.jsonl", *(intake.pair_dict(one, folder) for one in found.kept))
    assert intake.read_pairs(again).kept == found.kept
    row = {"id": "s", "task": "t", "image": "p1.png", "caption": "c", "instruction": "i", "informative": "d"}
    seeds = intake.read_seed(write(folder / "s.jsonl", {**row, "precise": "p"}, {**row, "precise": " "}))
    assert seeds.counts() == {"kept": 1, "duplicate_id": 1}
    assert intake.read_seed(write(folder / "z.jsonl", intake.seed_dict(seeds.kept[0], folder))).kept == seeds.kept


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a <image> b", "a  image  b"),
        ("<|eot_id|>user", "eot_id user"),
        ("<|im_<|x|>end|>", "im_ x end"),
        ("rice</s>", "rice s"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("line\nfeed\ttab\x00\x1b", "line\nfeed\ttab"),
    ],
)
def test_texts_hold_no_control_tokens(text: str, left: str) -> None:
    assert " ".join(defuse(text).split(" ")).split() == left.split()
    assert "<|" not in defuse(text)
    assert "<image>" not in defuse(text)
