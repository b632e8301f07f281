"""The sections of docs/your-data.md about the eight datasets, written from their cards.

`python -m tests.docs.generated` writes them anew.
"""

from __future__ import annotations

import re

from foodbench.data.catalog import CATALOG, DatasetCard
from foodbench.tasks import TASKS
from tests.conftest import REPOSITORY

PAGE = REPOSITORY / "docs" / "your-data.md"
MARK = "<!-- the rest is written from the datasets' cards -->\n"
_COMMAND = re.compile(r"(foodbench data (?:add \w+ \S*\w|info \w+)|tar xzf [\w.-]*\w|cat \S+ \| tar xz)")


def page() -> str:
    """The page: what a person wrote above the mark, the cards below it."""
    head, mark, _ = PAGE.read_text(encoding="utf-8").partition(MARK)
    assert mark, f"{PAGE} has no line {MARK!r}"
    return head + mark + "".join(_section(CATALOG.get(name)) for name in CATALOG.names())


def _section(card: DatasetCard) -> str:
    steps = "\n".join(f"{number}. {_step(step)}" for number, step in enumerate(card.how_to_get, start=1))
    task = next(name for name in TASKS.names() if TASKS.get(name).dataset == card.name)
    return (
        f"\n## {card.title}\n\n"
        f"- Licence: {card.licence}. {card.terms}\n- Source: {card.source}.\n- Size: {card.download_size}.\n\n"
        f"{steps}\n\n```\n"
        f"foodbench data verify {card.name} --level decode\n"
        f"foodbench run --model baseline:colour --tasks {task} --edition real\n```\n"
    )


def _step(text: str) -> str:
    """A step of the card, with its command as code."""
    marked = _COMMAND.sub(r"`\1`", text)
    return marked if marked.endswith(".") else f"{marked}."
