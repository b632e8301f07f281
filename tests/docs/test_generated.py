"""Generated pages are current, and pages below docs/ link to what exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from foodbench.data.catalog import CATALOG
from foodbench.tasks import TASKS
from tests.conftest import REPOSITORY
from tests.docs.generated import PAGES
from tests.test_docs import anchors_of


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_current(name: str) -> None:
    assert (REPOSITORY / name).read_text(encoding="utf-8") == PAGES[name](), "run: python -m tests.docs.generated"


def test_every_metric_and_public_function_is_there() -> None:
    page = (REPOSITORY / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
    ids = {metric.id for name in TASKS.names() for metric in TASKS.get(name).metrics}
    assert not [one for one in sorted(ids) if f"\n| `{one}` | " not in page]
    for name in ("top1_accuracy", "intersection_union", "corpus_bleu", "Metric.of_samples"):
        assert f"\n{name}(" in page, name


def test_every_dataset_has_its_section() -> None:
    page = (REPOSITORY / "docs" / "your-data.md").read_text(encoding="utf-8")
    for name in CATALOG.names():
        assert f"## {CATALOG.get(name).title}\n" in page
        assert f"`foodbench data add {name} PATH/" in page


@pytest.mark.parametrize("page", sorted((REPOSITORY / "docs" / "reference").glob("*.md")), ids=lambda page: page.name)
def test_links_of_the_reference(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        path, _, anchor = target.partition("#")
        other = page.parent / path
        assert other.exists(), target
        assert not anchor or anchor in anchors_of(other), target
