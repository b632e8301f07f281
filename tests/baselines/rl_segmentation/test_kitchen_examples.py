"""The examples that the kitchen model learns from, against the label maps of their plates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from baselines.rl_segmentation.kitchen_model.examples import (
    FAMILIES,
    Example,
    draw_example,
    position,
    sentence,
)
from baselines.rl_segmentation.kitchen_model.places import (
    cell_shares,
    load_places,
    plate_labels,
    plate_picture,
)
from foodbench.data.kitchen.ingredients import INGREDIENT_NAMES
from foodbench.data.kitchen.reasoning import QUESTIONS, askable
from foodbench.models.qwen_seg.references import Reference, is_strict, parse_answer
from foodbench.tasks import prompts
from foodbench.tasks.pointing import refused
from tests.baselines.rl_segmentation.kitchen_plates import GRID, places, plates


def drawn(family: str, count: int = 60) -> list[tuple[int, Example]]:
    rng = np.random.default_rng(5)
    return [
        (index % len(plates()), draw_example(plates(), index % len(plates()), rng, GRID, {family: 1.0}))
        for index in range(count)
    ]


def brute_force_box(index: int, name: str) -> tuple[int, ...]:
    """The smallest box around an ingredient's pixels, found pixel by pixel, in grid coordinates."""
    labels = plate_labels(plates(), index)
    height, width = labels.shape
    number = INGREDIENT_NAMES.index(name) + 1
    pixels = [(x, y) for y in range(height) for x in range(width) if labels[y, x] == number]
    corners = (
        min(x for x, _ in pixels),
        min(y for _, y in pixels),
        max(x for x, _ in pixels),
        max(y for _, y in pixels),
    )
    return tuple(int(value * GRID / (width, height)[place % 2] + 0.5) for place, value in enumerate(corners))


@pytest.mark.parametrize("family", FAMILIES)
def test_boxes_and_points_are_those_of_the_label_map(family: str) -> None:
    for index, example in drawn(family, 25):
        labels = plate_labels(plates(), index)
        assert len(example.references) == len(example.names) == len(set(example.names))
        for name, reference in zip(example.names, example.references, strict=True):
            assert reference.box == brute_force_box(index, name)
            height, width = labels.shape
            column, row = (round(reference.point[0] * width / GRID), round(reference.point[1] * height / GRID))
            nearby = labels[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
            assert INGREDIENT_NAMES.index(name) + 1 in nearby


@pytest.mark.parametrize("family", FAMILIES)
def test_answers_are_in_the_papers_form_and_read_back(family: str) -> None:
    for _, example in drawn(family):
        parsed = parse_answer(example.answer)
        assert is_strict(example.answer)
        assert parsed.references == example.references
        assert parsed.think == example.think


def test_reasoning_points_at_what_the_question_means() -> None:
    kinds = {wording: question.kind for question in QUESTIONS for wording in question.wordings}
    met = set()
    for index, example in drawn("reasoning", 200):
        wording = example.question.removesuffix(" Please output segmentation mask.")
        pointed = askable(plates().facts(index).ingredients)
        assert example.names == pointed[kinds.get(wording, "everything")]
        assert not example.asked
        met.add(wording)
    assert len(met) > 15


def test_named_things_come_in_the_order_asked_and_absent_ones_are_denied() -> None:
    counts = set()
    for index, example in drawn("refer_several", 150):
        present = plates().facts(index).ingredients
        assert prompts.enumerate_names(example.asked) in example.question
        assert example.names == tuple(name for name in example.asked if name in present)
        for name in example.asked:
            assert refused(example.think, name) == (name not in present)
        counts.add((len(example.asked), len(example.asked) - len(example.names)))
    assert {(2, 0), (2, 1), (3, 0), (3, 1)} <= counts


def test_nothing_is_pointed_at_where_nothing_is() -> None:
    for _, example in drawn("absent"):
        assert example.references == ()
        assert example.answer.endswith("<answer>[]</answer>")
        assert example.question in {wording.format(ingredient=example.asked[0]) for wording in prompts.REFER}


def test_everything_is_everything() -> None:
    for index, example in drawn("everything", 20):
        numbers = np.unique(plate_labels(plates(), index))
        assert example.names == tuple(INGREDIENT_NAMES[number - 1] for number in numbers if number)


def test_most_limits_the_references() -> None:
    rng = np.random.default_rng(0)
    families = dict.fromkeys(FAMILIES, 1.0)
    lengths = {len(draw_example(plates(), 0, rng, GRID, families, most=1).references) for _ in range(40)}
    assert lengths == {0, 1}


@pytest.mark.parametrize(
    ("box", "words"),
    [
        ((0, 0, 20, 20), "top left"),
        ((40, 0, 60, 20), "top"),
        ((80, 0, 99, 20), "top right"),
        ((0, 40, 20, 60), "left"),
        ((40, 40, 60, 60), "center"),
        ((80, 45, 99, 55), "right"),
        ((0, 80, 20, 99), "bottom left"),
        ((30, 80, 70, 99), "bottom"),
        ((80, 80, 99, 99), "bottom right"),
    ],
)
def test_position_in_words(box: tuple[float, float, float, float], words: str) -> None:
    assert position(Reference(box, (0, 0)), 100) == words


def test_sentences_agree_in_number() -> None:
    reference = Reference((0, 0, 10, 10), (5, 5))
    assert sentence("green beans", reference, 100) == "The green beans are at the top left."
    assert sentence("egg", None, 100) == "The egg is not there."


def test_places_hold_what_the_label_maps_say(tmp_path: Path) -> None:
    found = load_places(plates(), GRID, 2, tmp_path)
    kept = load_places(plates(), GRID, 2, tmp_path)
    for index in range(len(plates())):
        picture = plate_picture(plates(), index)
        height, width = plates().sam_sizes[index]
        assert picture.size == (width, height)
        squashed = picture.resize((GRID, GRID), Image.Resampling.BILINEAR)
        assert np.array_equal(found.pixels[index], np.asarray(squashed))
        assert np.array_equal(found.pixels[index], np.asarray(plate_picture(plates(), index, GRID)))
        for name in plates().facts(index).ingredients:
            assert found.reference(index, name).box == brute_force_box(index, name)
        absent = [place for place, name in enumerate(INGREDIENT_NAMES) if name not in plates().facts(index).ingredients]
        assert not found.boxes[index, absent].any()
    for name in ("pixels", "boxes", "points", "cells"):
        assert np.array_equal(getattr(found, name), getattr(kept, name))


def test_damaged_places_are_measured_again(tmp_path: Path) -> None:
    load_places(plates(), GRID, 2, tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(b"damaged")
    again = load_places(plates(), GRID, 2, tmp_path)
    assert np.array_equal(again.boxes, places().boxes)


def test_cell_shares_are_areas() -> None:
    labels = np.zeros((8, 4), np.uint8)
    labels[:4, :2] = 3
    labels[4:6, 2:] = 20
    shares = cell_shares(labels, 2)
    assert shares.shape == (2, 2, len(INGREDIENT_NAMES) + 1)
    assert shares[0, 0, 3] == 255
    assert shares[0, 1, 0] == 255
    assert shares[1, 1, 20] == 128
    assert shares[1, 1, 0] == 128
