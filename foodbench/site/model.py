"""What the pages show, as plain frozen data: made once by the builder, read by the templates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from foodbench.site.config import ModelCard
from foodbench.site.reports import Report

BadgeKind = Literal["measured", "reproduced", "reported", "not-measured", "stale"]
Level = Literal["right", "part", "wrong", "unread"]
LEVELS: tuple[Level, ...] = ("right", "part", "wrong", "unread")


@dataclass(frozen=True, slots=True)
class Badge:
    """Where a number comes from, in a word and a shape."""

    kind: BadgeKind
    text: str
    shape: str
    why: str = ""


_SHAPES: dict[BadgeKind, tuple[str, str]] = {
    "measured": ("measured", "●"),
    "reproduced": ("reproduced", "◆"),
    "reported": ("reported", "○"),
    "not-measured": ("not measured", "–"),
    "stale": ("stale", "▽"),
}


def badge(kind: BadgeKind, why: str = "") -> Badge:
    """The badge of a kind."""
    text, shape = _SHAPES[kind]
    return Badge(kind, text, shape, why)


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with its interval, in the metric's unit, and where it lies between the floor (0) and the ceiling (100).

    Attributes:
        value: the number; None where it does not exist.
        low: lower end of its 95 % interval, if it has one.
        high: upper end.
        unit: `%`, `kcal`, `g` or empty.
        at: the value between floor and ceiling; None without these.
        at_low: the end of the interval that is worse, likewise.
        at_high: the end that is better.
    """

    value: float | None
    low: float | None
    high: float | None
    unit: str
    at: float | None = None
    at_low: float | None = None
    at_high: float | None = None


@dataclass(frozen=True, slots=True)
class Rank:
    """Between which places a system stands: nobody knows better than from `best` to `worst`."""

    best: int
    worst: int
    group: int

    @property
    def text(self) -> str:
        """`1` or `2–4`."""
        return str(self.best) if self.best == self.worst else f"{self.best}–{self.worst}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two systems on the same questions.

    Attributes:
        better: name of the one with the better value.
        worse: name of the other.
        value: worse minus better, in the metric's unit.
        low: lower end of its 95 % interval.
        high: upper end.
        p: two-sided p-value.
        adjusted: the same after Holm's correction over all pairs of the table.
        error: standard error of the difference; None where it is not known.
        clusters: number of clusters.
        method: of the interval.
    """

    better: str
    worse: str
    value: float
    low: float | None
    high: float | None
    p: float
    adjusted: float
    error: float | None
    clusters: int
    method: str

    @property
    def separated(self) -> bool:
        """Whether the difference is beyond chance."""
        return self.adjusted < ALPHA


ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class MetricView:
    """A metric for people."""

    id: str
    unit: str
    higher_is_better: bool
    description: str
    formula: str
    signature: str = ""


@dataclass(frozen=True, slots=True)
class Reference:
    """A floor or a ceiling of a metric: what a trivial baseline, or the reference itself, scores."""

    model: str
    value: float | None
    reason: str
    fitted_on: int | None


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task of one version as the site shows it."""

    name: str
    version: int
    slug: str
    dataset: str
    question: str
    summary: str
    protocol: str
    metrics: tuple[MetricView, ...]
    headline: int
    current: bool

    @property
    def short(self) -> str:
        """The part of its name after the dataset."""
        return self.name.partition(".")[2]


@dataclass(frozen=True, slots=True)
class Flip:
    """A sample on which two systems differ most: its id, its page in the sample browser, and what each earned."""

    sample_id: str
    page: int
    better: float
    worse: float


@dataclass(frozen=True, slots=True)
class Answered:
    """A system's answers to the questions of one task, counted.

    Attributes:
        counts: by level.
        classes: by error class, most frequent first.
        pages: number of pages in the sample browser.
        seconds: median time per answer, if known.
    """

    counts: Mapping[Level, int]
    classes: tuple[tuple[str, int], ...]
    pages: int
    seconds: float | None


@dataclass(frozen=True, slots=True)
class System:
    """What is ranked: one report, and its card."""

    name: str
    title: str
    card: ModelCard | None
    report: Report

    @property
    def kind(self) -> Literal["system", "baseline"]:
        """`baseline` for what is shown in its place and not ranked."""
        if self.card is not None:
            return "baseline" if self.card.kind == "baseline" else "system"
        return "baseline" if self.report.run.model.spec.startswith("baseline:") else "system"


@dataclass(frozen=True, slots=True)
class Cell:
    """One system on one task of a board.

    Attributes:
        system: its name.
        title: what it is called.
        figures: by metric id.
        rank: among those that answered the same questions; None if it is not ranked.
        n: samples asked.
        parse_rate: share of answers that could be read.
        errors: answers that were malformed.
        seconds: the model's time per answer, if known.
        cost: dollars, if known.
        tokens: per answer, if known.
        date: when it was measured.
        badge: where it comes from.
        answered: its answers, counted; None where none are stored.
        note: what sets it apart, e.g. a partial copy of the dataset.
        slug: folder of its answers in the sample browser.
        kind: a `baseline` is shown in its place and not ranked.
        placed: whether it answered the questions that are ranked, and has a value.
    """

    system: str
    title: str
    figures: Mapping[str, Figure]
    rank: Rank | None
    n: int
    parse_rate: float
    errors: int
    seconds: float | None
    cost: float | None
    tokens: float | None
    date: str
    badge: Badge
    answered: Answered | None
    note: str = ""
    slug: str = ""
    kind: Literal["system", "baseline"] = "system"
    placed: bool = False


@dataclass(frozen=True, slots=True)
class TaskBoard:
    """One task on one board: everybody who answered these questions.

    Attributes:
        task: the task.
        fingerprint: of the questions and references.
        n: number of samples.
        cells: by system, best first; those with other questions last.
        comparisons: all pairs that were tested.
        floors: by metric id.
        ceilings: by metric id.
        dataset_note: edition, split, how much of it is there.
        flips: by pair (better, worse), the samples that differ most.
        pictures: whether the sample browser shows pictures and references.
    """

    task: TaskView
    fingerprint: str
    n: int
    cells: Mapping[str, Cell]
    comparisons: tuple[Comparison, ...]
    floors: Mapping[str, Reference]
    ceilings: Mapping[str, Reference]
    dataset_note: str
    flips: Mapping[tuple[str, str], tuple[Flip, ...]]
    pictures: bool

    @property
    def primary(self) -> MetricView:
        """The metric that is ranked by."""
        return self.task.metrics[0]


@dataclass(frozen=True, slots=True)
class SuiteRow:
    """One line of a suite's table.

    Attributes:
        kind: `system`, `baseline` (shown in its place, not ranked), `floor` (the best trivial baseline of each task),
            `ceiling` or `reported`.
        name: the system's name; empty for others.
        title: what is written.
        detail: under it.
        link: the page that it leads to; empty for none.
        rank: in the suite; None for a baseline, or if not all its tasks were measured.
        score: mean of the tasks' places between floor (0) and ceiling (100).
        cells: by task; None where not measured.
        why: by task, why not.
        n: answers in all.
        parse_rate: share that could be read.
        seconds: per answer.
        cost: dollars, if known.
        badge: of the whole row.
        date: of the latest task.
    """

    kind: Literal["system", "baseline", "floor", "ceiling", "reported"]
    name: str
    title: str
    detail: str
    link: str
    rank: Rank | None
    score: Figure | None
    cells: tuple[Cell | Reference | None, ...]
    why: tuple[str, ...]
    n: int | None
    parse_rate: float | None
    seconds: float | None
    cost: float | None
    badge: Badge | None
    date: str


@dataclass(frozen=True, slots=True)
class SuiteBoard:
    """One table of the home page."""

    id: str
    title: str
    question: str
    tasks: tuple[TaskBoard, ...]
    absent: tuple[str, ...]
    rows: tuple[SuiteRow, ...]
    comparisons: tuple[Comparison, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """Everything measured on one edition."""

    key: str
    edition: str
    label: str
    suites: tuple[SuiteBoard, ...]
    tasks: Mapping[str, TaskBoard]
    systems: tuple[System, ...]
    unranked: tuple[tuple[str, str, str], ...]
