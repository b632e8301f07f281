"""Rendered training plates: made once by worker processes, kept as npz shards, held in memory as arrays."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from baselines.foodlmm.settings import DataSettings
from baselines.foodlmm.templates import PlateFacts
from foodbench.core.files import atomic_write
from foodbench.core.hashing import fingerprint
from foodbench.data.kitchen.dishes import DISHES
from foodbench.data.kitchen.ingredients import INGREDIENT_NAMES, INGREDIENTS
from foodbench.data.kitchen.meal_talk import Share
from foodbench.models.foodlmm.image_processing_foodlmm import clip_view, sam_view

NUTRIENT_ORDER = ("mass", "kcal", "fat", "carb", "protein")
"""Columns of `Plates.portions`, in the order of the model's heads."""

_SHARD = 500
_DISH_NAMES = tuple(DISHES)


@dataclass(frozen=True, slots=True)
class Plates:
    """Plates as both branches of the model see them.

    Attributes:
        clip: (plates, side, side, 3) uint8, the centre square.
        clip_labels: (plates, side, side) uint8, ingredient numbers there.
        sam: (plates, side, side, 3) uint8, the whole picture; right and bottom are padding.
        sam_labels: (plates, side, side) uint8, 0 in the padding.
        sam_sizes: (plates, 2) height and width of the picture in `sam`.
        dishes: (plates,) index of the dish.
        portions: (plates, ingredients, 5) grams and kcal in `NUTRIENT_ORDER`; zeros where an ingredient is absent.
    """

    clip: NDArray[np.uint8]
    clip_labels: NDArray[np.uint8]
    sam: NDArray[np.uint8]
    sam_labels: NDArray[np.uint8]
    sam_sizes: NDArray[np.int64]
    dishes: NDArray[np.int64]
    portions: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.dishes)

    def facts(self, index: int) -> PlateFacts:
        """What the templates need of one plate."""
        portions = self.portions[index].astype(float)
        present = np.flatnonzero(portions[:, 0] > 0).tolist()
        shares = [Share(INGREDIENT_NAMES[place], *portions[place].tolist()) for place in present]
        return PlateFacts(
            _DISH_NAMES[self.dishes[index]],
            tuple(INGREDIENT_NAMES[place] for place in present),
            tuple(sorted(shares, key=lambda share: -share.mass)),
        )

    def nutrition_scale(self) -> list[float]:
        """Means of a portion's and of a meal's values: the units that the model's ten heads predict in."""
        portions = self.portions[self.portions[:, :, 0] > 0]
        return [*portions.mean(0).astype(float).tolist(), *self.portions.sum(1).mean(0).astype(float).tolist()]


_FIELDS = tuple(Plates.__dataclass_fields__)


def plate_size(settings: DataSettings, split: str, index: int) -> tuple[int, int]:
    """(height, width) of a plate: a pure function of the settings and the index."""
    rng = np.random.default_rng([{"train": 1, "val": 2, "test": 3}[split], index, 7])
    shares = np.array([entry.share for entry in settings.sizes])
    return settings.sizes[int(rng.choice(len(shares), p=shares / shares.sum()))].size


def _render_shard(settings: DataSettings, side: int, split: str, indices: Sequence[int]) -> bytes:
    """Runs in a worker process: an npz archive of these plates."""
    from foodbench.data.kitchen import plate_seed, render

    columns: dict[str, list[NDArray]] = {name: [] for name in _FIELDS}
    for index in indices:
        plate = render(plate_seed(split, settings.stream, index), plate_size(settings, split, index))
        picture, labels = Image.fromarray(plate.image), Image.fromarray(plate.label)
        nearest = Image.Resampling.NEAREST
        view, view_labels = sam_view(picture, side), sam_view(labels, side, nearest)
        height, width = view_labels.shape
        padding = ((0, side - height), (0, side - width))
        portions = np.zeros((len(INGREDIENTS), len(NUTRIENT_ORDER)), np.float32)
        for portion in plate.portions:
            portions[INGREDIENTS[portion.name].number - 1] = [
                getattr(portion.nutrition, name) for name in NUTRIENT_ORDER
            ]
        columns["clip"].append(clip_view(picture, side))
        columns["clip_labels"].append(clip_view(labels, side, nearest))
        columns["sam"].append(np.pad(view, (*padding, (0, 0))))
        columns["sam_labels"].append(np.pad(view_labels, padding))
        columns["sam_sizes"].append(np.array([height, width]))
        columns["dishes"].append(np.array(_DISH_NAMES.index(plate.dish)))
        columns["portions"].append(portions)
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **{name: np.stack(values) for name, values in columns.items()})
    return buffer.getvalue()


def _read_shard(path: Path) -> dict[str, NDArray] | None:
    """A shard's arrays, or None if there is no such file or it is damaged (it is then rendered again)."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in _FIELDS}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None


def _probe() -> str:
    """Digest of one plate: a renderer that draws otherwise gives shards other names, so old ones are not taken."""
    from foodbench.data.kitchen import render

    plate = render(0, 64)
    return hashlib.sha256(plate.image.tobytes() + plate.label.tobytes()).hexdigest()


def load_plates(
    settings: DataSettings,
    side: int,
    folder: Path,
    *,
    split: str,
    count: int,
    workers: int,
    on_progress: Callable[[int], None] = lambda _: None,
) -> Plates:
    """Render plates, or read those that were rendered before.

    Args:
        settings: stream and sizes.
        side: of the model's inputs in pixels.
        folder: where shards are kept.
        split: `train` or `val`.
        count: how many plates.
        workers: processes.
        on_progress: told the number of plates that became ready.

    Raises:
        StorageFull: a shard cannot be written.
    """
    sizes = [[*entry.size, entry.share] for entry in settings.sizes]
    key = fingerprint([settings.stream, sizes, side, _probe()])
    ranges = [range(start, min(start + _SHARD, count)) for start in range(0, count, _SHARD)]
    paths = [folder / f"{split}-{key[7:15]}-{part.start:06d}-{len(part):03d}.npz" for part in ranges]
    shards = [_read_shard(path) for path in paths]
    missing = [place for place, shard in enumerate(shards) if shard is None]
    on_progress(sum(len(ranges[place]) for place in range(len(ranges)) if place not in missing))
    for place, content in _render_missing(settings, side, split, [ranges[place] for place in missing], workers):
        path = paths[missing[place]]
        atomic_write(path, content)
        shards[missing[place]] = _read_shard(path)
        on_progress(len(ranges[missing[place]]))
    return Plates(**{name: np.concatenate([shard[name] for shard in shards if shard]) for name in _FIELDS})


def _render_missing(
    settings: DataSettings, side: int, split: str, ranges: Sequence[range], workers: int
) -> Iterator[tuple[int, bytes]]:
    if workers < 2 or len(ranges) < 2:
        for place, part in enumerate(ranges):
            yield place, _render_shard(settings, side, split, part)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(_render_shard, settings, side, split, part) for part in ranges]
        for place, future in enumerate(futures):
            yield place, future.result()
