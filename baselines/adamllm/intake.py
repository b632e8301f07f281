"""Reading pairs and seed examples from files of unknown quality: what cannot be used is kept apart and counted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Generic, TypeVar

from baselines.adamllm.records import Pair, RecipeText, SeedExample, Triplet, defuse, tally
from foodbench.core.errors import DataCorrupt, DataMissing, FoodbenchError
from foodbench.core.files import open_regular
from foodbench.data.images import ImageFile

LONGEST_TEXT = 20_000
"""Longer captions and answers are refused: no model reads them, and a damaged file may hold one of any length."""
LONGEST_ID = 200

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that cannot be used.

    Attributes:
        where: its line, or its id.
        reason: one of a few names, to be counted.
        detail: for people.
    """

    where: str
    reason: str
    detail: str = ""

    def as_dict(self) -> dict[str, str]:
        """Plain JSON form."""
        return {"where": self.where, "reason": self.reason, "detail": self.detail}


@dataclass(frozen=True, slots=True)
class Intake(Generic[T]):
    """What a file holds.

    Attributes:
        kept: usable records in their order.
        rejected: the others.
    """

    kept: list[T] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """`kept`, and how many were rejected for each reason."""
        return {"kept": len(self.kept), **tally(one.reason for one in self.rejected)}


class Unusable(Exception):
    """A record cannot be used; says why in one name and a few words. Never leaves this package."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason, self.detail = reason, detail


def read_pairs(path: Path, images: Path | None = None, *, check_images: bool = True) -> Intake[Pair]:
    """Image-caption pairs: lines of `{"id", "image", "caption"}`, optionally `recipe` and `facts`.

    Args:
        path: JSON Lines.
        images: the folder that pictures are named from; the file's own by default.
        check_images: decode every picture now, so that nothing is paid for a broken one.

    Raises:
        DataMissing: no such file.
    """
    root = images or path.parent

    def pair(plain: Mapping[str, Any]) -> tuple[str, Pair]:
        name = _identifier(plain)
        caption = required_text(plain, "caption", empty="empty_caption")
        facts = plain.get("facts") or {}
        if not isinstance(facts, Mapping):
            raise Unusable("bad_field", "facts is no object")
        return name, Pair(name, picture(plain, root, check_images), caption, _recipe(plain.get("recipe")), facts)

    return _collect(path, pair)


def read_seed(path: Path, images: Path | None = None, *, check_images: bool = True) -> Intake[SeedExample]:
    """Seed examples: lines of `{"id", "task", "image", "caption", "instruction", "informative", "precise"}`.

    Args and Raises: as `read_pairs`.
    """
    root = images or path.parent

    def example(plain: Mapping[str, Any]) -> tuple[str, SeedExample]:
        name = _identifier(plain)
        caption = required_text(plain, "caption", empty="empty_caption")
        triplet = triplet_of(plain)
        return name, SeedExample(
            name, required_text(plain, "task"), picture(plain, root, check_images), caption, triplet
        )

    return _collect(path, example)


def triplet_of(plain: Mapping[str, Any]) -> Triplet:
    """The triplet in a JSON object.

    Raises:
        Unusable: a field is absent, empty, too long or no text.
    """
    return Triplet(*(required_text(plain, name) for name in ("instruction", "informative", "precise")))


def required_text(plain: Mapping[str, Any], name: str, *, empty: str = "empty_field") -> str:
    """A text field, defused.

    Raises:
        Unusable: it is absent, no text, too long, or nothing is left of it.
    """
    value = plain.get(name)
    if not isinstance(value, str):
        raise Unusable(empty if value is None else "bad_field", f"{name} is no text")
    if len(value) > LONGEST_TEXT:
        raise Unusable("too_long", f"{name} has {len(value):,} characters")
    text = defuse(value)
    if not text:
        raise Unusable(empty, f"{name} is empty")
    return text


def picture(plain: Mapping[str, Any], root: Path, check: bool) -> ImageFile:
    """The picture that a record names, below `root`.

    Raises:
        Unusable: no name, one that leads out of the folder, no such file, or a damaged one.
    """
    name = plain.get("image")
    if not isinstance(name, str) or not name or "\0" in name or len(name) > LONGEST_TEXT:
        raise Unusable("bad_image_path", "image is no file name")
    relative = PurePosixPath(name)
    if relative.is_absolute() or ".." in relative.parts:
        raise Unusable("bad_image_path", "image leads out of the folder")
    image = ImageFile(root / relative)
    if check:
        try:
            image.open()
        except DataMissing as error:
            raise Unusable("missing_image", error.message) from error
        except FoodbenchError as error:
            raise Unusable("broken_image", error.message) from error
    return image


def _identifier(plain: Mapping[str, Any]) -> str:
    name = plain.get("id")
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_ID or not name.isprintable():
        raise Unusable("bad_id", "id is no short printable text")
    return name


def _recipe(plain: Any) -> RecipeText | None:
    if plain is None:
        return None
    if not isinstance(plain, Mapping):
        raise Unusable("bad_field", "recipe is no object")
    lists = []
    for name in ("ingredients", "steps"):
        lines = plain.get(name)
        if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
            raise Unusable("bad_field", f"recipe.{name} is no list of texts")
        lists.append(tuple(filter(None, map(defuse, lines))))
    return RecipeText(required_text(plain, "title"), *lists)


def numbered_objects(path: Path) -> Iterator[tuple[str, Mapping[str, Any] | None]]:
    """(where, object) of each line; None where a line holds none. Blank lines hold nothing.

    Raises:
        DataMissing: no such file.
    """
    try:
        stream = open_regular(path)
    except OSError as error:
        raise DataMissing(f"Cannot read {path}.", hint="Check the name.") from error
    with stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            try:
                plain = json.loads(line)
            except (ValueError, RecursionError):
                plain = None
            yield f"line {number}", plain if isinstance(plain, dict) else None


def _collect(path: Path, read: Callable[[Mapping[str, Any]], tuple[str, T]]) -> Intake[T]:
    found: Intake[T] = Intake()
    seen: set[str] = set()
    for where, plain in numbered_objects(path):
        try:
            if plain is None:
                raise Unusable("not_json")
            if isinstance(plain.get("id"), str) and plain["id"] in seen:
                raise Unusable("duplicate_id", plain["id"][:LONGEST_ID])
            name, record = read(plain)
        except Unusable as error:
            found.rejected.append(Rejected(where, error.reason, error.detail))
            continue
        seen.add(name)
        found.kept.append(record)
    return found


def pair_dict(pair: Pair, images: Path) -> dict[str, Any]:
    """A pair as a line that `read_pairs` reads; the picture is named from the folder `images`."""
    plain: dict[str, Any] = {"id": pair.pair_id, "image": _relative(pair.image, images), "caption": pair.caption}
    if pair.recipe is not None:
        plain["recipe"] = pair.recipe.as_dict()
    return {**plain, **({"facts": dict(pair.facts)} if pair.facts else {})}


def seed_dict(example: SeedExample, images: Path) -> dict[str, Any]:
    """A seed example as a line that `read_seed` reads."""
    named = {"id": example.seed_id, "task": example.task_name, "image": _relative(example.image, images)}
    return {**named, "caption": example.caption, **example.triplet.as_dict()}


def _relative(image: ImageFile, images: Path) -> str:
    return image.path.resolve().relative_to(images.resolve()).as_posix()


def require_some(found: Intake[T], path: Path) -> Intake[T]:
    """The same, if anything can be used.

    Raises:
        DataCorrupt: nothing can.
    """
    if not found.kept:
        reasons = ", ".join(f"{count} {reason}" for reason, count in found.counts().items() if reason != "kept")
        raise DataCorrupt(f"{path} has no usable record ({reasons or 'it is empty'}).", hint="Check the file's format.")
    return found
