"""Prompts of the released checkpoints: their text, their ids, who may write special tokens, and their length."""

from __future__ import annotations

import dataclasses
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foodbench.core.errors import CheckpointError
from foodbench.models.foodlmm.conversation import (
    FOODLMM,
    LISA,
    STYLES,
    Piece,
    PromptTooLong,
    answer_ids,
    prompt_ids,
    render,
)
from foodbench.models.foodlmm.tokenization_legacy import LegacyLlamaTokenizer
from tests.models.conftest import WriteFolder

IMAGE = 560  # of <im_patch> in the toy vocabulary


@pytest.fixture(scope="session")
def tokenizers(tokenizer_folder: WriteFolder, legacy_golden: dict[str, Any]) -> dict[str, LegacyLlamaTokenizer]:
    return {
        "foodlmm": LegacyLlamaTokenizer.from_pretrained(tokenizer_folder()),
        "lisa": LegacyLlamaTokenizer.from_pretrained(tokenizer_folder(added_tokens=legacy_golden["lisa_added_tokens"])),
    }


def test_styles_differ_in_the_food_clause_only() -> None:
    clause = " specialized in food and nutrition topics"
    assert FOODLMM.system.replace(clause, "") == LISA.system
    assert dataclasses.replace(FOODLMM, name="lisa", system=LISA.system, answer_tokens=("[SEG]",)) == LISA
    assert len(FOODLMM.answer_tokens) == 126
    assert set(STYLES) == {"foodlmm", "lisa"}


def test_layout_of_one_turn() -> None:
    assert render([("Where is it?", None)], LISA) == (
        Piece("text", f"{LISA.system} USER: "),
        Piece("token", "<im_start>"),
        Piece("image", "<image>"),
        Piece("token", "<im_end>"),
        Piece("text", "\nWhere is it? ASSISTANT:"),
    )


def test_layout_of_several_turns() -> None:
    pieces = render([("Egg?", "As [SEG1], [MASS1] g."), ("Tofu?", "No."), ("Corn?", None)], FOODLMM)
    assert "".join(piece.text for piece in pieces) == (
        f"{FOODLMM.system} USER: <im_start><image><im_end>\nEgg? ASSISTANT: As [SEG1], [MASS1] g.</s>"
        "USER: Tofu? ASSISTANT: No.</s>USER: Corn? ASSISTANT:"
    )
    assert [piece.text for piece in pieces if piece.kind == "token"][2:] == ["[SEG1]", "[MASS1]", "</s>", "</s>"]
    assert all(one.kind != "text" or other.kind != "text" for one, other in pairwise(pieces))


def test_prompts_are_those_of_the_released_code(
    legacy_golden: dict[str, Any], tokenizers: dict[str, LegacyLlamaTokenizer]
) -> None:
    for case in legacy_golden["conversations"]:
        style = STYLES[case["style"]]
        turns = [(question, answer) for question, answer in case["turns"]]
        assert "".join(piece.text for piece in render(turns, style)) == case["text"]
        expected = [token for given in case["ids"] for token in ([IMAGE] * 5 if given == -200 else [given])]
        ids = prompt_ids(turns, style, tokenizers[case["style"]], image_token_id=IMAGE, image_length=5)
        assert ids == expected, case["text"]


def test_answers_are_encoded_as_they_follow_a_prompt(
    legacy_golden: dict[str, Any], tokenizers: dict[str, LegacyLlamaTokenizer]
) -> None:
    for case in legacy_golden["answers"]:
        assert answer_ids(case["answer"], FOODLMM, tokenizers["foodlmm"]) == case["ids"], case["answer"]


_TEXT = st.lists(
    st.sampled_from(["[SEG1]", "[CAL_TOTAL]", "</s>", "<image>", " ", "\n", "rice", " the", ".", "é", "米", "USER:"]),
    max_size=8,
).map("".join)


@settings(max_examples=150, deadline=None)
@given(question=_TEXT, answer=_TEXT, following=_TEXT)
def test_an_answer_continues_its_prompt(
    question: str, answer: str, following: str, tokenizers: dict[str, LegacyLlamaTokenizer]
) -> None:
    tokenizer = tokenizers["foodlmm"]

    def ids(*turns: tuple[str, str | None]) -> list[int]:
        return prompt_ids(turns, FOODLMM, tokenizer, image_token_id=IMAGE)

    answered = ids((question, None)) + answer_ids(answer, FOODLMM, tokenizer)
    assert answered == ids((question, answer))
    assert ids((question, answer), (following, None))[: len(answered)] == answered
    # One picture, one start, and an end for each answer, whatever anyone has typed.
    both = ids((question, answer), (following, None))
    assert (both.count(IMAGE), both.count(1), both.count(2)) == (256, 1, 1)
    named = both.count(tokenizer.convert_tokens_to_ids("[SEG1]"))
    assert named == answer.count("[SEG1]")


def test_each_model_has_the_tokens_that_it_was_trained_to_write(tokenizers: dict[str, LegacyLlamaTokenizer]) -> None:
    history = [("Egg?", "As [SEG], [SEG1] <im_patch></s>."), ("More?", None)]
    tokens = {name: [p.text for p in render(history, style) if p.kind == "token"] for name, style in STYLES.items()}
    assert tokens["foodlmm"][2:] == ["[SEG]", "[SEG1]", "</s>"]
    assert tokens["lisa"][2:] == ["[SEG]", "</s>"]
    with pytest.raises(CheckpointError, match=r"no token \[SEG1\]"):
        prompt_ids(history, FOODLMM, tokenizers["lisa"], image_token_id=IMAGE)


def test_a_prompt_beyond_the_context_is_refused(tokenizers: dict[str, LegacyLlamaTokenizer]) -> None:
    tokenizer = tokenizers["foodlmm"]
    turns = [("rice", "egg"), ("tofu", None)]
    length = len(prompt_ids(turns, FOODLMM, tokenizer, image_token_id=IMAGE))
    assert prompt_ids(turns, FOODLMM, tokenizer, image_token_id=IMAGE, context=length + 8, room=8)
    with pytest.raises(
        PromptTooLong, match=rf"2 turns takes {length} tokens \(256 of them the picture\) and 9 to answer"
    ):
        prompt_ids(turns, FOODLMM, tokenizer, image_token_id=IMAGE, context=length + 8, room=9)
    with pytest.raises(PromptTooLong, match=r"the language model has 2,048\.\nAsk a shorter question"):
        prompt_ids([("rice " * 2000, None)], FOODLMM, tokenizer, image_token_id=IMAGE)


def test_conversations_without_end_or_beginning_are_refused() -> None:
    for turns in ([], [("Egg?", None), ("Tofu?", None)]):
        with pytest.raises(ValueError, match="at least one turn"):
            render(turns, FOODLMM)
