"""Settings from YAML files, checked. Imports no model: the commands here have to start fast."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from foodbench.core.errors import DataMissing, UsageError

Settings = TypeVar("Settings", bound=BaseModel)


def load_yaml(path: Path, kind: type[Settings], *, hint: str) -> Settings:
    """Read a file of settings.

    Args:
        path: a YAML file.
        kind: what it must be.
        hint: where to see what is right.

    Raises:
        DataMissing: no such file.
        UsageError: not YAML, or wrong keys or values.
    """
    try:
        plain = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataMissing(f"Cannot read {path}.", hint="Check the name.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid YAML.", hint=str(error).splitlines()[0]) from error
    try:
        return kind.model_validate(plain)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise UsageError(f"{path}: {where}: {first['msg']}.", hint=hint) from error
