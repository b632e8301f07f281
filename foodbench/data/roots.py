"""Where the user's datasets are, and which edition of a dataset a command uses.

`FOODBENCH_HOME/datasets.json` maps dataset names to folders. Keys that this version does not know are kept as they
are, so that a newer and an older foodbench can share the file.
"""

from __future__ import annotations

import functools
import inspect
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, cast

from foodbench.core.errors import DataCorrupt, DataMissing, UnknownName, UsageError
from foodbench.core.files import atomic_write_json, open_regular
from foodbench.core.paths import home
from foodbench.data.catalog import CATALOG, READERS
from foodbench.data.layout import MARKER, is_synthetic

Edition = Literal["real", "kitchen"]
StageProgress = Callable[[str, int, int], None]
EDITIONS: tuple[Edition, ...] = ("real", "kitchen")
SCHEMA = 1
KITCHEN_VARIABLE = "FOODBENCH_KITCHEN"


class DatasetReader(Protocol):
    """What all readers have in common; records are of the reader's own type."""

    @property
    def root(self) -> Path:
        """The dataset's folder."""

    @property
    def synthetic(self) -> bool:
        """Whether the kitchen made it."""

    def ids(self, split: str) -> tuple[str, ...]:
        """All ids of a split."""

    def missing(self, split: str) -> tuple[str, ...]:
        """Ids of a split whose files are absent."""

    def records(self, split: str) -> Sequence[Any]:
        """Usable records of a split."""

    def fingerprint(self, split: str) -> str:
        """Digest of what `records` gives."""


@dataclass(frozen=True, slots=True)
class RegisteredRoot:
    """A folder that the user registered.

    Attributes:
        name: the dataset.
        root: absolute path of its folder.
        allow_partial: whether a copy with missing files is accepted.
        options: the reader's own keywords, e.g. `view` of nutrition5k.
    """

    name: str
    root: Path
    allow_partial: bool
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class DatasetChoice:
    """One edition of one dataset, decided. Plain data that crosses process borders.

    Attributes:
        name: the dataset.
        edition: `real` (the user's copy) or `kitchen` (rendered); never mixed in one table.
        root: absolute path of its folder.
        allow_partial: whether missing files are accepted.
        options: the reader's own keywords, e.g. `view` of nutrition5k.
    """

    name: str
    edition: Edition
    root: Path
    allow_partial: bool
    options: tuple[tuple[str, str], ...] = ()

    @property
    def variant(self) -> str:
        """In what the kitchen differs from the default one, e.g. `hard, seed 7`; empty for that and for real copies.

        Raises:
            DataMissing, DataCorrupt: the folder is gone, or its marker is damaged.
        """
        if self.edition == "real":
            return ""
        from foodbench.data.kitchen.editions import variant

        return variant(self.root)


def registry_path() -> Path:
    """The file that holds the registered folders."""
    return home() / "datasets.json"


def _load() -> dict[str, Any]:
    path = registry_path()
    try:
        with open_regular(path) as stream:
            plain = json.loads(stream.read().decode("utf-8"))
    except FileNotFoundError:
        return {"schema": SCHEMA, "datasets": {}}
    except OSError as error:
        raise DataMissing(f"Cannot read {path}: {error.strerror}.", hint="Check the file's permissions.") from error
    except (ValueError, RecursionError):
        plain = None
    datasets = plain.get("datasets") if isinstance(plain, dict) else None
    if not isinstance(datasets, dict) or not all(
        isinstance(entry, dict)
        and isinstance(entry.get("root"), str)
        and isinstance(entry.get("allow_partial", False), bool)
        and isinstance(options := entry.get("options", {}), dict)
        and all(isinstance(value, str) for value in options.values())
        for entry in datasets.values()
    ):
        raise DataCorrupt(
            f"{path} is not a list of dataset folders.",
            hint="Delete it and register the folders again with `foodbench data add`.",
        )
    return cast(dict[str, Any], plain)


def roots() -> dict[str, RegisteredRoot]:
    """All registered folders by dataset name (also those of datasets that this version does not know).

    Raises:
        DataCorrupt: `datasets.json` is damaged.
    """
    return {
        name: RegisteredRoot(
            name, Path(entry["root"]), entry.get("allow_partial", False), _options(entry.get("options", {}))
        )
        for name, entry in _load()["datasets"].items()
    }


def require_readable(name: str) -> None:
    """Refuse a name that is no dataset, or a dataset without reader.

    Raises:
        UnknownName, UsageError: so.
    """
    if name not in CATALOG:
        raise UnknownName.of("dataset", name, CATALOG.names())
    if name not in READERS:
        raise UsageError(
            f"foodbench cannot read {name} yet: its card is in the catalog, a reader is not.",
            hint=f"Datasets with a reader: {', '.join(READERS.names())}.",
        )


def _options(plain: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((str(name), str(value)) for name, value in plain.items()))


def add_root(
    name: str,
    path: Path,
    allow_partial: bool = False,
    options: Mapping[str, str] | None = None,
    *,
    progress: StageProgress | None = None,
) -> RegisteredRoot:
    """Register the user's copy of a dataset, replacing an earlier entry.

    The reader opens it first, so that a wrong or incomplete folder is refused now and not in the middle of a run.

    Args:
        name: the dataset.
        path: its folder.
        allow_partial: accept a copy with missing files.
        options: the reader's own keywords; kept with the folder.
        progress: as for `open_dataset`.

    Raises:
        UnknownName, UsageError: no such dataset, no reader for it, or the folder is a synthetic one.
        DataMissing, DataCorrupt: the folder is not the dataset, is incomplete or damaged.
        StorageFull: `datasets.json` cannot be written.
    """
    require_readable(name)
    chosen = _options(options or {})
    reader = _open(name, path, allow_partial, dict(chosen), progress)
    if reader.synthetic:
        raise UsageError(
            f"{reader.root} is a synthetic copy of {name} ({MARKER} is in it).",
            hint="Only real datasets are registered; `--edition kitchen` uses the synthetic ones without registration.",
        )
    if not allow_partial:
        # Nutrition5k looks for pictures only when a split is asked for.
        for split in ("train", "test"):
            reader.records(split)
    plain = _load()
    entry = plain["datasets"].get(name, {})
    plain["datasets"][name] = {
        **entry,
        "root": str(reader.root),
        "allow_partial": allow_partial,
        "options": dict(chosen),
    }
    atomic_write_json(registry_path(), plain)
    return RegisteredRoot(name, reader.root, allow_partial, chosen)


def remove_root(name: str) -> RegisteredRoot:
    """Forget a registered folder (its files stay).

    Raises:
        UnknownName: the dataset is not registered.
        StorageFull: `datasets.json` cannot be written.
    """
    known = roots()
    if name not in known:
        raise UsageError(
            f"No real copy of {name} is registered.", hint=f"Registered: {', '.join(sorted(known)) or 'none'}."
        )
    plain = _load()
    del plain["datasets"][name]
    atomic_write_json(registry_path(), plain)
    return known[name]


def resolve(
    name: str, edition: str | None = None, allow_partial: bool = False, *, progress: StageProgress | None = None
) -> DatasetChoice:
    """Decide which folder a command uses for a dataset.

    Args:
        name: the dataset.
        edition: `real`, `kitchen`, or None: the registered copy if there is one, otherwise the kitchen.
        allow_partial: accept missing files also if the folder was registered without that.
        progress: called as (stage, done, total) while a kitchen edition is rendered.

    Returns:
        The choice. The kitchen edition is rendered now if this machine does not have it yet.

    Raises:
        UnknownName, UsageError: no such dataset or edition, or no reader for it.
        DataMissing: the real edition is asked for and not registered, or its folder is gone.
    """
    require_readable(name)
    if edition is not None and edition not in EDITIONS:
        raise UnknownName.of("edition", edition, EDITIONS)
    registered = None if edition == "kitchen" else roots().get(name)
    if registered is not None:
        if not os.path.isdir(registered.root):  # noqa: PTH112 - Path's own raises if the system finds it too long
            raise DataMissing(
                f"The registered {name} folder {registered.root} is gone.",
                hint=f"Mount or restore it, or register another: foodbench data add {name} PATH",
            )
        partial = allow_partial or registered.allow_partial
        return DatasetChoice(name, "real", registered.root, partial, registered.options)
    if edition == "real":
        card = CATALOG.get(name)
        raise DataMissing(
            f"The real {card.title} is not registered on this machine.",
            hint=card.how_to_get_text(),
        )
    return DatasetChoice(name, "kitchen", kitchen_root(name, progress), False)


def kitchen_folder(name: str) -> Path:
    """Where a dataset's kitchen edition is, or will be once it is rendered (see `kitchen_root`)."""
    from foodbench.data.kitchen import FOLDERS
    from foodbench.data.kitchen.editions import edition_folder

    custom = os.environ.get(KITCHEN_VARIABLE)
    return (Path(custom).expanduser() if custom else edition_folder(home())).absolute() / FOLDERS[name]


def kitchen_root(name: str, progress: StageProgress | None = None) -> Path:
    """The folder of a dataset's kitchen edition.

    That is below `FOODBENCH_KITCHEN` if it is set (a folder made with `foodbench data make kitchen --out`), otherwise
    in foodbench's home, where the default edition is rendered now if it is not there yet.

    Raises:
        DataMissing: `FOODBENCH_KITCHEN` is set and has no such dataset.
    """
    from foodbench.data.kitchen import FOLDERS, ensure

    custom = os.environ.get(KITCHEN_VARIABLE)
    if not custom:
        stage = f"rendering the kitchen's {name} (once)"
        told = None if progress is None else functools.partial(progress, stage)
        return ensure(home(), name, progress=told).absolute()
    root = kitchen_folder(name)
    if not is_synthetic(root):
        raise DataMissing(
            f"{KITCHEN_VARIABLE} is {custom}, which has no {FOLDERS[name]} made by foodbench.",
            hint=f"Make it: foodbench data make kitchen --out {custom}; or unset {KITCHEN_VARIABLE}.",
        )
    return root


def open_dataset(choice: DatasetChoice, *, progress: StageProgress | None = None, **options: Any) -> DatasetReader:
    """Open the reader of a choice.

    Args:
        choice: as from `resolve`.
        progress: called as (stage, done, total) by a reader that indexes its files the first time.
        options: the reader's own keywords; they come before those that the folder was registered with.

    Raises:
        DataMissing, DataCorrupt: as the reader's constructor; or the folder is not of the chosen edition.
        UnknownName, UsageError: no reader of that name.
    """
    require_readable(choice.name)
    chosen = {**dict(choice.options), **options}
    reader = _open(choice.name, choice.root, choice.allow_partial, chosen, progress)
    expected = choice.edition == "kitchen"
    if is_synthetic(reader.root) != expected:
        found = "a synthetic copy" if reader.synthetic else "not a synthetic copy"
        raise DataCorrupt(
            f"{reader.root} is {found} of {choice.name}, but the {choice.edition} edition was chosen.",
            hint="Results of the two editions are never mixed: choose the right folder or edition.",
        )
    return reader


def _open(
    name: str, path: Path, allow_partial: bool, options: Mapping[str, Any], progress: StageProgress | None = None
) -> DatasetReader:
    reader = READERS.get(name)
    parameters = set(inspect.signature(reader).parameters)
    known = parameters - {"root", "allow_partial", "progress"}
    for option in options:
        if option not in known:
            offered = f"It has: {', '.join(sorted(known))}." if known else "It has none."
            raise UsageError(f"The reader of {name} has no option '{option}'.", hint=offered)
    told = {"progress": progress} if "progress" in parameters else {}
    return cast(DatasetReader, reader(path, allow_partial=allow_partial, **options, **told))
