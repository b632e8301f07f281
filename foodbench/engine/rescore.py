"""Scoring without a model: stored answers again, or a file of predictions made elsewhere. No lmms-eval, no torch."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from foodbench.core.errors import DataCorrupt, DataMissing, FoodbenchError, StorageFull, UnknownName, UsageError
from foodbench.core.files import atomic_write, numbered_json_lines
from foodbench.core.hashing import fingerprint, sha256_file
from foodbench.core.types import ENVELOPE_KEY, ENVELOPE_VERSION, Score, well_formed
from foodbench.core.wording import counted
from foodbench.data.roots import DatasetChoice, resolve
from foodbench.engine import scoring
from foodbench.engine.rated import with_ratings
from foodbench.engine.references import measure_references
from foodbench.runs.faults import place_of
from foodbench.runs.history import Changes, came_from, changes_between, keep
from foodbench.runs.provenance import collect, now
from foodbench.runs.ratings import ratings_path
from foodbench.runs.schema import (
    ConfigValue,
    ModelIdentity,
    PredictionRecord,
    RescoredFrom,
    RunFile,
    SampleRecord,
    TaskResult,
    TaskStatus,
    TaskTime,
)
from foodbench.runs.store import RunFolder, StoredAnswer, TaskFolder
from foodbench.tasks import TASKS
from foodbench.tasks.base import TaskData
from foodbench.tasks.controls import controlled

_PARTS = ("text", "masks", "nutrition")
_FORM = (
    "A predictions file has one JSON object per line with the fields "
    f"{', '.join(PredictionRecord.model_fields)} (see `foodbench schema prediction`)."
)


@dataclass(frozen=True, slots=True)
class AnsweredTask:
    """A finished task of a run with its questions loaded again.

    Attributes:
        folder: where it is.
        old: its result so far.
        data: the questions, the very ones that were answered.
        records: the scored samples, by sample id.
        target: where a new result goes: the same folder, or that of the task's present version.
        keys: key of each sample in a new result, by sample id.
    """

    folder: TaskFolder
    old: TaskResult
    data: TaskData
    records: Mapping[str, SampleRecord]
    target: TaskFolder
    keys: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Rescored:
    """What scoring a finished task again came to.

    Attributes:
        result: what now stands; the old result itself if nothing changed, and then nothing was written.
        old: the result before.
        changes: what differs.
        written: whether there is a new result.
    """

    result: TaskResult
    old: TaskResult
    changes: Changes
    written: bool


@dataclass(frozen=True, slots=True)
class Rescoring:
    """What scoring a run again came to.

    Attributes:
        run: the run's folder.
        done: the tasks that were scored.
        replaced: finished tasks of an older version, each with the folder of the present version that stands instead.
        refused: why others could not be, by the name of their folder.
    """

    run: Path
    done: Sequence[Rescored]
    replaced: Mapping[str, str]
    refused: Mapping[str, FoodbenchError]


@dataclass(frozen=True, slots=True)
class _Answered:
    keys: Mapping[str, str]
    answers: Mapping[str, StoredAnswer]


@dataclass(frozen=True, slots=True)
class _Scored:
    records: Sequence[SampleRecord]
    result: TaskResult


def _score(
    data: TaskData,
    answered: _Answered,
    folder: TaskFolder,
    *,
    model: ModelIdentity,
    seed: int,
    usage: Mapping[str, float] | None = None,
    n_missing: int = 0,
) -> _Scored:
    started, clock = now(), time.perf_counter()
    scores: dict[str, Score] = {
        sample.sample_id: data.task.score(
            sample, answered.answers[answered.keys[sample.sample_id]].answer, data.vocabulary
        )
        for sample in data.samples
    }
    texts = {sample_id: answered.answers[key].answer for sample_id, key in answered.keys.items()}
    rated = with_ratings(data, scores, texts, folder)
    records = scoring.sample_records(data, rated.scores, answered.keys, answered.answers)
    result = scoring.task_result(
        data,
        records,
        rated.scores,
        measure_references(data),
        model=model,
        seed=seed,
        usage=rated.add_usage(scoring.token_totals(records) if usage is None else usage),
        raters=rated.raters,
        n_missing=n_missing,
        time=TaskTime(started=started, finished=now(), seconds=time.perf_counter() - clock, model_seconds=0.0, asked=0),
    )
    return _Scored(records, result)


def rescore_run(path: Path) -> Rescoring:
    """Read and score every finished task of a run again, with today's parsers and metrics. No model is asked.

    Where that comes to something else, the new result takes the place of the old one, which is kept beside it (see
    `foodbench.runs.history`) and named in the new one. Where the task's version was raised since and its questions are
    the same, the new result goes into the folder of the new version, and the old version's stays as it is.

    Raises:
        DataMissing, DataCorrupt: no such run, or nothing is finished in it.
        RunIncomplete: the run is going on.
        StorageFull: a result cannot be written.
    """
    folder = RunFolder(path)
    folder.read()
    with folder.in_use():
        return _rescore_tasks(folder)


def _rescore_tasks(run: RunFolder) -> Rescoring:
    finished = run.finished()
    if not finished:
        raise DataMissing(f"{run.path} has no finished task.", hint="Run it to its end first.")
    done: list[Rescored] = []
    replaced: dict[str, str] = {}
    refused: dict[str, FoodbenchError] = {}
    for name, folder in finished.items():
        try:
            folder.settle()
            present = _present_version(run, folder)
            if present is None:
                task = load_answered(folder)
            elif _has_begun(present):
                replaced[name] = present.path.name
                _mark_complete(run, present)
                continue
            else:
                task = _load_for(present, folder)
            done.append(_rescore(task))
            if present is not None:
                _mark_complete(run, present)
        except StorageFull:
            raise
        except FoodbenchError as error:
            refused[name] = error
    return Rescoring(run.path, done, replaced, refused)


def _has_begun(folder: TaskFolder) -> bool:
    """Whether a task has a result of its own, or answers that wait for one."""
    return folder.result_path.is_file() or bool(folder.journals())


def _mark_complete(run: RunFolder, folder: TaskFolder) -> None:
    """Have `run.json` name a finished task, if it does not."""
    state, name = run.read(), folder.path.name
    if folder.result_path.is_file() and name not in state.tasks:
        state.tasks[name] = TaskStatus(status="complete", result=f"{name}/result.json")
        state.tasks = dict(sorted(state.tasks.items()))
        run.write(state)


def _present_version(run: RunFolder, folder: TaskFolder) -> TaskFolder | None:
    """The folder of the task's present version, if that is a later one.

    Raises:
        UnknownName: there is no such task any more.
        DataCorrupt: it is of a version that is still to come.
    """
    old = folder.result().task
    task = TASKS.get(old.name)
    if old.version > task.version:
        raise DataCorrupt(
            f"{folder.path}: of version {old.version} of {old.name}; this foodbench has version {task.version}.",
            hint="Use the foodbench that scored it, or a later one.",
        )
    return run.task(task.versioned_name) if old.version < task.version else None


def _load(folder: TaskFolder) -> AnsweredTask:
    """A finished task and today's questions, which are yet to be compared with those that were answered."""
    old = folder.result()
    task = TASKS.get(old.task.name)
    choice = resolve(task.dataset, old.dataset.edition, allow_partial=old.dataset.missing > 0)
    seed = int(old.provenance.get("seed", 0))
    data = controlled(task.load(choice, limit=old.limit, seed=seed), old.task.control, seed=seed)
    stored = {record.sample_id: record for record in folder.samples()}
    keys = {sample_id: record.key for sample_id, record in stored.items()}
    return AnsweredTask(folder, old, data, stored, folder, keys)


def _other_questions(folder: TaskFolder) -> DataCorrupt:
    return DataCorrupt(
        f"{folder.path}: the questions are not the ones that were answered (another dataset copy or task version).",
        hint="Run the model again; answers to unchanged questions are reused.",
    )


def _same_ids(task: AnsweredTask) -> bool:
    return set(task.records) == {sample.sample_id for sample in task.data.samples}


def load_answered(folder: TaskFolder) -> AnsweredTask:
    """A finished task of a run, and its questions.

    Raises:
        DataMissing: it is not finished, or its dataset is no longer registered.
        DataCorrupt: its files are damaged, or the questions are no longer the same ones.
    """
    task = _load(folder)
    if not _same_ids(task) or task.data.fingerprint != task.old.task.fingerprint:
        raise _other_questions(folder)
    return task


def _load_for(present: TaskFolder, folder: TaskFolder) -> AnsweredTask:
    """A finished task of an older version, to be scored as the present one, if the questions are the same.

    They are if nothing but the version sets the fingerprints apart, or (where references were corrected) if every
    sample has the key of its question.

    Raises:
        DataMissing, DataCorrupt: as `load_answered`.
    """
    task = _load(folder)
    then = replace(task.data, task=replace(task.data.task, version=task.old.task.version))
    if not _same_ids(task):
        raise _other_questions(folder)
    identity = task.old.model.identity
    keyed = all(
        task.records[sample.sample_id].key == scoring.question_key(then, sample, identity) for sample in then.samples
    )
    if not keyed and then.fingerprint != task.old.task.fingerprint:
        raise _other_questions(folder)
    # The question is the same, so the answer need not be asked for again under the present version either.
    keys = {
        sample.sample_id: scoring.question_key(task.data, sample, identity) if keyed else task.keys[sample.sample_id]
        for sample in task.data.samples
    }
    return replace(task, target=present, keys=keys)


def rescore_task(task: AnsweredTask) -> TaskResult:
    """Read and score the answers of a finished task again, and put its ratings to them.

    Raises:
        DataCorrupt: its file of ratings is damaged.
        StorageFull: its files cannot be written.
    """
    return _rescore(task).result


def _rescore(task: AnsweredTask) -> Rescored:
    old = task.old
    answered = _Answered(
        keys=task.keys,
        answers={task.keys[name]: StoredAnswer.of(record) for name, record in task.records.items()},
    )
    seed = int(old.provenance.get("seed", 0))
    scored = _score(
        task.data, answered, task.folder, model=old.model, seed=seed, usage=old.usage, n_missing=old.n_missing
    )
    return _save(task, scored)


def _save(task: AnsweredTask, scored: _Scored) -> Rescored:
    """Write what differs from the result before, and keep that one.

    New ratings alone are no other scoring: `ratings.jsonl` has them all, with their times.
    """
    old, folder = task.old, task.folder
    changes = changes_between(old, task.records, scored.result, {each.sample_id: each for each in scored.records})
    moved = task.target.path != folder.path
    if not changes and not moved:
        return Rescored(old, old, changes, written=False)
    if moved:
        origin: RescoredFrom | None = came_from(old, folder.path, folder.path.parent)
        if ratings_path(folder).is_file() and not ratings_path(task.target).exists():
            atomic_write(ratings_path(task.target), ratings_path(folder).read_bytes())
    elif changes.only_ratings:
        origin = old.rescored_from
    else:
        origin = came_from(old, keep(folder), folder.path.parent)
    result = scored.result.model_copy(update={"rescored_from": origin})
    task.target.write(scored.records, result, scoring.sample_ids(task.data))
    return Rescored(result, old, changes, written=True)


def score_predictions(
    path: Path, task_name: str, choice: DatasetChoice, out: Path, *, name: str, allow_missing: bool
) -> tuple[TaskResult, Path]:
    """Score a file of predictions made elsewhere.

    Args:
        path: JSON Lines of `PredictionRecord`: `sample_id` and either `answer` or any of `text`, `masks`, `nutrition`.
        task_name: the task.
        choice: the dataset that was asked.
        out: folder that holds runs.
        name: what to call the model.
        allow_missing: score samples without a prediction as wrong, instead of refusing.

    Returns:
        the result and the run's folder.

    Raises:
        UsageError: the file is not JSON Lines of predictions, has duplicate ids, or lacks samples while
            `allow_missing` is not set.
        UnknownName: an id that the task does not have.
    """
    data = TASKS.get(task_name).load(choice)
    predictions = _predictions(path, {sample.sample_id for sample in data.samples}, task_name)
    absent = [sample.sample_id for sample in data.samples if sample.sample_id not in predictions]
    if absent and not allow_missing:
        raise UsageError(
            f"{path} has no prediction for {len(absent):,} of {counted(len(data.samples), 'sample')} "
            f"(first: {absent[0]}).",
            hint="Add them, or pass --allow-missing to count them as wrong.",
        )
    digest = sha256_file(path)
    model = ModelIdentity(spec=f"predictions:{name}", identity=f"sha256:{digest}")
    keys = {sample.sample_id: fingerprint([digest, task_name, sample.sample_id]) for sample in data.samples}
    answers = {keys[sample_id]: StoredAnswer(predictions.get(sample_id, "")) for sample_id in keys}
    readable = "".join(char if char.isalnum() else "-" for char in name).strip("-")[:40]
    told = fingerprint([digest, str(choice.root), allow_missing]).removeprefix("sha256:")
    folder = RunFolder(out / f"predictions-{readable}-{told[:8]}")
    task_folder = folder.task(data.task.versioned_name)
    with folder.in_use():
        scored = _score(data, _Answered(keys, answers), task_folder, model=model, seed=0, n_missing=len(absent))
        result = _save_predictions(task_folder, data, scored)
        settings = {
            "predictions": str(path), "task": task_name, "edition": choice.edition, "allow_missing": allow_missing
        }  # fmt: skip
        name = data.task.versioned_name
        folder.write(
            RunFile(
                run_id=folder.path.name,
                model=model,
                config={key: ConfigValue(value=value, origin="command line") for key, value in settings.items()},
                tasks={name: TaskStatus(status="complete", result=f"{name}/result.json")},
                provenance=collect(seed=0),
                time={"updated": now()},
            )
        )
    return result, folder.path


def _save_predictions(folder: TaskFolder, data: TaskData, scored: _Scored) -> TaskResult:
    """Write the first scoring of a file of predictions; a later one as any other scoring of stored answers."""
    try:
        old, stored = folder.result(), {record.sample_id: record for record in folder.samples()}
    except (DataMissing, DataCorrupt):  # nothing there that could be kept; the predictions are in their file
        folder.write(scored.records, scored.result, scoring.sample_ids(data))
        return scored.result
    if old.task.fingerprint != data.fingerprint or set(stored) != {record.sample_id for record in scored.records}:
        # Another copy of the dataset in the same place: other questions.
        folder.write(scored.records, scored.result, scoring.sample_ids(data))
        return scored.result
    return _save(AnsweredTask(folder, old, data, stored, folder, {}), scored).result


def _predictions(path: Path, known: set[str], task_name: str) -> dict[str, str]:
    """The answers in the file by sample id. A line that gives none is as good as no line."""
    found: dict[str, str] = {}
    seen: dict[str, int] = {}
    for number, record in _prediction_lines(path):
        if record.sample_id not in known:
            error = UnknownName.of("sample id", record.sample_id, known)
            raise UnknownName(f"{path}, line {number}: {task_name}: {error.message}", hint=error.hint)
        if record.sample_id in seen:
            raise UsageError(
                f"{path}, line {number}: '{record.sample_id}' comes twice, first in line {seen[record.sample_id]}.",
                hint="Keep one of them.",
            )
        seen[record.sample_id] = number
        parts = [name for name in _PARTS if getattr(record, name) is not None]
        if record.answer is not None and parts:
            raise UsageError(
                f"{path}, line {number}: has an answer and {' and '.join(parts)}.",
                hint=f"Give the answer, or any of {', '.join(_PARTS)}, not both.",
            )
        if record.answer is not None or parts:
            found[record.sample_id] = well_formed(_answer_text(record))
    return found


def _prediction_lines(path: Path) -> Iterator[tuple[int, PredictionRecord]]:
    if not path.is_file():
        raise UsageError(f"There is no file {path}.", hint="Give a JSON Lines file of predictions.")
    try:
        lines = list(numbered_json_lines(path, torn=False))
    except DataCorrupt as error:
        raise UsageError(error.message, hint=_FORM) from error
    except OSError as error:
        raise UsageError(f"Cannot read {path}: {error.strerror}.", hint="Check the file's permissions.") from error
    for number, line in lines:
        try:
            yield number, PredictionRecord.model_validate(line)
        except ValidationError as error:
            raise UsageError(f"{path}, line {number}: {_fault(line, error)}", hint=_FORM) from error


def _fault(line: Any, error: ValidationError) -> str:
    """What is wrong with one line, in a sentence."""
    if not isinstance(line, dict):
        return f"is {json.dumps(line)[:80]}, not an object."
    unknown = [name for name in line if name not in PredictionRecord.model_fields]
    if unknown:
        named = " and ".join(repr(name) for name in unknown[:5])
        return f"unknown {'field' if len(unknown) == 1 else 'fields'} {named}."
    first = error.errors()[0]
    return f"field '{place_of(first, '')}': {first['msg']}."


def _answer_text(record: PredictionRecord) -> str:
    if record.answer is not None:
        return record.answer
    envelope: dict[str, Any] = {ENVELOPE_KEY: ENVELOPE_VERSION, "text": record.text or ""}
    if record.masks is not None:
        envelope["masks"] = record.masks
    if record.nutrition is not None:
        envelope["nutrition"] = record.nutrition
    return json.dumps(envelope, ensure_ascii=False)
