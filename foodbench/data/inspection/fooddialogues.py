"""What `verify` looks at in a copy of FoodDialogues."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from foodbench.core.wording import counted
from foodbench.data import fooddialogues
from foodbench.data.catalog import CATALOG, DatasetCard
from foodbench.data.dialogues import read_dialogues, read_entries
from foodbench.data.fooddialogues import DIALOGUE_ID, DISH_ID
from foodbench.data.images import ImageFile
from foodbench.data.inspection.base import Finding, Inspector, Probe, Results, id_set_sha256
from foodbench.data.inspection.dialogues import well_formed_dialogues
from foodbench.data.layout import is_file
from foodbench.data.nutrition5k_csv import read_dishes, read_ingredient_table

_TABLE = "ingredients_metadata.csv"
_CAFES = ("cafe1", "cafe2")


def _list_path(root: Path, split: str) -> Path:
    return root / f"{split}_id.json"


def _dishes(root: Path, split: str) -> set[str]:
    """Dishes with a dialogue."""
    dialogues = read_dialogues(fooddialogues.dialogue_path(root, split), (DISH_ID,))
    return {dialogue.ids[DISH_ID.name] for dialogue in dialogues}


def _count(root: Path) -> dict[str, int]:
    counts: dict[str, int] = {}
    for split in fooddialogues.SPLITS:
        counts[f"dialogues_{split}"] = len(read_entries(fooddialogues.dialogue_path(root, split)))
        if is_file(_list_path(root, split)):
            counts[f"dishes_{split}"] = len(read_entries(_list_path(root, split)))
        dishes = _dishes(root, split)
        counts[f"pictures_{split}"] = sum(fooddialogues.find_picture(root, one) is not None for one in dishes)
    return counts


def _ids(root: Path, card: DatasetCard | None) -> Iterator[Finding]:
    results = Results()
    dishes: dict[str, set[str]] = {}
    for split in fooddialogues.SPLITS:
        path = fooddialogues.dialogue_path(root, split)
        dialogues = well_formed_dialogues(results, split, path, (DIALOGUE_ID, DISH_ID))
        if dialogues is None:
            continue
        joined = partial(fooddialogues.join_dialogues, path, dialogues)
        results.step(f"{split} answers", joined, lambda _: "All readable, ids unique.")
        dishes[split] = {dialogue.ids[DISH_ID.name] for dialogue in dialogues}
        unseen = {one for one in dishes[split] if fooddialogues.find_picture(root, one) is None}
        results.none_of(f"{split} dishes without picture", unseen, "missing")
    if len(dishes) == len(fooddialogues.SPLITS):
        results.none_of("dishes with dialogues in both splits", dishes["train"] & dishes["test"], "failed")
    _lists(results, root, dishes, card)
    _metadata(results, root, dishes)
    yield from results.findings


def _lists(results: Results, root: Path, dishes: Mapping[str, set[str]], card: DatasetCard | None) -> None:
    for split in fooddialogues.SPLITS:
        path = _list_path(root, split)
        if not is_file(path):
            results.note(
                f"list of {split} dishes", False, f"{path.name} is not there; nothing else needs it.", "warning"
            )
            continue
        listed = results.step(
            f"list of {split} dishes",
            partial(fooddialogues.read_dish_list, path),
            lambda ids: f"{counted(len(ids), 'dish')}.",
        )
        if listed is None:
            continue
        results.none_of(f"{split} dialogues about dishes of no list", dishes.get(split, set()) - set(listed), "failed")
        if card is not None and split == "test":
            official = CATALOG.get("nutrition5k").id_sets["rgb_test"]
            same = id_set_sha256(listed) == official.sha256
            message = f"{counted(len(listed), 'dish')}, " + (
                "as rgb_test of Nutrition5k." if same else "not rgb_test's."
            )
            results.note("test dishes are those of Nutrition5k", same, message, "warning")


def _metadata(results: Results, root: Path, dishes: Mapping[str, set[str]]) -> None:
    """Look at Nutrition5k's tables, where the copy has them."""
    names = (_TABLE, *(f"dish_metadata_{cafe}.csv" for cafe in _CAFES))
    absent = [name for name in names if not is_file(root / name)]
    results.none_of("absent Nutrition5k tables", absent, "warning")
    if absent:
        return
    table = results.step(
        "ingredient table",
        lambda: read_ingredient_table(root / _TABLE),
        lambda found: f"{counted(len(found), 'ingredient')}.",
    )
    known: set[str] = set()
    for cafe in _CAFES if table is not None else ():
        path = root / f"dish_metadata_{cafe}.csv"
        rows = results.step(
            f"dishes of {cafe}",
            partial(read_dishes, path, cafe, table or {}),
            lambda found: f"{counted(len(found), 'dish')}.",
        )
        if rows is None:
            return
        known |= set(rows)
    if table is not None:
        asked = {one for found in dishes.values() for one in found}
        results.none_of("dishes with dialogues but without metadata", asked - known, "warning")


def _probes(root: Path) -> list[Probe]:
    """The picture of every dish with a dialogue; the other frames are read by nothing."""
    paths = [
        found[0]
        for split in fooddialogues.SPLITS
        for dish_id in sorted(_dishes(root, split))
        if (found := fooddialogues.find_picture(root, dish_id)) is not None
    ]
    return [Probe(path.relative_to(root).as_posix(), ImageFile(path).open) for path in paths]


INSPECTOR = Inspector(
    fooddialogues.REQUIRED,
    frozenset(f"pictures_{split}" for split in fooddialogues.SPLITS),
    _count,
    _ids,
    _probes,
)
