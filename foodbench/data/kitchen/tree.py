"""Shared by the writers of the layouts: settings, jobs, and a folder that remembers what was put into it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from foodbench.core.errors import UsageError
from foodbench.core.files import atomic_write
from foodbench.data.kitchen.difficulty import STANDARD, Difficulty
from foodbench.data.kitchen.plate import Plate, render

GENERATOR = "foodbench.kitchen"
VERSION = 1
"""Version of pictures and layouts. Any change of either is a new version: results of two versions do not compare."""

JPEG_QUALITY = 92
MIN_TRAIN, MIN_TEST = 8, 4


@dataclass(frozen=True, slots=True)
class KitchenSettings:
    """What an edition of the kitchen is made from.

    Attributes:
        seed: another seed is another kitchen.
        size: shorter side of the photos of food101 and foodseg103 in pixels (nutrition5k is always 640 x 480).
        train: pictures per dataset for training, rounded up to whole classes for food101.
        test: pictures per dataset for testing, likewise.
        difficulty: how hard the pictures are.
    """

    seed: int = 0
    size: int = 224
    train: int = 300
    test: int = 200
    difficulty: Difficulty = STANDARD

    def __post_init__(self) -> None:
        if self.train < MIN_TRAIN or self.test < MIN_TEST:
            raise UsageError(
                f"A kitchen needs at least {MIN_TRAIN} training and {MIN_TEST} test pictures, "
                f"not {self.train} and {self.test}.",
                hint="Fewer would not hold the irregular records that the readers must cope with.",
            )
        if not 64 <= self.size <= 1024:
            raise UsageError(f"The size of kitchen photos must be in 64..1024 pixels, not {self.size}.")

    def count(self, split: str) -> int:
        """Pictures of `train` or `test`."""
        return self.train if split == "train" else self.test

    def for_dialogues(self) -> KitchenSettings:
        """The settings of a dataset that asks several questions of each picture: a quarter of the pictures.

        Small kitchens keep up to 24, so that they hold every irregular record.
        """
        fewer = {split: max(min(self.count(split), 24), self.count(split) // 4) for split in ("train", "test")}
        return replace(self, train=fewer["train"], test=fewer["test"])


@dataclass(frozen=True, slots=True)
class Job:
    """One plate to cook and write.

    Attributes:
        name: id of the sample in its dataset.
        split: `train`, `test` or `none`.
        seed: of the plate.
        size: (height, width) in pixels.
        dish: which dish, or None to draw one.
        options: the layout's own switches, e.g. `grayscale`.
        difficulty: set for all jobs when an edition is made, without empty plates where the layout has none.
    """

    name: str
    split: str
    seed: tuple[int, ...]
    size: tuple[int, int]
    dish: str | None = None
    options: frozenset[str] = frozenset()
    difficulty: Difficulty = STANDARD

    def render(
        self, *, ingredients: Sequence[str] | None = None, sensor_noise: bool = True, may_be_empty: bool = True
    ) -> Plate:
        """Render the plate.

        Args:
            ingredients: exactly these instead of the dish's; none at all gives an empty plate.
            sensor_noise: whether the picture has the camera's grain.
            may_be_empty: whether it may be one of the difficulty's empty plates.
        """
        difficulty = self.difficulty if may_be_empty else self.difficulty.without_empty()
        return render(
            self.seed, self.size, dish=self.dish, ingredients=ingredients, sensor_noise=sensor_noise,
            difficulty=difficulty,
        )  # fmt: skip


@dataclass(slots=True)
class TreeWriter:
    """Writes files below a root and remembers their digests.

    Attributes:
        root: the folder.
        digests: SHA-256 by path relative to the root.
    """

    root: Path
    digests: dict[str, str] = field(default_factory=dict)

    def put(self, relative: str, content: bytes | str) -> None:
        """Write one file.

        Raises:
            StorageFull: it cannot be written.
        """
        data = content.encode() if isinstance(content, str) else content
        atomic_write(self.root / relative, data)
        self.digests[relative] = hashlib.sha256(data).hexdigest()

    def put_lines(self, relative: str, lines: Sequence[str], *, final_newline: bool = True) -> None:
        """Write a text file, one line each.

        Raises:
            StorageFull: it cannot be written.
        """
        self.put(relative, "\n".join(lines) + ("\n" if final_newline else ""))


@dataclass(frozen=True, slots=True)
class Layout:
    """How one dataset is laid out on disk.

    Attributes:
        dataset: its name in the catalog.
        folder: name of its root folder.
        jobs: lists all plates; the order is the order in which `finish` gets them.
        cook: renders one plate and writes its files; what it returns (plain data) goes to `finish`.
        finish: writes the lists and tables; returns counts for the marker.
        empty_plates: whether its pictures may show no food at all (`Difficulty.empty`).
    """

    dataset: str
    folder: str
    jobs: Callable[[KitchenSettings], list[Job]]
    cook: Callable[[Job, TreeWriter], Any]
    finish: Callable[[KitchenSettings, Sequence[tuple[Job, Any]], TreeWriter], dict[str, int]]
    empty_plates: bool = False


def jpeg_bytes(image: NDArray[np.uint8]) -> bytes:
    """Encode (height, width, 3) as RGB, or (height, width) as grayscale JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()


def png_bytes(image: Image.Image, level: int = 1) -> bytes:
    """Encode as PNG. Level 1 with run lengths (zlib's strategy 3) is four times as fast as level 6 and 10 % larger."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=level, compress_type=3 if level == 1 else -1)
    return buffer.getvalue()
