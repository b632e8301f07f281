"""Batches: one picture, several independent questions in one row, and what each special token must come out as."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from baselines.foodlmm.dialogues import CONVERSATIONS
from baselines.foodlmm.plates import Plates
from baselines.foodlmm.settings import JointSettings
from baselines.foodlmm.templates import Turn
from foodbench.data.kitchen.ingredients import INGREDIENTS
from foodbench.models.foodlmm import FoodLMMProcessor
from foodbench.models.foodlmm.tokens import PORTION_HEADS, TokenRole

IGNORED = -100
"""Label of tokens that the text loss leaves out."""


@dataclass(frozen=True, slots=True)
class ImageBatch:
    """Pictures after augmentation.

    Attributes:
        pixel_values: (images, 3, side, side), language branch.
        clip_labels: (images, side, side) uint8 ingredient numbers there.
        sam_pixel_values: (images, 3, side, side), mask branch.
        sam_labels: (images, side, side) uint8 ingredient numbers there, 0 in the padding.
    """

    pixel_values: torch.Tensor
    clip_labels: torch.Tensor
    sam_pixel_values: torch.Tensor
    sam_labels: torch.Tensor


@dataclass(frozen=True, slots=True)
class TurnBatch:
    """Packed questions about the pictures of an `ImageBatch`.

    Attributes:
        input_ids, position_ids, labels: (images, length).
        attention_mask: (images, 1, length, length), True where a row's token may look.
        segments: (masks, 3) in random order: row, position that predicts the `[SEGi]` token, ingredient number.
        values: (values, 3): row, position that predicts the nutrition token, head.
        value_targets: (values,) kcal or grams.
        tokens: how many there are, those of the pictures with them and padding without.
    """

    input_ids: torch.Tensor
    position_ids: torch.Tensor
    labels: torch.Tensor
    attention_mask: torch.Tensor
    segments: torch.Tensor
    values: torch.Tensor
    value_targets: torch.Tensor
    tokens: int


def _turned(array: NDArray, how: int) -> NDArray:
    """One of the eight flips and quarter turns of (height, width, ...)."""
    if how & 1:
        array = array[:, ::-1]
    if how & 2:
        array = array[::-1]
    return array.swapaxes(0, 1) if how & 4 else array


def image_batch(
    plates: Plates, indices: NDArray[np.int64], processor: FoodLMMProcessor, rng: np.random.Generator
) -> ImageBatch:
    """Load plates, each turned in one of eight ways (both branches alike)."""
    side = plates.clip.shape[1]
    clip, clip_labels, sam, sam_labels = [], [], [], []
    for index, how in zip(indices.tolist(), rng.integers(8, size=len(indices)).tolist(), strict=True):
        height, width = plates.sam_sizes[index].tolist()
        clip.append(_turned(plates.clip[index], how))
        clip_labels.append(_turned(plates.clip_labels[index], how))
        # The padding stays at the right and the bottom: only the picture in it is turned.
        sam.append(processor.image_processor.normalise_sam(_turned(plates.sam[index, :height, :width], how)))
        labels = _turned(plates.sam_labels[index, :height, :width], how)
        sam_labels.append(np.pad(labels, ((0, side - labels.shape[0]), (0, side - labels.shape[1]))))
    return ImageBatch(
        pixel_values=processor.image_processor.normalise_clip(np.stack(clip)),
        clip_labels=torch.from_numpy(np.stack(clip_labels)),
        sam_pixel_values=torch.stack(sam),
        sam_labels=torch.from_numpy(np.stack(sam_labels)),
    )


class _Row:
    """One packed row in the making: the picture's prefix, then conversations that see it and themselves only."""

    def __init__(self, prefix: list[int]) -> None:
        self.start = len(prefix)
        self.ids = list(prefix)
        self.positions = list(range(self.start))
        self.labels = [IGNORED] * self.start
        self.turns = [0] * self.start
        self.count = 0

    def add(self, turns: Sequence[tuple[list[int], list[int]]]) -> list[int]:
        """Append a conversation; returns the position of each answer's first token."""
        self.count += 1
        begin, starts = len(self.ids), []
        for question, answer in turns:
            self.ids += question + answer
            self.labels += [IGNORED] * len(question) + answer
            starts.append(len(self.ids) - len(answer))
        length = len(self.ids) - begin
        # Positions restart after the prefix, as if the conversation were alone.
        self.positions += range(self.start, self.start + length)
        self.turns += [self.count] * length
        return starts


class Packer:
    """Draws questions for plates and packs them; a pure function of the plates, the seed and the step."""

    def __init__(
        self, plates: Plates, processor: FoodLMMProcessor, roles: dict[int, TokenRole], settings: JointSettings
    ) -> None:
        self._plates = plates
        self._processor = processor
        self._roles = roles
        self._row_tokens = settings.row_tokens
        self._families = list(settings.families)
        weights = np.array(list(settings.families.values()))
        self._chances = weights / weights.sum()
        self._cache: dict[tuple[str, bool], list[int]] = {}

    def _encoded(self, text: str, answer: bool) -> list[int]:
        key = (text, answer)
        if key not in self._cache:
            encode = self._processor.encode_answer if answer else self._processor.encode_question
            self._cache[key] = encode(text)
        return self._cache[key]

    def _encode_turn(self, turn: Turn, first: bool) -> tuple[list[int], list[int]]:
        """What is given, with all that was said before, and the answer."""
        answer = self._encoded(turn.answer, True)
        if turn.history:
            return self._processor.encode_dialogue(turn.history, turn.question), answer
        if first:
            return self._encoded(turn.question, False), answer
        return self._processor.encode_question(turn.question, first=False), answer

    def turns(self, indices: NDArray[np.int64], rng: np.random.Generator) -> TurnBatch:
        """Questions and answers for these plates."""
        rows: list[_Row] = []
        segments: list[tuple[int, int, int]] = []
        values: list[tuple[int, int, int]] = []
        targets: list[float] = []
        for row_index, plate in enumerate(indices.tolist()):
            facts = self._plates.facts(plate)
            row = _Row(self._processor.prefix_ids)
            while True:
                family = self._families[int(rng.choice(len(self._families), p=self._chances))]
                turns = CONVERSATIONS[family](facts, rng)
                encoded = [self._encode_turn(turn, place == 0) for place, turn in enumerate(turns)]
                length = sum(len(question) + len(answer) for question, answer in encoded)
                if row.count and len(row.ids) + length > self._row_tokens:
                    break
                for turn, (_, answer), start in zip(turns, encoded, row.add(encoded), strict=True):
                    given = iter(turn.values)
                    for offset, token in enumerate(answer):
                        role = self._roles.get(token)
                        if role is None:
                            continue
                        predicts = start + offset - 1
                        if role.kind == "segment":
                            number = INGREDIENTS[turn.numbered[role.number - 1]].number
                            segments.append((row_index, predicts, number))
                        else:
                            values.append((row_index, predicts, role.head))
                            targets.append(next(given) if turn.values else self._target(plate, role, turn.numbered))
            rows.append(row)
        # In random order, because the mask loss takes the first few only.
        segments = [segments[place] for place in rng.permutation(len(segments)).tolist()]
        return _collate(rows, segments, values, targets)

    def _target(self, plate: int, role: TokenRole, numbered: tuple[str, ...]) -> float:
        portions = self._plates.portions[plate]
        column = role.head % len(PORTION_HEADS)
        if role.number == 0:
            return float(portions[:, column].sum())
        return float(portions[INGREDIENTS[numbered[role.number - 1]].number - 1, column])


def _collate(
    rows: list[_Row],
    segments: list[tuple[int, int, int]],
    values: list[tuple[int, int, int]],
    targets: list[float],
) -> TurnBatch:
    length = max(len(row.ids) for row in rows)

    def padded(columns: list[list[int]], fill: int) -> torch.Tensor:
        return torch.tensor([column + [fill] * (length - len(column)) for column in columns])

    turns = padded([row.turns for row in rows], -1)
    causal = torch.ones(length, length, dtype=torch.bool).tril()
    own_turn = turns[:, None, :] == turns[:, :, None]
    allowed = causal & ((turns[:, None, :] == 0) | own_turn)
    return TurnBatch(
        input_ids=padded([row.ids for row in rows], 0),
        position_ids=padded([row.positions for row in rows], 0),
        labels=padded([row.labels for row in rows], IGNORED),
        attention_mask=allowed[:, None],
        segments=torch.tensor(segments, dtype=torch.long).view(-1, 3),
        values=torch.tensor(values, dtype=torch.long).view(-1, 3),
        value_targets=torch.tensor(targets),
        tokens=sum(len(row.ids) for row in rows),
    )


def area_fractions(labels: torch.Tensor, patch: int) -> torch.Tensor:
    """Share of each ingredient (and of background, class 0) in each patch.

    Args:
        labels: (images, side, side) uint8.
        patch: side of a patch in pixels.

    Returns:
        (images, ingredients + 1, side / patch, side / patch).
    """
    # Counting is ten times as fast as averaging a one-hot picture of 21 planes.
    classes = len(INGREDIENTS) + 1
    images, side, _ = labels.shape
    grid = side // patch
    rows = torch.arange(side, device=labels.device) // patch
    pictures = torch.arange(images, device=labels.device)[:, None, None]
    cells = rows[:, None] * grid + rows[None, :] + pictures * grid * grid
    counts = torch.bincount((cells * classes + labels).flatten(), minlength=images * grid * grid * classes)
    return counts.view(images, grid, grid, classes).permute(0, 3, 1, 2).float() / patch**2


def mask_targets(labels: torch.Tensor, rows: torch.Tensor, numbers: torch.Tensor, side: int) -> torch.Tensor:
    """Soft masks of ingredients at the mask decoder's resolution.

    Args:
        labels: (images, size, size) uint8 ingredient numbers.
        rows: (masks,) which image.
        numbers: (masks,) which ingredient.
        side: of the decoder's output.

    Returns:
        (masks, side, side) covered share of each output pixel.
    """
    dense = (labels[rows] == numbers[:, None, None]).float()
    return functional.avg_pool2d(dense[:, None], labels.shape[-1] // side)[:, 0]
