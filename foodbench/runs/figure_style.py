"""The sheet that figures are drawn on: a column's or a page's width, 8-point DejaVu Sans, the same bytes every time.

Everything is placed in inches from the top left, by measured text; nothing is laid out by trial. Text is never taken
for mathematics or markup, and stays text in SVG and PDF.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from foodbench.core.errors import UsageError
from foodbench.core.printable import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Form = Literal["svg", "pdf", "png"]
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Of the runs, in order: the palette of Okabe and Ito (2008), which people with any colour vision can tell apart."""
MARKERS = ("o", "s", "D", "^", "v", "P")
"""Of the runs, in order: what tells them apart without colour."""
INK, QUIET, RULE, BAND, FLOOR = "#1A1A1A", "#5A5A5A", "#DCDCDC", "#E9E9E9", "#8C8C8C"
SIZE, SMALL = 8.0, 7.0
"""Type sizes in points."""
LINE = 0.145
"""Height of a line of type, in inches."""
MARGIN = 0.06
WIDE = 5.0
"""From this width on, in inches, there is room for columns of numbers."""
_DPI = 300
_SETTINGS: Mapping[str, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": SIZE,
    "text.color": INK,
    "text.parse_math": False,
    "text.usetex": False,
    "axes.linewidth": 0.6,
    "axes.edgecolor": FLOOR,
    "axes.unicode_minus": True,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "svg.fonttype": "none",
    "svg.hashsalt": "foodbench",
    "pdf.fonttype": 42,
    "pdf.compression": 6,
    "figure.dpi": 72,
    "savefig.dpi": _DPI,
}


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around a figure.

    Attributes:
        heading: what is shown, in bold.
        data: of which data, in a sentence; it stands below the heading.
        labels: the runs' names, in order.
        notes: what must be known to read it, below.
        width: in inches.
    """

    heading: str
    data: str
    labels: Sequence[str]
    notes: Sequence[str]
    width: float


@contextmanager
def style() -> Iterator[None]:
    """Draw within: matplotlib with these settings and no others, whatever the user's own are.

    Raises:
        UsageError: matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise UsageError(
            "Figures are drawn by matplotlib, which is not installed.", hint="Install it: pip install 'matplotlib>=3.9'"
        ) from error
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield


@lru_cache(maxsize=1)
def _glyphs() -> frozenset[int]:
    from matplotlib import font_manager, ft2font

    font = ft2font.FT2Font(font_manager.findfont("DejaVu Sans"))
    return frozenset(font.get_charmap())


def shown(text: str, *, limit: int = 200) -> str:
    r"""Text of unknown origin on one line, in which the font has every character; others are written as `\u4e00`."""
    return "".join(
        char if ord(char) in _glyphs() else char.encode("unicode_escape").decode("ascii")
        for char in printable(text, limit=limit)
    )


def width_of(text: str, size: float = SIZE, *, bold: bool = False) -> float:
    """Width of a line of text in inches."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    properties = FontProperties(family="DejaVu Sans", size=size, weight="bold" if bold else "normal")
    width, _, _ = text_to_path.get_text_width_height_descent(text, properties, ismath=False)
    return float(width) / 72


def fitted(text: str, width: float, size: float = SIZE) -> str:
    """A line of text, its end cut off where it is wider than `width` inches."""
    if width_of(text, size) <= width:
        return text
    keep = len(text)
    while keep and width_of(f"{text[:keep]}…", size) > width:
        keep -= 1
    return f"{text[:keep].rstrip()}…"


def wrapped(text: str, width: float, size: float = SIZE, *, bold: bool = False) -> list[str]:
    """Text in lines of at most `width` inches; a word that is wider is cut."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if width_of(longer, size, bold=bold) <= width:
            lines[-1] = longer
        elif lines[-1]:
            lines.append(fitted(word, width, size))
        else:
            lines[-1] = fitted(word, width, size)
    return lines


class Sheet:
    """A figure of known size with its heading, the key of its runs, room for a body, and its notes.

    Attributes:
        figure: matplotlib's.
        top: where the body begins, in inches from the top.
        width: inches.
    """

    figure: Figure
    top: float
    width: float

    def __init__(self, frame: Frame, body: float, extras: Sequence[tuple[str, str]] = (), *, runs: str = "dot") -> None:
        """Lay out everything but the body, which is `body` inches high.

        Args:
            frame: what stands around.
            body: inches.
            extras: further entries of the key: `band` or `interval`, and what it means.
            runs: how the runs are drawn: `dot` or `bar`.
        """
        from matplotlib.figure import Figure

        inner = frame.width - 2 * MARGIN
        heading = wrapped(frame.heading, inner, bold=True)
        data = wrapped(frame.data, inner)
        named = [(runs, label) for label in frame.labels] if len(frame.labels) > 1 else []
        key = _flowed([*named, *extras], inner)
        notes = [line for note in frame.notes for line in wrapped(note, inner, SMALL)]
        self.width = frame.width
        self.top = MARGIN + LINE * (len(heading) + len(data) + len(key)) + (0.05 if key else 0.0) + 0.08
        self._height = self.top + body + (0.05 + 0.9 * LINE * len(notes) if notes else 0.0) + MARGIN
        self.figure = Figure(figsize=(frame.width, self._height))
        self._paper = self.axes(0, -self.top, frame.width, self._height)
        self._paper.set_axis_off()
        self._paper.set(xlim=(0, frame.width), ylim=(self._height, 0))
        for number, line in enumerate([*heading, *data]):
            bold = number < len(heading)
            self._put(MARGIN, MARGIN + LINE * (number + 0.5), line, weight="bold" if bold else "normal")
        for number, entries in enumerate(key):
            y = MARGIN + LINE * (len(heading) + len(data) + number + 0.5) + 0.05
            for x, place, kind, label in entries:
                self._symbol(x, y, kind, place)
                self._put(x + _SYMBOL[kind], y, label, size=SIZE if kind == runs else SMALL)
        for number, line in enumerate(notes):
            self._put(MARGIN, self.top + body + 0.05 + 0.9 * LINE * (number + 0.5), line, size=SMALL, color=QUIET)

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Axes without frame, placed in inches from the body's top left."""
        found = self.figure.add_axes(
            (
                left / self.width,
                1 - (self.top + top + height) / self._height,
                width / self.width,
                height / self._height,
            )
        )
        found.patch.set_visible(False)
        found.spines[:].set_visible(False)
        found.tick_params(length=0, pad=2)
        found.set(xticks=[], yticks=[])
        return found

    def text(self, x: float, y: float, text: str, **settings: Any) -> None:
        """A line of text, its middle `y` inches below the body's top."""
        self._put(x, self.top + y, text, **settings)

    def rule(self, left: float, right: float, y: float) -> None:
        """A thin line across."""
        self._paper.plot([left, right], [self.top + y] * 2, color=RULE, linewidth=0.6, solid_capstyle="butt")

    def _put(self, x: float, y: float, text: str, *, size: float = SIZE, ha: str = "left", **settings: Any) -> None:
        self._paper.text(x, y, text, fontsize=size, ha=ha, va="center_baseline", **settings)

    def _symbol(self, x: float, y: float, kind: str, place: int) -> None:
        if kind == "dot":
            self._paper.plot(
                [x + 0.05], [y], MARKERS[place], color=COLOURS[place], markersize=4, markeredgewidth=0, clip_on=False
            )
        elif kind == "bar":
            self._paper.fill_between([x, x + 0.1], y - 0.045, y + 0.045, color=pale(place), linewidth=0)
        elif kind == "band":
            self._paper.fill_between([x, x + 0.3], y - 0.04, y + 0.04, color=BAND, linewidth=0)
            self._paper.plot([x, x], [y - 0.04, y + 0.04], color=FLOOR, linewidth=1, solid_capstyle="butt")
        else:
            self._paper.plot([x, x + 0.2], [y, y], color=QUIET, linewidth=1.1, solid_capstyle="butt")

    def saved(self, form: Form, title: str) -> bytes:
        """The file. No date and no version of a program is in it, so that the same figure has the same bytes."""
        metadata: dict[str, Mapping[str, str | None]] = {
            "svg": {"Title": title, "Creator": "foodbench", "Date": None},
            "pdf": {"Title": title, "Creator": "foodbench", "Producer": None, "CreationDate": None, "ModDate": None},
            "png": {"Title": title, "Software": None},
        }
        found = io.BytesIO()
        compact = {"pil_kwargs": {"optimize": True}} if form == "png" else {}
        self.figure.savefig(found, format=form, metadata=metadata[form], dpi=_DPI, **compact)
        return found.getvalue()


_SYMBOL = {"dot": 0.14, "bar": 0.15, "band": 0.36, "interval": 0.26}


def _flowed(entries: Sequence[tuple[str, str]], width: float) -> list[list[tuple[float, int, str, str]]]:
    """Entries of a key in lines: x, place among all, kind, label."""
    lines: list[list[tuple[float, int, str, str]]] = []
    x = MARGIN
    for place, (kind, label) in enumerate(entries):
        size = SIZE if kind in ("dot", "bar") else SMALL
        text = fitted(label, width - _SYMBOL[kind], size)
        wide = _SYMBOL[kind] + width_of(text, size)
        if not lines or x + wide > MARGIN + width:
            lines.append([])
            x = MARGIN
        lines[-1].append((x, place, kind, text))
        x += wide + 0.18
    return lines


def pale(place: int) -> str:
    """A run's colour, lighter, for areas that something dark is drawn on."""
    channels = (int(COLOURS[place][start : start + 2], 16) for start in (1, 3, 5))
    return "#" + "".join(f"{round(channel + 0.42 * (255 - channel)):02X}" for channel in channels)


def dot(axes: Axes, x: float, y: float, place: int, gid: str, *, size: float = 4.0) -> None:
    """A run's value."""
    axes.plot(
        [x], [y], MARKERS[place], color=COLOURS[place], markersize=size, markeredgewidth=0, clip_on=False, gid=gid
    )


def beyond(axes: Axes, x: float, y: float, place: int, gid: str, *, right: bool) -> None:
    """An arrow at the edge: the run's value lies outside the axis."""
    axes.plot(
        [x], [y], ">" if right else "<", color=COLOURS[place], markersize=4, markeredgewidth=0, clip_on=False, gid=gid
    )
