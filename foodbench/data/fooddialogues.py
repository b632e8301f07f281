"""FoodDialogues: conversations about the nutrition of Nutrition5k dishes.

Layout, which is that of the published files with the joined picture archive unpacked beside them, and also that of the
folder `Nutrition5k` of FoodLMM's own tree:

    FoodDialogues_train.json FoodDialogues_test.json
    images/dish_<10 digits>/rgb.png                                  overhead picture; many dishes have none
    images/dish_<10 digits>/<any name>.{jpg,jpeg,png}                frames of the side videos
    train_id.json test_id.json                                       optional: lists of the dish ids
    dish_metadata_cafe1.csv dish_metadata_cafe2.csv                  optional: as in Nutrition5k
    ingredients_metadata.csv                                         optional: as in Nutrition5k

What is optional is looked at by `verify` only. An entry has `id`, `dish_id` and `conversations`; several dialogues may
be about one dish.

The picture is `rgb.png` where there is one, otherwise the first frame by name; the record says which (`view`). FoodLMM
drew one of them at random. Dialogues about a dish without any picture are missing.

In answers a number may be followed by a tag: `12.3 grams [MASS]`, `25.3[PRO] grams`, `410 kcal [TOTAL_CAL]` (also
spelled `[CAL_TOTAL]`). Turns are given without tags, the tagged numbers beside them. A tag without a number before it
is taken out and has no value. `1,200 kcal [CAL]` is 1200 (the released loader of FoodLMM reads 200).

EXIF policy `ignore`: as for Nutrition5k.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from foodbench.core.errors import DataCorrupt
from foodbench.core.hashing import fingerprint
from foodbench.data.dialogues import Dialogue, IdField, asked, fault, read_dialogues, read_entries, without_braces
from foodbench.data.images import ImageFile
from foodbench.data.layout import (
    entries,
    is_file,
    is_synthetic,
    missing_error,
    nothing_usable,
    require_layout,
    require_split,
)
from foodbench.data.nutrition5k_csv import DISH_PATTERN
from foodbench.data.records import DialogueRecord, ImageView, Turn

NAME = "fooddialogues"
SPLITS = ("train", "test")
REQUIRED = ("FoodDialogues_train.json", "FoodDialogues_test.json", "images/")
OVERHEAD = "rgb.png"

DIALOGUE_ID = IdField("id", r"[A-Za-z0-9_.:-]{1,64}", "17", numbers=True)
DISH_ID = IdField("dish_id", DISH_PATTERN, "dish_1561662216")

QUANTITIES = {"MASS": "mass", "CAL": "kcal", "FAT": "fat", "CARB": "carb", "PRO": "protein"}
"""What a tag stands for; `[TOTAL_CAL]` and `[CAL_TOTAL]` stand for `total.kcal`."""

_FRAME = re.compile(r"(?!\.)[^/\\]+\.(?:jpe?g|png)", re.IGNORECASE)
_TAG = r"\[(TOTAL_)?(MASS|CAL|FAT|CARB|PRO)(_TOTAL)?[0-9]*+\]"
# A run of digits is entered at its beginning only, and nothing is tried twice (possessive): linear in any text.
_NUMBER = (
    r"(?<![0-9])(?<![0-9][.,])"
    r"((?:[0-9]{1,3}(?:,[0-9]{3}(?![0-9]))++|[0-9]++)(?:\.[0-9]++)?+)"
)
_UNIT = r"\s*+(?i:grams?|g|kcal|calories)?+\s*+"
_TAGGED = re.compile(_NUMBER + _UNIT + _TAG)
# A tag with the blanks before it, entered at the first of them only.
_TAG_AND_BLANKS = re.compile(r"(?<![ \t])[ \t]*+" + _TAG)


@dataclass(frozen=True, slots=True)
class DishDialogue:
    """One dialogue as the file has it, before it is joined with a picture.

    Attributes:
        dialogue_id: the id in the file.
        dish_id: the dish.
        turns: the rounds, without tags.
        tagged: as in `DialogueRecord`.
        trimmed: whether a turn without counterpart was left out.
    """

    dialogue_id: str
    dish_id: str
    turns: tuple[Turn, ...]
    tagged: tuple[tuple[tuple[str, float], ...], ...]
    trimmed: bool


class FoodDialogues:
    """Reader of one FoodDialogues folder.

    Attributes:
        root: the folder.
        splits: names of the splits.
        synthetic: whether the kitchen made it.
    """

    name = NAME
    splits = SPLITS

    def __init__(self, root: Path, *, allow_partial: bool = False) -> None:
        """Read both files and look which pictures are there (none is opened).

        Args:
            root: the folder with `FoodDialogues_{train,test}.json` and `images`.
            allow_partial: go on with the dialogues whose dish has a picture.

        Raises:
            DataMissing: a required file is absent, or pictures are missing and `allow_partial` is off.
            DataCorrupt: a file is malformed.
        """
        self.root = require_layout(NAME, Path(root), REQUIRED)
        self.allow_partial = allow_partial
        self.synthetic = is_synthetic(self.root)
        self._dialogues = {split: read_split(self.root, split) for split in SPLITS}
        dishes = {one.dish_id for dialogues in self._dialogues.values() for one in dialogues}
        self._pictures = {dish_id: find_picture(self.root, dish_id) for dish_id in dishes}
        absent = [name for split in SPLITS for name in self.missing(split)]
        if absent and not allow_partial:
            total = sum(len(dialogues) for dialogues in self._dialogues.values())
            raise missing_error(NAME, self.root, "dialogues' pictures", absent, total)

    def ids(self, split: str) -> tuple[str, ...]:
        """Ids of all dialogues of a split in the order of its file.

        Raises:
            UnknownName: no such split.
        """
        require_split(split, SPLITS)
        return tuple(one.dialogue_id for one in self._dialogues[split])

    def missing(self, split: str) -> tuple[str, ...]:
        """Ids of the dialogues whose dish has no picture.

        Raises:
            UnknownName: no such split.
        """
        require_split(split, SPLITS)
        return tuple(one.dialogue_id for one in self._dialogues[split] if self._pictures[one.dish_id] is None)

    def records(self, split: str) -> tuple[DialogueRecord, ...]:
        """The dialogues of a split whose dish has a picture, in the order of its file.

        Raises:
            UnknownName: no such split.
            DataMissing: not one dish has.
        """
        require_split(split, SPLITS)
        records = []
        for one in self._dialogues[split]:
            picture = self._pictures[one.dish_id]
            if picture is not None:
                path, view = picture
                image = ImageFile(path, exif="ignore")
                records.append(DialogueRecord(one.dialogue_id, one.dish_id, image, one.turns, one.tagged, split, view))
        if not records:
            raise nothing_usable(NAME, self.root, f"dialogues' pictures of the {split} split", len(self.ids(split)))
        return tuple(records)

    def fingerprint(self, split: str) -> str:
        """Digest of dataset, split and, for each record: id, dish, view, rounds, tagged values.

        Raises:
            UnknownName, DataMissing: as `records`.
        """
        facts = [
            [
                record.dialogue_id,
                record.dish_id,
                record.view,
                [[turn.question, turn.answer] for turn in record.turns],
                [[[name, value] for name, value in values] for values in record.tagged],
            ]
            for record in self.records(split)
        ]
        return fingerprint({"dataset": NAME, "split": split, "facts": facts})


def dialogue_path(root: Path, split: str) -> Path:
    """Where the dialogues of a split belong."""
    return root / f"FoodDialogues_{split}.json"


def pictures(root: Path, dish_id: str) -> list[Path]:
    """All pictures of a dish by name: `rgb.png` and frames."""
    return [path for path in entries(root / "images" / dish_id) if _FRAME.fullmatch(path.name) and is_file(path)]


def find_picture(root: Path, dish_id: str) -> tuple[Path, ImageView] | None:
    """The picture that stands for a dish: `rgb.png` if it is there, otherwise the first frame by name."""
    overhead = root / "images" / dish_id / OVERHEAD
    if is_file(overhead):
        return overhead, "overhead"
    frames = pictures(root, dish_id)
    return (frames[0], "side") if frames else None


def read_split(root: Path, split: str) -> tuple[DishDialogue, ...]:
    """The dialogues of a split in the order of its file.

    Raises:
        DataMissing, DataCorrupt: the file is absent or malformed, or an id occurs twice.
    """
    path = dialogue_path(root, split)
    return join_dialogues(path, read_dialogues(path, (DIALOGUE_ID, DISH_ID)))


def join_dialogues(path: Path, dialogues: Sequence[Dialogue]) -> tuple[DishDialogue, ...]:
    """Check the ids of a file's entries, and take the tags out of their answers.

    Raises:
        DataCorrupt: an id occurs twice, a question is empty, or a tag is malformed.
    """
    seen: dict[str, int] = {}
    joined: list[DishDialogue] = []
    for dialogue in dialogues:
        dialogue_id = dialogue.ids[DIALOGUE_ID.name]
        if dialogue_id in seen:
            fault(path, dialogue.position, f"the id '{dialogue_id}' is that of entry {seen[dialogue_id]} already")
        seen[dialogue_id] = dialogue.position
        turns: list[Turn] = []
        tagged: list[tuple[tuple[str, float], ...]] = []
        for question, answer in dialogue.rounds:
            plain, _ = read_tagged(path, dialogue.position, question)
            told, values = read_tagged(path, dialogue.position, answer)
            turns.append(Turn(asked(path, dialogue.position, plain), told))
            tagged.append(values)
        dish_id = dialogue.ids[DISH_ID.name]
        joined.append(DishDialogue(dialogue_id, dish_id, tuple(turns), tuple(tagged), dialogue.trimmed))
    return tuple(joined)


def read_tagged(path: Path, position: int, text: str) -> tuple[str, tuple[tuple[str, float], ...]]:
    """A text without tags and braces, and the values that it tags.

    Args:
        path: the file, for messages.
        position: the entry, for messages.
        text: as in the file.

    Returns:
        The readable text; (quantity, value) pairs in order, quantities as in `DialogueRecord.tagged`.

    Raises:
        DataCorrupt: a tagged number is too large, or a tag stands inside a tag.
    """
    marked = without_braces(text)
    values: list[tuple[str, float]] = []
    for match in _TAGGED.finditer(marked):
        number, before, kind, after = match.groups()
        value = float(number.replace(",", ""))
        if not math.isfinite(value):
            fault(path, position, "a tagged number is too large")
        values.append((f"total.{QUANTITIES[kind]}" if before or after else QUANTITIES[kind], value))
    plain = _TAG_AND_BLANKS.sub("", marked).strip()
    if _TAG_AND_BLANKS.search(plain):
        fault(path, position, "a tag stands inside a tag")
    return plain, tuple(values)


def read_dish_list(path: Path) -> tuple[str, ...]:
    """The dish ids of `train_id.json` or `test_id.json`.

    Raises:
        DataMissing: the file is absent.
        DataCorrupt: it is no list of dish ids, is empty, or an id occurs twice.
    """
    entries = read_entries(path)
    for position, entry in enumerate(entries):
        if not isinstance(entry, str) or not re.fullmatch(DISH_PATTERN, entry):
            fault(path, position, "is not a dish id", f"A right one reads '{DISH_ID.example}'.")
    if not entries or len(set(entries)) != len(entries):
        what = "holds a dish twice" if entries else "holds no dish"
        raise DataCorrupt(f"{path} {what}.", hint="Restore the original file.")
    return tuple(entries)


__all__ = ["NAME", "SPLITS", "DishDialogue", "FoodDialogues"]
