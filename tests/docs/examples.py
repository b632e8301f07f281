"""Code blocks of a page by the name in the comment above them: `<!-- example: NAME -->`."""

from __future__ import annotations

import re

from tests.conftest import REPOSITORY

_EXAMPLE = re.compile(r"<!-- example: ([\w ]+) -->\n```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def examples(page: str) -> dict[str, str]:
    """All of a page's examples."""
    return dict(_EXAMPLE.findall((REPOSITORY / page).read_text(encoding="utf-8")))


def example(page: str, name: str) -> str:
    """One of them."""
    return examples(page)[name]


def blocks(page: str, language: str) -> list[str]:
    """All of a page's blocks in a language."""
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
