"""FoodReasonSeg: questions about FoodSeg103 photos that are answered by pointing at ingredients.

The dataset is two files beside a copy of FoodSeg103 and has no pictures of its own:

    FoodReasonSeg_train.json FoodReasonSeg_test.json
    category_id.txt                                   as in FoodSeg103
    Images/{img_dir,ann_dir}/{train,test}/            as in FoodSeg103; only photos with a dialogue must be there

An entry has `dish_id` (the stem of a photo of the same split) and `conversations`, turns with `form` and `value`. An
answer marks what it points at as `{Steak} [SEG1]`; the mask is that of the whole class in the photo, not of one piece.

How a name becomes a class: compared without case; then without a plural ending (-s, -es, -ies for -y); then, if one of
its words is `chicken` or `duck`, it is FoodSeg103's `chicken duck`. Everything else stays unresolved and is counted
(`resolution`): the released loader of FoodLMM leaves such dialogues out and puts their successor in their place, and
takes any name that is a piece of the word `chicken` for chicken; neither is repeated here.

A class that an answer points at may be nowhere in the mask: the record keeps it, and its reference mask is empty.

Several dialogues may be about one photo: ids are the stem and, from the second on, a number (`00004401#2`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from foodbench.core.hashing import fingerprint
from foodbench.data.dialogues import Dialogue, IdField, asked, fault, read_dialogues, without_braces
from foodbench.data.foodseg103 import MAX_ID, OTHER_ID, mask_path, photo_path, present_stems, read_classes
from foodbench.data.images import ImageFile
from foodbench.data.layout import (
    is_synthetic,
    missing_error,
    nothing_usable,
    once_per_split,
    require_layout,
    require_split,
)
from foodbench.data.records import MaskFile, ReasoningRecord, Segment, SegmentationRecord, Turn

NAME = "foodreasonseg"
SPLITS = ("train", "test")
REQUIRED = (
    "FoodReasonSeg_train.json",
    "FoodReasonSeg_test.json",
    "category_id.txt",
    "Images/img_dir/",
    "Images/ann_dir/",
)
STEM = IdField("dish_id", r"[0-9]{8}", "00004401")

POULTRY = "chicken duck"

# A token and, if there is one, the name in braces before it. No name holds a brace, so every character is looked at
# a bounded number of times however the braces are arranged.
_SEGMENT = re.compile(r"(?:\{([^{}]*+)\}\s*+)?(\[SEG[0-9]*+\])")
_TOKEN = re.compile(r"\[SEG[0-9]*+\]")


@dataclass(frozen=True, slots=True)
class ReasoningDialogue:
    """One dialogue as the file has it, before it is joined with photo and mask.

    Attributes:
        dialogue_id: unique in its split.
        stem: of the photo.
        turns: the rounds.
        segments: as in `ReasoningRecord`.
        trimmed: whether a turn without counterpart was left out.
    """

    dialogue_id: str
    stem: str
    turns: tuple[Turn, ...]
    segments: tuple[tuple[Segment, ...], ...]
    trimmed: bool


class FoodReasonSeg:
    """Reader of one FoodSeg103 folder that also holds the files of FoodReasonSeg.

    Attributes:
        root: the folder.
        splits: names of the splits.
        synthetic: whether the kitchen made it.
        classes: the 104 class names of FoodSeg103; position = mask value.
    """

    name = NAME
    splits = SPLITS

    def __init__(self, root: Path, *, allow_partial: bool = False) -> None:
        """Read both files and look which photos and masks are there (none is opened).

        Args:
            root: the folder with `category_id.txt`, `Images` and `FoodReasonSeg_{train,test}.json`.
            allow_partial: go on with the dialogues whose photo and mask are there.

        Raises:
            DataMissing: a required file is absent, or pairs are incomplete and `allow_partial` is off.
            DataCorrupt: a file is malformed, or the classes are not the official ones.
        """
        self.root = require_layout(NAME, Path(root), REQUIRED)
        self.allow_partial = allow_partial
        self.synthetic = is_synthetic(self.root)
        self.classes = read_classes(self.root)
        self._dialogues = {split: read_split(self.root, split, self.classes) for split in SPLITS}
        self._missing = {split: self._find_missing(split) for split in SPLITS}
        absent = [name for split in SPLITS for name in self._missing[split]]
        if absent and not allow_partial:
            total = sum(len(dialogues) for dialogues in self._dialogues.values())
            raise missing_error(NAME, self.root, "dialogues' pairs of photo and mask", absent, total)

    def _find_missing(self, split: str) -> tuple[str, ...]:
        photos, masks = present_stems(self.root, split)
        complete = photos & masks
        return tuple(one.dialogue_id for one in self._dialogues[split] if one.stem not in complete)

    def ids(self, split: str) -> tuple[str, ...]:
        """Ids of all dialogues of a split in the order of its file.

        Raises:
            UnknownName: no such split.
        """
        require_split(split, SPLITS)
        return tuple(one.dialogue_id for one in self._dialogues[split])

    def missing(self, split: str) -> tuple[str, ...]:
        """Ids of the dialogues whose photo or mask is absent.

        Raises:
            UnknownName: no such split.
        """
        require_split(split, SPLITS)
        return self._missing[split]

    def resolution(self, split: str) -> tuple[int, int]:
        """How many `[SEGk]` tokens of a split's file have a name that is a class, and how many there are.

        Raises:
            UnknownName: no such split.
        """
        require_split(split, SPLITS)
        return resolution(self._dialogues[split])

    def records(self, split: str) -> tuple[ReasoningRecord, ...]:
        """The dialogues of a split that have photo and mask, in the order of its file.

        Raises:
            UnknownName: no such split.
            DataMissing: not one of them has.
        """
        absent = set(self.missing(split))
        records = tuple(
            ReasoningRecord(
                dialogue_id=one.dialogue_id,
                pair=pair(self.root, split, one.stem),
                turns=one.turns,
                segments=one.segments,
                split=split,
            )
            for one in self._dialogues[split]
            if one.dialogue_id not in absent
        )
        if not records:
            what = f"dialogues' photos of the {split} split"
            raise nothing_usable(NAME, self.root, what, len(self._dialogues[split]))
        return records

    @once_per_split
    def fingerprint(self, split: str) -> str:
        """Digest of dataset, split and, for each record: id, rounds, segments, digest of the mask.

        Official masks are digested as files, synthetic ones as pixels, as in FoodSeg103.

        Raises:
            UnknownName, DataMissing: as `records`.
            DataCorrupt: a synthetic mask cannot be decoded.
        """
        digests: dict[str, str] = {}
        records = self.records(split)
        for record in records:
            if record.pair.stem not in digests:
                digests[record.pair.stem] = record.pair.mask.fingerprint(pixels=self.synthetic)
        facts = [
            [
                record.dialogue_id,
                [[turn.question, turn.answer] for turn in record.turns],
                [[[segment.name, segment.class_id] for segment in segments] for segments in record.segments],
                digests[record.pair.stem],
            ]
            for record in records
        ]
        return fingerprint({"dataset": NAME, "split": split, "facts": facts})


def pair(root: Path, split: str, stem: str) -> SegmentationRecord:
    """The photo and the mask of a stem."""
    return SegmentationRecord(
        stem=stem,
        image=ImageFile(photo_path(root, split, stem), exif="ignore"),
        mask=MaskFile(mask_path(root, split, stem), max_id=MAX_ID),
        split=split,
    )


def dialogue_path(root: Path, split: str) -> Path:
    """Where the dialogues of a split belong."""
    return root / f"FoodReasonSeg_{split}.json"


def read_split(root: Path, split: str, classes: Sequence[str]) -> tuple[ReasoningDialogue, ...]:
    """The dialogues of a split in the order of its file.

    Raises:
        DataMissing, DataCorrupt: the file is absent or malformed.
    """
    path = dialogue_path(root, split)
    return number_dialogues(path, read_dialogues(path, (STEM,)), classes)


def number_dialogues(
    path: Path, dialogues: Sequence[Dialogue], classes: Sequence[str]
) -> tuple[ReasoningDialogue, ...]:
    """Give the entries of a file their ids, and resolve what they point at.

    Args:
        path: the file, for messages.
        dialogues: its entries.
        classes: the class names by mask value.

    Raises:
        DataCorrupt: a question is empty, or braces stand inside a `[SEGk]` token.
    """
    known = class_table(classes)
    seen: dict[str, int] = {}
    numbered: list[ReasoningDialogue] = []
    for dialogue in dialogues:
        stem = dialogue.ids[STEM.name]
        seen[stem] = count = seen.get(stem, 0) + 1
        turns: list[Turn] = []
        segments: list[tuple[Segment, ...]] = []
        for question, answer in dialogue.rounds:
            text, marks = read_answer(path, dialogue.position, answer, known)
            turns.append(Turn(asked(path, dialogue.position, _without_tokens(question)), text))
            segments.append(marks)
        dialogue_id = stem if count == 1 else f"{stem}#{count}"
        numbered.append(ReasoningDialogue(dialogue_id, stem, tuple(turns), tuple(segments), dialogue.trimmed))
    return tuple(numbered)


def resolution(dialogues: Sequence[ReasoningDialogue]) -> tuple[int, int]:
    """How many `[SEGk]` tokens are resolved, and how many there are."""
    segments = [segment for one in dialogues for marks in one.segments for segment in marks]
    return sum(segment.class_id is not None for segment in segments), len(segments)


def _without_tokens(text: str) -> str:
    return " ".join(_TOKEN.sub(" ", text).split()) if "[SEG" in text else text


def read_answer(path: Path, position: int, text: str, known: Mapping[str, int]) -> tuple[str, tuple[Segment, ...]]:
    """An answer as people read it, and what its tokens point at.

    Args:
        path: the file, for messages.
        position: the entry, for messages.
        text: the answer as in the file.
        known: classes by name, as from `class_table`.

    Returns:
        The text without braces, its tokens numbered from 1; and for each token what it points at.

    Raises:
        DataCorrupt: braces stand inside a token.
    """
    segments: list[Segment] = []
    for match in _SEGMENT.finditer(text):
        name = (match.group(1) or "").strip()
        segments.append(Segment(name or match.group(2), resolve_name(name, known)))
    pieces = _TOKEN.split(without_braces(text))
    if len(pieces) != len(segments) + 1:
        fault(path, position, "an answer has braces inside a [SEG] token")
    plain = pieces[0] + "".join(f"[SEG{number}]{piece}" for number, piece in enumerate(pieces[1:], start=1))
    return plain, tuple(segments)


def class_table(classes: Sequence[str]) -> dict[str, int]:
    """Class ids by lower-case name. Background and `other ingredients` are nothing that an answer can point at."""
    return {name.lower(): class_id for class_id, name in enumerate(classes) if 0 < class_id < OTHER_ID}


def resolve_name(name: str, known: Mapping[str, int]) -> int | None:
    """The class that a name in an answer means.

    Args:
        name: as written, e.g. `Tomatoes`.
        known: classes by name, as from `class_table`.

    Returns:
        The class id; None if the name is no class.
    """
    plain = " ".join(name.lower().split())
    candidates = [plain]
    if plain.endswith("s"):
        candidates.append(plain[:-1])
    if plain.endswith("es"):
        candidates.append(plain[:-2])
    if plain.endswith("ies"):
        candidates.append(plain[:-3] + "y")
    for candidate in candidates:
        if candidate in known:
            return known[candidate]
    words = {word for candidate in candidates for word in re.findall(r"[^\W\d_]+", candidate)}
    return known.get(POULTRY) if words & {"chicken", "duck"} else None


__all__ = ["NAME", "SPLITS", "FoodReasonSeg", "ReasoningDialogue"]
