"""Fingerprints: the same content has the same name on every machine."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from foodbench.core.files import open_regular


def canonical_json(value: Any) -> str:
    """Serialise plain JSON data in one fixed way: sorted keys, no blanks, UTF-8, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def fingerprint(value: Any) -> str:
    """`sha256:` and the digest of a plain JSON value's canonical form."""
    return "sha256:" + hashlib.sha256(canonical_json(value).encode()).hexdigest()


def sha256_file(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes.

    Raises:
        OSError: the file cannot be read.
    """
    with open_regular(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def stable_seed(*parts: str | int) -> int:
    """A 64-bit seed that depends only on the parts, not on the process, platform or `PYTHONHASHSEED`."""
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big")
