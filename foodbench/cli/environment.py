"""Which environment variable or file is behind an error: the user may not know that it is set."""

from __future__ import annotations

import os
import re
from pathlib import Path

import click
from click.core import ParameterSource

from foodbench.core.errors import FoodbenchError

PREFIX = "FOODBENCH_"
_OTHERS = ("XDG_CACHE_HOME", "OPENAI_BASE_URL")


def variables_behind(error: FoodbenchError) -> list[str]:
    """The variables whose value an error's message shows, as a path or in quotes, and that it does not name itself."""
    names = [name for name in sorted(os.environ) if name.startswith(PREFIX) or name in _OTHERS]
    return [name for name in names if name not in str(error) and _shows(error.message, os.environ[name].strip())]


def _shows(message: str, value: str) -> bool:
    if not value:
        return False
    if f"'{value}'" in message:
        return True
    path = Path(value).expanduser()
    # A word can be in a message by chance, a path hardly: one of a single name counts in front of a separator only.
    patterns = [rf"{re.escape(str(path.absolute()))}(?![\w-])"]
    patterns.append(rf"{re.escape(str(path))}" + (r"(?![\w-])" if os.sep in value else re.escape(os.sep)))
    return any(re.search(rf"(?<![\w/.-]){pattern}", message) for pattern in patterns)


def origin_of(parameter: click.Parameter | None, context: click.Context | None) -> str:
    """Where an option's refused value comes from, if not from the command line; else nothing."""
    if parameter is None or parameter.name is None or context is None:
        return ""
    source = context.get_parameter_source(parameter.name)
    if source is ParameterSource.ENVIRONMENT:
        return f"the environment variable {_variable_of(parameter, context)}"
    if source is ParameterSource.DEFAULT_MAP:
        files: dict[str, str] = context.meta.get("foodbench.origins", {})
        return files.get(parameter.name, "a configuration file")
    return ""


def _variable_of(parameter: click.Parameter, context: click.Context) -> str:
    named = parameter.envvar
    if named:
        return named if isinstance(named, str) else next(iter(named))
    return f"{context.auto_envvar_prefix}_{str(parameter.name).upper()}"
