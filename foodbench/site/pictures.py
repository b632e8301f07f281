"""Small pictures for the sample browser: of rendered plates only; a dataset's photos stay with those who have them."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

from foodbench.core.errors import DataError
from foodbench.core.files import atomic_write
from foodbench.core.types import Sample

LONG_SIDE = 256
MAX_BYTES = 30_000
_QUALITIES = (72, 55, 35, 15)


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A picture of the site.

    Attributes:
        path: of the file below the site's root.
        width: in pixels.
        height: in pixels.
    """

    path: str
    width: int
    height: int


class Thumbnails:
    """Makes the pictures of one dataset, each once."""

    def __init__(self, out: Path, dataset: str, root: Path) -> None:
        self._out = out
        self._dataset = dataset
        self._root = root
        self._made: dict[Path, Thumbnail | None] = {}

    def of(self, sample: Sample) -> Thumbnail | None:
        """The picture of a sample, written if it is not there; None if it cannot be read."""
        source = sample.image.path
        if source not in self._made:
            self._made[source] = self._make(sample, source)
        return self._made[source]

    def _make(self, sample: Sample, source: Path) -> Thumbnail | None:
        from PIL import Image

        try:
            photo = sample.image.open()
        except DataError:
            return None
        scale = min(1.0, LONG_SIDE / max(photo.size))
        if scale < 1:
            size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
            photo = photo.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
        name = hashlib.sha256(source.relative_to(self._root).as_posix().encode()).hexdigest()[:16]
        path = f"img/{self._dataset}/{name}.webp"
        atomic_write(self._out / path, _encoded(photo), sync=False)
        return Thumbnail(path, photo.width, photo.height)


def _encoded(photo: object) -> bytes:
    data = b""
    for quality in _QUALITIES:
        stream = io.BytesIO()
        photo.save(stream, format="WEBP", quality=quality, method=3)  # type: ignore[attr-defined]
        data = stream.getvalue()
        if len(data) <= MAX_BYTES:
            break
    return data
