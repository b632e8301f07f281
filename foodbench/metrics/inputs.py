"""Checks of what a metric is given: finite numbers, equal lengths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from foodbench.core.errors import FoodbenchError

if TYPE_CHECKING:  # a task names its metrics without loading numpy, which costs half of `foodbench list tasks`
    import numpy as np
    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float64]


class MetricInputError(FoodbenchError, ValueError):
    """Numbers that a metric cannot be computed from: not finite, of different lengths, or none at all.

    A malformed *answer* is `AnswerInvalid` and is counted as wrong before it gets here; this one is a defect of the
    caller (a task or a plug-in).
    """

    code = "metric.input"


def finite_vector(name: str, values: Sequence[float] | npt.NDArray[Any]) -> FloatArray:
    """The values as a one-dimensional float64 array.

    Args:
        name: what the values are, for the message.
        values: shape (n,); numbers or booleans.

    Raises:
        MetricInputError: not one-dimensional, not numeric, or with NaN or infinity in it.
    """
    import numpy as np

    try:
        vector = np.asarray(values)
        if vector.dtype.kind not in "fiub":
            # An empty list has dtype float64, so what remains here are strings, None and other objects.
            raise MetricInputError(f"{name} must be real numbers, not {vector.dtype}.")
        vector = vector.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        if isinstance(error, MetricInputError):
            raise
        raise MetricInputError(f"{name} must be a plain vector of real numbers.") from error
    if vector.ndim != 1:
        raise MetricInputError(f"{name} must have one dimension, not shape {vector.shape}.")
    bad = np.flatnonzero(~np.isfinite(vector))
    if bad.size:
        raise MetricInputError(
            f"{name} has {bad.size} value(s) that are not finite, the first at index {int(bad[0])}.",
            hint="Score an unreadable answer as wrong instead of passing NaN on.",
        )
    return vector


def require_same_length(first: str, first_length: int, second: str, second_length: int) -> None:
    """Refuse two columns of different lengths.

    Raises:
        MetricInputError: the lengths differ.
    """
    if first_length != second_length:
        raise MetricInputError(f"{first} has {first_length} values but {second} has {second_length}.")


def require_some(name: str, length: int) -> None:
    """Refuse an empty column: its mean does not exist, and NaN is never returned in place of a number.

    Raises:
        MetricInputError: the length is zero.
    """
    if length == 0:
        raise MetricInputError(f"{name} is empty: nothing to average.")
