"""Builds the site: heavy work by dataset in a few processes, then all pages, into a folder that is swapped in whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from foodbench.core.errors import DataError, StorageFull, UsageError
from foodbench.data.roots import kitchen_root
from foodbench.site import content
from foodbench.site.boards import Found, build_boards, found_results, jobs_of
from foodbench.site.config import SiteConfig, load_cards, load_site
from foodbench.site.diagnostics import diagnosed_tasks, load_diagnoses, write_diagnostics
from foodbench.site.pages import Frame, Pages
from foodbench.site.paper_pages import write_papers
from foodbench.site.reported import ReportedNumbers, load_submitted, published
from foodbench.site.reports import load_reports, load_submissions
from foodbench.site.views import systems_of
from foodbench.site.work import DatasetJob, TaskDone, TaskJob, do_dataset

Progress = Callable[[str], None]
MARKER = ".foodbench-site"
_MAX_WORKERS = 4


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """What to build.

    Attributes:
        reports: folder of reports.
        out: folder that becomes the site; what was built there before is replaced.
        config: folder with `site.yaml` and `models/`.
        pictures: show pictures, questions and references of the kitchen edition; it is rendered if it is not there.
        workers: processes; None for as many as there are cores, up to four.
    """

    reports: Path
    out: Path
    config: Path
    pictures: bool = True
    workers: int | None = None


@dataclass(frozen=True, slots=True)
class Built:
    """What was built: files and bytes in all, and bytes of the home page with style sheet and script."""

    systems: int
    boards: int
    files: int
    size: int
    home: int


def build(options: BuildOptions, progress: Progress = lambda _text: None) -> Built:
    """Build the site. The same reports, cards and version give the same bytes.

    Raises:
        DataMissing, DataCorrupt: no reports, or a damaged one.
        UsageError: `out` is a folder with something else in it.
        StorageFull: the site cannot be written.
    """
    _check_out(options.out)
    reports = (*load_reports(options.reports), *load_submissions(options.config / "submissions"))
    config = load_site(options.config)
    cards = load_cards(options.config)
    systems = systems_of(reports, cards)
    submitted = load_submitted(options.config / "submissions", cards)
    reported = ReportedNumbers((*published(), *(number for each in submitted for number in each.numbers)))
    found = found_results(systems.values())
    diagnoses = load_diagnoses(options.config)
    part = options.out.with_name(f".{options.out.name}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        frame = replace(_frame(found, config), diagnosed=diagnosed_tasks(tuple(diagnoses.values())))
        pages = Pages(part, frame)
        done = _work(jobs_of(found), frame, part, options, progress)
        progress("pages")
        boards = build_boards(found, done, systems, config, reported)
        assets = pages.write_static()
        home = content.write_all(pages, boards, systems, found, reported)
        write_papers(pages, tuple(systems.values()), submitted)
        write_diagnostics(pages, diagnoses)
        pages.write_json(MARKER, {"schema": 1})
        _swap(part, options.out)
    except OSError as error:
        raise StorageFull(f"Cannot write {options.out}: {error.strerror}.", hint="Check the folder.") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    files = [path for path in options.out.rglob("*") if path.is_file()]
    return Built(len(systems), len(boards), len(files), sum(path.stat().st_size for path in files), home + assets)


def _check_out(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is not a folder.", hint="Choose another with --out.")
    if out.is_dir() and any(out.iterdir()) and not (out / MARKER).is_file():
        raise UsageError(
            f"{out} has something in it that is no site of foodbench.", hint="Choose another folder with --out."
        )


def _swap(part: Path, out: Path) -> None:
    old = out.with_name(f".{out.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.rename(old)
    part.rename(out)
    shutil.rmtree(old, ignore_errors=True)


def _frame(found: Sequence[Found], config: SiteConfig) -> Frame:
    keys = {"real": "real", **{each.board: each.result.dataset.label for each in found}}
    boards = []
    for key in sorted(keys, key=lambda key: (key != "kitchen", key != "real", key)):
        title = {"kitchen": "Kitchen", "real": "Real photos"}.get(key, keys[key].capitalize())
        boards.append((title, content.board_page(key, keys)))
    return Frame(config.title, config.tagline, tuple(boards))


def _work(
    jobs: Sequence[TaskJob], frame: Frame, out: Path, options: BuildOptions, progress: Progress
) -> dict[str, TaskDone]:
    """All heavy work, the largest dataset first."""
    groups: dict[str, list[TaskJob]] = {}
    for job in jobs:
        groups.setdefault(job.entries[0].result.dataset.name, []).append(job)
    if options.pictures:
        _prepare_kitchen(groups, progress)
    whole = [
        DatasetJob(name, tuple(sorted(group, key=lambda job: job.key)), out, options.pictures, frame)
        for name, group in groups.items()
    ]
    pieces = sorted(_split(whole), key=lambda job: (-_weight(job), job.dataset))
    workers = min(options.workers or min(os.cpu_count() or 1, _MAX_WORKERS), len(pieces))
    found: list[TaskDone] = []
    if workers <= 1:
        for piece in pieces:
            found += do_dataset(piece)
            progress(piece.dataset)
    else:
        with ProcessPoolExecutor(workers) as pool:
            for piece, result in zip(pieces, pool.map(do_dataset, pieces), strict=True):
                found += result
                progress(piece.dataset)
    return {each.key: each for each in found}


def _weight(job: DatasetJob) -> int:
    return sum(len(task.entries) * task.entries[0].result.n for task in job.tasks)


def _split(jobs: Sequence[DatasetJob]) -> list[DatasetJob]:
    """Datasets with many answers in several pieces, so that no process has most of the work."""
    most = max(1, sum(map(_weight, jobs)) // 8)
    pieces = []
    for job in jobs:
        kept: list[TaskJob] = []
        for task in job.tasks:
            kept.append(task)
            if _weight(replace(job, tasks=tuple(kept))) >= most:
                pieces.append(replace(job, tasks=tuple(kept)))
                kept = []
        if kept:
            pieces.append(replace(job, tasks=tuple(kept)))
    return pieces


def _prepare_kitchen(groups: Mapping[str, Sequence[TaskJob]], progress: Progress) -> None:
    """Render what is needed of the kitchen once, before several processes look for it."""
    for name, group in groups.items():
        if any(job.edition == "kitchen" for job in group):
            try:
                kitchen_root(name, lambda stage, _done, _total: progress(stage))
            except DataError:
                continue  # a kitchen of the user's own that lacks it: no pictures
