"""A user's own model: `--model py:module:Class` or `py:module:function`."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foodbench.adapters.arguments import convert_arguments, is_secret
from foodbench.adapters.base import describe_exception, prepare, usage_of
from foodbench.core.errors import AdapterFailed, FoodbenchError, UsageError
from foodbench.core.hashing import fingerprint, sha256_file
from foodbench.core.registry import import_object
from foodbench.core.types import Answer, Request

if TYPE_CHECKING:
    from foodbench.data.roots import DatasetChoice
    from foodbench.tasks.base import FoodTask

_FORM_HINT = "Write it as py:package.module:Class, or py:package.module:function, and run from the module's folder."


class PythonAdapter:
    """Wraps a user's object, or plain function, so that it has an identity.

    Attributes:
        identity: the object's own `identity` if it has one. Otherwise the import path, the arguments, and the hash of
            the module's file, so that answers of an older version of the code are not taken for those of this one.
            (Only that one file is looked at: declare `identity` if the answers depend on more, e.g. on weights.)
    """

    def __init__(self, target: str, wrapped: Any, arguments: Mapping[str, Any]) -> None:
        """Wrap `wrapped`, which was made from `target` (`module:Class`) with `arguments`."""
        self.wrapped = wrapped
        self._answer: Callable[[Sequence[Request]], Sequence[Answer | str]] = getattr(wrapped, "answer", wrapped)
        declared = getattr(wrapped, "identity", None)
        self.identity: Any = _identity(target, arguments) if declared is None else declared

    @property
    def batch_size(self) -> Any:
        """The wrapped object's own wish, or None."""
        return getattr(self.wrapped, "batch_size", None)

    @property
    def answers_singly(self) -> bool:
        """What the wrapped object says."""
        return bool(getattr(self.wrapped, "answers_singly", False))

    def answer(self, requests: Sequence[Request]) -> Sequence[Answer | str]:
        """Pass the requests on."""
        return self._answer(requests)

    def prepare(self, task: FoodTask, choice: DatasetChoice) -> None:
        """Pass on, if the wrapped object prepares."""
        prepare(self.wrapped, task, choice)

    def usage(self) -> Mapping[str, int | float | None]:
        """The wrapped object's totals, or nothing."""
        return usage_of(self.wrapped) or {}


def load_python(target: str, arguments: Mapping[str, str]) -> PythonAdapter:
    """Import and build a user's adapter. The current folder is on the import path.

    Args:
        target: `module:Class` or `module:function`; a function is called with each batch of requests.
        arguments: for the constructor, from the command line.

    Raises:
        UsageError: nothing of that name can be imported, it cannot answer, or the arguments do not fit.
        AdapterFailed: the class's constructor raised.
    """
    owner = f"py:{target}"
    found = _import(target)
    if not inspect.isclass(found):
        if not callable(getattr(found, "answer", found)):
            raise UsageError(f"'{owner}' is a {type(found).__name__}, neither a class nor a function.", hint=_FORM_HINT)
        if arguments:
            raise UsageError(
                f"'{owner}' is not a class, so --model-args cannot be passed to it.", hint="Leave --model-args out."
            )
        return PythonAdapter(target, found, {})
    if not callable(getattr(found, "answer", None)):
        raise UsageError(
            f"'{owner}' has no method 'answer'.",
            hint="Give the class: def answer(self, requests): return one text or Answer per request.",
        )
    converted = convert_arguments(owner, found, arguments)
    try:
        adapter = found(**converted)
    except FoodbenchError:
        raise
    except Exception as error:
        raise AdapterFailed(
            f"'{owner}' could not be built: {describe_exception(error)}.", hint="Mend its __init__, or its arguments."
        ) from error
    return PythonAdapter(target, adapter, converted)


def _import(target: str) -> object:
    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:
        sys.path.insert(0, here)
    try:
        return import_object(target)
    except FoodbenchError:
        raise
    except Exception as error:
        raise UsageError(
            f"Cannot import 'py:{target}': {describe_exception(error)}{_location(error)}.",
            hint="The module itself fails; try it with: python -c 'import " + target.partition(":")[0] + "'",
        ) from error


def _location(error: BaseException) -> str:
    """Where in the user's code an exception arose, as ` (file, line n)`."""
    trace = error.__traceback__
    if trace is None or isinstance(error, SyntaxError):  # a SyntaxError's own message has its place
        return ""
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f" ({os.path.basename(trace.tb_frame.f_code.co_filename)}, line {trace.tb_lineno})"  # noqa: PTH119


def _identity(target: str, arguments: Mapping[str, Any]) -> str:
    module = sys.modules.get(target.partition(":")[0])
    source = getattr(module, "__file__", None)
    try:
        code = sha256_file(Path(source)) if source else ""
    except OSError:
        code = ""
    # A changed credential changes no answer, and must not be written anywhere.
    settings = {key: str(value) for key, value in sorted(arguments.items()) if not is_secret(key)}
    shown = "".join(f",{key}={value}" for key, value in settings.items())
    return f"py:{target}{shown}#{fingerprint([settings, code])[7:19]}"
