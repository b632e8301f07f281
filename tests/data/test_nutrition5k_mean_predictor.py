"""What answers that never look at the picture earn on the real Nutrition5k, and that docs/data.md prints just that.

Recomputed with csv and numpy alone, and then by the package's own reader and metrics.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from foodbench.core.types import NUTRIENTS
from foodbench.data.nutrition5k import Nutrition5k
from foodbench.metrics.nutrition import mean_absolute_error, percent_of_mean
from tests.conftest import REPOSITORY

Table = npt.NDArray[np.float64]
Summary = Callable[[Table], Table]

UNITS = ("kcal", "g", "g", "g", "g")
SUMMARIES: dict[str, Summary] = {"mean": lambda rows: rows.mean(axis=0), "median": lambda rows: np.median(rows, axis=0)}
OUTLIER = "dish_1551567508"


def rows_of(root: Path, cafe: str) -> list[list[str]]:
    with (root / "metadata" / f"dish_metadata_{cafe}.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.reader(stream))


def ids_of(root: Path, name: str) -> list[str]:
    return (root / "dish_ids" / "splits" / f"{name}_ids.txt").read_text(encoding="utf-8").split()


@pytest.fixture(scope="module")
def root(realdata: Path) -> Path:
    folder = realdata / "nutrition5k_dataset"
    if not folder.is_dir():
        pytest.skip("the metadata of the real Nutrition5k are not here (FOODBENCH_REALDATA)")
    return folder


@pytest.fixture(scope="module")
def totals(root: Path) -> dict[str, list[float]]:
    """kcal, mass, fat, carb, protein of each dish of cafe1 as the file has them."""
    return {row[0]: [float(field) for field in row[1:6]] for row in rows_of(root, "cafe1")}


@pytest.fixture(scope="module")
def page() -> str:
    return (REPOSITORY / "docs" / "data.md").read_text(encoding="utf-8")


def table_of(root: Path, totals: dict[str, list[float]], name: str) -> Table:
    return np.array([totals[dish_id] for dish_id in ids_of(root, name)])


@pytest.mark.parametrize("view", ["rgb", "depth"])
def test_the_page_prints_the_errors_of_blind_answers(
    root: Path, totals: dict[str, list[float]], page: str, view: str
) -> None:
    test, train = (table_of(root, totals, f"{view}_{part}") for part in ("test", "train"))
    true = test.mean(axis=0)
    cells = [f"{value:.2f} {unit}" for value, unit in zip(true, UNITS, strict=True)]
    expected = [f"| {len(test)} of `{view}_test` | mean of these dishes | {' | '.join(cells)} |"]
    for name, summary in SUMMARIES.items():
        errors = np.abs(test - summary(train)).mean(axis=0)
        cells = [
            f"{error:.2f} {unit}, {100 * error / mean:.1f} %"
            for error, mean, unit in zip(errors, true, UNITS, strict=True)
        ]
        expected.append(f"| | error of the {name} of `{view}_train` ({len(train):,}) | {' | '.join(cells)} |")
    absent = [line for line in expected if line not in page.splitlines()]
    assert not absent, "docs/data.md lacks:\n" + "\n".join(absent)


@pytest.mark.parametrize("view", ["rgb", "depth"])
def test_reader_and_metrics_agree(root: Path, totals: dict[str, list[float]], view: str) -> None:
    reader = Nutrition5k(root, allow_partial=True)
    test, train = (table_of(root, totals, f"{view}_{part}") for part in ("test", "train"))
    for column, nutrient in enumerate(NUTRIENTS):
        true = [record.total.as_dict()[nutrient] for record in reader.annotations(f"{view}_test")]
        for summary in SUMMARIES.values():
            guess = [float(summary(train)[column])] * len(true)
            error = float(np.abs(test[:, column] - guess[0]).mean())
            assert mean_absolute_error(guess, true) == pytest.approx(error, rel=1e-12)
            percent = 100 * error / float(test[:, column].mean())
            assert percent_of_mean(guess, true) == pytest.approx(percent, rel=1e-12)


def test_the_page_states_the_outliers_weight(root: Path, totals: dict[str, list[float]], page: str) -> None:
    test, train = table_of(root, totals, "rgb_test"), table_of(root, totals, "rgb_train")
    assert OUTLIER in ids_of(root, "rgb_test")
    assert OUTLIER not in ids_of(root, "depth_test")
    energy, mass = totals[OUTLIER][:2]
    assert (round(mass), round(energy)) == (7_974, 9_170)
    share = abs(energy - float(train[:, 0].mean())) / len(test)
    assert f"alone adds {share:.1f} kcal" in " ".join(page.split())


def test_the_page_counts_dishes_and_repairs(root: Path, page: str) -> None:
    first, second = rows_of(root, "cafe1"), rows_of(root, "cafe2")
    without_energy = [row for row in second if not any(float(row[column]) for column in (1, 3, 4, 5))]
    assert all(any(float(field) for field in row[9::7]) for row in without_energy), "the portions have energy"
    assert (
        f"Read are {len(first) + len(second):,} dishes: {len(first):,} of `cafe1` and {len(second)} of `cafe2`" in page
    )
    assert f"protein of all {len(without_energy)} `cafe2` dishes are" in " ".join(page.split())
    assert len(without_energy) == len(second)

    reader = Nutrition5k(root, allow_partial=True)
    repaired = [dish_id for dish_id in reader.dish_ids() if "totals_from_parts" in reader.dish(dish_id).notes]
    assert repaired == [row[0] for row in without_energy]
    listed = {dish_id for name in ("rgb_train", "rgb_test") for dish_id in ids_of(root, name)}
    assert listed == {row[0] for row in first}
