"""The envelope between models and tasks, which must survive hostile text."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foodbench.core.errors import AnswerInvalid, DataMissing, ExitCode, StorageFull
from foodbench.core.hashing import canonical_json, fingerprint, stable_seed
from foodbench.core.types import MAX_ENVELOPE_CHARS, Answer, Mask, Nutrition

finite = st.floats(allow_nan=False, allow_infinity=False)
answers = st.builds(
    Answer,
    text=st.text(st.characters(codec="utf-8")),
    masks=st.lists(
        st.builds(
            Mask,
            size=st.tuples(st.integers(1, 5000), st.integers(1, 5000)),
            counts=st.text(st.characters(codec="ascii")),
            label=st.none() | st.text(st.characters(codec="utf-8")),
        ),
        max_size=3,
    ).map(tuple),
    nutrition=st.none() | st.builds(Nutrition, kcal=finite | st.none(), fat=finite | st.none()),
)


@given(answers)
def test_answers_survive_the_text_channel(answer: Answer) -> None:
    if not answer.masks and answer.nutrition is None:
        assert answer.to_text() == answer.text
    else:
        # lmms-eval strips the text on its way
        assert Answer.from_text(f"  {answer.to_text()}\n") == answer


@given(st.text(max_size=300))
def test_any_text_is_an_answer_or_a_clear_refusal(text: str) -> None:
    for raw in (text, '{"foodbench_answer":1,' + text, '{"foodbench_answer": ' + text + "}"):
        try:
            assert isinstance(Answer.from_text(raw), Answer)
        except AnswerInvalid as refusal:
            assert refusal.message.endswith(".")


@pytest.mark.parametrize(
    "envelope",
    [
        '{"foodbench_answer":2,"text":"x"}',
        '{"foodbench_answer":1,"text":5}',
        '{"foodbench_answer":1,"surprise":1}',
        '{"foodbench_answer":1,"masks":[{"size":[2,-2],"counts":"x"}]}',
        '{"foodbench_answer":1,"masks":[{"size":[true,2],"counts":"x"}]}',
        '{"foodbench_answer":1,"masks":[{"size":"22","counts":"x"}]}',
        '{"foodbench_answer":1,"masks":{"size":[2,2]}}',
        '{"foodbench_answer":1,"nutrition":{"kcal":"lots"}}',
        '{"foodbench_answer":1,"nutrition":{"kcal":1e999}}',
        '{"foodbench_answer":1,"nutrition":{"kcal":NaN}}',
        '{"foodbench_answer":1,"nutrition":{"sugar":1}}',
        '{"foodbench_answer":1,"masks":' + "[" * 100_000,
    ],
)
def test_malformed_envelopes_are_refused(envelope: str) -> None:
    with pytest.raises(AnswerInvalid):
        Answer.from_text(envelope)


def test_huge_envelope_is_refused_and_huge_text_is_not() -> None:
    with pytest.raises(AnswerInvalid, match="limit"):
        Answer.from_text('{"foodbench_answer":1,"text":"' + "x" * MAX_ENVELOPE_CHARS + '"}')
    assert len(Answer.from_text("x" * (MAX_ENVELOPE_CHARS + 1)).text) == MAX_ENVELOPE_CHARS + 1


def test_json_that_is_no_envelope_is_plain_text() -> None:
    assert Answer.from_text('{"calories": 5}') == Answer(text='{"calories": 5}')


def test_errors_cross_process_borders() -> None:
    error = pickle.loads(pickle.dumps(DataMissing("what", hint="do")))
    assert (type(error), error.message, error.hint) == (DataMissing, "what", "do")
    assert error.exit_code is ExitCode.DATA
    assert StorageFull("x").exit_code is ExitCode.INCOMPLETE


def test_fingerprints_ignore_key_order_and_see_values() -> None:
    assert fingerprint({"a": 1, "b": [2]}) == fingerprint({"b": [2], "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 1.5})
    assert canonical_json({"b": "ü", "a": None}) == '{"a":null,"b":"ü"}'
    with pytest.raises(ValueError, match="JSON"):
        fingerprint(float("nan"))


def test_stable_seed_is_the_same_everywhere() -> None:
    # sha256 of "refer1\x1f7", first eight bytes: computed with coreutils' sha256sum
    assert stable_seed("refer1", 7) == 0x3F2275D8423881F4
    assert stable_seed("a", "b") != stable_seed("ab")
