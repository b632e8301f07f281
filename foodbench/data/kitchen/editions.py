"""Cooking whole datasets: `make` writes them anywhere, `ensure` keeps the default ones in the user's cache.

A dataset is written into a temporary folder beside its place and renamed at the end, so that a folder of the final name
is always complete. Its marker file says what it was made from and holds digests; a manifest lists every file.
"""

from __future__ import annotations

import contextlib
import hashlib
import multiprocessing
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path
from typing import Any

from foodbench.core.errors import DataError, StorageFull, UnknownName, UsageError
from foodbench.core.files import atomic_write_json, file_lock
from foodbench.data.kitchen.difficulty import STANDARD, Difficulty
from foodbench.data.kitchen.layout_food101 import FOOD101
from foodbench.data.kitchen.layout_fooddialogues import FOODDIALOGUES
from foodbench.data.kitchen.layout_foodreasonseg import FOODREASONSEG
from foodbench.data.kitchen.layout_foodseg103 import FOODSEG103
from foodbench.data.kitchen.layout_nutrition5k import NUTRITION5K
from foodbench.data.kitchen.layout_recipe1m import RECIPE1M
from foodbench.data.kitchen.layout_uecfoodpix import UECFOODPIX
from foodbench.data.kitchen.layout_vireo172 import VIREO172
from foodbench.data.kitchen.tree import GENERATOR, VERSION, Job, KitchenSettings, Layout, TreeWriter
from foodbench.data.layout import MANIFEST, MARKER
from foodbench.data.manifest import DIFFICULTY_KEY, SETTINGS, read_marker

Progress = Callable[[int, int], None]

# fmt: off
LAYOUTS: dict[str, Layout] = {layout.dataset: layout for layout in (
    FOOD101,
    NUTRITION5K,
    FOODSEG103,
    VIREO172,
    UECFOODPIX,
    RECIPE1M,
    FOODREASONSEG,
    FOODDIALOGUES,
)}
# fmt: on
DATASETS: tuple[str, ...] = tuple(LAYOUTS)
FOLDERS: dict[str, str] = {name: layout.folder for name, layout in LAYOUTS.items()}
"""Name of each dataset's folder inside a kitchen."""
DEFAULT_SETTINGS = KitchenSettings()

_SCHEMA = 1
_CHUNK = 8
# Starting a worker costs as much as cooking some fifty plates.
_MIN_JOBS_PER_WORKER = 60
_PICTURES = (".jpg", ".jpeg", ".png", ".h264")


def _cook(task: tuple[str, str, Job]) -> tuple[Any, dict[str, str]]:
    """Cook one plate in a worker: (facts for the tables, digests of the files)."""
    dataset, root, job = task
    tree = TreeWriter(Path(root))
    facts = LAYOUTS[dataset].cook(job, tree)
    return facts, tree.digests


def _cook_all(tasks: Sequence[tuple[str, str, Job]], workers: int) -> Iterator[tuple[Any, dict[str, str]]]:
    """Cook in order, in that many processes."""
    if workers <= 1:
        yield from map(_cook, tasks)
        return
    # Spawned, not forked: a caller with threads (a progress bar, torch) could leave a forked child with a held lock.
    pool = ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=signal.signal,
        # Ctrl-C goes to the whole group; the parent alone decides what it means.
        initargs=(signal.SIGINT, signal.SIG_IGN),
    )
    done = 0
    try:
        for result in pool.map(_cook, tasks, chunksize=_CHUNK):
            yield result
            done += 1
    except BrokenProcessPool:
        # No worker could start (a script without a main guard, too little memory): the rest is cooked here.
        yield from map(_cook, tasks[done:])
    finally:
        pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _storage(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals to change folders into `StorageFull`."""
    try:
        yield
    except OSError as error:
        raise StorageFull(
            f"Cannot write the kitchen to {path}: {error.strerror or error}.",
            hint="Free some space or check the folder's permissions (FOODBENCH_HOME names another), then try again.",
        ) from error


def _write_marker(layout: Layout, settings: KitchenSettings, counts: dict[str, int], tree: TreeWriter) -> None:
    lines = sorted(f"{digest}  {relative}" for relative, digest in tree.digests.items())
    manifest = "".join(f"{line}\n" for line in lines)
    metadata = {
        relative: digest for relative, digest in sorted(tree.digests.items()) if not relative.endswith(_PICTURES)
    }
    marker = {
        "schema": _SCHEMA,
        "generator": GENERATOR,
        "version": VERSION,
        "dataset": layout.dataset,
        "seed": settings.seed,
        "size": settings.size,
        "train": settings.train,
        "test": settings.test,
        # Absent, as in editions older than this setting: the standard kitchen.
        **({} if settings.difficulty.standard else {DIFFICULTY_KEY: settings.difficulty.as_dict()}),
        "counts": {**counts, "files": len(lines)},
        "stubs": sorted(relative for relative in tree.digests if relative.endswith(".h264")),
        "metadata_sha256": metadata,
        "files_sha256": hashlib.sha256(manifest.encode()).hexdigest(),
    }
    TreeWriter(tree.root).put(MANIFEST, manifest)
    atomic_write_json(tree.root / MARKER, marker)


def _fill(layout: Layout, settings: KitchenSettings, root: Path, workers: int, report: Callable[[], None]) -> None:
    """Write one whole dataset into an empty folder."""
    difficulty = settings.difficulty if layout.empty_plates else settings.difficulty.without_empty()
    jobs = [replace(job, difficulty=difficulty) for job in layout.jobs(settings)]
    tree = TreeWriter(root)
    cooked: list[tuple[Job, Any]] = []
    tasks = [(layout.dataset, str(root), job) for job in jobs]
    for job, (facts, digests) in zip(jobs, _cook_all(tasks, workers), strict=True):
        cooked.append((job, facts))
        tree.digests.update(digests)
        report()
    counts = layout.finish(settings, cooked, tree)
    _write_marker(layout, settings, counts, tree)


def _replace(finished: Path, target: Path) -> None:
    """Put a finished folder into its place; an older synthetic one makes room."""
    if target.exists():
        retired = Path(tempfile.mkdtemp(prefix=".old-", dir=target.parent))
        target.rename(retired / target.name)
        finished.rename(target)
        shutil.rmtree(retired, ignore_errors=True)
    else:
        finished.rename(target)


def _refuse_foreign(target: Path) -> None:
    if target.exists() and not (target / MARKER).is_file() and any(target.iterdir()):
        raise UsageError(
            f"{target} is there already and was not made by the kitchen; it is left alone.",
            hint="Choose another folder.",
        )


def refuse_other_kitchen(out: Path, settings: KitchenSettings, datasets: Sequence[str] = DATASETS) -> None:
    """Refuse a folder in which `make` with these settings would replace a kitchen by a different one.

    Raises:
        UsageError: it holds synthetic datasets made from other settings, or by another version.
    """
    found = []
    for dataset in datasets:
        root = out / FOLDERS[dataset]
        differences = _differences(root, settings) if (root / MARKER).is_file() else []
        if differences:
            found.append(f"{root.name}: {', '.join(differences)}")
    if found:
        rest = f"; and {len(found) - 1} more" if len(found) > 1 else ""
        raise UsageError(
            f"{out} holds another kitchen ({found[0]}{rest}).",
            hint="Choose another folder, or replace that kitchen with --replace.",
        )


def _differences(root: Path, settings: KitchenSettings) -> list[str]:
    """In what a synthetic dataset differs from one that were made from these settings."""
    try:
        marker = read_marker(root)
    except DataError:
        return ["its marker cannot be read"]
    found: dict[str, Any] = {"version": marker.version, **marker.settings}
    wanted: dict[str, Any] = {"version": str(VERSION), **{name: getattr(settings, name) for name in SETTINGS}}
    # Markers of older editions do not say how many plates there are.
    texts = [
        f"{name} {found.get(name, 'unknown')} instead of {value}"
        for name, value in wanted.items()
        if found.get(name) != value
    ]
    difficulty = {} if settings.difficulty.standard else settings.difficulty.as_dict()
    if dict(marker.difficulty) != difficulty:
        texts.append("another difficulty")
    return texts


def make(
    out: Path,
    *,
    seed: int = DEFAULT_SETTINGS.seed,
    size: int = DEFAULT_SETTINGS.size,
    train: int = DEFAULT_SETTINGS.train,
    test: int = DEFAULT_SETTINGS.test,
    difficulty: Difficulty = STANDARD,
    datasets: Sequence[str] = DATASETS,
    replace_other: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Path]:
    """Cook datasets in their official layouts. The same arguments give the same bytes.

    Args:
        out: folder that gets `food-101`, `nutrition5k_dataset`, `FoodSeg103` and so on; earlier synthetic ones from the
            same arguments are made anew.
        seed: another seed is another kitchen.
        size: shorter side of the photos in pixels (nutrition5k is always 640 x 480).
        train: training pictures per dataset.
        test: test pictures per dataset.
        difficulty: how hard the pictures are.
        datasets: which ones.
        replace_other: replace also synthetic ones that were made from other arguments.
        workers: processes; None for two, or fewer on a smaller machine or for little work.
        progress: called as (plates done, plates in all).

    Returns:
        Root folder by dataset.

    Raises:
        UnknownName: no such dataset.
        UsageError: bad numbers; or a folder of that name is there that the kitchen did not make, or made from other
            arguments while `replace_other` is not set.
        StorageFull: disk full or not writable; nothing half-made stays.
    """
    settings = KitchenSettings(seed, size, train, test, difficulty)
    for dataset in datasets:
        if dataset not in LAYOUTS:
            raise UnknownName.of("kitchen dataset", dataset, LAYOUTS)
    if not replace_other:
        refuse_other_kitchen(out, settings, datasets)
    total = sum(len(LAYOUTS[dataset].jobs(settings)) for dataset in datasets)
    done = 0

    def report() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total)

    roots: dict[str, Path] = {}
    for dataset in datasets:
        layout = LAYOUTS[dataset]
        count = len(layout.jobs(settings))
        hands = workers or max(1, min(2, os.cpu_count() or 1, count // _MIN_JOBS_PER_WORKER))
        roots[dataset] = _make_one(layout, settings, out, hands, report)
    return roots


def _make_one(layout: Layout, settings: KitchenSettings, out: Path, workers: int, report: Callable[[], None]) -> Path:
    target = out / layout.folder
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        # A worker that imports its parent's script, which has no main guard: it would cook all over again, and its
        # temporary folder would stay when the parent ends it. The parent then cooks alone.
        raise RuntimeError("The kitchen is being made by the process that started this one.")
    with _storage(target):
        out.mkdir(parents=True, exist_ok=True)
        _refuse_foreign(target)
        temporary = Path(tempfile.mkdtemp(prefix=f".new-{layout.folder}-", dir=out))
    try:
        # mkdtemp makes private folders; the final one shall be like any other.
        unfinished = temporary / layout.folder
        with _storage(target):
            unfinished.mkdir()
        _fill(layout, settings, unfinished, workers, report)
        with _storage(target):
            _replace(unfinished, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def edition_folder(home: Path, settings: KitchenSettings = DEFAULT_SETTINGS) -> Path:
    """Where an edition is kept below the home folder; its name says all that it depends on."""
    name = f"v{VERSION}-seed{settings.seed}-{settings.size}px-{settings.train}+{settings.test}"
    if not settings.difficulty.standard:
        name += f"-{settings.difficulty.slug}"
    return home / "kitchen" / name


def variant(root: Path) -> str:
    """In what a kitchen edition differs from the default one, e.g. `hard, seed 7`; empty if in nothing.

    Args:
        root: the folder of one of its datasets.

    Raises:
        DataMissing, DataCorrupt: it has no marker, or a malformed one.
    """
    marker = read_marker(root)
    made = {"seed": DEFAULT_SETTINGS.seed, "size": DEFAULT_SETTINGS.size} | dict(marker.settings)
    # Editions that are older than these keys of the marker do not say.
    train, test = made.get("train", DEFAULT_SETTINGS.train), made.get("test", DEFAULT_SETTINGS.test)
    parts = [
        str(marker.difficulty.get("name", "")),
        "" if made["seed"] == DEFAULT_SETTINGS.seed else f"seed {made['seed']}",
        "" if made["size"] == DEFAULT_SETTINGS.size else f"{made['size']} px",
        "" if (train, test) == (DEFAULT_SETTINGS.train, DEFAULT_SETTINGS.test) else f"{train}+{test}",
    ]
    return ", ".join(filter(None, parts))


def ensure(
    home: Path,
    dataset: str,
    *,
    settings: KitchenSettings = DEFAULT_SETTINGS,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Path:
    """The root of a dataset's kitchen edition, cooked now if this home does not have it yet.

    Several processes may call it at once: one cooks, the others wait for it.

    Args:
        home: the user's folder, see `foodbench.core.paths.home`.
        dataset: `food101`, `nutrition5k` or `foodseg103`.
        settings: which edition.
        workers: as for `make`.
        progress: as for `make`; not called if nothing needs to be cooked.

    Raises:
        UnknownName: no such dataset.
        StorageFull: disk full or not writable.
    """
    if dataset not in LAYOUTS:
        raise UnknownName.of("kitchen dataset", dataset, LAYOUTS)
    folder = edition_folder(Path(home), settings)
    layout = LAYOUTS[dataset]
    root = folder / layout.folder
    if (root / MARKER).is_file():
        return root
    with file_lock(folder / f".{dataset}.lock") as locked:
        if (root / MARKER).is_file():
            return root
        if locked:
            # Whoever made these is gone, or it would hold the lock.
            for leftover in folder.glob(f".new-{layout.folder}-*"):
                shutil.rmtree(leftover, ignore_errors=True)
        make(
            folder, seed=settings.seed, size=settings.size, train=settings.train, test=settings.test,
            difficulty=settings.difficulty, datasets=(dataset,), workers=workers, progress=progress,
        )  # fmt: skip
    return root
