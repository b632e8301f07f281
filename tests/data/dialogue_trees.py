"""Pieces of small FoodReasonSeg and FoodDialogues copies, written by hand in the official layouts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dataset_trees import save_photo, write_text


def talk(*rounds: tuple[str, str]) -> list[dict[str, str]]:
    """A conversation of (question, answer) pairs."""
    turns = []
    for question, answer in rounds:
        turns += [{"form": "question", "value": question}, {"form": "answer", "value": answer}]
    return turns


REASONING: dict[str, list[dict[str, Any]]] = {
    "train": [
        {"dish_id": "00000000", "conversations": talk(("Which is lean?", "{Chicken} [SEG1] is.</s>"))},
        {"dish_id": "00000001", "conversations": talk(("And here?", "{Sausages} [SEG1] are not."))},
    ],
    # The masks hold class 48 (chicken duck) in 00000048 and class 49 (sausage) in 00000263.
    "test": [
        {
            "dish_id": "00000048",
            "conversations": talk(
                (
                    "<image>\nWhat is rich in {protein}? Please output segmentation mask.",
                    "{Chicken} [SEG4] and {Tomatoes} [SEG7], less so {Quinoa} [SEG9].</s>ASSISTANT: more",
                ),
                ("Is it healthy?", "Yes, mostly."),
            ),
        },
        {"dish_id": "00000263", "conversations": talk(("What is fat?", "{French Beans} [SEG1] is not, [SEG2] is."))},
        {"dish_id": "00000048", "conversations": talk(("Again?", "{Duck} [SEG1]."))},
    ],
}

MEALS: dict[str, list[dict[str, Any]]] = {
    "train": [{"id": "0", "dish_id": "dish_1550000001", "conversations": talk(("How much?", "9 grams [MASS]."))}],
    "test": [
        {
            "id": "0",
            "dish_id": "dish_1550000002",
            "conversations": talk(
                ("<image>\nIs the {chicken} rich in protein?", "The chicken has 25.3[PRO] grams and 180.0[CAL] kcal."),
                ("And in total?", "About 1,410 kcal [TOTAL_CAL] and 12.5 grams [FAT_TOTAL] of fat.</s>USER: x"),
            ),
        },
        {"id": "7", "dish_id": "dish_1550000004", "conversations": talk(("What is it?", "A salad, I think."))},
        {"id": 8, "dish_id": "dish_1550000002", "conversations": talk(("Is it heavy?", "It weighs 300g [MASS]."))},
    ],
}


def write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value))


def write_reasoning(root: Path, entries: dict[str, list[dict[str, Any]]] = REASONING) -> Path:
    """Put the two files of FoodReasonSeg into a FoodSeg103 folder."""
    for split, dialogues in entries.items():
        write_json(root / f"FoodReasonSeg_{split}.json", dialogues)
    return root


def write_meals(root: Path) -> Path:
    """A FoodDialogues folder: one dish with an overhead picture, one with both, one with frames only."""
    for split, dialogues in MEALS.items():
        write_json(root / f"FoodDialogues_{split}.json", dialogues)
    write_json(root / "train_id.json", ["dish_1550000001"])
    write_json(root / "test_id.json", ["dish_1550000004", "dish_1550000002"])
    for name in (
        "dish_1550000001/rgb.png",
        "dish_1550000002/rgb.png",
        "dish_1550000002/a_frame.jpeg",
        "dish_1550000004/frame_2.jpg",
        "dish_1550000004/frame_10.jpg",
    ):
        save_photo(root / "images" / name)
    write_text(root / "images" / "dish_1550000004" / "._frame_1.jpg", "left behind by a Mac")
    return root


HOSTILE_ENTRIES: list[tuple[Any, str]] = [
    (7, "is not an object"),
    (None, "is not an object"),
    ([], "is not an object"),
    ({"conversations": []}, "is absent"),
    ({"conversations": None}, "has no list 'conversations'"),
    ({"conversations": {}}, "has no list 'conversations'"),
    ({"conversations": []}, "has no question with an answer"),
    ({"conversations": ["x"]}, "turn 0 is not an object"),
    ({"conversations": [{"from": "question", "value": "x"}]}, "turn 0 needs the form"),
    ({"conversations": [{"form": ["question"], "value": "x"}]}, "turn 0 needs the form"),
    ({"conversations": [{"form": "question", "value": 5}]}, "turn 0 needs the form"),
    ({"conversations": [{"form": "question", "value": "\ud800"}, {"form": "answer", "value": ""}]}, "surrogate"),
    ({"conversations": [*talk(("a", "b")), {"form": "answer", "value": "c"}]}, "do not alternate"),
    ({"conversations": [{"form": "question", "value": "c"}, *talk(("a", "b"))]}, "do not alternate"),
    ({"conversations": [{"form": "question", "value": "c"}]}, "has no question with an answer"),
    ({"conversations": talk(("<image>\n {} ", "b"))}, "empty question"),
]
"""What replaces fields of a right entry (or the entry), and what the message says. The fourth lacks its ids."""

HOSTILE_TEXTS: list[tuple[str, str]] = [
    ("", "not valid JSON"),
    ('[{"dish_id": "0000', "not valid JSON"),
    ("[" * 100_000, "nested too deeply"),
    ('{"a":' * 100_000, "nested too deeply"),
    ("[NaN]", "contains NaN"),
    ("[-Infinity]", "contains -Infinity"),
    ("[" + "9" * 5000 + "]", "not valid JSON"),
    ("{}", "is not a list"),
    ("null", "is not a list"),
    ("[]", "holds no dialogue"),
    ("\ufeff[]", "byte-order mark"),
    ("[]\0", "NUL"),
]
