"""Models and plates that all tests of training share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.baselines.recipe_grounded import small_models


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What stages begin with, of random weights."""
    return small_models.start(tmp_path_factory.mktemp("recipe-start"))


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rendered plates."""
    return tmp_path_factory.mktemp("recipe-plates")
