"""What `verify` looks at in a copy of VIREO Food-172."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from foodbench.core.wording import counted
from foodbench.data import vireo172
from foodbench.data.catalog import DatasetCard
from foodbench.data.images import ImageFile
from foodbench.data.inspection.base import Finding, Inspector, Probe, Results, compare_id_sets
from foodbench.data.layout import is_folder, read_lines


def _photo_folder(root: Path) -> Path:
    """The folder of the edition of the photos that this copy has; the usual one if it has both or none."""
    ready, original = (root / vireo172.PHOTO_FOLDERS[photos] for photos in ("ready", "original"))
    return original if is_folder(original) and not is_folder(ready) else ready


def _class_count(root: Path) -> int:
    return len(read_lines(root / vireo172.FOOD_LIST))


def _count(root: Path) -> dict[str, int]:
    classes = _class_count(root)
    return {
        "classes": classes,
        "ingredients": len(read_lines(root / vireo172.INGREDIENT_LIST)),
        **{split: len(read_lines(root / vireo172.LABELS / name)) for split, name in vireo172.LISTS.items()},
        "rows": len(read_lines(root / vireo172.ROWS)),
        "photos": len(vireo172.present_photos(_photo_folder(root), classes)),
    }


def _ids(root: Path, card: DatasetCard | None) -> Iterator[Finding]:
    results = Results()
    official = card is not None
    classes = results.step(
        "classes",
        lambda: vireo172.read_classes(root, official=official),
        lambda names: f"{counted(len(names), 'dish')}.",
    )
    ingredients = results.step(
        "ingredients",
        lambda: vireo172.read_ingredients(root, official=official),
        lambda names: f"{counted(len(names), 'ingredient')}.",
    )
    for what, names in (("dishes", classes), ("ingredients", ingredients)):
        if names is not None:
            results.none_of(f"{what} of the same name", _repeated(names), "warning")
    count = len(classes) if classes is not None else _class_count(root)
    ids = results.step("lists", lambda: vireo172.read_ids(root, count), lambda _: "Well-formed and disjoint.")
    if ids is not None:
        compare_id_sets(results, card, ids)
        folder = _photo_folder(root)
        usual = folder.name == vireo172.PHOTO_FOLDERS["ready"]
        message = f"{folder.name}." if usual else f"{folder.name}: published numbers use the smaller photos."
        results.note("folder of photos", usual, message, "warning")
        photos, listed = vireo172.present_photos(folder, count), {one for split in ids.values() for one in split}
        results.none_of("missing photos", listed - photos, "missing")
        results.none_of("photos in no list", photos - listed, "warning")
        if ingredients is not None:
            _rows(results, root, ids, len(ingredients))
    yield from results.findings


def _rows(results: Results, root: Path, ids: dict[str, tuple[str, ...]], ingredient_count: int) -> None:
    rows = results.step(
        "rows",
        lambda: vireo172.read_rows(root, ingredient_count),
        lambda found: f"{counted(len(found), 'row')} of {ingredient_count} labels, one per photo.",
    )
    if rows is None:
        return
    without, empty = vireo172.unlabelled(ids, rows)
    results.none_of("listed photos without a row", without, "failed")
    results.none_of("listed photos without an ingredient", empty, "failed")
    results.none_of("rows of photos in no list", set(rows).difference(*ids.values()), "warning")


def _repeated(names: Sequence[str]) -> set[str]:
    return {name for name in names if names.count(name) > 1}


def _probes(root: Path) -> list[Probe]:
    folder = _photo_folder(root)
    photos = sorted(vireo172.present_photos(folder, _class_count(root)))
    return [Probe(f"{folder.name}/{one}.jpg", ImageFile(folder / f"{one}.jpg").open) for one in photos]


INSPECTOR = Inspector(vireo172.REQUIRED_LISTS, frozenset({"photos"}), _count, _ids, _probes)
