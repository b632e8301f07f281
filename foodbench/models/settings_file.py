"""How a checkpoint is asked: a small JSON file in its folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from foodbench.core.errors import CheckpointError


class CheckpointSettings(BaseModel):
    """Settings that a checkpoint's folder holds in a file of the name `settings_file`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    settings_file: ClassVar[str]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The settings of a checkpoint folder; the defaults if it has no such file.

        Raises:
            CheckpointError: the file is damaged.
        """
        path = folder / cls.settings_file
        if not path.is_file():
            return cls()
        try:
            return cls.model_validate(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, RecursionError, ValidationError) as error:
            raise CheckpointError(f"{path} cannot be used: {type(error).__name__}.", hint="Copy it anew.") from error
