"""From the text of `--model-args key=value,...` to a constructor's typed arguments."""

from __future__ import annotations

import inspect
import math
import re
import types
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from foodbench.core.errors import UsageError

_TRUE = {"true", "yes", "on", "1"}
_FALSE = {"false", "no", "off", "0"}
_NONE = {"none", "null", ""}
_SCALARS = (str, int, float, bool, Path)


def settable_parameters(factory: Callable[..., Any]) -> dict[str, Any]:
    """The parameters of a class's constructor or a function that text can set, with their type hints.

    Those are the ones hinted as str, int, float, bool, Path, a Literal, or a union of these (with None), and the ones
    without a hint. `*args` and `**kwargs` are left out.
    """
    hints = _hints(factory)
    return {
        name: hints.get(name, Any)
        for name, parameter in _parameters(factory).items()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        and _from_text(hints.get(name, Any))
    }


def convert_arguments(owner: str, factory: Callable[..., Any], arguments: Mapping[str, str]) -> dict[str, Any]:
    """Convert text arguments by the type hints of `factory`.

    A constructor with `**kwargs` takes any further key as text.

    Args:
        owner: what the arguments are for, in messages.
        factory: a class or function.
        arguments: from the command line.

    Raises:
        UsageError: an unknown key, a value of the wrong type, or a required argument that is missing.
    """
    known = settable_parameters(factory)
    parameters = _parameters(factory)
    open_ended = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    converted: dict[str, Any] = {}
    for key, text in arguments.items():
        if key not in known and (not open_ended or key in parameters):
            raise _unknown_argument(owner, key, list(known))
        converted[key] = _convert(owner, key, text, known.get(key, Any))
    missing = [
        name
        for name, parameter in parameters.items()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        and name not in converted
    ]
    if missing:
        raise UsageError(
            f"{owner} needs {' and '.join(repr(name) for name in missing)}.",
            hint=f"Add --model-args {','.join(f'{name}=...' for name in missing)}",
        )
    return converted


def with_spec_argument(
    spec: str, name: str, value: str, arguments: Mapping[str, str], place: str = "--model-args"
) -> dict[str, str]:
    """Arguments and what follows the colon of a spec among them.

    Args:
        spec: e.g. `name:rest`.
        name: the argument that it gives.
        value: the rest.
        arguments: those given besides.
        place: where these were given, for the message.

    Raises:
        UsageError: the argument is given twice.
    """
    if name in arguments:
        raise UsageError(f"'{name}' is given twice, in '{spec}' and in {place}.", hint="Give it once.")
    return {**arguments, name: value}


def _parameters(factory: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    if inspect.isclass(factory) and factory.__init__ is object.__init__:
        return {}  # inspect reports (*args, **kwargs) for such a class, but it takes nothing
    try:
        return dict(inspect.signature(factory).parameters)
    except (TypeError, ValueError):  # some classes written in C have no signature
        return {}


def _hints(factory: Callable[..., Any]) -> dict[str, Any]:
    target = factory.__init__ if inspect.isclass(factory) else factory
    try:
        return get_type_hints(target)
    except Exception:  # a hint that names something imported for type checkers only; fall back on the plain names
        plain: dict[str, Any] = {"str": str, "int": int, "float": float, "bool": bool, "Path": Path, "Any": Any}
        annotations = getattr(target, "__annotations__", {})
        return {name: plain.get(str(hint).removesuffix(" | None"), object) for name, hint in annotations.items()}


def _from_text(hint: Any) -> bool:
    if hint is Any or hint in _SCALARS:
        return True
    if get_origin(hint) is Literal:
        return True
    if get_origin(hint) in (Union, types.UnionType):
        return all(part is types.NoneType or _from_text(part) for part in get_args(hint))
    return False


def _unknown_argument(owner: str, key: str, known: list[str]) -> UsageError:
    close = get_close_matches(key, known, n=1, cutoff=0.6)
    guess = f"Did you mean {close[0]}? " if close else ""
    listed = f"Valid ones: {', '.join(known)}." if known else "It takes none."
    return UsageError(f"{owner} has no argument '{key}'.", hint=guess + listed)


def _convert(owner: str, key: str, text: str, hint: Any) -> Any:
    if hint is Any:
        return text
    options = list(get_args(hint)) if get_origin(hint) in (Union, types.UnionType) else [hint]
    if types.NoneType in options:
        if text.lower() in _NONE:
            return None
        options.remove(types.NoneType)
    # The narrowest reading first: `3` for `int | float | str` is the integer.
    options.sort(key=lambda option: [Literal, bool, int, float, Path, str].index(get_origin(option) or option))
    for option in options:
        try:
            return _read(text, option)
        except ValueError:
            continue
    names = " or ".join(_name(option) for option in options)
    raise UsageError(f"{owner}: '{key}={text}' is not {names}.", hint="Correct the value in --model-args.")


def _read(text: str, kind: Any) -> Any:
    if get_origin(kind) is Literal:
        for choice in get_args(kind):
            if str(choice) == text:
                return choice
        raise ValueError(text)
    if kind is bool:
        if text.lower() in _TRUE:
            return True
        if text.lower() in _FALSE:
            return False
        raise ValueError(text)
    if kind is float and not math.isfinite(float(text)):
        raise ValueError(text)
    return kind(text)


def _name(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " or ".join(map(repr, get_args(kind)))
    return {int: "an integer", float: "a finite number", bool: "true or false", Path: "a path"}.get(kind, "text")


_SECRET = re.compile(r"key|token|secret|password|credential", re.IGNORECASE)
_NO_SECRET = re.compile(r"max_|_tokens$|_env$|^tokenizer", re.IGNORECASE)


def is_secret(name: str) -> bool:
    """Whether an argument of that name looks like a credential."""
    return bool(_SECRET.search(name)) and not _NO_SECRET.search(name)


def without_secrets(arguments: Mapping[str, str]) -> dict[str, str]:
    """The arguments as they may be written down: values of what looks like a credential are hidden."""
    return {name: "(hidden)" if is_secret(name) else value for name, value in arguments.items()}
