"""Errors of predicted energy and masses: mean absolute error, and that in percent of the mean true value.

Source of the formulas: compute_eval_statistics.py of google-research-datasets/Nutrition5k, whose `<field>_MAE` and
`<field>_MAE_%` these are; it knows neither missing predictions nor missing dishes, and averages over the dishes that
the file of predictions happens to hold. Here every dish of the test set counts. The percentage is not the mean of the
dishes' relative errors: a plate of 5 kcal would rule that one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import fsum, inf, isfinite
from typing import TYPE_CHECKING

from foodbench.core.errors import AnswerInvalid
from foodbench.core.types import NUTRIENTS
from foodbench.metrics.aggregate import Metric
from foodbench.metrics.inputs import (
    MetricInputError,
    finite_vector,
    require_same_length,
    require_some,
)

if TYPE_CHECKING:
    from foodbench.metrics.inputs import FloatArray

UNITS: dict[str, str] = {name: "kcal" if name == "kcal" else "g" for name in NUTRIENTS}


@dataclass(frozen=True, slots=True)
class NutrientError:
    """Error of one nutrient over a set of dishes.

    Attributes:
        nutrient: its name, one of `NUTRIENTS`.
        n: number of dishes.
        mae: mean absolute error, in kcal or grams.
        mean_true: mean true value, the denominator of `percent_of_mean`, in kcal or grams.
        percent_of_mean: `mae` in percent of `mean_true`; None where the true values are all zero.
    """

    nutrient: str
    n: int
    mae: float
    mean_true: float
    percent_of_mean: float | None


def error_key(nutrient: str) -> str:
    """Key of a sample's absolute error of that nutrient in `Score.values`."""
    return f"absolute_error.{nutrient}"


def true_key(nutrient: str) -> str:
    """Key of a sample's true value of that nutrient in `Score.values`."""
    return f"true.{nutrient}"


def error_metrics(nutrients: Sequence[str] = NUTRIENTS) -> tuple[Metric, ...]:
    """The metrics `pmae.<nutrient>` (percent of mean), which compare across nutrients, then `mae.<nutrient>`.

    They read the per-sample values named by `error_key` and `true_key`.
    """
    means = tuple(
        Metric(
            id=f"mae.{name}",
            kind="mean",
            value=error_key(name),
            unit=UNITS[name],
            higher_is_better=False,
            bounds=(0.0, inf),
            description=f"Mean absolute error of {name} per dish.",
        )
        for name in nutrients
    )
    percentages = tuple(
        replace(
            mean,
            id=f"pmae.{name}",
            kind="ratio",
            over=true_key(name),
            unit="%",
            scale=100.0,
            description=f"Mean absolute error of {name} in percent of the mean true value.",
        )
        for name, mean in zip(nutrients, means, strict=True)
    )
    return percentages + means


def sample_values(predicted: Mapping[str, float], true: Mapping[str, float]) -> dict[str, float]:
    """One dish's per-sample values for `error_metrics`: absolute errors and true values.

    A nutrient that was not predicted counts as predicted zero, so that leaving it out never pays.

    Args:
        predicted: kcal and grams by nutrient; possibly incomplete.
        true: kcal and grams by nutrient; the values of these nutrients are returned.

    Raises:
        AnswerInvalid: a predicted value is NaN or infinite.
        MetricInputError: a true value is not a finite number of at least zero.
    """
    values: dict[str, float] = {}
    for name, reference in true.items():
        guess = predicted.get(name, 0.0)
        if not isfinite(guess):
            raise AnswerInvalid(f"The predicted {name} is not a finite number.")
        if not isfinite(reference) or reference < 0:
            raise MetricInputError(f"The true {name} must be a finite number of at least 0, not {reference}.")
        error = abs(float(guess) - float(reference))
        if not isfinite(error):
            raise AnswerInvalid(f"The predicted {name} is absurdly large.")
        values[error_key(name)] = error
        values[true_key(name)] = float(reference)
    return values


def absolute_errors(predicted: Sequence[float] | FloatArray, true: Sequence[float] | FloatArray) -> FloatArray:
    """|predicted - true| of each dish, shape (n,), in the inputs' unit.

    Raises:
        MetricInputError: NaN or infinity, or different lengths.
    """
    guesses, references = finite_vector("'predicted'", predicted), finite_vector("'true'", true)
    require_same_length("'predicted'", guesses.size, "'true'", references.size)
    return abs(guesses - references)


def mean_absolute_error(predicted: Sequence[float] | FloatArray, true: Sequence[float] | FloatArray) -> float:
    """Mean of `absolute_errors`, in the inputs' unit.

    Raises:
        MetricInputError: NaN or infinity, different lengths, or no dishes.
    """
    errors = absolute_errors(predicted, true)
    require_some("'true'", errors.size)
    return fsum(errors) / errors.size


def percent_of_mean(predicted: Sequence[float] | FloatArray, true: Sequence[float] | FloatArray) -> float:
    """100 times the mean absolute error divided by the mean true value.

    Raises:
        MetricInputError: NaN or infinity, different lengths, no dishes, or true values without a positive mean.
    """
    error = mean_absolute_error(predicted, true)
    mean_true = fsum(finite_vector("'true'", true)) / len(true)
    if mean_true <= 0:
        raise MetricInputError("The true values have no positive mean: a percentage of it does not exist.")
    return 100.0 * error / mean_true


def nutrient_error(
    nutrient: str, predicted: Sequence[float] | FloatArray, true: Sequence[float] | FloatArray
) -> NutrientError:
    """Both errors of one nutrient with their denominators.

    Raises:
        MetricInputError: NaN or infinity, different lengths, or no dishes.
    """
    mae = mean_absolute_error(predicted, true)
    mean_true = fsum(finite_vector("'true'", true)) / len(true)
    percent = 100.0 * mae / mean_true if mean_true > 0 else None
    return NutrientError(nutrient, len(true), mae, mean_true, percent)
