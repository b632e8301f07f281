"""docs/reference/metrics.md, written from the tasks' metrics and from the docstrings of `foodbench/metrics`.

`python -m tests.docs.generated` writes it anew.
"""

from __future__ import annotations

import ast
import math
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

from foodbench.cli.show import formula
from foodbench.metrics.aggregate import Metric
from foodbench.tasks import TASKS
from tests.conftest import REPOSITORY
from tests.test_docs import metric_row

HEAD = """# Metric reference

Generated from the code by `python -m tests.docs.generated`; a test says whether it is current. The conventions, how
intervals are made and where formulas come from are explained in [metrics.md](../metrics.md). Here is every metric that
a task reports, with the keys of the per-sample values (in `samples.jsonl`) that it is made of, and then the functions
that compute those values.

↑ higher is better, ↓ lower is better. The range is that of the printed number. A task's third part is its protocol.

"""
_FUNCTIONS = """## Functions

`foodbench.metrics` imports nothing of tasks, models or datasets: its functions take texts, numbers and masks, and can
be used alone. A function that returns a `dict` gives one sample's values.

"""
_SECTION = re.compile(r"^ {4}(\S[^:]*): ?(.*)$")
_FIELDS = ("Args", "Attributes", "Returns", "Raises")
Entry = tuple[str, str, str, str, str, str]


def page() -> str:
    """The whole page."""
    return HEAD + "".join(_metrics()) + _FUNCTIONS + "".join(_modules())


def _metrics() -> Iterator[str]:
    sections = _sections_of_the_page()
    rows: dict[str, dict[Entry, list[str]]] = {title: {} for title in dict.fromkeys(sections.values())}
    for name in TASKS.names():
        for metric in TASKS.get(name).metrics:
            title = next(title for row, title in sections.items() if row.startswith(metric_row(metric)))
            rows[title].setdefault(_entry(metric), []).append(name)
    for title, entries in rows.items():
        if not entries:
            continue
        yield f"## {title}\n\n[Conventions](../metrics.md#{_anchor(title)}).\n\n"
        yield "| id | | unit | range | from the samples' values | meaning | tasks |\n|---|---|---|---|---|---|---|\n"
        for entry, tasks in sorted(entries.items()):
            yield f"| {' | '.join(entry)} | {', '.join(f'`{name}`' for name in tasks)} |\n"
        yield "\n"


def _sections_of_the_page() -> dict[str, str]:
    """Every row of docs/metrics.md with the heading above it."""
    found, title = {}, ""
    for line in (REPOSITORY / "docs" / "metrics.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            title = line.lstrip("# ")
        elif line.startswith("| `"):
            found[line] = title
    return found


def _anchor(title: str) -> str:
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def _entry(metric: Metric) -> Entry:
    # The version of a library is the installation's, not the metric's.
    signature = re.sub(r"\|version:[^|]*", "", metric.signature).replace("|", ", ")
    meaning = metric.description + (f" Signature: `{signature}`." if signature else "")
    low, high = (metric.scale * bound for bound in metric.bounds)
    limits = "" if math.isinf(low) and math.isinf(high) else f"{_number(low)} to {_number(high)}"
    direction = "↑" if metric.higher_is_better else "↓"
    return f"`{metric.id}`", direction, metric.unit, limits, f"`{formula(metric)}`", meaning.replace("|", "\\|")


def _number(value: float) -> str:
    return "any" if math.isinf(value) else f"{value:g}"


def _modules() -> Iterator[str]:
    folder = REPOSITORY / "foodbench" / "metrics"
    for path in [*sorted(folder.glob("*.py")), *sorted((folder / "reading").glob("*.py"))]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        parts = [_definition(node) for node in tree.body if _is_public(node)]
        if parts:
            yield f"### {_module_name(path)}\n\n{_markdown(ast.get_docstring(tree) or '')}\n\n" + "".join(parts)


def _module_name(path: Path) -> str:
    return ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)


def _is_public(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")


def _definition(node: ast.stmt, owner: str = "") -> str:
    if isinstance(node, ast.FunctionDef):
        returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
        arguments = ast.unparse(node.args).removeprefix("self, " if owner else "").removeprefix("self" if owner else "")
        head = f"{owner}{node.name}({arguments}){returns}"
        methods = ""
    else:
        assert isinstance(node, ast.ClassDef)
        head = f"class {node.name}"
        public = [part for part in node.body if isinstance(part, ast.FunctionDef) and _is_public(part)]
        methods = "".join(_definition(part, f"{node.name}.") for part in public)
    assert isinstance(node, ast.FunctionDef | ast.ClassDef)
    return f"```python\n{head}\n```\n\n{_markdown(ast.get_docstring(node) or '')}\n\n{methods}"


def _markdown(docstring: str) -> str:
    """A Google-style docstring: its fields become lists, the rest stays."""
    out: list[str] = []
    for block in re.split(r"\n\n+", docstring):
        title, _, rest = block.partition(":\n")
        inside = title in _FIELDS and bool(rest)
        body = textwrap.dedent(rest) if title == "Returns" else _fields(rest)
        out.append(f"**{title}**\n\n{body}" if inside else block)
    return "\n\n".join(out)


def _fields(text: str) -> str:
    items: list[str] = []
    for line in text.splitlines():
        match = _SECTION.match(line)
        if match and re.fullmatch(r"[\w, *]+", match[1]):
            items.append(f"- `{match[1]}`: {match[2]}")
        elif line.startswith("     ") and items:
            items[-1] += f"\n  {line.strip()}"
        else:
            items.append(textwrap.dedent(line).strip())
    return "\n".join(items)
