"""Masks: coding, intersection and union, cIoU and gIoU, against hand-counted pictures, pycocotools and dense numpy."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco

from foodbench.core.errors import AnswerInvalid
from foodbench.core.types import Mask
from foodbench.metrics import masks
from foodbench.metrics.inputs import MetricInputError

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "masks.json").read_text())

# pycocotools 2.0.11 speaks numpy 1's array protocol.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

# Odd sizes, rows, columns and single pixels included.
shapes = st.tuples(st.integers(1, 17), st.integers(1, 17)) | st.tuples(st.just(1), st.integers(1, 200))
dense = shapes.flatmap(lambda shape: hnp.arrays(np.bool_, shape))
dense_pairs = shapes.flatmap(lambda shape: st.tuples(hnp.arrays(np.bool_, shape), hnp.arrays(np.bool_, shape)))


def picture(rows):
    return np.array([[character == "#" for character in row] for row in rows])


def counts_by_pycocotools(mask):
    return coco.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()


def blobs(rng, count, size=(96, 128)):
    """Pairs of overlapping ellipses, some of them empty."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    for index in range(count):
        pair = []
        for _ in range(2):
            centre, radii = rng.uniform(0.3, 0.7, 2) * size, rng.uniform(5, 40, 2)
            ellipse = ((rows - centre[0]) / radii[0]) ** 2 + ((columns - centre[1]) / radii[1]) ** 2 < 1
            pair.append(ellipse if index % 7 else np.zeros(size, bool))
        yield pair[0], pair[1]


@pytest.mark.parametrize("case", GOLDEN["codes"], ids=lambda case: case["name"])
def test_codes_of_known_pictures(case):
    mask = picture(case["rows"])
    code = masks.encode(mask)
    assert code.counts == case["counts"]
    assert code.size == mask.shape
    assert masks.area(code) == case["area"]
    assert np.array_equal(masks.decode(code), mask)


@pytest.mark.parametrize("case", GOLDEN["pairs"])
def test_intersection_and_union_of_known_pictures(case):
    first, second = masks.encode(picture(case["first"])), masks.encode(picture(case["second"]))
    assert masks.intersection_union(first, second) == (case["intersection"], case["union"])


def test_averages_of_known_pictures():
    intersections = [case["intersection"] for case in GOLDEN["pairs"]]
    unions = [case["union"] for case in GOLDEN["pairs"]]
    assert masks.cumulative_iou(intersections, unions) == pytest.approx(GOLDEN["sums"]["cumulative_iou"], rel=1e-15)
    assert masks.generalized_iou(intersections, unions) == pytest.approx(GOLDEN["sums"]["generalized_iou"], rel=1e-15)


@given(dense)
@settings(max_examples=150, deadline=None)
def test_codes_equal_those_of_pycocotools_and_survive_both_decoders(mask):
    code = masks.encode(mask)
    assert code.counts == counts_by_pycocotools(mask)
    masks.validate(code, mask.shape)
    decoded = masks.decode(code)
    assert decoded.dtype == np.bool_
    assert decoded.flags.c_contiguous
    assert np.array_equal(decoded, mask)
    assert np.array_equal(coco.decode(code.as_dict()).astype(bool), mask)


@given(dense)
@settings(max_examples=50, deadline=None)
def test_columns_are_the_rows_of_the_other_decoding(mask):
    columns = masks.decode_columns(masks.encode(mask))
    assert columns.flags.c_contiguous
    assert np.array_equal(columns.T, mask)


def test_what_is_kept_of_a_code_depends_on_its_size_and_cannot_be_written_to():
    code = "0<"
    for size, fits in (((3, 4), True), ((4, 3), True), ((2, 3), False), ((3, 4), True)):
        if fits:
            assert masks.area(Mask(size=size, counts=code)) == 12
        else:
            with pytest.raises(AnswerInvalid, match="add up"):
                masks.area(Mask(size=size, counts=code))
    decoded = masks.decode(Mask(size=(3, 4), counts=code))
    decoded[:] = False
    assert masks.area(Mask(size=(3, 4), counts=code)) == 12


def test_codes_parsed_together_equal_codes_parsed_alone():
    """Of two codes in a row the first may have an odd number of runs, the second long numbers, and one may be kept."""
    rng = np.random.default_rng(8)
    pictures = [rng.random((40, 50)) < share for share in (0.0, 0.02, 0.5, 1.0)]
    codes = [masks.encode(one) for one in pictures]
    for first, one in zip(codes, pictures, strict=True):
        for second, other in zip(codes, pictures, strict=True):
            masks.forget()
            expected = np.count_nonzero(one & other), np.count_nonzero(one | other)
            assert masks.intersection_union(first, second) == expected
            masks.forget()
            masks.area(second)
            assert masks.intersection_union(first, second) == expected


def test_codes_longer_than_what_is_kept():
    rng = np.random.default_rng(9)
    first, second = rng.random((300, 400)) < 0.5, rng.random((300, 400)) < 0.5
    codes = masks.encode(first), masks.encode(second)
    assert min(len(code.counts) for code in codes) > 2**15
    assert masks.intersection_union(*codes) == (np.count_nonzero(first & second), np.count_nonzero(first | second))
    assert masks.union_of(codes) == masks.encode(first | second)


def test_large_runs_and_noise_equal_pycocotools():
    rng = np.random.default_rng(3)
    large = np.zeros((1500, 2100), bool)
    large[:, 700:1400] = True
    large[3, 3] = True
    for mask in (large, ~large, rng.random((211, 307)) < 0.5, np.asfortranarray(rng.random((97, 101)) < 0.1)):
        code = masks.encode(mask)
        assert code.counts == counts_by_pycocotools(mask)
        assert np.array_equal(masks.decode(code), mask)


def test_views_that_are_not_contiguous_are_coded_as_seen():
    mask = np.random.default_rng(4).random((40, 60)) < 0.5
    for view in (mask[::2, ::3], mask[::-1], mask.T):
        assert masks.encode(view) == masks.encode(view.copy())


@given(dense_pairs)
@settings(max_examples=150, deadline=None)
def test_intersection_and_union_agree_with_dense_counting(pair):
    first, second = pair
    codes = masks.encode(first), masks.encode(second)
    found = masks.intersection_union(*codes)
    assert found == (np.count_nonzero(first & second), np.count_nonzero(first | second))
    assert all(type(number) is int for number in found)
    assert masks.intersection_union(*reversed(codes)) == found
    assert 0.0 <= masks.iou(*found) <= 1.0
    assert masks.intersection_union(codes[0], codes[0]) == (masks.area(codes[0]),) * 2


@given(st.lists(st.integers(0, 2**12 - 1), min_size=1, max_size=6))
@settings(max_examples=100, deadline=None)
def test_union_agrees_with_dense_or(patterns):
    pictures = [np.array([pattern >> bit & 1 for bit in range(12)], bool).reshape(3, 4) for pattern in patterns]
    union = masks.union_of([masks.encode(one) for one in pictures])
    assert union == masks.encode(np.logical_or.reduce(pictures))


def test_union_drops_labels_and_takes_none_as_empty():
    labelled = Mask(size=(1, 1), counts="01", label="rice")
    assert masks.union_of([labelled]) == Mask(size=(1, 1), counts="01")
    assert masks.union_of([], size=(3, 4)) == masks.empty((3, 4)) == Mask(size=(3, 4), counts="<")
    with pytest.raises(MetricInputError, match="needs a size"):
        masks.union_of([])


def test_perfect_is_one_and_empty_is_zero():
    mask = masks.encode(picture(["##.", "#.."]))
    nothing = masks.empty((2, 3))
    assert masks.iou(*masks.intersection_union(mask, mask)) == 1.0
    assert masks.iou(*masks.intersection_union(nothing, mask)) == 0.0
    assert masks.iou(*masks.intersection_union(nothing, nothing)) == 1.0
    assert masks.cumulative_iou([0, 0], [0, 0]) == masks.generalized_iou([0, 0], [0, 0]) == 1.0


def test_masks_of_two_sizes_raise_where_pycocotools_is_silent():
    # The same six pixels in two shapes: pycocotools merges them to an empty mask and calls their IoU -1.
    first, second = masks.encode(np.ones((2, 3), bool)), masks.encode(np.ones((3, 2), bool))
    assert coco.iou([first.as_dict()], [second.as_dict()], [0]).item() == -1
    for comparison in (
        lambda: masks.intersection_union(first, second),
        lambda: masks.union_of([first, second]),
        lambda: masks.union_of([first], size=(3, 2)),
        lambda: masks.validate(first, (3, 2)),
    ):
        with pytest.raises(AnswerInvalid, match="2 x 3 .* 3 x 2|3 x 2 .* 2 x 3"):
            comparison()


@pytest.mark.parametrize(
    "wrong",
    [
        np.ones((2, 3), np.uint8),
        np.ones((2, 3)),
        np.ones((1, 2, 3), bool),
        np.ones(6, bool),
        np.ones((0, 3), bool),
        [[True]],
        None,
    ],
    ids=["uint8", "float", "batch axis", "flat", "no pixels", "list", "None"],
)
def test_encode_refuses_what_is_no_dense_mask(wrong):
    with pytest.raises(AnswerInvalid):
        masks.encode(wrong)


def test_sums_are_exact_beyond_float32():
    # LISA sums in float32, where 2**24 + 1 is not a number.
    assert masks.cumulative_iou([2**24, 1], [2**24 + 1, 2**24]) == (2**24 + 1) / (2**25 + 1)


def test_conventions_differ_from_lisa_and_foodlmm_by_their_epsilons_only():
    """FoodLMM's loop written naively: 1e-10 in cIoU, 1e-5 in gIoU, and 1 for a pair of empty masks."""
    naive_intersection = naive_union = 0.0
    naive_ious, intersections, unions = [], [], []
    for pred, true in blobs(np.random.default_rng(5), 60):
        intersection, union = float((pred * true).sum()), float(((pred + true) > 0).sum())
        naive_intersection += intersection
        naive_union += union
        naive_ious.append(intersection / (union + 1e-5) + (1.0 if union == 0 else 0.0))
        pair = masks.intersection_union(masks.encode(pred), masks.encode(true))
        intersections.append(pair[0])
        unions.append(pair[1])
    assert 0 in unions
    assert masks.cumulative_iou(intersections, unions) == pytest.approx(
        naive_intersection / (naive_union + 1e-10), rel=1e-4
    )
    assert masks.generalized_iou(intersections, unions) == pytest.approx(float(np.mean(naive_ious)), rel=1e-4)


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), min_size=1, max_size=30), st.randoms())
@settings(max_examples=50, deadline=None)
def test_averages_are_bounded_and_do_not_depend_on_order(pairs, random):
    pairs = [(min(pair), max(pair)) for pair in pairs]
    shuffled = random.sample(pairs, len(pairs))
    for average in (masks.cumulative_iou, masks.generalized_iou):
        value = average(*zip(*pairs, strict=True))
        assert 0.0 <= value <= 1.0
        assert average(*zip(*shuffled, strict=True)) == value


def test_averages_refuse_nonsense():
    for average in (masks.cumulative_iou, masks.generalized_iou):
        with pytest.raises(MetricInputError, match="empty"):
            average([], [])
        with pytest.raises(MetricInputError, match="1 values but .* 2"):
            average([1], [1, 2])
        with pytest.raises(MetricInputError, match="Not an intersection"):
            average([2], [1])
