"""What both stages minimise."""

from __future__ import annotations

import torch
from torch.nn import functional

from baselines.rl_segmentation.kitchen_model.batches import Scene
from baselines.rl_segmentation.kitchen_model.encoding import RowBatch
from baselines.rl_segmentation.kitchen_model.forward import BoxHead, Probe

_BOX_WEIGHT = 4.0


def seeing_losses(probe: Probe, seen: torch.Tensor, names: torch.Tensor, scene: Scene) -> dict[str, torch.Tensor]:
    """Losses of the first stage, weighted.

    Args:
        probe: the heads.
        seen: (plates, cells, hidden) visual tokens after the first layer.
        names: (ingredients, hidden) embeddings of the names.
        scene: what is where.
    """
    shares, boxes = scene.shares, scene.boxes
    logits, cell_boxes = probe.cells(seen)
    cells = -(shares * logits.log_softmax(-1)).sum(-1).mean()
    main = shares[..., 1:].max(-1)
    counted = main.values > 0.25
    true = boxes.gather(1, main.indices[..., None].expand(-1, -1, 4))
    cell_box = _mean((cell_boxes - true).abs().mean(-1)[counted])
    here, name_boxes = probe.names(seen, names)
    present = boxes[..., 2] > 0
    presence = functional.binary_cross_entropy_with_logits(here, present.float())
    name_box = _mean((name_boxes - boxes).abs().mean(-1)[present])
    return {
        "cells": cells,
        "cell_box": _BOX_WEIGHT * cell_box,
        "presence": presence,
        "name_box": _BOX_WEIGHT * name_box,
    }


def answer_loss(
    states: torch.Tensor, vocabulary: torch.Tensor, numbers: torch.Tensor, rows: RowBatch, spread: float
) -> torch.Tensor:
    """Weighted mean of the tokens' cross-entropy; the target of a coordinate is a bell around it.

    Args:
        states: (rows, length, hidden) of the language model.
        vocabulary: (tokens, hidden) the tied embeddings.
        numbers: (grid + 1,) ids of the coordinates.
        rows: what is to be said.
        spread: the bell's standard deviation in grid pixels.
    """
    weights, targets, values = rows.weights[:, 1:], rows.ids[:, 1:], rows.values[:, 1:]
    learnt = weights > 0
    guessed = (states[:, :-1][learnt] @ vocabulary.T).log_softmax(-1)
    values = values[learnt]
    plain = -guessed.gather(1, targets[learnt][:, None])[:, 0]
    is_number = values >= 0
    far = torch.arange(len(numbers)) - values[is_number][:, None]
    bell = (-0.5 * (far / spread) ** 2).softmax(-1)
    loss = plain.masked_scatter(is_number, -(bell * guessed[is_number][:, numbers]).sum(-1))
    return (loss * weights[learnt]).sum() / weights[learnt].sum()


def box_loss(head: BoxHead, states: torch.Tensor, rows: RowBatch) -> torch.Tensor:
    """Mean distance of the corners that each state tells from those of what the next token is about.

    Of a question's tokens, which are not predicted, it is what the token itself is about.
    """
    read = rows.weights[:, :-1] == 0
    marked = torch.where(read & rows.marked[:, :-1], rows.marked[:, :-1], rows.marked[:, 1:])
    own = (read & rows.marked[:, :-1])[..., None]
    true = torch.where(own, rows.boxes[:, :-1], rows.boxes[:, 1:])
    return _mean((head(states[:, :-1][marked]) - true[marked]).abs())


def _mean(values: torch.Tensor) -> torch.Tensor:
    """The mean, or 0 of nothing."""
    return values.sum() / max(1, values.numel())
