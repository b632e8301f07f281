"""Checking a copy of a dataset, from its folder names down to the last pixel.

Levels, each including those before it:

    layout   the folders and files that every copy has
    counts   how many classes, ids and files
    ids      lists well-formed, disjoint, the official ones; files agree with lists
    hashes   bytes of the metadata files (of every file, in a synthetic copy)
    decode   every picture and mask decoded in full

A synthetic copy is checked against what its generator wrote down (marker and manifest) instead of the official counts
and digests. Nothing stops at the first fault: every one is reported.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from foodbench.core.errors import FoodbenchError, UnknownName, UsageError
from foodbench.core.hashing import sha256_file
from foodbench.core.wording import counted
from foodbench.data.catalog import CATALOG, DatasetCard, FileChecksum
from foodbench.data.inspection import INSPECTORS, inspector_for
from foodbench.data.inspection.base import Finding, Inspector, Status
from foodbench.data.layout import MANIFEST, is_synthetic, require_layout
from foodbench.data.manifest import Marker, files_below, read_manifest, read_marker
from foodbench.data.roots import DatasetChoice, require_readable

Level = Literal["layout", "counts", "ids", "hashes", "decode"]
LEVELS: tuple[Level, ...] = ("layout", "counts", "ids", "hashes", "decode")
Progress = Callable[[str, int, int], None]
"""Called as `progress(stage, done, total)` now and then during `hashes` and `decode`."""

_CHUNK = 256


@dataclass(frozen=True, slots=True)
class Check:
    """The outcome of one check.

    Attributes:
        name: what was checked.
        level: the level that it belongs to.
        status: `ok`, `warning` or `failed`.
        message: what was found.
        items: every id or file at fault, where the message names only some.
    """

    name: str
    level: Level
    status: Status
    message: str
    items: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """All checks of one copy.

    Attributes:
        dataset: name of the dataset.
        root: its folder.
        synthetic: whether it is a synthetic copy.
        checks: in the order of the levels.
    """

    dataset: str
    root: Path
    synthetic: bool
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether no check failed (warnings are fine)."""
        return all(check.status != "failed" for check in self.checks)

    def with_status(self, status: Status) -> tuple[Check, ...]:
        """The checks of one outcome."""
        return tuple(check for check in self.checks if check.status == status)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON form."""
        return {
            "dataset": self.dataset,
            "root": str(self.root),
            "synthetic": self.synthetic,
            "ok": self.ok,
            "checks": [
                {
                    "name": check.name,
                    "level": check.level,
                    "status": check.status,
                    "message": check.message,
                    "items": list(check.items),
                }
                for check in self.checks
            ],
        }


def verify(choice: DatasetChoice, level: Level = "hashes", progress: Progress | None = None) -> VerifyReport:
    """Check a copy of a dataset.

    Args:
        choice: the copy; its `allow_partial` turns missing files from failures into warnings.
        level: how deep to look.
        progress: told how far the slow stages are.

    Returns:
        The report. If the layout is wrong, it holds nothing else.

    Raises:
        UnknownName, UsageError: no such dataset or level, or no reader for it.
    """
    require_readable(choice.name)
    if level not in LEVELS:
        raise UnknownName.of("level", level, LEVELS)
    if choice.name not in INSPECTORS:
        raise UsageError(
            f"verify does not know how to look at {choice.name}.",
            hint="Register an inspector for it in foodbench.data.inspection.INSPECTORS.",
        )
    wanted = LEVELS[: LEVELS.index(level) + 1]
    inspector = inspector_for(choice.name, choice.root)
    synthetic = is_synthetic(choice.root)
    checks = list(_layout(choice, inspector, synthetic))
    if all(check.status != "failed" for check in checks):
        marker = read_marker(choice.root) if synthetic else None
        stages: dict[Level, Callable[[], Iterable[Check]]] = {
            "counts": lambda: _counts(choice, inspector, marker),
            "ids": lambda: _ids(choice, inspector, marker),
            "hashes": lambda: _hashes(choice, inspector, marker, progress),
            "decode": lambda: _decode(choice, inspector, progress),
        }
        for stage in wanted[1:]:
            checks.extend(stages[stage]())
    return VerifyReport(choice.name, choice.root, synthetic, tuple(checks))


def _attempt(name: str, level: Level, run: Callable[[], Any], done: str) -> Check:
    """A check that passes if `run` raises nothing."""
    try:
        run()
    except FoodbenchError as error:
        return Check(name, level, "failed", f"{error.message} {error.hint}".strip())
    return Check(name, level, "ok", done)


def _missing_status(choice: DatasetChoice) -> Status:
    return "warning" if choice.allow_partial else "failed"


def _layout(choice: DatasetChoice, inspector: Inspector, synthetic: bool) -> Iterator[Check]:
    yield _attempt(
        "layout",
        "layout",
        lambda: require_layout(choice.name, choice.root, inspector.required),
        "All folders and files of the layout are there.",
    )
    if synthetic != (choice.edition == "kitchen"):
        kind = "synthetic" if synthetic else "not synthetic"
        yield Check("edition", "layout", "failed", f"The copy is {kind}, but the {choice.edition} edition was chosen.")
    if synthetic:
        yield _attempt("marker", "layout", lambda: _check_marker(choice), "The generator's marker is readable.")


def _check_marker(choice: DatasetChoice) -> None:
    read_marker(choice.root, dataset=choice.name)
    read_manifest(choice.root)


def _counts(choice: DatasetChoice, inspector: Inspector, marker: Marker | None) -> Iterator[Check]:
    try:
        found = inspector.count(choice.root)
    except FoodbenchError as error:
        yield Check("counts", "counts", "failed", f"{error.message} {error.hint}".strip())
        return
    expected = CATALOG.get(choice.name).counts if marker is None else marker.counts
    for kind in found:
        if kind not in expected:
            continue
        have, want = found[kind], expected[kind]
        message = f"{have:,} of {want:,}."
        if have == want:
            yield Check(f"count of {kind}", "counts", "ok", message)
        else:
            short = have < want and kind in inspector.files_counted
            yield Check(f"count of {kind}", "counts", _missing_status(choice) if short else "failed", message)
    if marker is not None:
        listed, present = len(read_manifest(choice.root)), len(files_below(choice.root))
        status: Status = "ok" if listed == present else "failed"
        yield Check("count of files", "counts", status, f"{counted(present, 'file')}, {listed:,} in {MANIFEST}.")


def _ids(choice: DatasetChoice, inspector: Inspector, marker: Marker | None) -> Iterator[Check]:
    card = CATALOG.get(choice.name) if marker is None else None
    try:
        for finding in inspector.ids(choice.root, card):
            yield _as_check(finding, choice)
    except FoodbenchError as error:
        yield Check("ids", "ids", "failed", f"{error.message} {error.hint}".strip())
    if marker is not None:
        listed, present = set(read_manifest(choice.root)), set(files_below(choice.root))
        for name, paths in (("files that are gone", listed - present), ("files that were added", present - listed)):
            status: Status = "failed" if paths else "ok"
            yield Check(name, "ids", status, f"{len(paths):,}." if paths else "None.", tuple(sorted(paths)))


def _as_check(finding: Finding, choice: DatasetChoice) -> Check:
    status = _missing_status(choice) if finding.status == "missing" else finding.status
    return Check(finding.name, "ids", status, finding.message, finding.items)


def _hashes(
    choice: DatasetChoice, inspector: Inspector, marker: Marker | None, progress: Progress | None
) -> Iterator[Check]:
    if marker is None and not inspector.official_files:
        yield Check("checksums", "hashes", "ok", "No official checksums are known for a Hugging Face copy.")
        return
    if marker is None:
        card: DatasetCard = CATALOG.get(choice.name)
        for checksum in card.checksums:
            yield _official_hash(choice.root, checksum)
        if not card.checksums:
            yield Check("checksums", "hashes", "ok", "No official checksums are known for this dataset.")
        return
    same = sha256_file(choice.root / MANIFEST) == marker.files_sha256
    message = "As the marker says." if same else "Differs from the marker: the manifest was edited."
    yield Check(MANIFEST, "hashes", "ok" if same else "failed", message)
    expected = {**read_manifest(choice.root), **marker.metadata_sha256}
    faults = 0
    for done, (name, digest) in enumerate(sorted(expected.items()), start=1):
        fault = _hash_fault(choice.root / name, digest)
        if fault:
            faults += 1
            yield Check(name, "hashes", "failed", fault)
        if progress is not None and (done % _CHUNK == 0 or done == len(expected)):
            progress("hashes", done, len(expected))
    yield Check(
        "files", "hashes", "failed" if faults else "ok", f"{len(expected) - faults:,} of {len(expected):,} intact."
    )


def _hash_fault(path: Path, digest: str) -> str:
    try:
        return "" if sha256_file(path) == digest else "Its bytes differ from what the generator wrote."
    except OSError as error:
        return f"Cannot be read: {error.strerror or error}."


def _official_hash(root: Path, checksum: FileChecksum) -> Check:
    """Compare a metadata file with the official digest; line endings alone are a warning."""
    try:
        if sha256_file(root / checksum.path) == checksum.sha256:  # by blocks: det_ingrs.json has 361 MB
            return Check(checksum.path, "hashes", "ok", "As the known file.")
        data = (root / checksum.path).read_bytes()
    except OSError as error:
        return Check(checksum.path, "hashes", "failed", f"Cannot be read: {error.strerror or error}.")
    from hashlib import sha256

    unix = data.replace(b"\r\n", b"\n").rstrip(b"\n")
    if checksum.sha256 in (sha256(unix).hexdigest(), sha256(unix + b"\n").hexdigest()):
        return Check(checksum.path, "hashes", "warning", "Differs from the official file in line endings only.")
    size = f" ({len(data):,} bytes instead of {checksum.size:,})" if checksum.size not in (None, len(data)) else ""
    if checksum.warn_only:
        message = f"Differs from the known copy{size}; that digest is a third party's, so the ids decide."
        return Check(checksum.path, "hashes", "warning", message)
    return Check(checksum.path, "hashes", "failed", f"Differs from the official file{size}.")


def _decode(choice: DatasetChoice, inspector: Inspector, progress: Progress | None) -> Iterator[Check]:
    """Decode everything; one check per bad file and one for the sum."""
    try:
        probes = inspector.probes(choice.root)
    except FoodbenchError as error:
        yield Check("pictures", "decode", "failed", f"{error.message} {error.hint}".strip())
        return
    bad = 0
    # Pillow releases the interpreter lock while it decodes. Chunks bound the number of futures that are held.
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        for start in range(0, len(probes), _CHUNK):
            chunk = probes[start : start + _CHUNK]
            faults = list(pool.map(_probe_fault, (probe.run for probe in chunk)))
            for probe, fault in zip(chunk, faults, strict=True):
                if fault:
                    bad += 1
                    yield Check(probe.name, "decode", "failed", fault)
            if progress is not None:
                progress("decode", start + len(chunk), len(probes))
    status: Status = "failed" if bad else "ok"
    yield Check("pictures", "decode", status, f"{len(probes) - bad:,} of {len(probes):,} decoded.")


def _probe_fault(run: Callable[[], object]) -> str:
    try:
        run()
    except FoodbenchError as error:
        return error.message
    return ""
