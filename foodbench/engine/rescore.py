"""Scoring without a model: stored answers again, or a file of predictions made elsewhere. No lmms-eval, no torch."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from foodbench.core.errors import DataCorrupt, DataMissing, UnknownName, UsageError
from foodbench.core.files import numbered_json_lines
from foodbench.core.hashing import fingerprint, sha256_file
from foodbench.core.types import ENVELOPE_KEY, ENVELOPE_VERSION, Score, well_formed
from foodbench.core.wording import counted
from foodbench.data.roots import DatasetChoice, resolve
from foodbench.engine import scoring
from foodbench.engine.rated import with_ratings
from foodbench.engine.references import measure_references
from foodbench.runs.provenance import collect, now
from foodbench.runs.schema import (
    ConfigValue,
    ModelIdentity,
    PredictionRecord,
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
    """

    folder: TaskFolder
    old: TaskResult
    data: TaskData
    records: Mapping[str, SampleRecord]


@dataclass(frozen=True, slots=True)
class _Answered:
    keys: Mapping[str, str]
    answers: Mapping[str, StoredAnswer]


def _score_and_write(
    data: TaskData,
    answered: _Answered,
    folder: TaskFolder,
    *,
    model: ModelIdentity,
    seed: int,
    usage: Mapping[str, float] | None = None,
    n_missing: int = 0,
) -> TaskResult:
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
    folder.write(records, result, scoring.sample_ids(data))
    return result


def rescore_run(path: Path) -> list[TaskResult]:
    """Read and score every finished task of a run again, with today's parsers and metrics. No model is asked.

    Raises:
        DataMissing: no such run, nothing finished in it, or its dataset is no longer registered.
        DataCorrupt: its files are damaged, or the questions are no longer the same ones.
        RunIncomplete: the run is going on.
    """
    folder = RunFolder(path)
    folder.read()
    with folder.in_use():
        return _rescore_tasks(folder)


def _rescore_tasks(folder: RunFolder) -> list[TaskResult]:
    results = [rescore_task(load_answered(task)) for task in folder.tasks().values() if task.result_path.is_file()]
    if not results:
        raise DataMissing(f"{folder.path} has no finished task.", hint="Run it to its end first.")
    return results


def load_answered(folder: TaskFolder) -> AnsweredTask:
    """A finished task of a run, and its questions.

    Raises:
        DataMissing: it is not finished, or its dataset is no longer registered.
        DataCorrupt: its files are damaged, or the questions are no longer the same ones.
    """
    old = folder.result()
    task = TASKS.get(old.task.name)
    choice = resolve(task.dataset, old.dataset.edition, allow_partial=old.dataset.missing > 0)
    seed = int(old.provenance.get("seed", 0))
    data = controlled(task.load(choice, limit=old.limit, seed=seed), old.task.control, seed=seed)
    stored = {record.sample_id: record for record in folder.samples()}
    if set(stored) != {sample.sample_id for sample in data.samples} or data.fingerprint != old.task.fingerprint:
        raise DataCorrupt(
            f"{folder.path}: the questions are not the ones that were answered (another dataset copy or task version).",
            hint="Run the model again; answers to unchanged questions are reused.",
        )
    return AnsweredTask(folder, old, data, stored)


def rescore_task(task: AnsweredTask) -> TaskResult:
    """Read and score the answers of a finished task again, and put its ratings to them.

    Raises:
        DataCorrupt: its file of ratings is damaged.
        StorageFull: its files cannot be written.
    """
    stored, old = task.records, task.old
    answered = _Answered(
        keys={sample_id: record.key for sample_id, record in stored.items()},
        answers={record.key: StoredAnswer.of(record) for record in stored.values()},
    )
    seed = int(old.provenance.get("seed", 0))
    return _score_and_write(
        task.data, answered, task.folder, model=old.model, seed=seed, usage=old.usage, n_missing=old.n_missing
    )


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
    result = _score_and_write(data, _Answered(keys, answers), task_folder, model=model, seed=0, n_missing=len(absent))
    settings = {"predictions": str(path), "task": task_name, "edition": choice.edition, "allow_missing": allow_missing}
    folder.write(
        RunFile(
            run_id=folder.path.name,
            model=model,
            config={key: ConfigValue(value=value, origin="command line") for key, value in settings.items()},
            tasks={
                data.task.versioned_name: TaskStatus(
                    status="complete", result=f"{data.task.versioned_name}/result.json"
                )
            },
            provenance=collect(seed=0),
            time={"updated": now()},
        )
    )
    return result, folder.path


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
    return f"field '{'.'.join(map(str, first['loc']))}': {first['msg']}."


def _answer_text(record: PredictionRecord) -> str:
    if record.answer is not None:
        return record.answer
    envelope: dict[str, Any] = {ENVELOPE_KEY: ENVELOPE_VERSION, "text": record.text or ""}
    if record.masks is not None:
        envelope["masks"] = record.masks
    if record.nutrition is not None:
        envelope["nutrition"] = record.nutrition
    return json.dumps(envelope, ensure_ascii=False)
