"""What is read from answers: by hand, and whatever a text may hold."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foodbench.models.qwen_seg import MAX_REFERENCES, Reference, format_answer, is_strict, parse_answer
from foodbench.models.qwen_seg.references import MAX_CHARACTERS, named_references

GOOD = '{"bbox_2d": [1, 2, 30, 40], "point_2d": [5, 6]}'
STRICT = re.compile(r"<think>.*?</think>\s*<answer>.*?</answer>", re.DOTALL)
TAGS = st.sampled_from(
    ["<think>", "</think>", "<answer>", "</answer>", " ", "\n", "a", "[]", GOOD, "[", "]", '"', "NaN"]
)


def answered(items: str) -> str:
    return f"<think>why</think><answer>{items}</answer>"


def test_the_prompt_s_example_is_read() -> None:
    parsed = parse_answer(
        "<think> thinking process here </think><answer>"
        '[{"bbox_2d": [10,100,200,210], "point_2d": [30,110]}, {"bbox_2d": [225,296,706,786], "point_2d": [302,410]}]'
        "</answer>"
    )
    assert parsed.think == " thinking process here "
    assert parsed.references == (
        Reference((10, 100, 200, 210), (30, 110)),
        Reference((225, 296, 706, 786), (302, 410)),
    )
    assert parsed.items is not None
    assert len(parsed.items) == 2
    assert (parsed.refused, parsed.error) == (0, None)


def test_an_empty_list_is_an_answer() -> None:
    parsed = parse_answer(answered(" [] "))
    assert (parsed.items, parsed.references, parsed.refused, parsed.error) == ([], (), 0, None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no tags at all",
        GOOD,
        "<think>cut",
        f"<think>cut</think><answer>[{GOOD}",
        answered(""),
        answered("nothing"),
        answered("{}"),
        answered("3"),
        answered("null"),
        answered('"[]"'),
        answered(f"[{GOOD},]"),
        answered(f"```json\n[{GOOD}]\n```"),
        answered("[" * 200_000),
        answered("[" * 100_000 + "]" * 100_000),
        answered('[{"a":' * 50_000),
        answered(f"[{'9' * 5_000}]"),
        "<answer>" * 100_000,
        "x" * (MAX_CHARACTERS + 1),
    ],
)
def test_what_is_no_list_is_an_error(text: str) -> None:
    parsed = parse_answer(text)
    assert parsed.items is None
    assert parsed.references == ()
    assert parsed.error


@pytest.mark.parametrize(
    "item",
    [
        "3",
        "null",
        "[]",
        "{}",
        '"bbox_2d"',
        '{"bbox_2d": [1, 2, 3, 4]}',
        '{"point_2d": [1, 2]}',
        '{"bbox_2d": [1, 2, 3], "point_2d": [1, 2]}',
        '{"bbox_2d": [1, 2, 3, 4, 5], "point_2d": [1, 2]}',
        '{"bbox_2d": [1, 2, 3, "4"], "point_2d": [1, 2]}',
        '{"bbox_2d": [1, 2, 3, true], "point_2d": [1, 2]}',
        '{"bbox_2d": [1, 2, 3, NaN], "point_2d": [1, 2]}',
        '{"bbox_2d": [1, 2, 3, Infinity], "point_2d": [1, 2]}',
        '{"bbox_2d": [1, 2, 3, 1e999], "point_2d": [1, 2]}',
        '{"bbox_2d": [1, 2, 3, 1' + "0" * 400 + '], "point_2d": [1, 2]}',
        '{"bbox_2d": [[1, 2, 3, 4]], "point_2d": [1, 2]}',
        '{"bbox_2d": {"0": 1}, "point_2d": [1, 2]}',
        '{"bbox_2d": "1,2,3,4", "point_2d": [1, 2]}',
        '{"bbox_2d": [1, 2, 3, 4], "point_2d": [1, null]}',
        '{"bbox_2d": [1, 2, 3, 4], "point_2d": [[1, 2], [3, 4]]}',
    ],
)
def test_an_item_that_is_no_reference_is_refused_alone(item: str) -> None:
    parsed = parse_answer(answered(f"[{item}, {GOOD}]"))
    assert parsed.references == (Reference((1, 2, 30, 40), (5, 6)),)
    assert (parsed.refused, parsed.error) == (1, None)


def test_boxes_are_kept_as_written() -> None:
    parsed = parse_answer(
        answered('[{"bbox_2d": [30, 40, -1, 2.5], "point_2d": [1e3, 6], "label": " the  rice ", "x": 1}]')
    )
    assert parsed.references == (Reference((30, 40, -1, 2.5), (1000, 6), "the rice"),)


def test_of_two_hundred_references_the_first_are_read() -> None:
    parsed = parse_answer(answered("[" + ",".join([GOOD] * 200) + "]"))
    assert len(parsed.references) == MAX_REFERENCES == 120
    assert parsed.items is not None
    assert len(parsed.items) == 200


def test_an_answer_inside_the_reasoning_is_not_the_answer() -> None:
    text = f"<think>I could say <answer>[]</answer>.</think>\n<answer>[{GOOD}]</answer>"
    assert len(parse_answer(text).references) == 1


def test_a_reasoning_that_the_prompt_opened_does_not_matter() -> None:
    parsed = parse_answer(f"why</think><answer>[{GOOD}]</answer>")
    assert (parsed.think, len(parsed.references)) == (None, 1)


@given(st.lists(TAGS, max_size=40).map("".join) | st.text())
def test_parsing_never_raises(text: str) -> None:
    parsed = parse_answer(text)
    assert (parsed.items is None) == (parsed.error is not None)
    assert len(parsed.references) + parsed.refused == len(parsed.items or [])
    assert parse_answer(answered(text)).think == "why"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["bbox_2d", "point_2d", "label", "x"]), inner),
)


@given(st.lists(JSON))
def test_any_json_is_read_or_refused(items: list[object]) -> None:
    import json

    parsed = parse_answer(f"<answer>{json.dumps(items)}</answer>")
    if parsed.items is not None:  # a text in it may hold the closing tag
        assert len(parsed.references) + parsed.refused == len(items)


@given(
    st.lists(st.tuples(*[st.integers(-9, 900)] * 6), max_size=130),
    st.text(st.characters(blacklist_categories=["Cs"]), max_size=30).filter(lambda text: "<" not in text),
)
def test_what_is_formatted_is_read_back(numbers: list[tuple[int, ...]], think: str) -> None:
    references = tuple(Reference(six[:4], six[4:]) for six in numbers)  # type: ignore[arg-type]
    text = format_answer(think, references)
    parsed = parse_answer(text)
    assert (parsed.think, parsed.references, parsed.refused) == (think, references[:120], 0)
    assert is_strict(text)


def test_the_format_is_exact() -> None:
    two = [Reference((1.4, 2.5, 3, 4), (5, 6), "rice"), Reference((7, 8, 9, 10), (11, 12))]
    assert format_answer("a", two) == (
        '<think>a</think><answer>[{"bbox_2d": [1,3,3,4], "point_2d": [5,6]}, '
        '{"bbox_2d": [7,8,9,10], "point_2d": [11,12]}]</answer>'
    )
    assert format_answer("", []) == "<think></think><answer>[]</answer>"


@given(st.lists(TAGS, max_size=12).map("".join))
def test_strictness_is_the_expression_of_the_released_code(text: str) -> None:
    assert is_strict(text) == bool(STRICT.fullmatch(text))
    wrapped = f"<think>{text}</answer>"
    assert is_strict(wrapped) == bool(STRICT.fullmatch(wrapped))


@pytest.mark.parametrize(
    "text",
    [
        answered("[" + ",".join([GOOD] * 20_000) + "]"),
        "<think>" + "</think>\n<answer>" * 60_000,
        "<think>" + "</think>" + " " * 1_000_000,
        "<think>" + "The rice is " * 80_000 + "</think><answer>[]</answer>",
        "<answer>" + " " * 1_000_000 + "x",
    ],
    ids=["references", "tags", "blanks", "sentences", "unclosed"],
)
def test_a_megabyte_takes_linear_time(text: str) -> None:
    started = time.process_time()
    parsed = parse_answer(text)
    named_references(parsed)
    is_strict(text)
    # A quadratic step would take minutes.
    assert time.process_time() - started < 5


def test_names_come_from_a_plain_reasoning() -> None:
    place = Reference((0, 0, 1, 1), (0, 0))
    text = format_answer(
        "The rice is at the top. The tofu is not there. The french fries are at the left.", [place] * 2
    )
    assert [each.label for each in named_references(parse_answer(text))] == ["rice", "french fries"]
    # Another number of things than of references: nobody knows which is which.
    assert [each.label for each in named_references(parse_answer(format_answer("The rice is here.", [place] * 2)))] == [
        None
    ] * 2
    own = '<think>The rice is here.</think><answer>[{"bbox_2d": [0,0,1,1], "point_2d": [0,0], "label": "egg"}]</answer>'
    assert [each.label for each in named_references(parse_answer(own))] == ["egg"]
