"""A model that nothing was taught."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.baselines.rl_segmentation.random_model import build
from tests.baselines.rl_segmentation.training_helpers import SIDE


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A very small one, for tests of training."""
    folder = tmp_path_factory.mktemp("random-qwen")
    return build(folder, hidden=32, layers=2, vision=32, vocabulary=420, side=SIDE)
