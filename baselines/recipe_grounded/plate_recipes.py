"""Rendered plates as recipes: pictures of the model's size in a folder, and what the recipe of each plate says."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from baselines.foodlmm.plates import Plates, load_plates
from baselines.foodlmm.settings import DataSettings
from baselines.recipe_grounded.vocabulary import ActionVocabulary, count_actions, ranked_counts
from baselines.rl_segmentation.kitchen_model.places import plate_labels, plate_picture
from foodbench.core.files import atomic_write, atomic_write_json
from foodbench.core.hashing import fingerprint
from foodbench.data.images import ImageFile
from foodbench.data.kitchen import render
from foodbench.data.kitchen.ingredients import INGREDIENTS
from foodbench.data.records import RecipeRecord

EDITION = "plates"
_SERVE = "Serve warm."
_SHARD = 500
_FORM = 1


def plate_recipes(
    settings: DataSettings,
    grid: int,
    cache: Path,
    *,
    split: str,
    count: int,
    workers: int,
    on_progress: Callable[[int], None] = lambda _: None,
) -> list[RecipeRecord]:
    """The recipes of plates, made as the kitchen's Recipe1M makes them, on a stream of plates of its own.

    An ingredient that is too small to be seen in the picture as the model gets it is not in the recipe.

    Args:
        settings: stream and sizes.
        grid: side of the square that pictures are squashed to.
        cache: folder where rendered plates and pictures are kept.
        split: `train` or `val`.
        count: how many.
        workers: processes that render.
        on_progress: told the number of plates that became ready.

    Raises:
        StorageFull: plates or pictures cannot be kept.
    """
    folder = cache / f"recipes-{_digest(settings, split, grid)}"
    shards = [range(start, min(start + _SHARD, count)) for start in range(0, count, _SHARD)]
    missing = [shard for shard in shards if _kept(folder, shard.start, len(shard)) is None]
    if missing:
        plates = load_plates(settings, settings.side, cache, split=split, count=count, workers=workers)
        for shard in missing:
            _keep(plates, shard, grid, folder)
            on_progress(len(shard))
    on_progress(count - sum(map(len, missing)))
    records = []
    for shard in shards:
        for number, facts in zip(shard, _kept(folder, shard.start, len(shard)) or (), strict=True):
            picture = ImageFile(_picture(folder, number), exif="ignore")
            name = f"plate-{split}-{number:06d}"
            records.append(recipe_of(name, facts["dish"], dict(facts["grams"]), picture, split))
    return records


def vocabulary_of(records: Sequence[RecipeRecord]) -> ActionVocabulary:
    """The actions of training recipes; their fingerprint is that of the recipes' texts."""
    counts, total = count_actions(record.steps for record in records)
    texts = fingerprint([[record.recipe_id, list(record.steps)] for record in records])
    return ActionVocabulary(ranked_counts(counts), total, EDITION, texts)


def recipe_of(name: str, dish: str, grams: Mapping[str, int], picture: ImageFile, split: str) -> RecipeRecord:
    """A plate's recipe.

    Args:
        name: its id.
        dish: its title.
        grams: of each ingredient, in the order of their numbers.
        picture: of the plate.
        split: `train` or `val`.
    """
    return RecipeRecord(
        recipe_id=name,
        title=dish,
        ingredients=tuple(f"{amount} g {one}" for one, amount in grams.items()),
        steps=(*(f"{INGREDIENTS[one].step}." for one in grams), _SERVE),
        detected=tuple(grams),
        classes=tuple(sorted(grams)),
        image=picture,
        image_ids=(picture.path.name,),
        split=split,
    )


def _digest(settings: DataSettings, split: str, grid: int) -> str:
    sizes = [[*entry.size, entry.share] for entry in settings.sizes]
    probe = hashlib.sha256(render(0, 64).image.tobytes()).hexdigest()  # another renderer draws other plates
    return f"{split}-{fingerprint([_FORM, settings.stream, sizes, settings.side, grid, probe])[7:15]}"


def _index(folder: Path, start: int) -> Path:
    return folder / f"{start:06d}.json"


def _picture(folder: Path, number: int) -> Path:
    return folder / f"{number - number % _SHARD:06d}" / f"{number:06d}.png"


def _kept(folder: Path, start: int, count: int) -> list[dict[str, Any]] | None:
    """What is known of a shard's plates; None if it is not there as a whole."""
    try:
        facts = json.loads(_index(folder, start).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return facts[:count] if isinstance(facts, list) and len(facts) >= count else None


def _keep(plates: Plates, numbers: range, grid: int, folder: Path) -> None:
    """Write the pictures of some plates, and when all are there what they are of."""
    facts = []
    for number in numbers:
        seen, labels = plates.facts(number), plate_labels(plates, number)
        grams = {share.name: max(1, round(share.mass)) for share in seen.shares}
        shown = [name for name in seen.ingredients if (labels == INGREDIENTS[name].number).any()]
        facts.append({"dish": seen.dish, "grams": [[name, grams[name]] for name in shown]})
        buffer = io.BytesIO()
        plate_picture(plates, number, grid).save(buffer, "PNG", compress_level=1)
        atomic_write(_picture(folder, number), buffer.getvalue(), sync=False)
    atomic_write_json(_index(folder, numbers.start), facts)


__all__ = ["EDITION", "plate_recipes", "recipe_of", "vocabulary_of"]
