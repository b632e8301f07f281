"""The heavy part of a build, one dataset at a time: read the answers, test the pairs, write the sample browser.

Answers are read for one task at a time and let go again, so that memory does not grow with the number of tasks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from foodbench.core.errors import DataCorrupt, DataError, UnknownName
from foodbench.core.files import atomic_write
from foodbench.core.types import Sample
from foodbench.data.roots import resolve
from foodbench.metrics.aggregate import Metric
from foodbench.runs.answered import AnsweredSample, answered_samples
from foodbench.runs.schema import TaskResult
from foodbench.runs.store import TaskFolder
from foodbench.site.answers import SampleView, true_outline, view_of
from foodbench.site.model import LEVELS, Answered, Comparison, Flip
from foodbench.site.outcomes import Outcome, outcome_of
from foodbench.site.pages import Frame, Pages
from foodbench.site.pictures import Thumbnail, Thumbnails
from foodbench.site.ranks import compare_all
from foodbench.site.wording import size, visible
from foodbench.tasks import TASKS
from foodbench.tasks.base import FoodTask

PAGE = 200
FLIPS = 12


@dataclass(frozen=True, slots=True)
class Entry:
    """One system's answers to one task."""

    system: str
    title: str
    folder: Path
    result: TaskResult
    ranked: bool


@dataclass(frozen=True, slots=True)
class TaskJob:
    """Everybody who answered the same questions of a task.

    Attributes:
        key: of the table that it belongs to; what the outcome is found by.
        name: the task.
        slug: what its pages are called.
        edition: of the dataset.
        entries: the systems.
        compare: whether they stand on a board, and are compared.
    """

    key: str
    name: str
    slug: str
    edition: str
    entries: tuple[Entry, ...]
    compare: bool


@dataclass(frozen=True, slots=True)
class TaskDone:
    """What a job found out."""

    key: str
    comparisons: tuple[Comparison, ...]
    answered: Mapping[str, Answered]
    flips: Mapping[tuple[str, str], tuple[Flip, ...]]
    pictures: bool


@dataclass(frozen=True, slots=True)
class DatasetJob:
    """All jobs of one dataset: their pictures are the same."""

    dataset: str
    tasks: tuple[TaskJob, ...]
    out: Path
    pictures: bool
    frame: Frame


@dataclass(slots=True)
class _Questions:
    """The questions of a task, where they can be shown."""

    samples: Mapping[str, Sample]
    thumbnails: Thumbnails | None
    outlines: dict[str, str]

    def picture(self, sample: Sample | None) -> Thumbnail | None:
        return None if sample is None or self.thumbnails is None else self.thumbnails.of(sample)

    def outline(self, sample: Sample | None) -> str:
        if sample is None or "size" not in sample.reference:
            return ""
        if sample.sample_id not in self.outlines:
            self.outlines[sample.sample_id] = true_outline(sample.reference)
        return self.outlines[sample.sample_id]


def do_dataset(job: DatasetJob) -> list[TaskDone]:
    """Do the jobs of one dataset.

    Raises:
        DataCorrupt: a report is damaged.
        StorageFull: the site cannot be written.
    """
    pages = Pages(job.out, job.frame)
    thumbnails: dict[Path, Thumbnails] = {}
    return [_do_task(task, job, pages, thumbnails) for task in job.tasks]


def _do_task(job: TaskJob, whole: DatasetJob, pages: Pages, thumbnails: dict[Path, Thumbnails]) -> TaskDone:
    task = _task(job.name, job.entries[0].result)
    metric = None if task is None else task.metrics[0]
    answers = {entry.system: _answers(entry) for entry in job.entries}
    questions = _questions(task, job, whole, thumbnails)
    outcomes = {name: [outcome_of(task, metric, answer.score) for answer in found] for name, found in answers.items()}
    answered = {
        entry.system: _counted(job, entry, answers[entry.system], outcomes[entry.system]) for entry in job.entries
    }
    for entry in job.entries:
        _write_samples(job, entry, task, metric, answers[entry.system], outcomes[entry.system], questions, pages)
    if not job.compare or metric is None:
        return TaskDone(job.key, (), answered, {}, bool(questions.samples))
    values = {entry.system: entry.result.metrics[0].value for entry in job.entries}
    present = {name: value for name, value in values.items() if value is not None}
    scores = {
        entry.system: [each.score for each in answers[entry.system]]
        for entry in job.entries
        if entry.ranked and entry.system in present
    }
    pairs = compare_all(metric, scores, {name: present[name] for name in scores})
    flips = _flips(pairs, answers, outcomes, metric)
    return TaskDone(job.key, pairs, answered, flips, bool(questions.samples))


def _task(name: str, result: TaskResult) -> FoodTask | None:
    """The task, if this foodbench knows the version that was asked and its first metric."""
    try:
        task = TASKS.get(name)
    except UnknownName:
        return None
    same = task.version == result.task.version and task.metrics[0].id == result.metrics[0].id
    return task if same else None


def _answers(entry: Entry) -> list[AnsweredSample]:
    found = answered_samples(TaskFolder(entry.folder))
    if len(found) != entry.result.n:
        raise DataCorrupt(
            f"{entry.folder} holds {len(found):,} samples, its result.json says {entry.result.n:,}.",
            hint="The file was cut short or edited; restore it, or run the task again.",
        )
    return found


def _questions(
    task: FoodTask | None, job: TaskJob, whole: DatasetJob, thumbnails: dict[Path, Thumbnails]
) -> _Questions:
    """Questions and references, if the edition is rendered and is the one that was asked; otherwise none."""
    nothing = _Questions({}, None, {})
    result = job.entries[0].result
    if task is None or job.edition != "kitchen" or not whole.pictures:
        return nothing
    try:
        choice = resolve(task.dataset, "kitchen")
        data = task.load(choice)
    except DataError:
        return nothing
    if data.fingerprint != result.task.fingerprint:
        return nothing
    if choice.root not in thumbnails:
        thumbnails[choice.root] = Thumbnails(whole.out, task.dataset, choice.root)
    return _Questions({sample.sample_id: sample for sample in data.samples}, thumbnails[choice.root], {})


def _counted(job: TaskJob, entry: Entry, answers: Sequence[AnsweredSample], outcomes: Sequence[Outcome]) -> Answered:
    levels = Counter(outcome.level for outcome in outcomes)
    classes = Counter(outcome.text for outcome in outcomes)
    known = [answer.seconds for answer in answers if answer.seconds is not None]
    return Answered(
        counts={level: levels[level] for level in LEVELS},
        classes=tuple(sorted(classes.items(), key=lambda item: (-item[1], item[0]))),
        pages=max(1, -(-len(answers) // PAGE)),
        seconds=median(known) if known else None,
    )


def _write_samples(
    job: TaskJob,
    entry: Entry,
    task: FoodTask | None,
    metric: Metric | None,
    answers: Sequence[AnsweredSample],
    outcomes: Sequence[Outcome],
    questions: _Questions,
    pages: Pages,
) -> None:
    """The pages of one system's answers, and the file with all of them in full."""
    masks = task is not None and task.answer_kind == "masks"
    unit = "" if metric is None else metric.unit
    total = max(1, -(-len(answers) // PAGE))
    folder = f"samples/{entry.system}/{job.slug}"
    packed = TaskFolder(entry.folder).stored_samples_path
    download = f"{folder}/{packed.name}"
    atomic_write(pages.out / download, packed.read_bytes(), sync=False)
    for page in range(1, total + 1):
        part = slice((page - 1) * PAGE, page * PAGE)
        views: list[SampleView] = []
        for answer, outcome in zip(answers[part], outcomes[part], strict=True):
            sample = questions.samples.get(answer.score.sample_id)
            picture, true = questions.picture(sample), questions.outline(sample) if masks else ""
            views.append(view_of(answer, sample, outcome, unit, picture, true, masks=masks))
        pages.write(
            f"{folder}/{page}.html",
            "samples.html",
            job=job,
            entry=entry,
            page=page,
            pages=total,
            first=part.start + 1,
            samples=views,
            others=[other for other in job.entries if other.system != entry.system],
            shown=bool(questions.samples),
            metric=metric,
            levels=Counter(view.outcome.level for view in views),
            question=_common_question(views),
            download=packed.name,
            download_size=size(packed.stat().st_size),
            model=visible(entry.result.model.spec, 80),
        )


def _common_question(views: Sequence[SampleView]) -> str:
    """The question, if all samples of the page have the same."""
    asked = {view.question for view in views}
    return asked.pop() if len(asked) == 1 else ""


def _flips(
    pairs: Sequence[Comparison],
    answers: Mapping[str, Sequence[AnsweredSample]],
    outcomes: Mapping[str, Sequence[Outcome]],
    metric: Metric,
) -> dict[tuple[str, str], tuple[Flip, ...]]:
    """For each pair the samples whose values differ most."""
    names = {name for pair in pairs for name in (pair.better, pair.worse)}
    columns = {
        name: np.array([np.nan if each.value is None else each.value for each in outcomes[name]]) for name in names
    }
    found = {}
    for pair in pairs:
        first, second = columns[pair.better], columns[pair.worse]
        gap = np.nan_to_num(np.abs(second - first))
        chosen = [int(place) for place in np.argsort(-gap, kind="stable")[:FLIPS] if gap[place] > 0]
        found[pair.better, pair.worse] = tuple(
            Flip(
                answers[pair.better][place].score.sample_id,
                place // PAGE + 1,
                float(first[place]),
                float(second[place]),
            )
            for place in chosen
        )
    return found
