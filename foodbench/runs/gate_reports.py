"""A gate's findings for people and machines: lines of a table, Markdown for a pull request, JUnit XML for a CI server.

Names, notes and reasons come from runs and files that others wrote: Markdown and XML get them escaped.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Sequence

from foodbench.core.printable import printable
from foodbench.core.wording import counted
from foodbench.runs.gate_schema import DifferenceRecord, GateInvariant, GateReport, GateRow
from foodbench.stats.verdict import Verdict

HEADERS = ("task", "metric", "", "baseline", "candidate", "difference", "margin", "n / clusters", "verdict")
RIGHT = (3, 4, 6)
_BAD = (Verdict.FAIL, Verdict.NOT_COMPARABLE, Verdict.NOT_MEASURED, Verdict.INCONCLUSIVE)
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+!|~>@&$-])")
_CELL = 300


def shown(value: float | None, unit: str, scale: float = 1.0) -> str:
    """A number with its unit; a dash for none.

    Args:
        value: the number.
        unit: its unit.
        scale: how large numbers of its kind are: a bare number below 2 (an IoU) has three decimals.
    """
    return "–" if value is None else f"{value:,.{_decimals(value, unit, scale)}f}{_suffix(unit)}"


def shown_change(value: float | None, unit: str, scale: float = 1.0) -> str:
    """A signed difference; in percent points for a metric in percent."""
    if value is None:
        return "–"
    return _signed(value, unit, scale) + (" pp" if unit == "%" else _suffix(unit))


def shown_difference(difference: DifferenceRecord | None, unit: str, scale: float = 1.0) -> str:
    """`+7.7 [+4.1, +11.3] pp`."""
    if difference is None or difference.value is None:
        return "–"
    ends = [end for end in (difference.low, difference.high) if end is not None]
    extra = _extra_decimals([difference.value, *ends], unit, scale)
    text, *others = (_signed(value, unit, scale, extra) for value in (difference.value, *ends))
    if len(others) == 2:
        text += f" [{', '.join(others)}]"
    return text + (" pp" if unit == "%" else _suffix(unit))


def scale_of(*values: float | None) -> float:
    """How large the numbers of a metric are, for `shown`."""
    return max((abs(value) for value in values if value is not None), default=1.0)


def _signed(value: float, unit: str, scale: float, extra: int = 0) -> str:
    digits = _decimals(value, unit, scale)
    text = f"{abs(value):,.{(digits if digits != 1 or abs(value) >= 10 else 2) + extra}f}"
    return text if not float(text.replace(",", "")) else f"{'+' if value > 0 else '−'}{text}"


def _extra_decimals(values: Sequence[float], unit: str, scale: float) -> int:
    """How many more decimals it takes until nothing but zero is written as zero; none if three are not enough."""
    for extra in range(4):
        if all(value == 0 or _signed(value, unit, scale, extra)[0] in "+−" for value in values):
            return extra
    return 0


def _decimals(value: float, unit: str, scale: float) -> int:
    if not unit and scale <= 2:
        return 3
    return 1 if abs(value) < 1000 else 0


def _suffix(unit: str) -> str:
    return "" if not unit else "%" if unit == "%" else f" {unit}"


def table_row(row: GateRow) -> tuple[str, ...]:
    """A row of the gate under `HEADERS`, as plain text."""
    size = "–" if row.difference is None else f"{row.difference.n:,} / {row.difference.clusters:,}"
    scale = scale_of(row.baseline, row.candidate)
    return (
        row.task,
        row.metric or "–",
        "" if row.metric is None else "↑" if row.higher_is_better else "↓",
        shown(row.baseline, row.unit, scale),
        shown(row.candidate, row.unit, scale),
        shown_difference(row.difference, row.unit, scale),
        "–" if row.margin is None else shown_change(row.margin, row.unit, scale).removeprefix("+"),
        size,
        verdict_text(row),
    )


def verdict_text(row: GateRow) -> str:
    """The verdict with what explains it."""
    facts = []
    if row.verdict == Verdict.INCONCLUSIVE and row.detectable is not None:
        scale = scale_of(row.baseline, row.candidate)
        facts.append(f"can detect {shown_change(row.detectable, row.unit, scale).removeprefix('+')}")
        enough = row.difference is not None and row.needed is not None and row.needed <= row.difference.clusters
        facts.append(
            "the drop is near the margin" if enough else f"needs {row.needed:,} clusters" if row.needed else ""
        )
    elif row.note:
        facts.append(row.note)
    if row.verdict == Verdict.FAIL and row.adjusted_p is not None:
        facts.append(f"Holm p = {row.adjusted_p:.2g}")
    if row.acknowledged is not None:
        facts.append(f"acknowledged by {row.acknowledged.author} until {row.acknowledged.expires}")
    return ": ".join(filter(None, (row.verdict.upper(), ", ".join(filter(None, facts)))))


def invariant_text(each: GateInvariant) -> str:
    """One line about a hard rule."""
    state = "ok" if each.holds else "BROKEN"
    if each.acknowledged is not None:
        state = f"broken, acknowledged by {each.acknowledged.author} until {each.acknowledged.expires}"
    return f"{each.name}: {state}: {each.text}"


def headline(report: GateReport) -> str:
    """`GATE: FAIL (1 fail, 2 pass)`."""
    counts = {verdict: sum(row.verdict == verdict for row in report.rows) for verdict in Verdict}
    parts = [f"{count} {verdict.value}" for verdict, count in counts.items() if count]
    broken = sum(not each.holds and each.acknowledged is None for each in report.invariants)
    parts += [counted(broken, "broken rule")] if broken else []
    taken = sum(row.acknowledged is not None for row in report.rows)
    taken += sum(each.acknowledged is not None for each in report.invariants)
    parts += [f"{taken} acknowledged"] if taken else []
    return f"GATE: {report.verdict.upper()}" + (f" ({', '.join(parts)})" if parts else "")


def remarks(report: GateReport) -> list[str]:
    """What else people must know: one sentence each."""
    found = [invariant_text(each) for each in sorted(report.invariants, key=lambda each: each.holds)]
    found += report.notes
    if report.new_tasks:
        found.append(f"new, nothing to compare with: {', '.join(report.new_tasks)}")
    if report.ungated_tasks:
        found.append(f"not gated by the policy: {', '.join(report.ungated_tasks)}")
    if report.verdict == Verdict.INCONCLUSIVE and not report.strict:
        found.append("warning: inconclusive is no proof of anything; --strict makes it exit code 3")
    return found


def to_acknowledge(report: GateReport) -> list[tuple[str, str, str]]:
    """Task, metric or rule, and digest of everything that an acknowledgement can be about."""
    rows = [(row.task, str(row.metric), row.digest) for row in report.rows if row.acknowledged is None and row.digest]
    rules = [
        (each.task or "", each.name, each.digest)
        for each in report.invariants
        if not each.holds and each.acknowledged is None and each.digest
    ]
    return [*rows, *rules]


# Markdown


def escaped(text: str, limit: int = _CELL) -> str:
    """Text that Markdown and its HTML show as it is: no link, no mention, no markup, one line."""
    visible = printable(" ".join(text.split()), limit=limit)
    return _MARKDOWN.sub(r"\\\1", visible).replace("<", "&lt;").replace("\\@", "&#64;")


def markdown(report: GateReport) -> str:
    """The report for a job's summary or a comment."""
    sides = " · ".join(
        f"{role} {escaped(side.run_id)} ({escaped(side.model)})"
        for role, side in (("baseline", report.baseline), ("candidate", report.candidate))
    )
    lines = [f"## {escaped(headline(report), 1000)}", "", sides, ""]
    bad = [row for row in report.rows if row.verdict in _BAD]
    good = [row for row in report.rows if row.verdict not in _BAD]
    if bad:
        lines += [*_markdown_table(bad), ""]
    if good:
        title = counted(len(good), "metric")
        table = _markdown_table(good)
        lines += [f"<details><summary>{title} as good or better</summary>", "", *table, "", "</details>", ""]
    lines += [f"- {escaped(remark, 1000)}" for remark in remarks(report)]
    pending = to_acknowledge(report)
    if pending:
        lines += ["", "<details><summary>To acknowledge</summary>", "", *_markdown_acks(pending), "", "</details>"]
    return "\n".join(lines) + "\n"


def _markdown_table(rows: Sequence[GateRow]) -> list[str]:
    aligned = ["---:" if index in RIGHT else "---" for index in range(len(HEADERS))]
    return [_cells(HEADERS), _cells(aligned), *(_cells(map(escaped, table_row(row))) for row in rows)]


def _cells(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _markdown_acks(pending: Sequence[tuple[str, str, str]]) -> list[str]:
    rows = [_cells((escaped(task), escaped(metric), f"`{digest}`")) for task, metric, digest in pending]
    return [_cells(("task", "metric or rule", "verdict")), _cells(("---",) * 3), *rows]


# JUnit


def junit(report: GateReport) -> str:
    """JUnit XML: a test case for each gated metric and each hard rule.

    FAIL and broken rules are failures; NOT COMPARABLE and NOT MEASURED are errors; INCONCLUSIVE is skipped, or with
    `--strict` a failure. What is acknowledged passes.
    """
    cases = [_row_case(row, report.strict) for row in report.rows]
    cases += [_rule_case(each) for each in report.invariants]
    counts = {"tests": str(len(cases))}
    for kind, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        counts[kind] = str(sum(case.find(tag) is not None for case in cases))
    suites = ElementTree.Element("testsuites", {"name": "foodbench gate", **counts})
    named = {"name": _xml(f"gate {report.candidate.run_id}"), "time": "0", **counts}
    suite = ElementTree.SubElement(suites, "testsuite", named)
    suite.extend(cases)
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _row_case(row: GateRow, strict: bool) -> ElementTree.Element:
    case = ElementTree.Element("testcase", classname=_xml(row.task), name=_xml(row.metric or "task"), time="0")
    kinds = {
        Verdict.FAIL: "failure",
        Verdict.NOT_COMPARABLE: "error",
        Verdict.NOT_MEASURED: "error",
        Verdict.INCONCLUSIVE: "failure" if strict else "skipped",
    }
    kind = kinds.get(Verdict(row.verdict)) if row.acknowledged is None else None
    told = "; ".join((*table_row(row)[3:8], verdict_text(row)))
    if kind is None:
        ElementTree.SubElement(case, "system-out").text = _xml(told)
    else:
        ElementTree.SubElement(case, kind, message=_xml(verdict_text(row))).text = _xml(told)
    return case


def _rule_case(each: GateInvariant) -> ElementTree.Element:
    case = ElementTree.Element(
        "testcase", classname="rules", name=_xml(f"{each.name} {each.task or ''}".strip()), time="0"
    )
    if each.holds or each.acknowledged is not None:
        ElementTree.SubElement(case, "system-out").text = _xml(invariant_text(each))
    else:
        ElementTree.SubElement(case, "failure", message=_xml(each.text)).text = _xml(invariant_text(each))
    return case


def _xml(text: str) -> str:
    """Only characters that XML 1.0 can hold."""
    visible = printable(text, limit=2000, keep_lines=True)
    return "".join(char if ord(char) not in (0xFFFE, 0xFFFF) else "?" for char in visible)
