"""The rules of the linter: each recomputes one kind of relation between a paper's printed numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from foodbench.papers import numbers as arithmetic
from foodbench.papers.catalog import Cell, Paper
from foodbench.papers.links import Settings, linked
from foodbench.papers.lint import Deviation, Rule
from foodbench.papers.numbers import Interval, f1_of_iou, harmonic, shown, shown_interval
from foodbench.papers.rules_of_text import gain, greater, same

HUNDRED = Interval(100, 100)
KCAL_PER_GRAM = {"Carbohydrate": 4.0, "Fat": 9.0, "Protein": 4.0}


def bounds(paper: Paper, settings: Settings) -> Iterator[Deviation]:
    """Numbers lie between `low` and `high`."""
    for cell in paper.select(settings["cells"]):
        allowed = Interval(settings["low"], settings["high"])
        if not cell.interval.meets(allowed):
            beyond = "above" if cell.interval.low > allowed.high else "below"
            limit = allowed.high if beyond == "above" else allowed.low
            yield Deviation([cell], f"{cell.shown} is {beyond} {shown(limit)}")


def mean(paper: Paper, settings: Settings) -> Iterator[Deviation]:
    """Each cell of `is` is the mean of those of `of` that agree with it in the fields `per`."""
    for target, sources in linked(paper, settings):
        computed = arithmetic.mean([cell.interval for cell in sources])
        if not computed.meets(target.interval):
            yield Deviation([target], f"the mean of the {len(sources)} numbers is {shown_interval(computed)}")


def total(paper: Paper, settings: Settings) -> Iterator[Deviation]:
    """Each cell of `is` is the sum of its cells of `of`, each times the cell of `times` in its row."""
    factors = paper.select(settings["times"]) if "times" in settings else []
    for target, sources in linked(paper, settings):
        parts, terms = [], []
        for cell in sources:
            factor = next((one for one in factors if one.agrees(cell, ("block", "group", "row"))), None)
            parts.append(cell.interval * factor.interval if factor else cell.interval)
            terms.append(f"{factor.value} × {cell.value}" if factor else cell.value)
        computed = arithmetic.total(parts)
        if not computed.meets(target.interval):
            yield Deviation([target], f"{' + '.join(terms)} = {shown_interval(computed)}")


def implied_mean(paper: Paper, settings: Settings) -> Iterator[Deviation]:
    """Errors over their percentages of the mean give one mean in all rows of the fields `of_one`.

    With `together`, all that do not are one finding.
    """
    families: dict[tuple[str, ...], list[tuple[Cell, Cell, Interval]]] = {}
    for error, percent in pairs(paper, settings):
        key = tuple(getattr(error, name) for name in settings["of_one"])
        families.setdefault(key, []).append((error, percent, implied(error, percent)))
    found = []
    for members in families.values():
        if not all(one[2].meets(other[2]) for one in members for other in members):
            cells = [cell for error, percent, _ in members for cell in (error, percent)]
            steps = [f"{error.value} / {percent.value}% = {shown_interval(each)}" for error, percent, each in members]
            named = f"{members[0][0].span}: " if settings.get("together") else ""
            found.append(Deviation(cells, named + " and ".join(steps)))
    if settings.get("together") and found:
        yield Deviation([cell for one in found for cell in one.cells], "; ".join(one.computed for one in found))
    else:
        yield from found


def implied(error: Cell, percent: Cell) -> Interval:
    """The mean of the true values that an error and its percentage of it imply."""
    return error.interval / (percent.interval / HUNDRED)


def pairs(paper: Paper, settings: Settings) -> list[tuple[Cell, Cell]]:
    """Each error with its percentage."""
    percents = {(cell.block, cell.group, cell.row, cell.span): cell for cell in paper.select(settings["percent"])}
    return [(cell, percents[(cell.block, cell.group, cell.row, cell.span)]) for cell in paper.select(settings["error"])]


def energy(paper: Paper, settings: Settings) -> Iterator[Deviation]:
    """The implied mean energy is that of the implied macronutrients, within the share `tolerance`."""
    rows: dict[tuple[str, ...], dict[str, tuple[Cell, Cell]]] = {}
    for error, percent in pairs(paper, settings):
        rows.setdefault(tuple(getattr(error, name) for name in settings["of_one"]), {})[error.span] = (error, percent)
    for row in rows.values():
        means = {span: implied(error, percent) for span, (error, percent) in row.items()}
        parts = [means[span].times(factor) for span, factor in KCAL_PER_GRAM.items()]
        stated, expected = means["Calories"], arithmetic.total(parts)
        slack = Interval(1 - settings["tolerance"], 1 + settings["tolerance"])
        if not stated.meets(expected * slack):
            error, percent = row["Calories"]
            grams = " + ".join(f"{factor:g} × {shown(means[span].middle)}" for span, factor in KCAL_PER_GRAM.items())
            yield Deviation(
                [error, percent],
                f"{error.value} / {percent.value}% = {shown_interval(stated)} kcal, but the row's carbohydrate, fat "
                f"and protein imply {grams} = {shown_interval(expected)} kcal",
            )


def f1(paper: Paper, settings: Settings) -> Iterator[Deviation]:
    """F1, IoU, recall and precision of a row go together: as means always, with `pooled` as pooled counts too."""
    for row in score_rows(paper.select(settings["cells"])):
        broken = [*_broken_bounds(row)]
        severity = "impossible"
        if not broken and settings["pooled"]:
            broken, severity = [*_broken_identities(row)], "suspicious"
        if broken:
            yield Deviation(list(row.values()), "; ".join(broken), severity)


def score_rows(cells: Sequence[Cell]) -> list[dict[str, Cell]]:
    """The cells of each row and span by column; only rows that have an F1 and something to hold against it."""
    rows: dict[tuple[str, ...], dict[str, Cell]] = {}
    for cell in cells:
        rows.setdefault((cell.table, cell.block, cell.group, cell.row, cell.span), {})[cell.column] = cell
    return [row for row in rows.values() if "F1" in row and len(row) > 1]


def _broken_bounds(row: Mapping[str, Cell]) -> Iterator[str]:
    """What no averaging allows: F1 is concave in IoU and in precision and recall, and at least the IoU."""
    score = row["F1"].interval
    if "IoU" in row:
        iou = row["IoU"].interval
        if score.above(f1_of_iou(iou)):
            yield f"F1 {row['F1'].value} exceeds 2 IoU / (1 + IoU) = {shown_interval(f1_of_iou(iou), 2)}"
        if iou.above(score):
            yield f"IoU {row['IoU'].value} exceeds F1 {row['F1'].value}"
    if "Precision" in row and "Recall" in row:
        most = harmonic(row["Precision"].interval, row["Recall"].interval)
        if score.above(most):
            yield f"F1 {row['F1'].value} exceeds 2 P R / (P + R) = {shown_interval(most, 2)}"


def _broken_identities(row: Mapping[str, Cell]) -> Iterator[str]:
    """What pooled counts do not allow."""
    score = row["F1"].interval
    for name, computed in _identities(row):
        if not computed.meets(score):
            yield f"F1 {row['F1'].value} is not {name} = {shown_interval(computed, 2)}"


def _identities(row: Mapping[str, Cell]) -> Iterator[tuple[str, Interval]]:
    if "IoU" in row:
        yield "2 IoU / (1 + IoU)", f1_of_iou(row["IoU"].interval)
    if "Precision" in row and "Recall" in row:
        yield "2 P R / (P + R)", harmonic(row["Precision"].interval, row["Recall"].interval)


def aggregation(paper: Paper, settings: Settings) -> Iterator[Deviation]:
    """The rows of `one` and of `other` are aggregated alike: most of both fit pooled counts, or most of neither."""
    one, other = (score_rows(paper.select(settings[name])) for name in ("one", "other"))
    fits = [[not [*_broken_identities(row)] for row in rows] for rows in (one, other)]
    shares = [sum(part) / len(part) for part in fits]
    if min(shares) > 0.25 or max(shares) < 0.75:
        return
    pooled, averaged = (one, other) if shares[0] > shares[1] else (other, one)
    gaps = [f1_of_iou(row["IoU"].interval).middle - row["F1"].interval.middle for row in averaged]
    yield Deviation(
        [row["F1"] for row in (*pooled, *averaged)],
        f"{pooled[0]['F1'].span}: F1 is 2 IoU / (1 + IoU) and 2 P R / (P + R) in "
        f"{round(max(shares) * len(pooled))} of {len(pooled)} rows; {averaged[0]['F1'].span}: in "
        f"{round(min(shares) * len(averaged))} of {len(averaged)}, and F1 is {min(gaps):.1f} to {max(gaps):.1f} below "
        "2 IoU / (1 + IoU)",
        printed=f"{len(pooled)} rows of {pooled[0]['F1'].span}, {len(averaged)} rows of {averaged[0]['F1'].span}",
    )


def k_of_n(paper: Paper, settings: Settings) -> Iterator[Deviation]:
    """A percentage is a whole number of `n` times `factor`; `n` is the sum of its cells."""
    count = sum(int(cell.value) for cell in paper.select(settings["n"])) * settings.get("factor", 1)
    for cell in paper.select(settings["cells"]):
        least = math.ceil(cell.interval.low * count / 100 - arithmetic.SLACK * count)
        most = math.floor(cell.interval.high * count / 100 + arithmetic.SLACK * count)
        if least > most:
            near = [f"{each:,} / {count:,} = {100 * each / count:.3f}%" for each in (most, least)]
            yield Deviation([cell], f"{cell.shown} of {count:,} lies between {' and '.join(near)}")


RULES: dict[str, Rule] = {
    "bounds": bounds,
    "mean": mean,
    "total": total,
    "implied_mean": implied_mean,
    "energy": energy,
    "f1": f1,
    "aggregation": aggregation,
    "k_of_n": k_of_n,
    "same": same,
    "gain": gain,
    "greater": greater,
}
