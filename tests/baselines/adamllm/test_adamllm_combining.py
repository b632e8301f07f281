from __future__ import annotations

import re
from collections import Counter

import pytest

from baselines.adamllm.combining import combine, concludes, last_sentence
from baselines.adamllm.records import Triplet
from baselines.adamllm.templates import Pattern, fill, forward, inverted

FIELDS = re.compile(r"\{(\w+)\}")
SEEN = "Two eggs lie there. One more is hidden."


def fields(side: str) -> list[str]:
    return FIELDS.findall(side)


def test_forward_patterns_ask_the_question_and_reason_before_they_answer() -> None:
    assert len(forward.REASONED) >= 30
    for asked, answered in forward.REASONED:
        assert fields(asked) == ["question"]
        assert fields(answered) == ["reasoning", "answer"]
    for asked, answered in forward.PLAIN:
        assert (fields(asked), fields(answered)) == (["question"], ["answer"])


def test_the_other_kinds_are_what_their_names_say() -> None:
    for asked, answered in inverted.ANSWER_FIRST:
        assert (fields(asked), fields(answered)) == (["question"], ["answer", "reasoning"])
    for asked, answered in inverted.REASONING_ONLY:
        assert (fields(asked), fields(answered)) == (["question"], ["reasoning"])
    for asked, answered in (*inverted.INVERTED, *inverted.PLAIN_INVERTED):
        assert fields(answered)
        assert not set(fields(asked)) & set(fields(answered))
        assert "question" in fields(answered) or set(fields(asked)) - {"question"} or "answer" not in fields(answered)


def test_patterns_are_different() -> None:
    for pool in (forward.REASONED, forward.PLAIN, inverted.INVERTED, inverted.ANSWER_FIRST, inverted.PLAIN_INVERTED):
        assert len(set(pool)) == len(pool)


def test_braces_in_texts_stay_what_they_are() -> None:
    pattern: Pattern = ("{question}", "{reasoning} {answer}")
    texts = {"question": "{answer}", "reasoning": "{0} {x!r} {{", "answer": "{question}"}
    assert fill(pattern, texts) == ("{answer}", "{0} {x!r} {{ {question}")


@pytest.mark.parametrize(
    ("informative", "precise", "kind", "literal"),
    [
        (SEEN, "three", "reasoned", True),
        ("Two and one. So the answer is three.", "three", "concluded", True),
        ("Two and one, thus three in all.", "three", "concluded", True),
        ("The answer is hidden. Three eggs.", "three", "reasoned", True),
        (SEEN, "so that makes three", "appended", True),
        ("There are three. They are also brown.", "three", "concluded", True),
        ("There are three. They are also brown.", "three", "reasoned", False),
        ("There are three. Therefore: 3", "three", "reasoned", True),
        ("There are three. Therefore: 3", "three", "concluded", False),
    ],
)
def test_an_answer_that_concludes_itself_gets_no_second_conclusion(
    informative: str, precise: str, kind: str, literal: bool
) -> None:
    made = combine(Triplet("How many?", informative, precise), "a", indicators="literal" if literal else "words")
    assert made.kind == kind
    assert informative.rstrip(".") in made.response
    if kind == "reasoned":
        assert made.response.index(informative[:10]) < made.response.rindex(precise)
    if kind == "appended":
        assert f"{informative} {precise}" in made.response
    if kind == "concluded":
        assert made.response.endswith(informative)


def test_indicators() -> None:
    assert concludes("it could be so")
    assert not concludes("it is so")
    assert concludes("it is so", "words")
    assert concludes("also red")
    assert not concludes("also red", "words")
    assert last_sentence("One. Two. Three.") == "Three."
    assert last_sentence("3.5 g. ") == "3.5 g."


def test_default_patterns_are_forward_and_the_mix_has_the_released_shares() -> None:
    triplet = Triplet("How many?", SEEN, "three")
    directions = Counter(combine(triplet, str(number)).direction for number in range(300))
    assert directions == {"forward": 300}
    mixed = Counter(combine(triplet, str(number), mix="released_mix").direction for number in range(4200))
    for name, share in inverted.REASONED_SHARES.items():
        assert abs(mixed[name] - 20 * share) < 5 * (20 * share) ** 0.5 + 1
    plain = Triplet("How many?", "Two and one, thus it is three.", "three")
    kinds = Counter(combine(plain, str(number), mix="released_mix").direction for number in range(790))
    assert abs(kinds["inverted"] - 150) < 60


def test_the_draw_depends_on_id_and_seed_alone() -> None:
    triplet = Triplet("How many?", SEEN, "three")
    assert combine(triplet, "a") == combine(triplet, "a")
    assert len({combine(triplet, str(number)).question for number in range(60)}) > 10
    assert len({combine(triplet, "a", seed=number).question for number in range(60)}) > 10


def test_without_filter_one_answer_alone_is_learnt() -> None:
    triplet = Triplet("How many?", SEEN, "three")
    for kind in ("precise", "informative"):
        made = combine(triplet, "a", responses=kind)
        assert made.kind == kind
        assert made.response.endswith(getattr(triplet, kind))
    assert SEEN not in combine(triplet, "a", responses="precise").response


def test_full_stops_are_not_doubled() -> None:
    for number in range(200):
        made = combine(Triplet("How many?", "I count", "three."), str(number))
        assert ".." not in made.response
        assert "I count." in made.response
