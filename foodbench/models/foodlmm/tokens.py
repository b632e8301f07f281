"""The special tokens of FoodLMM and which output head each of them drives.

Source: FoodLMM (Yin et al., TMM 2025), section III and its released code: five tokens for the nutrition of the whole
meal, and per ingredient number i one token for its mask and five for its nutrition.
"""

from __future__ import annotations

from dataclasses import dataclass

PORTION_HEADS: tuple[str, ...] = ("mass", "cal", "fat", "carb", "pro")
"""Output heads for one ingredient, in the order of the released code."""

HEADS: tuple[str, ...] = PORTION_HEADS + tuple(f"total_{name}" for name in PORTION_HEADS)
"""All ten nutrition heads; the index of a head in configs and tensors is its place here."""

HEAD_NUTRIENTS: tuple[str, ...] = ("mass", "kcal", "fat", "carb", "protein") * 2
"""The field of `foodbench.core.types.Nutrition` that each head predicts."""

IMAGE_TOKEN = "<image>"  # noqa: S105 - a placeholder in prompts, no secret

SEGMENT_TOKEN = "[SEG]"  # noqa: S105 - a word of the vocabulary, no secret
"""LISA's one output token; the released FoodLMM keeps it beside its own."""


def segment_token(number: int) -> str:
    """Token of the mask number `number` (from 1)."""
    return f"[SEG{number}]"


def portion_token(head: str, number: int) -> str:
    """Token of one nutrition value of ingredient number `number` (from 1)."""
    return f"[{head.upper()}{number}]"


def total_token(head: str) -> str:
    """Token of one nutrition value of the whole meal; `head` is one of `PORTION_HEADS`."""
    return f"[{head.upper()}_TOTAL]"


def special_tokens(max_segments: int) -> tuple[str, ...]:
    """All output tokens for `max_segments` numbered ingredients, in the order in which the paper's code adds them.

    A model of no number is a LISA, whose one token is `[SEG]`.
    """
    if max_segments == 0:
        return (SEGMENT_TOKEN,)
    tokens = [total_token(head) for head in PORTION_HEADS]
    for number in range(1, max_segments + 1):
        tokens.append(segment_token(number))
        tokens.extend(portion_token(head, number) for head in PORTION_HEADS)
    return tuple(tokens)


@dataclass(frozen=True, slots=True)
class TokenRole:
    """What the model must read out when it writes a special token.

    Attributes:
        kind: `segment` or `nutrition`.
        number: the ingredient's number from 1; 0 for the whole meal, and for a mask without a number.
        head: index into `HEADS`; -1 for a segment token.
    """

    kind: str
    number: int
    head: int = -1


def token_roles(
    segment_token_ids: list[int], nutrition_token_ids: list[list[int]], plain_segment_token_id: int | None = None
) -> dict[int, TokenRole]:
    """Map token ids to roles.

    Args:
        segment_token_ids: ids of `[SEG1]`, `[SEG2]`, ...; of LISA, the id of `[SEG]`.
        nutrition_token_ids: per head in the order of `HEADS`: the ids of its numbered tokens, or its one total token.
        plain_segment_token_id: id of the `[SEG]` that a FoodLMM keeps from LISA; it has the number 0.
    """
    roles = {token: TokenRole("segment", number) for number, token in enumerate(segment_token_ids, start=1)}
    if plain_segment_token_id is not None:
        roles[plain_segment_token_id] = TokenRole("segment", 0)
    for head, ids in enumerate(nutrition_token_ids):
        whole_meal = head >= len(PORTION_HEADS)
        for number, token in enumerate(ids, start=1):
            roles[token] = TokenRole("nutrition", 0 if whole_meal else number, head)
    return roles
