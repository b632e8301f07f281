"""The picture of a run's course: some panels in a row."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from foodbench.core.files import atomic_write

Points = list[tuple[int, float]]


@contextmanager
def panels_in_a_row(path: Path, count: int, *, width: float = 5.0) -> Iterator[list[Any]]:
    """Axes of matplotlib to draw on; the PNG is written afterwards.

    Args:
        path: of the picture.
        count: panels.
        width: of each, in inches.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, count, figsize=(width * count, 4.2), constrained_layout=True, squeeze=False)
    yield list(axes[0])
    for axis in axes[0]:
        axis.grid(alpha=0.3)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    pyplot.close(figure)
    atomic_write(path, buffer.getvalue())


def points(log: Sequence[Mapping[str, Any]], name: str) -> Points:
    """What the lines of a log say under a name, with their steps."""
    return [(record["step"], record[name]) for record in log if isinstance(record.get(name), (int, float))]


def curves_of(log: Sequence[Mapping[str, Any]], panels: Mapping[str, Sequence[str]]) -> dict[str, dict[str, Points]]:
    """The curves of each panel that a log has something of.

    Args:
        log: its lines.
        panels: the names of the curves by the panel's title.
    """
    found = {title: {name: points(log, name) for name in names} for title, names in panels.items()}
    known = {title: {name: drawn for name, drawn in curves.items() if drawn} for title, curves in found.items()}
    return {title: curves for title, curves in known.items() if curves}


def measurements(log: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What was measured on questions kept apart, with the steps."""
    return [{"step": record["step"], **record["val"]} for record in log if "val" in record]


def draw_measurements(axis: Any, log: Sequence[Mapping[str, Any]], names: Sequence[str]) -> None:
    """Draw what was measured on questions kept apart; a measure that there is nothing of has no curve."""
    measured = measurements(log)
    for name in names:
        drawn = points(measured, name)
        if drawn:
            axis.plot(*zip(*drawn, strict=True), label=name, marker="o", markersize=3)


__all__ = ["curves_of", "draw_measurements", "measurements", "panels_in_a_row", "points"]
