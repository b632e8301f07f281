"""Equations 4 to 9: the values of golden answers, worked out by hand, and what must hold for any."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from baselines.recipe_grounded.rewards import (
    ABLATIONS,
    ACTIONS,
    INGREDIENTS,
    RewardSettings,
    Scoring,
    break_even,
    f1_reward,
    read_solution,
    reward_functions,
    score,
    word_reward,
    write_solution,
)
from baselines.recipe_grounded.vocabulary import tiers_of
from foodbench.models.recipe_grounded.labels import LabelVocabulary, format_labels

# 383 made-up verbs by falling frequency: 0..54 head, 55..191 middle, 192..382 tail.
NAMES = [f"verb {chr(97 + number // 26 % 26)}{chr(97 + number % 26)}" for number in range(383)]
TIERS = tiers_of(NAMES)
VOCABULARY = LabelVocabulary(NAMES)
HEAD, MID, TAIL = NAMES[:3], NAMES[100:103], NAMES[-3:]


def total(text: str, true, settings: RewardSettings = ACTIONS) -> float:
    return score(text, true, VOCABULARY, TIERS, settings).total(settings)


def said(*labels: str) -> str:
    return format_labels("because", labels)


def test_tiers_of_the_paper():
    sizes = {tier: list(TIERS.values()).count(tier) for tier in ("head", "mid", "tail")}
    assert sizes == {"head": 55, "mid": 137, "tail": 191}
    assert [TIERS[NAMES[place]] for place in (0, 54, 55, 191, 192, 382)] == ["head"] * 2 + ["mid"] * 2 + ["tail"] * 2


@pytest.mark.parametrize(
    ("text", "true", "expected"),
    [
        (said(*HEAD), HEAD, 1.40),
        (said(*MID), MID, 0.1 + 1 + 1.5),
        (said(*TAIL), TAIL, 5.60),
        (said(), TAIL, 1 - 3.6),
        (said(*HEAD[:1] * 5), HEAD[:1], 1.20),
        (", ".join(TAIL), TAIL, -3.6),
        ("", HEAD, -0.15),
        # 380 false ones cost 76; two of three right ones are rare.
        (said(*NAMES), [NAMES[0], NAMES[100], NAMES[300]], 1 + 2.1 - 76 + 0.1 * 2 * 3 / 386),
        # One right, one missed, one unknown: F1 is 1/2.
        (said(HEAD[0], "teleport"), [HEAD[0], TAIL[0]], 0.05 + 1 + 0.1 - 0.2 - 1.2),
        # What the list lacks is rare.
        (said("flambe"), ["flambe"], 0.1 + 1 + 1.5),
        (said(), ["flambe"], 1 - 1.2),
    ],
)
def test_golden_values(text, true, expected):
    assert total(text, true) == pytest.approx(expected, abs=1e-6)


def test_ablations_and_ingredients():
    text = said(TAIL[0])
    assert total(text, TAIL[:1], ABLATIONS["without_f1"]) == pytest.approx(2.5)
    assert total(text, TAIL[:1], ABLATIONS["without_word"]) == pytest.approx(1.1)
    assert total(text, TAIL[:2], INGREDIENTS) == pytest.approx(1 + 2 / 3)
    assert total(format_labels("", ()), TAIL, INGREDIENTS) == 1


def test_format_is_the_papers_pattern():
    text = said(HEAD[0])
    strict = RewardSettings(strict=True)
    for candidate, loose, exact in [
        (text, 1, 1),
        (text + " and more", 1, 0),
        (" " + text, 0, 0),
        (text.replace("</think>", "</think>\n\n"), 1, 1),
        (text.replace("because", "be\ncause"), 1, 1),
        ("<think></think><answer></answer>", 1, 1),
        ("<answer></answer>", 0, 0),
    ]:
        assert score(candidate, HEAD, VOCABULARY, TIERS).format == loose
        assert score(candidate, HEAD, VOCABULARY, TIERS, strict).format == exact


def test_the_chance_at_which_writing_pays():
    assert [round(break_even(tier), 3) for tier in ("head", "mid", "tail")] == [0.571, 0.2, 0.069]


def test_an_empty_side_has_no_f1():
    assert f1_reward([], []) == f1_reward(["a"], []) == f1_reward([], ["a"]) == 0
    assert f1_reward(["a"], ["a"]) == pytest.approx(1)
    assert f1_reward(["a", "b"], ["b", "c", "d"]) == pytest.approx(0.4)


def test_wrong_settings_are_refused():
    for wrong in ({"hit": {"head": 1}}, {"false": -1}, {"f1": float("nan")}, {"epsilon": 0}, {"alpha": 1}):
        with pytest.raises(ValidationError):
            RewardSettings(**wrong)


_SETS = st.lists(st.sampled_from([*NAMES[::40], "unknown", "other"]), max_size=8)


@given(_SETS, _SETS, st.randoms())
def test_order_and_repetition_do_not_matter(named, due, chance):
    other = [*named, *named[:3]]
    chance.shuffle(other)
    assert word_reward(named, due, TIERS) == pytest.approx(word_reward(other, due, TIERS))
    assert f1_reward(named, due) == f1_reward(other, due)


@given(_SETS, _SETS)
def test_bounds(named, due):
    assert 0 <= f1_reward(named, due) <= 1
    perfect = word_reward(due, due, TIERS)
    assert word_reward(named, due, TIERS) <= perfect + 1e-9


@given(st.text(max_size=200), _SETS)
def test_no_text_raises(text, due):
    score(text, due, VOCABULARY, TIERS)
    score(f"<think></think><answer>{text}</answer>", due, VOCABULARY, TIERS)


def test_trl_functions_score_once_and_log():
    scoring = Scoring(VOCABULARY, TIERS)
    functions, weights = reward_functions(scoring)
    assert [function.__name__ for function in functions] == ["f1", "format", "word"]
    assert weights == [0.1, 1.0, 1.0]
    completions = [[{"role": "assistant", "content": said(*TAIL)}], "", [{"role": "assistant", "content": None}]]
    solution = [write_solution(TAIL), write_solution(HEAD), "no list"]
    logged: dict[str, float] = {}
    earned = [
        function(completions=completions, solution=solution, log_metric=logged.__setitem__, prompts=None)
        for function in functions
    ]
    assert earned[0] == pytest.approx([1, 0, 0])
    assert earned[1:] == [[1, 0, 0], pytest.approx([4.5, -0.15, 0])]
    assert logged == {"rewards/failed": 1, "recall/tail": 1, "recall/head": 0}
    assert scoring.failed == 1


def test_a_part_without_weight_is_no_function_and_the_first_one_logs():
    functions, weights = reward_functions(Scoring(VOCABULARY, TIERS, ABLATIONS["without_f1"]))
    logged: dict[str, float] = {}
    for function in functions:
        function(completions=[said()], solution=[write_solution(MID)], log_metric=logged.__setitem__)
    assert ([function.__name__ for function in functions], weights) == (["format", "word"], [1.0, 1.0])
    assert logged == {"rewards/failed": 0, "recall/mid": 0}


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_solutions_come_back(labels):
    assert read_solution(write_solution(labels)) == tuple(labels)
