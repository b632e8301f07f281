"""What checking a submission came to, and the folder that is made of it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

import foodbench
from foodbench.core.errors import ExitCode, FoodbenchError, UnknownName
from foodbench.core.printable import printable
from foodbench.engine.submission_checks import Level
from foodbench.engine.submission_reading import dumped
from foodbench.runs.provenance import code_digest
from foodbench.runs.store import write_together
from foodbench.runs.submission_folder import (
    LIMITS,
    Limits,
    SubmissionRefused,
    listed,
    read_bounded,
    sha256,
    tree_digest,
)
from foodbench.runs.submission_schema import (
    CARD,
    DIGITS,
    SLUG,
    SUBMISSION,
    FileDigest,
    SubmissionCard,
    SubmissionFile,
    SubmittedTask,
)
from foodbench.tasks import TASKS

_LARGE = "docs/submitting.md lists the limits; submit fewer tasks at a time."


@dataclass(frozen=True, slots=True)
class CheckedTask:
    """A task of a submission, and what came of checking it.

    Attributes:
        name: `name@version`.
        edition: of the dataset, with its variant.
        n: samples.
        metrics: how many metrics were compared; of reported numbers, how many are stated.
        level: how far they were followed back; None if they were refused, and for reported numbers.
        error: why it was refused.
    """

    name: str
    edition: str
    n: int | None
    metrics: int
    level: Level | None = None
    error: FoodbenchError | None = None


@dataclass(slots=True)
class Outcome:
    """What checking came to.

    Attributes:
        kind: `measured`, or `reported` where there are no answers.
        model: name of the submission's upper folder; empty without a card and a name.
        digest: of its files; empty if it was refused or has no card.
        tasks: every task that was looked at.
        not_covered: tasks without a result, and why.
        notes: what a reader should know.
        errors: why it is refused.
        files: what is to be written, by path; empty if it was refused, has no card, or is written already.
    """

    kind: Literal["measured", "reported"]
    model: str = ""
    digest: str = ""
    tasks: list[CheckedTask] = field(default_factory=list)
    not_covered: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    errors: list[FoodbenchError] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """0 valid; else what is worst: refused (2), then incomplete (4), then data missing (5)."""
        codes = {int(error.exit_code) for error in self.errors}
        order = (ExitCode.USAGE, ExitCode.INCOMPLETE, ExitCode.DATA)
        return next((int(code) for code in order if code in codes), max(codes, default=0))


def slug(name: str) -> str:
    """A name as a folder has it: small letters, digits, dots and hyphens.

    Raises:
        SubmissionRefused: nothing of it is left.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    found = re.sub(r"[^a-z0-9.]+", "-", plain)[:60].strip("-.")
    if not re.fullmatch(SLUG, found):
        raise SubmissionRefused(
            f"'{printable(name, limit=80)}' has no letter or digit that a folder's name can have.",
            hint="Name the folder with --name.",
        )
    return found


def require_overlap(card: SubmissionCard, tasks: Iterable[str]) -> None:
    """Every task must be spoken of, and nothing but tasks.

    Raises:
        SubmissionRefused: it is otherwise.
    """
    known = TASKS.names()
    for pattern in card.overlap:
        if not any(fnmatchcase(name, pattern) for name in known):
            error = UnknownName.of("task", pattern, known)
            raise SubmissionRefused(f"{CARD}: overlap: {error.message}", hint=error.hint)
    silent = [name for name in tasks if not any(fnmatchcase(name, pattern) for pattern in card.overlap)]
    if silent:
        raise SubmissionRefused(
            f"{CARD}: overlap says nothing about {', '.join(silent[:5])}{', ...' if len(silent) > 5 else ''}.",
            hint="Say how training and test data overlap: none, unknown, or how; '*' stands for every other task.",
        )


def yaml_bytes(plain: Mapping[str, Any]) -> bytes:
    """Plain data as YAML: the same data are the same bytes."""
    import yaml

    return yaml.safe_dump(dict(plain), sort_keys=False, allow_unicode=True, width=100).encode()


def seal(outcome: Outcome, content: Mapping[str, bytes], tasks: dict[str, SubmittedTask], limits: Limits) -> None:
    """Add `submission.json`, and with it the digest that names the folder."""
    files = {path: content[path] for path in sorted(content)}
    for path, data in files.items():
        if len(data) > limits.of(path.rpartition("/")[2]):
            limit = limits.of(path.rpartition("/")[2])
            outcome.errors.append(
                SubmissionRefused(f"{path} would have {len(data):,} bytes; the limit is {limit:,}.", hint=_LARGE)
            )
    total = sum(map(len, files.values()))
    if total > limits.total:
        outcome.errors.append(
            SubmissionRefused(f"The submission would have {total:,} bytes; the limit is {limits.total:,}.", hint=_LARGE)
        )
    if outcome.errors:
        return
    digests = {path: FileDigest(bytes=len(data), sha256=sha256(data)) for path, data in files.items()}
    outcome.digest = tree_digest({path: each.sha256 for path, each in digests.items()})
    sealed = SubmissionFile(
        kind=outcome.kind,
        model=outcome.model,
        digest=outcome.digest,
        files=digests,
        foodbench=foodbench.__version__,
        scoring=code_digest(),
        tasks=dict(sorted(tasks.items())),
        not_covered=outcome.not_covered,
        notes=outcome.notes,
    )
    outcome.files = {**files, SUBMISSION: dumped(sealed.model_dump(mode="json"))}


def write(outcome: Outcome, out: Path) -> tuple[Path, bool]:
    """Write a checked submission: the whole folder at once, or nothing.

    Returns:
        its folder, and whether it was written; not if it is there already.

    Raises:
        SubmissionRefused: the folder is there and holds something else.
        StorageFull: it cannot be written.
    """
    target = out / outcome.model / outcome.digest[:DIGITS]
    if target.is_symlink() or target.exists():
        if {name: sha256(data) for name, data in outcome.files.items()} != _digests(target):
            raise SubmissionRefused(
                f"{target} is there and holds other files.", hint="Delete it, and give the same command again."
            )
        return target, False
    write_together(outcome.files, target, part=target.with_name(f".{target.name}.part"))
    return target, True


def _digests(folder: Path) -> dict[str, str]:
    try:
        return {name: sha256(read_bounded(folder / name, name, LIMITS.total)) for name in listed(folder)}
    except SubmissionRefused:
        return {}
