"""Asking for masks of named ingredients: what is asked, which mask stands for which name, what is counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foodbench.core.types import Answer, Mask, Sample
from foodbench.metrics import masks
from foodbench.stats.summary import point_values
from foodbench.tasks import TASKS, pointing, prompts
from foodbench.tasks.regions import regions_of
from tests.tasks.helpers import load

SIZE = (8, 10)


def box(top: int, bottom: int, left: int, right: int, label: str | None = None) -> Mask:
    dense = np.zeros(SIZE, dtype=bool)
    dense[top:bottom, left:right] = True
    coded = masks.encode(dense)
    return Mask(coded.size, coded.counts, label)


LEFT, RIGHT, NOTHING = box(0, 8, 0, 5), box(0, 8, 5, 10), masks.empty(SIZE)


def labelled(mask: Mask, label: str | None) -> Mask:
    return Mask(mask.size, mask.counts, label)


def query(present: dict[str, Mask], absent: tuple[str, ...] = ()) -> Sample:
    plain = [{"label": name, "counts": mask.counts} for name, mask in present.items()]
    reference = {"size": list(SIZE), "masks": plain, "absent": list(absent)}
    return Sample("s", "s", None, "?", {"ingredients": [*present, *absent]}, reference)  # type: ignore[arg-type]


VOCABULARY = ("rice", "egg", "onion", "spring onion", "tofu", "rice cake", "candy")


def values(sample: Sample, text: str, *given: Mask) -> dict[str, float]:
    return dict(pointing.read_query(sample, Answer(text, masks=given), VOCABULARY).values)


@pytest.mark.parametrize(
    ("labels", "names", "text", "expected"),
    [
        (["rice", "egg"], ["egg", "rice"], "", {"egg": [1], "rice": [0]}),
        (["Eggs", "the rice!"], ["egg", "rice"], "", {"egg": [0], "rice": [1]}),
        (["fried egg with chives"], ["egg"], "", {"egg": [0]}),
        (["spring onion", "onion"], ["onion", "spring onion"], "", {"onion": [1], "spring onion": [0]}),
        (["spring onion"], ["onion"], "", {}),
        (["scallions"], ["onion", "spring onion"], "", {"spring onion": [0]}),
        (["rice", "more rice", "egg"], ["rice", "egg"], "", {"rice": [0, 1], "egg": [2]}),
        ([None, None], ["rice", "egg"], "", {"rice": [0], "egg": [1]}),
        ([None, None], ["rice"], "", {"rice": [0, 1]}),
        ([None, None, None], ["rice", "egg"], "", {"rice": [0], "egg": [1]}),
        ([None], ["rice", "egg"], "The rice is not found in this picture.", {"egg": [0]}),
        ([None], ["rice", "egg"], "There is no rice. Here it is.", {"egg": [0]}),
        (["egg", None], ["rice", "egg"], "", {"egg": [0], "rice": [1]}),
        (["something white"], ["rice"], "", {"rice": [0]}),
        (["candy"], ["rice"], "", {}),
        (["rice"], ["rice", "rice cake"], "", {"rice": [0]}),
    ],
)
def test_masks_go_to_names_by_phrase_then_by_order(
    labels: list[str | None], names: list[str], text: str, expected: dict[str, list[int]]
) -> None:
    answer = Answer(text, masks=tuple(labelled(LEFT, label) for label in labels))
    assert pointing.assign(answer, names, VOCABULARY) == expected


def test_pieces_of_one_thing_are_one_mask() -> None:
    upper, lower = box(0, 4, 0, 5, "rice"), box(4, 8, 0, 5, "rice")
    found = values(query({"rice": LEFT}), "", upper, lower)
    assert (found["iou"], found["answered"], found["strays"]) == (1.0, 1.0, 0.0)


def test_what_was_not_asked_for_costs() -> None:
    sample = query({"rice": LEFT})
    found = values(sample, "", labelled(LEFT, "rice"), labelled(RIGHT, "tofu"))
    assert (found["intersection"], found["union"], found["strays"], found["right"]) == (40.0, 80.0, 1.0, 0.0)


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("Sure, here it is [SEG1].", [labelled(LEFT, "food item")]),
        ("Sure, it is [SEG1].", []),
        ("It is not there.", [labelled(LEFT, "tofu")]),
    ],
)
def test_who_draws_or_promises_to_has_not_refused(text: str, given: list[Mask]) -> None:
    found = values(query({}, ("egg",)), text, *given)
    assert (found["refused_query"], found["right"]) == (0.0, 0.0)


def test_a_missing_mask_is_an_empty_one() -> None:
    sample = query({"rice": LEFT, "egg": RIGHT})
    only_rice = values(sample, "The rice is here.", labelled(LEFT, "rice"))
    assert (only_rice["intersection"], only_rice["union"]) == (40.0, 80.0)
    assert (only_rice["answered"], only_rice["present"], only_rice["answered_query"]) == (1.0, 2.0, 0.0)
    assert (only_rice["iou"], only_rice["iou_sum"], only_rice["right"]) == (0.5, 1.0, 0.0)


def test_a_mask_for_what_is_not_there_costs() -> None:
    sample = query({"rice": LEFT}, ("egg",))
    honest = values(sample, "The egg is not found.", labelled(LEFT, "rice"))
    assert (honest["union"], honest["refused"], honest["right"]) == (40.0, 1.0, 1.0)
    eager = values(sample, "", labelled(LEFT, "rice"), labelled(RIGHT, "egg"))
    assert (eager["union"], eager["refused"], eager["right"]) == (80.0, 0.0, 0.0)
    assert eager["iou"] == 1.0, "the mean over the names that are there says nothing of it: refusal stands beside it"


def test_an_empty_mask_says_that_nothing_is_there() -> None:
    sample = query({"rice": LEFT}, ("egg",))
    found = values(sample, "", labelled(NOTHING, "rice"), labelled(NOTHING, "egg"))
    assert (found["answered"], found["refused"]) == (0.0, 0.0), "silence refuses nothing"
    found = values(sample, "Look.", labelled(NOTHING, "rice"), labelled(NOTHING, "egg"))
    assert (found["answered"], found["refused"]) == (0.0, 1.0)


def test_silence_is_no_refusal() -> None:
    sample = query({}, ("egg", "rice"))
    assert values(sample, "")["refused_query"] == 0.0
    assert values(sample, "Neither is on the plate.")["refused_query"] == 1.0


def test_a_malformed_mask_is_told_and_counts_as_none() -> None:
    sample = query({"rice": LEFT})
    reading = pointing.read_query(sample, Answer("Here.", masks=(Mask((9, 9), LEFT.counts, "rice"),)), VOCABULARY)
    assert not reading.parsed
    assert "size" in str(reading.error)
    assert (reading.values["answered"], reading.values["union"]) == (0.0, 40.0)


@given(st.lists(st.text(max_size=30), max_size=6), st.text(max_size=200))
def test_any_labels_and_text_are_read(labels: list[str], text: str) -> None:
    sample = query({"rice": LEFT, "spring onion": RIGHT}, ("onion",))
    answer = Answer(text, masks=tuple(labelled(LEFT, label) for label in labels))
    reading = pointing.read_query(sample, answer, VOCABULARY)
    places = [place for found in reading.detail["masks"].values() for place in found]
    assert len(places) == len(set(places)), "a mask stands for one name"
    assert 0 <= reading.values["intersection"] <= reading.values["union"]
    everything = pointing.read_everything(sample, answer, ("rice", "onion", "spring onion"))
    assert 0 <= everything.values["hallucinated"] <= everything.values["named"]


@pytest.mark.parametrize("dataset", ["foodseg103", "uecfoodpix"])
@pytest.mark.parametrize("count", [1, 3, 5])
def test_refer_asks_as_many_names_whether_all_are_there_or_not(dataset: str, count: int, kitchen: Path) -> None:
    data = load(f"{dataset}.refer{count}")
    kinds = []
    for sample in data.samples:
        present = [mask.label for mask in pointing.reference_masks(sample)]
        absent = list(sample.reference["absent"])
        assert len(sample.slots["ingredients"]) == count, "the length tells nothing"
        assert sorted(sample.slots["ingredients"]) == sorted({*present, *absent})
        assert all(masks.area(mask) > 0 for mask in pointing.reference_masks(sample))
        kinds.append(len(absent))
    assert set(kinds) == ({0} if count == 1 else {0, 1}) or len(kinds) < 8


def test_a_name_is_as_often_absent_as_present(kitchen: Path) -> None:
    """Whoever knows how frequent names are knows nothing about a query: both kinds are drawn from the same names."""
    data = load("foodseg103.absent1")
    asked = [(sample.slots["ingredients"][0], bool(sample.reference["masks"])) for sample in data.samples]
    names = sorted({name for name, _ in asked})
    there = {name: [present for other, present in asked if other == name] for name in names}
    knowing = sum(max(found.count(True), found.count(False)) for found in there.values()) / len(asked)
    # Fitted on the very queries (20 names, 48 queries), which flatters it; drawn evenly from all names it was 0.85.
    assert knowing < 0.8


def test_the_references_are_the_classes_of_the_mask_files(kitchen: Path) -> None:
    from PIL import Image

    folder = kitchen / "FoodSeg103"
    lines = (folder / "category_id.txt").read_text().splitlines()
    ids = {name: int(number) for number, name in (line.split("\t", 1) for line in lines)}
    for sample in load("foodseg103.everything").samples:
        with Image.open(folder / "Images" / "ann_dir" / "test" / f"{sample.sample_id}.png") as image:
            class_map = np.asarray(image)
        found = {mask.label: masks.decode(mask) for mask in pointing.reference_masks(sample)}
        assert {ids[str(name)] for name in found} == set(np.unique(class_map).tolist()) - {0, 103, 255}
        assert all(np.array_equal(dense, class_map == ids[str(name)]) for name, dense in found.items())


@pytest.mark.parametrize("count", [1, 3])
def test_constant_policies_get_half_of_the_absent_task_at_most(count: int, kitchen: Path) -> None:
    data = load(f"foodseg103.absent{count}")
    kinds = [bool(sample.reference["masks"]) for sample in data.samples]
    assert kinds.count(True) == kinds.count(False)
    first = [bool(sample.reference["masks"]) for sample in data.samples if sample.sample_id.endswith("/1")]
    assert 0 < sum(first) < len(first), "the id does not say which query has an answer"
    lengths = {len(sample.slots["ingredients"]) for sample in data.samples}
    assert lengths == {count}, "the number of names does not give the kind away"

    def accuracy(answer: Any) -> float | None:
        scores = [data.task.score(sample, answer(sample).to_text(), ()) for sample in data.samples]
        return point_values(data.task.metrics, scores)["accuracy.query"]

    refuse = accuracy(lambda sample: Answer("None of it is there."))
    answer_all = accuracy(
        lambda sample: Answer(
            "Here.", masks=tuple(labelled(_anything(sample), name) for name in sample.slots["ingredients"])
        )
    )
    assert refuse == 50.0
    assert answer_all == (50.0 if count == 1 else 0.0)


def _anything(sample: Sample) -> Mask:
    height, width = sample.reference["size"]
    return masks.encode(np.ones((height, width), dtype=bool))


def test_absent_names_have_no_word_in_common_with_present_ones() -> None:
    assert pointing.shares_word("oyster mushroom", ["white button mushroom"])
    assert pointing.shares_word("red bean", ["green beans"])
    assert not pointing.shares_word("rice", ["rape", "steak"])


def test_everything_joins_masks_of_a_class_and_counts_what_is_not_there() -> None:
    sample = query({"rice": LEFT, "egg": RIGHT})
    upper, lower = box(0, 4, 0, 5, "rice"), box(4, 8, 0, 5, "more rice")
    reading = pointing.read_everything(
        sample, Answer("", masks=(upper, lower, labelled(RIGHT, "tofu"), labelled(RIGHT, "something"))),
        ("rice", "egg", "tofu"),
    )  # fmt: skip
    found = reading.values
    assert (found["answered"], found["present"], found["named"], found["hallucinated"]) == (1.0, 2.0, 3.0, 2.0)
    assert found["intersection"] == 40.0
    assert found["union"] == 40 + 40 + 40 + 40, "rice, the missed egg, the tofu and the stray mask"


def test_teacher_forced_gives_the_text_and_asks_for_nothing_absent(kitchen: Path) -> None:
    plain, told = load("foodseg103.refer3"), load("foodseg103.refer3.teacher_forced")
    assert [sample.sample_id for sample in plain.samples] == [sample.sample_id for sample in told.samples]
    for free, forced in zip(plain.samples, told.samples, strict=True):
        assert forced.reference["absent"] == []
        free_masks = [mask for mask in free.reference["masks"] if mask["label"] not in free.reference["absent"]]
        assert all(mask in forced.reference["masks"] for mask in free_masks)
        assert forced.slots["forced_answer"] == prompts.masks_sentence(forced.slots["ingredients"])


def test_what_is_there_is_asked_whichever_other_photos_are_there(kitchen: Path) -> None:
    """Which names of a photo are asked for depends on the photo; absent names come from the other photos."""
    from foodbench.data.roots import open_dataset

    task = TASKS.get("foodseg103.refer1")
    whole = load("foodseg103.refer1")
    some = open_dataset(whole.choice).records("test")[5:12]
    asked = {sample.sample_id: sample.slots for sample in whole.samples}
    assert all(asked[sample.sample_id] == sample.slots for sample in task.build(open_dataset(whole.choice), some))


def test_a_photo_that_was_replaced_after_its_mask_was_read_is_found(
    kitchen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    from PIL import Image

    from foodbench.core.errors import DataCorrupt
    from foodbench.data.foodseg103 import FoodSeg103, photo_path
    from foodbench.tasks.regions import unusable_of

    copy = Path(shutil.copytree(kitchen / "FoodSeg103", tmp_path / "copy"))
    reader = FoodSeg103(copy)
    records = reader.records("test")
    assert len(regions_of(reader, "test", records)) == len(records)
    photo = photo_path(copy, "test", records[3].stem)
    with Image.open(photo) as image:
        image.resize((image.width // 2, image.height // 2)).save(photo, "JPEG")
    with pytest.raises(DataCorrupt, match="does not fit its photo"):
        regions_of(FoodSeg103(copy), "test", records)
    partial = FoodSeg103(copy, allow_partial=True)
    assert set(regions_of(partial, "test", records)) == {record.stem for record in records} - {records[3].stem}
    assert list(unusable_of(partial)) == [records[3].stem]


def test_regions_are_kept_and_read_again(kitchen: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from foodbench.data.roots import open_dataset, resolve
    from foodbench.tasks import regions

    monkeypatch.setattr(regions, "_LOADED", {})
    reader = open_dataset(resolve("foodseg103", "kitchen"))
    records = reader.records("test")
    first = regions_of(reader, "test", records)
    monkeypatch.setattr(regions, "_LOADED", {})
    monkeypatch.setattr(regions, "_measure", lambda record: pytest.fail(f"{record.stem} was measured again"))
    assert regions_of(reader, "test", records) == first
    monkeypatch.setattr(regions, "_LOADED", {})
    (kept,) = (Path(regions.home()) / "regions").glob("*.json")
    kept.write_text(kept.read_text()[:-40])
    measured = regions.Regions((1, 1), {})
    monkeypatch.setattr(regions, "_measure", lambda record: measured)
    assert list(regions_of(reader, "test", records).values()) == [measured] * len(records), "damaged: measured anew"
