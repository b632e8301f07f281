"""A table of names whose objects are imported only when asked for."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Generic, TypeVar, cast

from foodbench.core.errors import UnknownName, UsageError

T = TypeVar("T")


def import_object(target: str) -> object:
    """Import the object named by `package.module:attribute`.

    Raises:
        UsageError: the text has no such form, or the module or attribute does not exist.
    """
    module_name, separator, attribute = target.partition(":")
    if not separator or not module_name or not attribute:
        raise UsageError(f"'{target}' does not name an object.", hint="Write it as package.module:attribute.")
    try:
        value: object = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        # Only the named module itself being absent is the user's typo; a missing import inside it is shown as such.
        missing = error.name or module_name
        where = "" if module_name.startswith(missing) else f" (needed by '{module_name}')"
        raise UsageError(
            f"Cannot import '{target}': no module named '{missing}'{where}.",
            hint="Check the spelling and that the package is installed; run from the folder that holds the module.",
        ) from error
    for part in attribute.split("."):
        if not hasattr(value, part):
            raise UsageError(f"Cannot import '{target}': '{module_name}' has no '{attribute}'.", hint="Check the name.")
        value = getattr(value, part)
    return value


class Registry(Generic[T]):
    """Names to lazy `"module:object"` strings (or ready objects).

    Unknown names raise with suggestions, duplicates raise. Plug-ins are found through a Python entry-point group, which
    is read only when a name is not in the table (scanning entry points costs ~30 ms).
    """

    def __init__(self, kind: str, entry_point_group: str | None = None) -> None:
        """Create an empty registry of things called `kind` in messages."""
        self.kind = kind
        self._entries: dict[str, str | T] = {}
        self._group = entry_point_group
        self._scanned = entry_point_group is None

    def register(self, name: str, target: str | T) -> None:
        """Add a name.

        Raises:
            UsageError: the name is taken.
        """
        if name in self._entries:
            raise UsageError(f"The {self.kind} '{name}' is registered twice.", hint="Give one of them another name.")
        self._entries[name] = target

    def _scan(self) -> None:
        if self._scanned:
            return
        self._scanned = True
        from importlib.metadata import entry_points

        for point in entry_points(group=self._group or ""):
            self.register(point.name, point.value)

    def __contains__(self, name: str) -> bool:
        if name not in self._entries:
            self._scan()
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def names(self) -> list[str]:
        """All names in order of registration, plug-ins last."""
        self._scan()
        return list(self._entries)

    def get(self, name: str) -> T:
        """The object of that name, imported now if need be.

        Raises:
            UnknownName: nothing of that name; the hint suggests close ones.
            UsageError: the registered module or object cannot be imported.
        """
        if name not in self:
            raise UnknownName.of(self.kind, name, self.names())
        target = self._entries[name]
        if isinstance(target, str):
            target = cast(T, import_object(target))
            self._entries[name] = target
        return target
