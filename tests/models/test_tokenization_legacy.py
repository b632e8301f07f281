"""The released checkpoints' tokenizer: ids of transformers 4.31, plain questions, its four files, vocabulary ids."""

from __future__ import annotations

import copy
import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoProcessor, AutoTokenizer

from foodbench.core.errors import CheckpointError
from foodbench.models.foodlmm import FoodLMMConfig, FoodLMMImageProcessor, FoodLMMProcessor
from foodbench.models.foodlmm.tokenization_legacy import LegacyLlamaTokenizer, read_vocabulary, tidy
from tests.conftest import REPOSITORY
from tests.models.conftest import WriteFolder

FORMS = {"special_tokens_as_objects": None, "special_tokens_as_strings": "plain_special_tokens_map"}


@pytest.fixture(scope="session")
def tokenizer(tokenizer_folder: WriteFolder) -> LegacyLlamaTokenizer:
    return LegacyLlamaTokenizer.from_pretrained(tokenizer_folder())


@pytest.fixture(scope="session")
def lisa(tokenizer_folder: WriteFolder, legacy_golden: dict[str, Any]) -> LegacyLlamaTokenizer:
    return LegacyLlamaTokenizer.from_pretrained(tokenizer_folder(added_tokens=legacy_golden["lisa_added_tokens"]))


@pytest.fixture(scope="session")
def fresh(
    tokenizer_folder: WriteFolder, legacy_golden: dict[str, Any]
) -> tuple[LegacyLlamaTokenizer, Any, dict[str, int]]:
    """A model trained here and now: the tokenizer, sentencepiece alone, the added tokens."""
    import sentencepiece

    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(legacy_golden["training_text"]),
        model_writer=written,
        **legacy_golden["training_options"],
    )
    alone = sentencepiece.SentencePieceProcessor(model_proto=written.getvalue())
    tokens = sorted(legacy_golden["files"]["added_tokens.json"], key=legacy_golden["files"]["added_tokens.json"].get)
    added = {token: place for place, token in enumerate(tokens, start=alone.get_piece_size())}
    folder = tokenizer_folder(model=written.getvalue(), added_tokens=added)
    return LegacyLlamaTokenizer.from_pretrained(folder), alone, added


def ids_of(tokenizer: LegacyLlamaTokenizer, text: str, **options: Any) -> list[int]:
    return tokenizer(text, add_special_tokens=False, **options)["input_ids"]


@pytest.mark.parametrize("form", FORMS)
def test_ids_and_decoding_are_those_of_transformers_4_31(
    form: str, legacy_golden: dict[str, Any], tokenizer_folder: WriteFolder
) -> None:
    plain = FORMS[form]
    replaced = {"special_tokens_map": legacy_golden[plain]} if plain else {}
    tokenizer = LegacyLlamaTokenizer.from_pretrained(tokenizer_folder(**replaced))
    for case in legacy_golden[form]:
        ids = ids_of(tokenizer, case["text"])
        assert ids == case["ids"], case["text"]
        assert tokenizer(case["text"])["input_ids"] == [1, *case["ids"]]
        assert tokenizer.decode(ids) == case["decoded"]
        assert tokenizer.decode([1, *ids, 2], skip_special_tokens=True) == case["decoded_skipping"]


def test_the_form_of_the_special_tokens_decides_about_blanks_around_them(legacy_golden: dict[str, Any]) -> None:
    # Or else the two golden lists would not tell the two forms apart.
    objects, strings = (legacy_golden[form] for form in FORMS)
    differing = {one["text"] for one, other in zip(objects, strings, strict=True) if one["ids"] != other["ids"]}
    assert {"the egg </s> USER: rice", "<s> rice", "rice <unk> egg"} <= differing


def by_the_rule(text: str, alone: Any, added: dict[str, int]) -> list[int]:
    """The rule in words, without transformers: cut at tokens, strip at added ones, encode each piece alone."""
    own = {"<s>": 1, "</s>": 2, "<unk>": 0}
    longest_first = sorted(added | own, key=len, reverse=True)
    pieces = re.split("(" + "|".join(re.escape(token) for token in longest_first) + ")", text)
    ids: list[int] = []
    for place, piece in enumerate(pieces):
        if place % 2:
            ids.append((added | own)[piece])
            continue
        if place and pieces[place - 1] in added:
            piece = piece.lstrip()
        if place + 1 < len(pieces) and pieces[place + 1] in added:
            piece = piece.rstrip()
        ids += alone.encode(piece)
    return ids


_TOKENS = ("[SEG1]", "[SEG]", "[SEG12]", "[CAL_TOTAL]", "<im_start>", "<im_end>", "</s>", "<s>", "<unk>")
_BLANKS = (" ", "\n", "\t", "\u00a0", "\u3000", "▁")
_SNIPPETS = ("rice", " the", "g", ",", ".", "[", "]", "<", "SEG1", "é", "米", "🥔", "4", "[SE", "</")
_WORDS = st.sampled_from((*_TOKENS, *_BLANKS, *_SNIPPETS))


@settings(max_examples=300, deadline=None)
@given(text=st.one_of(st.lists(_WORDS, max_size=14).map("".join), st.text(max_size=20)))
def test_ids_follow_the_rule_on_any_text(text: str, fresh: tuple[LegacyLlamaTokenizer, Any, dict[str, int]]) -> None:
    tokenizer, alone, added = fresh
    assert ids_of(tokenizer, text) == by_the_rule(text, alone, added)
    assert ids_of(tokenizer, text, split_special_tokens=True) == alone.encode(text)


def test_special_tokens_that_a_user_types_stay_words(tokenizer: LegacyLlamaTokenizer) -> None:
    typed = "Is <image> [SEG1] </s> <im_start><im_patch> [CAL_TOTAL]<unk>?"
    ids = ids_of(tokenizer, typed, split_special_tokens=True)
    assert all(2 < token < tokenizer.vocab_size for token in ids)
    assert tokenizer.decode(ids) == typed
    # And the next text's tokens are tokens again.
    assert ids_of(tokenizer, "as [SEG1]")[-1] == tokenizer.convert_tokens_to_ids("[SEG1]")


def test_half_a_surrogate_pair_does_not_end_a_run(tokenizer: LegacyLlamaTokenizer) -> None:
    assert ids_of(tokenizer, "rice \ud83e egg") == ids_of(tokenizer, "rice ? egg")


def test_named_tokens_and_padding(tokenizer: LegacyLlamaTokenizer) -> None:
    assert (tokenizer.unk_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id) == (0, 1, 2)
    assert (tokenizer.pad_token, tokenizer.pad_token_id, tokenizer.padding_side) == ("<unk>", 0, "right")
    assert (tokenizer.model_max_length, tokenizer.is_fast) == (3256, False)
    assert len(tokenizer) == tokenizer.vocab_size + 129 == len(tokenizer.get_vocab())
    assert tokenizer.convert_ids_to_tokens(tokenizer.convert_tokens_to_ids(["▁the", "[PRO20]"])) == ["▁the", "[PRO20]"]
    batch = tokenizer(["rice", "the rice and egg"], padding=True)
    assert batch["attention_mask"][0][-1] == 0 == batch["input_ids"][0][-1]


def test_without_files_beside_the_model_the_defaults_hold(tokenizer_folder: WriteFolder) -> None:
    folder = tokenizer_folder(added_tokens=None, special_tokens_map=None, tokenizer_config=None)
    tokenizer = LegacyLlamaTokenizer.from_pretrained(folder)
    assert (tokenizer.pad_token_id, tokenizer.eos_token, tokenizer("")["input_ids"]) == (0, "</s>", [1])
    assert len(tokenizer) == tokenizer.vocab_size


def test_options_of_the_caller_win(tokenizer_folder: WriteFolder) -> None:
    folder = tokenizer_folder()
    given_here = LegacyLlamaTokenizer.from_pretrained(
        folder, padding_side="left", pad_token="</s>", add_bos_token=False
    )
    assert (given_here.padding_side, given_here.pad_token_id, given_here("")["input_ids"]) == ("left", 2, [])


@pytest.mark.parametrize("form", FORMS)
def test_four_files_survive_a_round_trip(
    form: str, legacy_golden: dict[str, Any], tokenizer_folder: WriteFolder, tmp_path: Path
) -> None:
    special = legacy_golden[FORMS[form] or "files"]
    source = tokenizer_folder(**({"special_tokens_map": special} if FORMS[form] else {}))
    loaded = LegacyLlamaTokenizer.from_pretrained(source)
    source_model = (source / "tokenizer.model").read_bytes()
    (source / "tokenizer.model").unlink()  # what is loaded does not need its source any more
    written = loaded.save_pretrained(tmp_path / "new" / "folder")
    names = {"tokenizer.model", "added_tokens.json", "special_tokens_map.json", "tokenizer_config.json"}
    assert {Path(path).name for path in written} == names == {path.name for path in (tmp_path / "new/folder").iterdir()}
    assert (tmp_path / "new/folder/tokenizer.model").read_bytes() == source_model
    for name in ("added_tokens.json", "special_tokens_map.json"):
        assert json.loads((tmp_path / "new/folder" / name).read_text()) == json.loads((source / name).read_text())
    again = LegacyLlamaTokenizer.from_pretrained(tmp_path / "new/folder")
    assert again.model_max_length == 3256
    for case in legacy_golden[form]:
        assert ids_of(again, case["text"]) == case["ids"]
        assert ids_of(copy.deepcopy(loaded), case["text"]) == case["ids"]


def test_a_processor_carries_it(tokenizer: LegacyLlamaTokenizer, tmp_path: Path) -> None:
    AutoTokenizer.register(FoodLMMConfig, LegacyLlamaTokenizer, exist_ok=True)
    images = FoodLMMImageProcessor(clip_size=32, sam_size=32)
    processor = FoodLMMProcessor(images, tokenizer, image_seq_length=4, conversation="foodlmm")
    processor.save_pretrained(tmp_path)
    FoodLMMConfig().save_pretrained(tmp_path)
    loaded = AutoProcessor.from_pretrained(tmp_path).tokenizer
    assert type(loaded) is LegacyLlamaTokenizer
    assert ids_of(loaded, "as [SEG1], lemon") == ids_of(tokenizer, "as [SEG1], lemon")


def test_no_installed_protobuf_is_needed_to_read_the_model(tokenizer_folder: WriteFolder) -> None:
    # sentencepiece's Python description of its models wants a newer protobuf than the pinned one; it must not be used.
    code = (
        "import sys; sys.modules['google.protobuf'] = sys.modules['sentencepiece.sentencepiece_model_pb2'] = None\n"
        "from foodbench.models.foodlmm.tokenization_legacy import LegacyLlamaTokenizer as Tokenizer\n"
        f"print(Tokenizer.from_pretrained({str(tokenizer_folder())!r})('the rice')['input_ids'])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY, timeout=120)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("[1, ")


def test_damaged_files_are_named(tokenizer_folder: WriteFolder) -> None:
    for replaced, message in (
        ({"model": None}, "has no tokenizer.model"),
        ({"model": b""}, "is no sentencepiece model"),
        ({"model": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"}, "is no sentencepiece model"),
        ({"added_tokens": '{"[SEG]": 560'}, "added_tokens.json cannot be read as JSON"),
        ({"added_tokens": "[]"}, "added_tokens.json holds no JSON object"),
        ({"added_tokens": {"[SEG]": 561}}, "'[SEG]' has the id 561, expected was 560"),
        ({"added_tokens": {"[SEG]": "560"}}, "'[SEG]' has the id '560', expected was 560"),
        ({"added_tokens": {"[SEG]": 560, "[SEG1]": 560}}, "'[SEG1]' has the id 560, expected was 561"),
        ({"special_tokens_map": "x"}, "special_tokens_map.json cannot be read as JSON"),
    ):
        with pytest.raises(CheckpointError, match=re.escape(message)):
            LegacyLlamaTokenizer.from_pretrained(tokenizer_folder(**replaced))


def test_files_name_tokens_and_nothing_else(tokenizer_folder: WriteFolder, legacy_golden: dict[str, Any]) -> None:
    special = legacy_golden["files"]["special_tokens_map.json"] | {"tokenize": "</s>", "sp_model": "x", "cls_token": 7}
    config = legacy_golden["files"]["tokenizer_config.json"] | {
        "vocab_file": "/nowhere/tokenizer.model",
        "tokenize": "rice",
        "split_special_tokens": True,
        "auto_map": {"AutoTokenizer": ["code.Tokenizer", None]},
    }
    tokenizer = LegacyLlamaTokenizer.from_pretrained(
        tokenizer_folder(special_tokens_map=special, tokenizer_config=config)
    )
    plain = LegacyLlamaTokenizer.from_pretrained(tokenizer_folder())
    assert ids_of(tokenizer, "rice [SEG1]") == ids_of(plain, "rice [SEG1]")


def test_ids_of_the_vocabulary(tokenizer: LegacyLlamaTokenizer, lisa: LegacyLlamaTokenizer) -> None:
    # With LLaMA's 32,000 pieces in place of 560: totals 32004-32008, [SEGi] 32009 + 6 (i - 1), the last one 32128.
    shift = 32000 - tokenizer.vocab_size
    found = read_vocabulary(tokenizer)
    assert found.size + shift == 32129
    base = (found.image_patch, found.image_start, found.image_end, found.segment)
    assert [token + shift for token in base] == [32000, 32001, 32002, 32003]
    assert [token + shift for token in found.segments] == [32009 + 6 * number for number in range(20)]
    assert [token + shift for (token,) in found.nutrition[5:]] == [32004, 32005, 32006, 32007, 32008]
    assert [[ids[0] + shift, ids[-1] + shift] for ids in found.nutrition[:5]] == [
        [32010 + head, 32124 + head] for head in range(5)
    ]
    paper = FoodLMMConfig.paper()
    assert [token + shift for token in found.segments] == paper.segment_token_ids
    assert [[token + shift for token in ids] for ids in found.nutrition] == paper.nutrition_token_ids
    only_seg = read_vocabulary(lisa, 0)
    assert (only_seg.size + shift, only_seg.segment + shift) == (32004, 32003)
    assert only_seg.segments == only_seg.nutrition == ()


def test_a_tokenizer_of_another_model_is_refused(
    lisa: LegacyLlamaTokenizer, tokenizer_folder: WriteFolder, legacy_golden: dict[str, Any]
) -> None:
    with pytest.raises(CheckpointError, match=r"lacks 125 of 129 special tokens: \[MASS_TOTAL\].*\n.*LISA's"):
        read_vocabulary(lisa)
    added = dict(legacy_golden["files"]["added_tokens.json"])
    with pytest.raises(CheckpointError, match=r"lacks 6 of 135 special tokens: \[SEG21\], \[MASS21\]"):
        read_vocabulary(LegacyLlamaTokenizer.from_pretrained(tokenizer_folder()), 21)
    swapped = added | {"[SEG2]": added["[MASS2]"], "[MASS2]": added["[SEG2]"]}
    with pytest.raises(CheckpointError, match=r"\[SEG2\] has the id 576; .* it would be 575"):
        read_vocabulary(LegacyLlamaTokenizer.from_pretrained(tokenizer_folder(added_tokens=swapped)))
    ordered = [token for token in sorted(added, key=lambda token: added[token]) if token != "[SEG]"]
    late = {token: 560 + place for place, token in enumerate([*ordered, "[SEG]"])}
    with pytest.raises(CheckpointError, match=r"\[SEG\] comes after \[MASS_TOTAL\]"):
        read_vocabulary(LegacyLlamaTokenizer.from_pretrained(tokenizer_folder(added_tokens=late)))


@pytest.mark.parametrize(
    ("decoded", "tidied"),
    [
        ("is masked as [SEG1] , lemon as [SEG2] .", "is masked as [SEG1], lemon as [SEG2]."),
        ("Fat [FAT1] g and ( [PRO1] g )", "Fat [FAT1]g and ([PRO1]g )"),
        ("two  blanks", "two blanks"),
    ],
)
def test_gaps_around_tokens_are_closed(decoded: str, tidied: str) -> None:
    assert tidy(decoded) == tidied
