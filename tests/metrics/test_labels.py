"""Sets of labels against scikit-learn and hand-worked samples."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, jaccard_score, precision_score, recall_score

from foodbench.metrics import labels
from foodbench.metrics.aggregate import Metric
from foodbench.metrics.inputs import MetricInputError

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "labels.json").read_text())
VOCABULARY = ["rice", "egg", "tofu", "corn", "soup/stew", "st. john's bread", "fish"]
METRICS = {metric.id: metric for metric in labels.label_metrics()}

names = st.lists(st.sampled_from(VOCABULARY), max_size=8)
sets = st.lists(st.tuples(names, names), min_size=1, max_size=12)


def values_of(samples, prefix=""):
    return [labels.sample_values(named, due, len(VOCABULARY), prefix=prefix) for named, due in samples]


def computed(samples):
    return {name: metric.of_samples(values_of(samples)) for name, metric in METRICS.items()}


def indicators(samples):
    return (
        np.array([[label in chosen for label in VOCABULARY] for chosen in column], int)
        for column in zip(*samples, strict=True)
    )


@pytest.mark.parametrize("case", GOLDEN["samples"])
def test_samples_worked_by_hand(case):
    values = labels.sample_values(case["predicted"], case["true"], len(GOLDEN["vocabulary"]))
    assert {key: values[key] for key in case["values"]} == pytest.approx(case["values"], abs=1e-15)
    assert {key for key in values if "/" in key} == {
        *(f"tp/{label}" for label in set(case["predicted"]) & set(case["true"])),
        *(f"fp/{label}" for label in set(case["predicted"]) - set(case["true"])),
        *(f"fn/{label}" for label in set(case["true"]) - set(case["predicted"])),
    }


def test_metrics_of_known_samples():
    values = [
        labels.sample_values(case["predicted"], case["true"], len(GOLDEN["vocabulary"])) for case in GOLDEN["samples"]
    ]
    found = {name: metric.of_samples(values) for name, metric in METRICS.items()}
    assert found == pytest.approx(GOLDEN["metrics"], rel=1e-12)


@given(sets)
@settings(max_examples=40, deadline=None)
def test_agrees_with_scikit_learn(samples):
    named, due = indicators(samples)
    found = computed(samples)
    occurring = np.flatnonzero(due.any(axis=0))
    expected = {
        "f1.sample": f1_score(due, named, average="samples", zero_division=1),
        "iou.sample": jaccard_score(due, named, average="samples", zero_division=1),
        "recall.sample": recall_score(due, named, average="samples", zero_division=1),
        "f1.micro": f1_score(due, named, average="micro", zero_division=1),
        "f1.macro_all": f1_score(due, named, average="macro", zero_division=0),
        "exact_set": np.mean((named == due).all(axis=1)),
    }
    if occurring.size:
        expected["f1.macro_present"] = f1_score(due, named, average="macro", labels=occurring, zero_division=0)
        expected["recall.micro"] = recall_score(due, named, average="micro")
    if named.any():
        expected["precision.micro"] = precision_score(due, named, average="micro", zero_division=0)
        expected["hallucinated"] = 1 - expected["precision.micro"]
    if named.any() or due.any():
        expected["iou.micro"] = jaccard_score(due, named, average="micro", zero_division=0)
    for name, value in expected.items():
        assert found[name] == pytest.approx(100 * value, abs=1e-10), name


@given(sets, st.randoms())
@settings(max_examples=80, deadline=None)
def test_bounds_and_order(samples, random):
    found = computed(samples)
    assert all(value is None or 0 <= value <= 100 for value in found.values())
    shuffled = [(random.sample(named, len(named)), due + due) for named, due in random.sample(samples, len(samples))]
    assert computed(shuffled) == found


@given(sets)
@settings(max_examples=80, deadline=None)
def test_swapping_named_and_due_swaps_precision_and_recall(samples):
    found = computed(samples)
    swapped = computed([(due, named) for named, due in samples])
    for name in ("f1.sample", "iou.sample", "f1.micro", "iou.micro", "f1.macro_all", "exact_set"):
        assert swapped[name] == pytest.approx(found[name], abs=1e-9)
    assert swapped["precision.micro"] == found["recall.micro"]


@given(st.lists(names, min_size=1, max_size=10))
@settings(max_examples=80, deadline=None)
def test_the_right_answer_is_the_ceiling_and_silence_the_floor(due):
    perfect = computed([(each, each) for each in due])
    for name, value in perfect.items():
        if name not in ("hallucinated", "f1.macro_all"):
            assert value is None or value == 100, name
    assert perfect["hallucinated"] == 0
    assert perfect["f1.macro_all"] == pytest.approx(100 * len(set().union(*due)) / len(VOCABULARY))
    silent = computed([([], each) for each in due if each] or [([], ["rice"])])
    assert all(silent[name] == 0 for name in silent if name != "precision.micro")
    assert silent["precision.micro"] is None


def test_recall_where_nothing_is_there_is_one_and_precision_pays_for_it():
    values = labels.sample_values(["rice"], [], 5)
    assert (values["recall"], values["precision"], values["f1"], values["iou"]) == (1.0, 0.0, 0.0, 0.0)
    values = labels.sample_values([], ["rice"], 5)
    assert (values["recall"], values["precision"], values["f1"], values["iou"]) == (0.0, 0.0, 0.0, 0.0)


def test_pooled_f1_and_iou_satisfy_their_identity_and_sample_means_do_not():
    """How one tells from a printed pair which average it is."""
    found = computed([(["rice"], ["rice", "egg"]), (["tofu", "corn", "fish"], ["tofu"]), (["egg"], ["egg"])])
    iou = found["iou.micro"] / 100
    assert found["f1.micro"] == pytest.approx(100 * 2 * iou / (1 + iou))
    iou = found["iou.sample"] / 100
    assert found["f1.sample"] < 100 * 2 * iou / (1 + iou) - 1


def test_a_prefix_keeps_two_sets_of_labels_apart():
    samples = [(["rice"], ["rice", "egg"]), (["tofu"], ["soup/stew"])]
    actions = [(["fish"], ["fish"]), ([], ["corn"])]
    values = [
        {**first, **second} for first, second in zip(values_of(samples), values_of(actions, "actions."), strict=True)
    ]
    for metric in labels.label_metrics():
        assert metric.of_samples(values) == metric.of_samples(values_of(samples))
    for metric in labels.label_metrics("actions."):
        plain = METRICS[metric.id.removeprefix("actions.")]
        assert metric.of_samples(values) == plain.of_samples(values_of(actions))


def test_every_id_says_its_average():
    assert set(METRICS) == {
        *(f"{figure}.sample" for figure in ("f1", "iou", "precision", "recall")),
        *(f"{figure}.micro" for figure in ("f1", "iou", "precision", "recall")),
        "f1.macro_present",
        "f1.macro_all",
        "hallucinated",
        "exact_set",
    }
    assert all(isinstance(metric, Metric) and metric.description for metric in METRICS.values())
    assert [name for name, metric in METRICS.items() if not metric.higher_is_better] == ["hallucinated"]


def test_what_is_no_collection_of_labels_is_refused():
    with pytest.raises(MetricInputError, match="one text"):
        labels.sample_values("rice", ["rice"], 5)
    with pytest.raises(MetricInputError, match="3 labels .* vocabulary of 2"):
        labels.sample_values(["rice", "egg"], ["tofu"], 2)


def test_macros_of_nothing_do_not_exist():
    assert labels.macro_f1_present({}) is None
    assert labels.macro_f1_all({}) is None
    assert labels.macro_f1_all({"vocabulary": 6.0, "samples": 2.0}) == 0.0
