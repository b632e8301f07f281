"""Pictures that are decoded only when somebody looks at them, and never half."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from foodbench.core.errors import DataCorrupt, DataMissing, FoodbenchError
from foodbench.core.files import open_regular

if TYPE_CHECKING:
    from PIL.Image import Image

    from foodbench.data.controls import ControlImage

ExifPolicy = Literal["ignore", "transpose"]

MAX_PIXELS = 100_000_000
"""Larger pictures are refused from their header. The longest sides in the real datasets make 30 million together."""

# Formats met in the datasets and their hand copies. Others stay off: some of Pillow's decoders start external programs.
# The multi-picture files of phones (MPO) come through the JPEG decoder.
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP")

_ORIENTATION_TAG = 0x0112
_SIDEWAYS = frozenset({5, 6, 7, 8})
_HUB_FIELDS: Mapping[str, type] = {"folder": str, "split": str, "row": int, "column": str}
_NOT_A_PICTURE = "Only what `as_dict` of a picture returned can be read: load the samples again."

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


def _open_stream(path: Path) -> io.BufferedReader:
    try:
        return open_regular(path)
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
    with _open_stream(path) as stream:
        return _with_stream(stream, path, use)


def with_encoded(data: bytes, name: Path, use: Callable[[Image], _T]) -> _T:
    """As `with_image`, for the bytes of an image that is not a file of its own.

    Args:
        data: the encoded image.
        name: what messages call it.
        use: gets the opened, not yet decoded Pillow image.

    Raises:
        DataCorrupt: as `with_image`.
    """
    return _with_stream(io.BytesIO(data), name, use)


def _with_stream(stream: IO[bytes], name: Path, use: Callable[[Image], _T]) -> _T:
    from PIL import Image as PillowImage

    length = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    with _strict_decoding():
        try:
            with PillowImage.open(stream, formats=FORMATS) as image:
                width, height = image.size
                if width * height > MAX_PIXELS:
                    raise DataCorrupt(
                        f"The image {name} claims {width:,} x {height:,} pixels (limit {MAX_PIXELS:,}).",
                        hint="No image of the known datasets is that large: restore the file from the archive.",
                    )
                return use(image)
        except (FoodbenchError, MemoryError):
            raise
        # Broken files make Pillow's decoders raise almost anything (SyntaxError, struct.error, IndexError, ...).
        except Exception as error:
            what = "is empty (0 bytes)" if length == 0 else f"cannot be decoded ({length:,} bytes; {_reason(error)})"
            raise DataCorrupt(
                f"The image {name} {what}.",
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
    return with_image(path, header_orientation)


def header_orientation(image: Image) -> int:
    """The EXIF orientation of an opened image, 1 to 8."""
    value: Any = image.getexif().get(_ORIENTATION_TAG, 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def decode_rgb(image: Image, exif: ExifPolicy) -> Image:
    """The pixels of an opened image in RGB, turned as the policy says."""
    image.load()
    if exif == "transpose":
        from PIL import ImageOps

        image = ImageOps.exif_transpose(image)
    # convert() of an RGB image copies, so the result never depends on the closed file.
    return image.convert("RGB")


def header_size(image: Image, exif: ExifPolicy) -> tuple[int, int]:
    """(width, height) that `decode_rgb` gives, without decoding."""
    width, height = image.size
    if exif == "transpose" and header_orientation(image) in _SIDEWAYS:
        return height, width
    return width, height


class Picture(Protocol):
    """A picture of a dataset, wherever its bytes are: a file (`ImageFile`) or a row of a table (`hub.HubImage`).

    It is a `foodbench.core.types.ImageSource` that also knows its size and has a plain JSON form.
    """

    @property
    def path(self) -> Path:
        """The file; or a name that says where the bytes are, if they are no file of their own."""

    @property
    def exif(self) -> ExifPolicy:
        """Whether `open` and `size` turn the picture as its EXIF header says."""

    def open(self) -> Image:
        """The fully decoded picture in RGB."""

    def size(self) -> tuple[int, int]:
        """(width, height) in pixels after the EXIF policy, from the header only."""

    def orientation(self) -> int:
        """The EXIF orientation in the header: 1 (upright) to 8."""

    def with_opened(self, use: Callable[[Image], _T]) -> _T:
        """`use(image)` of the opened, not yet decoded picture as it is stored, whatever the EXIF policy."""

    def read_bytes(self) -> bytes:
        """The encoded picture as it is stored."""

    def fingerprint(self) -> str:
        """`sha256:` and the digest of the encoded bytes."""

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON form; `image_from_dict` is its inverse."""


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
        return self.with_opened(lambda image: decode_rgb(image, self.exif))

    def with_opened(self, use: Callable[[Image], _T]) -> _T:
        """`with_image` of this file.

        Raises:
            DataMissing, DataCorrupt: as `with_image`.
        """
        return with_image(self.path, use)

    def size(self) -> tuple[int, int]:
        """(width, height) in pixels after the EXIF policy, read from the header only.

        Raises:
            DataMissing: the file is absent or unreadable.
            DataCorrupt: the header cannot be read, or says more than `MAX_PIXELS`.
        """
        return self.with_opened(lambda image: header_size(image, self.exif))

    def orientation(self) -> int:
        """The EXIF orientation in the header: 1 (upright, also if there is none) to 8.

        Raises:
            DataMissing: the file is absent or unreadable.
            DataCorrupt: the header cannot be read.
        """
        return orientation(self.path)

    def read_bytes(self) -> bytes:
        """The bytes of the file.

        Raises:
            DataMissing: the file is absent or unreadable.
        """
        with _open_stream(self.path) as stream:
            return stream.read()

    def fingerprint(self) -> str:
        """`sha256:` and the digest of the file's bytes.

        Raises:
            DataMissing: the file is absent or unreadable.
        """
        with _open_stream(self.path) as stream:
            return "sha256:" + hashlib.file_digest(stream, "sha256").hexdigest()

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON form: `{"kind": "file", "path": ..., "exif": ...}`."""
        return {"kind": "file", "path": str(self.path), "exif": self.exif}


def image_from_dict(plain: Mapping[str, Any]) -> Picture | ControlImage:
    """The picture that `as_dict` of an `ImageFile`, a `HubImage` or a `ControlImage` described.

    Raises:
        DataCorrupt: an unknown kind, or a field is absent or of a wrong type.
    """
    kind = plain.get("kind")
    if kind == "control" and isinstance(plain.get("original"), Mapping):
        from foodbench.data.controls import ControlImage

        shown = plain.get("shown")
        return ControlImage(_picture(plain["original"]), None if shown is None else _picture(shown))
    return _picture(plain)


def _picture(plain: Mapping[str, Any]) -> Picture:
    kind = plain.get("kind")
    wanted: Mapping[str, type] = {"file": {"path": str}, "hub": _HUB_FIELDS}.get(str(kind), {})
    if not wanted or plain.get("exif") not in ("ignore", "transpose"):
        raise DataCorrupt(f"{dict(plain)!r} is not the description of a picture.", hint=_NOT_A_PICTURE)
    for name, expected in wanted.items():
        if type(plain.get(name)) is not expected:
            raise DataCorrupt(
                f"The description of a picture lacks a proper '{name}': {dict(plain)!r}.", hint=_NOT_A_PICTURE
            )
    exif: ExifPolicy = plain["exif"]
    if kind == "file":
        return ImageFile(Path(plain["path"]), exif=exif)
    from foodbench.data.hub import HubImage

    return HubImage(Path(plain["folder"]), plain["split"], plain["row"], plain["column"], exif=exif)
