"""The kitchen-sized model: a tokenizer of its own in front of the small Qwen2.5-VL that learnt to see plates.

Vision tower, projector and language layers are those of the pointing model (`baselines/rl_segmentation`); so are the
embeddings of tokens that both tokenizers have.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from baselines.adamllm.combining import combine
from baselines.adamllm.kitchen_meals import Meal
from baselines.adamllm.kitchen_tasks import draw_task
from baselines.adamllm.recipe_texts import DESCRIBE_QUESTIONS, recipe_caption, rule_task
from baselines.adamllm.wire import WIRES
from baselines.common.publishing import save_checkpoint
from baselines.common.qwen_tokenizer import PAD, SPECIALS, TURN_END, train_tokenizer
from foodbench.core.errors import CheckpointError
from foodbench.data.kitchen.dishes import DISHES
from foodbench.data.kitchen.ingredients import INGREDIENT_NAMES
from foodbench.data.layout import resource_lines
from foodbench.models.adamllm.checkpoint import AskingSettings
from foodbench.models.qwen_seg.checkpoint import QwenSegSettings, load_model
from foodbench.tasks import SUITES, TASKS

VOCABULARY = 1700
"""Bytes and merges."""
_MULTIPLE = 16
_MEALS_PER_DISH = 60
_SPREAD = 0.02
"""Standard deviation of embeddings that begin at random."""
_NOISE = 0.3
"""Of that, around the mean of a token's old pieces: several tokens may be spelt by the same ones."""


def draw_meal(rng: random.Random, dish: str) -> Meal:
    """A meal of a dish with weights at random, for text that belongs to no picture."""
    import numpy as np

    drawn = set(DISHES[dish].draw_ingredients(np.random.default_rng(rng.getrandbits(32))))
    return Meal(dish, {name: rng.randint(5, 320) for name in INGREDIENT_NAMES if name in drawn})


def corpus(seed: int) -> Iterator[str]:
    """Text like that of training and of the benchmark's questions, whose answers are not in it."""
    rng = random.Random(seed)
    for wire in WIRES.values():
        yield from [f"{wire.describe}\n{wire.precise}\n{wire.informative}\nsystem\nuser\nassistant\n"] * 50
    for dish in DISHES:
        for number in range(_MEALS_PER_DISH):
            meal, name = draw_meal(rng, dish), f"{dish} {number}"
            yield recipe_caption(meal.recipe(), name, style="wrapped" if number % 2 else "plain", seed=seed)
            task = rule_task(meal.recipe(), name, seed=seed)
            yield "" if task is None else f"{task.question}\n{task.response}"
            for _ in range(6):
                _, triplet = draw_task(meal, rng)
                exchange = combine(triplet, f"{name} {rng.random()}", mix="released_mix", seed=seed)
                yield f"{exchange.question}\n{exchange.response}"
    yield from [*DESCRIBE_QUESTIONS, "You are a helpful assistant."] * 20
    names = ", ".join(resource_lines("foodseg103.txt"))
    for task_name in SUITES["adamllm"]:
        for question in TASKS.get(task_name).questions:
            yield from [question.replace("{options}", names).replace("{example}", names[:40])] * 20


def build_tokenizer(seed: int = 0, vocabulary: int = VOCABULARY) -> Any:
    """A byte-level tokenizer with Qwen's special tokens; digits stand alone.

    Args:
        seed: of the text that it is trained on.
        vocabulary: bytes and merges.

    Returns:
        a transformers tokenizer that pads on the left.
    """
    return train_tokenizer(corpus(seed), vocabulary)


@torch.no_grad()
def transplant(model: Any, before: Any, tokenizer: Any, seed: int) -> None:
    """Give a model another tokenizer's embeddings in place of its own.

    Rows of common tokens move with their tokens; any other begins near the mean of the old ones that spell it.

    Args:
        model: whose input embeddings are its output's too.
        before: its tokenizer so far.
        tokenizer: the new one.
        seed: of the noise around those means.
    """
    old = model.get_input_embeddings().weight.detach().clone()
    size = math.ceil(len(tokenizer) / _MULTIPLE) * _MULTIPLE
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn((size, old.shape[1]), generator=generator) * _SPREAD
    known = before.get_vocab()
    for token, place in tokenizer.get_vocab().items():
        if token in known:
            rows[place] = old[known[token]]
            continue
        spelt = before(tokenizer.convert_tokens_to_string([token]), add_special_tokens=False)["input_ids"]
        if spelt:
            rows[place] = _NOISE * rows[place] + old[spelt].mean(0)
    model.resize_token_embeddings(size, mean_resizing=False)
    model.get_input_embeddings().weight.copy_(rows)
    model.tie_weights()
    ids = {name: tokenizer.convert_tokens_to_ids(name) for name in SPECIALS}
    model.config.image_token_id, model.config.video_token_id = ids["<|image_pad|>"], ids["<|video_pad|>"]
    model.config.vision_start_token_id, model.config.vision_end_token_id = (
        ids["<|vision_start|>"],
        ids["<|vision_end|>"],
    )
    text = model.config.text_config
    text.bos_token_id, text.eos_token_id, text.pad_token_id = ids[PAD], ids[TURN_END], ids[PAD]
    settings = model.generation_config
    settings.bos_token_id, settings.pad_token_id = ids[PAD], ids[PAD]
    settings.eos_token_id = [ids[TURN_END], ids[PAD]]


def make_start(pointing: Path, out: Path, *, seed: int = 0, max_new_tokens: int = 320) -> Path:
    """Write the checkpoint that the kitchen's general model is trained from; returns its folder.

    Args:
        pointing: a checkpoint of the small pointing model.
        out: the new checkpoint's folder.
        seed: of tokenizer and new rows.
        max_new_tokens: limit of its answers.

    Raises:
        CheckpointError: the pointing model cannot be loaded, or has output embeddings of its own.
    """
    model, processor = load_model(pointing)
    if not model.config.tie_word_embeddings:
        raise CheckpointError(
            f"{pointing} has output embeddings of its own.", hint="Give the kitchen's pointing model."
        )
    tokenizer = build_tokenizer(seed)
    transplant(model, processor.tokenizer, tokenizer, seed)
    fresh = type(processor)(
        image_processor=processor.image_processor,
        tokenizer=tokenizer,
        video_processor=processor.video_processor,
        chat_template=processor.chat_template,
    )
    asking = AskingSettings(grid=QwenSegSettings.read(pointing).grid, max_new_tokens=max_new_tokens)
    save_checkpoint(model, fresh, asking, out, torch.float32)
    return out


__all__ = ["build_tokenizer", "corpus", "draw_meal", "make_start", "transplant"]
