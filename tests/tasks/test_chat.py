"""`fooddialogues.chat`: what is asked, and which of an answer's numbers count."""

from __future__ import annotations

from pathlib import Path

import pytest

from foodbench.core.types import Answer
from foodbench.data.roots import resolve
from foodbench.stats.summary import point_values
from foodbench.tasks.base import TaskData
from foodbench.tasks.fooddialogues.chat import dish_totals, read_totals, stated_totals
from tests.tasks.helpers import load


@pytest.fixture
def chat(kitchen: Path) -> TaskData:
    return load("fooddialogues.chat")


def score(data: TaskData, index: int, text: str) -> dict[str, float]:
    return dict(data.task.score(data.samples[index], text, data.vocabulary).values)


def test_every_turn_is_asked_with_the_right_turns_before_it(chat: TaskData) -> None:
    from foodbench.data.fooddialogues import FoodDialogues

    records = FoodDialogues(resolve("fooddialogues", "kitchen").root).records("test")
    assert len(chat.samples) == sum(len(record.turns) for record in records)
    asked = {sample.sample_id: sample for sample in chat.samples}
    for record in records:
        for number, turn in enumerate(record.turns):
            sample = asked[f"{record.dish_id}/{record.dialogue_id}/{number + 1}"]
            assert sample.cluster == record.dish_id
            assert sample.reference["text"] == turn.answer
            assert sample.slots["turn"] == turn.question
            assert sample.slots["history"] == [[one.question, one.answer] for one in record.turns[:number]]
            assert sample.question.endswith(turn.question)
            assert all(one.answer in sample.question for one in record.turns[:number])
            assert turn.answer not in sample.question


def test_the_reference_is_without_error_and_an_empty_answer_is_wrong(chat: TaskData) -> None:
    task = chat.task
    best = [task.score(sample, sample.reference["text"], ()) for sample in chat.samples]
    worst = [task.score(sample, " \n", ()) for sample in chat.samples]
    assert all(one.parsed for one in best)
    assert not any(one.parsed for one in worst)
    perfect, silent = point_values(task.metrics, best), point_values(task.metrics, worst)
    assert perfect["rouge_l"] == 100.0
    assert (perfect["number_error"], silent["number_error"]) == (0.0, 100.0)
    assert (silent["rouge_l"], silent["sacrebleu.corpus"]) == (0.0, 0.0)
    assert perfect["rating"] is None
    assert perfect["rated"] == 0.0
    assert sum(one.values["numbers"] for one in best) > 50, "the kitchen states totals often enough to mean something"


def test_numbers_are_judged_by_their_relative_error(chat: TaskData) -> None:
    index = next(i for i, one in enumerate(chat.samples) if set(one.reference["totals"]) == {"kcal", "mass"})
    kcal, mass = (chat.samples[index].reference["totals"][name] for name in ("kcal", "mass"))

    def error(text: str) -> float:
        return score(chat, index, text)["number_error"]

    assert error(f"The whole dish has {kcal} kcal and weighs {mass} grams.") == 0.0
    assert error(f"The whole dish has {kcal * 1.1:.6f} kcal and weighs {mass} g.") == pytest.approx(0.1, abs=1e-6)
    assert error(f"The whole dish has {kcal} kcal.") == 1.0, "what is not stated is wholly wrong"
    assert error(f"In total {kcal * 50:.1f} kcal, and the dish weighs {mass} g.") == 1.0, "and nothing is worse"
    assert error("9" * 400 + " kcal in total") == 2.0


def test_only_clear_totals_count() -> None:
    text = "The whole dish has 410 kcal; the rice alone has 200 kcal."
    tagged = [("total.kcal", 410.0), ("kcal", 200.0)]
    assert stated_totals(text, tagged) == {"kcal": 410.0}
    assert stated_totals("It is 410, I guess.", [("total.kcal", 410.0)]) == {}, "tagged, but not readable"
    assert stated_totals("The whole dish has 510 kcal.", [("total.kcal", 410.0)]) == {}, "the text says another number"
    assert stated_totals("The whole dish has 0 g of fat.", [("total.fat", 0.0)]) == {}, "no relative error of nothing"
    assert read_totals("") == {}


def test_totals_that_contradict_each_other_are_no_facts() -> None:
    assert dish_totals([[("total.kcal", 410.0), ("fat", 3.0)], [("total.kcal", 410.4)]]) == {"kcal": 410.0}
    assert dish_totals([[("total.kcal", 410.0)], [("total.kcal", 500.0), ("total.mass", 9.0)]]) == {"mass": 9.0}


def test_an_answer_may_be_anything(chat: TaskData) -> None:
    for text in ("\x00\u202e" * 50, "kcal " * 20_000, '{"foodbench_answer":1,"masks":"x"}', "=1+1"):
        result = chat.task.score(chat.samples[0], text, ())
        assert 0 <= result.values["rouge_l"] <= 1
    thinking = Answer("<think>410 kcal in total?</think>" + chat.samples[0].reference["text"]).to_text()
    assert score(chat, 0, thinking)["rouge_l"] == 1.0
