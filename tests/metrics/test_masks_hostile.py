"""Masks from strangers: whatever the text, it is either refused with a reason or means one definite mask."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco

from foodbench.core.errors import AnswerInvalid
from foodbench.core.types import Mask
from foodbench.metrics import masks

# pycocotools 2.0.11 speaks numpy 1's array protocol.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "masks.json").read_text())
ALPHABET = "".join(map(chr, range(48, 112)))


def runs_by_the_letter(counts):
    """Run lengths read one character at a time in unlimited integers, as the format's description says."""
    runs, value, shift = [], 0, 0
    for character in counts:
        group = ord(character) - 48
        value |= (group & 31) << shift
        shift += 5
        if not group & 32:
            if group & 16:
                value -= 1 << shift
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value, shift = 0, 0
    return None if shift else runs


def should_be_accepted(counts, pixels):
    if not counts or any(character not in ALPHABET for character in counts):
        return False
    runs = runs_by_the_letter(counts)
    groups = [len(number) for number in "".join("." if ord(c) - 48 & 32 else "|" for c in counts).split("|")[:-1]]
    return (
        runs is not None
        and min(runs) >= 0
        and sum(runs) == pixels
        and len(runs) <= pixels + 1
        and max(groups) + 1 <= 6  # a longer number is past 30 bits
    )


def check(counts, size):
    """The verdict equals that of the slow reader, and an accepted mask decodes to the slow reader's pixels."""
    mask = Mask(size=size, counts=counts)
    accepted = should_be_accepted(counts, size[0] * size[1])
    try:
        masks.validate(mask, size)
    except AnswerInvalid as error:
        assert error.message
        assert not accepted, counts
        for function in (masks.decode, masks.area):
            with pytest.raises(AnswerInvalid):
                function(mask)
        with pytest.raises(AnswerInvalid):
            masks.intersection_union(mask, masks.empty(size))
        return False
    assert accepted, counts
    runs = runs_by_the_letter(counts)
    flat = [pixel for index, run in enumerate(runs) for pixel in [index % 2 == 1] * run]
    expected = np.array(flat).reshape(size[1], size[0]).T
    assert np.array_equal(masks.decode(mask), expected)
    assert np.array_equal(coco.decode(mask.as_dict()).astype(bool), expected)
    assert masks.area(mask) == expected.sum()
    assert masks.intersection_union(mask, masks.encode(~expected)) == (0, expected.size)
    assert masks.intersection_union(mask, masks.encode(expected)) == (expected.sum(),) * 2
    assert masks.union_of([mask]) == masks.encode(expected)
    return True


@pytest.mark.parametrize("case", GOLDEN["malformed"], ids=lambda case: case["why"])
def test_known_malformed_counts_are_refused_for_their_reason(case):
    with pytest.raises(AnswerInvalid, match=case["says"]):
        masks.validate(Mask(size=tuple(case["size"]), counts=case["counts"]))


@given(st.text(ALPHABET, max_size=40), st.integers(1, 6), st.integers(1, 6))
@settings(max_examples=300, deadline=None)
def test_random_codes(counts, height, width):
    check(counts, (height, width))


@given(st.text(max_size=20))
@settings(max_examples=200, deadline=None)
def test_random_text(counts):
    check(counts, (3, 5))


def test_random_small_codes_of_which_many_are_valid():
    """Short codes over the small digits; most are tried at the size that their runs add up to, if there is one."""
    rng = np.random.default_rng(11)
    accepted = 0
    for _ in range(2000):
        counts = "".join(rng.choice(list("0123456789LMNOPQ"), int(rng.integers(1, 8))))
        total = sum(runs_by_the_letter(counts) or [0])
        accepted += check(counts, (1, max(total, 1)) if total < 100 else (2, 3))
    assert 200 < accepted < 1800


def test_damaged_codes():
    """Real codes with one character changed, dropped, doubled or swapped."""
    rng = np.random.default_rng(12)
    verdicts = []
    for _ in range(1200):
        size = (int(rng.integers(5, 30)), int(rng.integers(5, 30)))
        mask = np.zeros(size, bool)
        mask[2 : size[0] - 1, 1 : int(rng.integers(2, size[1]))] = True
        mask ^= rng.random(size) < 0.02
        characters = list(masks.encode(mask).counts)
        at = int(rng.integers(len(characters)))
        match int(rng.integers(5)):
            case 0:
                characters[at] = ALPHABET[rng.integers(64)]
            case 1:
                del characters[at]
            case 2:
                characters.insert(at, characters[at])
            case 3:
                characters[at - 1], characters[at] = characters[at], characters[at - 1]
            case _:
                pass
        verdicts.append(check("".join(characters), size))
    assert 200 < sum(verdicts) < 1100


def test_crafted_codes():
    pixels = 12
    crafted = [
        "n" * 1000 + "0",  # one number of thousands of bits
        "n" * 1000,
        "PPPPP0",  # zero in six groups: long-winded but definite, and too little
        "PPPPP0<",  # the same and then all pixels
        "oooooO" * 3,  # three times -1
        "oooooO<1",
        "ooooo?" + "ooooo?" + "ooooo?",  # 2**29 - 1 three times
        ("ooooo?" + "ooooo?") * 200,  # differences that add up to 2**37
        "0" * 12 + "<",  # zero-length runs are definite as long as they are no more than pixels + 1
        "0" * 13 + "<",
        "<" + "0" * 12,
        "<" + "0" * 13,
        "0" * (6 * (pixels + 1)),
        "0" * (6 * (pixels + 1) + 1),
    ]
    verdicts = [check(counts, (3, 4)) for counts in crafted]
    assert [code for code, verdict in zip(crafted, verdicts, strict=True) if verdict] == [
        "PPPPP0<",
        "000000000000<",
        "<000000000000",
    ]


@pytest.mark.parametrize("counts", [b"01", None, 1, ["0", "1"], [0, 1], {}], ids=repr)
def test_counts_of_other_types_are_refused(counts):
    with pytest.raises(AnswerInvalid, match="must be text"):
        masks.validate(Mask(size=(1, 1), counts=counts))


@pytest.mark.parametrize(
    "size",
    [(0, 5), (-1, -1), (1, 2, 3), (1,), (), "11", b"11", None, 1, (True, True), (1.0, 1.0), ("1", "1"), {1: 1, 2: 2}],
    ids=repr,
)
def test_sizes_that_are_none_are_refused(size):
    for function in (masks.validate, masks.area, masks.decode):
        with pytest.raises(AnswerInvalid, match="two positive integers"):
            function(Mask(size=size, counts="01"))
    with pytest.raises(AnswerInvalid, match="two positive integers"):
        masks.empty(size)


@pytest.mark.parametrize("size", [(2**27 + 1, 1), (2**32, 2**32), (10**40, 1)], ids=repr)
def test_sizes_above_the_limit_are_refused_before_anything_is_allocated(size):
    for counts in ("01", "0", ""):
        with pytest.raises(AnswerInvalid, match="refused"):
            masks.decode(Mask(size=size, counts=counts))
    with pytest.raises(AnswerInvalid, match="refused"):
        masks.empty(size)


def test_the_largest_size_is_accepted_and_long_texts_are_not_read():
    whole = masks.empty((2**13, 2**14))
    assert masks.area(whole) == 0
    assert masks.intersection_union(whole, whole) == (0, 0)
    with pytest.raises(AnswerInvalid, match="characters"):
        masks.validate(Mask(size=(2**13, 2**14), counts="0" * 8_000_001))


def test_sums_that_wrap_around_64_bits_are_no_sums():
    """Differences of 2**29 - 1 that grow to runs whose sum is past 2**63: refused, and not by chance."""
    size = (2**13, 2**14)
    for count in (2**16 - 1, 2**16 + 1, 2**17, 2**18 + 3):
        with pytest.raises(AnswerInvalid, match="add up"):
            masks.validate(Mask(size=size, counts="ooooo?" * count))


def test_a_bad_mask_beside_a_good_one_is_refused_in_either_place():
    good = masks.encode(np.eye(4, dtype=bool))
    for case in GOLDEN["malformed"]:
        bad = Mask(size=(2, 3), counts=case["counts"])
        fine = masks.empty((2, 3))
        for pair in ((bad, fine), (fine, bad), (bad, bad)):
            with pytest.raises(AnswerInvalid, match=case["says"]):
                masks.intersection_union(*pair)
            with pytest.raises(AnswerInvalid, match=case["says"]):
                masks.union_of(pair)
    assert masks.area(good) == 4


def test_a_number_does_not_run_on_into_the_next_code():
    """A code that breaks off stays one that breaks off, whatever is parsed behind it."""
    for broken in ("V", "6V", "0PPP"):
        with pytest.raises(AnswerInvalid, match="break off"):
            masks.intersection_union(Mask(size=(2, 3), counts=broken), Mask(size=(2, 3), counts="06"))
