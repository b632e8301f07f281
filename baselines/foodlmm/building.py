"""The small model, its processor, and the helpers of training that are not shipped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import CLIPVisionConfig, LlamaConfig, SamConfig

from baselines.foodlmm.settings import ModelSettings, TrainSettings
from baselines.foodlmm.tokenizer import train_tokenizer
from foodbench.adapters.foodlmm import load_checkpoint
from foodbench.core.errors import UsageError
from foodbench.data.kitchen.ingredients import INGREDIENT_NAMES
from foodbench.models.foodlmm import (
    FoodLMMConfig,
    FoodLMMForConditionalGeneration,
    FoodLMMImageProcessor,
    FoodLMMProcessor,
)

REPOSITORY = Path(__file__).resolve().parents[2]


def build_processor(settings: ModelSettings, seed: int) -> FoodLMMProcessor:
    """Tokenizer and image processor of the small model."""
    tokenizer = train_tokenizer(settings.vocab_size, settings.max_segments, seed)
    tokenizer.model_max_length = settings.max_positions
    return FoodLMMProcessor(
        image_processor=FoodLMMImageProcessor(clip_size=settings.image_size, sam_size=settings.image_size),
        tokenizer=tokenizer,
        image_seq_length=settings.image_tokens,
        max_segments=settings.max_segments,
    )


def build_config(settings: ModelSettings, processor: FoodLMMProcessor, nutrition_scale: list[float]) -> FoodLMMConfig:
    """The small model's configuration."""
    tokenizer = processor.tokenizer
    return FoodLMMConfig(
        vision_config=CLIPVisionConfig(
            hidden_size=settings.clip_hidden,
            intermediate_size=settings.clip_hidden * 3,
            num_hidden_layers=settings.clip_layers,
            num_attention_heads=settings.clip_heads,
            image_size=settings.image_size,
            patch_size=settings.clip_patch,
            projection_dim=64,
        ),
        text_config=LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=settings.text_hidden,
            intermediate_size=settings.text_hidden * 11 // 4,
            num_hidden_layers=settings.text_layers,
            num_attention_heads=settings.text_heads,
            num_key_value_heads=settings.text_heads,
            max_position_embeddings=settings.max_positions,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        ),
        sam_config=_sam_config(settings),
        image_seq_length=processor.image_seq_length,
        vision_feature_layer=-1,
        nutrition_heads=settings.max_segments > 0,
        nutrition_scale=nutrition_scale,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **processor.token_ids(),
    )


def _sam_config(settings: ModelSettings) -> SamConfig:
    channels = settings.mask_channels
    return SamConfig(
        vision_config={
            "hidden_size": settings.sam_hidden,
            "output_channels": channels,
            "num_hidden_layers": settings.sam_layers,
            "num_attention_heads": settings.sam_heads,
            "image_size": settings.image_size,
            "patch_size": settings.sam_patch,
            "mlp_ratio": 3.0,
            "use_rel_pos": False,
            "window_size": settings.sam_window,
            "global_attn_indexes": _spread(settings.sam_global_layers, settings.sam_layers),
            "num_pos_feats": channels // 2,
            # The default of 1e-10 is meant for loading weights, not for training from nothing.
            "initializer_range": 0.02,
        },
        prompt_encoder_config={
            "hidden_size": channels,
            "image_size": settings.image_size,
            "patch_size": settings.sam_patch,
        },
        mask_decoder_config={
            "hidden_size": channels,
            "mlp_dim": channels * 4,
            "num_attention_heads": settings.mask_heads,
            "iou_head_hidden_dim": channels,
            "num_multimask_outputs": 1,
        },
    )


def _spread(count: int, layers: int) -> list[int]:
    """That many layers' places, as in SAM: evenly spread, the last among them."""
    return [layers * number // count - 1 for number in range(1, count + 1)]


def build_model(config: FoodLMMConfig, seed: int) -> FoodLMMForConditionalGeneration:
    """Fresh weights that train from nothing."""
    torch.manual_seed(seed)
    model = FoodLMMForConditionalGeneration(config)
    with torch.no_grad():
        frequencies = model.sam.shared_image_embedding.positional_embedding
        # SAM draws its position code for 1,024 px (deviation = half its width): far too fine for a grid of 16 x 16.
        # Rounded to half precision at once, because that is how the checkpoint will hold it.
        frequencies.normal_(0, 1).copy_(frequencies.half().float())
        model.sam.vision_encoder.pos_embed.normal_(0, 0.02)
        if config.nutrition_heads:
            for head in model.heads.values():
                head.bias.fill_(1.0)  # the mean, in units of `nutrition_scale`
    frequencies.requires_grad_(False)
    return model


def begin(
    settings: TrainSettings, nutrition_scale: list[float]
) -> tuple[FoodLMMForConditionalGeneration, FoodLMMProcessor]:
    """The model that training begins with, and its processor: a new one, or that of a checkpoint.

    Args:
        settings: the recipe.
        nutrition_scale: units of a new model's heads.

    Raises:
        CheckpointError: the checkpoint is missing or damaged.
        UsageError: it takes pictures of another size than the recipe's.
    """
    if settings.start_from is not None:
        torch.manual_seed(settings.seed)
        model, processor = load_checkpoint(REPOSITORY / settings.start_from)
        side = processor.image_processor.clip_size
        if side != settings.data.side:
            raise UsageError(
                f"{settings.start_from} takes pictures of {side} px, the recipe has {settings.data.side}.",
                hint=f"Set data.side to {side}.",
            )
        model.sam.shared_image_embedding.positional_embedding.requires_grad_(False)
        return model, processor
    if settings.model is None:
        raise UsageError("The recipe names neither a model nor a checkpoint.", hint="Give model or start_from.")
    processor = build_processor(settings.model, settings.seed)
    return build_model(build_config(settings.model, processor, nutrition_scale), settings.seed), processor


class Scaffold(nn.Module):
    """Parts that help training and are dropped afterwards.

    The first stage teaches both image encoders without the language model: CLIP's projected patches to resemble the
    word embeddings of what lies there, SAM's to name what lies there, and the mask decoder to draw an ingredient from
    one learned prompt vector each (`prompts`). In the second stage the language model learns to write those prompts.
    """

    def __init__(self, config: FoodLMMConfig, processor: FoodLMMProcessor) -> None:
        super().__init__()
        classes = len(INGREDIENT_NAMES) + 1
        channels = config.sam_config.mask_decoder_config.hidden_size
        self.prompts = nn.Embedding(classes, channels)
        self.sam_classes = nn.Conv2d(channels, classes, 1)
        self.background = nn.Parameter(torch.randn(config.text_config.hidden_size) * 0.02)
        self.patch_bias = nn.Parameter(torch.zeros(classes))
        words = [processor.tokenizer(f" {name}", add_special_tokens=False)["input_ids"] for name in INGREDIENT_NAMES]
        length = max(map(len, words))
        ids = torch.tensor([row + [0] * (length - len(row)) for row in words])
        share = torch.tensor([[1 / len(row)] * len(row) + [0.0] * (length - len(row)) for row in words])
        self.register_buffer("word_ids", ids, persistent=False)
        self.register_buffer("word_share", share, persistent=False)

    def patch_logits(self, features: torch.Tensor, embeddings: Any) -> torch.Tensor:
        """Compare projected patches with the words of the ingredients.

        Args:
            features: (images, patches, hidden) as the language model sees them.
            embeddings: the language model's input embeddings.

        Returns:
            (images, ingredients + 1, patches).
        """
        words = (embeddings(self.word_ids) * self.word_share[..., None]).sum(1)
        weight = torch.cat([self.background[None], words])
        # Embeddings start small; the factor lets the softmax become sharp without their growing first.
        return (features @ weight.T * 4.0 + self.patch_bias).transpose(1, 2)
