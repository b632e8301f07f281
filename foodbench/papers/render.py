"""Tables as Markdown, CSV, LaTeX and one self-contained HTML page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from foodbench.core.printable import printable
from foodbench.papers.layout import body, has_groups, headings, marked
from foodbench.papers.lint import Finding
from foodbench.papers.sheet import Panel, Record, Sheet
from foodbench.runs.export_text import to_csv

CSV_HEADERS = (
    "paper", "table", "block", "group", "row", "span", "column", "task", "metric", "protocol", "unit", "reported",
    "status", "run", "measured", "low", "high", "samples", "paper_samples", "difference", "why", "note",
)  # fmt: skip
_MARKDOWN = re.compile(r"([\\|`*_\[\]<>#~])")
_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "[": "{[}", "]": "{]}", "–": "--", "−": "$-$", "×": r"$\times$",
}  # fmt: skip


def render_sheet(sheet: Sheet, form: str) -> str:
    """A table as text of the format `md`, `csv`, `latex` or `html`."""
    return {"md": _sheet_markdown, "csv": _sheet_csv, "latex": _sheet_latex, "html": _sheet_html}[form](sheet)


def render_rows(title: str, headers: Sequence[str], rows: Sequence[Sequence[str]], form: str) -> str:
    """Plain rows as text of the format `md`, `csv`, `latex` or `html`."""
    if form == "md":
        return f"## {markdown(title)}\n\n{_markdown_table(headers, rows)}"
    if form == "csv":
        return to_csv([dict(zip(headers, row, strict=True)) for row in rows], headers)
    if form == "latex":
        return _LATEX_HEAD + _latex_table(title, [" & ".join(map(latex, headers))], len(headers), rows)
    return _html(title=title, rows=rows, headers=headers, sheet=None)


def markdown(text: str) -> str:
    """Text of unknown origin for a Markdown table: nothing in it is markup, and it stays on one line."""
    return _MARKDOWN.sub(r"\\\1", printable(text))


def latex(text: str) -> str:
    """Text of unknown origin for LaTeX: nothing in it is a command."""
    return "".join(_LATEX.get(char, char) for char in printable(text))


def findings_markdown(findings: Sequence[Finding]) -> str:
    """What the linter found as a Markdown list, a paragraph each."""
    return "".join(
        f"- **{markdown(' and '.join(finding.tables))}**, {finding.severity} (`{finding.rule}`)"
        + (f", {markdown(finding.where)}" if finding.where else "")
        + f".\n  Printed: {markdown(finding.printed)}.\n  Computed: {markdown(finding.computed)}.\n"
        + f"  {markdown(finding.because)}\n"
        for finding in findings
    )


def _markdown_table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headers, ["---"] * len(headers), *rows]
    return "".join(
        f"| {' | '.join(cell if index == 1 else markdown(cell) for cell in line)} |\n"
        for index, line in enumerate(lines)
    )


def _sheet_markdown(sheet: Sheet) -> str:
    link = f", <{sheet.paper.url}>" if sheet.paper.url else ""
    parts = [f"## {markdown(sheet.title)}\n\n{markdown(sheet.paper.source)}{link}\n"]
    for panel in sheet.panels:
        title = markdown(panel.title) + (" (not comparable with the paper)" if panel.apart else "")
        parts.append(f"### {title}\n\n{_markdown_table(headings(panel), body(panel))}")
        parts += [f"{markdown(remark)}\n" for remark in panel.remarks]
    if sheet.notes:
        parts.append("".join(f"- \\[{number}\\] {markdown(note)}\n" for number, note in enumerate(sheet.notes, 1)))
    if sheet.runs:
        parts.append("Runs:\n\n" + "".join(f"- {markdown(run)}\n" for run in sheet.runs))
    return "\n".join(parts)


def _sheet_csv(sheet: Sheet) -> str:
    """One line per reported cell and run (or per cell without one), so that it can be read by programs."""
    return to_csv([_csv_row(record) for record in sheet.records], CSV_HEADERS)


def _csv_row(record: Record) -> dict[str, Any]:
    cell, found = record.cell, record.measurement
    return {
        **{name: getattr(cell, name) for name in ("paper", "table", "block", "group", "span", "column")},
        "row": cell.row if record.reported else "",
        "task": found.task if found and found.task else cell.task,
        "metric": cell.metric,
        "protocol": cell.protocol,
        "unit": cell.unit,
        "reported": cell.value if record.reported else None,
        "status": record.status,
        "run": found.run if found else "",
        "measured": found.value if found else None,
        "low": found.low if found else None,
        "high": found.high if found else None,
        "samples": found.n if found else None,
        "paper_samples": cell.items,
        "difference": record.difference,
        "why": record.why,
        "note": cell.note if record.reported else "",
    }


_LATEX_HEAD = "% Needs \\usepackage{booktabs}.\n"


def _latex_table(title: str, head: Sequence[str], columns: int, rows: Iterable[Sequence[str]]) -> str:
    lines = [
        r"\begin{table}",
        rf"\caption{{{latex(title)}}}",
        rf"\begin{{tabular}}{{{'l' * columns}}}",
        r"\toprule",
        *(line if line.startswith(r"\cmidrule") else rf"{line} \\" for line in head),
        r"\midrule",
        *(rf"{' & '.join(map(latex, row))} \\" for row in rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n\\end{table}\n"


def _latex_head(panel: Panel) -> list[str]:
    """One line of headings, or two with the spans above; a span over several columns is one heading."""
    lead = 3 if has_groups(panel) else 2
    names = headings(panel)[:lead]
    if not any(span for span, _ in panel.columns):
        return [" & ".join(map(latex, headings(panel)))]
    spans: list[tuple[str, int]] = []
    for span, _ in panel.columns:
        if spans and spans[-1][0] == span:
            spans[-1] = (span, spans[-1][1] + 1)
        else:
            spans.append((span, 1))
    rules, at = [], lead
    for span, width in spans:
        if span and width > 1:
            rules.append(rf"\cmidrule(lr){{{at + 1}-{at + width}}}")
        at += width
    above = [""] * lead + [rf"\multicolumn{{{width}}}{{l}}{{{latex(span)}}}" for span, width in spans]
    below = [*map(latex, names), *(latex(column) for _, column in panel.columns)]
    return [" & ".join(above), *([" ".join(rules)] if rules else []), " & ".join(below)]


def _sheet_latex(sheet: Sheet) -> str:
    parts = [_LATEX_HEAD, f"% {latex(sheet.title)}\n% {latex(sheet.paper.source)} {sheet.paper.url}\n"]
    for panel in sheet.panels:
        columns = len(headings(panel))
        title = panel.title + (" (not comparable with the paper)" if panel.apart else "")
        parts.append(_latex_table(title, _latex_head(panel), columns, body(panel)))
        parts += [f"{latex(remark)}\n\n" for remark in panel.remarks]
    listed = [f"[{number}] {note}" for number, note in enumerate(sheet.notes, 1)]
    listed += [f"Run {run}" for run in sheet.runs]
    if listed:
        items = "".join(rf"\item {{}}{latex(text)}" + "\n" for text in listed)
        parts.append(f"\\begin{{itemize}}\n{items}\\end{{itemize}}\n")
    return "\n".join(parts)


def _sheet_html(sheet: Sheet) -> str:
    return _html(title=sheet.title, sheet=sheet, rows=(), headers=())


def _html(**context: Any) -> str:
    from importlib.resources import files

    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["visible"] = printable
    text = (files("foodbench.papers") / "templates" / "table.html").read_text(encoding="utf-8")
    return environment.from_string(text).render(**context, has_groups=has_groups, marked=marked) + "\n"
