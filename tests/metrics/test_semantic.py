"""Class maps against a naive confusion matrix, scikit-learn, and small maps counted by hand."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import accuracy_score, jaccard_score, recall_score

from foodbench.core.errors import AnswerInvalid
from foodbench.core.types import Mask
from foodbench.metrics import masks, semantic
from foodbench.metrics.inputs import MetricInputError
from foodbench.metrics.segmentation import SEMANTIC

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "semantic.json").read_text())
METRICS = {metric.id: metric for metric in SEMANTIC}
NAMES = ["nothing", "rice", "egg", "soup/stew", "tofu"]

shapes = st.tuples(st.integers(1, 9), st.integers(1, 9))
true_ids = st.sampled_from([0, 1, 2, 3, 4, 255])
maps = shapes.flatmap(
    lambda shape: st.tuples(
        hnp.arrays(np.uint8, shape, elements=st.integers(0, 4)), hnp.arrays(np.uint8, shape, elements=true_ids)
    )
)


def digits(rows, ignored=None):
    read = np.array([[int(character) for character in row] for row in rows], np.uint8)
    return np.where(read == ignored, np.uint8(255), read) if ignored else read


def computed(values):
    return {name: metric.of_samples(values) for name, metric in METRICS.items()}


def naive(samples):
    """Loops over classes as in the definition: sums over all samples, IoU per class, mean over those that exist."""
    ious, recalls, names = [], [], []
    for class_id in range(len(NAMES)):
        both = sum(np.sum((pred == class_id) & (true == class_id)) for pred, true in samples)
        either = sum(np.sum(((pred == class_id) | (true == class_id)) & (true != 255)) for pred, true in samples)
        due = sum(np.sum(true == class_id) for _, true in samples)
        ious += [both / either] if either else []
        names += [class_id] if either else []
        recalls += [both / due] if due else []
    foreground = [iou for class_id, iou in zip(names, ious, strict=True) if class_id]
    return [float(np.mean(column)) if column else None for column in (ious, foreground, recalls)]


@pytest.mark.parametrize("case", GOLDEN["samples"])
def test_pixels_counted_by_hand(case):
    found = semantic.sample_values(digits(case["predicted"]), digits(case["true"], 5), GOLDEN["names"])
    assert found == case["values"]


def test_metrics_of_known_maps():
    values = [
        semantic.sample_values(digits(case["predicted"]), digits(case["true"], 5), GOLDEN["names"])
        for case in GOLDEN["samples"]
    ]
    assert computed(values) == pytest.approx(GOLDEN["metrics"], rel=1e-12)


@given(st.lists(maps, min_size=1, max_size=4))
@settings(max_examples=120, deadline=None)
def test_agrees_with_loops_over_classes(samples):
    found = computed([semantic.sample_values(pred, true, NAMES) for pred, true in samples])
    expected = naive(samples)
    for name, value in zip(("miou.with_background", "miou.foreground", "macc"), expected, strict=True):
        assert found[name] == pytest.approx(value, abs=1e-12), name
    assert all(value is None or 0 <= value <= 1 for value in found.values())


def test_agrees_with_scikit_learn():
    rng = np.random.default_rng(7)
    samples = []
    for _ in range(6):
        true = rng.integers(0, 5, (20, 30)).astype(np.uint8)
        pred = np.where(rng.random((20, 30)) < 0.6, true, rng.integers(0, 5, (20, 30))).astype(np.uint8)
        true[rng.random((20, 30)) < 0.1] = 255
        samples.append((pred, true))
    found = computed([semantic.sample_values(pred, true, NAMES) for pred, true in samples])
    pred, true = (np.concatenate([maps.ravel() for maps in column]) for column in zip(*samples, strict=True))
    pred, true = pred[true != 255], true[true != 255]
    assert found["miou.with_background"] == pytest.approx(jaccard_score(true, pred, average="macro"))
    assert found["miou.foreground"] == pytest.approx(jaccard_score(true, pred, average="macro", labels=[1, 2, 3, 4]))
    assert found["macc"] == pytest.approx(recall_score(true, pred, average="macro"))
    assert found["aacc"] == pytest.approx(accuracy_score(true, pred))


@given(maps)
@settings(max_examples=60, deadline=None)
def test_confusion_counts_every_pair_of_pixels(pair):
    pred, true = pair
    expected = np.zeros((256, 256), int)
    for predicted_id, true_id in zip(pred.ravel(), true.ravel(), strict=True):
        expected[true_id, predicted_id] += 1
    for maps_as_they_lie in ((pred, true), (np.asfortranarray(pred), true), (pred.T, true.T)):
        assert np.array_equal(semantic.confusion(*maps_as_they_lie), expected)


@given(maps)
@settings(max_examples=60, deadline=None)
def test_the_right_map_is_the_ceiling(pair):
    _, true = pair
    answer = np.where(true == 255, np.uint8(3), true)  # whatever lies on ignored pixels does not count
    found = computed([semantic.sample_values(answer, true, NAMES)])
    assert all(value in (1.0, None) for value in found.values())


def test_a_class_that_only_an_answer_has_lowers_the_mean():
    true, pred = np.zeros((2, 2), np.uint8), np.array([[0, 0], [0, 1]], np.uint8)
    found = computed([semantic.sample_values(pred, true, NAMES)])
    assert found["miou.with_background"] == pytest.approx((3 / 4 + 0) / 2)
    assert found["miou.foreground"] == 0.0
    assert found["macc"] == 3 / 4


def test_all_background_and_all_ignored():
    nothing = np.zeros((2, 2), np.uint8)
    found = computed([semantic.sample_values(nothing, nothing, NAMES)])
    assert found == {"miou.with_background": 1.0, "miou.foreground": None, "macc": 1.0, "aacc": 1.0}
    ignored = np.full((2, 2), 255, np.uint8)
    found = computed([semantic.sample_values(nothing, ignored, NAMES)])
    assert set(found.values()) == {None}


def test_later_masks_cover_earlier_ones():
    whole, left = np.ones((2, 3), bool), np.array([[True, False, False]] * 2)
    both = [(1, masks.encode(whole)), (2, masks.encode(left))]
    assert semantic.class_map(both, (2, 3)).tolist() == [[2, 1, 1]] * 2
    assert semantic.class_map(both[::-1], (2, 3)).tolist() == [[1, 1, 1]] * 2
    assert semantic.class_map([], (2, 3)).tolist() == [[0, 0, 0]] * 2


@given(maps)
@settings(max_examples=60, deadline=None)
def test_a_map_survives_being_painted_from_its_classes(pair):
    _, true = pair
    regions = [(int(class_id), masks.encode(true == class_id)) for class_id in np.unique(true)]
    painted = semantic.class_map(regions, true.shape)
    assert painted.dtype == np.uint8
    assert np.array_equal(painted, true)


def test_what_is_no_class_map_is_refused():
    good = np.zeros((2, 3), np.uint8)
    with pytest.raises(MetricInputError, match="shape"):
        semantic.sample_values(good, good.T, NAMES)
    with pytest.raises(MetricInputError, match="predicted class map .* int64"):
        semantic.sample_values(good.astype(np.int64), good, NAMES)
    with pytest.raises(MetricInputError, match="no name"):
        semantic.sample_values(good + np.uint8(9), good, NAMES)
    with pytest.raises(MetricInputError, match="256"):
        semantic.class_map([(256, masks.empty((2, 3)))], (2, 3))
    with pytest.raises(AnswerInvalid, match="3 x 2"):
        semantic.class_map([(1, masks.empty((3, 2)))], (2, 3))
    with pytest.raises(AnswerInvalid, match="break off"):
        semantic.class_map([(1, Mask(size=(2, 3), counts="V"))], (2, 3))
