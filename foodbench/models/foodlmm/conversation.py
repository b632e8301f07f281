"""The prompts that FoodLMM's and LISA's weights were trained with, as data, and their token ids.

Source: the released code of FoodLMM (Yin et al., TMM 2025) and of LISA (Lai et al., CVPR 2024), both after LLaVA v1:
the system sentences, role names and separators are the exact strings of training.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from foodbench.core.errors import CheckpointError, UsageError
from foodbench.models.foodlmm.tokenization_legacy import (
    IMAGE_END_TOKEN,
    IMAGE_START_TOKEN,
    LegacyLlamaTokenizer,
    Part,
)
from foodbench.models.foodlmm.tokens import IMAGE_TOKEN, SEGMENT_TOKEN, special_tokens

Turn = tuple[str, str | None]
"""A question and its answer; the answer to come is None."""

CONTEXT = 2048
"""Positions of LLaMA-1, which both models are built on."""

IMAGE_LENGTH = 256
"""Tokens of a picture: CLIP ViT-L/14 at 224 pixels."""


class PromptTooLong(UsageError):
    """A prompt does not fit the language model's context."""

    code = "prompt.too_long"


@dataclass(frozen=True, slots=True)
class PromptStyle:
    """How a model wants its conversations written.

    Attributes:
        name: for files and command lines.
        system: the sentence before the first turn.
        answer_tokens: the special tokens of its answers; elsewhere they are plain text.
        user, assistant: names of the two sides; a colon follows.
        separator: after the system sentence and after each question.
        end: token after each answer.
        before_image, after_image: tokens around the picture.
        image_separator: between picture and first question.
    """

    name: str
    system: str
    answer_tokens: tuple[str, ...]
    user: str = "USER"
    assistant: str = "ASSISTANT"
    separator: str = " "
    end: str = "</s>"
    before_image: str = IMAGE_START_TOKEN
    after_image: str = IMAGE_END_TOKEN
    image_separator: str = "\n"


FOODLMM = PromptStyle(
    "foodlmm",
    "A chat between a curious human and an artificial intelligence assistant specialized in food and nutrition topics. "
    "The assistant gives helpful, detailed, and polite answers to the human's questions.",
    (SEGMENT_TOKEN, *special_tokens(20)),
)
LISA = PromptStyle(
    "lisa",
    "A chat between a curious human and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the human's questions.",
    (SEGMENT_TOKEN,),
)
STYLES: dict[str, PromptStyle] = {style.name: style for style in (FOODLMM, LISA)}


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a conversation.

    Attributes:
        kind: `text` (plain, whatever it looks like), `token` (one of the vocabulary) or `image`.
        text: as it stands in the conversation; `<image>` for the picture.
    """

    kind: Literal["text", "token", "image"]
    text: str


def render(turns: Sequence[Turn], style: PromptStyle) -> tuple[Piece, ...]:
    """Write a conversation about one picture, which stands before the first question.

    Special tokens in questions are plain text; of those in answers, the style's answer tokens count.

    Args:
        turns: questions and answers in order; the last answer is None where the model is to speak.
        style: of the model.

    Returns:
        pieces, no two of plain text side by side; their texts joined are the conversation.

    Raises:
        ValueError: no turn, or an answer other than the last is None.
    """
    if not turns or any(answer is None for _, answer in turns[:-1]):
        raise ValueError("A conversation needs at least one turn, and an answer in each turn but the last.")
    pieces = [Piece("text", f"{style.system}{style.separator}")]
    for number, (question, answer) in enumerate(turns):
        pieces.append(Piece("text", f"{style.user}: "))
        if number == 0:
            pieces += [
                Piece("token", style.before_image),
                Piece("image", IMAGE_TOKEN),
                Piece("token", style.after_image),
                Piece("text", style.image_separator),
            ]
        pieces.append(Piece("text", f"{question}{style.separator}"))
        pieces += _reply(answer, style)
    return _joined(pieces)


def _reply(answer: str | None, style: PromptStyle) -> list[Piece]:
    """The assistant's side of a turn."""
    if not answer:
        # A model that ends its answer at once has written nothing between the colon and the end.
        opening = Piece("text", f"{style.assistant}:")
        return [opening] if answer is None else [opening, Piece("token", style.end)]
    stretches = _token_pattern(style).split(answer)
    words = [Piece("token" if place % 2 else "text", stretch) for place, stretch in enumerate(stretches)]
    return [Piece("text", f"{style.assistant}: "), *words, Piece("token", style.end)]


@lru_cache(maxsize=16)
def _token_pattern(style: PromptStyle) -> re.Pattern[str]:
    return re.compile(f"({'|'.join(map(re.escape, sorted(style.answer_tokens, key=len, reverse=True)))})")


def _joined(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """The same conversation without empty pieces and with neighbouring texts made one."""
    joined: list[Piece] = []
    for piece in pieces:
        if not piece.text:
            continue
        if joined and joined[-1].kind == piece.kind == "text":
            joined[-1] = Piece("text", joined[-1].text + piece.text)
        else:
            joined.append(piece)
    return tuple(joined)


def prompt_ids(
    turns: Sequence[Turn],
    style: PromptStyle,
    tokenizer: LegacyLlamaTokenizer,
    *,
    image_token_id: int,
    image_length: int = IMAGE_LENGTH,
    context: int = CONTEXT,
    room: int = 0,
) -> list[int]:
    """Token ids of a conversation, the start token included.

    Args:
        turns: as in `render`.
        style: of the model.
        tokenizer: of the model.
        image_token_id: placeholder of the picture, e.g. the id of `<im_patch>`.
        image_length: how many placeholders the picture takes.
        context: positions that the language model has.
        room: positions to keep for an answer.

    Raises:
        PromptTooLong: conversation and answer do not fit the context.
        CheckpointError: the tokenizer lacks a special token of the style.
        ValueError: as `render`.
    """
    pieces = render(turns, style)
    image = next(place for place, piece in enumerate(pieces) if piece.kind == "image")
    # The released code cuts at the picture first: white space rules do not reach across it.
    before, after = _ids(pieces[:image], tokenizer), _ids(pieces[image + 1 :], tokenizer)
    ids = [tokenizer.bos_token_id, *before, *[image_token_id] * image_length, *after]
    check_room(len(ids), context, turns=len(turns), image_length=image_length, room=room)
    return ids


def check_room(length: int, context: int, *, turns: int, image_length: int, room: int = 0) -> None:
    """Refuse a prompt that the language model has no positions for.

    Args:
        length: of the prompt in tokens.
        context: positions that there are.
        turns: of the conversation, for the message; `image_length` of its tokens are the picture.
        image_length: see `turns`.
        room: positions to keep for an answer.

    Raises:
        PromptTooLong: it does not fit.
    """
    if length + room > context:
        kept = f" and {room:,} to answer" if room else ""
        raise PromptTooLong(
            f"The conversation of {turns} turns takes {length:,} tokens ({image_length} of them the picture)"
            f"{kept}; the language model has {context:,}.",
            hint="Ask a shorter question, or leave out earlier turns.",
        )


def answer_ids(answer: str, style: PromptStyle, tokenizer: LegacyLlamaTokenizer) -> list[int]:
    """Token ids of an answer and its end token, as they follow a prompt.

    Raises:
        CheckpointError: the tokenizer lacks a special token of the style.
    """
    # Pieces of LLaMA's vocabulary never reach across the blank before the answer, so what stands further to the left
    # does not matter.
    opened = _ids(_reply(None, style), tokenizer)
    return _ids(_joined(_reply(answer, style)), tokenizer)[len(opened) :]


def _ids(pieces: Sequence[Piece], tokenizer: LegacyLlamaTokenizer) -> list[int]:
    known = tokenizer.get_added_vocab()
    absent = next((piece.text for piece in pieces if piece.kind == "token" and piece.text not in known), None)
    if absent is not None:
        raise CheckpointError(
            f"The tokenizer has no token {absent}, which the prompt needs.",
            hint="Prompt style and checkpoint do not belong together, or the tokenizer files are not the checkpoint's.",
        )
    parts = [Part(piece.text, piece.kind == "token") for piece in pieces]
    return tokenizer.convert_tokens_to_ids(tokenizer.tokenize_parts(parts))


__all__ = [
    "FOODLMM",
    "LISA",
    "STYLES",
    "Piece",
    "PromptStyle",
    "PromptTooLong",
    "Turn",
    "answer_ids",
    "check_room",
    "prompt_ids",
    "render",
]
