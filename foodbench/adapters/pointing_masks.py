"""From what a pointing model wrote to an answer with masks; used for a model that runs here and for a served one."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from foodbench.adapters.base import describe_exception
from foodbench.core.errors import AdapterFailed, FoodbenchError
from foodbench.core.types import Answer, Mask
from foodbench.metrics.masks import encode
from foodbench.models.qwen_seg import parse_answer
from foodbench.models.qwen_seg.grid import clipped, reference_to_pixels
from foodbench.models.qwen_seg.references import Reference, named_references
from foodbench.tasks.text import says_something, without_reasoning

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from foodbench.models.qwen_seg.segmenters import Segmenter


@dataclass(slots=True)
class Tally:
    """What a run's answers were like.

    Attributes:
        unparsed: answers without a readable list.
        references: references that were read.
        references_refused: items of lists that are no references, and references without a pixel of the picture.
        segmenter_failures: references that the segmenter raised on.
    """

    unparsed: int = 0
    references: int = 0
    references_refused: int = 0
    segmenter_failures: int = 0

    def totals(self) -> dict[str, int | float | None]:
        """As `usage` reports them."""
        return {
            "unparsed": self.unparsed,
            "references": self.references,
            "references_refused": self.references_refused,
            "segmenter_failures": self.segmenter_failures,
        }


class Drawer:
    """Draws what answers point at.

    Args:
        segmenter: what draws.
        grid: side of the square that the answers' coordinates are in.
    """

    def __init__(self, segmenter: Segmenter, grid: int) -> None:
        self._segmenter, self._grid = segmenter, grid
        self.tally = Tally()

    def answer(self, text: str, picture: Callable[[], Any]) -> Answer:
        """The answer that a text gives: one mask per reference, in their order; an empty one where nothing is drawn.

        A text that is not understood, and one whose references show nothing at all, keeps its words but says nothing
        to the tasks (`unfinished`): only `[]` says that what was asked for is not there.

        Args:
            text: what the model wrote.
            picture: opens the picture; called only if something is to be drawn.

        Raises:
            AdapterFailed: the segmenter's masks are not of the picture's size, or not as many as references.
            FoodbenchError: whatever of that family the segmenter or the picture raises.
        """
        parsed = parse_answer(text)
        self.tally.unparsed += parsed.error is not None
        self.tally.references += len(parsed.references)
        self.tally.references_refused += parsed.refused
        if not parsed.references:
            return Answer(text if parsed.items == [] else unfinished(text))
        drawn = self._draw(picture(), named_references(parsed))
        masks = tuple(drawn)
        return Answer(text if any(each.any() for each, _ in masks) else unfinished(text), tuple(map(_coded, masks)))

    def _draw(self, image: Any, references: Sequence[Reference]) -> list[tuple[NDArray[np.bool_], str | None]]:
        size = (image.height, image.width)
        placed = [clipped(reference_to_pixels(reference, size, self._grid), size) for reference in references]
        inside = [reference for reference in placed if reference is not None]
        self.tally.references_refused += len(placed) - len(inside)
        masks = iter(self._segment(image, inside))
        return [
            (np.zeros(size, bool) if place is None else next(masks), reference.label)
            for reference, place in zip(references, placed, strict=True)
        ]

    def _segment(self, image: Any, references: Sequence[Reference]) -> list[NDArray[np.bool_]]:
        """The segmenter's masks; empty where it raises, which is tried reference by reference."""
        if not references:
            return []
        try:
            masks = self._segmenter.segment(image, references)
        except FoodbenchError:
            raise
        except Exception as error:  # a user's segmenter may raise anything, and one mask is not worth a run
            if len(references) > 1:
                return [mask for reference in references for mask in self._segment(image, [reference])]
            if not self.tally.segmenter_failures:
                warnings.warn(
                    f"The segmenter {self._segmenter.identity} failed, its mask is empty: {describe_exception(error)}",
                    stacklevel=2,
                )
            self.tally.segmenter_failures += 1
            return [np.zeros((image.height, image.width), bool)]
        return self._checked(masks, len(references), (image.height, image.width))

    def _checked(self, masks: Any, count: int, size: tuple[int, int]) -> list[NDArray[np.bool_]]:
        hint = "segment(image, references) must return one (height, width) mask of truth values per reference."
        name = self._segmenter.identity
        try:
            found = [np.asarray(mask) for mask in masks]
        except (TypeError, ValueError) as error:
            raise AdapterFailed(f"The segmenter {name} returned no list of masks.", hint=hint) from error
        if len(found) != count:
            raise AdapterFailed(f"The segmenter {name} returned {len(found)} masks for {count} references.", hint=hint)
        for mask in found:
            if mask.shape != size or mask.dtype.kind not in "biu":
                raise AdapterFailed(
                    f"The segmenter {name} returned a mask of the shape {mask.shape} and type {mask.dtype} for a "
                    f"picture of {size[0]} x {size[1]}.",
                    hint=hint,
                )
        return [mask.astype(bool) for mask in found]


def unfinished(text: str) -> str:
    """The text as reasoning that came to no answer, which the tasks read as silence; it stays readable for people."""
    if not says_something(without_reasoning(text)):
        return text
    return "<think>" + text.replace("</think>", "</ think>")


def _coded(drawn: tuple[NDArray[np.bool_], str | None]) -> Mask:
    mask, label = drawn
    coded = encode(mask)
    return Mask(coded.size, coded.counts, label)


__all__ = ["Drawer", "Tally", "unfinished"]
