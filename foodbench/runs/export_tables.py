"""Results as tables for people: Markdown, and LaTeX with booktabs. Real data and each kitchen have tables of their own.

A result that is not of the whole split, asked in the right way, says so in its row.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from foodbench.core.printable import printable
from foodbench.runs.export import Metrics, RunResults, chosen_metrics, commit_of, not_full, version_of
from foodbench.runs.schema import MetricRecord, ReferenceFigure, TaskResult

SYNTHETIC = "synthetic plates drawn by foodbench, not the real datasets"
_NONE = "–"
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.:@/<>=+ -]+")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+!|~$<>&-])")
_LATEX: Mapping[str, str] = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "–": "--",
}


@dataclass(frozen=True, slots=True)
class _Row:
    task: str
    remarks: Sequence[str]
    metric: str
    unit: str
    rises: bool
    value: str
    interval: str
    n: str
    parsed: str
    floor: str
    ceiling: str


def _editions(results: RunResults) -> dict[str, list[TaskResult]]:
    """The results by edition, real data first: what may stand in one table."""
    found: dict[str, list[TaskResult]] = {}
    for result in sorted(results.results.values(), key=lambda each: each.dataset.edition != "real"):
        found.setdefault(result.dataset.label, []).append(result)
    return found


def _rows(results: Sequence[TaskResult], metrics: Metrics) -> list[_Row]:
    return [
        _row(result, metric, first=index == 0)
        for result in results
        for index, metric in enumerate(chosen_metrics(result, metrics))
    ]


def _row(result: TaskResult, metric: MetricRecord, *, first: bool) -> _Row:
    numbers = (metric.value, metric.low, metric.high)
    largest = max((abs(number) for number in numbers if number is not None), default=0.0)
    digits = 1 if metric.unit in ("%", "kcal", "g") or largest >= 100 else 2 if largest >= 10 else 3
    bounded = metric.low is not None and metric.high is not None
    return _Row(
        task=f"{result.task.name}@{result.task.version}" if first else "",
        remarks=not_full(result) if first else [],
        metric=metric.id,
        unit=metric.unit,
        rises=metric.higher_is_better,
        value=_number(metric.value, digits),
        interval=f"{_number(metric.low, digits)} – {_number(metric.high, digits)}" if bounded else _NONE,
        n=f"{metric.n:,}",
        parsed=f"{100 * result.parse_rate:.1f}" if first else "",
        floor=_reference(metric.floor, digits),
        ceiling=_reference(metric.ceiling, digits),
    )


def _number(value: float | None, digits: int) -> str:
    return _NONE if value is None else f"{value:,.{digits}f}"


def _reference(figure: ReferenceFigure | None, digits: int) -> str:
    return _NONE if figure is None else _number(figure.value, digits)


def _model(results: RunResults) -> str:
    arguments = ", ".join(f"{name}={value}" for name, value in results.run.model.args.items())
    return results.run.model.spec + (f" ({arguments})" if arguments else "")


def _data(label: str) -> str:
    return "real data" if label == "real" else f"the {label.replace('kitchen', 'kitchen edition', 1)}: {SYNTHETIC}"


def _made_by(results: Sequence[TaskResult]) -> str:
    """Which foodbench scored them: a version each, with the commit where it ran from a repository."""
    seen = dict.fromkeys((version_of(result), commit_of(result)) for result in results)
    named = [f"{version or '?'}" + (f", commit {_short(commit)}" if commit else "") for version, commit in seen]
    return f"foodbench {'; '.join(named)}"


def _short(commit: str) -> str:
    return commit[:12] + ("+" if commit.endswith("+") else "")


def _intervals(results: Sequence[TaskResult]) -> str:
    shares = sorted({metric.confidence for result in results for metric in result.metrics})
    return " and ".join(f"{100 * share:g}%" for share in shares) + " interval"


def to_markdown(results: RunResults, *, metrics: Metrics = "headline") -> str:
    """A section for each edition, with a table of its results."""
    parts = []
    for label, chosen in _editions(results).items():
        headers = ("task", "metric", "value", _intervals(chosen), "n", "parsed (%)", "floor", "ceiling")
        lines = [
            f"### {_markdown(_model(results))} on {_markdown(_data(label))}",
            "",
            f"Run {_markdown_name(results.run.run_id)}, model {_markdown_name(results.run.model.identity)}, scored by "
            f"{_markdown(_made_by(chosen))}. The floor is the best baseline that answers without looking, the ceiling "
            "the reference through the same parser; ↑: higher is better.",
            "",
            f"| {' | '.join(headers)} |",
            f"| --- | --- |{' ---: |' * (len(headers) - 2)}",
            *(f"| {' | '.join(_markdown_cells(row))} |" for row in _rows(chosen, metrics)),
        ]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _markdown_cells(row: _Row) -> tuple[str, ...]:
    unit = f" ({_markdown(row.unit)})" if row.unit else ""
    remarks = f" ({_markdown('; '.join(row.remarks))})" if row.remarks else ""
    return (
        (_markdown_name(row.task) if row.task else "") + remarks,
        f"{_markdown_name(row.metric)}{unit} {'↑' if row.rises else '↓'}",
        row.value,
        row.interval,
        row.n,
        row.parsed,
        row.floor,
        row.ceiling,
    )


def _markdown(text: str) -> str:
    """Text in which no character has a meaning of Markdown's or HTML's."""
    return _MARKDOWN.sub(r"\\\1", printable(text))


def _markdown_name(text: str) -> str:
    """A name as code, if nothing in it could end that."""
    return f"`{text}`" if _PLAIN_NAME.fullmatch(text) else _markdown(text)


def to_latex(results: RunResults, *, metrics: Metrics = "headline") -> str:
    r"""A `table` for each edition, for the package booktabs, in UTF-8."""
    parts = ["% Needs \\usepackage{booktabs}.\n"]
    for label, chosen in _editions(results).items():
        headers = ("Task", "Metric", "Value", _intervals(chosen), "n", "Parsed (%)", "Floor", "Ceiling")
        caption = (
            f"{_model(results)} on {_data(label)}. Floor: the best baseline that answers without looking; ceiling: the "
            f"reference through the same parser. Scored by {_made_by(chosen)}, run {results.run.run_id}."
        )
        lines = [
            r"\begin{table}[t]",
            r"  \centering",
            rf"  \caption{{{_latex(caption)}}}",
            rf"  \label{{tab:{_slug(results.run.run_id)}-{_slug(label)}}}",
            rf"  \begin{{tabular}}{{ll{'r' * (len(headers) - 2)}}}",
            r"    \toprule",
            rf"    {' & '.join(map(_latex, headers))} \\",
            r"    \midrule",
            *(rf"    {' & '.join(_latex_cells(row))} \\" for row in _rows(chosen, metrics)),
            r"    \bottomrule",
            r"  \end{tabular}",
            r"\end{table}",
        ]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _latex_cells(row: _Row) -> tuple[str, ...]:
    task = row.task + (f" ({'; '.join(row.remarks)})" if row.remarks else "")
    metric = row.metric + (f" ({row.unit})" if row.unit else "")
    arrow = r"$\uparrow$" if row.rises else r"$\downarrow$"
    numbers = (row.value, row.interval, row.n, row.parsed, row.floor, row.ceiling)
    # "-" before a digit is a minus there, and a hyphen here.
    return (_latex(task), f"{_latex(metric)} {arrow}", *(re.sub(r"-(?=\d)", "$-$", _latex(cell)) for cell in numbers))


def _latex(text: str) -> str:
    """Text in which no character has a meaning of LaTeX's."""
    return "".join(_LATEX.get(char, char) for char in printable(text))


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "run"
