"""What a metric is: one number made of numbers that each sample carries, in one of six ways.

Nothing else is allowed, on purpose: then a result can be recomputed from the stored samples, split into slices, and
resampled by cluster without asking the model, or the task's code, again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from foodbench.core.registry import import_object
from foodbench.metrics.inputs import MetricInputError, finite_vector, require_same_length

if TYPE_CHECKING:
    import numpy.typing as npt

MetricKind = Literal["proportion", "mean", "share", "ratio", "median", "of_sums"]
_RATIOS = ("share", "ratio")
Values = Mapping[str, float]
"""What one sample carries (`Score.values`)."""


@dataclass(frozen=True, slots=True)
class Metric:
    """How one number of a result comes from the per-sample values (`Score.values`).

    Attributes:
        id: the name that is printed and stored; it says its convention, e.g. `giou.sample`, `pmae.kcal`.
        kind: `proportion` is the mean of values that are 0 or 1, `mean` the mean of any values, `median` their median,
            `ratio` the sum of `value` divided by the sum of `over`, and `share` one in which both count the same things
            (`value` of the `over` names of a query were answered); `of_sums` is `function` of the sums of `keys`
            (corpus BLEU, macro F1, mIoU, a correlation: all are functions of sums). All samples weigh the same in the
            means and in the median.
        value: key of the per-sample value; not for `of_sums`.
        over: key of the per-sample denominator; for `ratio` and `share` only.
        unit: of the aggregated number: `%`, `kcal`, `g`, or empty for a bare number such as an IoU between 0 and 1.
        higher_is_better: direction.
        description: one sentence for people.
        scale: factor on the aggregated number, e.g. 100 for one in percent.
        bounds: the least and the greatest that the number can be, before `scale`; intervals are cut there.
        when_zero: the ratio or share (before `scale`) where the denominators sum to zero; None: it does not exist then.
        function: `module:name` of what an `of_sums` metric is; given the sums by key (an absent key is zero), it
            returns the number before `scale`, or None where it does not exist.
        keys: what `function` needs: exact keys, or prefixes that end in `/` and stand for all keys below them
            (`tp/rice`, `tp/egg`); a sample that lacks a key adds nothing to it.
        signature: settings of the library that computes it, for people who compare (e.g. sacrebleu's signature).
    """

    id: str
    kind: MetricKind
    value: str = ""
    over: str | None = None
    unit: str = ""
    higher_is_better: bool = True
    description: str = ""
    scale: float = 1.0
    bounds: tuple[float, float] = (-math.inf, math.inf)
    when_zero: float | None = None
    function: str | None = None
    keys: tuple[str, ...] = ()
    signature: str = ""

    def __post_init__(self) -> None:
        if self.kind not in get_args(MetricKind):
            raise MetricInputError(f"Metric '{self.id}': unknown kind '{self.kind}'.")
        if (self.kind in _RATIOS) != (self.over is not None):
            raise MetricInputError(f"Metric '{self.id}': 'over' goes with kinds 'ratio' and 'share', only with them.")
        if (self.kind == "of_sums") != (self.function is not None and bool(self.keys)):
            raise MetricInputError(f"Metric '{self.id}': 'function' and 'keys' go with kind 'of_sums', only with it.")
        if (self.kind == "of_sums") == bool(self.value):
            raise MetricInputError(f"Metric '{self.id}': 'value' goes with every kind but 'of_sums'.")
        if self.when_zero is not None and self.kind not in _RATIOS:
            raise MetricInputError(f"Metric '{self.id}': 'when_zero' goes with kinds 'ratio' and 'share' only.")
        if not self.bounds[0] < self.bounds[1]:
            raise MetricInputError(f"Metric '{self.id}': 'bounds' must ascend, not {self.bounds}.")
        if not math.isfinite(self.scale) or self.scale <= 0:
            raise MetricInputError(f"Metric '{self.id}': 'scale' must be positive, not {self.scale}.")

    def share(self, values: Values) -> dict[str, float]:
        """Those of a sample's values that this metric is made of.

        Raises:
            MetricInputError: a value is absent that every sample must have (all but those of `of_sums`).
        """
        if self.kind == "of_sums":
            prefixes = tuple(key for key in self.keys if key.endswith("/"))
            return {key: number for key, number in values.items() if key in self.keys or key.startswith(prefixes)}
        wanted = (self.value,) if self.over is None else (self.value, self.over)
        absent = [key for key in wanted if key not in values]
        if absent:
            raise MetricInputError(
                f"A sample's score has no '{absent[0]}', which metric '{self.id}' is made of.",
                hint="Every sample must carry every value of its task's metrics; score an unreadable answer as wrong.",
            )
        return {key: values[key] for key in wanted}

    def of_samples(self, samples: Sequence[Values]) -> float | None:
        """The number over all samples, scaled.

        Args:
            samples: each sample's values.

        Returns:
            as `compute`.

        Raises:
            MetricInputError: as `compute` and `share`.
        """
        shares = [self.share(values) for values in samples]
        if self.kind == "of_sums":
            return self._scaled(self._apply(sums_of(shares))) if shares else None
        over = None if self.over is None else [share[self.over] for share in shares]
        return self.compute([share[self.value] for share in shares], over)

    def compute(self, values: npt.ArrayLike, over: npt.ArrayLike | None = None) -> float | None:
        """Aggregate columns, scaled; for every kind but `of_sums`.

        Sums are correctly rounded (`math.fsum`), so the result does not depend on the order of the samples.

        Args:
            values: shape (n,), one per sample.
            over: shape (n,), the denominators; for `ratio` and `share` only.

        Returns:
            The number, or None where it does not exist: no samples, or denominators that sum to zero while
            `when_zero` is None. Never NaN.

        Raises:
            MetricInputError: not finite, of different lengths, not 0 or 1 in a proportion, negative denominators,
                a share's value that is not between 0 and its denominator, or `over` where the kind has none (or the
                reverse).
        """
        numerators = self._column(self.value, values)
        if self.kind not in _RATIOS:
            if over is not None:
                raise MetricInputError(f"Metric '{self.id}' takes no denominators.")
            if self.kind == "proportion" and not ((numerators == 0) | (numerators == 1)).all():
                raise MetricInputError(f"Metric '{self.id}' is a proportion: its values must be 0 or 1.")
            if not numerators.size:
                return None
            if self.kind == "median":
                import numpy as np

                return self.scale * float(np.median(numerators))
            return self.scale * (math.fsum(numerators) / numerators.size)
        if over is None:
            raise MetricInputError(f"Metric '{self.id}' is a {self.kind}: it needs denominators.")
        denominators = self._column(str(self.over), over)
        require_same_length(f"'{self.value}'", numerators.size, f"'{self.over}'", denominators.size)
        if (denominators < 0).any():
            raise MetricInputError(f"Metric '{self.id}': the denominators '{self.over}' must not be negative.")
        if self.kind == "share" and not ((numerators >= 0) & (numerators <= denominators)).all():
            raise MetricInputError(f"Metric '{self.id}': '{self.value}' must lie between 0 and '{self.over}'.")
        if not numerators.size:
            return None
        total = math.fsum(denominators)
        if total == 0:
            return None if self.when_zero is None else self.scale * self.when_zero
        return self.scale * (math.fsum(numerators) / total)

    def statistic(self) -> Callable[[Mapping[str, float]], float | None]:
        """The function of an `of_sums` metric, unscaled.

        Raises:
            MetricInputError: it returned NaN or infinity (when called).
        """
        return self._apply

    def _apply(self, sums: Mapping[str, float]) -> float | None:
        function: Any = import_object(str(self.function))
        number = function(sums)
        if number is not None and not math.isfinite(number):
            raise MetricInputError(f"Metric '{self.id}': {self.function} returned {number}.")
        return None if number is None else float(number)

    def _scaled(self, number: float | None) -> float | None:
        return None if number is None else self.scale * number

    def _column(self, key: str, values: Any) -> Any:
        return finite_vector(f"Metric '{self.id}': '{key}'", values)


def sums_of(shares: Sequence[Values]) -> dict[str, float]:
    """Correctly rounded sums by key; in order of the keys, so that they do not depend on the samples' order."""
    columns: dict[str, list[float]] = {}
    for share in shares:
        for key, number in share.items():
            columns.setdefault(key, []).append(number)
    return {key: math.fsum(columns[key]) for key in sorted(columns)}


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
