"""From dialogues and plates to what is learnt from and what is measured on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from baselines.rl_segmentation import reasoning_questions as reasoning
from baselines.rl_segmentation.data import RawPicture, TrainingQuestion, to_rows
from baselines.rl_segmentation.plate_questions import plate_questions
from baselines.rl_segmentation.reasoning_questions import drawn_iou, reasoning_questions, separate
from baselines.rl_segmentation.settings import PlatesSource, ReasonSegSource
from baselines.rl_segmentation.trl_rewards import read_solution
from foodbench.core.errors import DataMissing
from foodbench.data.kitchen import make
from foodbench.data.roots import open_dataset, resolve
from foodbench.metrics.masks import decode
from foodbench.models.qwen_seg.colour_flood import ColourFlood
from foodbench.models.qwen_seg.grid import reference_of_mask
from foodbench.models.qwen_seg.prompting import SHORT_PROMPT
from foodbench.models.qwen_seg.references import Reference
from foodbench.tasks import TASKS
from foodbench.tasks.pointing import reference_masks

GRID = 112
EGG = Reference((1, 2, 20, 21), (10, 11))


def source(**changes: Any) -> ReasonSegSource:
    return ReasonSegSource.model_validate(
        {"source": "foodreasonseg", "edition": "kitchen", "validation": 0.2} | changes
    )


def stem_of(question: Any) -> str:
    return Path(str(question.picture.path)).stem


def blocks(*corners: tuple[int, int, int, int], side: int = 100) -> list[np.ndarray]:
    masks = []
    for top, left, bottom, right in corners:
        mask = np.zeros((side, side), bool)
        mask[top:bottom, left:right] = True
        masks.append(mask)
    return masks


@pytest.fixture(scope="module")
def reasoning_kitchen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kitchen")
    make(folder, seed=7, size=128, train=16, test=4, datasets=("foodreasonseg",), workers=1)
    return folder


@pytest.fixture
def kitchen(reasoning_kitchen: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kitchen of this dataset alone, and small."""
    monkeypatch.setenv("FOODBENCH_KITCHEN", str(reasoning_kitchen))
    return reasoning_kitchen


# Composite targets


def test_each_answer_s_mask_has_a_box_and_equal_ones_have_one() -> None:
    masks = blocks((0, 0, 20, 20), (50, 50, 90, 90), (0, 0, 20, 20), (0, 0, 20, 19))
    assert len(separate(masks, source())) == 2, "0.95 of the last is the first"
    assert len(separate(masks, source(duplicates=0.96))) == 3


def test_a_single_box() -> None:
    (whole,) = separate(blocks((0, 0, 20, 20), (50, 50, 90, 90)), source(boxes="one"))
    assert reference_of_mask(whole, 100).box == (0, 0, 89, 89)


def test_connected_pieces() -> None:
    """Two masks that touch are one piece, one mask in two pieces is two, and specks are none."""
    touching = blocks((0, 0, 20, 20), (20, 20, 40, 40))
    apart = blocks((60, 60, 70, 70))[0] | blocks((80, 80, 99, 99))[0] | blocks((60, 0, 63, 3))[0]
    pieces = separate([*touching, apart], source(boxes="components"))
    assert sorted(int(piece.sum()) for piece in pieces) == [100, 361, 800]
    (speck,) = separate(blocks((0, 0, 2, 2)), source(boxes="components"))
    assert speck.sum() == 4, "if there are only specks, they stay"


def test_composite_targets_join_the_answers_of_a_dialogue(kitchen: Path) -> None:
    composite, own = reasoning_questions(source(), GRID), reasoning_questions(source(target="turn"), GRID)
    assert len(composite.training) == len(own.training) > 20
    more = [
        (len(one.references), len(other.references))
        for one, other in zip(composite.training, own.training, strict=True)
    ]
    assert all(joined >= alone for joined, alone in more)
    assert any(joined > alone for joined, alone in more)
    reader: Any = open_dataset(resolve("foodreasonseg", "kitchen"))
    records = {record.dialogue_id: record for record in reader.records("train")}
    record = next(iter(records.values()))
    targets = {class_id for ids in record.targets for class_id in ids}
    labels = record.pair.checked_mask()
    expected = {reference_of_mask(labels == one, GRID) for one in targets if (labels == one).any()}
    asked = {turn.question for turn in record.turns}
    mine = [one for one in composite.training if one.picture == record.pair.image and one.question in asked]
    assert all(set(one.references) == expected for one in mine)


def test_photos_that_are_measured_on_are_not_learnt_from(kitchen: Path) -> None:
    questions = reasoning_questions(source(), GRID)
    learnt = {stem_of(one) for one in questions.training}
    measured = {stem_of(one) for one in questions.validation}
    assert learnt
    assert measured
    assert not learnt & measured
    assert len(reasoning_questions(source(most_validation=2), GRID).validation) == 2


def test_validation_is_the_benchmark_s_question_and_mask(kitchen: Path) -> None:
    """The same targets as the task of the benchmark makes from a record."""
    questions = reasoning_questions(source(validation=0.6), GRID)
    task = TASKS.get("foodreasonseg.single")
    samples = task.train_samples(resolve("foodreasonseg", "kitchen"))
    by_question = {(sample.cluster, sample.question): sample for sample in samples}
    assert len(questions.validation) > 5
    for one in questions.validation:
        sample = by_question[stem_of(one), one.question]
        (true,) = reference_masks(sample)
        assert np.array_equal(one.mask(), decode(true).astype(bool))


def test_objects_that_the_segmenter_does_not_draw_are_left_out_and_counted(
    kitchen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Half:
        """Draws the upper half of what it is asked for; nothing of small things."""

        identity = "half"

        def segment(self, image: Image.Image, references: Any) -> list[np.ndarray]:
            mask = np.zeros((image.height, image.width), bool)
            left, top, right, bottom = map(int, references[0].box)
            if right - left > 35:
                mask[top : bottom + 1, left : right + 1] = True
            return [mask]

    monkeypatch.setattr(reasoning, "load_segmenter", lambda spec: Half())
    everything = reasoning_questions(source(), GRID)
    filtered = reasoning_questions(source(filter="any"), GRID)
    dropped = filtered.left_out["objects the segmenter does not draw"]
    kept = sum(len(one.references) for one in filtered.training)
    assert dropped > 0
    assert kept + dropped == sum(len(one.references) for one in everything.training)
    assert len(filtered.training) + filtered.left_out["questions without an object"] == len(everything.training)


def test_a_segmenter_that_draws_nothing_leaves_nothing(kitchen: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        identity = "broken"

        def segment(self, image: Image.Image, references: Any) -> list[np.ndarray]:
            raise RuntimeError("out of paint")

    monkeypatch.setattr(reasoning, "load_segmenter", lambda spec: Broken())
    with pytest.raises(DataMissing, match="learnt from"):
        reasoning_questions(source(filter="any"), GRID)


def test_colour_flood_draws_a_block_well() -> None:
    (mask,) = blocks((20, 30, 60, 80))
    pixels = np.full((100, 100, 3), 240, np.uint8)
    pixels[mask] = (200, 30, 30)
    assert drawn_iou(ColourFlood(), Image.fromarray(pixels), mask) > 0.9


# Rendered plates


@pytest.fixture(scope="module")
def plates(tmp_path_factory: pytest.TempPathFactory) -> PlatesSource:
    return PlatesSource.model_validate(
        {
            "source": "plates",
            "plates": {
                "stream": "rl-test",
                "train_plates": 6,
                "val_plates": 5,
                "monitor_plates": 3,
                "sizes": [{"size": [64, 96], "share": 1.0}],
                "side": 96,
            },
            "families": {"reasoning": 1.0, "refer_one": 1.0, "absent": 0.5},
            "questions": 15,
            "most_references": 2,
        }
    )


def test_questions_about_plates(plates: PlatesSource, tmp_path: Path) -> None:
    questions = plate_questions(plates, GRID, cache=tmp_path, workers=1)
    assert len(questions.training) == 15
    assert len(questions.validation) == 3
    assert questions.final is not None
    final = questions.final()
    assert len(final) == 2
    assert max(len(one.references) for one in questions.training) <= 2
    assert len({one.question for one in questions.training}) > 5
    again = plate_questions(plates, GRID, cache=tmp_path, workers=1)
    assert [one.question for one in again.training] == [one.question for one in questions.training]
    shown = questions.training[0].picture.open()
    assert shown.size == (GRID, GRID)
    for one in [*questions.validation, *final]:
        mask = one.mask()
        assert mask.shape == (64, 96)
        assert bool(mask.any()) == bool(one.references)
        if len(one.references) == 1:
            assert reference_of_mask(mask, GRID).box == one.references[0].box
    pixels = {one.picture.open().tobytes() for one in [*questions.validation, *final]}
    assert len(pixels) == 5, "other plates are measured on at the end"


# Rows for TRL


class CountedPicture:
    def __init__(self) -> None:
        self.opened = 0

    def open(self) -> Image.Image:
        self.opened += 1
        return Image.new("RGB", (60, 30), (self.opened, 0, 0))


def test_rows_hold_chat_picture_and_solution() -> None:
    rows = to_rows([TrainingQuestion(CountedPicture(), "Where is the egg?", (EGG,))], SHORT_PROMPT, 28)
    row = rows[0]
    assert row["prompt"] == [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": 'Please find "Where is the egg" with bboxs and points.'},
    ]
    assert row["image"].size == (28, 28)
    assert read_solution(row["solution"]) == (EGG,)


def test_pictures_are_opened_when_rows_are_asked_for_and_once_for_a_group() -> None:
    pictures = [CountedPicture() for _ in range(3)]
    rows = to_rows([TrainingQuestion(one, "?", (EGG,)) for one in pictures], SHORT_PROMPT, 28)
    assert [one.opened for one in pictures] == [0, 0, 0]
    batch = rows.__getitems__([0, 0, 2, 2])
    assert [one.opened for one in pictures] == [1, 0, 1]
    assert batch[0]["image"] is batch[1]["image"]
    rows.__getitems__([2, 0])
    assert [one.opened for one in pictures] == [1, 0, 1], "a rollout's rows are asked for again with each update"
    rows.__getitems__([1])
    rows.__getitems__([0])
    assert [one.opened for one in pictures] == [2, 1, 1]


def test_pictures_in_memory_and_files_can_be_mixed() -> None:
    pixels = np.arange(28 * 28 * 3, dtype=np.uint8).reshape(28, 28, 3)
    questions = [TrainingQuestion(RawPicture.of(pixels), "a", ()), TrainingQuestion(CountedPicture(), "b", ())]
    rows = to_rows(questions, SHORT_PROMPT, 28)
    assert np.array_equal(np.asarray(rows[0]["image"]), pixels)
    assert rows[1]["image"].getpixel((0, 0)) == (1, 0, 0)


def test_thousands_of_rows_are_made_at_once() -> None:
    rows = to_rows(
        [TrainingQuestion(CountedPicture(), str(number), (EGG,)) for number in range(5000)], SHORT_PROMPT, 28
    )
    assert len(rows) == 5000
    assert rows[4999]["prompt"][1]["content"].startswith('Please find "4999"')


def test_rows_for_supervised_fine_tuning() -> None:
    question = TrainingQuestion(CountedPicture(), "Where?", (EGG,), think="There.")
    row = to_rows([question], SHORT_PROMPT, 28, supervised=True)[0]
    assert row["completion"] == [
        {
            "role": "assistant",
            "content": '<think>There.</think><answer>[{"bbox_2d": [1,2,20,21], "point_2d": [10,11]}]</answer>',
        }
    ]
    assert [one.size for one in row["images"]] == [(28, 28)]
    assert "solution" not in row


def test_no_rows_are_an_error() -> None:
    with pytest.raises(DataMissing):
        to_rows([], SHORT_PROMPT, 28)
