"""The gate's rule, one condition at a time."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foodbench.metrics.inputs import MetricInputError
from foodbench.stats.paired import Difference
from foodbench.stats.verdict import Verdict, judge, overall


def between(low, high, *, p_worse=0.5, clusters=400, spread=10.0, confidence=0.9, value=None):
    middle = (low + high) / 2 if value is None else value
    return Difference(middle, low, high, confidence, "t.paired.clustered", p_worse, 400, clusters, spread=spread)


def judged(difference, margin=1.0, *, higher_is_better=True, **options):
    return judge({"t:m": difference}, {"t:m": margin}, {"t:m": higher_is_better}, **options)["t:m"]


@pytest.mark.parametrize(
    ("low", "high", "p_worse", "verdict", "note"),
    [
        (0.1, 2.0, 0.99, "improved", ""),
        (0.0, 2.0, 0.95, "pass", ""),
        (-0.9, 0.5, 0.3, "pass", ""),
        (-0.9, -0.1, 0.001, "pass", "small real drop"),
        (-2.0, -0.1, 0.02, "fail", ""),
        (-2.0, -0.1, 0.06, "inconclusive", "can detect 1.2; needs 619 clusters"),
        (-2.0, 0.1, 0.04, "inconclusive", "can detect 1.2; needs 619 clusters"),
        (-1.0, 0.1, 0.2, "inconclusive", "can detect 1.2; needs 619 clusters"),
    ],
)
def test_each_condition(low, high, p_worse, verdict, note):
    found = judged(between(low, high, p_worse=p_worse))
    assert (found.verdict, found.note) == (verdict, note)


def test_inconclusive_says_what_it_can_detect_and_how_many_it_needs():
    found = judged(between(-2.0, 0.5))
    assert found.detectable == pytest.approx(2.4865 * 10 / 20, abs=1e-4)
    assert found.needed == 619
    assert judged(between(-0.5, 0.5)).needed is None


def test_a_drop_near_the_margin_is_not_for_want_of_samples():
    found = judged(between(-1.1, 0.1, spread=5.0))
    assert (found.verdict, found.needed) == ("inconclusive", 155)
    assert found.note.endswith("the measured drop is near the margin")


def test_lower_is_better_turns_it_round():
    assert judged(between(-2.0, -0.1), higher_is_better=False).verdict == "improved"
    assert judged(between(0.1, 2.0, p_worse=0.01), higher_is_better=False).verdict == "fail"
    assert judged(between(0.1, 0.9, p_worse=0.01), higher_is_better=False).note == "small real drop"


def test_a_handful_of_clusters_has_no_verdict():
    found = judged(between(1.0, 2.0, clusters=19))
    assert (found.verdict, found.adjusted_p) == ("inconclusive", None)
    assert found.note == "19 clusters; no verdict below 20"
    assert judged(between(1.0, 2.0, clusters=19), least_clusters=10).verdict == "improved"


def test_holm_over_what_could_fail():
    """0.02 is significant alone and with a hopeless one beside it, and not among three."""
    worse, fine = between(-3.0, -1.0, p_worse=0.02), between(-0.5, 0.5, p_worse=0.5)
    few, none = between(-3.0, -1.0, p_worse=0.02, clusters=5), Difference(None, None, None, 0.9, "none", None, 0, 400)

    def verdict(**differences):
        same = dict.fromkeys(differences, 1.0)
        return judge(differences, same, dict.fromkeys(differences, True))["a"]

    assert verdict(a=worse).verdict == "fail"
    assert verdict(a=worse, b=few, c=none).adjusted_p == 0.02
    assert verdict(a=worse, b=fine).adjusted_p == 0.04
    assert verdict(a=worse, b=fine, c=fine).verdict == "inconclusive"


def test_a_metric_that_does_not_exist_was_not_measured():
    found = judged(Difference(None, None, None, 0.9, "none", None, 0, 400))
    assert (found.verdict, found.note) == ("not measured", "the metric does not exist on both sides")


@pytest.mark.parametrize(
    ("value", "p_worse", "margin", "verdict", "note"),
    [
        (0.0, 1.0, 1.0, "pass", "no value differs"),
        (0.0, 1.0, 0.0, "pass", "no value differs"),
        (0.5, 1.0, 1.0, "improved", "the same difference in every cluster"),
        (-0.5, 1e-9, 1.0, "pass", "small real drop; the same difference in every cluster"),
        (-2.0, 1e-9, 1.0, "fail", "the same difference in every cluster"),
    ],
)
def test_the_same_difference_everywhere(value, p_worse, margin, verdict, note):
    found = judged(Difference(value, None, None, 0.9, "none", p_worse, 400, 400, spread=0.0), margin)
    assert (found.verdict, found.note) == (verdict, note)


def test_without_an_interval_there_is_no_verdict():
    found = judged(Difference(-3.0, None, None, 0.9, "none", 1.0, 400, 400))
    assert (found.verdict, found.detectable, found.needed) == ("inconclusive", None, None)
    assert found.note.startswith("no interval")


def test_no_margin_at_all():
    assert judged(between(-0.5, 0.5), 0.0).verdict == "inconclusive"
    assert judged(between(-0.5, 0.5), 0.0).needed is None


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: judge({"t:m": between(0, 1)}, {}, {"t:m": True}), "'t:m' has no margin"),
        (lambda: judge({"t:m": between(0, 1)}, {"t:m": 1.0}, {}), "'t:m' has no direction"),
        (lambda: judged(between(0, 1), -1.0), "'t:m': a margin is a number, 0 or more, not -1.0"),
        (lambda: judged(between(0, 1), float("nan")), "a margin is a number"),
        (lambda: judged(between(0, 1, confidence=0.95)), "95% does not go with a level of 5%"),
    ],
)
def test_nonsense_is_refused(call, says):
    with pytest.raises(MetricInputError, match=says):
        call()


@given(st.floats(-5, 5), st.floats(0.01, 5), st.floats(0.01, 3), st.floats(1e-6, 1))
def test_a_larger_margin_is_never_stricter(low, width, margin, p_worse):
    order = [Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS, Verdict.IMPROVED]
    strict, lenient = (judged(between(low, low + width, p_worse=p_worse), at) for at in (margin, 2 * margin))
    assert order.index(strict.verdict) <= order.index(lenient.verdict)


WORST_FIRST = ["fail", "not comparable", "not measured", "inconclusive"]


@pytest.mark.parametrize("pair", list(permutations([*WORST_FIRST, "pass", "improved", "identical"], 2)))
def test_overall(pair):
    ranked = [verdict for verdict in [*WORST_FIRST, "improved", "pass"] if verdict in pair]
    assert overall(Verdict(one) for one in pair) == ranked[0]


def test_overall_of_one_kind_and_of_nothing():
    for verdict in Verdict:
        assert overall([verdict, verdict]) is verdict
    assert overall([]) is Verdict.NOT_MEASURED
