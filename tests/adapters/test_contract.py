"""What the engine sees of adapters that keep the contract, bend it, or break it."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from foodbench.adapters.base import (
    ask,
    attach_received,
    batch_size_of,
    check_answers,
    identity_of,
    prepare,
    received,
    usage_of,
)
from foodbench.core.errors import AdapterFailed, ExitCode, RunIncomplete, UnsupportedTask, UsageError
from foodbench.core.types import Answer, Mask, Nutrition, Request

REQUESTS = [Request(task="food101.dish", sample_id=f"pie/{n}", image=None, question="?") for n in range(3)]


class Returning:
    def __init__(self, answers):
        self.answers = answers

    def answer(self, requests):
        return self.answers


class Task:
    """As much of a task as preparation looks at."""

    name = "food101.dish"
    protocol = "strict"


def test_text_answers_and_envelopes_become_answers():
    envelope = Answer(text="", nutrition=Nutrition(kcal=3.0)).to_text()
    answers = ask(Returning(["apple pie", Answer(text="x"), envelope]), REQUESTS)
    assert answers == [Answer(text="apple pie"), Answer(text="x"), Answer(text="", nutrition=Nutrition(kcal=3.0))]


@pytest.mark.parametrize("kind", [tuple, iter, np.array])
def test_any_ordered_collection_of_answers_will_do(kind):
    assert [answer.text for answer in ask(Returning(kind(["a", "b", "c"])), REQUESTS)] == ["a", "b", "c"]


def test_no_requests_ask_nothing():
    assert ask(Returning(["surplus"]), []) == []


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        (None, "returned None"),
        ("abc", "returned str 'abc'"),
        (b"abc", "returned bytes"),
        ({"a": 1, "b": 2, "c": 3}, "returned dict"),
        ({"a", "b", "c"}, "returned set"),
        (3, "returned int 3"),
        ([], "returned 0 answers to 3 requests"),
        (["a", "b"], "returned 2 answers to 3 requests.*str 'a'"),
        (["a"] * 4, "returned 4 answers to 3 requests"),
    ],
)
def test_wrong_collection_is_the_adapters_failure(answers, words):
    with pytest.raises(AdapterFailed, match=words) as caught:
        ask(Returning(answers), REQUESTS)
    message = caught.value.message
    assert "Returning" in message
    assert "food101.dish" in message
    assert "pie/0" in message
    assert caught.value.exit_code == ExitCode.INCOMPLETE


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (None, "it is None"),
        (b"apple pie", "it is bytes"),
        ({"text": "apple pie"}, "it is dict"),
        (0.5, "it is float 0.5"),
        (["apple pie"], "it is list"),
        (Answer(text=None), "its text is None"),
        (Answer(text="", masks="mask"), "its masks are str"),
        (Answer(text="", masks=(np.zeros((2, 2)),)), "not a Mask"),
        (Answer(text="", masks=(Mask((2, 2), b"04"),)), "decode them"),
        (Answer(text="", masks=(Mask((2.0, 2.0), "04"),)), "not two integers"),
        (Answer(text="", masks=(Mask(4, "04"),)), "not \\(height, width\\)"),
        (Answer(text="", nutrition={"kcal": 3}), "its nutrition is dict"),
        (Answer(text="", nutrition=Nutrition(kcal="3")), "its kcal is str '3'"),
        (Answer(text="", nutrition=Nutrition(fat=True)), "its fat is bool True"),
    ],
)
def test_wrong_answer_is_the_adapters_failure_and_names_its_sample(bad, words):
    with pytest.raises(AdapterFailed, match=words) as caught:
        ask(Returning(["fine", bad, "fine"]), REQUESTS)
    assert "pie/1" in caught.value.message
    assert "food101.dish" in caught.value.message


def test_broken_repr_does_not_hide_the_message():
    class Ghost:
        def __repr__(self):
            raise RuntimeError("boo")

    with pytest.raises(AdapterFailed, match="a Ghost"):
        ask(Returning([Ghost()]), REQUESTS[:1])


def test_exception_is_wrapped_with_its_cause():
    class Raising:
        identity = "my-model"

        def answer(self, requests):
            raise ValueError("CUDA\n  exploded")

    with pytest.raises(AdapterFailed, match=r"my-model raised on .*pie/0.*ValueError: CUDA exploded") as caught:
        ask(Raising(), REQUESTS)
    assert isinstance(caught.value.__cause__, ValueError)


def test_exception_inside_a_generator_is_wrapped_too():
    class Lazy:
        def answer(self, requests):
            yield "a"
            raise KeyError("b")

    with pytest.raises(AdapterFailed, match="KeyError"):
        ask(Lazy(), REQUESTS)


def test_object_without_answer_is_the_adapters_failure():
    with pytest.raises(AdapterFailed, match="AttributeError"):
        ask(object(), REQUESTS)


@pytest.mark.parametrize("error", [UnsupportedTask("no masks"), RunIncomplete("out of money")])
def test_deliberate_errors_pass_through(error):
    class Raising:
        def answer(self, requests):
            raise error

        def prepare(self, task, choice):
            raise error

    for call in (lambda: ask(Raising(), REQUESTS), lambda: prepare(Raising(), Task(), None)):
        with pytest.raises(type(error)) as caught:
            call()
        assert caught.value is error


def test_interrupt_is_not_swallowed():
    class Interrupted:
        def answer(self, requests):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ask(Interrupted(), REQUESTS)


def test_what_the_model_got_wrong_stays_an_answer():
    malformed = '{"foodbench_answer": 1, "masks": "all of it"}'
    numbers = Nutrition(kcal=math.nan, mass=math.inf, fat=np.float32(2.5), carb=10**400, protein=None)
    lone_surrogate = json.loads('"pie \\ud800"')
    answers = check_answers("m", REQUESTS, [malformed, Answer(text="", nutrition=numbers), lone_surrogate])
    assert answers[0] == Answer(text=malformed)
    assert answers[1].nutrition == Nutrition(fat=2.5)
    assert answers[2].text == "pie ?"
    for answer in answers:
        answer.to_text().encode()


def test_numpy_mask_sizes_become_plain():
    mask = Mask((np.int64(2), np.int64(3)), "06")
    (answer,) = check_answers("m", REQUESTS[:1], [Answer(text="", masks=[mask])])
    assert json.loads(answer.to_text())["masks"] == [{"size": [2, 3], "counts": "06"}]


def test_optional_attributes_have_defaults():
    class Bare:
        pass

    assert identity_of(Bare()).endswith("Bare")
    assert batch_size_of(Bare(), 8) == 8
    assert usage_of(Bare()) is None
    prepare(Bare(), Task(), None)


@pytest.mark.parametrize("size", [0, -1, 2.5, "8", True])
def test_bad_batch_size_is_refused(size):
    adapter = Returning([])
    adapter.batch_size = size
    with pytest.raises(UsageError, match="batch size"):
        batch_size_of(adapter, 8)


@pytest.mark.parametrize("identity", ["", " ", 3])
def test_bad_identity_is_refused(identity):
    adapter = Returning([])
    adapter.identity = identity
    with pytest.raises(UsageError, match="identity"):
        identity_of(adapter)


def test_failing_preparation_is_wrapped():
    class Raising:
        def prepare(self, task, choice):
            raise OSError("weights gone")

    with pytest.raises(AdapterFailed, match=r"food101\.dish.*OSError: weights gone"):
        prepare(Raising(), Task(), None)


def test_received_answers_travel_with_the_error():
    error = AdapterFailed("half way")
    assert received(error) == {}
    attach_received(error, {"a": Answer(text="x")})
    assert received(error) == {"a": Answer(text="x")}
    assert received(ValueError()) == {}


def test_the_right_answers_text_is_given_only_to_adapters_that_read_it():
    class Forced(Task):
        protocol = "teacher_forced"

    class Plain:
        def answer(self, requests):
            return []

    class Reading(Plain):
        reads_forced_answers = True

    prepare(Reading(), Forced(), None)
    with pytest.raises(UnsupportedTask, match="offers no way to do that"):
        prepare(Plain(), Forced(), None)
