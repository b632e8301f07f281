"""A segmenter without weights: which colours in a box are the thing's, judged by its point and by the box's outside."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from foodbench.models.qwen_seg.references import Reference

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BINS = 16
_MARGIN = 0.2
_SLACK = 0.04
_DISC = 0.3
_OUTSIDE_WEIGHT = 0.5
_BIN_BLUR = 0.7
_PIXEL_BLUR = 1.0
_PRIOR_WEIGHT = 0.25
_ROUNDS = 4
_MOST_PIXELS = 20_000


class ColourFlood:
    """Fills a box with the colours of its thing, for pictures with plain surroundings such as rendered plates.

    Two colour histograms, of the thing and of everything else, are fitted in a few rounds of expectation maximisation,
    as GrabCut (Rother et al., 2004) does with mixtures of Gaussians. It begins with the inside of the box, most in its
    middle and round the point, and with a frame around the box, which is known not to be the thing; each round blurs
    what the pixels are taken for, and at last holes are filled. Boxes of models are a little off, so a narrow rim
    beyond the box may belong to the thing.

    A large window is looked at in steps, so that a mask takes about 2 ms at any size of the picture.
    """

    identity = "colour"

    def segment(self, image: Any, references: Sequence[Reference]) -> list[NDArray[np.bool_]]:
        """Draw what each reference shows.

        Args:
            image: PIL image, RGB.
            references: in pixels of the image, boxes with at least one pixel in it.

        Returns:
            one (height, width) mask per reference.
        """
        pixels = np.asarray(image if image.mode == "RGB" else image.convert("RGB"))
        return [_drawn(pixels, reference) for reference in references]


def _drawn(pixels: NDArray[np.uint8], reference: Reference) -> NDArray[np.bool_]:
    window = _Window.around(reference, (pixels.shape[0], pixels.shape[1]))
    mask = np.zeros(pixels.shape[:2], bool)
    part = mask[window.top : window.bottom, window.left : window.right]
    step = max(1, math.ceil(math.sqrt(part.size / _MOST_PIXELS)))
    seen = pixels[window.top : window.bottom : step, window.left : window.right : step]
    rows = np.arange(window.top, window.bottom, step)[:, None]
    columns = np.arange(window.left, window.right, step)[None]
    belief = _believed(seen, _prior(reference, rows, columns), _disc(reference, rows, columns))
    found = _without_holes(belief > 0.5)
    part[:] = found.repeat(step, axis=0).repeat(step, axis=1)[: part.shape[0], : part.shape[1]]
    return mask


@dataclass(frozen=True, slots=True)
class _Window:
    """The box with the frame around it, clipped to the picture; `bottom` and `right` are exclusive."""

    top: int
    bottom: int
    left: int
    right: int

    @classmethod
    def around(cls, reference: Reference, size: tuple[int, int]) -> _Window:
        left, top, right, bottom = (round(value) for value in reference.box)
        beside, above = max(4, round(_MARGIN * (right - left + 1))), max(4, round(_MARGIN * (bottom - top + 1)))
        return cls(
            top=max(top - above, 0),
            bottom=min(bottom + above + 1, size[0]),
            left=max(left - beside, 0),
            right=min(right + beside + 1, size[1]),
        )


def _prior(reference: Reference, rows: NDArray[Any], columns: NDArray[Any]) -> NDArray[np.float64]:
    """How likely a pixel belongs to the thing by its place alone; 0 in the frame, where nothing does."""
    left, top, right, bottom = reference.box
    width, height = right - left + 1, bottom - top + 1
    across = (columns - (left + right) / 2) / (width / 2)
    down = (rows - (top + bottom) / 2) / (height / 2)
    prior = np.clip(1.15 - 0.65 * (across**2 + down**2), 0.05, 0.9)
    # Half-axes reach to the outer edges of the box's pixels, so its own are within 1.
    beyond = np.maximum(np.abs(across), np.abs(down)) - 1
    return np.where(beyond > 2 * _SLACK, 0.0, np.where(beyond > 0, 0.05, prior))


def _disc(reference: Reference, rows: NDArray[Any], columns: NDArray[Any]) -> NDArray[np.bool_]:
    """The pixels round the point (moved into the box if it lies outside), which are known to be of the thing."""
    left, top, right, bottom = reference.box
    column, row = min(max(reference.point[0], left), right), min(max(reference.point[1], top), bottom)
    radius = max(_DISC * min(right - left + 1, bottom - top + 1) / 2, 1.5)
    return np.asarray((rows - row) ** 2 + (columns - column) ** 2 <= radius**2)


def _believed(seen: NDArray[np.uint8], prior: NDArray[np.float64], disc: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How likely each pixel is of the thing: 0 in the frame."""
    coarse = (seen // (256 // _BINS)).astype(np.intp)
    codes = (coarse[..., 0] * _BINS + coarse[..., 1]) * _BINS + coarse[..., 2]
    inside = prior > 0
    colours, places = codes[inside], prior[inside]
    frame = _OUTSIDE_WEIGHT * np.bincount(codes[~inside], minlength=_BINS**3)
    thing, rest = places**_PRIOR_WEIGHT, (1 - places) ** _PRIOR_WEIGHT
    belief = prior.copy()
    for _ in range(_ROUNDS):
        belief[disc & inside] = 1.0
        share = belief[inside]
        own = _smooth(np.bincount(colours, share, minlength=_BINS**3))
        other = _smooth(frame + np.bincount(colours, 1 - share, minlength=_BINS**3))
        for_it, against = thing * own[colours], rest * other[colours]
        belief[inside] = (for_it + 1e-12) / (for_it + against + 2e-12)
        belief = np.where(inside, ndimage.gaussian_filter(belief, _PIXEL_BLUR), 0.0)
    return belief


def _smooth(counts: NDArray[Any]) -> NDArray[np.float64]:
    """A histogram's counts as shares, neighbouring colours blurred into each other."""
    blurred = ndimage.gaussian_filter(counts.reshape(_BINS, _BINS, _BINS), _BIN_BLUR, mode="nearest").ravel()
    total = blurred.sum()
    return blurred / total if total > 0 else blurred


def _without_holes(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask with everything filled that it surrounds."""
    outside, _ = ndimage.label(np.pad(~mask, 1, constant_values=True))
    return np.asarray(outside != outside[0, 0])[1:-1, 1:-1]


__all__ = ["ColourFlood"]
