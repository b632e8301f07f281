"""Models of random weights that were taught nothing: a start of the kitchen's, and a LLaVA."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import (
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    GenerationConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
)

from baselines.recipe_grounded import kitchen_start
from foodbench.models.recipe_grounded.checkpoint import PartSettings
from tests.baselines.rl_segmentation.random_model import build

SIDE = 28
PATCH = 14
_LLAVA_TEMPLATE = (
    "{% for message in messages %}{{ message['role'].upper() }}: "
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<|image_pad|>\n{% elif part['type'] == 'text' %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}{% if message['role'] == 'assistant' %}<|im_end|>{% endif %} "
    "{% endfor %}{% if add_generation_prompt %}ASSISTANT: {% endif %}"
)


def seen(folder: Path) -> Path:
    """A segmentation model."""
    return build(folder, hidden=32, layers=2, vision=32, vocabulary=420, side=SIDE)


def start(folder: Path) -> Path:
    """What the kitchen's stages begin with."""
    return kitchen_start.build(str(seen(folder / "seen")), folder / "start", vocab_size=420, seed=0)


def llava(folder: Path) -> Path:
    """A LLaVA-1.5 of the smallest size."""
    torch.manual_seed(0)
    tokenizer = kitchen_start.train_tokenizer(420, 0)
    image = tokenizer.convert_tokens_to_ids("<|image_pad|>")
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(
            hidden_size=32,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            image_size=SIDE,
            patch_size=PATCH,
            projection_dim=32,
        ),
        text_config=LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=512,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
        ),
        image_token_id=image,
        vision_feature_layer=-1,
    )
    model = LlavaForConditionalGeneration(config)
    model.generation_config = GenerationConfig(
        do_sample=False, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id
    )
    tokenizer.image_token, tokenizer.image_token_id = "<|image_pad|>", image
    size = {"height": SIDE, "width": SIDE}
    processor = LlavaProcessor(
        image_processor=CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size=size),
        tokenizer=tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        image_token="<|image_pad|>",
        chat_template=_LLAVA_TEMPLATE,
    )
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    PartSettings(grid=SIDE, max_new_tokens=8).write(folder)
    return folder
