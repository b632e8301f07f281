"""Panels and findings as plain rows of text, for every format that is a table."""

from __future__ import annotations

from foodbench.papers.lint import Finding
from foodbench.papers.sheet import Field, Panel

FINDING_HEADERS = ("paper", "table", "severity", "rule", "where", "printed", "computed", "because")


def has_groups(panel: Panel) -> bool:
    """Whether rows are grouped."""
    return any(line.group for line in panel.lines)


def headings(panel: Panel) -> list[str]:
    """The title of each column."""
    lead = ["group", "row", "source"] if has_groups(panel) else ["row", "source"]
    return [*lead, *(" ".join(filter(None, column)) for column in panel.columns)]


def body(panel: Panel) -> list[list[str]]:
    """The rows; a group's name stands in its first only."""
    rows = []
    last = None
    for line in panel.lines:
        group = line.group if line.group != last else ""
        last = line.group or last
        lead = [group] if has_groups(panel) else []
        rows.append([*lead, line.row, line.source, *(marked(field) for field in line.fields)])
    return rows


def marked(field: Field) -> str:
    """A field's text and the numbers of its notes."""
    return f"{field.text} [{', '.join(map(str, field.notes))}]" if field.notes else field.text


def finding_row(finding: Finding) -> tuple[str, ...]:
    """A finding in the columns of `FINDING_HEADERS`."""
    return (
        finding.paper,
        " and ".join(finding.tables),
        finding.severity,
        finding.rule,
        finding.where,
        finding.printed,
        finding.computed,
        finding.because,
    )
