"""What `verify` looks at in a copy of Nutrition5k."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from foodbench.core.wording import counted
from foodbench.data import nutrition5k
from foodbench.data.catalog import DatasetCard
from foodbench.data.images import ImageFile
from foodbench.data.inspection.base import Finding, Inspector, Probe, Results, compare_id_sets
from foodbench.data.layout import entries, is_file, read_lines
from foodbench.data.nutrition5k_csv import read_dishes, read_ingredient_table


def _overhead_dishes(root: Path) -> set[str]:
    folder = root / "imagery" / "realsense_overhead"
    names = (path.name for path in entries(folder))
    return {name for name in names if is_file(nutrition5k.overhead_path(root, name))}


def _count(root: Path) -> dict[str, int]:
    metadata, splits = root / "metadata", root / "dish_ids" / "splits"
    return {
        **{cafe: len(read_lines(metadata / f"dish_metadata_{cafe}.csv")) for cafe in nutrition5k.CAFES},
        "ingredients": len(read_lines(root / nutrition5k.TABLE)) - 1,
        **{name: len(read_lines(splits / f"{name}_ids.txt")) for name in nutrition5k.LISTS},
        "overhead_images": len(_overhead_dishes(root)),
    }


def _ids(root: Path, card: DatasetCard | None) -> Iterator[Finding]:
    results = Results()
    table = results.step(
        "ingredient table",
        lambda: read_ingredient_table(root / nutrition5k.TABLE),
        lambda names: f"{counted(len(names), 'ingredient')}.",
    )
    by_cafe: dict[str, set[str]] = {}
    for cafe in nutrition5k.CAFES if table is not None else ():
        path = root / "metadata" / f"dish_metadata_{cafe}.csv"
        dishes = results.step(
            f"dishes of {cafe}",
            partial(read_dishes, path, cafe, table or {}),
            lambda rows: f"{counted(len(rows), 'dish')}.",
        )
        if dishes is not None:
            by_cafe[cafe] = set(dishes)
    lists = results.step(
        "lists", lambda: nutrition5k.read_lists(root), lambda _: "Well-formed; train and test disjoint."
    )
    if lists is not None:
        compare_id_sets(results, card, lists)
        for kind in ("train", "test"):
            extra = set(lists[f"depth_{kind}"]) - set(lists[f"rgb_{kind}"])
            results.none_of(f"dishes of depth_{kind} that are not in rgb_{kind}", extra, "failed")
        if len(by_cafe) == len(nutrition5k.CAFES):
            _nutrition5k_joins(results, by_cafe, lists, card)
        _nutrition5k_pictures(results, root, lists, card)
    yield from results.findings


def _nutrition5k_joins(
    results: Results, by_cafe: dict[str, set[str]], lists: Mapping[str, Sequence[str]], card: DatasetCard | None
) -> None:
    both = by_cafe["cafe1"] & by_cafe["cafe2"]
    results.none_of("dishes in both cafes", both, "failed")
    listed = {dish_id for ids in lists.values() for dish_id in ids}
    unknown = listed - by_cafe["cafe1"] - by_cafe["cafe2"]
    results.none_of("listed dishes without metadata", unknown, "failed")
    if card is not None:
        unlisted = by_cafe["cafe1"] ^ (set(lists["rgb_train"]) | set(lists["rgb_test"]))
        results.none_of("dishes that are either in cafe1 or in the rgb lists", unlisted, "failed")


def _nutrition5k_pictures(
    results: Results, root: Path, lists: Mapping[str, Sequence[str]], card: DatasetCard | None
) -> None:
    overhead = _overhead_dishes(root)
    for name in ("depth_train", "depth_test"):
        absent = set(lists[name]) - overhead
        tolerated = nutrition5k.NEVER_FILMED_OVERHEAD.get(name, 0) if card is not None else 0
        # What matters is the dishes that the tasks use: the rgb lists are known to have no overhead picture for many.
        results.none_of(f"dishes of {name} without rgb.png", absent, "missing", tolerated)
    sideways = sum(1 for one in lists["rgb_test"] if one not in overhead and nutrition5k.side_frames(root, one))
    total = sum(1 for one in lists["rgb_test"] if one in overhead) + sideways
    message = (
        f"{total:,} of {len(lists['rgb_test']):,} dishes of rgb_test have a picture, {sideways:,} only from the side."
    )
    results.note("pictures for view='any'", True, message, "warning")


def _probes(root: Path) -> list[Probe]:
    """Overhead pictures and extracted side frames. Depth images and videos are not decoded: no task reads them."""
    paths = [nutrition5k.overhead_path(root, dish_id) for dish_id in sorted(_overhead_dishes(root))]
    side = root / "imagery" / "side_angles"
    for folder in entries(side):
        paths.extend(nutrition5k.side_frames(root, folder.name))
    return [Probe(path.relative_to(root).as_posix(), ImageFile(path).open) for path in paths]


INSPECTOR = Inspector(
    nutrition5k.REQUIRED,
    frozenset({"overhead_images"}),
    _count,
    _ids,
    _probes,
)
