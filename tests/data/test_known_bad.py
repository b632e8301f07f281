"""Lists of known-bad items: complete, and true to the metadata that is at hand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from foodbench.core.errors import UnknownName
from foodbench.data.catalog import CATALOG
from foodbench.data.known_bad import SCORED, bad_ids, known_bad, report
from foodbench.data.nutrition5k import LISTS, OUTLIER_FILTERS, Nutrition5k


@pytest.mark.parametrize("dataset", CATALOG.names())
def test_every_dataset_is_spoken_of(dataset: str) -> None:
    found = report(dataset)
    assert found.entries or found.notes
    ids = [entry.id for entry in found.entries]
    assert ids == sorted(set(ids))
    for entry in found.entries:
        assert entry.reason.endswith(".")
        assert entry.evidence
        assert entry.lists
        assert entry.splits
        assert set(entry.lists) <= set(found.lists)
        assert set(entry.affects) <= {"annotation", "picture", "depth"}
        assert entry.affects
        assert entry.names in ("dish", "image")
    for note in found.notes:
        assert note.text
        assert note.evidence
    for name in found.lists:
        assert bad_ids(dataset, lists=[name])


def test_the_public_lists_are_those_of_the_reader() -> None:
    for name, ids in OUTLIER_FILTERS.items():
        assert bad_ids("nutrition5k", lists=[name]) == ids


def test_what_is_left_out_of_scores() -> None:
    everything = {entry.id for entry in known_bad("nutrition5k")}
    assert len(everything) == 18
    assert everything - bad_ids("nutrition5k") == {"dish_1564159636", "dish_1556572657"}
    assert bad_ids("nutrition5k", affects={"depth"}) == {"dish_1564159636", "dish_1556572657"}
    assert {"picture", "annotation"} == SCORED
    assert bad_ids("recipe1m") == {"393efa5963.jpg"}
    assert bad_ids("food101") == frozenset()
    assert bad_ids("fooddialogues") == bad_ids("nutrition5k")
    both = bad_ids("nutrition5k", lists=["n5k-5", "plate-only"])
    assert both == OUTLIER_FILTERS["n5k-5"] | {"dish_1557861216", "dish_1556575700"}


def test_unknown_names() -> None:
    with pytest.raises(UnknownName, match="food102"):
        known_bad("food102")
    with pytest.raises(UnknownName, match="n5k-12") as caught:
        bad_ids("nutrition5k", lists=["n5k-12"])
    assert "n5k-11" in caught.value.hint


def test_the_real_metadata_says_the_same(realdata: Path) -> None:
    """Recomputed from the CSV files: every dish above 1 kg, with a wrong total or an empty plate, and no other."""
    reader = Nutrition5k(realdata / "nutrition5k_dataset", allow_partial=True)
    dishes = [dish for name in ("rgb_train", "rgb_test") for dish in reader.annotations(name)]
    assert len(dishes) == 4_768
    heavy = {dish.dish_id for dish in dishes if dish.total.mass > 1_000}
    unequal = {
        dish.dish_id
        for dish in dishes
        if abs(dish.total.mass - sum(portion.nutrition.mass for portion in dish.portions)) > 100
    }
    plates = {dish.dish_id for dish in dishes if [portion.name for portion in dish.portions] == ["plate only"]}
    assert bad_ids("nutrition5k", lists=["over-1kg"]) == heavy
    assert bad_ids("nutrition5k", lists=["total-is-not-sum"]) == unequal
    assert bad_ids("nutrition5k", lists=["plate-only"]) == plates == {d.dish_id for d in dishes if d.total.kcal == 0}
    for entry in known_bad("nutrition5k"):
        assert list(entry.splits) == [name for name in LISTS if entry.id in reader.ids(name)]


def test_importing_is_light() -> None:
    code = (
        "import sys, foodbench.data.known_bad as lists; lists.known_bad('nutrition5k')\n"
        "print({'numpy', 'PIL'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.stderr) == ("set()\n", "")
