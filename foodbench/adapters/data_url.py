"""Pictures as `data:` URLs, the way chat completion servers take them."""

from __future__ import annotations

import base64
import hashlib
import io

from foodbench.core.types import ImageSource
from foodbench.data.images import orientation

_UPRIGHT = 1


def data_url(image: ImageSource, max_side: int | None = None) -> str:
    """A picture as a `data:` URL.

    The file's own bytes are sent where that shows the server the same picture as everyone else: JPEG, PNG or WebP,
    without an EXIF rotation (servers differ in whether they apply it), not larger than `max_side`, and if the bytes are
    what the image's fingerprint names (an image that only refers to a file, such as a blanked one, is not that file).
    Anything else is decoded and sent as PNG, which loses nothing.

    Args:
        image: the picture.
        max_side: if its longer side has more pixels, it is scaled down to this.

    Raises:
        DataMissing, DataCorrupt: as `ImageSource.open`.
    """
    # Always decoded, so that a truncated file is an error here as it is for every other model.
    picture = image.open()
    too_large = max_side is not None and max(picture.size) > max_side
    if not too_large:
        data = _original_bytes(image)
        media_type = _media_type(data)
        if media_type and orientation(image.path) == _UPRIGHT:
            return _encode(media_type, data)
    elif max_side is not None:
        from PIL import Image

        picture.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", compress_level=3)
    return _encode("image/png", buffer.getvalue())


def _original_bytes(image: ImageSource) -> bytes:
    """The file's bytes; empty if there is no such file, or it is not what the image shows."""
    try:
        data = image.path.read_bytes()
    except OSError:
        return b""
    return data if "sha256:" + hashlib.sha256(data).hexdigest() == image.fingerprint() else b""


def _media_type(data: bytes) -> str | None:
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return None


def _encode(media_type: str, data: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"
