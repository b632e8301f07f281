"""What `verify` looks at in a copy of Recipe1M. Everything about the three JSON files comes from their index."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from foodbench.core.wording import counted
from foodbench.data import recipe1m
from foodbench.data.catalog import DatasetCard
from foodbench.data.images import ImageFile
from foodbench.data.inspection.base import Finding, Inspector, Probe, Results
from foodbench.data.recipe1m_build import REMOVED
from foodbench.data.recipe1m_index import RecipeIndex, open_index
from foodbench.data.recipe1m_rows import DETECTIONS, IMAGES, SPLITS, TEXTS

LAYER1_BYTES = 1_405_719_644
"""Size of layer1.json in one user's audit; its digest is not known."""


def _index(root: Path) -> RecipeIndex:
    return open_index(root, recipe1m.vocabulary_of(root))


def _count(root: Path) -> dict[str, int]:
    return dict(_index(root).facts["counts"])


def _ids(root: Path, card: DatasetCard | None) -> Iterator[Finding]:
    results = Results()
    index = results.step(
        "JSON files",
        lambda: _index(root),
        lambda made: f"{counted(made.facts['counts']['recipes'], 'recipe')}, well-formed, each once per file.",
    )
    if index is not None:
        facts = index.facts
        _joins(results, facts)
        if card is not None:
            size = (root / TEXTS).stat().st_size
            message = f"{size:,} bytes; the known copy has {LAYER1_BYTES:,}."
            results.note(f"size of {TEXTS}", size == LAYER1_BYTES, message, "warning")
            _removed(results, facts)
            _usable(results, facts)
        if not any(facts["problems"][name]["count"] for name in ("without_detections", "misaligned")):
            _photos(results, root)
    yield from results.findings


def _joins(results: Results, facts: dict[str, Any]) -> None:
    message = "Both list the recipes in one order." if facts["same_order"] else "They list the recipes differently."
    results.note(f"order of {TEXTS} and {DETECTIONS}", facts["same_order"], message, "warning")
    problems = facts["problems"]
    for kind, what in (
        ("without_detections", f"recipes that {DETECTIONS} does not have"),
        ("misaligned", f"recipes with another number of ingredients in {DETECTIONS}"),
        ("detections_without_recipe", f"recipes of {DETECTIONS} that {TEXTS} does not have"),
        ("images_without_recipe", f"recipes of {IMAGES} that {TEXTS} does not have"),
    ):
        count, ids = problems[kind]["count"], problems[kind]["ids"]
        results.none_of(what, ids, "failed")
        if count > len(ids):
            results.note(f"{what}, in all", False, f"{count:,}, of which the first {len(ids):,} are named.", "failed")


def _removed(results: Results, facts: dict[str, Any]) -> None:
    removed = facts["removed"]
    if removed is None:
        message = "Absent: recipes that are in several splits, if this download has them, stay in."
        results.note(REMOVED, False, message, "warning")
    else:
        gone = removed["listed"] - removed["present"]
        message = f"Drops {counted(removed['present'], 'recipe')}; {gone:,} already gone."
        results.note(REMOVED, True, message, "warning")


def _usable(results: Results, facts: dict[str, Any]) -> None:
    for split, official in recipe1m.USABLE.items():
        found = facts["usable"][split]
        message = f"{found:,}; Inverse Cooking is known to use {official:,}."
        results.note(f"usable recipes of {split}", found == official, message, "warning")


def _photos(results: Results, root: Path) -> None:
    reader = recipe1m.Recipe1M(root, allow_partial=True)
    for split in SPLITS:
        results.none_of(f"missing photos of {split}", reader.missing(split), "missing")


def _probes(root: Path) -> list[Probe]:
    """The photo that is asked about of every recipe that counts: the others are not decoded, no task reads them."""
    reader = recipe1m.Recipe1M(root, allow_partial=True)
    probes: list[Probe] = []
    for split in SPLITS:
        for path in reader.photos(split):
            probes.append(Probe(path.relative_to(root).as_posix(), ImageFile(path).open))
    return probes


INSPECTOR = Inspector(recipe1m.REQUIRED, frozenset(), _count, _ids, _probes)
