"""Fixtures of the adapter tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from endpoint_server import KEY
from PIL import Image


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A small JPEG file."""
    path = tmp_path / "plate.jpg"
    pixels = np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, quality=90)
    return path


@pytest.fixture
def endpoint_key(monkeypatch: pytest.MonkeyPatch) -> str:
    """A key in the environment, and no proxy between the test and its server."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    return KEY
