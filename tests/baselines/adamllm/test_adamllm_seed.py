from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from baselines.adamllm.records import SeedExample, Triplet
from baselines.adamllm.seed import SeedSettings, is_blank, join_seed, seed_conversation, split_seed, write_blank
from baselines.adamllm.wire import WIRES
from foodbench.data.images import ImageFile


def example(number: int, task: str = "t") -> SeedExample:
    triplet = Triplet(f"Ask {number}?", "Long.", "short")
    return SeedExample(f"{task}-{number}", task, ImageFile(Path(f"{number}.png")), f"Caption {number}.", triplet)


EXAMPLES = [example(number, task) for task in ("a", "b") for number in range(1000)]
BLANK = ImageFile(Path("blank.png"))


def test_a_tenth_of_the_pictures_is_blank_and_always_the_same() -> None:
    settings = SeedSettings()
    blank = {one.seed_id for one in EXAMPLES if is_blank(one, settings)}
    assert 150 < len(blank) < 250
    for one in EXAMPLES[:300]:
        made = seed_conversation(one, BLANK, settings)
        assert (made.image == BLANK) == (one.seed_id in blank)
        assert made.messages[1].text == one.caption
    assert not any(is_blank(one, SeedSettings(blank_share=0.0)) for one in EXAMPLES)
    assert {one.seed_id for one in EXAMPLES if is_blank(one, SeedSettings(seed=1))} != blank


def test_both_answers_follow_the_caption_in_random_order() -> None:
    made = [seed_conversation(one, BLANK, SeedSettings(WIRES["paper"])) for one in EXAMPLES[:400]]
    first = [one.parts[1] for one in made]
    assert 140 < first.count("precise") < 260
    for one in made:
        assert one.parts[0] == "caption"
        assert sorted(one.parts[1:]) == ["informative", "precise"]
        assert [message.learn for message in one.messages] == [False, False, True, True, True, True]
        assert one.ends
        for part, message in zip(one.parts[1:], one.messages[2::2], strict=True):
            assert message.text.splitlines()[0] == f"Answer with a{'n' * (part == 'informative')} {part} response."


def test_questions_need_not_be_learnt() -> None:
    made = seed_conversation(EXAMPLES[0], BLANK, SeedSettings(learn_instruction=False))
    assert [message.learn for message in made.messages] == [False, False, False, True, False, True]


def test_every_task_is_split_by_itself() -> None:
    train, dev = split_seed([*EXAMPLES, example(0, "rare")])
    assert (len(train), len(dev)) == (1801, 200)
    assert sum(one.task_name == "a" for one in dev) == 100
    assert not {one.seed_id for one in train} & {one.seed_id for one in dev}
    assert split_seed([*EXAMPLES, example(0, "rare")]) == (train, dev)
    assert [one.seed_id for one in train[:20]] != sorted(one.seed_id for one in train)[:20]


def row(image: str, asked: str, told: str, **more: Any) -> dict[str, Any]:
    said = [{"from": "human", "value": asked}, {"from": "gpt", "value": told}]
    return {"id": image, "image": image, "conversations": said, **more}


def test_two_collections_are_joined_by_the_pictures_name() -> None:
    tasks: list[dict[str, Any]] = [
        row("a.jpg", "What is it?", "soup", task_name="dishes", id="1"),
        row("b.jpg", "What is it?", "cake", task_name="dishes", id="2"),
        row("c.jpg", "What is it?", "tea", task_name="dishes", id="3"),
        row("a.jpg", "What is it?", "soup", task_name="dishes", id="1"),
        {"id": "4", "image": "a.jpg", "conversations": "none"},
        {"id": "5"},
        row("../../a.jpg", "<image>\nWhere?", "here", task_name="x", id="6"),
    ]
    captions: list[dict[str, Any]] = [
        row("x/a.jpg", "", "A bowl."),
        row("x/a.jpg", "", "Second."),
        row("x/b.jpg", "", "A cake."),
        {"image": 3},
    ]
    answers = [row("y/a.jpg", "What is it?", "It steams, so soup."), row("y/c.jpg", "", "Tea.")]
    found = join_seed(tasks, captions, answers, Path("pictures"))
    assert [(one.seed_id, one.caption) for one in found.kept] == [("1", "A bowl."), ("6", "A bowl.")]
    assert found.kept[0].triplet == Triplet("What is it?", "It steams, so soup.", "soup")
    assert found.kept[1].image.path == Path("pictures/a.jpg")
    assert found.kept[1].triplet.instruction.split() == ["image", "Where?"]
    assert found.counts() == {
        "kept": 2, "bad_conversation": 1, "bad_image_path": 1, "duplicate_id": 1, "no_answer": 1, "no_caption": 1,
    }  # fmt: skip


def test_the_blank_picture_is_blank(tmp_path: Path) -> None:
    picture = write_blank(tmp_path / "blank.png").open()
    assert picture.getextrema() == ((255, 255),) * 3


@pytest.mark.parametrize("name", list(WIRES))
def test_no_wording_is_the_beginning_of_another(name: str) -> None:
    wire = WIRES[name]
    assert not wire.precise.startswith(wire.informative)
    assert not wire.informative.startswith(wire.precise)
