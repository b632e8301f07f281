"""Numbers as printed: an interval of what they can have been before they were rounded."""

from __future__ import annotations

from dataclasses import dataclass

SLACK = 1e-9
"""Of the arithmetic in binary, far below any printed digit."""


@dataclass(frozen=True, slots=True)
class Interval:
    """All numbers from `low` to `high`, both included. Operations give what is possible for independent operands."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise ValueError(f"an interval must not descend, not {self.low} to {self.high}")

    @classmethod
    def printed(cls, text: str, *, exact: bool = False) -> Interval:
        """What a printed number can have been: half a unit of its last digit to either side.

        Args:
            text: as printed, e.g. `0.75` (0.745 to 0.755), `20` (19.5 to 20.5).
            exact: the number was not rounded: a count, a setting.

        Raises:
            ValueError: no number.
        """
        value = float(text)
        if exact:
            return cls(value, value)
        mantissa, _, exponent = text.lower().partition("e")
        digits = len(mantissa.partition(".")[2]) - int(exponent or 0)
        half = 0.5 * 10.0**-digits
        return cls(value - half, value + half)

    @property
    def middle(self) -> float:
        """The number halfway."""
        return (self.low + self.high) / 2

    def __add__(self, other: Interval) -> Interval:
        return Interval(self.low + other.low, self.high + other.high)

    def __sub__(self, other: Interval) -> Interval:
        return Interval(self.low - other.high, self.high - other.low)

    def __mul__(self, other: Interval) -> Interval:
        corners = [one * two for one in (self.low, self.high) for two in (other.low, other.high)]
        return Interval(min(corners), max(corners))

    def __truediv__(self, other: Interval) -> Interval:
        if other.low <= 0 <= other.high:
            raise ValueError(f"cannot divide by an interval with zero in it, {other.low} to {other.high}")
        corners = [one / two for one in (self.low, self.high) for two in (other.low, other.high)]
        return Interval(min(corners), max(corners))

    def times(self, factor: float) -> Interval:
        """Every number of the interval times an exact one."""
        return self * Interval(factor, factor)

    def meets(self, other: Interval) -> bool:
        """Whether one number can be both."""
        slack = SLACK * max(1.0, abs(self.low), abs(other.low))
        return self.low <= other.high + slack and other.low <= self.high + slack

    def above(self, other: Interval) -> bool:
        """Whether it is certain that the number is greater than the other."""
        return self.low > other.high + SLACK * max(1.0, abs(other.high))

    def can_exceed(self, other: Interval) -> bool:
        """Whether the number can be greater than the other, and not merely equal."""
        return self.high > other.low + SLACK * max(1.0, abs(other.low))


def total(parts: list[Interval]) -> Interval:
    """The sum."""
    return Interval(sum(part.low for part in parts), sum(part.high for part in parts))


def mean(parts: list[Interval]) -> Interval:
    """The arithmetic mean of one or more."""
    return total(parts).times(1 / len(parts))


def f1_of_iou(iou: Interval) -> Interval:
    """F1 of the counts that have this IoU, 2 IoU / (1 + IoU), both in percent."""
    return Interval(200 * iou.low / (100 + iou.low), 200 * iou.high / (100 + iou.high))


def harmonic(one: Interval, two: Interval) -> Interval:
    """The harmonic mean of two numbers that are not negative: F1 of precision and recall."""
    return Interval(_harmonic(one.low, two.low), _harmonic(one.high, two.high))


def _harmonic(one: float, two: float) -> float:
    return 2 * one * two / (one + two) if one + two > 0 else 0.0


def shown(value: float, digits: int | None = None) -> str:
    """A number for people: so many decimals, or as many as say something."""
    if digits is None:
        magnitude = abs(value)
        digits = (
            0 if magnitude >= 1000 or value == int(value) else 1 if magnitude >= 20 else 2 if magnitude >= 0.1 else 4
        )
    return f"{value:,.{digits}f}"


def shown_interval(interval: Interval, digits: int | None = None) -> str:
    """The middle and, where the interval has a width, its ends."""
    if interval.high - interval.low <= SLACK * max(1.0, abs(interval.high)):
        return shown(interval.middle, digits)
    return f"{shown(interval.middle, digits)} ({shown(interval.low, digits)} to {shown(interval.high, digits)})"
