"""Boundary IoU against hand-marked pictures and the paper's formula written with scipy's binary erosion."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from foodbench.core.errors import AnswerInvalid
from foodbench.core.types import Mask
from foodbench.metrics import boundary, masks
from foodbench.metrics.inputs import MetricInputError
from foodbench.metrics.segmentation import BOUNDARY_IOU

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "boundary.json").read_text())

shapes = st.tuples(st.integers(1, 24), st.integers(1, 24))
pairs = shapes.flatmap(lambda shape: st.tuples(hnp.arrays(np.bool_, shape), hnp.arrays(np.bool_, shape)))
ratios = st.sampled_from([0.02, 0.05, 0.1, 0.3])


def picture(rows):
    return np.array([[character == "#" for character in row] for row in rows])


def rim_by_erosion(mask, width):
    """The mask without itself eroded by a 3 x 3 square `width` times, nothing lying beyond the picture."""
    return mask & ~ndimage.binary_erosion(mask, np.ones((3, 3)), iterations=width, border_value=0)


def smooth(rng, shape):
    return ndimage.gaussian_filter(rng.normal(size=shape), 3) > 0.02


@pytest.mark.parametrize("case", GOLDEN["rims"], ids=lambda case: case["name"])
def test_rims_marked_by_hand(case):
    mask, rim = picture(case["rows"]), picture(case["rim"])
    assert np.array_equal(boundary.boundary(mask, case["width"]), rim)
    assert np.array_equal(rim_by_erosion(mask, case["width"]), rim)


@pytest.mark.parametrize("case", GOLDEN["pairs"])
def test_pairs_counted_by_hand(case):
    first, second = (masks.encode(picture(case[key])) for key in ("first", "second"))
    assert boundary.intersection_union(first, second) == (case["intersection"], case["union"])


@pytest.mark.parametrize("case", GOLDEN["widths"], ids=lambda case: case["why"])
def test_widths(case):
    assert boundary.boundary_width(tuple(case["size"])) == case["width"]


@given(pairs, ratios)
@settings(max_examples=150, deadline=None)
def test_agrees_with_the_formula(pair, ratio):
    width = max(1, round(ratio * float(np.sqrt(sum(side**2 for side in pair[0].shape)))))
    first, second = (rim_by_erosion(mask, width) for mask in pair)
    codes = [masks.encode(mask) for mask in pair]
    found = boundary.intersection_union(*codes, ratio=ratio)
    assert found == (np.count_nonzero(first & second), np.count_nonzero(first | second))
    assert all(type(number) is int for number in found)
    assert boundary.intersection_union(*reversed(codes), ratio=ratio) == found


def test_agrees_with_the_formula_on_large_blobs():
    rng = np.random.default_rng(2)
    for shape in ((120, 200), (201, 90)):
        first, second = smooth(rng, shape), smooth(rng, shape)
        width = boundary.boundary_width(shape, 0.02)
        assert width > 3
        rims = rim_by_erosion(first, width), rim_by_erosion(second, width)
        found = boundary.intersection_union(masks.encode(first), masks.encode(second))
        assert found == (np.count_nonzero(rims[0] & rims[1]), np.count_nonzero(rims[0] | rims[1]))


@given(pairs)
@settings(max_examples=60, deadline=None)
def test_perfect_is_one_and_empty_is_zero(pair):
    mask, _ = pair
    code, nothing = masks.encode(mask), masks.empty(mask.shape)
    assert boundary.sample_values(code, code)["boundary_iou"] == 1.0
    assert boundary.sample_values(nothing, code)["boundary_iou"] == float(not mask.any())


def test_large_masks_do_not_win_by_their_inside():
    """Two squares, one grown by three pixels, with rims of eight: 94 % of the pixels agree, 45 % of the rims."""
    true, pred = np.zeros((300, 300), bool), np.zeros((300, 300), bool)
    true[50:250, 50:250] = pred[47:253, 47:253] = True
    codes = masks.encode(pred), masks.encode(true)
    assert masks.iou(*masks.intersection_union(*codes)) > 0.94
    both, rims = 200**2 - 190**2, (200**2 - 184**2) + (206**2 - 190**2)
    assert boundary.intersection_union(*codes) == (both, rims - both)
    assert round(both / (rims - both), 2) == 0.45


def test_the_metric_averages_samples():
    same, none = masks.encode(np.ones((4, 4), bool)), masks.empty((4, 4))
    values = [boundary.sample_values(same, same), boundary.sample_values(none, same)]
    assert BOUNDARY_IOU.of_samples(values) == 0.5


def test_refuses_what_masks_refuse():
    good = masks.empty((2, 3))
    with pytest.raises(AnswerInvalid, match="2 x 3"):
        boundary.intersection_union(masks.empty((3, 2)), good)
    with pytest.raises(AnswerInvalid, match="break off"):
        boundary.intersection_union(Mask(size=(2, 3), counts="V"), good)
    for ratio in (0.0, -1.0, 1.0, float("nan")):
        with pytest.raises(MetricInputError, match="diagonal"):
            boundary.intersection_union(good, good, ratio=ratio)
    with pytest.raises(MetricInputError, match="one pixel"):
        boundary.boundary(np.ones((2, 2), bool), 0)
