"""From reports to boards: who answered the same questions, how they rank, and what each table says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from foodbench.runs.schema import MetricRecord, ReferenceFigure, TaskResult
from foodbench.site.config import SiteConfig, SuiteConfig
from foodbench.site.model import (
    Answered,
    Badge,
    Board,
    Cell,
    Comparison,
    Figure,
    Rank,
    Reference,
    SuiteBoard,
    SuiteRow,
    System,
    TaskBoard,
    badge,
)
from foodbench.site.ranks import between, compare_suites, ordered, rank_all, suite_score
from foodbench.site.reported import Reported, ReportedNumbers
from foodbench.site.reports import Measured
from foodbench.site.views import known_task, task_view, unmeasured_view
from foodbench.site.wording import day, slug
from foodbench.site.work import Entry, TaskDone, TaskJob

OLDER = "an older version of the task"
TRUSTED = "scores as submitted, answers not read again"
OTHER_SUITE = SuiteConfig(id="other", title="Other tasks", question="Tasks that belong to no suite.", tasks=("-",))


@dataclass(frozen=True, slots=True)
class Found:
    """A result with the system that it is of."""

    system: System
    measured: Measured

    @property
    def result(self) -> TaskResult:
        """The result."""
        return self.measured.result

    @property
    def board(self) -> str:
        """Key of the board that it belongs to."""
        return board_key(self.result)

    @property
    def key(self) -> str:
        """What results must share to have answered the same questions in the same way."""
        task = self.result.task
        parts = (self.board, task.name, task.version, task.fingerprint, task.control, self.result.limit)
        return "|".join(map(str, parts)) + ("|missing" if self.result.n_missing else "")


def board_key(result: TaskResult) -> str:
    """`kitchen`, `real`, `kitchen-hard`."""
    variant = slug(result.dataset.variant.replace(", ", "-").replace(" ", "-")) if result.dataset.variant else ""
    return "-".join(filter(None, (result.dataset.edition, variant)))


def found_results(systems: Iterable[System]) -> list[Found]:
    """Every result of every system."""
    return [Found(system, measured) for system in systems for measured in system.report.measured.values()]


def jobs_of(found: Sequence[Found]) -> list[TaskJob]:
    """The heavy work: results that share their questions go into one job."""
    groups: dict[str, list[Found]] = {}
    for each in found:
        groups.setdefault(each.key, []).append(each)
    jobs = []
    for key, group in groups.items():
        first = group[0]
        entries = tuple(
            Entry(
                each.system.name,
                each.system.title,
                each.measured.folder.path,
                each.result,
                ranked=each.system.kind == "system",
            )
            for each in sorted(group, key=lambda each: each.system.name)
        )
        name, version = first.result.task.name, first.result.task.version
        ranked = not first.measured.why_unranked
        jobs.append(TaskJob(key, name, f"{name}-v{version}", first.result.dataset.edition, entries, ranked))
    return jobs


def figure_of(record: MetricRecord) -> Figure:
    """A stored metric with its place between floor and ceiling."""
    floor = None if record.floor is None else record.floor.value
    ceiling = None if record.ceiling is None else record.ceiling.value
    higher = record.higher_is_better
    ends = [between(end, floor, ceiling, higher=higher) for end in (record.low, record.high)]
    known = sorted(end for end in ends if end is not None)
    low, high = (known[0], known[1]) if len(known) == 2 else (None, None)
    return Figure(
        record.value,
        record.low,
        record.high,
        record.unit,
        between(record.value, floor, ceiling, higher=higher),
        low,
        high,
    )


def build_boards(
    found: Sequence[Found],
    done: Mapping[str, TaskDone],
    systems: Mapping[str, System],
    config: SiteConfig,
    reported: ReportedNumbers,
) -> tuple[Board, ...]:
    """All boards: the kitchen's first, then the others by key."""
    keys = {"real", *reported.editions, *(each.board for each in found)}
    return tuple(
        _board(key, [each for each in found if each.board == key], done, systems, config, reported.on(key))
        for key in sorted(keys, key=lambda key: (key != "kitchen", key != "real", key))
    )


def _board(
    key: str,
    found: Sequence[Found],
    done: Mapping[str, TaskDone],
    systems: Mapping[str, System],
    config: SiteConfig,
    reported: ReportedNumbers,
) -> Board:
    ranked = [each for each in found if not each.measured.why_unranked]
    by_task: dict[str, list[Found]] = {}
    for each in ranked:
        by_task.setdefault(each.result.task.name, []).append(each)
    tasks = {name: _task_board(group, done, reported) for name, group in sorted(by_task.items())}
    present = [system for name, system in systems.items() if any(each.system.name == name for each in found)]
    named = {name for suite in config.suites for name in suite.tasks}
    rest = tuple(name for name in tasks if name not in named)
    suites = [*config.suites, *([OTHER_SUITE.model_copy(update={"tasks": rest})] if rest else [])]
    on_board = [system for system in present if any(each.system.name == system.name for each in ranked)]
    shown = {**_published(suites, tasks, reported), **tasks}
    boards = [
        _suite(suite, shown, on_board, reported) for suite in suites if any(name in shown for name in suite.tasks)
    ]
    return Board(
        key=key,
        edition=found[0].result.dataset.edition if found else key,
        label=found[0].result.dataset.label if found else key,
        suites=tuple(boards),
        tasks=tasks,
        systems=tuple(present),
        unranked=tuple(
            (each.system.name, each.measured.versioned, each.measured.why_unranked)
            for each in found
            if each.measured.why_unranked
        ),
    )


def _published(
    suites: Sequence[SuiteConfig], tasks: Mapping[str, TaskBoard], reported: ReportedNumbers
) -> dict[str, TaskBoard]:
    """Tasks that nobody has measured, but of which somebody reports the first metric."""
    found = {}
    for name in dict.fromkeys(name for suite in suites for name in suite.tasks):
        task = known_task(name)
        if name not in tasks and task is not None and reported.of(name, task.metrics[0].id):
            view = unmeasured_view(task)
            found[name] = TaskBoard(view, "", 0, {}, (), {}, {}, "", {}, False)
    return found


def _task_board(found: Sequence[Found], done: Mapping[str, TaskDone], reported: ReportedNumbers) -> TaskBoard:
    """One task: the questions of the newest version that most systems answered are ranked, others stand below."""
    groups: dict[str, list[Found]] = {}
    for each in found:
        groups.setdefault(each.key, []).append(each)
    order = sorted(groups, key=lambda key: (-groups[key][0].result.task.version, -len(groups[key]), key))
    main = groups[order[0]]
    first = main[0].result
    work = done[order[0]]
    task = task_view(first)
    values = {each.system.name: each.result.metrics[0].value for each in main}
    places = ordered(
        {name: value for name, value in values.items() if value is not None}, task.metrics[0].higher_is_better
    )
    by_name = {each.system.name: each for each in main}
    ranks = rank_all([name for name in places if by_name[name].system.kind == "system"], work.comparisons)
    cells: dict[str, Cell] = {}
    for name in [*places, *(name for name in values if name not in places)]:
        cell = _cell(by_name[name], work.answered.get(name), "", reported)
        cells[name] = replace(cell, rank=ranks.get(name), placed=name in places)
    for key in order[1:]:
        for each in groups[key]:
            if each.system.name not in cells:
                note = (
                    "an older version of the task"
                    if each.result.task.version != first.task.version
                    else "other questions"
                )
                cells[each.system.name] = _cell(each, done[key].answered.get(each.system.name), note, reported)
    return TaskBoard(
        task=task,
        fingerprint=first.task.fingerprint,
        n=first.n,
        cells=cells,
        comparisons=work.comparisons,
        floors=_references(main, "floor"),
        ceilings=_references(main, "ceiling"),
        dataset_note=_dataset_note(first),
        flips=work.flips,
        pictures=work.pictures,
    )


def _dataset_note(result: TaskResult) -> str:
    whole = result.dataset.available + result.dataset.missing
    if not result.dataset.missing:
        return f"{result.dataset.label} edition, split {result.dataset.split}"
    return (
        f"{result.dataset.label} edition, split {result.dataset.split}, a partial copy: "
        f"{result.dataset.available:,} of {whole:,} records"
    )


def _references(found: Sequence[Found], kind: str) -> dict[str, Reference]:
    """The floor or the ceiling of each metric, from the first report that has one."""
    references: dict[str, Reference] = {}
    for each in sorted(found, key=lambda each: each.system.name):
        for record in each.result.metrics:
            figure: ReferenceFigure | None = getattr(record, kind)
            if figure is not None and record.id not in references:
                references[record.id] = Reference(figure.model, figure.value, figure.reason or "", figure.fitted_on)
    return references


def _cell(found: Found, answered: Answered | None, note: str, reported: ReportedNumbers) -> Cell:
    result = found.result
    view = task_view(result)
    kind = badge("measured") if view.current and note != OLDER else badge("stale", note)
    asked = result.time.asked
    seconds = result.time.model_seconds / asked if asked and result.time.model_seconds else None
    if seconds is None and answered is not None:
        seconds = answered.seconds
    figures = {record.id: figure_of(record) for record in result.metrics}
    kind = _reproduced(found, figures, kind, reported)
    trusted = TRUSTED if found.measured.versioned in found.system.report.trusted else ""
    partial = f"partial copy: {result.dataset.available:,} records" if result.dataset.missing else ""
    tokens = result.usage.get("output_tokens") or result.usage.get("completion_tokens")
    return Cell(
        system=found.system.name,
        title=found.system.title,
        figures=figures,
        rank=None,
        n=result.n,
        parse_rate=result.parse_rate,
        errors=result.errors,
        seconds=seconds,
        cost=result.usage.get("dollars"),
        tokens=tokens / result.n if tokens and result.n else None,
        date=day(result.time.finished),
        badge=kind,
        answered=answered,
        note="; ".join(filter(None, (note, partial, trusted))),
        slug=view.slug,
        kind=found.system.kind,
    )


def _reproduced(found: Found, figures: Mapping[str, Figure], otherwise: Badge, reported: ReportedNumbers) -> Badge:
    """The badge, if the card names a published row and its number lies within the interval on the whole dataset."""
    result, card = found.result, found.system.card
    if card is None or not card.reproduces or result.dataset.edition != "real" or result.dataset.missing:
        return otherwise
    metric = result.metrics[0].id
    published = reported.reproduced(card.reproduces, result.task.name, metric, figures[metric])
    if published is None or otherwise.kind != "measured":
        return otherwise
    return badge("reproduced", f"{published.row}, {published.where}: {published.value:g}")


def _suite(
    suite: SuiteConfig, tasks: Mapping[str, TaskBoard], systems: Sequence[System], reported: ReportedNumbers
) -> SuiteBoard:
    shown = [tasks[name] for name in suite.tasks if name in tasks]
    absent = tuple(name for name in suite.tasks if name not in tasks)
    figures = {system.name: _figures(system.name, shown) for system in systems}
    whole = {name: row for name, row in figures.items() if row is not None and not absent}
    scores = {name: score for name, row in whole.items() if (score := suite_score(row)) is not None}
    ranked = {system.name for system in systems if system.kind == "system"}
    values = {name: float(score.value or 0.0) for name, score in scores.items() if name in ranked}
    pairs = compare_suites(values, _spans(shown)) if len(shown) > 1 else ()
    ranks = rank_all(ordered(values, True), pairs)
    if len(shown) == 1:  # the table is that task's
        pairs = shown[0].comparisons
        ranks = {name: cell.rank for name, cell in shown[0].cells.items() if cell.rank is not None}
    rows = [_row(system, shown, scores.get(system.name), ranks.get(system.name)) for system in systems]
    rows = [row for row in rows if any(cell is not None for cell in row.cells)]
    rows += [row for kind in ("floor", "ceiling") if any((row := _reference_row(kind, shown)).cells)]
    rows += _reported_rows(shown, reported)
    return SuiteBoard(suite.id, suite.title, suite.question, tuple(shown), absent, tuple(_sorted(rows)), pairs)


def _figures(name: str, shown: Sequence[TaskBoard]) -> list[tuple[str, Figure]] | None:
    """A system's first metric on every task, with its dataset; None if one was not measured on the same questions."""
    found = []
    for task in shown:
        cell = task.cells.get(name)
        if cell is None or not cell.placed:
            return None
        found.append((task.task.dataset, cell.figures[task.primary.id]))
    return found


def _spans(shown: Sequence[TaskBoard]) -> list[tuple[str, float, Mapping[tuple[str, str], Comparison]]]:
    spans: list[tuple[str, float, Mapping[tuple[str, str], Comparison]]] = []
    for task in shown:
        floor, ceiling = task.floors.get(task.primary.id), task.ceilings.get(task.primary.id)
        if floor is None or ceiling is None or floor.value is None or ceiling.value is None:
            continue
        compared = {(pair.better, pair.worse): pair for pair in task.comparisons}
        spans.append((task.task.dataset, ceiling.value - floor.value, compared))
    return spans


def _row(system: System, shown: Sequence[TaskBoard], score: Figure | None, rank: Rank | None) -> SuiteRow:
    cells = [task.cells.get(system.name) for task in shown]
    there = [cell for cell in cells if cell is not None]
    n = sum(cell.n for cell in there)
    timed = [(cell.seconds, cell.n) for cell in there if cell.seconds is not None]
    costs = [cell.cost for cell in there if cell.cost is not None]
    return SuiteRow(
        kind=system.kind,
        name=system.name,
        title=system.title,
        detail=system.report.run.model.spec,
        link=f"models/{system.name}.html",
        rank=rank,
        score=score,
        cells=tuple(cells),
        why=tuple(
            "" if cell is not None else system.report.unmeasured.get(task.task.name, "not part of this run")
            for task, cell in zip(shown, cells, strict=True)
        ),
        n=n,
        parse_rate=sum(cell.parse_rate * cell.n for cell in there) / n if n else None,
        seconds=sum(seconds * each for seconds, each in timed) / sum(each for _, each in timed) if timed else None,
        cost=sum(costs) if costs else None,
        badge=_row_badge(there),
        date=max((cell.date for cell in there), default=""),
    )


def _row_badge(cells: Sequence[Cell]) -> Badge:
    stale = [cell for cell in cells if cell.badge.kind == "stale"]
    return stale[0].badge if stale else badge("measured")


def _reference_row(kind: str, shown: Sequence[TaskBoard]) -> SuiteRow:
    floor = kind == "floor"
    cells = tuple((task.floors if floor else task.ceilings).get(task.primary.id) for task in shown)
    score = 0.0 if floor else 100.0
    return SuiteRow(
        kind="floor" if floor else "ceiling",
        name="",
        title="Best trivial baseline" if floor else "Ceiling",
        detail="answers without looking, or close to it" if floor else "the reference itself as the answer",
        link="",
        rank=None,
        score=Figure(score, None, None, "", score) if any(cells) else None,
        cells=cells,
        why=("",) * len(cells),
        n=None,
        parse_rate=None,
        seconds=None,
        cost=None,
        badge=None,
        date="",
    )


def _reported_rows(shown: Sequence[TaskBoard], reported: ReportedNumbers) -> list[SuiteRow]:
    """A row for each model of a paper, or of a submission without answers, with a number for one of the tasks."""
    wanted = [(on.task.name, on.primary.id, on.primary.unit) for on in shown]
    rows = []
    for (page, row), values in reported.rows_of(wanted).items():
        found = [values.get(on.task.name) for on in shown]
        first: Reported = next(each for each in found if each is not None)
        cells = [None if each is None else Reference(each.where, each.value, each.note, None) for each in found]
        rows.append(
            SuiteRow(
                kind="reported",
                name="",
                title=row,
                detail=first.source,
                link=page,
                rank=None,
                score=None,
                cells=tuple(cells),
                why=("",) * len(cells),
                n=None,
                parse_rate=None,
                seconds=None,
                cost=None,
                badge=badge("reported"),
                date="",
            )
        )
    return rows


def _sorted(rows: Sequence[SuiteRow]) -> list[SuiteRow]:
    """Ranked systems and the trivial baseline by score, systems with a part of the tasks, the ceiling, then papers."""

    def place(row: SuiteRow) -> tuple[int, float, int, str]:
        if row.kind == "reported":
            return (3, 0.0, -sum(cell is not None for cell in row.cells), "")
        if row.kind == "ceiling":
            return (2, 0.0, 0, "")
        if row.score is None or row.score.value is None:
            return (1, 0.0, -sum(cell is not None for cell in row.cells), row.title)
        return (0, -row.score.value, 0, row.title)

    return sorted(rows, key=place)
