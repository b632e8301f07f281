"""The prompt vectors that a trained model draws each ingredient with: what its next training holds on to."""

from __future__ import annotations

import numpy as np
import torch

from baselines.foodlmm.building import Scaffold
from baselines.foodlmm.devices import moved
from baselines.foodlmm.packing import image_batch
from baselines.foodlmm.plates import Plates
from baselines.foodlmm.templates import EVERYTHING_QUESTIONS
from foodbench.data.kitchen.ingredients import INGREDIENTS
from foodbench.models.foodlmm import FoodLMMForConditionalGeneration, FoodLMMProcessor
from foodbench.tasks import prompts

_PLATES = 320
_BATCH = 16


@torch.no_grad()
def set_prompts(
    model: FoodLMMForConditionalGeneration, processor: FoodLMMProcessor, scaffold: Scaffold, plates: Plates
) -> None:
    """Set the scaffold's prompt of each ingredient to the mean of what the model writes for it.

    The first stage leaves such vectors, but a checkpoint does not hold them. They are read at the right answers to one
    question about each of the first plates; an ingredient that is on none of them keeps its random vector.
    """
    model.eval()
    found: dict[int, list[torch.Tensor]] = {}
    roles = model.roles()
    for start in range(0, min(_PLATES, len(plates)), _BATCH):
        indices = np.arange(start, min(start + _BATCH, _PLATES, len(plates)))
        images = moved(image_batch(plates, indices, processor, np.random.default_rng(start)), model.device)
        for row, index in enumerate(indices.tolist()):
            names = plates.facts(index).ingredients
            answer = processor.encode_answer(prompts.masks_sentence(names))
            ids = [*processor.prefix_ids, *processor.encode_question(EVERYTHING_QUESTIONS[0]), *answer]
            given = torch.tensor([ids], device=model.device)
            output = model.model(input_ids=given, pixel_values=images.pixel_values[row : row + 1])
            for place, token in enumerate(ids):
                role = roles.get(token)
                if role is not None and role.kind == "segment":
                    prompt = model.text_fc(output.last_hidden_state[0, place - 1])
                    found.setdefault(INGREDIENTS[names[role.number - 1]].number, []).append(prompt)
    for number, written in found.items():
        scaffold.prompts.weight[number] = torch.stack(written).mean(0)
    model.train()


__all__ = ["set_prompts"]
