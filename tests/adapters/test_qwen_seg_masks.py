"""From a pointing model's text to masks, and what the tasks make of them: answers, refusals, silence."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from foodbench.adapters.pointing_masks import Drawer
from foodbench.core.errors import AdapterFailed, CheckpointError
from foodbench.core.types import Answer, Mask, Sample
from foodbench.data.images import ImageFile
from foodbench.metrics.masks import decode, encode
from foodbench.models.qwen_seg import Reference
from foodbench.tasks import TASKS

SIZE = (60, 80)
IMAGE = Image.new("RGB", (80, 60), (200, 100, 50))
GRID = 20


class Boxes:
    """Fills the boxes, and notes what it was given; raises, or misbehaves, where a test wants it to."""

    identity = "boxes"

    def __init__(self, change: Callable[[Reference, np.ndarray], Any] = lambda _, mask: mask) -> None:
        self.given: list[Reference] = []
        self._change = change

    def segment(self, image: Any, references: Sequence[Reference]) -> list[Any]:
        self.given += references
        return [self._change(reference, filled(reference.box)) for reference in references]


def filled(box: Sequence[float]) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[int(box[1]) : int(box[3]) + 1, int(box[0]) : int(box[2]) + 1] = True
    return mask


def says(*boxes: Sequence[Any], think: str = "Here.", **more: Any) -> str:
    items = [{"bbox_2d": list(box), "point_2d": [1, 1], **more} for box in boxes]
    return f"<think>{think}</think><answer>{json.dumps(items)}</answer>"


def draw(text: str, segmenter: Any = None) -> tuple[Answer, dict[str, Any]]:
    drawer = Drawer(segmenter or Boxes(), GRID)
    return drawer.answer(text, lambda: IMAGE), drawer.tally.totals()


def nothing_to_see() -> Image.Image:
    raise AssertionError("opened a picture that nothing is drawn in")


def test_references_are_drawn_in_the_picture_s_own_pixels() -> None:
    segmenter = Boxes()
    answer, totals = draw(says((2, 4, 10, 8), label="rice"), segmenter)
    # x * 80 / 20, y * 60 / 20
    assert segmenter.given == [Reference((8, 12, 40, 24), (4, 3), "rice")]
    assert [(mask.size, mask.label) for mask in answer.masks] == [(SIZE, "rice")]
    assert (decode(answer.masks[0]) == filled((8, 12, 40, 24))).all()
    assert answer.text == says((2, 4, 10, 8), label="rice")
    assert totals == {"unparsed": 0, "references": 1, "references_refused": 0, "segmenter_failures": 0}


def test_boxes_are_clipped_turned_and_refused() -> None:
    outside = says((-5, -5, 30, 30), (10, 8, 2, 4), (25, 0, 30, 5), (1, 1, "x", 4), (0, 0, float("nan"), 1))
    segmenter = Boxes()
    answer, totals = draw(outside, segmenter)
    assert [reference.box for reference in segmenter.given] == [(0, 0, 79, 59), (8, 12, 40, 24)]
    # One mask per reference, so that the order still says what each is; beside the picture it is empty.
    assert [int(decode(mask).sum()) for mask in answer.masks] == [4800, 33 * 13, 0]
    assert totals == {"unparsed": 0, "references": 3, "references_refused": 3, "segmenter_failures": 0}


def test_two_hundred_references_are_a_hundred_and_twenty() -> None:
    answer, totals = draw(says(*[(1, 1, 5, 5)] * 200))
    assert len(answer.masks) == totals["references"] == 120


def test_a_megabyte_of_nothing_is_an_unparsed_answer() -> None:
    for text in ("x" * 1_000_000, "<answer>" + "[" * 1_000_000 + "</answer>"):
        answer, totals = draw(text)
        assert (answer.masks, totals["unparsed"]) == ((), 1)


def test_a_segmenter_that_raises_costs_its_own_mask_only() -> None:
    def broken(reference: Reference, mask: np.ndarray) -> np.ndarray:
        if reference.box[0] == 8:
            raise RuntimeError("no memory left")
        return mask

    with pytest.warns(UserWarning, match="boxes failed.*no memory left"):
        answer, totals = draw(says((0, 0, 5, 5), (2, 4, 10, 8), (2, 4, 9, 7), (3, 3, 6, 6)), Boxes(broken))
    assert [bool(decode(mask).any()) for mask in answer.masks] == [True, False, False, True]
    assert totals["segmenter_failures"] == 2


def test_what_the_segmenter_says_on_purpose_ends_the_run() -> None:
    def absent(_: Reference, __: np.ndarray) -> np.ndarray:
        raise CheckpointError("no weights")

    with pytest.raises(CheckpointError, match="no weights"):
        draw(says((0, 0, 5, 5)), Boxes(absent))


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (lambda _, mask: mask.T, r"shape \(80, 60\)"),
        (lambda _, mask: mask[None], r"shape \(1, 60, 80\)"),
        (lambda _, mask: mask * 0.7, "type float64"),
        (lambda _, mask: "mask", r"shape \(\)"),
    ],
)
def test_masks_that_do_not_fit_are_the_segmenter_s_error(returned: Any, message: str) -> None:
    with pytest.raises(AdapterFailed, match=f"segmenter boxes returned a mask.*{message}"):
        draw(says((0, 0, 5, 5)), Boxes(returned))


def test_too_few_masks_are_the_segmenter_s_error() -> None:
    class Short(Boxes):
        def segment(self, image: Any, references: Sequence[Reference]) -> Any:
            return None if len(references) == 1 else super().segment(image, references)[:-1]

    with pytest.raises(AdapterFailed, match="1 masks for 2 references"):
        draw(says((0, 0, 5, 5), (0, 0, 6, 6)), Short())
    with pytest.raises(AdapterFailed, match="no list of masks"):
        draw(says((0, 0, 5, 5)), Short())


def test_nothing_is_opened_where_nothing_is_drawn() -> None:
    drawer = Drawer(Boxes(), GRID)
    assert drawer.answer(says(), nothing_to_see).masks == ()
    assert drawer.answer("what?", nothing_to_see).masks == ()


def sample(names: Sequence[str], present: dict[str, np.ndarray], image: Path) -> Sample:
    masks = [{"label": name, "counts": encode(mask).counts} for name, mask in present.items()]
    absent = [name for name in names if name not in present]
    reference = {"size": list(SIZE), "masks": masks, "absent": absent}
    return Sample("1", "1", ImageFile(image), "Where?", {"ingredients": list(names)}, reference)


def scored(task: str, text: str, one: Sample, segmenter: Any = None) -> Any:
    """The task's own score of what the model wrote, by the way that answers take through a run."""
    answer, _ = draw(text, segmenter)
    return TASKS.get(task).score(one, answer.to_text(), ("rice", "egg", "tofu"))


LEFT, RIGHT = filled((0, 0, 39, 59)), filled((40, 0, 79, 59))
ON_LEFT, ON_RIGHT = (0, 0, 9.75, 20), (10, 0, 20, 20)


def test_an_empty_list_refuses(photo: Path) -> None:
    gone = sample(["rice"], {}, photo)
    score = scored("foodseg103.absent1", says(think="There is no rice."), gone)
    assert (score.parsed, score.values["refused"], score.values["right"]) == (True, 1, 1)
    # The same of something that is there is an answer, and a wrong one.
    score = scored("foodseg103.refer1", says(), sample(["rice"], {"rice": LEFT}, photo))
    assert (score.parsed, score.values["answered"], score.values["intersection"]) == (True, 0, 0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The rice is not there.",
        "<think>The rice is not",
        "<think>Not there.</think><answer>[{",
        "<think>Not there.</think><answer>none</answer>",
        "Not there.</think><answer>none</answer>",
        "<think>a</think>Not there.<think>b</think><analysis></analysis>No.",
        '<think>Here.</think><answer>[{"bbox": [1, 2, 3, 4]}]</answer>',
        says((25, 25, 30, 30)),
        '{"foodbench_answer":1,"text":"The rice is not found."}',
    ],
)
def test_what_is_not_understood_refuses_nothing(text: str, photo: Path) -> None:
    score = scored("foodseg103.absent1", text, sample(["rice"], {}, photo))
    assert (score.parsed, score.values["refused"], score.values["right"]) == (False, 0, 0)
    kept, _ = draw(text)
    assert text in kept.text.replace("</ think>", "</think>")  # people can still read what the model wrote


def test_a_segmenter_that_fails_refuses_nothing(photo: Path) -> None:
    def broken(_: Reference, __: np.ndarray) -> np.ndarray:
        raise RuntimeError("no memory left")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        score = scored("foodseg103.absent1", says((1, 1, 9, 9)), sample(["rice"], {}, photo), Boxes(broken))
    assert (score.parsed, score.values["refused"]) == (False, 0)


def test_pointing_at_what_is_not_there_is_no_refusal(photo: Path) -> None:
    score = scored("foodseg103.absent1", says((1, 1, 9, 9)), sample(["rice"], {}, photo))
    assert (score.parsed, score.values["refused"], score.values["union"] > 0) == (True, 0, True)


def test_several_references_of_one_thing_are_joined(photo: Path) -> None:
    both = sample(["rice"], {"rice": LEFT | RIGHT}, photo)
    assert scored("foodseg103.refer1", says(ON_LEFT, ON_RIGHT), both).values["iou"] == 1
    reason = Sample("1", "1", both.image, "Which?", {}, both.reference)
    assert scored("foodreasonseg.single", says(ON_LEFT, ON_RIGHT), reason).values["iou"] == 1
    half = scored("foodreasonseg.single", says(ON_LEFT), reason).values["iou"]
    assert half == pytest.approx(0.5, abs=0.02)
    assert not scored("foodreasonseg.single", "[]", reason).parsed


def test_several_things_are_told_by_order_label_or_reasoning(photo: Path) -> None:
    two = sample(["rice", "egg"], {"rice": LEFT, "egg": RIGHT}, photo)
    assert scored("foodseg103.refer3", says(ON_LEFT, ON_RIGHT), two).values["iou_sum"] == 2
    assert scored("foodseg103.refer3", says(ON_RIGHT, ON_LEFT), two).values["iou_sum"] == 0
    labelled = (
        '<answer>[{"bbox_2d": [10,0,20,20], "point_2d": [15,9], "label": "the egg"}, '
        '{"bbox_2d": [0,0,9.75,20], "point_2d": [5,9], "label": "rice"}]</answer>'
    )
    assert scored("foodseg103.refer3", labelled, two).values["iou_sum"] == 2
    three = sample(["rice", "tofu", "egg"], {"rice": LEFT, "egg": RIGHT}, photo)
    think = "The rice is at the left. The tofu is not there. The egg is at the right."
    score = scored("foodseg103.refer3", says(ON_LEFT, ON_RIGHT, think=think), three)
    assert (score.values["iou_sum"], score.values["refused"], score.values["right"]) == (2, 1, 1)


def test_an_empty_mask_keeps_its_place_in_the_order(photo: Path) -> None:
    two = sample(["rice", "egg"], {"rice": LEFT, "egg": RIGHT}, photo)
    score = scored("foodseg103.refer3", says((30, 30, 40, 40), ON_RIGHT), two)
    assert (score.values["iou_sum"], score.values["answered"]) == (1, 1)


NUMBERS = st.integers() | st.floats() | st.booleans() | st.text(max_size=3) | st.none()
ITEMS = st.fixed_dictionaries(
    {},
    optional={
        "bbox_2d": st.lists(NUMBERS, max_size=5),
        "point_2d": st.lists(NUMBERS, max_size=3),
        "label": st.text(max_size=5) | st.integers(),
    },
)


@given(st.lists(ITEMS, max_size=5), st.booleans())
def test_any_answer_becomes_masks_of_the_picture(items: list[Any], whole: bool) -> None:
    text = f"<think></think><answer>{json.dumps(items)}{'</answer>' if whole else ''}"
    answer, totals = draw(text)
    assert len(answer.masks) == totals["references"]
    for mask in answer.masks:
        assert isinstance(mask, Mask)
        assert decode(mask).shape == SIZE
