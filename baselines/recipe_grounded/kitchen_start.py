"""Where the kitchen's stages begin: a small Qwen2.5-VL that can see and knows the words of recipes, and no recipe.

    python -m baselines.recipe_grounded.kitchen_start --seen foodbench/models/qwen_seg/kitchen --out runs/recipes/start

Text losses alone teach a model of this size hardly anything about pictures; the segmentation model's vision tower was
warmed up on what lies where (`baselines/rl_segmentation/kitchen_model`). Its weights are taken over: the tower and the
language model as they are, and the embeddings by the tokens' texts. The tokenizer is a new one, whose vocabulary comes
from recipes; an embedding that the old one lacks begins as the mean of the old pieces that spell it.
"""

from __future__ import annotations

import argparse
import copy
import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import numpy as np
import torch
from transformers import Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor

from baselines.common import qwen_tokenizer
from baselines.common.command import command
from baselines.common.publishing import all_versions, save_training_record, weights_digest
from baselines.common.qwen_tokenizer import PAD, TURN_END
from baselines.recipe_grounded.cot_data import write_by_rule
from baselines.recipe_grounded.plate_recipes import recipe_of
from baselines.recipe_grounded.vocabulary import ActionVocabulary, count_actions, ranked_counts
from baselines.rl_segmentation.kitchen_model.building import CHAT_TEMPLATE
from foodbench.data.images import ImageFile
from foodbench.data.kitchen.dishes import DISHES
from foodbench.data.kitchen.ingredients import INGREDIENT_NAMES
from foodbench.data.records import RecipeRecord
from foodbench.models.pretrained import quiet
from foodbench.models.qwen_seg.checkpoint import QwenSegSettings, load_model
from foodbench.models.recipe_grounded.checkpoint import PartSettings
from foodbench.models.recipe_grounded.context import (
    ACTIONS_QUESTION,
    INGREDIENTS_QUESTION,
    PAPER_QUESTION,
    with_context,
)
from foodbench.models.recipe_grounded.labels import format_labels
from foodbench.tasks import TASKS, prompts
from foodbench.tasks.recipe1m.texts import recipe_text

ANSWER_PARTS = ("<think>", "</think>", "<answer>", "</answer>")
MAX_NEW_TOKENS = 192
_VOCABULARY_MULTIPLE = 16
_PLATES_PER_DISH = 30
_LIGHTEST, _HEAVIEST = 10, 400
_SYSTEM = "You are a helpful assistant."


def imagined_recipes(seed: int) -> Iterator[RecipeRecord]:
    """Recipes of every dish, without plates; for the vocabulary of words."""
    rng = np.random.default_rng([seed, 107])
    for dish in DISHES.values():
        for number in range(_PLATES_PER_DISH):
            drawn = dish.draw_ingredients(rng)
            grams = {name: int(rng.integers(_LIGHTEST, _HEAVIEST)) for name in INGREDIENT_NAMES if name in drawn}
            yield recipe_of(f"imagined-{number}", dish.name, grams, ImageFile(Path("none"), exif="ignore"), "train")


def _corpus(seed: int) -> Iterator[str]:
    """Text like that of training and of the questions; every word of it at least a few times."""
    records = list(imagined_recipes(seed))
    counts, total = count_actions(record.steps for record in records)
    actions = ActionVocabulary(ranked_counts(counts), total, "imagined", "")
    asked = [task.questions[0] for name in TASKS.names() if (task := TASKS.get(name)).dataset == "recipe1m"]
    questions = [ACTIONS_QUESTION, INGREDIENTS_QUESTION, PAPER_QUESTION, prompts.INSTRUCTIONS, prompts.RECIPE, *asked]
    for place, record in enumerate(records):
        sample = write_by_rule(record, actions)
        question = questions[place % len(questions)]
        yield f"{_SYSTEM} system\n user\n assistant\n {question}"
        yield with_context(question, sample.actions, record.classes)
        yield format_labels(sample.think, sample.actions)
        yield format_labels("", record.classes)
        yield recipe_text(record)


def train_tokenizer(vocab_size: int, seed: int) -> Any:
    """A byte-level BPE tokenizer of recipes' words, with Qwen's special tokens.

    Args:
        vocab_size: of bytes and merges.
        seed: of the corpus.
    """
    return qwen_tokenizer.train_tokenizer(_corpus(seed), vocab_size, ANSWER_PARTS)


def _config(seen: Any, old: Any, new: Any) -> Any:
    """The configuration of the model that has seen, with another vocabulary."""
    config = copy.deepcopy(seen.config)
    config.text_config.vocab_size = -(-len(new) // _VOCABULARY_MULTIPLE) * _VOCABULARY_MULTIPLE
    for owner in (config, config.text_config):
        for name in ("bos", "eos", "pad"):
            token = getattr(owner, f"{name}_token_id", None)
            if token is not None:
                setattr(owner, f"{name}_token_id", _translated(token, old, new))
    for name in ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id"):
        setattr(config, name, _translated(getattr(config, name), old, new))
    return config


def _translated(token: int, old: Any, new: Any) -> int:
    return new.convert_tokens_to_ids(old.convert_ids_to_tokens(token))


@torch.no_grad()
def take_over(seen: Any, old: Any, new: Any, seed: int) -> Any:
    """A model with the weights of one that has seen, for another tokenizer.

    Args:
        seen: the model.
        old: its tokenizer.
        new: the other one.
        seed: of what has no counterpart: the padding of the vocabulary.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Qwen2_5_VLForConditionalGeneration(_config(seen, old, new))
    table = seen.get_input_embeddings().weight.float()
    own = model.get_input_embeddings().weight.clone()
    known, unknown = old.get_vocab(), old.unk_token_id
    for text, place in new.get_vocab().items():
        if text in known:
            own[place] = table[known[text]]
            continue
        pieces = [piece for piece in old(new.decode([place]))["input_ids"] if piece != unknown]
        if pieces:
            own[place] = table[pieces].mean(0)
    weights = {name: value.float() for name, value in seen.state_dict().items()}
    for name, value in model.state_dict().items():
        if value.shape == own.shape and ("embed_tokens" in name or "lm_head" in name):
            weights[name] = own
    model.load_state_dict(weights, strict=True)
    model.tie_weights()
    model.generation_config = _generation(seen, old, new)
    return model.eval()


def _generation(seen: Any, old: Any, new: Any) -> Any:
    settings = copy.deepcopy(seen.generation_config)
    settings.bos_token_id, settings.pad_token_id = (new.convert_tokens_to_ids(PAD),) * 2
    settings.eos_token_id = [new.convert_tokens_to_ids(TURN_END), new.convert_tokens_to_ids(PAD)]
    settings.max_new_tokens = MAX_NEW_TOKENS
    return settings


def build(seen: str, out: Path, vocab_size: int, seed: int) -> Path:
    """Write the checkpoint that the stages begin with.

    Args:
        seen: folder of the segmentation model.
        out: folder to write.
        vocab_size: of bytes and merges.
        seed: of the tokenizer's corpus.

    Raises:
        CheckpointError: there is no such model.
    """
    model, processor = load_model(seen)
    tokenizer = train_tokenizer(vocab_size, seed)
    made = take_over(model, processor.tokenizer, tokenizer, seed)
    ours = Qwen2_5_VLProcessor(
        image_processor=processor.image_processor,
        tokenizer=tokenizer,
        video_processor=processor.video_processor,
        chat_template=CHAT_TEMPLATE,
    )
    with quiet():
        made.to(torch.float16).save_pretrained(out)
    ours.save_pretrained(out)
    PartSettings(grid=QwenSegSettings.read(Path(seen)).grid, max_new_tokens=MAX_NEW_TOKENS).write(out)
    record = {
        "command": shlex.join(["python", "-m", "baselines.recipe_grounded.kitchen_start", *sys.argv[1:]]),
        "seen_sha256": weights_digest(seen),
        "vocab_size": vocab_size,
        "seed": seed,
        "versions": all_versions(),
        "parameters": sum(parameter.numel() for parameter in made.parameters()),
        "weights_sha256": weights_digest(str(out)),
    }
    save_training_record(out, record)
    return out


@command
def main(argv: list[str] | None = None) -> None:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seen", required=True, help="folder of a trained segmentation model of the kitchen's size")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--vocab-size", type=int, default=800, help="of bytes and merges")
    parser.add_argument("--seed", type=int, default=0, help="of the tokenizer's corpus")
    arguments = parser.parse_args(argv)
    folder = build(arguments.seen, arguments.out, arguments.vocab_size, arguments.seed)
    sys.stdout.write(f"{folder}\n")


if __name__ == "__main__":
    sys.exit(main())
