"""A run's results as rows: one per task and metric, or one per sample. `foodbench export` and Python programs use it.

    from foodbench.runs.export import to_frame
    frame = to_frame("runs/foodlmm-628e7ebd")

Rows hold numbers in full precision, `None` where a metric does not exist, and everything that says whether two rows
compare: edition, protocol, limit, control, versions, fingerprints.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from foodbench.core.errors import DataCorrupt, DataMissing, RunIncomplete, UnknownName
from foodbench.core.wording import counted
from foodbench.runs.schema import MetricRecord, ReferenceFigure, RunFile, TaskResult
from foodbench.runs.store import RunFolder, TaskFolder, samples_digest

if TYPE_CHECKING:
    import pandas

Metrics = Literal["primary", "headline", "all"]

METRIC_COLUMNS = (
    "run", "model", "model_identity", "task", "version", "protocol", "control", "dataset", "edition", "variant",
    "split", "limit", "records_missing", "answers_missing", "metric", "value", "low", "high", "confidence",
    "interval_method", "unit", "higher_is_better", "n", "clusters", "parse_rate", "errors", "floor", "floor_model",
    "ceiling", "ceiling_model", "without_known_bad", "signature", "fingerprint", "prompt_fingerprint",
    "dataset_fingerprint", "samples_sha256", "foodbench", "commit", "rescored_from", "finished",
)  # fmt: skip
"""Columns of a metrics table, in order."""

SAMPLE_COLUMNS = (
    "run", "model", "task", "version", "edition", "variant", "control", "sample_id", "cluster", "parsed", "error",
    "answer", "values", "detail", "tokens", "seconds",
)  # fmt: skip
"""Columns of a table of samples; `values`, `detail` and `tokens` are objects."""


@dataclass(frozen=True, slots=True)
class RunResults:
    """What a run has to export.

    Attributes:
        path: the run's folder.
        run: its `run.json`.
        folders: the chosen finished tasks, each in its latest version, by task name.
        results: their results, by task name.
        left_out: what else the run has, and why it is not among them, by folder name.
    """

    path: Path
    run: RunFile
    folders: Mapping[str, TaskFolder]
    results: Mapping[str, TaskResult]
    left_out: Mapping[str, str]


def load_results(run: RunFolder | Path | str, *, tasks: str = "all") -> RunResults:
    """Read the results of a run.

    Args:
        run: the run, or its folder; a folder of reports too.
        tasks: names and globs of the tasks that are wanted, comma-separated; `all` for all that the run has.

    Raises:
        UnknownName: a name or glob fits no task of the run.
        RunIncomplete: a wanted task has begun and is not finished.
        DataMissing, DataCorrupt: no run is there, nothing in it is finished, or its files are damaged.
    """
    folder = run if isinstance(run, RunFolder) else RunFolder(Path(run))
    state = folder.read()
    found: dict[str, dict[int, TaskFolder]] = {}
    unfinished: dict[str, str] = {}
    left_out: dict[str, str] = {}
    for name, task in folder.tasks().items():
        base, _, version = name.rpartition("@")
        if not version.isdecimal():
            raise DataCorrupt(f"{task.path}: '{version}' is no version of a task.", hint="Restore the folder's name.")
        if task.result_path.is_file():
            found.setdefault(base, {})[int(version)] = task
        else:
            unfinished[base] = f"{name} is not finished"
    for name, status in state.tasks.items():
        base = name.rpartition("@")[0]
        if base not in found and status.status == "failed":
            unfinished[base] = f"{name} failed: {status.reason}"
        elif base not in found and base not in unfinished:
            left_out[name] = f"{status.status.replace('_', ' ')}: {status.reason}"
    chosen = _chosen(tasks, [*found, *(name for name in unfinished if name not in found)], folder.path)
    waiting = [unfinished[name] for name in chosen if name in unfinished and name not in found]
    if waiting:
        raise RunIncomplete(
            f"{folder.path}: {waiting[0]}" + (f" (and {len(waiting) - 1} more)." if len(waiting) > 1 else "."),
            hint="The command that began it continues it; or choose finished tasks with --tasks.",
        )
    latest = {name: max(found[name]) for name in chosen}
    for name in chosen:
        for older in sorted(set(found[name]) - {latest[name]}):
            left_out[f"{name}@{older}"] = f"version {latest[name]} stands"
    folders = {name: found[name][version] for name, version in latest.items()}
    return RunResults(folder.path, state, folders, {name: _result(task) for name, task in folders.items()}, left_out)


def _chosen(tasks: str, known: Sequence[str], path: Path) -> list[str]:
    if not known:
        raise DataMissing(f"{path} has no finished task.", hint="Run it to its end first.")
    wanted = [pattern.strip() for pattern in tasks.split(",") if pattern.strip()]
    chosen: set[str] = set()
    for pattern in wanted:
        fitting = [name for name in known if pattern == "all" or fnmatchcase(name, pattern)]
        if not fitting:
            raise UnknownName.of("task of this run", pattern, known)
        chosen.update(fitting)
    if not chosen:
        raise UnknownName("No task was given.", hint="Leave --tasks out for all tasks of the run.")
    from foodbench.tasks import in_order

    return in_order(chosen)


def _result(folder: TaskFolder) -> TaskResult:
    result = folder.result()
    if f"{result.task.name}@{result.task.version}" != folder.path.name:
        raise DataCorrupt(
            f"{folder.result_path} is of {result.task.name}@{result.task.version}.",
            hint="The folder's name says another task; restore it.",
        )
    if not result.metrics:
        raise DataCorrupt(f"{folder.result_path} has no metric.", hint="It was edited; restore it.")
    return result


def chosen_metrics(result: TaskResult, metrics: Metrics) -> list[MetricRecord]:
    """A task's first metric, those that a short table shows, or all."""
    count = {"primary": 1, "headline": max(1, result.headline), "all": len(result.metrics)}[metrics]
    return result.metrics[:count]


def not_full(result: TaskResult) -> list[str]:
    """What keeps a result from being one of the whole split, asked in the right way; empty if nothing does."""
    total = result.dataset.available + result.dataset.missing
    remarks = [
        f"control {result.task.control}" if result.task.control is not None else "",
        f"limit {result.limit:,}" if result.limit is not None else "",
        f"partial copy, {result.dataset.missing:,} of {counted(total, 'record')} missing"
        if result.dataset.missing
        else "",
        f"{result.n_missing:,} of {counted(result.n, 'answer')} missing" if result.n_missing else "",
    ]
    return [remark for remark in remarks if remark]


def commit_of(result: TaskResult) -> str | None:
    """The commit of the foodbench that scored a result; one with `+` had uncommitted changes."""
    git = result.provenance.get("git")
    return None if git is None else git["commit"] + ("+" if git.get("dirty") else "")


def version_of(result: TaskResult) -> str | None:
    """The version of the foodbench that scored a result."""
    version = result.provenance.get("foodbench")
    return None if version is None else str(version)


def metric_rows(results: RunResults, *, metrics: Metrics = "all") -> Iterator[dict[str, Any]]:
    """One row per task and metric, with the keys of `METRIC_COLUMNS` in their order."""
    for result in results.results.values():
        frame = _frame(results, result)
        for metric in chosen_metrics(result, metrics):
            row = {**frame, **_figures(result, metric)}
            yield {name: row[name] for name in METRIC_COLUMNS}


def _frame(results: RunResults, result: TaskResult) -> dict[str, Any]:
    return {
        "run": results.run.run_id,
        "model": result.model.spec,
        "model_identity": result.model.identity,
        "task": result.task.name,
        "version": result.task.version,
        "protocol": result.task.protocol,
        "control": result.task.control,
        "dataset": result.dataset.name,
        "edition": result.dataset.edition,
        "variant": result.dataset.variant,
        "split": result.dataset.split,
        "limit": result.limit,
        "records_missing": result.dataset.missing,
        "answers_missing": result.n_missing,
        "parse_rate": result.parse_rate,
        "errors": result.errors,
        "fingerprint": result.task.fingerprint,
        "prompt_fingerprint": result.task.prompt_fingerprint,
        "dataset_fingerprint": result.dataset.fingerprint,
        "samples_sha256": result.samples_sha256,
        "foodbench": version_of(result),
        "commit": commit_of(result),
        "rescored_from": result.rescored_from.result_sha256 if result.rescored_from is not None else None,
        "finished": result.time.finished,
    }


def _figures(result: TaskResult, metric: MetricRecord) -> dict[str, Any]:
    bad = result.without_known_bad
    return {
        "metric": metric.id,
        "value": metric.value,
        "low": metric.low,
        "high": metric.high,
        "confidence": metric.confidence,
        "interval_method": metric.interval_method,
        "unit": metric.unit,
        "higher_is_better": metric.higher_is_better,
        "n": metric.n,
        "clusters": metric.clusters,
        "floor": _value(metric.floor),
        "floor_model": metric.floor.model if metric.floor is not None else None,
        "ceiling": _value(metric.ceiling),
        "ceiling_model": metric.ceiling.model if metric.ceiling is not None else None,
        "without_known_bad": bad.values.get(metric.id) if bad is not None else None,
        "signature": metric.signature,
    }


def _value(figure: ReferenceFigure | None) -> float | None:
    return None if figure is None else figure.value


def sample_rows(results: RunResults) -> Iterator[dict[str, Any]]:
    """One row per sample, with the keys of `SAMPLE_COLUMNS` in their order.

    Raises:
        DataMissing, DataCorrupt: a file of samples is absent, damaged, or not what the result was made from.
    """
    for name, result in results.results.items():
        frame = _frame(results, result)
        records = results.folders[name].samples()
        if samples_digest(records) != result.samples_sha256:
            raise DataCorrupt(
                f"{results.folders[name].stored_samples_path} does not hold the samples that the result was made from.",
                hint="Restore it, or make a result of what is there: foodbench score RUN.",
            )
        for record in records:
            plain = record.model_dump(mode="json", exclude={"time", "key"})
            row = {**frame, **plain, "seconds": record.time.seconds}
            yield {column: row[column] for column in SAMPLE_COLUMNS}


def flattened(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of samples for formats without objects: a column for each value and token count, the detail as JSON."""
    import json

    objects = ("values", "tokens")
    keys = {kind: dict.fromkeys(key for row in rows for key in row[kind] or {}) for kind in objects}
    found = []
    for row in rows:
        plain: dict[str, Any] = {}
        for name, value in row.items():
            if name in objects:
                plain.update({f"{name}.{key}": (value or {}).get(key) for key in keys[name]})
            else:
                plain[name] = json.dumps(value, ensure_ascii=False) if name == "detail" else value
        found.append(plain)
    return found


def to_frame(
    run: RunFolder | Path | str, *, samples: bool = False, tasks: str = "all", metrics: Metrics = "all"
) -> pandas.DataFrame:
    """A run's results as a `pandas.DataFrame`.

    Args:
        run: the run, or its folder; a folder of reports too.
        samples: one row per sample instead of one per metric; a column for each value (`values.<name>`).
        tasks: as `load_results`.
        metrics: each task's first metric, those that a short table shows, or all.

    Raises:
        UnknownName, RunIncomplete, DataMissing, DataCorrupt: as `load_results`.
    """
    import pandas

    results = load_results(run, tasks=tasks)
    if samples:
        return pandas.DataFrame(flattened(list(sample_rows(results))))
    return pandas.DataFrame(list(metric_rows(results, metrics=metrics)), columns=list(METRIC_COLUMNS))
