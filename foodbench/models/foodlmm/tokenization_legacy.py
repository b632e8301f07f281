"""The tokenizer that FoodLMM's and LISA's released weights were trained with.

transformers 4.31's Python LlamaTokenizer in its legacy mode: text is cut at the added tokens, white space around most
of them goes, and sentencepiece encodes each remaining piece by itself, with a blank put before it. Later versions of
transformers give other ids, in either of their modes; since masks and nutrition values are read from the state before
a token, other ids there are other masks and values.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import AddedToken
from transformers.tokenization_python import PreTrainedTokenizer

from foodbench.core.errors import CheckpointError
from foodbench.core.files import atomic_write, atomic_write_json
from foodbench.models.foodlmm.tokens import (
    PORTION_HEADS,
    SEGMENT_TOKEN,
    portion_token,
    segment_token,
    special_tokens,
    total_token,
)

_MODEL_FILE = "tokenizer.model"
_ADDED_TOKENS_FILE = "added_tokens.json"
_SPECIAL_TOKENS_FILE = "special_tokens_map.json"
_SETTINGS_FILE = "tokenizer_config.json"

IMAGE_PATCH_TOKEN, IMAGE_START_TOKEN, IMAGE_END_TOKEN = "<im_patch>", "<im_start>", "<im_end>"


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a text that is about to be encoded.

    Attributes:
        text: not empty.
        is_token: it is one token of the vocabulary; otherwise plain text, whatever it looks like.
    """

    text: str
    is_token: bool = False


class LegacyLlamaTokenizer(PreTrainedTokenizer):
    """LLaMA's sentencepiece tokenizer with the ids that transformers 4.31 gives in legacy mode.

    Reads and writes the files of that version: `tokenizer.model`, `added_tokens.json`, `special_tokens_map.json` and
    `tokenizer_config.json`. Padding is `<unk>`, id 0, unless the files name another token.

    Args:
        vocab_file: the sentencepiece model.
        unk_token, bos_token, eos_token: unknown piece, start of a text, end of an answer. A plain string leaves the
            white space around the token alone, an `AddedToken` does as it says.
        pad_token: `unk_token` by default.
        add_bos_token, add_eos_token: what `add_special_tokens` adds.
        kwargs: as of transformers' tokenizers.

    Raises:
        CheckpointError: the model file is absent or damaged, or sentencepiece is not installed.
    """

    vocab_files_names = {"vocab_file": _MODEL_FILE}  # noqa: RUF012 - the base class's way
    model_input_names = ["input_ids", "attention_mask"]  # noqa: RUF012

    def __init__(
        self,
        vocab_file: str | Path,
        unk_token: str | AddedToken = "<unk>",  # noqa: S107
        bos_token: str | AddedToken = "<s>",  # noqa: S107
        eos_token: str | AddedToken = "</s>",  # noqa: S107
        pad_token: str | AddedToken | None = None,
        add_bos_token: bool = True,
        add_eos_token: bool = False,
        **kwargs: Any,
    ) -> None:
        self._model_bytes, self.sp_model = _load_model(Path(vocab_file))
        self._base_size = int(self.sp_model.get_piece_size())
        self._base_vocabulary = {self.sp_model.id_to_piece(place): place for place in range(self._base_size)}
        self.add_bos_token, self.add_eos_token = bool(add_bos_token), bool(add_eos_token)
        kwargs["special_tokens_pattern"] = {
            (True, False): "bos",
            (False, True): "eos",
            (True, True): "bos_eos",
            (False, False): "none",
        }[self.add_bos_token, self.add_eos_token]
        super().__init__(
            vocab_file=str(vocab_file),
            unk_token=_keeping_blanks(unk_token),
            bos_token=_keeping_blanks(bos_token),
            eos_token=_keeping_blanks(eos_token),
            # Plain: whether <unk> keeps blanks is for unk_token alone to say.
            pad_token=str(unk_token) if pad_token is None else _keeping_blanks(pad_token),
            add_bos_token=self.add_bos_token,
            add_eos_token=self.add_eos_token,
            **kwargs,
        )

    @property
    def vocab_size(self) -> int:
        """Size of the sentencepiece vocabulary, without added tokens."""
        return self._base_size

    def get_vocab(self) -> dict[str, int]:
        """All tokens and their ids."""
        return self._base_vocabulary | self._added_tokens_encoder

    def tokenize(self, text: str, **kwargs: Any) -> list[str]:
        """Cut a text into tokens.

        Args:
            text: any; its special tokens count as such.
            kwargs: `split_special_tokens=True` takes the whole text as plain.
        """
        if kwargs.pop("split_special_tokens", self.split_special_tokens):
            return self._tokenize(text)
        known = self._added_tokens_encoder
        return self.tokenize_parts([Part(piece, piece in known) for piece in self.tokens_trie.split(text)])

    def tokenize_parts(self, parts: Sequence[Part]) -> list[str]:
        """Cut a text into tokens whose special tokens are already found.

        Args:
            parts: in order, no two neighbours of plain text.
        """
        # Whatever was added to the vocabulary takes the white space on both its sides, except for <s>, </s> and <unk>
        # where their files say otherwise.
        named = (*self._special_tokens_map.values(), *self._extra_special_tokens)
        exceptions = {str(token): token for token in named if isinstance(token, AddedToken)}
        tokens: list[str] = []
        for place, part in enumerate(parts):
            if part.is_token:
                tokens.append(part.text)
                continue
            text = part.text
            before = exceptions.get(parts[place - 1].text) if place else _KEEPS_BLANKS
            after = exceptions.get(parts[place + 1].text) if place + 1 < len(parts) else _KEEPS_BLANKS
            if before is None or before.rstrip:
                text = text.lstrip()
            if after is None or after.lstrip:
                text = text.rstrip()
            tokens.extend(self._tokenize(text))
        return tokens

    def _tokenize(self, text: str, **_: Any) -> list[str]:
        # Half of a surrogate pair, which no UTF-8 has, becomes a question mark.
        return self.sp_model.encode(text.encode(errors="replace").decode(), out_type=str)

    def _convert_token_to_id(self, token: str) -> int:
        return int(self.sp_model.piece_to_id(token))

    def _convert_id_to_token(self, index: int) -> str:
        return self.sp_model.id_to_piece(index)

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """Text of tokens that were not added to the vocabulary."""
        special = set(self.all_special_tokens)
        pieces: list[str] = []
        plain: list[str] = []
        for token in tokens:
            if token not in special:
                plain.append(token)
                continue
            # The blank stands before the words, not before the token: so does it in transformers 4.31.
            pieces += [f" {self.sp_model.decode(plain)}" if plain else "", token]
            plain = []
        return "".join((*pieces, self.sp_model.decode(plain) if plain else ""))

    def _decode(
        self,
        token_ids: int | Sequence[int],
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
        spaces_between_special_tokens: bool = True,
        **_: Any,
    ) -> str:
        ids = [token_ids] if isinstance(token_ids, int) else list(token_ids)
        pieces: list[str] = []
        plain: list[str] = []
        for token in self.convert_ids_to_tokens(ids, skip_special_tokens=skip_special_tokens):
            if self._added_tokens_encoder.get(token, -1) < self._base_size:
                plain.append(token)
                continue
            if plain:
                pieces.append(self.convert_tokens_to_string(plain))
                plain = []
            pieces.append(token)
        if plain:
            pieces.append(self.convert_tokens_to_string(plain))
        text = (" " if spaces_between_special_tokens else "").join(pieces)
        if clean_up_tokenization_spaces is None:
            clean_up_tokenization_spaces = self.clean_up_tokenization_spaces
        return self.clean_up_tokenization(text) if clean_up_tokenization_spaces else text

    @classmethod
    def _from_pretrained(
        cls,
        resolved_vocab_files: dict[str, str | None],
        pretrained_model_name_or_path: str,
        init_configuration: dict[str, Any],
        *init_inputs: Any,
        **kwargs: Any,
    ) -> LegacyLlamaTokenizer:
        # The base class's loader casts all special tokens to one type; here a plain string in special_tokens_map.json
        # and an object there mean different things, as they do to transformers 4.31.
        for loading_option in ("token", "cache_dir", "local_files_only", "_is_local", "trust_remote_code"):
            kwargs.pop(loading_option, None)
        files = {role: Path(name) for role, name in resolved_vocab_files.items() if name is not None}
        if "vocab_file" not in files:
            raise CheckpointError(
                f"{pretrained_model_name_or_path} has no {_MODEL_FILE}.",
                hint="Is the checkpoint complete? The released folders have one.",
            )
        written = _read_object(files.get("tokenizer_config_file"))
        settings = {key: _as_token(written[key]) for key in _SETTINGS & written.keys() if written[key] is not None}
        added = _read_object(files.get("added_tokens_file"))
        tokenizer = cls(
            *init_inputs,
            **{**settings, **kwargs, "vocab_file": files["vocab_file"]},
            added_tokens_decoder={
                place: AddedToken(token, normalized=False) for token, place in added.items() if type(place) is int
            },
            name_or_path=pretrained_model_name_or_path,
        )
        tokenizer._check_added(added, files.get("added_tokens_file"))
        special = _read_object(files.get("special_tokens_map_file"))
        tokenizer._name_special({key: value for key, value in special.items() if not kwargs.get(key)})
        return tokenizer

    def _name_special(self, special: dict[str, Any]) -> None:
        """Take over the entries of special_tokens_map.json."""
        for key, value in special.items():
            token = _as_token(value)
            if key in self.SPECIAL_TOKENS_ATTRIBUTES and isinstance(token, str | AddedToken):
                setattr(self, key, token)
            elif key in ("additional_special_tokens", "extra_special_tokens") and isinstance(token, list):
                self.extra_special_tokens = token

    def _check_added(self, added: dict[str, Any], file: Path | None) -> None:
        """Raise unless added tokens are numbered on from the sentencepiece vocabulary, without a gap."""
        ordered = sorted(added.items(), key=lambda item: item[1] if type(item[1]) is int else -1)
        for place, (token, given) in enumerate(ordered, start=self._base_size):
            if type(given) is not int or given != place:
                raise CheckpointError(
                    f"{file}: '{token}' has the id {given!r}, expected was {place}.",
                    hint=f"The file does not belong to its {_MODEL_FILE}, or was edited; get both again.",
                )

    def save_pretrained(self, save_directory: str | Path, **_: Any) -> tuple[str, ...]:
        """Write the four files of the released layout.

        Args:
            save_directory: created if need be.
            _: options of other tokenizers, ignored.

        Returns:
            the paths of the files.
        """
        folder = Path(save_directory)
        named = {key: token for key, token in self._special_tokens_map.items() if token is not None}
        settings = {
            "add_bos_token": self.add_bos_token,
            "add_eos_token": self.add_eos_token,
            "clean_up_tokenization_spaces": self.clean_up_tokenization_spaces,
            "legacy": True,
            "model_max_length": self.model_max_length,
            "padding_side": self.padding_side,
            "sp_model_kwargs": {},
            "tokenizer_class": type(self).__name__,
            **({"processor_class": self._processor_class} if self._processor_class else {}),
            **{key: {"__type": "AddedToken", **_as_object(_keeping_blanks(token))} for key, token in named.items()},
        }
        special: dict[str, Any] = {key: _as_object(token) for key, token in named.items()}
        if self._extra_special_tokens:
            special["additional_special_tokens"] = [_as_object(token) for token in self._extra_special_tokens]
        added = {token: place for token, place in self._added_tokens_encoder.items() if place >= self._base_size}
        for name, content in ((_SETTINGS_FILE, settings), (_SPECIAL_TOKENS_FILE, special), (_ADDED_TOKENS_FILE, added)):
            atomic_write_json(folder / name, dict(sorted(content.items())))
        names = (_SETTINGS_FILE, _SPECIAL_TOKENS_FILE, _ADDED_TOKENS_FILE)
        return (*(str(folder / name) for name in names), *self.save_vocabulary(str(folder)))

    def save_vocabulary(self, save_directory: str, filename_prefix: str | None = None) -> tuple[str, ...]:
        """Write the sentencepiece model, byte for byte as it was read."""
        target = Path(save_directory) / (f"{filename_prefix}-{_MODEL_FILE}" if filename_prefix else _MODEL_FILE)
        atomic_write(target, self._model_bytes)
        return (str(target),)


_KEEPS_BLANKS = AddedToken("", lstrip=False, rstrip=False)
# What of tokenizer_config.json counts: the file must choose neither paths nor other ways to encode.
_SETTINGS = frozenset(
    {"add_bos_token", "add_eos_token", "bos_token", "eos_token", "unk_token", "pad_token", "model_max_length"}
    | {"padding_side", "clean_up_tokenization_spaces", "processor_class"}
)


def _load_model(path: Path) -> tuple[bytes, Any]:
    try:
        # Reads the model with its own parser: the installed version of protobuf plays no part.
        from sentencepiece import SentencePieceProcessor
    except ImportError as error:
        raise CheckpointError(
            f"{path} needs the package sentencepiece, which cannot be imported.", hint="pip install sentencepiece"
        ) from error
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointError(
            f"{path} cannot be read: {error.strerror}.", hint="Is the checkpoint complete?"
        ) from error
    model = SentencePieceProcessor()
    try:
        if not content:
            raise RuntimeError("empty")
        model.LoadFromSerializedProto(content)
    except RuntimeError as error:
        raise CheckpointError(
            f"{path} is no sentencepiece model.", hint="It may be cut off, or a Git LFS pointer; get it again."
        ) from error
    return content, model


def _read_object(path: Path | None) -> dict[str, Any]:
    """A JSON object from a file; an empty one if there is no file."""
    if path is None:
        return {}
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} cannot be read as JSON.", hint="It may be cut off; get it again.") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{path} holds no JSON object.", hint="It is not of a tokenizer; get it again.")
    return value


def _as_token(value: Any) -> Any:
    """An `AddedToken` of its description, in lists too; anything else as it is."""
    if isinstance(value, list):
        return [_as_token(item) for item in value]
    if isinstance(value, dict) and isinstance(value.get("content"), str):
        flags = {name: bool(value.get(name)) for name in ("lstrip", "rstrip", "single_word", "normalized")}
        return AddedToken(value["content"], **flags)
    return value


def _as_object(token: str | AddedToken) -> Any:
    """How special_tokens_map.json writes a token: a string stays one."""
    if isinstance(token, str):
        return token
    flags = {name: getattr(token, name) for name in ("lstrip", "normalized", "rstrip", "single_word")}
    return {"content": token.content, **flags}


def _keeping_blanks(token: str | AddedToken) -> AddedToken:
    return AddedToken(token, lstrip=False, rstrip=False, normalized=True) if isinstance(token, str) else token


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Ids of the tokens that a released FoodLMM or LISA knows besides LLaMA's.

    Attributes:
        size: of the whole vocabulary.
        image_patch, image_start, image_end: the picture's placeholder and the tokens around it.
        segment: `[SEG]`, LISA's only one; FoodLMM keeps it.
        segments: `[SEG1]`, `[SEG2]`, ...; empty for LISA.
        nutrition: per head in the order of `HEADS`, the ids of its numbered tokens, or its one total token; empty for
            LISA.
    """

    size: int
    image_patch: int
    image_start: int
    image_end: int
    segment: int
    segments: tuple[int, ...] = ()
    nutrition: tuple[tuple[int, ...], ...] = ()


def read_vocabulary(tokenizer: Any, max_segments: int = 20) -> Vocabulary:
    """Read the ids of all special tokens from a tokenizer.

    FoodLMM's tokens must follow one another in the order in which its training code adds them, after LISA's four.

    Args:
        tokenizer: a transformers tokenizer.
        max_segments: numbered ingredients; 0 for LISA, which has only `[SEG]`.

    Raises:
        CheckpointError: a token is missing or has another id than its place in that order gives it.
    """
    known: dict[str, int] = tokenizer.get_added_vocab()
    base = (IMAGE_PATCH_TOKEN, IMAGE_START_TOKEN, IMAGE_END_TOKEN, SEGMENT_TOKEN)
    own = special_tokens(max_segments) if max_segments else ()
    missing = [token for token in (*base, *own) if token not in known]
    if missing:
        raise CheckpointError(
            f"The tokenizer lacks {len(missing)} of {len(base) + len(own)} special tokens: {_shorten(missing)}.",
            hint="It is LISA's: FoodLMM adds nutrition tokens and numbered [SEGi]."
            if missing == list(own)
            else "Not of a FoodLMM with this number of ingredients; added_tokens.json lists what it has.",
        )
    for token, expected, found in _misplaced(known, own):
        raise CheckpointError(
            f"The token {token} has the id {found}; in the order of FoodLMM's training it would be {expected}.",
            hint="Masks and nutrition would be read from wrong tokens. Use the checkpoint's own tokenizer files.",
        )
    late = [token for token in base if own and known[token] > known[own[0]]]
    if late:
        raise CheckpointError(
            f"The token {late[0]} comes after {own[0]}, but LISA's tokens were there before FoodLMM's.",
            hint="Use the checkpoint's own tokenizer files.",
        )
    numbers = range(1, max_segments + 1)
    portions = (tuple(known[portion_token(head, number)] for number in numbers) for head in PORTION_HEADS)
    totals = ((known[total_token(head)],) for head in PORTION_HEADS)
    return Vocabulary(
        size=len(tokenizer),
        image_patch=known[IMAGE_PATCH_TOKEN],
        image_start=known[IMAGE_START_TOKEN],
        image_end=known[IMAGE_END_TOKEN],
        segment=known[SEGMENT_TOKEN],
        segments=tuple(known[segment_token(number)] for number in numbers),
        nutrition=(*portions, *totals) if own else (),
    )


def _misplaced(known: dict[str, int], tokens: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    """Tokens that do not follow the one before: token, expected id, id."""
    for place, token in enumerate(tokens):
        expected = known[tokens[0]] + place
        if known[token] != expected:
            yield token, expected, known[token]


def _shorten(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def tidy(text: str) -> str:
    """Close the gaps that decoding leaves around special tokens, as FoodLMM's demo does."""
    for gap, closed in (("  ", " "), (" .", "."), (" ,", ","), (" g ", "g "), ("( ", "(")):
        text = text.replace(gap, closed)
    return text


__all__ = ["LegacyLlamaTokenizer", "Part", "Vocabulary", "read_vocabulary", "tidy"]
