"""The model that training begins with: a converted FoodLMM or LISA, with adapters on its language model."""

from __future__ import annotations

from pathlib import Path

import torch
from peft import LoraConfig, inject_adapter_in_model
from torch import nn
from transformers import AddedToken

from baselines.foodlmm.paper.settings import ModelSettings
from foodbench.adapters.foodlmm import load_checkpoint
from foodbench.core.errors import CheckpointError, UsageError
from foodbench.core.hashing import stable_seed
from foodbench.models.foodlmm import FoodLMMForConditionalGeneration, FoodLMMProcessor
from foodbench.models.foodlmm.tokens import HEADS, special_tokens

PRECISIONS: dict[str, torch.dtype] = {"bf16": torch.bfloat16, "fp32": torch.float32}
ADAPTER = "default"
MAX_SEGMENTS = 20

_ADAPTED = r"model\.language_model\.layers\.\d+\.self_attn\.(q_proj|v_proj)"
_TRAINED = ("sam.mask_decoder.", "text_fc.", "heads.")
_EMBEDDINGS = ("model.language_model.embed_tokens.", "lm_head.")


def begin(settings: ModelSettings, seed: int) -> tuple[FoodLMMForConditionalGeneration, FoodLMMProcessor]:
    """Load the checkpoint to start from, make a FoodLMM of a LISA unless it is to stay one, and add the adapters.

    Args:
        settings: with `start_from`.
        seed: of new weights.

    Raises:
        CheckpointError: the checkpoint is missing, damaged, not in the released form, or a FoodLMM where a LISA is to
            be trained.
        UsageError: no checkpoint is named.
    """
    if settings.start_from is None:
        raise UsageError(
            "No checkpoint to start from.",
            hint="Convert LISA-7B or FoodLMM-Chat (python -m foodbench.models.foodlmm.convert), give --start-from DIR.",
        )
    model, processor = _load(settings.start_from, PRECISIONS[settings.precision])
    if settings.architecture == "lisa" and processor.conversation != "lisa":
        raise CheckpointError(
            f"{settings.start_from} is a FoodLMM, and model.architecture is lisa: no LISA can be made of it.",
            hint="Start from a converted LISA-7B, or train a FoodLMM (model.architecture: foodlmm).",
        )
    if settings.architecture == "foodlmm" and processor.conversation == "lisa":
        processor = grow(model, processor, seed)
    prepare(model, settings, seed)
    return model, processor


def _load(folder: Path, dtype: torch.dtype) -> tuple[FoodLMMForConditionalGeneration, FoodLMMProcessor]:
    model, processor = load_checkpoint(folder, dtype)
    if processor.conversation is None:
        raise CheckpointError(
            f"{folder} is a small FoodLMM with a tokenizer of its own.",
            hint="This training starts from a converted FoodLMM-Chat or LISA-7B; the small one has its own trainer.",
        )
    return model, processor


def grow(model: FoodLMMForConditionalGeneration, processor: FoodLMMProcessor, seed: int) -> FoodLMMProcessor:
    """Make a FoodLMM of a LISA: 125 tokens and ten nutrition heads more. The read-out network and SAM stay.

    Args:
        model: changed in place.
        processor: its tokenizer is changed in place.
        seed: of the new rows and heads.

    Returns:
        the processor of the grown model.
    """
    tokenizer, config = processor.tokenizer, model.config
    before = len(tokenizer)
    tokenizer.add_tokens([AddedToken(token, normalized=False) for token in special_tokens(MAX_SEGMENTS)])
    grown = FoodLMMProcessor(
        image_processor=processor.image_processor,
        tokenizer=tokenizer,
        image_seq_length=processor.image_seq_length,
        max_segments=MAX_SEGMENTS,
        conversation="foodlmm",
        context=processor.context,
    )
    rows = max(len(tokenizer), model.get_input_embeddings().num_embeddings)
    generator = torch.Generator().manual_seed(stable_seed("foodlmm", "grow", seed) % 2**63)
    model.resize_token_embeddings(rows, mean_resizing=False)
    with torch.no_grad():
        for table in (model.get_input_embeddings(), model.get_output_embeddings()):
            fresh = torch.empty(rows - before, table.weight.shape[1])
            fresh.normal_(0.0, config.text_config.initializer_range, generator=generator)
            table.weight[before:] = fresh
        channels = config.sam_config.mask_decoder_config.hidden_size
        model.heads = nn.ModuleDict({name: nn.Linear(channels, 1) for name in HEADS})
        for head in model.heads.values():
            # As torch begins a linear layer, but from this generator.
            for parameter in (head.weight, head.bias):
                parameter.uniform_(-(channels**-0.5), channels**-0.5, generator=generator)
    config.nutrition_heads = True
    for name, value in grown.token_ids().items():
        setattr(config, name, value)
    return grown


def prepare(model: FoodLMMForConditionalGeneration, settings: ModelSettings, seed: int) -> None:
    """Add the adapters, choose what is trained, and hold that in float32. In place."""
    lora = LoraConfig(
        r=settings.lora.rank,
        lora_alpha=settings.lora.alpha,
        lora_dropout=settings.lora.dropout,
        bias="none",
        target_modules=_ADAPTED,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stable_seed("foodlmm", "lora", seed) % 2**63)
        inject_adapter_in_model(lora, model, adapter_name=ADAPTER)
    # What is learned in float32 is also to be read in it.
    model.config.heads_dtype = "float32"
    trained = (*_TRAINED, *_EMBEDDINGS) if settings.train_embeddings else _TRAINED
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("lora_" in name or name.startswith(trained))
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    if settings.gradient_checkpointing:
        language = model.model.language_model
        language.activation_checkpointing_enable(activation_checkpointing_kwargs={"use_reentrant": False})


def trainable(model: nn.Module) -> dict[str, nn.Parameter]:
    """The trained parameters by name."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
