"""Small checkpoints of the released layout."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.baselines.paper_model import converted
from tests.models.released_layout import ReleasedCheckpoint


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[ReleasedCheckpoint, Path]:
    """A small FoodLMM as released, and converted."""
    return converted(tmp_path_factory.mktemp("foodlmm"))


@pytest.fixture(scope="session")
def small_lisa(tmp_path_factory: pytest.TempPathFactory) -> tuple[ReleasedCheckpoint, Path]:
    """A small LISA as released, and converted."""
    return converted(tmp_path_factory.mktemp("lisa"), nutrition=False)
