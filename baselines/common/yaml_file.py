"""Settings from YAML files, checked. Imports no model: commands have to start fast."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from foodbench.core.errors import DataMissing, UsageError
from foodbench.runs.faults import first_fault

CONFIGS = ("kitchen", "single_gpu", "paper")
"""Sizes of the recipes that are shipped."""
Settings = TypeVar("Settings", bound=BaseModel)


def load_yaml(
    path: Path, kind: type[Settings], *, hint: str, absent: str = "Check the name.", whole: str = "the file"
) -> Settings:
    """Read a file of settings.

    Args:
        path: a YAML file.
        kind: what it must be.
        hint: where to see what is right.
        absent: hint where there is no such file.
        whole: what the file is called where all of it is wrong.

    Raises:
        DataMissing: no such file.
        UsageError: not YAML, or wrong keys or values.
    """
    try:
        plain = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataMissing(f"Cannot read {path}.", hint=absent) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid YAML.", hint=str(error).splitlines()[0]) from error
    try:
        return kind.model_validate(plain)
    except ValidationError as error:
        raise UsageError(f"{path}: {first_fault(error, whole)}.", hint=hint) from error


def load_recipe(path: Path, kind: type[Settings], *, hint: str, **changes: Any) -> Settings:
    """Read a recipe of training.

    Args:
        path: a YAML file.
        kind: what it must be.
        hint: where to see what is right.
        changes: values that take the place of the file's, by their names; None leaves the file's.

    Raises:
        DataMissing: no such file.
        UsageError: not YAML, or wrong keys or values.
    """
    recipe = load_yaml(path, kind, hint=hint, absent="Give a recipe with --config.", whole="recipe")
    return recipe.model_copy(update={name: value for name, value in changes.items() if value is not None})


def checked_again(changed: Settings, path: Path) -> Settings:
    """A recipe that the command line changed, checked as a whole: copies with changes are not.

    Args:
        changed: the recipe.
        path: its file, for the message.

    Raises:
        UsageError: it is not valid any more.
    """
    try:
        return type(changed).model_validate(changed.model_dump())
    except ValidationError as error:
        raise UsageError(f"{path}: {first_fault(error, 'recipe')}.", hint="Change the arguments.") from error


def recipe_path(folder: Path, config: str, name: str) -> Path:
    """A recipe's file: one of `CONFIGS` in a folder, by its name there, or a file of one's own."""
    return folder / config / f"{name}.yaml" if config in CONFIGS else Path(config)


__all__ = ["CONFIGS", "checked_again", "load_recipe", "load_yaml", "recipe_path"]
