"""Very small models of each family, of random weights, with tokenizers that know bytes and special tokens only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    GenerationConfig,
    LlavaNextConfig,
    LlavaNextForConditionalGeneration,
    LlavaNextImageProcessor,
    LlavaNextProcessor,
    MllamaConfig,
    MllamaForConditionalGeneration,
    MllamaImageProcessor,
    MllamaProcessor,
    PreTrainedTokenizerFast,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen2VLImageProcessor,
    Qwen2VLProcessor,
    Qwen2VLVideoProcessor,
)

from tests.baselines.rl_segmentation.random_model import SPECIALS as QWEN_SPECIALS
from tests.baselines.rl_segmentation.random_model import TEMPLATE as QWEN_TEMPLATE

LLAMA_SPECIALS = (
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|eot_id|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<image>",
    "<|image|>",
    "<|python_tag|>",
    "<|pad|>",
)
LLAMA_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "<|start_header_id|>{{ message['role'] }}<|end_header_id|>\n\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<|image|>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)


def tokenizer(specials: tuple[str, ...], begin: str | None, end: str, pad: str) -> PreTrainedTokenizerFast:
    """Bytes and special tokens."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    core = Tokenizer(models.BPE(vocab={letter: place for place, letter in enumerate(alphabet)}, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    core.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in specials])
    return PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token=begin, eos_token=end, pad_token=pad, padding_side="left"
    )


def _saved(model: Any, processor: Any, folder: Path, stops: list[int]) -> Path:
    words = processor.tokenizer
    model.generation_config = GenerationConfig(do_sample=False, eos_token_id=stops, pad_token_id=words.pad_token_id)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def qwen2_vl(folder: Path) -> Path:
    """A Qwen2-VL."""
    torch.manual_seed(0)
    words = tokenizer(QWEN_SPECIALS, None, "<|im_end|>", "<|endoftext|>")
    ids = {name: words.convert_tokens_to_ids(name) for name in QWEN_SPECIALS}
    config = Qwen2VLConfig(
        text_config={
            **{"vocab_size": len(words), "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2},
            **{"num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 4096},
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 3, 3]},
            **{"bos_token_id": None, "eos_token_id": ids["<|im_end|>"], "pad_token_id": ids["<|endoftext|>"]},
        },
        vision_config={
            **{"depth": 1, "embed_dim": 16, "hidden_size": 32, "num_heads": 2, "mlp_ratio": 2},
            **{"patch_size": 14, "spatial_merge_size": 2, "temporal_patch_size": 2},
        },
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
    )
    processor = Qwen2VLProcessor(
        image_processor=Qwen2VLImageProcessor(),
        tokenizer=words,
        video_processor=Qwen2VLVideoProcessor(),
        chat_template=QWEN_TEMPLATE,
    )
    return _saved(Qwen2VLForConditionalGeneration(config), processor, folder, [ids["<|im_end|>"]])


def _llama_words() -> PreTrainedTokenizerFast:
    return tokenizer(LLAMA_SPECIALS, "<|begin_of_text|>", "<|eot_id|>", "<|pad|>")


def llava_next(folder: Path) -> Path:
    """A LLaVA-NeXT over Llama 3's tokens, without a chat template."""
    torch.manual_seed(0)
    words = _llama_words()
    config = LlavaNextConfig(
        text_config={
            **{"model_type": "llama", "vocab_size": len(words), "hidden_size": 32, "intermediate_size": 48},
            **{"num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1},
            **{"max_position_embeddings": 4096, "pad_token_id": words.pad_token_id},
        },
        vision_config={
            **{"model_type": "clip_vision_model", "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2},
            **{"num_attention_heads": 2, "image_size": 28, "patch_size": 14, "projection_dim": 16},
        },
        image_token_index=words.convert_tokens_to_ids("<image>"),
        image_grid_pinpoints=[[28, 56], [56, 28], [56, 56]],
        vision_feature_layer=-1,
    )
    side = {"height": 28, "width": 28}
    processor = LlavaNextProcessor(
        image_processor=LlavaNextImageProcessor(
            size={"shortest_edge": 28}, crop_size=side, image_grid_pinpoints=[[28, 56], [56, 28], [56, 56]]
        ),
        tokenizer=words,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
    )
    stops = [words.convert_tokens_to_ids("<|end_of_text|>")]
    return _saved(LlavaNextForConditionalGeneration(config), processor, folder, stops)


def mllama(folder: Path) -> Path:
    """A Llama-3.2-Vision."""
    torch.manual_seed(0)
    words = _llama_words()
    config = MllamaConfig(
        text_config={
            **{"vocab_size": len(words), "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2},
            **{"num_attention_heads": 2, "num_key_value_heads": 1, "cross_attention_layers": [1]},
            **{"max_position_embeddings": 4096, "pad_token_id": words.pad_token_id},
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
            **{"bos_token_id": words.bos_token_id, "eos_token_id": words.eos_token_id},
        },
        vision_config={
            **{"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_global_layers": 1},
            **{"attention_heads": 2, "image_size": 28, "patch_size": 14, "vision_output_dim": 32},
            **{"intermediate_layers_indices": [1], "max_num_tiles": 2},
            "supported_aspect_ratios": [[1, 1], [1, 2], [2, 1]],
        },
        image_token_index=words.convert_tokens_to_ids("<|image|>"),
    )
    processor = MllamaProcessor(
        image_processor=MllamaImageProcessor(size={"height": 28, "width": 28}, max_image_tiles=2),
        tokenizer=words,
        chat_template=LLAMA_TEMPLATE,
    )
    return _saved(MllamaForConditionalGeneration(config), processor, folder, [words.eos_token_id])


FAMILIES = {"qwen2_vl": qwen2_vl, "llava_next": llava_next, "mllama": mllama}
