"""Following a stored result back to its answers: the same questions, the same answers, and then the same numbers.

No model is asked. Where the dataset is at hand every answer is read and scored again; where it is not, the metrics are
computed again from the stored scores of the samples, and a committed report must have the same questions.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from foodbench.core.errors import DataCorrupt, DataMissing, FoodbenchError
from foodbench.core.printable import printable
from foodbench.core.wording import counted
from foodbench.data.roots import DatasetChoice, resolve
from foodbench.engine import scoring
from foodbench.engine.rated import with_ratings
from foodbench.engine.references import measure_references
from foodbench.runs.schema import SampleIds, SampleRecord, TaskResult, TaskTime
from foodbench.runs.store import RunFolder, StoredAnswer, TaskFolder, samples_digest
from foodbench.runs.submission_folder import SubmissionRefused
from foodbench.stats.summary import summarise
from foodbench.tasks import TASKS
from foodbench.tasks.base import FoodTask, TaskData

Level = Literal["rescored", "recomputed"]
_SHOWN = 3
_SCORE_AGAIN = "Score the run again (foodbench score RUN), look at what changes, and submit it then."
# Another platform's mathematics may differ in the last bits.
_SAME = 1e-9
_FRAME = ("n", "parse_rate", "errors", "headline", "without_known_bad", "raters")
_READING = {"cluster", "parsed", "values", "detail", "error"}


@dataclass(frozen=True, slots=True)
class TaskFiles:
    """What a task's folder holds, read and of the right form.

    Attributes:
        name: of the folder, `name@version`.
        folder: where its ratings are.
        result: `result.json`.
        ids: `ids.json`.
        records: the samples, by id.
    """

    name: str
    folder: TaskFolder
    result: TaskResult
    ids: SampleIds
    records: Mapping[str, SampleRecord]


@dataclass(frozen=True, slots=True)
class Followed:
    """How far a result was followed back.

    Attributes:
        level: `rescored`, or `recomputed` where the dataset is not at hand.
        notes: what a reader should know.
    """

    level: Level
    notes: Sequence[str] = field(default_factory=tuple)


def follow_back(files: TaskFiles, *, reports: Path, keyed: bool) -> Followed:
    """Check a task's files against today's task, its data, and each other.

    Args:
        files: the task's.
        reports: folder of committed reports, for datasets that are not at hand.
        keyed: also compare each sample's key with that of the question and picture here; the model must have its full
            identity for that.

    Raises:
        SubmissionRefused: a number does not follow from the answers, other questions were answered, or not all of them.
        DataMissing: neither the dataset nor a report of the same questions is here.
        DataCorrupt: the dataset here is damaged.
    """
    task = _todays_task(files)
    _require_ranked(files)
    _require_whole(files)
    try:
        data = _load(task, files)
    except DataMissing as error:
        return _recomputed(task, files, reports, error)
    _require_same_questions(data, files)
    if keyed and not files.result.model.spec.startswith("predictions:"):
        _require_same_keys(data, files)
    return Followed("rescored", _rescored(data, files))


def _refused(files: TaskFiles, what: str, hint: str) -> SubmissionRefused:
    return SubmissionRefused(f"{files.name}: {what}", hint=hint)


def _todays_task(files: TaskFiles) -> FoodTask:
    stored, dataset = files.result.task, files.result.dataset
    if f"{stored.name}@{stored.version}" != files.name:
        raise _refused(
            files,
            f"the result is about {printable(stored.name, limit=80)}@{stored.version}.",
            "The files were moved or edited; pack the run again.",
        )
    task = TASKS.get(stored.name)
    if stored.version != task.version:
        raise _refused(
            files,
            f"is of version {stored.version}; today's version is {task.version}.",
            _SCORE_AGAIN if stored.version < task.version else "Use the foodbench that scored it, or a later one.",
        )
    pairs = {
        "protocol": (stored.protocol, task.protocol),
        "prompt fingerprint": (stored.prompt_fingerprint, task.prompt_fingerprint),
        "dataset": (dataset.name, task.dataset),
        "split": (dataset.split, task.split),
    }
    for name, (found, expected) in pairs.items():
        if found != expected:
            raise _refused(
                files,
                f"its {name} is {printable(found, limit=80)}; today's is {expected}.",
                "It was asked in another way: run the task again with this foodbench.",
            )
    return task


def _require_ranked(files: TaskFiles) -> None:
    result = files.result
    if result.limit is not None:
        what = f"only a part was asked (--limit {result.limit:,})."
    elif result.task.control is not None:
        what = f"the right pictures were not shown (--control {printable(result.task.control, limit=40)})."
    elif result.dataset.missing or files.ids.missing:
        missing = max(result.dataset.missing, len(files.ids.missing))
        what = f"{counted(missing, 'record')} of the split were not there (a partial copy)."
    elif result.n_missing:
        what = f"{result.n_missing:,} answers were missing from the predictions."
    else:
        return
    raise _refused(files, what, "A ranked result is of the whole split; run it in full.")


def _require_whole(files: TaskFiles) -> None:
    result, records = files.result, files.records
    if result.n != len(records) or sorted(files.ids.scored) != sorted(records):
        raise _refused(
            files,
            f"result.json counts {result.n:,} samples, ids.json names {len(files.ids.scored):,}, and there are "
            f"{len(records):,}.",
            "The files do not belong together; pack the run again.",
        )
    digest = samples_digest(records.values())
    if digest != result.samples_sha256:
        raise _refused(
            files,
            f"samples_sha256 is stored as {printable(result.samples_sha256, limit=64)}, and the samples have {digest}.",
            "The samples are not those that were scored: they were edited or damaged.",
        )
    if min(0.0, *result.usage.values(), result.time.seconds, result.time.model_seconds) < 0:
        raise _refused(files, "time or usage is negative.", "It was edited; pack the run again.")


def _load(task: FoodTask, files: TaskFiles) -> TaskData:
    stored = files.result.dataset
    choice: DatasetChoice = resolve(task.dataset, stored.edition)
    if choice.variant != stored.variant:
        raise DataMissing(
            f"it was asked of the kitchen edition '{printable(stored.variant, limit=80) or 'default'}'; here "
            f"is '{choice.variant or 'default'}'.",
            hint="Make the same one with foodbench data make kitchen, and name its folder in FOODBENCH_KITCHEN.",
        )
    return task.load(choice)


def _require_same_questions(data: TaskData, files: TaskFiles) -> None:
    stored = files.result
    pairs = {
        "dataset fingerprint": (stored.dataset.fingerprint, data.dataset_fingerprint),
        "fingerprint of questions and references": (stored.task.fingerprint, data.fingerprint),
        "number of records": (str(stored.dataset.available), str(data.available)),
    }
    for name, (found, expected) in pairs.items():
        if found != expected:
            raise _refused(
                files,
                f"its {name} is {printable(found, limit=80)}; with the data here it is {expected}.",
                "The questions are not today's: another copy of the dataset, or another version of the task. Run it "
                "again.",
            )
    if {sample.sample_id for sample in data.samples} != set(files.records):
        raise _refused(files, "its samples are not those of the task.", "Run the task again.")


def _require_same_keys(data: TaskData, files: TaskFiles) -> None:
    identity = files.result.model.identity
    for sample in data.samples:
        if files.records[sample.sample_id].key != scoring.question_key(data, sample, identity):
            raise _refused(
                files,
                f"the answer to '{printable(sample.sample_id, limit=80)}' was given to another picture, question, "
                "setting or model than those of the result.",
                "Run the task again; answers to unchanged questions are reused.",
            )


def _rescored(data: TaskData, files: TaskFiles) -> list[str]:
    """Score every answer again and compare; returns notes."""
    old, stored = files.result, files.records
    scores = {
        sample.sample_id: data.task.score(sample, stored[sample.sample_id].answer, data.vocabulary)
        for sample in data.samples
    }
    answers = {sample_id: record.answer for sample_id, record in stored.items()}
    try:
        rated = with_ratings(data, scores, answers, files.folder)
    except DataCorrupt as error:
        raise _refused(files, "its file of ratings is damaged.", error.message) from error
    keys = {sample_id: record.key for sample_id, record in stored.items()}
    given = {record.key: StoredAnswer.of(record) for record in stored.values()}
    if len(given) != len(stored):
        raise _refused(files, "two samples have one key.", "It was edited; pack the run again.")
    records = scoring.sample_records(data, rated.scores, keys, given)
    _compare_samples(files, {record.sample_id: record for record in records})
    new = scoring.task_result(
        data,
        records,
        rated.scores,
        measure_references(data),
        model=old.model,
        seed=0,
        usage=rated.add_usage(old.usage),
        raters=rated.raters,
        time=TaskTime(started="", finished="", seconds=0.0, model_seconds=0.0, asked=0),
    )
    return _compare_results(files, new)


def _plain(value: Any) -> Any:
    return json.loads(value.model_dump_json())


def differences(stored: Any, found: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Where two pieces of plain JSON differ by more than rounding: dotted path, and both values."""
    if isinstance(stored, dict) and isinstance(found, dict):
        for key in {**stored, **found}:
            yield from differences(stored.get(key), found.get(key), f"{path}.{key}" if path else str(key))
    elif isinstance(stored, list) and isinstance(found, list) and len(stored) == len(found):
        for index, (one, other) in enumerate(zip(stored, found, strict=True)):
            yield from differences(one, other, f"{path}.{index}")
    elif type(stored) in (int, float) and type(found) in (int, float):
        if not math.isclose(stored, found, rel_tol=_SAME, abs_tol=_SAME * _SAME):
            yield path, stored, found
    elif stored != found or type(stored) is not type(found):
        yield path, stored, found


def _shown(value: Any) -> str:
    return printable(json.dumps(value, ensure_ascii=False), limit=80)


def _compare_samples(files: TaskFiles, found: Mapping[str, SampleRecord]) -> None:
    wrong: list[str] = []
    told = ""
    for sample_id, record in found.items():
        stored = files.records[sample_id]
        one, other = (json.loads(each.model_dump_json(include=_READING)) for each in (stored, record))
        first = next(differences(one, other), None)
        if first is not None:
            wrong.append(sample_id)
            told = told or (
                f"of '{printable(sample_id, limit=80)}', {printable(first[0], limit=80)} is stored as "
                f"{_shown(first[1])}, and comes to {_shown(first[2])} from its answer"
            )
    if wrong:
        raise _refused(
            files, f"{counted(len(wrong), 'sample')} of {len(found):,} do not follow from their answers: {told}.",
            _SCORE_AGAIN,
        )  # fmt: skip


def _compare_metrics(files: TaskFiles, found: Sequence[Mapping[str, Any]], *, references: bool) -> list[str]:
    """Compare every metric, with its interval and (if so wanted) its floor and ceiling; returns notes."""
    stored = [_plain(metric) for metric in files.result.metrics]
    wrong: list[str] = []
    notes: list[str] = []
    if [each["id"] for each in stored] != [each["id"] for each in found]:
        names = printable(", ".join(each["id"] for each in stored), limit=300)
        today = ", ".join(each["id"] for each in found)
        raise _refused(files, f"its metrics are {names}; today's are {today}.", _SCORE_AGAIN)
    for one, other in zip(stored, found, strict=True):
        if one["signature"] != other["signature"]:
            notes.append(
                f"{files.name}: {one['id']} was computed by {printable(one['signature'], limit=80)}, here by "
                f"{other['signature']}; the value is the same."
            )
        for name in ("value", "low", "high", "n", "clusters", "unit", "higher_is_better", "interval_method"):
            for _, was, now in differences(one[name], other[name]):
                part = "" if name == "value" else f" ({name.replace('_', ' ')})"
                wrong.append(f"{one['id']}{part} is stored as {_shown(was)}, and comes to {_shown(now)}")
        for role in ("floor", "ceiling") if references else ():
            wrong.extend(_compare_reference(one["id"], role, one[role], other[role]))
    if wrong:
        more = f"; and {len(wrong) - _SHOWN:,} more" if len(wrong) > _SHOWN else ""
        raise _refused(files, "; ".join(wrong[:_SHOWN]) + more + ".", _SCORE_AGAIN)
    return notes


def _compare_reference(metric: str, role: str, stored: Any, found: Any) -> list[str]:
    if stored is None or stored["value"] is None:
        return []  # the baseline could not be measured there: less is claimed, not more
    kept = {name: stored[name] for name in ("model", "value")}
    now = {name: (found or {}).get(name) for name in ("model", "value")}
    if not list(differences(kept, now)):
        return []
    return [f"the {role} of {metric} is stored as {_shown(kept)}, and comes to {_shown(now)}"]


def _compare_results(files: TaskFiles, new: TaskResult) -> list[str]:
    notes = _compare_metrics(files, [_plain(metric) for metric in new.metrics], references=True)
    old_plain, new_plain = _plain(files.result), _plain(new)
    for name in _FRAME:
        for path, was, now in differences(old_plain[name], new_plain[name], name):
            raise _refused(files, f"{path} is stored as {_shown(was)}, and comes to {_shown(now)}.", _SCORE_AGAIN)
    for path, was, now in differences(old_plain["usage"], new_plain["usage"], "usage"):
        raise _refused(files, f"{path} is stored as {_shown(was)}, and comes to {_shown(now)}.", _SCORE_AGAIN)
    return notes


def _recomputed(task: FoodTask, files: TaskFiles, reports: Path, missing: DataMissing) -> Followed:
    """Compute the metrics from the stored scores; the questions must be those of a committed report."""
    report, like = _report_of_the_same(files, reports)
    if like is None:
        raise DataMissing(
            f"{files.name}: cannot be checked here: {missing.message}",
            hint=f"{missing.hint} (No report in '{printable(str(reports), limit=80)}' has the task on a whole copy, "
            "either.)",
        )
    pairs = {
        "dataset fingerprint": (files.result.dataset.fingerprint, like.dataset.fingerprint),
        "fingerprint of questions and references": (files.result.task.fingerprint, like.task.fingerprint),
        "n": (str(files.result.n), str(like.n)),
    }
    for name, (found, expected) in pairs.items():
        if found != expected:
            raise _refused(
                files,
                f"its {name} is {printable(found, limit=80)}; in the report {report} it is {expected}.",
                "The questions are not those that others have answered: use an unchanged copy of the dataset.",
            )
    scores = [each.score() for each in files.records.values()]
    try:
        values = summarise(task.metrics, scores)
    except FoodbenchError as error:
        raise _refused(files, printable(error.message, limit=300), "The samples were edited or damaged.") from error
    found_metrics = [
        {
            "id": value.id,
            "value": value.value,
            "low": value.low,
            "high": value.high,
            "n": value.n,
            "clusters": value.clusters,
            "unit": value.unit,
            "higher_is_better": value.higher_is_better,
            "interval_method": value.interval_method,
            "signature": metric.signature,
        }
        for metric, value in zip(task.metrics, values, strict=True)
    ]
    notes = _compare_metrics(files, found_metrics, references=False)
    _compare_frame(files, like)
    return Followed(
        "recomputed",
        (
            *notes,
            f"{files.name}: {task.dataset} is not here, so the answers were not read again; the metrics follow from "
            f"the stored scores, and the questions are those of the report {report}.",
        ),
    )


def _compare_frame(files: TaskFiles, like: TaskResult) -> None:
    records = files.records.values()
    parsed = sum(record.parsed for record in records) / len(files.records)
    errors = sum(record.error is not None for record in records)
    stored = {"parse_rate": files.result.parse_rate, "errors": files.result.errors, "headline": files.result.headline}
    found = {"parse_rate": parsed, "errors": errors, "headline": like.headline}
    for path, was, now in differences(stored, found):
        raise _refused(files, f"{path} is stored as {_shown(was)}, and comes to {_shown(now)}.", _SCORE_AGAIN)
    floors = {metric.id: metric for metric in like.metrics}
    for metric in files.result.metrics:
        for role in ("floor", "ceiling"):
            mine, theirs = _plain(metric)[role], _plain(floors[metric.id])[role] if metric.id in floors else None
            for told in _compare_reference(metric.id, role, mine, theirs):
                raise _refused(files, f"{told} in a committed report.", _SCORE_AGAIN)


def _report_of_the_same(files: TaskFiles, reports: Path) -> tuple[str, TaskResult | None]:
    """A committed report of the same task on a whole copy of the same edition; one with equal questions if there is."""
    stored = files.result
    found: tuple[str, TaskResult | None] = ("", None)
    for path in sorted(reports.glob(f"*/{files.name}/result.json")):
        try:
            result = RunFolder(path.parent.parent).task(files.name).result()
        except (DataMissing, DataCorrupt):
            continue
        same_kind = (result.dataset.edition, result.dataset.variant) == (stored.dataset.edition, stored.dataset.variant)
        whole = result.limit is None and not result.dataset.missing and result.task.control is None
        if same_kind and whole:
            if result.task.fingerprint == stored.task.fingerprint:
                return path.parent.parent.name, result
            found = found if found[1] is not None else (path.parent.parent.name, result)
    return found
