"""Rules of the linter for what is printed twice, and for what the text says of the tables."""

from __future__ import annotations

from collections.abc import Iterator

from foodbench.papers.catalog import Cell, Paper
from foodbench.papers.links import Settings, linked
from foodbench.papers.lint import Deviation
from foodbench.papers.numbers import shown


def same(paper: Paper, settings: Settings) -> Iterator[Deviation]:
    """Each cell of `is` repeats its cells of `of` (one of them with `any`), or those times the cell `factor`."""
    factor = paper.select(settings["factor"])[0] if "factor" in settings else None
    for target, sources in linked(paper, settings):
        fits = [_repeats(target, cell, factor) for cell in sources]
        if any(fits) if settings.get("any") else all(fits):
            continue
        apart = [cell for cell, fit in zip(sources, fits, strict=True) if not fit]
        steps = [
            f"{shown(abs(target.interval.middle - cell.interval.middle))} apart"
            if factor is None
            else f"{cell.value} × {factor.value} = {(cell.interval * factor.interval).middle:g}, not {target.value}"
            for cell in apart
        ]
        yield Deviation([target, *apart], " and ".join(dict.fromkeys(steps)))


def _repeats(target: Cell, source: Cell, factor: Cell | None) -> bool:
    if target.interval.meets(source.interval):
        return True
    return factor is not None and target.interval.meets(source.interval * factor.interval)


def gain(paper: Paper, settings: Settings) -> Iterator[Deviation]:
    """The claim `is` is the change between each cell of `from` and its cell of `to`; a fall with `falls`.

    Percent of numbers in percent are points; percent of other numbers are relative.
    """
    (claim,) = paper.select(settings["is"])
    sign = -1.0 if settings.get("falls") else 1.0
    for before, after in zip(settings["from"], settings["to"], strict=True):
        (start,), (end,) = paper.select(before), paper.select(after)
        points = (end.interval - start.interval).times(sign)
        relative = (points / start.interval).times(100)
        expected = relative if claim.unit == "%" and start.unit != "%" else points
        if not expected.meets(claim.interval):
            moved, digits = points.middle * sign, max(len(cell.value.partition(".")[2]) for cell in (start, end))
            named = " points" if start.unit == "%" else ""
            step = f"{start.value} to {end.value} is {moved:+.{digits}f}{named} ({relative.middle * sign:+.2f}%)"
            if points.high < 0:
                step += ", the other way"
            elif relative.meets(claim.interval):
                step += f"; {claim.shown} is the relative change"
            yield Deviation([claim, start, end], step)


def greater(paper: Paper, settings: Settings) -> Iterator[Deviation]:
    """Every cell of `more` is greater than its cells of `less`."""
    cells: list[Cell] = []
    steps = []
    for cell, others in linked(paper, settings, "less", "more"):
        for other in others:
            if not cell.interval.can_exceed(other.interval):
                cells += [each for each in (cell, other) if each not in cells]
                column = ", ".join(filter(None, (cell.group, cell.span, cell.column)))
                steps.append(f"{column}: {cell.value} is not above {other.value}")
    if cells:
        yield Deviation(cells, "; ".join(steps))
