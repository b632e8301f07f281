"""Errors of predicted energy and masses: mean absolute error, and that in percent of the mean true value.

Source of the formulas: compute_eval_statistics.py of google-research-datasets/Nutrition5k, whose `<field>_MAE` and
`<field>_MAE_%` these are; it knows neither missing predictions nor missing dishes, and averages over the dishes that
the file of predictions happens to hold. Here every dish of the test set counts, a nutrient that is not stated as zero;
its own convention is there beside, as `pmae_answered` and `mae_answered` with the share of dishes that they are over
(`stated`). The percentage is not the mean of the dishes' relative errors: a plate of 5 kcal would rule that one.

Whether the stated numbers agree with each other is in `foodbench.metrics.energy`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import fsum, inf, isfinite, sqrt
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

# A variance below this share of the mean square is rounding noise.
_NOISE = 1e-12


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


def detailed_values(predicted: Mapping[str, float], true: Mapping[str, float]) -> dict[str, float]:
    """One dish's per-sample values for `error_metrics`, `answered_metrics` and `spread_metrics`.

    Those of `sample_values`, and for each nutrient whether it was stated, error and true value if it was (otherwise
    zero), and the products that a correlation is made of.

    Args:
        predicted: kcal and grams by nutrient; possibly incomplete.
        true: kcal and grams by nutrient; the values of these nutrients are returned.

    Raises:
        AnswerInvalid, MetricInputError: as `sample_values`.
    """
    values = sample_values(predicted, true)
    values["dishes"] = 1.0
    for name, reference in true.items():
        stated = float(name in predicted)
        guess = float(predicted.get(name, 0.0))
        error = values[error_key(name)]
        products = {
            "squared_error": error * error,
            "stated": stated,
            "stated_error": stated * error,
            "stated_true": stated * float(reference),
            "guess": guess,
            "guess_squared": guess * guess,
            "true_squared": float(reference) ** 2,
            "guess_times_true": guess * float(reference),
        }
        if not all(map(isfinite, products.values())):
            raise AnswerInvalid(f"The predicted {name} is absurdly large.")
        values.update({f"{key}.{name}": number for key, number in products.items()})
    return values


def answered_metrics(nutrients: Sequence[str] = NUTRIENTS) -> tuple[Metric, ...]:
    """For each nutrient `pmae_answered`, then `mae_answered`, then `stated`: the official script's convention.

    It averages over the dishes whose value was stated, so that leaving out the difficult ones pays; `stated` says how
    many were. They read `detailed_values`, and do not exist where no dish was answered.
    """
    stated = tuple(
        Metric(
            id=f"stated.{name}",
            kind="proportion",
            value=f"stated.{name}",
            unit="%",
            scale=100.0,
            bounds=(0.0, 1.0),
            description=f"Share of dishes whose {name} was stated.",
        )
        for name in nutrients
    )
    means = tuple(
        Metric(
            id=f"mae_answered.{name}",
            kind="ratio",
            value=f"stated_error.{name}",
            over=f"stated.{name}",
            unit=UNITS[name],
            higher_is_better=False,
            bounds=(0.0, inf),
            description=f"Mean absolute error of {name} over the dishes for which it was stated.",
        )
        for name in nutrients
    )
    percentages = tuple(
        replace(
            mean,
            id=f"pmae_answered.{name}",
            over=f"stated_true.{name}",
            unit="%",
            scale=100.0,
            description=f"Mean absolute error of {name} in percent of the mean true value, over the dishes for which"
            " it was stated.",
        )
        for name, mean in zip(nutrients, means, strict=True)
    )
    return percentages + means + stated


def spread_metrics(nutrients: Sequence[str] = NUTRIENTS) -> tuple[Metric, ...]:
    """For each nutrient `rmse`, then `median_ae`, then `pearson`, over all dishes; not stated counts as zero.

    They read `detailed_values`.
    """
    roots = tuple(
        Metric(
            id=f"rmse.{name}",
            kind="of_sums",
            function="foodbench.metrics.nutrition:root_mean_square",
            keys=(f"squared_error.{name}", "dishes"),
            unit=UNITS[name],
            higher_is_better=False,
            bounds=(0.0, inf),
            description=f"Root of the mean squared error of {name}; large errors weigh more than in the mean.",
        )
        for name in nutrients
    )
    medians = tuple(
        Metric(
            id=f"median_ae.{name}",
            kind="median",
            value=error_key(name),
            unit=UNITS[name],
            higher_is_better=False,
            bounds=(0.0, inf),
            description=f"Median absolute error of {name}: half of the dishes are off by less.",
        )
        for name in nutrients
    )
    sums = ("guess", "guess_squared", "true", "true_squared", "guess_times_true")
    correlations = tuple(
        Metric(
            id=f"pearson.{name}",
            kind="of_sums",
            function="foodbench.metrics.nutrition:correlation",
            keys=(*(f"{key}.{name}" for key in sums), "dishes"),
            bounds=(-1.0, 1.0),
            description=f"Pearson's correlation of predicted and true {name}; none where either does not vary.",
        )
        for name in nutrients
    )
    return roots + medians + correlations


def _sum_of(sums: Mapping[str, float], quantity: str) -> float:
    """The sum of a quantity, of whichever nutrient the sums are."""
    return next((number for key, number in sums.items() if key.partition(".")[0] == quantity), 0.0)


def root_mean_square(sums: Mapping[str, float]) -> float | None:
    """Root of the mean squared error.

    Args:
        sums: sums over dishes of `squared_error.<nutrient>` and `dishes`.
    """
    dishes = _sum_of(sums, "dishes")
    return sqrt(_sum_of(sums, "squared_error") / dishes) if dishes else None


def correlation(sums: Mapping[str, float]) -> float | None:
    """Pearson's correlation coefficient of predicted and true values; None where either does not vary.

    From sums about zero, which is good to nine digits or more where the values spread by a tenth of their mean. A
    spread of less than a millionth of it cannot be told from rounding and counts as none.

    Args:
        sums: sums over dishes of the values, squares and products of one nutrient in `detailed_values`.
    """
    dishes = _sum_of(sums, "dishes")
    guess, true = _sum_of(sums, "guess"), _sum_of(sums, "true")
    scales = dishes * _sum_of(sums, "guess_squared"), dishes * _sum_of(sums, "true_squared")
    variances = scales[0] - guess * guess, scales[1] - true * true
    if any(variance <= _NOISE * scale for variance, scale in zip(variances, scales, strict=True)):
        return None
    covariance = dishes * _sum_of(sums, "guess_times_true") - guess * true
    return max(-1.0, min(1.0, covariance / (sqrt(variances[0]) * sqrt(variances[1]))))


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
