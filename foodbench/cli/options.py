"""Where settings come from: flag > `FOODBENCH_*` variable > `--config` file > `foodbench.toml` > default."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import click

from foodbench.core.errors import UsageError

PROJECT_FILE = "foodbench.toml"
_NOT_IN_FILES = frozenset({"config", "as_json", "quiet", "fresh"})
"""Settings of one call, not of a project."""
_ORIGINS = {
    "COMMANDLINE": "command line",
    "ENVIRONMENT": "environment",
    "DEFAULT": "default",
    "PROMPT": "prompt",
}


def load_config(context: click.Context, parameter: click.Parameter, value: Path | None) -> Path | None:
    """Callback of an eager `--config` option: put the file's settings under the flags and variables.

    `foodbench.toml` in the current folder is read first (table `[run]` for `foodbench run`, and so on), the named file
    overrides it.

    Raises:
        UsageError: a file is absent, is not TOML, or has an unknown setting.
    """
    merged: dict[str, Any] = {}
    origins: dict[str, str] = {}
    project = Path(PROJECT_FILE)
    for path in [*([project] if project.is_file() else []), *([value] if value else [])]:
        settings = _read(path, context)
        merged.update(settings)
        origins.update({name: str(path) for name in settings})
    context.default_map = {**(context.default_map or {}), **merged}
    context.meta["foodbench.origins"] = origins
    return value


def _read(path: Path, context: click.Context) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            document = tomllib.load(stream)
    except OSError as error:
        raise UsageError(f"Cannot read {path}: {error.strerror}.", hint="Check the path given to --config.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}.", hint="Mend the line that it names.") from error
    table = document.get(context.info_name or "", document if path.name != PROJECT_FILE else {})
    if not isinstance(table, dict):
        raise UsageError(
            f"{path}: '{context.info_name}' must be a table.", hint=f"Write [{context.info_name}] above it."
        )
    parameters = {parameter.name: parameter for parameter in context.command.params if parameter.name}
    settings = {}
    for written, setting in table.items():
        name = written.replace("-", "_")
        if name not in parameters or name in _NOT_IN_FILES:
            known = ", ".join(sorted(set(parameters) - _NOT_IN_FILES))
            raise UsageError(f"{path} has an unknown setting '{written}'.", hint=f"Known: {known}.")
        settings[name] = _as_typed(setting, parameters[name], f"{path}: '{written}'")
    return settings


def _as_typed(setting: Any, parameter: click.Parameter, where: str) -> Any:
    """A TOML value as it would be typed: a table for `key=value` options, a list for comma-separated ones."""
    repeatable = getattr(parameter, "multiple", False)
    if isinstance(setting, dict):
        if not repeatable:
            raise UsageError(f"{where} must not be a table.", hint="Give it a plain value.")
        return tuple(f"{key}={value}" for key, value in setting.items())
    if isinstance(setting, list):
        return tuple(map(str, setting)) if repeatable else ",".join(map(str, setting))
    return (str(setting),) if repeatable else setting


def origins_of(context: click.Context) -> dict[str, str]:
    """For every option of the running command, where its value came from."""
    files: dict[str, str] = context.meta.get("foodbench.origins", {})
    found = {}
    for parameter in context.command.params:
        if parameter.name is None:
            continue
        source = context.get_parameter_source(parameter.name)
        name = source.name if source is not None else "DEFAULT"
        found[parameter.name] = files.get(parameter.name, "config") if name == "DEFAULT_MAP" else _ORIGINS[name]
    return found


def key_values(context: click.Context, parameter: click.Parameter, texts: tuple[str, ...]) -> dict[str, str]:
    """Callback of `--model-args`: `key=value,key=value`, repeatable.

    A text whose parts are not all `key=value` is one pair, so that `sizes=1,2` has the value `1,2`.

    Raises:
        UsageError: a part without `=`.
    """
    found: dict[str, str] = {}
    for text in texts:
        parts = [piece.strip() for piece in text.split(",") if piece.strip()]
        for part in parts if all("=" in piece for piece in parts) else [text.strip()]:
            key, separator, value = part.partition("=")
            if not separator or not key.strip():
                raise UsageError(
                    f"{parameter.opts[0]}: '{part}' is not key=value.",
                    hint=f"Write e.g. {parameter.opts[0]} name=value",
                )
            found[key.strip()] = value.strip()
    return found
