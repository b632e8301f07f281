"""The small model and its processor."""

from __future__ import annotations

import math
from typing import Any

import torch
from transformers import (
    GenerationConfig,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2VLImageProcessor,
    Qwen2VLVideoProcessor,
)

from baselines.common.qwen_tokenizer import IMAGE_TOKEN, PAD, TURN_END, VIDEO_TOKEN, VISION_END, VISION_START
from baselines.rl_segmentation.kitchen_model.settings import ShapeSettings
from baselines.rl_segmentation.kitchen_model.tokenizer import number_tokens, train_tokenizer
from foodbench.models.qwen_seg.prompting import SYSTEM

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if loop.first and message['role'] != 'system' %}"
    f"<|im_start|>system\n{SYSTEM}<|im_end|>\n"
    "{% endif %}"
    "<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' or 'image' in part or 'image_url' in part %}"
    f"{VISION_START}{IMAGE_TOKEN}{VISION_END}"
    "{% elif part['type'] == 'video' or 'video' in part %}"
    f"{VISION_START}{VIDEO_TOKEN}{VISION_END}"
    "{% elif 'text' in part %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""Renders chats as Qwen2.5-VL's template does."""
_TEXT_BASE, _VISION_BASE = 30.0, 100.0
"""Of the rotary codes. With Qwen's own (a million) seven columns have the same code to the third digit, and a model
of this width would not learn where anything is."""
_VOCABULARY_MULTIPLE = 16
_WAVES = 12
_MAX_NEW_TOKENS = 256


def build_processor(shape: ShapeSettings, seed: int) -> Any:
    """Tokenizer and image processor, which takes squares of the grid's size as they are."""
    pixels = shape.grid * shape.grid
    options = {
        "min_pixels": pixels,
        "max_pixels": pixels,
        "patch_size": shape.patch,
        "merge_size": shape.merge,
    }
    return Qwen2_5_VLProcessor(
        image_processor=Qwen2VLImageProcessor(**options),
        tokenizer=train_tokenizer(shape.vocab_size, shape.grid, seed),
        video_processor=Qwen2VLVideoProcessor(**options),
        chat_template=CHAT_TEMPLATE,
    )


def build_config(shape: ShapeSettings, tokenizer: Any) -> Qwen2_5_VLConfig:
    """The small model's configuration; every layer of its vision tower looks at the whole picture."""
    half = shape.text_hidden // shape.text_heads // 2
    time = half // 8
    height = (half - time) // 2
    ids = {
        "bos_token_id": tokenizer.convert_tokens_to_ids(PAD),
        "eos_token_id": tokenizer.convert_tokens_to_ids(TURN_END),
        "pad_token_id": tokenizer.convert_tokens_to_ids(PAD),
    }
    return Qwen2_5_VLConfig(
        text_config={
            "vocab_size": math.ceil(len(tokenizer) / _VOCABULARY_MULTIPLE) * _VOCABULARY_MULTIPLE,
            "hidden_size": shape.text_hidden,
            "intermediate_size": shape.text_inner,
            "num_hidden_layers": shape.text_layers,
            "num_attention_heads": shape.text_heads,
            "num_key_value_heads": shape.text_pairs,
            "max_position_embeddings": 4096,
            "tie_word_embeddings": True,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": _TEXT_BASE,
                "mrope_section": [time, height, half - time - height],
            },
            **ids,
        },
        vision_config={
            "depth": shape.vision_layers,
            "hidden_size": shape.vision_hidden,
            "intermediate_size": shape.vision_inner,
            "num_heads": shape.vision_heads,
            "patch_size": shape.patch,
            "spatial_merge_size": shape.merge,
            "temporal_patch_size": 2,
            "window_size": shape.grid,
            "out_hidden_size": shape.text_hidden,
            "rope_parameters": {"rope_type": "axial", "rope_theta": _VISION_BASE},
            "fullatt_block_indexes": list(range(shape.vision_layers)),
        },
        image_token_id=tokenizer.convert_tokens_to_ids(IMAGE_TOKEN),
        video_token_id=tokenizer.convert_tokens_to_ids(VIDEO_TOKEN),
        vision_start_token_id=tokenizer.convert_tokens_to_ids(VISION_START),
        vision_end_token_id=tokenizer.convert_tokens_to_ids(VISION_END),
        tie_word_embeddings=True,
    )


def build_model(shape: ShapeSettings, tokenizer: Any, seed: int) -> Any:
    """A model with random weights, the same for the same seed."""
    config = build_config(shape, tokenizer)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Qwen2_5_VLForConditionalGeneration(config)
        _order_numbers(model, tokenizer, shape.grid)
    model.generation_config = GenerationConfig(
        do_sample=False,
        max_new_tokens=_MAX_NEW_TOKENS,
        bos_token_id=config.text_config.bos_token_id,
        eos_token_id=[config.text_config.eos_token_id, config.text_config.bos_token_id],
        pad_token_id=config.text_config.pad_token_id,
    )
    return model


def number_ids(tokenizer: Any, grid: int) -> torch.Tensor:
    """(grid + 1,) ids of the coordinates' tokens."""
    return torch.tensor(tokenizer.convert_tokens_to_ids(number_tokens(grid)))


@torch.no_grad()
def _order_numbers(model: Any, tokenizer: Any, grid: int) -> None:
    """Let the embeddings of numbers begin on a smooth curve, so that near ones are alike."""
    embeddings = model.get_input_embeddings().weight
    ids = number_ids(tokenizer, grid)
    size = embeddings[ids].std()
    waves = torch.logspace(-0.3, 1.0, _WAVES)
    angles = math.pi * torch.arange(grid + 1)[:, None] / grid * waves
    curve = torch.cat([angles.cos(), angles.sin()], 1) @ torch.randn(2 * _WAVES, embeddings.shape[1])
    embeddings[ids] = curve / curve.std() * size
