"""Equations 10 and 11 to the letter, at every edge; the expected values were worked out by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foodbench.core.errors import UsageError
from foodbench.models.recipe_grounded.labels import spelling
from foodbench.models.recipe_grounded.scsr import Scored, clamp, rectify


def scored(*pairs: tuple[str, float]) -> list[Scored]:
    return [Scored(label, confidence) for label, confidence in pairs]


EDGES = {
    "all equal": (
        scored(("a", 0.9), ("b", 0.9), ("c", 0.9), ("d", 0.9)),
        scored(("a", 0.9), ("b", 0.9), ("c", 0.9)),
        ("a", "b", "c"),
        "all equal",
    ),
    "one label": (scored(("a", 0.9)), scored(("a", 0.9)), ("a",), "all equal"),
    "nothing predicted": ([], scored(("a", 0.4), ("b", 0.5)), ("b", "a"), "nothing initial"),
    "nothing rectified": (scored(("a", 0.2), ("b", 0.8)), [], ("b", "a"), "nothing rectified"),
    "nothing at all": ([], [], (), "nothing"),
    # Means 0.7 and 0.675: a, b, c stay in both.
    "an intersection of three": (
        scored(("a", 0.9), ("b", 0.9), ("c", 0.9), ("d", 0.1)),
        scored(("c", 0.9), ("b", 0.8), ("a", 0.9), ("z", 0.1)),
        ("a", "b", "c"),
        "intersection",
    ),
    # Means 0.433 and 0.516: a and b stay in both, but they are two, and x, y, z are louder.
    "two that lose to louder ones": (
        scored(("a", 0.6), ("b", 0.6), ("d", 0.1)),
        scored(("a", 0.6), ("b", 0.6), ("x", 0.99), ("y", 0.98), ("z", 0.97), ("w", 0.0), ("v", 0.0), ("u", 0.0)),
        ("x", "y", "z"),
        "few in common",
    ),
    "two confidences of one label": (
        scored(("a", 0.3), ("b", 0.5)),
        scored(("a", 0.95), ("c", 0.1)),
        ("a", "b", "c"),
        "few in common",
    ),
    # As a set the first list is a 0.9, b 0.1 with the mean 0.5; counted twice it would be 0.433.
    "a label twice in one list": (
        scored(("a", 0.3), ("A!", 0.9), ("b", 0.1)),
        scored(("a", 0.8), ("b", 0.2)),
        ("a", "b"),
        "few in common",
    ),
    "confidences out of range": (
        scored(("a", 7.0), ("b", -3.0), ("c", 0.5)),
        scored(("c", math.inf), ("b", math.nan)),
        ("a", "c", "b"),
        "few in common",
    ),
    "ties go to the first list": (
        scored(("p", 0.5), ("q", 0.5)),
        scored(("r", 0.5), ("q", 0.5)),
        ("p", "q", "r"),
        "all equal",
    ),
}


@pytest.mark.parametrize("case", EDGES)
def test_edges(case):
    initial, rectified, labels, reason = EDGES[case]
    found = rectify(initial, rectified)
    assert (found.labels, found.reason) == (labels, reason)
    assert found.fallback == (reason != "intersection")


def test_a_mean_that_is_rounded_down_keeps_nothing():
    # 0.1 added up ten times is 0.9999999999999999: above a tenth of that is every label.
    equal = scored(*((str(number), 0.1) for number in range(10)))
    assert rectify(equal, equal).reason == "all equal"
    assert len(rectify(equal, equal).labels) == 3


def test_n_is_the_least_size_of_the_intersection_and_the_size_of_the_fallback():
    initial = scored(("a", 0.9), ("b", 0.8), ("c", 0.1), ("d", 0.1))
    assert rectify(initial, initial, 2).labels == ("a", "b")
    assert not rectify(initial, initial, 2).fallback
    assert rectify(initial, initial, 3).labels == ("a", "b", "c")
    assert rectify(initial, [], 0).labels == ()
    assert not rectify(initial, [], 0).fallback
    with pytest.raises(UsageError):
        rectify((), (), -1)


@pytest.mark.parametrize(
    ("value", "expected"), [(-0.1, 0), (0, 0), (0.3, 0.3), (1.2, 1), (math.nan, 0), (-math.inf, 0)]
)
def test_clamp(value, expected):
    assert clamp(value) == expected


_LABELS = st.sampled_from(["a", "B", "b", "c c", "c_c", "d", "e", "f"])
_LISTS = st.lists(st.builds(Scored, _LABELS, st.floats(allow_nan=True)), max_size=9)


@given(_LISTS, _LISTS, st.integers(0, 5))
def test_properties(initial, rectified, n):
    found = rectify(initial, rectified, n)
    spellings = [spelling(label) for label in found.labels]
    union = {spelling(one.label) for one in (*initial, *rectified)}
    both = {spelling(one.label) for one in initial} & {spelling(one.label) for one in rectified}
    assert len(set(spellings)) == len(spellings)
    assert set(spellings) <= union
    if found.fallback:
        assert len(spellings) == min(n, len(union))
    else:
        assert set(spellings) <= both
        assert len(spellings) >= n
    assert rectify(initial, rectified, n) == found
