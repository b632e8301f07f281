"""Text that a submission must not hold: characters that hide or reorder, credentials, paths of somebody's machine."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from foodbench.adapters.arguments import is_secret

MAX_DEPTH = 32
HIDDEN = "(hidden)"
"""What a run writes in place of a credential."""

# Controls, format characters (bidi overrides, zero-width ones, tags), surrogates, private use, line separators.
_REFUSED = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_JOINERS = frozenset("\u200c\u200d")
"""Format characters that some scripts and emoji are written with."""

_SECRETS = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"sk-[A-Za-z0-9_-]{20,}|gsk_[A-Za-z0-9]{20,}|hf_[A-Za-z0-9]{20,}|r8_[A-Za-z0-9]{20,}|nvapi-[A-Za-z0-9_-]{20,}"
    r"|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,}"
    r"|A(?:KIA|SIA)[0-9A-Z]{16}|AIza[0-9A-Za-z_-]{30,}|xox[abeoprs]-[A-Za-z0-9-]{10,}"
    r"|eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\."
    r"|[Bb]earer\s+[A-Za-z0-9._~+/-]{16,}"
    r")|-----BEGIN [A-Z ]*PRIVATE KEY|://[^/\s:@]+:[^/\s@]+@"
)
_BREAK = r"\s,;:='\"()\[\]<>"
_PART = rf"[^{_BREAK}/\\]+"
# Blanks within a part are followed a little way only: the words after a path are not a part of it.
_PATH = re.compile(
    r"(?<![\w.~/\\%-])(?:file://)?(?:~[\w.-]*|[A-Za-z]:)?[/\\]+"
    rf"(?={_PART})(?:{_PART}(?: {_PART}){{0,2}}[/\\]+)*(?P<last>{_PART})?"
)
_URL = re.compile(r"\b(?!file:)[A-Za-z][A-Za-z0-9+.-]*://[^\s,;'\"()<>]*")


def refused_character(text: str, *, lines: bool = False) -> str | None:
    """The first character that is not shown as itself, as `U+202E`; None if there is none.

    Args:
        text: anything.
        lines: line feeds and tabs are allowed.
    """
    for char in text:
        if unicodedata.category(char) in _REFUSED and char not in _JOINERS and not (lines and char in "\n\t"):
            return f"U+{ord(char):04X}"
    return None


def strings_of(plain: Any) -> Iterator[tuple[str, str]]:
    """Every string in plain JSON with the dotted path to it; a key counts as a string at its own path."""
    waiting: list[tuple[str, Any]] = [("", plain)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, str):
            yield path, value
        elif isinstance(value, dict):
            for key, item in value.items():
                below = f"{path}.{key}" if path else str(key)
                yield below, str(key)
                waiting.append((below, item))
        elif isinstance(value, list):
            waiting.extend((f"{path}.{index}", item) for index, item in enumerate(value))


def too_deep(plain: Any) -> bool:
    """Whether plain JSON is nested deeper than anything that a run writes."""
    level, depth = [plain], 0
    while level:
        if depth > MAX_DEPTH:
            return True
        level = [
            item
            for value in level
            if isinstance(value, (dict, list))
            for item in (value.values() if isinstance(value, dict) else value)
        ]
        depth += 1
    return False


def secret_at(plain: Any) -> str | None:
    """The path of the first value in plain JSON that looks like a credential, by its shape."""
    return next((path for path, text in strings_of(plain) if _SECRETS.search(text)), None)


def secret_argument(arguments: dict[str, Any]) -> str | None:
    """The name of the first argument that is a credential by its name and has a value."""
    for name, value in arguments.items():
        if isinstance(value, dict):
            found = secret_argument(value)
            if found is not None:
                return f"{name}.{found}"
        elif is_secret(name) and value not in (None, "", HIDDEN):
            return name
    return None


def without_paths(text: str) -> str:
    """Text in which a path from the root of a machine, or from somebody's home, is cut to its last part.

    Relative paths and addresses (`https://...`) stay: they say nothing about a machine.
    """
    cut = _without_paths(text)
    while cut != text:  # what is left may read as a path again; every turn is shorter
        text, cut = cut, _without_paths(cut)
    return cut


def _without_paths(text: str) -> str:
    kept, start = [], 0
    for url in _URL.finditer(text):
        kept += [_cut(text[start : url.start()]), url.group()]
        start = url.end()
    return "".join([*kept, _cut(text[start:])])


def _cut(text: str) -> str:
    return _PATH.sub(lambda found: found["last"] or re.split(r"[/\\]", found.group().rstrip("/\\"))[-1], text)


def with_paths_cut(plain: Any, path: str = "") -> tuple[Any, list[str]]:
    """Plain JSON with `without_paths` put to every value.

    Returns:
        the new one, and where something was cut (dotted paths).
    """
    if isinstance(plain, str):
        cut = without_paths(plain)
        return cut, [path] if cut != plain else []
    if isinstance(plain, dict):
        pairs = {key: with_paths_cut(item, f"{path}.{key}" if path else str(key)) for key, item in plain.items()}
        return {key: item for key, (item, _) in pairs.items()}, [each for _, found in pairs.values() for each in found]
    if isinstance(plain, list):
        items = [with_paths_cut(item, f"{path}.{index}") for index, item in enumerate(plain)]
        return [item for item, _ in items], [each for _, found in items for each in found]
    return plain, []
