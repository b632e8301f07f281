"""Where in a picture masks tend to be: maps on a coarse common grid, and regions made from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from foodbench.core.types import ImageSource, Mask, Sample
from foodbench.metrics import masks

GRID = 64
"""Side of the common grid. Pictures of all shapes are stretched onto it."""

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]


def reference_masks(sample: Sample) -> dict[str, BoolArray]:
    """The dense references of a mask task's sample by name, each of shape (height, width)."""
    height, width = sample.reference["size"]
    return {
        plain["label"]: masks.decode(Mask(size=(int(height), int(width)), counts=plain["counts"]))
        for plain in sample.reference["masks"]
    }


def foreground_map(mask: BoolArray, side: int = GRID) -> FloatArray:
    """The share of foreground in each cell of a `side` x `side` grid laid over a mask of any shape."""
    from PIL import Image

    dense = Image.fromarray(mask.view(np.uint8) * np.uint8(255))
    return np.asarray(dense.resize((side, side), Image.Resampling.BOX), dtype=np.float32) / 255.0


def best_region(probability: npt.NDArray[Any]) -> BoolArray:
    """The region with the highest cumulative IoU against masks whose mean is `probability`.

    With pixels in order of falling probability the best region is a beginning of that order: swapping a pixel for a
    more probable one raises the intersection and lowers the union. For the first k pixels the mean intersection is the
    sum S of their probabilities and the mean union is k + P - S, with P the sum over all pixels. Where every
    probability is 0 the region is empty.
    """
    flat = probability.astype(np.float64).ravel()
    order = np.argsort(-flat, kind="stable")
    covered = np.cumsum(flat[order])
    if covered.size == 0 or covered[-1] <= 0:
        return np.zeros(probability.shape, dtype=np.bool_)
    size = np.arange(1, flat.size + 1)
    best = int(np.argmax(covered / (size + covered[-1] - covered))) + 1
    region = np.zeros(flat.size, dtype=np.bool_)
    region[order[:best]] = True
    return region.reshape(probability.shape)


def stretch(region: npt.NDArray[Any], size: tuple[int, int]) -> npt.NDArray[Any]:
    """Nearest-neighbour resize of a two-dimensional array to (height, width)."""
    rows = (np.arange(size[0]) * region.shape[0]) // size[0]
    columns = (np.arange(size[1]) * region.shape[1]) // size[1]
    return region[rows[:, None], columns[None, :]]


def image_size(image: ImageSource) -> tuple[int, int]:
    """(height, width) of a picture, from its header where the picture offers that.

    Raises:
        DataMissing, DataCorrupt: the picture cannot be read.
    """
    header: Any = getattr(image, "size", None)
    width, height = header() if callable(header) else image.open().size
    return int(height), int(width)


@dataclass(frozen=True, slots=True)
class LocationPrior:
    """Mean masks of a train split on a common grid.

    Attributes:
        overall: mean over all masks, shape (GRID, GRID), in [0, 1].
        by_ingredient: the same per ingredient, drawn towards the overall mean where masks are few.
    """

    overall: FloatArray
    by_ingredient: Mapping[str, FloatArray]

    PSEUDO_SAMPLES: ClassVar[float] = 10.0
    """How many masks' weight the overall mean has in an ingredient's."""

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> LocationPrior:
        """Average the samples' reference masks; all zero if there are none."""
        sums: dict[str, Any] = {}
        counts: Counter[str] = Counter()
        for sample in samples:
            for ingredient, mask in reference_masks(sample).items():
                grid = foreground_map(mask)
                sums[ingredient] = sums[ingredient] + grid if ingredient in sums else grid
                counts[ingredient] += 1
        total_map: FloatArray = sum(sums.values(), np.zeros((GRID, GRID), np.float32))
        overall = total_map / np.float32(max(1, counts.total()))
        weight = cls.PSEUDO_SAMPLES
        by_ingredient = {
            name: (total + weight * overall) / (counts[name] + weight) for name, total in sorted(sums.items())
        }
        return cls(overall=overall, by_ingredient=by_ingredient)

    def probability(self, ingredient: str | None) -> FloatArray:
        """The ingredient's mean mask; the overall one if it is None or was never seen."""
        return self.by_ingredient.get(ingredient or "", self.overall)

    def region(self, ingredient: str | None) -> BoolArray:
        """The mask on the grid that agrees best with the train split's."""
        return best_region(self.probability(ingredient))
