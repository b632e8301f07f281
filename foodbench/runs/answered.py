"""The stored samples of a finished task, read for statistics: tens of thousands of them in well under a second.

`TaskFolder.samples` validates every line by the published schema, which is what a run is continued from. Comparing two
runs needs less of each line and reads many more of them, so lines are parsed at once and checked by hand: the same
things are refused, each with its file and line.
"""

from __future__ import annotations

import gc
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from foodbench.core.errors import DataCorrupt
from foodbench.core.printable import printable
from foodbench.core.types import Score
from foodbench.runs.store import TaskFolder

_HINT = "It was edited, damaged, or written by another version of foodbench; restore it, or run the task again."
_FIELDS = {
    "sample_id": str, "cluster": str, "key": str, "answer": str, "parsed": bool, "values": dict, "detail": dict
}  # fmt: skip
_TYPES = tuple(_FIELDS.values())


@dataclass(frozen=True, slots=True)
class AnsweredSample:
    """One line of `samples.jsonl`, as far as runs are compared by it.

    Attributes:
        score: what the answer earned.
        answer: the model's answer as it came.
        seconds: the model's time for it, if known.
        tokens: token counts, where the model reports them.
    """

    score: Score
    answer: str
    seconds: float | None
    tokens: dict[str, int] | None


def answered_samples(folder: TaskFolder) -> list[AnsweredSample]:
    """The stored samples, in order of sample id.

    Raises:
        DataMissing: the task is not complete.
        DataCorrupt: the file is cut short, a line is not a sample, a value is not a finite number, or a sample comes
            twice.
    """
    path, raw = folder.stored_samples_path, folder.samples_bytes()
    with _no_collector():
        return _checked(path, raw)


@contextmanager
def _no_collector() -> Iterator[None]:
    """Hundreds of thousands of containers and no garbage among them: looking for some takes a third of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _checked(path: Path, raw: bytes) -> list[AnsweredSample]:
    if raw and not raw.endswith(b"\n"):
        line = raw.count(b"\n") + 1
        raise DataCorrupt(f"{path} is cut short: line {line:,} has no end.", hint=_HINT)
    first: dict[str, int] = {}
    samples = []
    for number, plain in enumerate(_parsed(path, raw), start=1):
        sample = _sample(path, number, plain)
        sample_id = sample.score.sample_id
        if sample_id in first:
            raise DataCorrupt(
                f"{path}: the sample '{printable(sample_id, limit=80)}' comes twice, in lines {first[sample_id]:,} and "
                f"{number:,}.",
                hint=_HINT,
            )
        first[sample_id] = number
        samples.append(sample)
    return sorted(samples, key=lambda sample: sample.score.sample_id)


def _parsed(path: Path, raw: bytes) -> list[Any]:
    """All lines at once: one parse shares the names of the values between all samples, and is twice as fast."""
    lines = raw.splitlines()
    try:
        found: list[Any] = json.loads(b"[" + b",".join(lines) + b"]", parse_constant=_not_finite)
        if len(found) == len(lines):
            return found
    except (ValueError, RecursionError):
        pass
    for number, line in enumerate(lines, start=1):
        try:
            json.loads(line, parse_constant=_not_finite)
        except _NotFiniteError as error:
            raise DataCorrupt(
                f"{path}, line {number:,}: holds {error}, which is not a finite number.", hint=_HINT
            ) from error
        except (ValueError, RecursionError) as error:
            raise DataCorrupt(f"{path}, line {number:,}: not valid JSON.", hint=_HINT) from error
    raise DataCorrupt(f"{path}: not one JSON object per line.", hint=_HINT)


class _NotFiniteError(ValueError):
    """NaN or infinity in JSON; Python reads and writes them, JSON has neither."""


def _not_finite(name: str) -> NoReturn:
    raise _NotFiniteError(name)


def _sample(path: Path, number: int, plain: Any) -> AnsweredSample:
    try:
        detail, error = plain.get("detail", {}), plain.get("error")
        score = Score(
            sample_id=plain["sample_id"],
            cluster=plain["cluster"],
            parsed=plain["parsed"],
            values=plain["values"],
            detail=detail,
            error=error,
        )
        fields = (score.sample_id, score.cluster, plain["key"], plain["answer"], score.parsed, score.values, detail)
        seconds, tokens = plain.get("time", {}).get("seconds"), plain.get("tokens")
        sound = (
            tuple(map(type, fields)) == _TYPES
            and math.isfinite(math.fsum(score.values.values()))
            and (error is None or type(error) is str)
            and (seconds is None or (math.isfinite(seconds) and seconds >= 0))
            and (tokens is None or math.isfinite(math.fsum(tokens.values())))
        )
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        sound = False
    if not sound:
        raise DataCorrupt(f"{path}, line {number:,}: {_fault(plain)}.", hint=_HINT)
    return AnsweredSample(score, plain["answer"], seconds, tokens)


def _fault(plain: Any) -> str:
    """What is wrong with a line that is not sound."""
    if not isinstance(plain, dict):
        return "not a sample record"
    for name, kind in _FIELDS.items():
        if name not in plain and name != "detail":
            return f"a sample record without '{name}'"
        if not isinstance(plain.get(name, {}), kind):
            return f"'{name}' is {printable(json.dumps(plain[name]), limit=40)}, not of type {kind.__name__}"
    for name, value in plain["values"].items():
        if type(value) not in (int, float) or not math.isfinite(value):
            return f"the value '{printable(name, limit=60)}' is {printable(str(value), limit=40)}, not a finite number"
    return "not a sample record: its time, tokens or error are not what a run writes"
