"""A Qwen2.5-VL of random weights and the kitchen model's size, built without any download."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import (
    GenerationConfig,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2Tokenizer,
    Qwen2VLImageProcessor,
    Qwen2VLVideoProcessor,
)
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

PATCH = 14
SPECIALS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|object_ref_start|>",
    "<|object_ref_end|>",
    "<|box_start|>",
    "<|box_end|>",
    "<|quad_start|>",
    "<|quad_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
TEMPLATE = (
    "{% for message in messages %}"
    "{% if loop.first and message['role'] != 'system' %}"
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
    "{% endif %}"
    "<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif part['type'] == 'text' %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_SENTENCES = (
    'Please find "the egg" with bboxs and points.',
    '<think>The egg is at the top left.</think><answer>[{"bbox_2d": [1, 2, 30, 40], "point_2d": [5, 6]}]</answer>',
    "You are a helpful assistant. system user assistant rice pasta steak tomato lettuce corn",
)


def _tokenizer(vocabulary: int) -> Qwen2Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PRETOKENIZE_REGEX), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=vocabulary - len(SPECIALS), initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(list(_SENTENCES) * 20, trainer)
    pieces = json.loads(tokenizer.to_str())["model"]
    return Qwen2Tokenizer(
        vocab=pieces["vocab"],
        merges=[tuple(merge) for merge in pieces["merges"]],
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        unk_token="<|endoftext|>",
        additional_special_tokens=list(SPECIALS),
        padding_side="left",
    )


def _config(tokenizer: Qwen2Tokenizer, hidden: int, layers: int, vision: int) -> Qwen2_5_VLConfig:
    ids = {name: tokenizer.convert_tokens_to_ids(name) for name in SPECIALS}
    half_head = hidden // 4 // 2
    first, second = half_head // 4, (half_head - half_head // 4) // 2
    return Qwen2_5_VLConfig(
        text_config={
            "vocab_size": -(-len(tokenizer) // 16) * 16,
            "hidden_size": hidden,
            "intermediate_size": 3 * hidden,
            "num_hidden_layers": layers,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 1024,
            "bos_token_id": ids["<|endoftext|>"],
            "eos_token_id": ids["<|im_end|>"],
            "pad_token_id": ids["<|endoftext|>"],
            "tie_word_embeddings": True,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10000.0,
                "mrope_section": [first, second, half_head - first - second],
            },
        },
        vision_config={
            "depth": layers,
            "hidden_size": vision,
            "intermediate_size": 2 * vision,
            "num_heads": 2,
            "patch_size": PATCH,
            "spatial_merge_size": 1,
            "temporal_patch_size": 2,
            "window_size": 8 * PATCH,
            "out_hidden_size": hidden,
            "fullatt_block_indexes": [layers - 1],
        },
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=True,
    )


def build(
    folder: Path, *, hidden: int = 96, layers: int = 3, vision: int = 64, vocabulary: int = 600, side: int = 98
) -> Path:
    """Write a plain Qwen2.5-VL folder (`qwen_seg.json` included) and return it."""
    torch.manual_seed(0)
    tokenizer = _tokenizer(vocabulary)
    model = Qwen2_5_VLForConditionalGeneration(_config(tokenizer, hidden, layers, vision))
    model.generation_config = GenerationConfig(
        do_sample=False,
        eos_token_id=[tokenizer.eos_token_id, tokenizer.pad_token_id],
        pad_token_id=tokenizer.pad_token_id,
    )
    shapes = {"min_pixels": PATCH * PATCH, "max_pixels": side * side, "patch_size": PATCH, "merge_size": 1}
    processor = Qwen2_5_VLProcessor(
        image_processor=Qwen2VLImageProcessor(**shapes),
        tokenizer=tokenizer,
        video_processor=Qwen2VLVideoProcessor(**shapes),
        chat_template=TEMPLATE,
    )
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    settings = {
        "prompt": 'Please find "{question}" with bboxs and points.',
        "grid": side,
        "segmenter": "colour",
        "max_new_tokens": 72,
    }
    (folder / "qwen_seg.json").write_text(json.dumps(settings))
    return folder
