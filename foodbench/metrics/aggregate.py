"""What a metric is: a mean, or a ratio of sums, of numbers that each sample carries.

Nothing else is allowed, on purpose: then a result can be recomputed from the stored samples, split into slices, and
resampled by cluster without asking the model, or the task's code, again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from foodbench.metrics.inputs import MetricInputError, finite_vector, require_same_length

if TYPE_CHECKING:
    import numpy.typing as npt

MetricKind = Literal["proportion", "mean", "ratio"]


@dataclass(frozen=True, slots=True)
class Metric:
    """How one number of a result comes from the per-sample values (`Score.values`).

    Attributes:
        id: the name that is printed and stored; it says its convention, e.g. `giou.sample`, `pmae.kcal`.
        kind: `proportion` is the mean of values that are 0 or 1, `mean` the mean of any values, `ratio` the sum of
            `value` divided by the sum of `over`. All samples weigh the same in the first two.
        value: key of the per-sample value.
        over: key of the per-sample denominator; for `ratio` only.
        unit: of the aggregated number: `%`, `kcal`, `g`, or empty for a bare number such as an IoU between 0 and 1.
        higher_is_better: direction.
        description: one sentence for people.
        scale: factor on the aggregated number, e.g. 100 for one in percent.
        bounds: the least and the greatest that the number can be, before `scale`; intervals are cut there.
        when_zero: the ratio (before `scale`) where the denominators sum to zero; None: it does not exist then.
    """

    id: str
    kind: MetricKind
    value: str
    over: str | None = None
    unit: str = ""
    higher_is_better: bool = True
    description: str = ""
    scale: float = 1.0
    bounds: tuple[float, float] = (-math.inf, math.inf)
    when_zero: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(MetricKind):
            raise MetricInputError(f"Metric '{self.id}': unknown kind '{self.kind}'.")
        if (self.kind == "ratio") != (self.over is not None):
            raise MetricInputError(f"Metric '{self.id}': 'over' goes with kind 'ratio', and only with it.")
        if self.when_zero is not None and self.kind != "ratio":
            raise MetricInputError(f"Metric '{self.id}': 'when_zero' goes with kind 'ratio' only.")
        if not self.bounds[0] < self.bounds[1]:
            raise MetricInputError(f"Metric '{self.id}': 'bounds' must ascend, not {self.bounds}.")
        if not math.isfinite(self.scale) or self.scale <= 0:
            raise MetricInputError(f"Metric '{self.id}': 'scale' must be positive, not {self.scale}.")

    def compute(self, values: npt.ArrayLike, over: npt.ArrayLike | None = None) -> float | None:
        """Aggregate, scaled.

        Sums are correctly rounded (`math.fsum`), so the result does not depend on the order of the samples.

        Args:
            values: shape (n,), one per sample.
            over: shape (n,), the denominators; for `ratio` only.

        Returns:
            The number, or None where it does not exist: no samples, or denominators that sum to zero while
            `when_zero` is None. Never NaN.

        Raises:
            MetricInputError: not finite, of different lengths, not 0 or 1 in a proportion, negative denominators,
                or `over` where the kind has none (or the reverse).
        """
        numerators = self._column(self.value, values)
        if self.kind != "ratio":
            if over is not None:
                raise MetricInputError(f"Metric '{self.id}' takes no denominators.")
            if self.kind == "proportion" and not ((numerators == 0) | (numerators == 1)).all():
                raise MetricInputError(f"Metric '{self.id}' is a proportion: its values must be 0 or 1.")
            return self.scale * (math.fsum(numerators) / numerators.size) if numerators.size else None
        if over is None:
            raise MetricInputError(f"Metric '{self.id}' is a ratio: it needs denominators.")
        denominators = self._column(str(self.over), over)
        require_same_length(f"'{self.value}'", numerators.size, f"'{self.over}'", denominators.size)
        if (denominators < 0).any():
            raise MetricInputError(f"Metric '{self.id}': the denominators '{self.over}' must not be negative.")
        if not numerators.size:
            return None
        total = math.fsum(denominators)
        if total == 0:
            return None if self.when_zero is None else self.scale * self.when_zero
        return self.scale * (math.fsum(numerators) / total)

    def _column(self, key: str, values: Any) -> Any:
        return finite_vector(f"Metric '{self.id}': '{key}'", values)


@dataclass(frozen=True, slots=True)
class MetricValue:
    """One number of a result, with how sure it is.

    Attributes:
        id: the metric's id.
        value: the number in the metric's unit; None where it does not exist (no samples).
        low: lower end of the interval; None without an interval.
        high: upper end of the interval; None without an interval.
        n: number of samples.
        clusters: number of clusters (images, dishes, recipes) that the samples come from.
        unit: as `Metric.unit`.
        higher_is_better: direction.
        interval_method: how the interval was made; `none` without one.
    """

    id: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    clusters: int
    unit: str
    higher_is_better: bool
    interval_method: str
