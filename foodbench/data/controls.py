"""Pictures shown instead of the right ones, to see what a model earns without looking."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from foodbench.core.hashing import fingerprint

if TYPE_CHECKING:
    from foodbench.data.images import Picture

Control = Literal["wrong-image", "blank-image"]
CONTROLS: tuple[Control, ...] = get_args(Control)
BLANK_LEVEL = 127
"""Grey level of the blank picture."""


@dataclass(frozen=True, slots=True)
class ControlImage:
    """Another picture, or none, in the size of the right one (masks are scored at that size).

    Attributes:
        original: the right picture; its size is used, and its name to know an item that is known to be wrong.
        shown: what is shown, stretched to that size; None for an evenly grey picture.
    """

    original: Picture
    shown: Picture | None

    @property
    def path(self) -> Path:
        """Where the shown picture is; the original's place for a blank one."""
        return (self.shown or self.original).path

    def size(self) -> tuple[int, int]:
        """(width, height) of the right picture."""
        return self.original.size()

    def open(self) -> Any:
        """The picture that is shown, in RGB.

        Raises:
            DataMissing, DataCorrupt: either picture cannot be read.
        """
        from PIL import Image

        size = self.original.size()
        if self.shown is None:
            return Image.new("RGB", size, (BLANK_LEVEL,) * 3)
        return self.shown.open().resize(size, Image.Resampling.BILINEAR)

    def fingerprint(self) -> str:
        """Digest of what is shown and in which size; never that of a file."""
        shown = None if self.shown is None else self.shown.fingerprint()
        return fingerprint({"control": shown, "size": list(self.original.size())})

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON form; `foodbench.data.images.image_from_dict` is its inverse."""
        shown = None if self.shown is None else self.shown.as_dict()
        return {"kind": "control", "original": self.original.as_dict(), "shown": shown}
