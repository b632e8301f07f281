"""All pages but those of samples: what each of them shows, from the boards."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from foodbench.data.catalog import CATALOG
from foodbench.data.known_bad import report as known_bad_report
from foodbench.site import compare, downloads
from foodbench.site.boards import Found
from foodbench.site.config import ModelCard
from foodbench.site.model import Board, Cell, SuiteBoard, SuiteRow, System, TaskBoard, TaskView, badge
from foodbench.site.pages import Pages
from foodbench.site.reported import ReportedNumbers
from foodbench.site.views import known_task
from foodbench.site.wording import day
from foodbench.site.work import FLIPS
from foodbench.tasks import TASKS

BADGES = (
    (badge("measured"), "foodbench asked the model, and its answers are in the report."),
    (badge("reproduced"), "measured, and a paper's number for the same model lies within the interval."),
    (badge("reported"), "a paper or its authors say so; nobody has measured it here, so it is never ranked."),
    (badge("stale"), "measured with an older version of the task; its questions or rules have changed since."),
    (badge("not-measured"), "no result: the cell says why."),
)


def board_page(key: str, keys: Mapping[str, str]) -> str:
    """The file of a board; the first page is the kitchen's, or the only one's."""
    first = "kitchen" if "kitchen" in keys else min(keys)
    return "index.html" if key == first else f"board-{key}.html"


def task_slug(cell: Cell, task: TaskBoard) -> str:
    """Folder of a cell's answers in the sample browser."""
    return cell.slug or task.task.slug


def write_all(
    pages: Pages,
    boards: Sequence[Board],
    systems: Mapping[str, System],
    found: Sequence[Found],
    reported: ReportedNumbers,
) -> int:
    """Write every page and download.

    Returns:
        Bytes of the home page.

    Raises:
        StorageFull: a file cannot be written.
    """
    keys = {board.key: board.label for board in boards}
    home = 0
    for board in boards:
        size = _write_board(pages, board, board_page(board.key, keys))
        home = home or size
    pairs = {board.key: compare.compare_pairs(board) for board in boards}
    _write_tasks(pages, boards, reported)
    _write_compare(pages, boards, pairs)
    _write_models(pages, boards, systems, {key: each for key, (each, _) in pairs.items()}, found)
    _write_about(pages, systems, found)
    return home


def _write_board(pages: Pages, board: Board, path: str) -> int:
    for suite in board.suites:
        downloads.write_table(pages, f"data/{board.key}-{suite.id}", downloads.suite_records(board, suite))
    return pages.write(
        path,
        "home.html",
        board=board,
        groups={suite.id: _groups(suite) for suite in board.suites},
        answers=sum(cell.n for task in board.tasks.values() for cell in task.cells.values()),
        task_slug=task_slug,
    )


def _groups(suite: SuiteBoard) -> list[tuple[str, int]]:
    """Neighbouring tasks of one dataset: its title and how many."""
    groups: list[tuple[str, int]] = []
    for task in suite.tasks:
        name = task.task.dataset
        title = CATALOG.get(name).title if name in CATALOG else name
        if groups and groups[-1][0] == title:
            groups[-1] = (title, groups[-1][1] + 1)
        else:
            groups.append((title, 1))
    return groups


def _write_tasks(pages: Pages, boards: Sequence[Board], reported: ReportedNumbers) -> None:
    views = {on.task.name: on.task for board in boards for suite in board.suites for on in suite.tasks}
    views |= {name: on.task for board in boards for name, on in board.tasks.items()}
    names = {name for board in boards for name in board.tasks}
    places = {}
    for board in boards:
        for name, on in board.tasks.items():
            figures = [cell.figures[on.primary.id].at for cell in reversed(list(on.cells.values()))]
            places[board.key, name] = [
                (at, "d lead" if index == len(figures) - 1 else "d") for index, at in enumerate(figures)
            ]
    unmeasured = [TASKS.get(name) for name in TASKS.names() if name not in names]
    shown = [(board, board.suites) for board in boards if board.tasks]
    pages.write(
        "tasks/index.html", "tasks.html", boards=shown, places=places, unmeasured=unmeasured, task_slug=task_slug
    )
    for name, view in sorted(views.items()):
        shown_on = [(board, board.tasks[name]) for board in boards if name in board.tasks]
        _write_task(pages, view, shown_on, reported)


def _write_task(pages: Pages, view: TaskView, on: Sequence[tuple[Board, TaskBoard]], reported: ReportedNumbers) -> None:
    name, dataset = view.name, view.dataset
    known = dataset in CATALOG
    for board, task in on:
        stem = f"data/tasks/{board.key}-{name}"
        downloads.write_table(pages, stem, downloads.task_records(board.label, task))
        if task.comparisons:
            downloads.write_table(pages, f"{stem}-pairs", downloads.pair_records(task))
    pages.write(
        f"tasks/{name}.html",
        "task.html",
        view=view,
        task=known_task(name),
        card=CATALOG.get(dataset) if known else None,
        bad=known_bad_report(dataset) if known else None,
        boards=on,
        reported=reported.of(name),
        task_slug=task_slug,
    )


def _write_compare(
    pages: Pages, boards: Sequence[Board], pairs: Mapping[str, tuple[list[compare.ComparePair], int]]
) -> None:
    listed = [(board, board.systems, pairs[board.key][0]) for board in boards]
    left_out = sum(count for _, count in pairs.values())
    pages.write("compare/index.html", "compare_index.html", boards=listed, left_out=left_out)
    for board, _, found in listed:
        for pair in found:
            downloads.write_table(pages, f"data/compare/{pair.stem}", compare.pair_records(pair))
            pages.write(f"compare/{pair.file}", "compare.html", board=board, pair=pair, most=FLIPS)


def _write_models(
    pages: Pages,
    boards: Sequence[Board],
    systems: Mapping[str, System],
    pairs: Mapping[str, Sequence[compare.ComparePair]],
    found: Sequence[Found],
) -> None:
    links = {board.key: compare.links_for(board, pairs[board.key]) for board in boards}
    listed = [(system, [board.label for board in boards if system in board.systems]) for system in systems.values()]
    pages.write("models/index.html", "models.html", systems=listed)
    for name, system in systems.items():
        own: list[tuple[Board, list[tuple[SuiteBoard, SuiteRow]]]] = []
        for board in boards:
            rows = [(suite, row) for suite in board.suites for row in suite.rows if row.name == name]
            if rows:
                own.append((board, rows))
                records = [each for suite, _ in rows for each in downloads.suite_records(board, suite)]
                mine = [each for each in records if each["system"] == name]
                downloads.write_table(pages, f"data/models/{board.key}-{name}", mine)
        unranked = [
            (each.measured.versioned, each.measured.why_unranked, f"samples/{name}/{_slug(each)}/1.html")
            for each in found
            if each.system.name == name and each.measured.why_unranked
        ]
        pages.write(
            f"models/{name}.html",
            "model.html",
            system=system,
            boards=own,
            environment=environment_of(system),
            compared={board.key: links[board.key].get(name, []) for board in boards},
            unranked=unranked,
            overlap=_overlap(system.card, own),
            task_slug=task_slug,
        )


def _slug(found: Found) -> str:
    return f"{found.result.task.name}-v{found.result.task.version}"


def environment_of(system: System) -> list[tuple[str, str]]:
    """What the run ran on, from its provenance."""
    made: dict[str, Any] = system.report.run.provenance
    git = made.get("git") or {}
    packages = made.get("packages")
    shown = {
        "foodbench": " ".join(
            filter(None, [str(made.get("foodbench", "")), f"commit {str(git['commit'])[:12]}" if git else ""])
        )
        + (" with uncommitted changes" if git.get("dirty") else ""),
        "Python": made.get("python"),
        "Packages": ", ".join(f"{name} {version}" for name, version in packages.items())
        if isinstance(packages, dict)
        else "",
        "Processor": " ".join(
            filter(None, [str(made.get("cpu") or ""), f"{made['cores']} cores" if made.get("cores") else ""])
        ),
        "GPUs": ", ".join(map(str, made.get("gpus") or [])),
        "Platform": made.get("platform"),
        "Seed": made.get("seed"),
        "Measured": day(str(system.report.run.time.get("updated", ""))),
    }
    return [(name, str(value)) for name, value in shown.items() if value not in (None, "")]


def _overlap(
    card: ModelCard | None, own: Sequence[tuple[Board, list[tuple[SuiteBoard, SuiteRow]]]]
) -> list[tuple[str, list[str]]]:
    """What the card says about training and test data, with the tasks that it holds for; the first match counts."""
    if card is None or not card.overlap:
        return []
    found: dict[str, list[str]] = {}
    names = [task.task.name for _, rows in own for suite, _ in rows for task in suite.tasks]
    for name in dict.fromkeys(names):
        patterns = [pattern for pattern in card.overlap if pattern != "*" and fnmatchcase(name, pattern)]
        text = card.overlap[patterns[0]] if patterns else card.overlap.get("*", "not stated")
        found.setdefault(text, []).append(name)
    return list(found.items())


def _write_about(pages: Pages, systems: Mapping[str, System], found: Sequence[Found]) -> None:
    digest = hashlib.sha256()
    for each in found:
        digest.update(f"{each.system.name} {each.measured.versioned} {each.result.samples_sha256}\n".encode())
    sources = []
    for system in systems.values():
        made = system.report.run.provenance
        git = made.get("git") or {}
        date = day(str(system.report.run.time.get("updated", "")))
        sources.append((system, date, str(made.get("foodbench", "")), str(git.get("commit", ""))[:12]))
    latest = max((date for _, date, _, _ in sources), default="")
    pages.write(
        "about.html", "about.html", badges=BADGES, sources=sources, latest=latest, digest=digest.hexdigest()[:16]
    )
