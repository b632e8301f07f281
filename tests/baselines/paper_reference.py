"""The training loss of one batch, written out in float64 from the formulas: loops, and no code of the package.

It runs the released layout's plain model, one example, one mask and one value after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from tests.models.released_layout import HEADS, IMAGE, PATCHES, Released

IGNORED = -100


@dataclass
class PlainExample:
    """An example as the reference takes it.

    Attributes:
        ids, labels: with `IMAGE` for the picture; labels of the same length.
        features: (patches, channels) of CLIP.
        pixels: of SAM's input.
        inner: (height, width) of the picture within it.
        masks: (height, width) of 0 and 1 each.
        values: with the name of each one's head.
    """

    ids: list[int]
    labels: list[int]
    features: torch.Tensor
    pixels: torch.Tensor
    inner: tuple[int, int]
    masks: list[torch.Tensor]
    values: list[tuple[str, float]]
    segment_ids: list[int]
    value_ids: list[int]


def stretch(length: int, wanted: int) -> torch.Tensor:
    """(wanted, length) weights of linear interpolation between the centres of pixels."""
    weights = torch.zeros(wanted, length, dtype=torch.float64)
    for place in range(wanted):
        centre = max(0.0, (place + 0.5) * length / wanted - 0.5)
        low = min(int(centre), length - 1)
        high = min(low + 1, length - 1)
        weights[place, low] += 1 - (centre - low)
        weights[place, high] += centre - low
    return weights


def enlarge(mask: torch.Tensor, height: int, width: int) -> torch.Tensor:
    return stretch(mask.shape[0], height) @ mask @ stretch(mask.shape[1], width).T


def mask_terms(logits: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean cross entropy of pixels, and Dice loss, of one mask."""
    p, g = torch.sigmoid(logits), target.double()
    entropy = -(g * torch.log(p) + (1 - g) * torch.log(1 - p)).sum() / g.numel()
    over, below = 2 * (p * g / 1000).sum() + 1e-6, (p / 1000).sum() + (g / 1000).sum() + 1e-6
    return entropy, 1 - over / below


def losses(model: Released, batch: Sequence[PlainExample], side: int) -> dict[str, torch.Tensor]:
    """The four losses with their weights.

    Args:
        model: in float64.
        batch: the examples.
        side: of SAM's input.
    """
    words, entropies, dices = [], [], []
    errors: dict[str, list[torch.Tensor]] = {name: [] for name in HEADS}
    for one in batch:
        logits, prompts = model.run(one.ids, one.features.double())
        labels = []
        for token, label in zip(one.ids, one.labels, strict=True):
            labels += [IGNORED] * PATCHES if token == IMAGE else [label]
        for place in range(1, len(labels)):
            if labels[place] != IGNORED:
                row = logits[place - 1]
                words.append(torch.logsumexp(row, 0) - row[labels[place]])
        asked = model.read(one.ids, prompts, one.segment_ids)
        drawn = model.model.visual_model(one.pixels.double(), asked) if len(asked) else []
        for low, target in zip(drawn, one.masks, strict=True):
            full = enlarge(low, side, side)[: one.inner[0], : one.inner[1]]
            entropy, dice = mask_terms(enlarge(full, *target.shape), target)
            entropies.append(entropy)
            dices.append(dice)
        read = model.read(one.ids, prompts, one.value_ids)
        for vector, (name, value) in zip(read, one.values, strict=True):
            errors[name].append(getattr(model, name)(vector)[0] - value)
    nutrition = torch.zeros((), dtype=torch.float64)
    for found in errors.values():
        for error in found:
            nutrition = nutrition + (error.abs() + 0.001 * error**2) / len(found)
    count = len(entropies)
    return {
        "text": sum(words) / len(words),
        "bce": 2.0 * sum(entropies) / (count + 1e-8) if count else torch.zeros(()),
        "dice": 0.5 * sum(dices) / (count + 1e-8) if count else torch.zeros(()),
        "nutrition": 0.1 * nutrition,
    }


def released_labels(ids: Sequence[int], rounds: Sequence[tuple[int, int]]) -> list[int]:
    """Which tokens the released code learns: it walks over the rounds by their lengths.

    Args:
        ids: of the conversation.
        rounds: of each round without its `</s>`, the tokens up to and with "ASSISTANT: " (but without the lone blank
            at their end, which LLaMA's tokenizer makes), and all of its tokens; each with a start token.
    """
    labels = list(ids)
    labels[0] = IGNORED
    place = 1
    for instruction, whole in rounds:
        for position in range(place, place + instruction - 1):
            labels[position] = IGNORED
        place += whole
    assert place == len(ids)
    return labels
