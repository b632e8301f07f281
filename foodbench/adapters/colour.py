"""`baseline:colour`: what the colours alone say. A floor for models that look at the picture.

Fitted on the task's own train split, with numpy and Pillow only.

- Labels: colour histograms of the picture's middle and border, and a linear discriminant on them.
- Sets of labels and texts: those of the train photo with the nearest histograms.
- Nutrition: the mean of the five train dishes with the nearest histograms.
- Masks: per ingredient, how much more likely each colour is inside its masks than outside, times where its masks lie;
  the pixels for which that makes "inside" more likely than not.

The settings were chosen by cross-validation on train photos only. Labels, on 120 Food-101 photos of ten classes: share
right with Lab, RGB and HSV bins 0.31, 0.28 and 0.24, and 0.05 less with one histogram of the whole picture; on the 200
test photos of these classes the chosen setting then had 0.315 right (chance: 0.1). Masks, on the kitchen's train split:
cumulative IoU 0.64; 4 x 8 x 8 bins had 0.05 less and 12 x 16 x 16 no more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt

from foodbench.adapters.baselines import Answerer, Baseline, asked, labels_of, masks_answer, nutrition_answer
from foodbench.adapters.colour_features import (
    SIDE,
    FloatArray,
    box_blur,
    colour_bins,
    colour_features,
    lab_unit,
    small_picture,
)
from foodbench.adapters.location import LocationPrior, foreground_map, image_size, reference_masks, stretch
from foodbench.core.errors import UsageError
from foodbench.core.types import NUTRIENTS, Answer, ImageSource, Request, Sample

if TYPE_CHECKING:
    from foodbench.data.roots import DatasetChoice
    from foodbench.tasks.base import FoodTask

DEFAULT_FIT_LIMIT = 3000


class Colour(Baseline):
    """Fits colour statistics on a task's train split."""

    name = "colour"
    kinds = ("label", "labels", "nutrition", "masks", "text")

    def __init__(self, fit_limit: int = DEFAULT_FIT_LIMIT, neighbours: int = 5) -> None:
        """Set how much is looked at.

        Args:
            fit_limit: fit on this many train samples at most, spread evenly over the split (about 5 ms each).
            neighbours: for nutrition, how many similar dishes are averaged.

        Raises:
            UsageError: either is not positive.
        """
        super().__init__()
        if fit_limit < 1 or neighbours < 1:
            raise UsageError("fit_limit and neighbours must be positive.", hint="Correct them in --model-args.")
        self.fit_limit = fit_limit
        self.neighbours = neighbours

    @property
    def identity(self) -> str:
        """With its settings."""
        return f"baseline:colour,fit_limit={self.fit_limit},neighbours={self.neighbours}"

    def fit(self, task: FoodTask, choice: DatasetChoice) -> Answerer:
        """Look at the train photos."""
        samples = self.train_samples(task, choice, self.fit_limit)
        if task.answer_kind == "label":
            return _label_answerer(task, samples)
        if task.answer_kind == "nutrition":
            return _nutrition_answerer(task, samples, self.neighbours)
        if task.answer_kind == "masks":
            return _masks_answerer(task, samples)
        nearest = _nearest(samples)
        return lambda request: task.oracle(samples[nearest(request.image, 1)[0]])


def _feature_matrix(samples: Sequence[Sample]) -> FloatArray:
    return np.stack([colour_features(sample.image) for sample in samples])


def _label_answerer(task: FoodTask, samples: Sequence[Sample]) -> Answerer:
    by_text = {answer.text: answer for answer in map(task.oracle, samples)}
    names = sorted(by_text)
    targets = np.array([names.index(task.oracle(sample).text) for sample in samples])
    classifier = LinearDiscriminant.fit(_feature_matrix(samples), targets, len(names))

    def answer(request: Request) -> Answer:
        return by_text[names[classifier.predict(colour_features(request.image))]]

    return answer


@dataclass(frozen=True, slots=True)
class LinearDiscriminant:
    """Gaussian classes with equal weights and one common covariance.

    Attributes:
        weights: shape (features, classes).
        bias: shape (classes,).
    """

    weights: npt.NDArray[np.float64]
    bias: npt.NDArray[np.float64]

    @classmethod
    def fit(cls, features: FloatArray, targets: npt.NDArray[np.int64], classes: int) -> LinearDiscriminant:
        """Fit with a covariance drawn towards a multiple of the identity, by features / (features + samples).

        Args:
            features: shape (samples, features).
            targets: class of each, shape (samples,).
            classes: number of classes; each has a sample.
        """
        table = features.astype(np.float64)
        means = np.stack([table[targets == index].mean(axis=0) for index in range(classes)])
        within = table - means[targets]
        count, width = table.shape
        covariance = within.T @ within / count
        spread = float(np.trace(covariance)) / width or 1.0  # 0 where no class has two different samples
        shrinkage = width / (width + count)
        covariance *= 1 - shrinkage
        covariance[np.diag_indices(width)] += shrinkage * spread
        weights = np.linalg.solve(covariance, means.T)
        return cls(weights=weights, bias=-0.5 * np.einsum("cf,fc->c", means, weights))

    def predict(self, features: FloatArray) -> int:
        """The most likely class of one feature vector."""
        return int(np.argmax(features @ self.weights + self.bias))


def _nearest(samples: Sequence[Sample]) -> Callable[[ImageSource, int], list[int]]:
    """What finds the samples whose photos have the most similar colours, nearest first."""
    features = _feature_matrix(samples)

    def find(image: ImageSource, count: int) -> list[int]:
        distance = ((features - colour_features(image)) ** 2).sum(axis=1)
        return np.argsort(distance, kind="stable")[:count].tolist()

    return find


def _nutrition_answerer(task: FoodTask, samples: Sequence[Sample], neighbours: int) -> Answerer:
    nearest = _nearest(samples)

    def answer(request: Request) -> Answer:
        dishes = [samples[index] for index in nearest(request.image, neighbours)]
        values = {
            name: float(np.mean(known))
            for name in NUTRIENTS
            if (known := [dish.reference[name] for dish in dishes if dish.reference.get(name) is not None])
        }
        return nutrition_answer(task, dishes[0], values)

    return answer


def _masks_answerer(task: FoodTask, samples: Sequence[Sample]) -> Answerer:
    model, nearest = ColourMasks.fit(samples), _nearest(samples)

    def answer(request: Request) -> Answer:
        names = asked(request, labels_of(samples[nearest(request.image, 1)[0]]))
        regions = {name: model.region(request.image, name) for name in names}
        return masks_answer(task, samples[0], request, regions)

    return answer


@dataclass(frozen=True, slots=True)
class ColourMasks:
    """Colours inside and outside of each ingredient's masks, and where the masks lie.

    Attributes:
        overall: log of how much more likely each colour bin is inside a mask than outside, over all ingredients.
        by_ingredient: the same per ingredient.
        prior: where masks lie.
    """

    overall: FloatArray
    by_ingredient: Mapping[str, FloatArray]
    prior: LocationPrior

    BINS: ClassVar[tuple[int, int, int]] = (8, 12, 12)
    INSIDE_BACKGROUND: ClassVar[float] = 0.01
    """Share of the train split's overall colours that is mixed into the colours inside."""
    OUTSIDE_BACKGROUND: ClassVar[float] = 0.1
    """The same for the colours outside: any food may lie beside the asked one, also what never did in training."""

    @classmethod
    def fit(cls, samples: Sequence[Sample]) -> ColourMasks:
        """Count the colours of the samples' photos inside and outside their reference masks."""
        size = cls.BINS[0] * cls.BINS[1] * cls.BINS[2]
        inside: dict[str, npt.NDArray[np.float64]] = defaultdict(lambda: np.zeros(size))
        outside: dict[str, npt.NDArray[np.float64]] = defaultdict(lambda: np.zeros(size))
        for sample in samples:
            bins = colour_bins(lab_unit(small_picture(sample.image)), cls.BINS).ravel()
            for ingredient, mask in reference_masks(sample).items():
                share = foreground_map(mask, SIDE).ravel()
                inside[ingredient] += np.bincount(bins, weights=share, minlength=size)
                outside[ingredient] += np.bincount(bins, weights=1 - share, minlength=size)
        all_inside, all_outside = (sum(part.values(), np.zeros(size)) for part in (inside, outside))
        background = all_inside + all_outside
        return cls(
            overall=cls._log_ratio(all_inside, all_outside, background),
            by_ingredient={name: cls._log_ratio(inside[name], outside[name], background) for name in inside},
            prior=LocationPrior.of(samples),
        )

    @classmethod
    def _log_ratio(cls, inside: npt.ArrayLike, outside: npt.ArrayLike, background: npt.ArrayLike) -> FloatArray:
        # The tiny constant gives colours that no train photo has the same small share everywhere.
        overall = _shares(np.asarray(background) + 1e-6)
        within = (1 - cls.INSIDE_BACKGROUND) * _shares(inside) + cls.INSIDE_BACKGROUND * overall
        without = (1 - cls.OUTSIDE_BACKGROUND) * _shares(outside) + cls.OUTSIDE_BACKGROUND * overall
        return (np.log(within) - np.log(without)).astype(np.float32)

    def log_odds(self, image: ImageSource, ingredient: str | None) -> FloatArray:
        """Log odds of "inside" on a SIDE x SIDE grid over the picture."""
        ratio = self.by_ingredient.get(ingredient or "", self.overall)
        colour = ratio[colour_bins(lab_unit(small_picture(image)), self.BINS)]
        place = np.clip(box_blur(stretch(self.prior.probability(ingredient), (SIDE, SIDE)), 4), 0.002, 0.998)
        return np.log(place / (1 - place)) + box_blur(colour, 1)

    def region(self, image: ImageSource, ingredient: str | None) -> npt.NDArray[np.bool_]:
        """The mask at the picture's own size, shape (height, width)."""
        from PIL import Image

        height, width = image_size(image)
        grid = Image.fromarray(self.log_odds(image, ingredient).astype(np.float32))
        return np.asarray(grid.resize((width, height), Image.Resampling.BILINEAR)) > 0


def _shares(counts: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Counts divided by their sum; evenly spread if there are none."""
    array = np.asarray(counts, dtype=np.float64)
    total = array.sum()
    return array / total if total > 0 else np.full(array.shape, 1 / array.size)
