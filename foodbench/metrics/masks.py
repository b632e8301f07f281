"""Binary masks as COCO compressed run-length code: checking, coding, intersection and union, cIoU and gIoU.

The code of a mask lists, column by column from the top left, the lengths of alternating runs of background and
foreground (background first, possibly of length zero). From the fourth run on each length is written as its difference
from the one two before it, in 5-bit groups, the least significant first, as the characters 48 to 111; bit 32 says that
another group follows, bit 16 of the last group is the sign.
Source: the layout of `rleToString` and `rleEncode` in the COCO API (cocodataset/cocoapi, common/maskApi.c); the code
here is written anew.

Why not pycocotools itself: its C code trusts its input. A crafted string makes it read and write outside its buffers,
masks of two sizes merge to an empty mask without a word, `iou` of two sizes is -1, and `iou` of two empty masks is 0. A
mask comes from a model, or from a stranger's submission, so here it is parsed and checked by numpy alone and nothing of
it reaches that code. Scoring still reads only the ~1 KB of code and never the pixels.

How it is fast: the two codes of a pair are parsed together, so that numpy's cost per call is paid once; characters are
translated by the bytes type, which is a table look-up in C; and the pixels in which two masks differ are the
alternating sum of their merged edges, which needs one merge of two sorted lists. The pair of a typical photo
(512 x 683, 740 runs each) takes 41 us, 31 us if one of the two was parsed a moment ago and 8 us if both were, where
histograms of the dense masks, as in LISA's evaluation, take 5 to 9 ms.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import cast

import numpy as np
import numpy.typing as npt

from foodbench.core.errors import AnswerInvalid
from foodbench.core.types import MAX_ENVELOPE_CHARS, Mask
from foodbench.metrics.inputs import MetricInputError, require_same_length, require_some

MAX_PIXELS = 2**27
"""Masks of more pixels (16,384 by 8,192) are refused: no food photo is that large, and decoding one takes 128 MiB."""

# Differences of run lengths lie within +-MAX_PIXELS: 28 bits and a sign fit in six groups of five bits.
_MAX_GROUPS = 6
_FIRST_CHARACTER = 48
_PAYLOAD, _SIGN, _MORE = 0x1F, 0x10, 0x20
# Tables for `bytes.translate`. A group that another one follows is worth its five bits (and the next group 32 times as
# much); the last group of a number is worth its four lower bits, less 16 for the sign.
_LAST_GROUPS = bytes(range(_FIRST_CHARACTER, _FIRST_CHARACTER + _MORE))
_OTHER_GROUPS = bytes(range(_FIRST_CHARACTER + _MORE, _FIRST_CHARACTER + 2 * _MORE))
_ALPHABET = _LAST_GROUPS + _OTHER_GROUPS
_SIGNED = [*range(_SIGN), *range(0x100 - _SIGN, 0x100)]
_VALUES = bytes.maketrans(_ALPHABET, bytes([*_SIGNED, *range(_MORE)]))
_FACTORS = bytes.maketrans(_ALPHABET, bytes(_MORE) + bytes([_MORE]) * _MORE)
_ANOTHER = bytes([_MORE])
_ZERO = bytes([_FIRST_CHARACTER])
# Below this number of runs, each of at most 2**29 times as many pixels, no sum of them can wrap around 64 bits.
_SAFE_RUNS = 2**16
# Codes up to this length are kept for a moment after they were parsed: an answer is checked, measured and compared in
# separate calls. 256 of them hold 8 MiB at most.
_KEPT_CHARACTERS, _KEPT_CODES = 2**12, 2**8

BoolArray = npt.NDArray[np.bool_]
Runs = npt.NDArray[np.int64]
_SIGNS: Runs = np.tile([-1, 1], 2**12)


def _check_size(size: object) -> tuple[int, int]:
    """(height, width) if they are two positive integers within the limit."""
    # The usual case by itself: the general tests take a tenth of the time that scoring a pair does.
    usual = type(size) is tuple and len(size) == 2 and type(size[0]) is type(size[1]) is int and min(size) > 0
    if not usual and (
        not isinstance(size, Sequence)
        or isinstance(size, (str, bytes))
        or len(size) != 2
        or any(isinstance(side, bool) or not isinstance(side, int) or side <= 0 for side in size)
    ):
        raise AnswerInvalid("A mask's size must be (height, width), two positive integers.")
    height, width = cast("tuple[int, int]", size)
    if height * width > MAX_PIXELS:
        raise AnswerInvalid(f"A mask of more than {MAX_PIXELS:,} pixels is refused.")
    return height, width


def _characters(counts: object, pixels: int) -> bytes:
    """The code as bytes, all of them within the alphabet, of at most pixels + 1 whole numbers."""
    if not isinstance(counts, str):
        raise AnswerInvalid(
            f"A mask's counts must be text, not {type(counts).__name__}.",
            hint="Decode what pycocotools returns: counts.decode('ascii').",
        )
    limit = min(MAX_ENVELOPE_CHARS, _MAX_GROUPS * (pixels + 1))
    if not 0 < len(counts) <= limit:
        found = f"{len(counts):,} characters of counts"
        raise AnswerInvalid(f"A mask of {pixels:,} pixels has 1 to {limit:,}, not {found}.")
    code = counts.encode("ascii") if counts.isascii() else b""
    if not code or code.translate(None, _ALPHABET):
        raise AnswerInvalid("A mask's counts contain a character outside the code (48 to 111).")
    if code[-1] not in _LAST_GROUPS:
        raise AnswerInvalid("A mask's counts break off in the middle of a number.")
    return code


def _numbers(code: bytes) -> tuple[Runs, npt.NDArray[np.intp]]:
    """The signed numbers of checked characters, of several codes one after the other, and where each of them begins.

    Every character becomes the value of the number that begins there, one group per pass: its own five bits and 32
    times the next character's value. Those at which numbers begin are then picked.
    """
    # The zero in front ends the number before the first; the one behind is what the last character looks at.
    padded = _ZERO + code + _ZERO
    plain_factors = padded.translate(_FACTORS)
    factors = np.frombuffer(plain_factors, np.uint8)
    begins = np.logical_not(factors[:-2]).nonzero()[0]
    factors = factors[1:-1].astype(np.int32)
    numbers = np.frombuffer(padded.translate(_VALUES), np.int8)[1:].astype(np.int32)
    here, next_ones = numbers[:-1], numbers[1:]
    values, following = here.copy(), _ANOTHER
    while following in plain_factors:
        if len(following) == _MAX_GROUPS:
            raise AnswerInvalid("A mask's counts contain a number that is too large.")
        np.add(next_ones * factors, values, out=here)
        following += _ANOTHER
    return numbers.take(begins).astype(np.int64), begins


def _signs(count: int) -> Runs:
    """-1, 1, -1, 1 and so on."""
    return _SIGNS[:count] if count <= _SIGNS.size else np.tile((-1, 1), count // 2 + 1)[:count]


def _edges(codes: Sequence[bytes], sizes: Sequence[tuple[int, int]]) -> list[Runs]:
    """Where the foreground begins and ends, in turns, in each of some codes; in pixels from the start, read-only.

    The first three numbers of a code are lengths; each later one is the difference from the length two before it. The
    sums of such differences are sums of two neighbouring lengths, and the sums of those with alternating signs are the
    lengths with alternating signs: two passes over adjacent numbers take less time than one over every second number
    does. Whatever wraps around 64 bits on the way, the lengths are right, being far below that.
    """
    numbers, begins = _numbers(b"".join(codes))
    signs = _signs(numbers.size)
    parts, first, read = [], 0, 0
    for code, (height, width) in zip(codes, sizes, strict=True):
        read += len(code)
        part = numbers[first : begins.searchsorted(read)]
        if part.size > height * width + 1:
            raise AnswerInvalid(f"A mask of {height * width:,} pixels cannot have {part.size:,} runs.")
        if part.size > 2:
            part[2] -= part[0]
        np.add.accumulate(part, out=part)
        parts.append(part)
        first += part.size
    numbers *= signs
    for part in parts:
        np.add.accumulate(part, out=part)
    numbers *= signs
    if np.minimum.reduce(numbers) < 0:
        raise AnswerInvalid("A mask's counts contain a run of negative length.")
    return [_ends_of_runs(runs, size)[: runs.size // 2 * 2] for runs, size in zip(parts, sizes, strict=True)]


def _ends_of_runs(runs: Runs, size: tuple[int, int]) -> Runs:
    """Where runs that are not negative end, the last of them at the last pixel; in memory of its own, read-only."""
    height, width = size
    pixels = height * width
    absurd = runs.size > _SAFE_RUNS and np.maximum.reduce(runs) > pixels
    ends: Runs = np.add.accumulate(runs)
    if absurd or ends[-1] != pixels:
        raise AnswerInvalid(
            f"A mask's runs do not add up to its {height} x {width} = {pixels:,} pixels.",
            hint="Size is (height, width), and runs go down the columns.",
        )
    ends.setflags(write=False)
    return ends


@lru_cache(maxsize=_KEPT_CODES)
def _kept(counts: str, size: tuple[int, int]) -> list[Runs]:
    """A place to keep what a code was parsed to; empty at first, and after a code that was refused."""
    return []


def forget() -> None:
    """Drop what is kept of the codes parsed last, so that a measurement of time starts afresh."""
    _kept.cache_clear()


def _parse(*masks: Mask) -> list[Runs]:
    """Where the foreground of each mask begins and ends, as `_edges` says.

    Raises:
        AnswerInvalid: anything wrong with a mask's size or counts.
    """
    places: list[list[Runs]] = []
    absent: list[list[Runs]] = []
    codes: list[bytes] = []
    sizes: list[tuple[int, int]] = []
    for mask in masks:
        size = _check_size(mask.size)
        keep = isinstance(mask.counts, str) and len(mask.counts) <= _KEPT_CHARACTERS
        place = _kept(mask.counts, size) if keep else []
        if not place:
            codes.append(_characters(mask.counts, size[0] * size[1]))
            sizes.append(size)
            absent.append(place)
        places.append(place)
    if absent:
        for place, edges in zip(absent, _edges(codes, sizes), strict=True):
            # One assignment, so that another thread sees the whole list or none of it.
            place[:] = [edges]
    return [place[0] for place in places]


def _foreground(edges: Runs) -> int:
    """Pixels between each edge at an even index and the next."""
    return int(edges.dot(_signs(edges.size)))


def _check_same_size(first: str, first_size: object, second: str, second_size: object) -> None:
    height, width = _check_size(first_size)
    other_height, other_width = _check_size(second_size)
    if (height, width) != (other_height, other_width):
        raise AnswerInvalid(
            f"The size of {first} is {height} x {width} but that of {second} is {other_height} x {other_width}"
            " (height x width).",
            hint="Return masks in the image's own resolution.",
        )


def validate(mask: Mask, size: tuple[int, int] | None = None) -> None:
    """Check a mask that may come from anywhere.

    Runs of length zero are allowed anywhere, since they mean something definite, as long as there are no more runs than
    pixels + 1.

    Args:
        mask: the mask.
        size: the (height, width) that it must have, usually the image's.

    Raises:
        AnswerInvalid: a size that is not two positive integers, is above `MAX_PIXELS`, or is not the expected one;
            counts that are not text, contain strange characters, break off, or do not add up to the size.
    """
    if size is not None:
        _check_same_size("the mask", mask.size, "the image", size)
    _parse(mask)


def _write(numbers: Runs) -> str:
    """The characters of signed numbers."""
    longest = int(np.abs(numbers).max()).bit_length() // 5 + 1
    columns = np.arange(longest)
    rest = numbers[:, None] >> (5 * columns)
    payload = rest & _PAYLOAD
    # A number ends with the first group after which only copies of its sign bit remain.
    final = (rest >> 5) == -((payload & _SIGN) >> 4)
    last = np.argmax(final, axis=1)[:, None]
    characters = payload + _FIRST_CHARACTER + np.where(columns < last, _MORE, 0)
    return characters[columns <= last].astype(np.uint8).tobytes().decode("ascii")


def _from_changes(changes: Runs, size: tuple[int, int], starts_with_foreground: bool) -> Mask:
    """The mask whose colour changes before the given column-major pixel indices (ascending, within 1 to pixels - 1)."""
    edges = np.concatenate(([0], changes, [size[0] * size[1]]))
    if starts_with_foreground:
        edges = np.concatenate(([0], edges))
    numbers = np.diff(edges)
    numbers[3:] -= numbers[1:-2].copy()
    return Mask(size=size, counts=_write(numbers))


def encode(mask: BoolArray) -> Mask:
    """Code a dense mask; the same characters as `pycocotools.mask.encode` writes.

    Works on rows as they lie in memory: where a pixel differs from the one above it, or the first of a column from the
    last of the one before. The few positions found are then sorted into column order, which is cheaper than the
    transposed copy of all pixels that pycocotools needs.

    Args:
        mask: shape (height, width), boolean.

    Raises:
        AnswerInvalid: not two-dimensional, not boolean, without pixels, or above `MAX_PIXELS`.
    """
    if not isinstance(mask, np.ndarray) or mask.ndim != 2 or mask.dtype != np.bool_:
        found = f"{mask.dtype} of shape {mask.shape}" if isinstance(mask, np.ndarray) else type(mask).__name__
        raise AnswerInvalid(
            f"A mask must be a boolean array of shape (height, width), not {found}.",
            hint="Threshold logits and drop the batch axis, e.g. logits[0] > 0, and convert tensors with .numpy().",
        )
    height, width = _check_size(mask.shape)
    # A flat search and one division per hit: numpy's two-dimensional `nonzero` takes 15 times as long.
    rows, columns = np.divmod(np.flatnonzero(mask[1:] != mask[:-1]), width)
    inside = columns * height + rows + 1
    between = (np.flatnonzero(mask[-1, :-1] != mask[0, 1:]) + 1) * height
    changes = np.concatenate((inside, between))
    changes.sort()
    return _from_changes(changes, (height, width), bool(mask[0, 0]))


def decode_columns(mask: Mask) -> BoolArray:
    """The dense mask with a row for each column of the picture, as the code goes: shape (width, height), contiguous.

    For work in which the two axes are alike: it saves the transposed copy, most of the time that `decode` takes.

    Raises:
        AnswerInvalid: as `validate`.
    """
    (edges,) = _parse(mask)
    height, width = mask.size
    runs = np.diff(edges, prepend=0, append=height * width)
    return np.repeat(np.arange(runs.size) % 2 == 1, runs).reshape(width, height)


def decode(mask: Mask) -> BoolArray:
    """The dense mask, shape (height, width), contiguous by rows.

    Raises:
        AnswerInvalid: as `validate`.
    """
    return np.ascontiguousarray(decode_columns(mask).T)


def empty(size: tuple[int, int]) -> Mask:
    """The mask without foreground of that (height, width).

    Raises:
        AnswerInvalid: the size is not two positive integers within `MAX_PIXELS`.
    """
    return _from_changes(np.empty(0, np.int64), _check_size(size), starts_with_foreground=False)


def area(mask: Mask) -> int:
    """Number of foreground pixels.

    Raises:
        AnswerInvalid: as `validate`.
    """
    (edges,) = _parse(mask)
    return _foreground(edges)


def intersection_union(pred: Mask, true: Mask) -> tuple[int, int]:
    """Pixels in both masks and pixels in either, exactly, from the codes alone.

    Args:
        pred: one mask.
        true: the other, of the same size.

    Returns:
        (intersection, union). Both are 0 for two empty masks.

    Raises:
        AnswerInvalid: either is malformed, or the sizes differ.
    """
    if pred.size != true.size:
        _check_same_size("the predicted mask", pred.size, "the true one", true.size)
    edges = np.concatenate(_parse(pred, true))
    areas = _foreground(edges)
    # Two ascending lists, so that the sort is one merge. What then lies between an odd edge and the next is in one mask
    # only; an edge of both comes twice, and its two terms cancel.
    edges.sort(kind="stable")
    differing = _foreground(edges)
    return (areas - differing) // 2, (areas + differing) // 2


def union_of(masks: Sequence[Mask], size: tuple[int, int] | None = None) -> Mask:
    """The pixels in any of the masks, without a label, in the shortest code.

    Args:
        masks: masks of one size.
        size: the (height, width) they must have; needed when there are none, whose union is empty.

    Raises:
        AnswerInvalid: a mask is malformed or the sizes differ.
        MetricInputError: no masks and no size.
    """
    if not masks:
        if size is None:
            raise MetricInputError("The union of no masks needs a size.")
        return empty(size)
    height, width = _check_size(masks[0].size if size is None else size)
    opened, closed = [], []
    for mask in masks:
        _check_same_size("a mask", mask.size, "the union", (height, width))
    for edges in _parse(*masks):
        opened.append(edges[0::2])
        closed.append(edges[1::2])
    opens, closes = np.concatenate(opened), np.concatenate(closed)
    positions, index = np.unique(np.concatenate((opens, closes)), return_inverse=True)
    steps = np.zeros(positions.size, np.int64)
    np.add.at(steps, index, np.repeat((1, -1), (opens.size, closes.size)))
    inside = np.cumsum(steps) > 0
    changes = positions[np.diff(inside, prepend=False)]
    starts_with_foreground = changes.size > 0 and changes[0] == 0
    interior = changes[(changes > 0) & (changes < height * width)]
    return _from_changes(interior, (height, width), bool(starts_with_foreground))


def iou(intersection: int, union: int) -> float:
    """Intersection over union of one mask; 1 where both masks are empty.

    Raises:
        MetricInputError: not 0 <= intersection <= union.
    """
    if not 0 <= intersection <= union:
        raise MetricInputError(f"Not an intersection and its union: {intersection}, {union}.")
    return intersection / union if union else 1.0


def cumulative_iou(intersections: Sequence[int], unions: Sequence[int]) -> float:
    """cIoU: the sum of intersections over the sum of unions, over all masks of a test set.

    Source: `validate` in dvlab-research/LISA, train_ds.py, and FoodLMM's evaluate/ref_seg.py, which add 1e-10 to the
    denominator and sum in float32; this is exact. Where all masks are empty theirs is 0; here the answer is perfect, so
    it is 1, as in the per-mask convention.

    Args:
        intersections: shape (n,), pixels.
        unions: shape (n,), pixels.

    Raises:
        MetricInputError: none, of different lengths, or not 0 <= intersection <= union.
    """
    _check_pairs(intersections, unions)
    return iou(sum(map(int, intersections)), sum(map(int, unions)))


def generalized_iou(intersections: Sequence[int], unions: Sequence[int]) -> float:
    """gIoU: the mean over masks of intersection over union, with 1 where both are empty.

    Not the bounding-box loss of the same name. Source: gRefCOCO (GRES, CVPR 2023), LISA's `validate` and FoodLMM's
    evaluate/ref_seg.py, which add 1e-5 to the denominator; without it a perfect mask scores exactly 1. FoodLMM averages
    the masks of a sample first: for samples of several masks pass the samples' means to the metric `giou.sample`.

    Args:
        intersections: shape (n,), pixels.
        unions: shape (n,), pixels.

    Raises:
        MetricInputError: none, of different lengths, or not 0 <= intersection <= union.
    """
    _check_pairs(intersections, unions)
    return math.fsum(map(iou, map(int, intersections), map(int, unions))) / len(unions)


def _check_pairs(intersections: Sequence[int], unions: Sequence[int]) -> None:
    require_same_length("'intersections'", len(intersections), "'unions'", len(unions))
    require_some("'unions'", len(unions))
    for intersection, union in zip(intersections, unions, strict=True):
        iou(int(intersection), int(union))
