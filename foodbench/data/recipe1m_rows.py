"""One row of each of Recipe1M's three files, checked: what the index is made from and what the reader reads.

layer1.json     {"ingredients": [{"text": ...}], "partition": "train", "title": ..., "id": "000018c8a5",
"instructions": [{"text": ...}], "url": ...}
det_ingrs.json  {"valid": [true, ...], "id": "000018c8a5", "ingredients": [{"text": ...}]}
layer2.json     {"id": "00003a70b1", "images": [{"id": "3e233001e2.jpg", "url": ...}]}
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

SPLITS = ("train", "val", "test")
TEXTS, DETECTIONS, IMAGES = "layer1.json", "det_ingrs.json", "layer2.json"
RECIPE_ID = r"[0-9a-f]{10}"
IMAGE_ID = r"[0-9a-f]{10}\.jpg"

_is_recipe_id = re.compile(RECIPE_ID).fullmatch
_is_image_id = re.compile(IMAGE_ID).fullmatch
_REPLACED = re.compile(r"[&#\[\]]|'n")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")

MIN_COUNT, MAX_COUNT = 2, 19
MIN_CHARACTERS = 20


class RowError(ValueError):
    """A row is not what its file should hold."""


class TextRow(NamedTuple):
    """A row of layer1.json."""

    recipe_id: str
    split: str
    title: str
    ingredients: list[str]
    steps: list[str]


class DetectionRow(NamedTuple):
    """A row of det_ingrs.json: `texts` and `valid` have one entry per line of the recipe's ingredient list."""

    recipe_id: str
    texts: list[str]
    valid: list[bool]

    @property
    def detected(self) -> list[str]:
        """What the detector was sure of, less empty texts (which are real: lines that name no ingredient)."""
        return [text for text, sure in zip(self.texts, self.valid, strict=True) if sure and text]


class ImageRow(NamedTuple):
    """A row of layer2.json: image ids with their `.jpg`."""

    recipe_id: str
    image_ids: list[str]


def _field(row: dict[str, Any], key: str, kind: type) -> Any:
    if key not in row:
        raise RowError(f"the key '{key}' is missing")
    value = row[key]
    if not isinstance(value, kind):
        raise RowError(f"'{key}' is of the type {type(value).__name__} instead of {kind.__name__}")
    return value


def _recipe_id(row: dict[str, Any]) -> str:
    value = _field(row, "id", str)
    if not _is_recipe_id(value):
        raise RowError(f"{value[:40]!r} is not a recipe id such as '000018c8a5'")
    return str(value)


def _texts(row: dict[str, Any], key: str, inner: str = "text") -> list[str]:
    items = _field(row, key, list)
    try:
        texts = [item[inner] for item in items]
        "".join(texts)  # the fastest way to see that all are strings
    except (KeyError, TypeError) as error:
        raise RowError(f"an entry of '{key}' has no '{inner}' that is a string") from error
    return texts


def text_row(row: dict[str, Any]) -> TextRow:
    """Check a row of layer1.json.

    Raises:
        RowError: a key is missing or of a wrong type, or the id or partition is malformed.
    """
    recipe_id = _recipe_id(row)
    split = _field(row, "partition", str)
    if split not in SPLITS:
        raise RowError(f"the partition {split[:40]!r} is none of {', '.join(SPLITS)}")
    title = _field(row, "title", str)
    return TextRow(recipe_id, split, title, _texts(row, "ingredients"), _texts(row, "instructions"))


def detection_row(row: dict[str, Any]) -> DetectionRow:
    """Check a row of det_ingrs.json.

    Raises:
        RowError: as `text_row`, or `valid` and `ingredients` differ in length.
    """
    recipe_id = _recipe_id(row)
    texts = _texts(row, "ingredients")
    valid = _field(row, "valid", list)
    if not set(map(type, valid)) <= {bool}:
        raise RowError("'valid' holds something else than true and false")
    if len(texts) != len(valid):
        raise RowError(f"{len(texts)} ingredients, but {len(valid)} entries of 'valid'")
    return DetectionRow(recipe_id, texts, valid)


def image_row(row: dict[str, Any]) -> ImageRow:
    """Check a row of layer2.json.

    Raises:
        RowError: as `text_row`, or an image id is malformed (the ids become file names).
    """
    recipe_id = _recipe_id(row)
    image_ids = _texts(row, "images", "id")
    for image_id in image_ids:
        if not _is_image_id(image_id):
            raise RowError(f"{image_id[:40]!r} is not an image id such as '3e233001e2.jpg'")
    return ImageRow(recipe_id, image_ids)


def _cleaned_step(text: str) -> str:
    """A step as Inverse Cooking stores it (`get_instruction` in build_vocab.py), less its rule about digits."""
    text = text.lower().replace("&", "and").replace("'n", "and")
    return text.replace("#", "").replace("[", "").replace("]", "").strip()


def has_usable_steps(steps: Sequence[str]) -> bool:
    """Whether Inverse Cooking keeps a recipe for its steps: 2..19 that count, of 20 characters in all.

    Blank steps and those that begin with a digit do not count.
    """
    whole = "".join(steps)
    # Nearly all recipes need no cleaning; one search over all of it saves five per step.
    plain = whole.isascii() and not _REPLACED.search(whole)
    cleaned = map(str.strip if plain else _cleaned_step, steps)
    lengths = [len(step) for step in cleaned if step and not step[0].isdigit()]
    return MIN_COUNT <= len(lengths) <= MAX_COUNT and sum(lengths) >= MIN_CHARACTERS


def well_formed(texts: Sequence[str]) -> tuple[str, ...]:
    r"""The texts with lone surrogates (`\ud83d` without its other half) replaced: they cannot be written as UTF-8."""
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        return tuple(_LONE_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text) for text in texts)
    return tuple(texts)


def digest(*parts: Sequence[str]) -> int:
    """63 bits that depend on the texts and on how they are divided."""
    text = "\x1e".join(["\x1f".join([str(len(part)), *part]) for part in parts])
    data = text.encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "big") >> 1
