"""Outlines of masks as SVG paths: small, sharp at any size, and coloured by the page's own style."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

GRID = 120
"""Cells of the longer side that an outline is traced on; a page shows pictures of some 200 pixels."""
_CORNER = 4

BoolArray = npt.NDArray[np.bool_]
Point = tuple[int, int]


def grid_size(size: tuple[int, int]) -> tuple[int, int]:
    """(height, width) of the grid for a picture of this size; twice that is the path's unit square."""
    scale = min(1.0, GRID / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def outline(mask: BoolArray) -> str:
    """The outline of a mask as data of an SVG path, in half cells of `grid_size`; empty for an empty mask.

    Every edge between inside and outside is walked once with the inside to the right, in straight runs; the path goes
    through the runs' middles, which rounds the steps off, and along long ones. Holes come out by the even-odd rule.

    Args:
        mask: shape (height, width).
    """
    rows, columns = grid_size((mask.shape[0], mask.shape[1]))
    if (rows, columns) != mask.shape:
        mask = mask[np.ix_(_picked(mask.shape[0], rows), _picked(mask.shape[1], columns))]
    padded = np.zeros((rows + 2, columns + 2), np.int8)
    padded[1:-1, 1:-1] = mask
    across = _runs(np.diff(padded, axis=0)[:, 1:-1])
    down = _runs(np.diff(padded, axis=1)[1:-1, :].T)
    steps: dict[Point, list[Point]] = {}
    for line, start, end, sign in across:
        first, last = ((start, line), (end, line)) if sign > 0 else ((end, line), (start, line))
        steps.setdefault(first, []).append(last)
    turns: dict[Point, list[Point]] = {}
    for line, start, end, sign in down:
        first, last = ((line, end), (line, start)) if sign > 0 else ((line, start), (line, end))
        turns.setdefault(first, []).append(last)
    return "".join(_loop(steps, turns, start) for start in list(steps) for _ in range(len(steps[start])))


def _picked(length: int, wanted: int) -> npt.NDArray[np.intp]:
    """The middle pixel of each of `wanted` equal parts of a side."""
    return ((np.arange(wanted) + 0.5) * length / wanted).astype(np.intp)


def _runs(signs: npt.NDArray[np.int8]) -> list[tuple[int, int, int, int]]:
    """(line, start, end, sign) of every run of one sign that is not zero."""
    edged = np.zeros((signs.shape[0], signs.shape[1] + 2), np.int8)
    edged[:, 1:-1] = signs
    lines, places = np.nonzero(np.diff(edged, axis=1))
    # A change ends a run, begins one, or (from + to -) does both.
    before, after = edged[lines, places], edged[lines, places + 1]
    begins, ends = after != 0, before != 0
    return list(
        zip(
            lines[begins].tolist(),
            places[begins].tolist(),
            places[ends].tolist(),
            after[begins].tolist(),
            strict=True,
        )
    )


def _loop(steps: dict[Point, list[Point]], turns: dict[Point, list[Point]], start: Point) -> str:
    """Walk one outline from a corner, taking its runs out of the lists."""
    points: list[Point] = []
    here = start
    while steps.get(here):
        for table in (steps, turns):
            there = table[here].pop()
            points.extend(_middle(here, there))
            here = there
        if here == start:
            break
    return _path(points)


def _middle(first: Point, last: Point) -> list[Point]:
    """Where the path touches a run, in half cells: its middle; of a long one, near both ends."""
    across, down = last[0] - first[0], last[1] - first[1]
    if abs(across) + abs(down) <= _CORNER:
        return [(first[0] + last[0], first[1] + last[1])]
    unit = ((across > 0) - (across < 0), (down > 0) - (down < 0))
    return [(2 * (first[0] + unit[0]), 2 * (first[1] + unit[1])), (2 * (last[0] - unit[0]), 2 * (last[1] - unit[1]))]


def _path(points: list[Point]) -> str:
    if len(points) < 2:
        return ""
    parts = [f"M{points[0][0]} {points[0][1]}l"]
    x, y = points[0]
    for next_x, next_y in points[1:]:
        parts.append(f"{next_x - x} {next_y - y} ")
        x, y = next_x, next_y
    return "".join(parts).rstrip().replace(" -", "-") + "z"
