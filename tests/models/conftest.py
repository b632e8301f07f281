"""A toy tokenizer and small checkpoints in the layouts of FoodLMM's and LISA's releases."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REPOSITORY
from tests.models.released_layout import ReleasedCheckpoint, write_released

WriteFolder = Callable[..., Path]


@pytest.fixture(scope="session")
def legacy_golden() -> dict[str, Any]:
    """What transformers 4.31 makes of a toy model; `about` in the file says how it came to be."""
    return json.loads((REPOSITORY / "tests" / "golden" / "legacy_tokenizer.json").read_text())


@pytest.fixture(scope="session")
def tokenizer_folder(legacy_golden: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> WriteFolder:
    """Write the four files of the released layout; keywords replace the contents of files, None leaves one out."""

    def write(**replaced: Any) -> Path:
        folder = tmp_path_factory.mktemp("tokenizer")
        model = replaced.pop("model", base64.b64decode(legacy_golden["model"]))
        if model is not None:
            (folder / "tokenizer.model").write_bytes(model)
        contents = {name.removesuffix(".json"): content for name, content in legacy_golden["files"].items()}
        for name, content in (contents | replaced).items():
            if content is not None:
                text = content if isinstance(content, str) else json.dumps(content)
                (folder / f"{name}.json").write_text(text)
        return folder

    return write


@pytest.fixture(scope="module")
def foodlmm(tmp_path_factory: pytest.TempPathFactory) -> ReleasedCheckpoint:
    return write_released(tmp_path_factory.mktemp("foodlmm"))


@pytest.fixture(scope="module")
def lisa(tmp_path_factory: pytest.TempPathFactory) -> ReleasedCheckpoint:
    return write_released(tmp_path_factory.mktemp("lisa"), nutrition=False)


@pytest.fixture
def broken(foodlmm: ReleasedCheckpoint, tmp_path: Path) -> ReleasedCheckpoint:
    """A copy that a test may damage."""
    folder = tmp_path / "broken"
    shutil.copytree(foodlmm.folder, folder)
    return ReleasedCheckpoint(folder, foodlmm.vision, foodlmm.model, foodlmm.added)
