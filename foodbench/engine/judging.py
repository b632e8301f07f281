"""Ratings of a finished task's answers by a judge model, for any task with the metric `rating`.

A rating is durable as soon as its batch is there, and nothing that is rated is asked again: a killed or stopped judging
goes on with the same command. A reply that cannot be read is kept as "not rated", with the reason, and is not asked
again either unless that is wanted: at temperature 0 it would be the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foodbench.adapters.base import received
from foodbench.adapters.judge import INSTRUCTIONS, Judge, load_judge
from foodbench.core.errors import AnswerInvalid, DataMissing, FoodbenchError, UsageError
from foodbench.core.files import AppendLog
from foodbench.core.types import Answer, Request, Sample
from foodbench.engine import judge_prompt
from foodbench.engine.rated import rated_of, takes_ratings
from foodbench.engine.reporting import Progress
from foodbench.engine.rescore import AnsweredTask, load_answered, rescore_task
from foodbench.runs.provenance import now
from foodbench.runs.ratings import Rated, ratings_path, read_ratings, standing_ratings
from foodbench.runs.schema import RatingRecord, RatingTime, TaskResult
from foodbench.runs.store import RunFolder, TaskFolder
from foodbench.tasks import TASKS
from foodbench.tasks.base import FoodTask, spread
from foodbench.tasks.text import without_reasoning


@dataclass(frozen=True, slots=True)
class RatableAnswer:
    """An answer as raters see it.

    Attributes:
        sample: the question and the reference.
        history: earlier (question, right answer) pairs of its conversation.
        question: what was asked then.
        reference: the right answer.
        facts: what else is known to be true.
        answer: what the model said, without what it thought aloud.
        about: the digests that a rating of it names.
    """

    sample: Sample
    history: Sequence[Sequence[str]]
    question: str
    reference: str
    facts: Mapping[str, Any]
    answer: str
    about: Rated


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of asking a judge, or of reading people's ratings.

    Attributes:
        result: the task's result, with the ratings.
        rater: who rated.
        new: ratings that came in now.
        unread: of the judge's replies that came in now, those that could not be read.
        kept: ratings that were there before.
    """

    result: TaskResult
    rater: str
    new: int
    unread: int
    kept: int


def judge_run(
    path: Path,
    task: str | None,
    spec: str,
    arguments: Mapping[str, str],
    *,
    progress: Progress,
    limit: int | None = None,
    retry_unread: bool = False,
) -> Judged:
    """Have a judge model rate the answers of a run's task, and put the ratings into its result.

    Args:
        path: the run's folder.
        task: the task; None if only one of the run takes ratings.
        spec: `endpoint:NAME`.
        arguments: the judge's settings.
        progress: told how far it is.
        limit: rate at most this many answers, spread evenly, always the same ones.
        retry_unread: ask again where an earlier reply could not be read.

    Raises:
        UsageError: no judge, or no task that takes ratings.
        ProviderDown, AdapterFailed, RunIncomplete: the judge failed, or its cost limit is reached; the ratings so far
            are saved, and the same command continues.
        DataMissing, DataCorrupt: as `load_answered`.
    """
    judge = load_judge(spec, arguments)
    run = RunFolder(path)
    run.read()
    with run.in_use():
        answered = load_answered(ratable_task(run, task))
        rater = rater_of(judge)
        answers = ratable_answers(answered, limit)
        standing = standing_ratings(read_ratings(answered.folder), (one.about for one in answers))
        waiting = [one for one in answers if _is_open(standing.get((one.sample.sample_id, rater)), retry_unread)]
        progress.begin(f"{answered.data.task.name}: judging", len(answers), len(answers) - len(waiting))
        try:
            unread = _ask_all(judge, rater, answered, waiting, progress)
        finally:
            progress.end()
        result = rescore_task(answered)
    return Judged(result, rater, len(waiting), unread, len(answers) - len(waiting))


def rater_of(judge: Judge) -> str:
    """The name under which a judge's ratings are kept: who it is, how it is set, and what it was told."""
    return f"{judge.identity}#{judge_prompt.PROMPT_DIGEST}"


def ratable_task(run: RunFolder, name: str | None) -> TaskFolder:
    """The folder of a finished task of a run whose answers can be rated.

    Args:
        run: the run.
        name: the task; None if there is only one.

    Raises:
        UnknownName: no such task.
        UsageError: the task takes no ratings; or none is named and the run has several that do.
        DataMissing: it is not finished, or none is named and the run has none.
    """
    if name is not None:
        task: FoodTask = TASKS.get(name)
        if not takes_ratings(task):
            raise UsageError(
                f"The answers to {name} are not rated by judges.", hint="Tasks that are have the metric 'rating'."
            )
        folder = run.task(task.versioned_name)
        if not folder.result_path.is_file():
            raise DataMissing(f"{run.path} has no finished {task.versioned_name}.", hint="Run it to its end first.")
        return folder
    known = {name: folder for name, folder in run.finished().items() if name.partition("@")[0] in TASKS}
    ratable = {name: folder for name, folder in known.items() if takes_ratings(TASKS.get(name.partition("@")[0]))}
    if not ratable:
        raise DataMissing(
            f"{run.path} has no finished task whose answers are rated.",
            hint="Run one first, e.g. --tasks fooddialogues.chat.",
        )
    if len(ratable) > 1:
        raise UsageError(f"{run.path} has several tasks to be rated: {', '.join(ratable)}.", hint="Add --task TASK.")
    return next(iter(ratable.values()))


def ratable_answers(answered: AnsweredTask, limit: int | None = None) -> list[RatableAnswer]:
    """The answers of a task as raters see them, in order of sample id.

    Args:
        answered: the task.
        limit: only this many, spread evenly; the same ones for every run of the task.
    """
    task = answered.data.task
    found = []
    for sample in spread(answered.data.samples, limit, 0):
        raw = answered.records[sample.sample_id].answer
        found.append(
            RatableAnswer(
                sample=sample,
                history=sample.slots.get("history", ()),
                question=str(sample.slots.get("turn", sample.question)),
                reference=task.oracle(sample).text,
                facts=sample.reference.get("facts", {}),
                answer=_said(raw),
                about=rated_of(sample, raw),
            )
        )
    return found


def _said(raw: str) -> str:
    try:
        return without_reasoning(Answer.from_text(raw).text).strip()
    except AnswerInvalid:
        return ""  # as the task scores it


def _is_open(record: RatingRecord | None, retry_unread: bool) -> bool:
    return record is None or (retry_unread and record.rating is None)


def _ask_all(
    judge: Judge, rater: str, answered: AnsweredTask, waiting: Sequence[RatableAnswer], progress: Progress
) -> int:
    """Ask about every answer, each batch kept as soon as it is there; returns how many replies could not be read."""
    unread = 0
    if not waiting:
        return unread
    task = answered.data.task.name
    with AppendLog(ratings_path(answered.folder)) as log:
        for start in range(0, len(waiting), judge.batch_size):
            batch = {one.sample.sample_id: one for one in waiting[start : start + judge.batch_size]}
            failure: FoodbenchError | None = None
            try:
                replies = dict(zip(batch, map(str, judge.answer(_requests(task, batch))), strict=True))
            except FoodbenchError as error:
                failure, replies = error, {name: reply.text for name, reply in received(error).items()}
            records = [_record(judge, rater, task, batch[name], reply) for name, reply in replies.items()]
            log.append(*(record.model_dump(mode="json") for record in records))
            if failure is not None:
                raise failure
            unread += sum(record.rating is None for record in records)
            progress.advance(len(batch))
    return unread


def _requests(task: str, batch: Mapping[str, RatableAnswer]) -> list[Request]:
    return [
        Request(
            task=task,
            sample_id=name,
            image=one.sample.image,  # not shown
            question=judge_prompt.message(
                history=one.history,
                question=one.question,
                reference=one.reference,
                facts=one.facts,
                answer=one.answer,
            ),
            slots={INSTRUCTIONS: judge_prompt.SYSTEM},
            generation=judge_prompt.GENERATION,
        )
        for name, one in batch.items()
    ]


def _record(judge: Judge, rater: str, task: str, one: RatableAnswer, reply: str) -> RatingRecord:
    verdict = judge_prompt.read_reply(reply)
    return RatingRecord(
        **one.about._asdict(),
        rater=rater,
        rating=verdict.rating,
        reason=verdict.reason,
        error=verdict.error,
        usage=judge.usage_of(task, one.sample.sample_id),
        time=RatingTime(given=now(), seconds=judge.costs[task, one.sample.sample_id].seconds),
    )
