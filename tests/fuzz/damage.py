"""Ways in which files go wrong: bytes, JSON documents, pictures, and what stands in a file's place."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import re
import signal
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Bytes = Callable[[bytes, random.Random], bytes]
OUTSIDE = "outside"
"""Name of a folder beside the dataset's, in which no reader has any business."""
TRAVERSALS = ("../outside/secret", "../../outside/secret", "/etc/passwd", "..", "a/../../outside/secret", "~root")


def _cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))] if data else data


def _flip(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 20))):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _insert(piece: bytes) -> Bytes:
    def insert(data: bytes, chance: random.Random) -> bytes:
        place = chance.randrange(len(data) + 1)
        return data[:place] + piece + data[place:]

    return insert


def _lines(change: Callable[[list[bytes], random.Random], list[bytes]]) -> Bytes:
    return lambda data, chance: b"\n".join(change(data.split(b"\n"), chance))


def _duplicate_line(lines: list[bytes], chance: random.Random) -> list[bytes]:
    place = chance.randrange(len(lines))
    return [*lines[: place + 1], lines[place], *lines[place + 1 :]]


def _delete_line(lines: list[bytes], chance: random.Random) -> list[bytes]:
    place = chance.randrange(len(lines))
    return lines[:place] + lines[place + 1 :]


def _swap_fields(data: bytes, chance: random.Random) -> bytes:
    parts = re.split(rb"([,\t ;])", data)
    fields = [place for place in range(0, len(parts), 2) if parts[place].strip()]
    first, second = chance.choice(fields), chance.choice(fields)
    parts[first], parts[second] = parts[second], parts[first]
    return b"".join(parts)


def _number(text: bytes) -> Bytes:
    def replace(data: bytes, chance: random.Random) -> bytes:
        numbers = list(re.finditer(rb"-?\d+(?:\.\d+)?", data))
        if not numbers:
            return text
        match = chance.choice(numbers)
        return data[: match.start()] + text + data[match.end() :]

    return replace


def _word(text: bytes) -> Bytes:
    """Put a text in place of a word: a path where an id stands."""

    def replace(data: bytes, chance: random.Random) -> bytes:
        words = list(re.finditer(rb"[\w/.]{3,}", data))
        if not words:
            return text
        match = chance.choice(words)
        return data[: match.start()] + text + data[match.end() :]

    return replace


BYTES: Mapping[str, Bytes] = {
    "cut off": _cut,
    "bits flipped": _flip,
    "NUL": _insert(b"\0"),
    "control characters": _insert(b"\x1b[2J\x0c\x85"),
    "Latin-1": _insert(b"\xe9"),
    "surrogate": _insert(b"\xed\xa0\x80"),
    "direction marks": _insert("\u202e\u200b".encode()),
    "line separator": _insert("\u2028\x1c\x0b".encode()),
    "a carriage return": _insert(b"\r"),
    "byte-order mark": lambda data, _: b"\xef\xbb\xbf" + data,
    "UTF-16": lambda data, _: data.decode("utf-8").encode("utf-16"),
    "UTF-16 without mark": lambda data, _: data.decode("utf-8").encode("utf-16-le"),
    "UTF-32": lambda data, _: data.decode("utf-8").encode("utf-32"),
    "a line twice": _lines(_duplicate_line),
    "a line gone": _lines(_delete_line),
    "lines turned round": _lines(lambda lines, _: lines[::-1]),
    "fields swapped": _swap_fields,
    "NaN": _number(b"NaN"),
    "infinity": _number(b"-Infinity"),
    "a negative number": _number(b"-5"),
    "1e999": _number(b"1e999"),
    "a number of 5,000 digits": _number(b"9" * 5_000),
    "other digits": _number("٣٢".encode()),
    "nothing for a number": _number(b""),
    **{f"the path {path}": _word(path.encode()) for path in TRAVERSALS},
    "a comma": _insert(b","),
    "quotation marks": _insert(b'"'),
    "braces": _insert(b"{[}"),
    "a formula": _insert(b"=HYPERLINK("),
    "a megabyte on a line": _insert(b"a" * 1_000_000),
    "blank": lambda data, _: b"",
    "blanks": lambda data, _: b" \n\t\n\n",
    "null": lambda data, _: b"null",
    "nested lists": lambda data, _: b"[" * 100_000 + b"]" * 100_000,
    "nested objects": lambda data, _: b'[{"a":' * 100_000,
    "nested in the file": _insert(b"[" * 100_000),
    "noise": lambda data, chance: chance.randbytes(2_000),
    "another format": lambda data, _: b"<html><body>404 Not Found</body></html>\n",
    "a pointer": lambda data, _: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    "twice": lambda data, _: data + data,
}
"""What may happen to the bytes of a text file."""

HARMLESS: Mapping[str, Bytes] = {
    "CRLF": lambda data, _: data.replace(b"\n", b"\r\n"),
    "blank lines at the end": lambda data, _: data.rstrip(b"\n") + b"\n\n\n",
    "no line end at the end": lambda data, _: data.rstrip(b"\n"),
}
"""What must change nothing that is read (JSON included)."""

_STRANGE: tuple[Any, ...] = (
    None, True, -1, 1.5, 10**30, "", " ", "\ud800", "\x00", *TRAVERSALS, [], {}, [[[]]], {"a": {"b": None}},
    "a" * 100_000,
)  # fmt: skip


def _nodes(plain: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """(container, key) of everything in a document."""
    for key in plain if isinstance(plain, dict) else range(len(plain)) if isinstance(plain, list) else ():
        found.append((plain, key))
        _nodes(plain[key], found)
    return found


def broken_document(data: bytes, chance: random.Random) -> bytes:
    """A JSON document, still well-formed, with one thing in it replaced, dropped, doubled, or under another key."""
    plain = json.loads(data)
    container, key = chance.choice(_nodes(plain, []))
    way = chance.randrange(6)
    if way == 0:
        del container[key]
    elif way == 1 and isinstance(container, list):
        container.insert(key, container[key])
    elif way == 2 and isinstance(container, dict):
        container[f"{key} "] = container.pop(key)
    elif way == 3:
        container[key] = [container[key]]
    else:
        container[key] = chance.choice(_STRANGE)
    return json.dumps(plain).encode("utf-8", "surrogatepass")


def _directory(path: Path) -> None:
    path.mkdir()


def _dangling(path: Path) -> None:
    path.symlink_to(path.parent / "nowhere")


def _loop(path: Path) -> None:
    path.symlink_to(path)


def _pipe(path: Path) -> None:
    os.mkfifo(path)


PLACES: Mapping[str, Callable[[Path], None]] = {
    "nothing": lambda path: None,
    "a directory": _directory,
    "a dangling link": _dangling,
    "a link to itself": _loop,
    "a pipe": _pipe,
}
"""What may stand where a file should."""


def huge_png(side: int = 20_000) -> bytes:
    """A PNG whose header says that it is that large; there are no pixels behind it."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    )


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def _noise_image(mode: str, size: tuple[int, int] = (64, 48)) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (*size[::-1], 3), np.uint8)).convert(mode)


PICTURES: Mapping[str, Callable[[bytes], bytes]] = {
    "0 bytes": lambda data: b"",
    "cut off": lambda data: data[: len(data) // 2],
    "header only": lambda data: data[:20],
    "20,000 pixels": lambda data: huge_png(),
    "2 billion pixels": lambda data: huge_png(2**31 - 1),
    "text": lambda data: b"<html>404 Not Found</html>",
    "noise": lambda data: np.random.default_rng(0).bytes(4_000),
    "noise in the middle": lambda data: data[:300] + np.random.default_rng(0).bytes(200) + data[300 : len(data) // 2],
    "TIFF": lambda data: _saved(_noise_image("RGB"), "TIFF"),
    "PostScript": lambda data: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n",
    "SVG": lambda data: b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'></svg>",
}
"""What no picture can be read from."""

MASKS: Mapping[str, Callable[[bytes], bytes]] = {
    "class 200": lambda data: _saved(Image.fromarray(np.full(_shape(data), 200, np.uint8)), "PNG"),
    "class 200 in red": lambda data: _saved(Image.fromarray(np.full((*_shape(data), 3), (200, 0, 0), np.uint8)), "PNG"),
    "16 bits": lambda data: _saved(Image.fromarray(np.full(_shape(data), 60_000, np.uint16)), "PNG"),
    "another size": lambda data: _saved(_of(data).resize((31, 17), Image.Resampling.NEAREST), "PNG"),
    "another size in RGB": lambda data: _saved(Image.new("RGB", (31, 17)), "PNG"),
    "grey and alpha": lambda data: _saved(Image.new("LA", _shape(data)[::-1], 7), "PNG"),
    "CMYK": lambda data: _saved(Image.new("CMYK", _shape(data)[::-1]), "JPEG"),
    "one bit": lambda data: _saved(Image.new("1", _shape(data)[::-1], 1), "PNG"),
    "channels swapped": lambda data: _saved(Image.new("RGB", _shape(data)[::-1], (0, 0, 9)), "PNG"),
}
"""Pictures that are no masks of any dataset (each dataset has its own form)."""


def _of(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def _shape(data: bytes) -> tuple[int, int]:
    width, height = _of(data).size
    return height, width


class Hang(BaseException):
    """What is being tested does not come back. No `except Exception` on the way may swallow it."""


@contextlib.contextmanager
def watched(seconds: int) -> Iterator[None]:
    """Stop what does not end; far longer than it takes anywhere. Does nothing on systems without alarms."""
    if not hasattr(signal, "SIGALRM"):
        yield
        return

    def stop(_number: int, _frame: object) -> None:
        raise Hang(f"not done after {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    rest = signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(rest)
        signal.signal(signal.SIGALRM, before)
