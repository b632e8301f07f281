"""Pictures on disk that are decoded only when somebody looks at them, and never half."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from foodbench.core.errors import DataCorrupt, DataMissing, FoodbenchError

if TYPE_CHECKING:
    from PIL.Image import Image

ExifPolicy = Literal["ignore", "transpose"]

MAX_PIXELS = 100_000_000
"""Larger pictures are refused from their header. The longest sides in the real datasets make 30 million together."""

# Formats met in the datasets and their hand copies. Others stay off: some of Pillow's decoders start external programs.
# The multi-picture files of phones (MPO) come through the JPEG decoder.
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP")

_ORIENTATION_TAG = 0x0112
_SIDEWAYS = frozenset({5, 6, 7, 8})

_T = TypeVar("_T")
_strict_lock = threading.Lock()
_strict_users = 0
_truncated_allowed_outside = False


@contextmanager
def _strict_decoding() -> Iterator[None]:
    """Make Pillow refuse truncated files while any thread is inside.

    `LOAD_TRUNCATED_IMAGES` is a process-wide switch, and importing lmms-eval turns it on: a cut-off photo would then be
    scored with its lower half grey. The first thread in turns it off, the last one out restores it.
    """
    global _strict_users, _truncated_allowed_outside
    from PIL import ImageFile as PillowFile

    with _strict_lock:
        if _strict_users == 0:
            _truncated_allowed_outside = PillowFile.LOAD_TRUNCATED_IMAGES
            PillowFile.LOAD_TRUNCATED_IMAGES = False
        _strict_users += 1
    try:
        yield
    finally:
        with _strict_lock:
            _strict_users -= 1
            if _strict_users == 0:
                PillowFile.LOAD_TRUNCATED_IMAGES = _truncated_allowed_outside


def _open_stream(path: Path) -> BufferedReader:
    try:
        return path.open("rb")
    except FileNotFoundError as error:
        raise DataMissing(
            f"The image {path} does not exist.",
            hint="Restore it from the dataset's archive; `foodbench data verify` lists all missing files.",
        ) from error
    except OSError as error:
        raise DataMissing(
            f"The image {path} cannot be read: {error.strerror or error}.", hint="Check the file's permissions."
        ) from error


def with_image(path: Path, use: Callable[[Image], _T]) -> _T:
    """Open an image file strictly and return `use(image)`.

    Args:
        path: the file.
        use: gets the opened, not yet decoded Pillow image; the file is closed after it.

    Raises:
        DataMissing: the file is absent or unreadable.
        DataCorrupt: it is empty, truncated, no image of a known format, or larger than `MAX_PIXELS`.
    """
    from PIL import Image as PillowImage

    with _open_stream(path) as stream, _strict_decoding():
        try:
            with PillowImage.open(stream, formats=FORMATS) as image:
                width, height = image.size
                if width * height > MAX_PIXELS:
                    raise DataCorrupt(
                        f"The image {path} claims {width:,} x {height:,} pixels (limit {MAX_PIXELS:,}).",
                        hint="No image of the known datasets is that large: restore the file from the archive.",
                    )
                return use(image)
        except (FoodbenchError, MemoryError):
            raise
        # Broken files make Pillow's decoders raise almost anything (SyntaxError, struct.error, IndexError, ...).
        except Exception as error:
            size = path.stat().st_size if path.exists() else 0
            what = "is empty (0 bytes)" if size == 0 else f"cannot be decoded ({size:,} bytes; {_reason(error)})"
            raise DataCorrupt(
                f"The image {path} {what}.",
                hint="The file is damaged or was cut off while it was copied: restore it from the dataset's archive.",
            ) from error


def _reason(error: Exception) -> str:
    """Pillow's words, without the object addresses that some of its messages carry."""
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return "not an image of a known format" if "cannot identify image file" in text else text.rstrip(".")


def orientation(path: Path) -> int:
    """The EXIF orientation in a file's header: 1 (upright, also if there is none) to 8.

    Raises:
        DataMissing: the file is absent.
        DataCorrupt: the header cannot be read.
    """
    return with_image(path, _orientation)


def _orientation(image: Image) -> int:
    value: Any = image.getexif().get(_ORIENTATION_TAG, 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


@dataclass(frozen=True, slots=True)
class ImageFile:
    """A picture on disk (implements `foodbench.core.types.ImageSource`).

    Attributes:
        path: the file.
        exif: `ignore` gives the pixels as they are stored; `transpose` turns them upright as the EXIF header says.
            Each reader states which one its dataset needs, and why.
    """

    path: Path
    exif: ExifPolicy = "ignore"

    def open(self) -> Image:
        """The fully decoded picture in RGB.

        Raises:
            DataMissing: the file is absent or unreadable.
            DataCorrupt: it is empty, truncated, undecodable, or larger than `MAX_PIXELS`.
        """
        return with_image(self.path, self._decode)

    def _decode(self, image: Image) -> Image:
        image.load()
        if self.exif == "transpose":
            from PIL import ImageOps

            image = ImageOps.exif_transpose(image)
        # convert() of an RGB image copies, so the result never depends on the closed file.
        return image.convert("RGB")

    def size(self) -> tuple[int, int]:
        """(width, height) in pixels after the EXIF policy, read from the header only.

        Raises:
            DataMissing: the file is absent or unreadable.
            DataCorrupt: the header cannot be read, or says more than `MAX_PIXELS`.
        """
        return with_image(self.path, self._header_size)

    def _header_size(self, image: Image) -> tuple[int, int]:
        width, height = image.size
        if self.exif == "transpose" and _orientation(image) in _SIDEWAYS:
            return height, width
        return width, height

    def fingerprint(self) -> str:
        """`sha256:` and the digest of the file's bytes.

        Raises:
            DataMissing: the file is absent or unreadable.
        """
        with _open_stream(self.path) as stream:
            return "sha256:" + hashlib.file_digest(stream, "sha256").hexdigest()
