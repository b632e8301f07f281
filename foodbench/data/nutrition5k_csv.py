"""The two CSV dialects of Nutrition5k: dish rows (no header, ragged, groups of seven) and the ingredient table.

A dish row is `dish_id, kcal, mass, fat, carb, protein` and then, per ingredient, `ingr_<10 digits>, name, mass, kcal,
fat, carb, protein`: note the two orders. The official README promises a field `num_ingrs` that does not exist.

Third-party copies have gained a header line, or the comma padding that spreadsheets add; both would shift or invent
values silently, so both are refused with the repair.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from foodbench.core.errors import DataCorrupt
from foodbench.core.types import Nutrition
from foodbench.data.layout import read_lines
from foodbench.data.records import IngredientPortion

NOTE_TOTALS_REPAIRED = "totals_from_parts"
"""The file's totals of kcal, fat, carb and protein are all zero, its parts are not (all of cafe2): summed anew."""

NOTE_DEPRECATED = "deprecated_ingredient"
"""An ingredient is called `deprecated`: its weight and energy are known, what it was is not."""

NOTE_NAME_RESOLVED = "name_from_table"
"""An ingredient's name is empty in the row and was taken from the ingredient table by its id."""

NOTE_MASS_MISMATCH = "mass_differs_from_parts"
"""The total mass differs from the sum of the portions by more than `MASS_TOLERANCE` grams."""

NOTE_ZERO_ENERGY = "zero_kcal"
"""The dish has 0 kcal even after repair: percentage errors of this dish are undefined."""

MASS_TOLERANCE = 100.0
DEPRECATED = "deprecated"

DISH_PATTERN = r"dish_[0-9]{10}"
TABLE_HEADER = ("ingr", "id", "cal/g", "fat(g)", "carb(g)", "protein(g)")
_TOTAL_FIELDS = 6
_GROUP_FIELDS = 7
_NUMBER = re.compile(r"[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]{1,3})?")
_INGREDIENT = re.compile(r"ingr_([0-9]{10})")


@dataclass(frozen=True, slots=True)
class DishRow:
    """One dish as annotated, before it is joined with splits and pictures."""

    dish_id: str
    total: Nutrition
    portions: tuple[IngredientPortion, ...]
    cafe: str
    notes: tuple[str, ...]


def _fields(path: Path) -> list[tuple[int, list[str]]]:
    """(line number, fields) of every line that is not blank.

    Raises:
        DataMissing, DataCorrupt: the file is absent, no plain text, or holds quotes or stray carriage returns.
    """
    rows: list[tuple[int, list[str]]] = []
    for number, line in read_lines(path):
        if '"' in line:
            raise DataCorrupt(
                f"{path}, line {number}: contains a quotation mark; the official file has none.",
                hint="A spreadsheet saved it again: restore the original file.",
            )
        try:
            # Line by line, so that no dialect surprise can swallow a line break and join two dishes.
            (fields,) = csv.reader([line], quoting=csv.QUOTE_NONE)
        except (csv.Error, ValueError) as error:
            raise DataCorrupt(f"{path}, line {number}: not a CSV row ({error}).", hint="Restore the file.") from error
        rows.append((number, fields))
    return rows


def _number(text: str, path: Path, line: int, what: str) -> float:
    """A finite number that is not negative, written in plain ASCII."""
    value = float(text) if _NUMBER.fullmatch(text) else math.nan
    if math.isfinite(value):
        return value
    kind = "negative" if text.startswith("-") and _NUMBER.fullmatch(text[1:]) else "not a finite number"
    raise DataCorrupt(f"{path}, line {line}: {what} is {kind}: {text[:40]!r}.", hint="Restore the original file.")


def read_ingredient_table(path: Path) -> dict[int, str]:
    """Ingredient names by id from `ingredients_metadata.csv` (which, unlike the dish files, has a header).

    Names are stripped (`bean(seed) ` has a trailing blank). Several ids may share a name: four are `deprecated`.

    Raises:
        DataMissing: the file is absent.
        DataCorrupt: no header, a malformed row, or an id that occurs twice.
    """
    rows = _fields(path)
    if not rows or tuple(rows[0][1]) != TABLE_HEADER:
        raise DataCorrupt(
            f"{path} does not begin with the header '{','.join(TABLE_HEADER)}'.", hint="Restore the original file."
        )
    names: dict[int, str] = {}
    for line, fields in rows[1:]:
        if len(fields) != len(TABLE_HEADER):
            raise DataCorrupt(f"{path}, line {line}: {len(fields)} fields instead of 6.", hint="Restore the file.")
        name, text = fields[0].strip(), fields[1]
        for column, value in zip(TABLE_HEADER[2:], fields[2:], strict=True):
            _number(value, path, line, column)
        if not re.fullmatch(r"[0-9]{1,9}", text) or not name:
            raise DataCorrupt(f"{path}, line {line}: needs a name and a whole number as id.", hint="Restore the file.")
        if int(text) in names:
            raise DataCorrupt(f"{path}, line {line}: ingredient id {text} occurs twice.", hint="Restore the file.")
        names[int(text)] = name
    return names


def read_dishes(path: Path, cafe: str, ingredients: Mapping[int, str]) -> dict[str, DishRow]:
    """All dishes of one dish metadata file by id, in file order.

    Args:
        path: `dish_metadata_cafe1.csv` or `dish_metadata_cafe2.csv`.
        cafe: `cafe1` or `cafe2`.
        ingredients: names by id, as from `read_ingredient_table`.

    Raises:
        DataMissing: the file is absent.
        DataCorrupt: a header line, comma padding, a ragged row, a bad number, a dish that occurs twice.
    """
    dishes: dict[str, DishRow] = {}
    for line, fields in _fields(path):
        _check_shape(path, line, fields)
        dish = _dish(path, line, fields, cafe, ingredients)
        if dish.dish_id in dishes:
            raise DataCorrupt(
                f"{path}, line {line}: {dish.dish_id} occurs a second time.", hint="Restore the original file."
            )
        dishes[dish.dish_id] = dish
    if not dishes:
        raise DataCorrupt(f"{path} holds no dish.", hint="The file is empty: restore it.")
    return dishes


def _check_shape(path: Path, line: int, fields: list[str]) -> None:
    """Refuse header, padding and ragged rows."""
    if not re.fullmatch(DISH_PATTERN, fields[0]):
        looks = ",".join(fields[:3])[:60]
        if not any(_NUMBER.fullmatch(field) for field in fields[1:_TOTAL_FIELDS]):
            raise DataCorrupt(
                f"{path}, line {line}: looks like a header line ({looks!r}); the official file has none.",
                hint=f"Restore the original file, or delete that line: sed -i '{line}d' '{path.name}'",
            )
        raise DataCorrupt(
            f"{path}, line {line}: {fields[0][:40]!r} is not a dish id.", hint="A right one reads 'dish_1561662216'."
        )
    padding = next((count for count, field in enumerate(reversed(fields)) if field.strip()), len(fields))
    if padding:
        raise DataCorrupt(
            f"{path}, line {line}: ends with {padding} empty fields ({',' * min(padding, 8)}), the padding that "
            "spreadsheets add; the official file has none.",
            hint=f"Restore the original file, or cut them off: sed -E -i 's/[,[:space:]]+$//' '{path.name}'",
        )
    if len(fields) <= _TOTAL_FIELDS or (len(fields) - _TOTAL_FIELDS) % _GROUP_FIELDS:
        raise DataCorrupt(
            f"{path}, line {line}: {len(fields)} fields; a row has 6 and then 7 per ingredient (13, 20, 27, ...).",
            hint="The row was cut off, or a name contains a comma: restore the original file.",
        )


def _dish(path: Path, line: int, fields: list[str], cafe: str, ingredients: Mapping[int, str]) -> DishRow:
    kcal, mass, fat, carb, protein = (_number(text, path, line, "a total") for text in fields[1:_TOTAL_FIELDS])
    notes: list[str] = []
    portions = tuple(
        _portion(path, line, fields[start : start + _GROUP_FIELDS], ingredients, notes)
        for start in range(_TOTAL_FIELDS, len(fields), _GROUP_FIELDS)
    )
    total = Nutrition(kcal=kcal, mass=mass, fat=fat, carb=carb, protein=protein)
    if kcal == fat == carb == protein == 0:
        repaired = Nutrition(
            kcal=math.fsum(portion.nutrition.kcal or 0.0 for portion in portions),
            mass=mass,
            fat=math.fsum(portion.nutrition.fat or 0.0 for portion in portions),
            carb=math.fsum(portion.nutrition.carb or 0.0 for portion in portions),
            protein=math.fsum(portion.nutrition.protein or 0.0 for portion in portions),
        )
        if repaired != total:
            total = repaired
            notes.insert(0, NOTE_TOTALS_REPAIRED)
    grams = math.fsum(portion.nutrition.mass or 0.0 for portion in portions)
    if abs(grams - mass) > MASS_TOLERANCE:
        notes.append(f"{NOTE_MASS_MISMATCH}: {mass:g} g in total, {grams:g} g in parts")
    if not total.kcal:
        notes.append(NOTE_ZERO_ENERGY)
    return DishRow(dish_id=fields[0], total=total, portions=portions, cafe=cafe, notes=tuple(notes))


def _portion(
    path: Path, line: int, group: list[str], ingredients: Mapping[int, str], notes: list[str]
) -> IngredientPortion:
    match = _INGREDIENT.fullmatch(group[0])
    ingredient_id = int(match.group(1)) if match else 0
    if match is None or ingredient_id not in ingredients:
        what = "is not in ingredients_metadata.csv" if match else "is not an ingredient id"
        raise DataCorrupt(
            f"{path}, line {line}: {group[0][:40]!r} {what}.",
            hint="A right id reads 'ingr_0000000372'; restore the metadata files from one copy.",
        )
    name = group[1].strip()
    if not name:
        name = ingredients[ingredient_id]
        notes.append(f"{NOTE_NAME_RESOLVED}: {ingredient_id} -> {name}")
    if name == DEPRECATED and NOTE_DEPRECATED not in notes:
        notes.append(NOTE_DEPRECATED)
    mass, kcal, fat, carb, protein = (_number(text, path, line, f"a value of '{name}'") for text in group[2:])
    return IngredientPortion(ingredient_id, name, Nutrition(kcal=kcal, mass=mass, fat=fat, carb=carb, protein=protein))
