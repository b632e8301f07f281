from __future__ import annotations

import json

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baselines.adamllm.chat import FORMATS, ChatFormat, learnt_tokens, open_prompt, render, serving_template
from baselines.adamllm.parsing import parse_object, parse_turns
from baselines.adamllm.records import Conversation, Message, Triplet, question_and_answer
from baselines.adamllm.seed import caption_turn
from baselines.adamllm.wire import WIRES
from foodbench.core.errors import UnknownName
from foodbench.data.images import ImageFile

LLAMA, CHATML, OWN, PAPER = FORMATS["llama3"], FORMATS["chatml"], WIRES["own"], WIRES["paper"]
TRIPLET = Triplet("How many eggs?", "One here, one there. That is two.", "two")


def generated(form: ChatFormat, *turns: tuple[str, str], ends: bool = True) -> str:
    """What a model writes after an opened user's turn."""
    written = []
    for question, answer in turns:
        written.append(f"{question}{form.turn_end}{form.gap}{form.assistant}{answer}{form.turn_end}{form.gap}")
    return form.user.join(written) + (form.text_end if ends else "")


def asked(wire: str, kind: str, instruction: str = TRIPLET.instruction) -> str:
    return WIRES[wire].asked(kind, instruction)


@pytest.mark.parametrize("form", FORMATS.values(), ids=list(FORMATS))
@pytest.mark.parametrize("order", [("precise", "informative"), ("informative", "precise")])
@pytest.mark.parametrize("wire", WIRES)
def test_both_orders_in_every_format_make_a_triplet(form: ChatFormat, order: tuple[str, str], wire: str) -> None:
    text = generated(form, *((asked(wire, kind), getattr(TRIPLET, kind)) for kind in order))
    found = parse_turns(text, form, WIRES[wire])
    assert (found.triplet, found.problem, found.bad_turns, found.unused) == (TRIPLET, None, 0, 0)


def test_the_first_instruction_answered_both_ways_is_the_task() -> None:
    turns = [
        (asked("own", "precise", "What is it?"), "soup"),
        (asked("own", "precise"), "two"),
        (asked("own", "precise"), "three"),
        (asked("own", "informative"), TRIPLET.informative),
        (asked("own", "informative", "What is it?"), "It is soup."),
    ]
    found = parse_turns(generated(LLAMA, *turns), LLAMA, OWN)
    assert (found.triplet, found.unused) == (TRIPLET, 1)


def test_a_turn_cut_off_by_the_limit_is_left_out() -> None:
    whole = generated(LLAMA, (asked("own", "precise"), "two"), (asked("own", "informative"), "One here"), ends=False)
    cut = whole.removesuffix(LLAMA.turn_end)
    assert parse_turns(whole, LLAMA, OWN).triplet is not None
    assert parse_turns(cut, LLAMA, OWN).problem == "unpaired"
    assert parse_turns(asked("own", "precise"), LLAMA, OWN).problem == "truncated"


@pytest.mark.parametrize(
    ("turns", "problem", "bad"),
    [
        ([], "empty", 0),
        ([("no marker at all", "two"), (asked("own", "precise"), "two")], "unpaired", 1),
        ([(asked("own", "precise"), ""), (asked("own", "informative"), "One.")], "unpaired", 1),
        ([(OWN.precise, "two"), (OWN.informative, "One.")], "no_turns", 2),
        ([(asked("own", "precise"), "two"), (asked("own", "informative", "Other?"), "One.")], "unpaired", 0),
    ],
)
def test_what_makes_no_triplet_is_named(turns: list[tuple[str, str]], problem: str, bad: int) -> None:
    found = parse_turns(generated(LLAMA, *turns, ends=bool(turns)), LLAMA, OWN)
    assert (found.triplet, found.problem, found.bad_turns) == (None, problem, bad)


def test_a_turn_with_two_answers_is_none() -> None:
    text = generated(
        LLAMA, (asked("own", "precise"), "two"), (asked("own", "informative"), "a" + LLAMA.assistant + "b")
    )
    assert parse_turns(text, LLAMA, OWN).problem == "unpaired"


def test_instructions_are_compared_letter_by_letter_only_on_demand() -> None:
    text = generated(LLAMA, (asked("own", "precise", "How  many eggs?"), "two"), (asked("own", "informative"), "Two."))
    assert parse_turns(text, LLAMA, OWN).triplet is not None
    assert parse_turns(text, LLAMA, OWN, "exact").problem == "unpaired"


@pytest.mark.parametrize(
    "wrapped",
    [
        "{}",
        "Here you are:\n```json\n{}\n```\nEnjoy.",
        "<think>maybe {{1}} or {{}}</think>{}",
        'First {{"note": 1}}, then {}',
        "{} and a second {}",
    ],
)
def test_an_object_is_found_in_prose(wrapped: str) -> None:
    text = wrapped.replace("{{", "[").replace("}}", "]").replace("{}", json.dumps(TRIPLET.as_dict()))
    assert parse_object(text).triplet == TRIPLET


def test_line_feeds_in_strings_are_forgiven() -> None:
    assert parse_object('{"instruction": "a\nb", "informative": "c.", "precise": "d"}').triplet is not None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "empty"),
        ("<think>never ends", "empty"),
        ("nothing here", "no_object"),
        ('{"instruction": "a", "informative"', "truncated"),
        ('{"instruction": "a", "informative": "b", "precise": 3}', "bad_field"),
        ('{"instruction": "<image>", "informative": "b", "precise": "c"}', None),
        ('{"instruction": " ", "informative": "b", "precise": "c"}', "empty_field"),
        ("{" * 50_000, "truncated"),
        ("[" * 90_000, "no_object"),
    ],
)
def test_objects_that_are_no_task_are_named(text: str, problem: str | None) -> None:
    assert parse_object(text).problem == problem


@given(
    st.text(max_size=200),
    st.lists(st.sampled_from([LLAMA.user, LLAMA.assistant, LLAMA.turn_end, OWN.precise]), max_size=9),
)
def test_no_text_raises(text: str, parts: list[str]) -> None:
    mixed = text.join(parts)
    for found in (parse_turns(mixed, LLAMA, OWN), parse_object(mixed)):
        assert (found.triplet is None) == (found.problem is not None)


def conversation(*messages: Message, ends: bool = False) -> Conversation:
    return Conversation("c", ImageFile.__new__(ImageFile), messages, ends=ends)


@pytest.mark.parametrize("form", FORMATS.values(), ids=list(FORMATS))
def test_only_responses_are_learnt(form: ChatFormat) -> None:
    made = render(conversation(*question_and_answer("q1", "a1"), *question_and_answer("q2", "a2")), form)
    assert made.learnt() == (f"a1{form.turn_end}", f"a2{form.turn_end}")
    assert made.text.count(form.picture) == 1
    assert made.text.index(form.picture) < made.text.index("q1")


@pytest.mark.parametrize("form", FORMATS.values(), ids=list(FORMATS))
def test_a_synthesiser_learns_all_after_what_it_is_prompted_with(form: ChatFormat) -> None:
    turns = [
        *question_and_answer(OWN.asked("precise", "q"), "two", learn_question=True),
        *question_and_answer(OWN.asked("informative", "q"), "One. Two.", learn_question=True),
    ]
    caption = caption_turn("Two eggs.", OWN)
    made = render(conversation(*caption, *turns, ends=True), form)
    prompt = open_prompt(caption, form)
    assert made.text.startswith(prompt)
    assert made.spans == ((len(prompt), len(made.text)),)
    assert made.text.endswith(form.text_end)
    # What is learnt is what is parsed.
    assert parse_turns(made.learnt()[0], form, OWN).triplet == Triplet("q", "One. Two.", "two")


@pytest.mark.parametrize("form", FORMATS.values(), ids=list(FORMATS))
@pytest.mark.parametrize("parts", [True, False])
def test_the_servers_template_writes_the_same_prompt(form: ChatFormat, parts: bool) -> None:
    caption = caption_turn("Two {eggs} {{ 7 }}.", OWN)
    told: list[dict[str, object]] = [{"role": one.role, "content": one.text} for one in caption]
    if parts:
        told[0]["content"] = [{"type": "image_url"}, {"type": "text", "text": caption[0].text}]
    template = jinja2.Environment(autoescape=False).from_string(serving_template(form))
    written = template.render(messages=told, add_generation_prompt=True)
    expected = open_prompt(caption, form)
    assert written == (expected if parts else expected.replace(form.picture, ""))


def test_tokens_are_learnt_if_they_lie_wholly_within_a_span() -> None:
    offsets = [(0, 2), (2, 2), (2, 5), (5, 7), (7, 9), (9, 12)]
    assert learnt_tokens(offsets, [(2, 7), (9, 12)]) == [False, False, True, True, False, True]
    assert learnt_tokens(offsets, [(3, 9)]) == [False, False, False, True, True, False]
    assert learnt_tokens(offsets, []) == [False] * 6


def test_unknown_formats_are_refused() -> None:
    from baselines.adamllm.chat import chat_format
    from baselines.adamllm.wire import wire_named

    with pytest.raises(UnknownName):
        chat_format("llama9")
    with pytest.raises(UnknownName):
        wire_named("mine")
