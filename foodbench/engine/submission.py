"""Submissions to the leaderboard: from a run, or from somebody's stated numbers, to the one folder of a pull request.

`prepare_run` and `prepare_reported` check and pack; `check_folder` does the checks again on what was packed, with
nothing but the folder to go by, as continuous integration does on a stranger's pull request. What is in such a folder
is data: it is measured before it is parsed, parsed before it is believed, and never run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from foodbench.core.errors import FoodbenchError, RunIncomplete, UnknownName
from foodbench.core.printable import printable
from foodbench.engine.rated import takes_ratings
from foodbench.engine.submission_checks import Followed, TaskFiles, follow_back
from foodbench.engine.submission_packing import CheckedTask, Outcome, require_overlap, seal, slug, write, yaml_bytes
from foodbench.engine.submission_reading import Parts, dumped, read_card, read_run, read_task
from foodbench.runs.provenance import code_digest
from foodbench.runs.schema import RunFile
from foodbench.runs.store import RunFolder, TaskFolder
from foodbench.runs.submission_folder import (
    LIMITS,
    Limits,
    SubmissionRefused,
    listed,
    parse_json,
    parse_yaml,
    read_bounded,
    refuse_hostile,
    sha256,
    tree_digest,
    validated,
)
from foodbench.runs.submission_schema import (
    CARD,
    DIGITS,
    REPORTED,
    RUN,
    SAMPLES,
    SUBMISSION,
    ReportedFile,
    ReportedNumber,
    SubmissionFile,
    SubmittedTask,
)
from foodbench.runs.submission_text import without_paths
from foodbench.tasks import TASKS, select

__all__ = [
    "CheckedTask", "Outcome", "check_folder", "is_submission", "prepare_reported", "prepare_run", "slug", "write"
]  # fmt: skip

Told = Callable[[str], None]
REPORTS = Path("reports")


def _silent(_: str) -> None:
    """Tell nobody."""


def is_submission(path: Path) -> bool:
    """Whether a folder is, or claims to be, a submission."""
    return (path / SUBMISSION).is_symlink() or (path / SUBMISSION).exists()


def prepare_run(
    path: Path,
    *,
    card: Path | None = None,
    name: str | None = None,
    reports: Path = REPORTS,
    told: Told = _silent,
    limits: Limits = LIMITS,
) -> Outcome:
    """Check a finished run, and pack it if it passes and has a card.

    Args:
        path: the run's folder.
        card: the model's card.
        name: of the submission's upper folder; made of the card's name otherwise.
        reports: folder of committed reports, for datasets that are not at hand.
        told: called with what is being done.
        limits: largest sizes.

    Raises:
        SubmissionRefused: `run.json` or the card is refused.
        RunIncomplete: nothing is finished in it.
    """
    outcome = Outcome("measured")
    run, cut_run, notes = read_run(path / RUN, cut=True, limits=limits)
    outcome.notes += notes
    folders = _finished(RunFolder(path), run, outcome)
    model_card = None if card is None else read_card(card, str(card), limits)
    if model_card is not None:
        require_overlap(model_card, [each.partition("@")[0] for each in folders])
    packed: dict[str, bytes] = {}
    submitted: dict[str, SubmittedTask] = {}
    for versioned, folder in folders.items():
        with_files = _checked(versioned, folder, run, outcome, (reports, told, limits), packed=False)
        if with_files is not None:
            parts, task = with_files
            packed.update({f"{versioned}/{file}": content for file, content in parts.content.items()})
            submitted[versioned] = task
    kept = {key: status for key, status in cut_run["tasks"].items() if status["status"] != "complete" or key in folders}
    packed[RUN] = dumped({**cut_run, "tasks": kept})
    if name is not None or model_card is not None:
        outcome.model = slug(name or (model_card.name if model_card is not None else ""))
    if model_card is not None and not outcome.errors:
        packed[CARD] = yaml_bytes(model_card.model_dump(mode="json"))
        seal(outcome, packed, submitted, limits)
    return outcome


def _finished(folder: RunFolder, run: RunFile, outcome: Outcome) -> dict[str, TaskFolder]:
    """The tasks to submit, by folder; what keeps the run from being complete goes into the outcome."""
    finished = folder.finished()
    named = {key.partition("@")[0] for key in (*run.tasks, *finished)}
    for key, status in run.tasks.items():
        if status.status == "failed":
            reason = printable(status.reason or "no reason is given", limit=300)
            outcome.errors.append(_incomplete(f"{printable(key, limit=80)} failed: {reason}"))
        elif status.status == "complete" and key not in finished:
            outcome.errors.append(
                SubmissionRefused(
                    f"{printable(key, limit=80)} is complete in run.json, and its files are not there.",
                    hint="Restore the files, or run the task again.",
                )
            )
    going_on = {key for key, task in folder.tasks().items() if task.journals()}
    unnoted = {key for key in finished if key not in run.tasks}
    for key in sorted(going_on | unnoted):
        outcome.errors.append(_incomplete(f"{printable(key, limit=80)} has not come to its end."))
    for task in _asked(run):
        if task not in named:
            outcome.errors.append(_incomplete(f"{task} was asked for and has not begun."))
    for key in [key for key in finished if _has_successor(key, finished)]:
        del finished[key]
        outcome.notes.append(f"{key}: of an earlier version; left out, a result of today's version is there.")
    if not finished and not outcome.errors:
        raise RunIncomplete(f"{folder.path} has no finished task.", hint="Run it to its end first.")
    outcome.not_covered = _not_covered(run, finished)
    return finished


def _incomplete(what: str) -> RunIncomplete:
    return RunIncomplete(what, hint="Run the same command again: it continues, and asks nothing twice.")


def _asked(run: RunFile) -> Sequence[str]:
    """The tasks that the run's last command asked for."""
    setting = run.config.get("tasks")
    value = setting.value if setting is not None else None
    patterns = ",".join(map(str, value)) if isinstance(value, list) else value
    if not isinstance(patterns, str) or len(patterns) > 10_000:
        return ()
    try:
        return select(patterns)
    except FoodbenchError as error:
        raise SubmissionRefused(f"run.json: config.tasks: {error.message}", hint=error.hint) from error


def _has_successor(versioned: str, others: Iterable[str]) -> bool:
    name, _, version = versioned.partition("@")
    today = f"{name}@{TASKS.get(name).version}" if name in TASKS.names() else ""
    return today in others and today != versioned and version.isdecimal() and int(version) < int(today.split("@")[1])


def _not_covered(run: RunFile, covered: Iterable[str]) -> dict[str, str]:
    """Every strict task without a result, and every other one that was asked for, with the reason."""
    done = {key.partition("@")[0] for key in covered}
    reasons = {
        key.partition("@")[0]: without_paths(f"{status.status.replace('_', ' ')}: {status.reason or 'no reason given'}")
        for key, status in run.tasks.items()
        if status.status != "complete"
    }
    strict = [name for name in TASKS.names() if name.count(".") == 1]
    found = dict.fromkeys(strict, "not asked") | reasons
    return {name: reason for name, reason in sorted(found.items()) if name not in done}


def _checked(
    versioned: str,
    folder: TaskFolder,
    run: RunFile,
    outcome: Outcome,
    settings: tuple[Path, Told, Limits],
    *,
    packed: bool,
) -> tuple[Parts, SubmittedTask] | None:
    """Read and follow back one task; None, with the reason in the outcome, if it is refused."""
    reports, told, limits = settings
    edition, n, metrics = "", None, 0
    try:
        parts = read_task(versioned, folder, packed=packed, limits=limits)
        files = parts.files
        edition, n, metrics = files.result.dataset.label, files.result.n, len(files.result.metrics)
        _require_belonging(files, run)
        told(f"{versioned}: {n:,} answers")
        followed: Followed = follow_back(files, reports=reports, keyed=not packed)
    except FoodbenchError as error:
        outcome.tasks.append(CheckedTask(versioned, edition, n, metrics, None, error))
        outcome.errors.append(error)
        return None
    outcome.notes += [*parts.notes, *followed.notes]
    outcome.tasks.append(CheckedTask(versioned, edition, n, metrics, followed.level))
    dataset = files.result.dataset
    return parts, SubmittedTask(
        edition=dataset.edition,
        variant=dataset.variant,
        n=files.result.n,
        samples_sha256=files.result.samples_sha256,
        checked=followed.level,
    )


def _require_belonging(files: TaskFiles, run: RunFile) -> None:
    if files.result.model != run.model:
        raise SubmissionRefused(
            f"{files.name}: the result is of the model {printable(files.result.model.identity, limit=80)}, the run of "
            f"{printable(run.model.identity, limit=80)}.",
            hint="Results of different models or settings are different runs.",
        )
    if files.folder.path.joinpath("ratings.jsonl").exists() and not takes_ratings(TASKS.get(files.result.task.name)):
        raise SubmissionRefused(f"{files.name}: its answers cannot be rated.", hint="Remove ratings.jsonl.")


def prepare_reported(
    path: Path, *, card: Path | None = None, name: str | None = None, limits: Limits = LIMITS
) -> Outcome:
    """Check a file of self-reported numbers, and pack it if it passes and has a card.

    Raises:
        SubmissionRefused: the file or the card is refused.
    """
    outcome = Outcome("reported")
    reported = _read_reported(path, str(path), limits, outcome)
    model_card = None if card is None else read_card(card, str(card), limits)
    if name is not None or model_card is not None:
        outcome.model = slug(name or (model_card.name if model_card is not None else ""))
    if model_card is not None and not outcome.errors:
        require_overlap(model_card, dict.fromkeys(number.task for number in reported.numbers))
        content = {
            CARD: yaml_bytes(model_card.model_dump(mode="json")),
            REPORTED: yaml_bytes(reported.model_dump(mode="json")),
        }
        seal(outcome, content, {}, limits)
    return outcome


def _read_reported(path: Path, shown: str, limits: Limits, outcome: Outcome) -> ReportedFile:
    plain = parse_yaml(read_bounded(path, shown, limits.of(REPORTED)), shown)
    refuse_hostile(plain, shown, lines=True)
    reported = validated(ReportedFile, plain, shown)
    seen: set[tuple[str, str]] = set()
    for number in reported.numbers:
        if (number.task, number.metric) in seen:
            raise SubmissionRefused(f"{shown}: {number.task} {number.metric} comes twice.", hint="Keep one of them.")
        seen.add((number.task, number.metric))
        _require_possible(number, shown)
    counts: dict[str, int] = {}
    for number in reported.numbers:
        counts[number.task] = counts.get(number.task, 0) + 1
    outcome.tasks += [CheckedTask(task, reported.edition, None, count) for task, count in counts.items()]
    outcome.not_covered = {
        each: "not reported" for each in sorted(TASKS.names()) if each.count(".") == 1 and each not in counts
    }
    return reported


def _require_possible(number: ReportedNumber, shown: str) -> None:
    """Refuse an unknown task or metric, and a value that the metric cannot have."""
    task = TASKS.get(number.task) if number.task in TASKS.names() else None
    if task is None:
        error = UnknownName.of("task", number.task, TASKS.names())
        raise SubmissionRefused(f"{shown}: {error.message}", hint=error.hint)
    metrics = {metric.id: metric for metric in task.metrics}
    if number.metric not in metrics:
        error = UnknownName.of("metric", number.metric, metrics)
        raise SubmissionRefused(f"{shown}: {number.task}: {error.message}", hint=error.hint)
    metric = metrics[number.metric]
    low, high = (0.0, 1.0) if metric.kind in ("proportion", "share") else metric.bounds
    low, high = (end * metric.scale if math.isfinite(end) else end for end in (low, high))
    if not low <= number.value <= high:
        unit = f" (in {metric.unit})" if metric.unit else ""
        raise SubmissionRefused(
            f"{shown}: {number.task}: {number.metric} cannot be {number.value:g}; it lies between {low:g} and "
            f"{high:g}{unit}.",
            hint="Give the number in the metric's unit, as foodbench show TASK states it.",
        )


def check_folder(path: Path, *, reports: Path = REPORTS, told: Told = _silent, limits: Limits = LIMITS) -> Outcome:
    """Check a submission's folder as it came: from a pull request, say, by whomever.

    Raises:
        SubmissionRefused: something about the folder as a whole is wrong, so that nothing in it was looked at.
    """
    sizes = listed(path, limits)
    if path.parent.is_symlink():
        raise SubmissionRefused("The folder above the submission is a link.", hint="Send the files themselves.")
    sealed = _read_sealed(path, sizes, limits)
    outcome = Outcome(sealed.kind, model=sealed.model, digest=sealed.digest)
    card = read_card(path / CARD, CARD, limits)
    if sealed.kind == "reported":
        reported = _read_reported(path / REPORTED, REPORTED, limits, outcome)
        require_overlap(card, dict.fromkeys(number.task for number in reported.numbers))
        return outcome
    run, _, _ = read_run(path / RUN, cut=False, limits=limits)
    folders = {each.partition("/")[0]: TaskFolder(path / each.partition("/")[0]) for each in sizes if "/" in each}
    whole = {each.partition("/")[0] for each in sizes if each.endswith(f"/{SAMPLES}")}
    if set(_finished(RunFolder(path), run, outcome)) != set(folders) or whole != set(folders):
        raise SubmissionRefused("Its folders are not those of the tasks of run.json.", hint="Pack the run again.")
    submitted = {}
    for versioned, folder in folders.items():
        checked = _checked(versioned, folder, run, outcome, (reports, told, limits), packed=True)
        if checked is not None:
            submitted[versioned] = checked[1]
    require_overlap(card, [each.partition("@")[0] for each in folders])
    if not outcome.errors:
        _compare_sealed(sealed, submitted, outcome)
    return outcome


def _read_sealed(path: Path, sizes: Mapping[str, int], limits: Limits) -> SubmissionFile:
    """`submission.json`, once every file is as it says."""
    plain = parse_json(read_bounded(path / SUBMISSION, SUBMISSION, limits.of(SUBMISSION)), SUBMISSION)
    refuse_hostile(plain, SUBMISSION)
    sealed = validated(SubmissionFile, plain, SUBMISSION)
    there = set(sizes) - {SUBMISSION}
    for name in sorted(there ^ set(sealed.files)):
        what = "is there, and submission.json does not name it" if name in there else "is named, and is not there"
        raise SubmissionRefused(f"{printable(name, limit=120)} {what}.", hint="Pack the run again.")
    needed = {"measured": {RUN, CARD}, "reported": {REPORTED, CARD}}[sealed.kind]
    if {name for name in there if "/" not in name} != needed or (sealed.kind == "reported" and there != needed):
        raise SubmissionRefused(
            f"A submission of kind '{sealed.kind}' has {' and '.join(sorted(needed))}.", hint="Pack it again."
        )
    for name, size in sizes.items():
        if name == SUBMISSION:
            continue
        found, stated = sha256(read_bounded(path / name, name, limits.of(name.rpartition("/")[2]))), sealed.files[name]
        if (found, size) != (stated.sha256, stated.bytes):
            raise SubmissionRefused(
                f"{name} has the digest {found}; submission.json states {stated.sha256}.",
                hint="It was changed after it was packed; pack the run again.",
            )
    digest = tree_digest({name: each.sha256 for name, each in sealed.files.items()})
    if digest != sealed.digest:
        raise SubmissionRefused(
            f"The files have the digest {digest}; submission.json states {sealed.digest}.", hint="Pack the run again."
        )
    expected = f"{sealed.model}/{digest[:DIGITS]}"
    resolved = path.absolute()
    if f"{resolved.parent.name}/{resolved.name}" != expected:
        raise SubmissionRefused(
            f"The folder is {printable(f'{resolved.parent.name}/{resolved.name}', limit=120)}; it must be {expected}.",
            hint="Keep the folders as they were written.",
        )
    return sealed


def _compare_sealed(sealed: SubmissionFile, found: Mapping[str, SubmittedTask], outcome: Outcome) -> None:
    stated = {name: task.model_dump(exclude={"checked"}) for name, task in sealed.tasks.items()}
    expected = {name: task.model_dump(exclude={"checked"}) for name, task in found.items()}
    for name in sorted({*stated, *expected}):
        if stated.get(name) != expected.get(name):
            outcome.errors.append(
                SubmissionRefused(
                    f"{SUBMISSION} does not say of {printable(name, limit=80)} what its files do.",
                    hint="Pack the run again.",
                )
            )
    if sealed.scoring != code_digest():
        outcome.notes.append(
            f"Packed by another state of foodbench ({printable(sealed.foodbench, limit=40)}); its numbers are those of "
            "this one all the same."
        )
