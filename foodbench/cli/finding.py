"""From what a user types to the run that it names."""

from __future__ import annotations

from pathlib import Path

from foodbench.core.errors import UnknownName, UsageError
from foodbench.core.paths import runs_dir
from foodbench.data.layout import is_file
from foodbench.runs.store import RunFolder


def known_runs() -> dict[str, Path]:
    """The folders of the runs in the runs folder, by id."""
    return {path.parent.name: path.parent for path in sorted(runs_dir().glob("*/run.json"))}


def match_run(what: str) -> RunFolder | None:
    """The run with this folder, this id, or an id that begins so; None if there is none.

    Raises:
        UsageError: it begins the ids of several runs.
    """
    if what and is_file(Path(what) / "run.json"):
        return RunFolder(Path(what))
    runs = known_runs()
    matches = [what] if what in runs else [name for name in runs if what and name.startswith(what)]
    if len(matches) > 1:
        raise UsageError(f"'{what}' begins the ids of {len(matches)} runs.", hint=f"One of: {', '.join(matches[:8])}.")
    return RunFolder(runs[matches[0]]) if matches else None


def find_run(what: str) -> RunFolder:
    """The run that `what` names, as `match_run`.

    Raises:
        UnknownName: it names none.
        UsageError: it begins the ids of several runs.
    """
    found = match_run(what)
    if found is not None:
        return found
    error = UnknownName.of("run", what, known_runs())
    if error.hint.startswith("Did you mean"):
        raise error
    where = f"Runs are looked for in {runs_dir()} (FOODBENCH_RUNS); a run's folder can be given as a path."
    raise UnknownName(error.message, hint=where)
