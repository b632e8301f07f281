"""The losses of both stages."""

from __future__ import annotations

import torch
from torch.nn import functional

from baselines.foodlmm.building import Scaffold
from baselines.foodlmm.devices import Placement
from baselines.foodlmm.packing import IGNORED, ImageBatch, TurnBatch, area_fractions, mask_targets
from baselines.foodlmm.settings import JointSettings
from foodbench.models.foodlmm import FoodLMMForConditionalGeneration

Losses = dict[str, torch.Tensor]


def soft_cross_entropy(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Cross entropy against class shares; classes on axis 1."""
    return -(target * logits.log_softmax(1)).sum(1).mean()


def dice_loss(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """One minus the Dice coefficient, smoothed by one pixel, averaged over masks."""
    predicted, wanted = logits.sigmoid().flatten(1), target.flatten(1)
    overlap = 2 * (predicted * wanted).sum(1) + 1
    return (1 - overlap / (predicted.sum(1) + wanted.sum(1) + 1)).mean()


def cumulative_iou(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Cumulative IoU of a batch at the decoder's resolution, for the log."""
    predicted, wanted = logits > 0, target > 0.5
    return (predicted & wanted).sum() / (predicted | wanted).sum().clamp(min=1)


def pretraining_losses(
    model: FoodLMMForConditionalGeneration,
    scaffold: Scaffold,
    images: ImageBatch,
    masks: torch.Tensor,
    placement: Placement,
) -> Losses:
    """First stage: what lies in each patch, and masks from one learned prompt per ingredient.

    Args:
        model: the model.
        scaffold: training-only parts.
        images: pictures and label maps.
        masks: (masks, 2) row and ingredient number to draw.
        placement: arithmetic of the networks; the losses are float32.
    """
    with placement.autocast():
        features = model.encode_images(images.pixel_values)
        embeddings = model.encode_for_masks(images.sam_pixel_values)
        logits = model.decode_masks(embeddings, masks[:, 0], scaffold.prompts(masks[:, 1]))
    features, embeddings, logits = features.float(), embeddings.float(), logits.float()
    target = mask_targets(images.sam_labels, masks[:, 0], masks[:, 1], logits.shape[-1])
    sam_patch = model.config.sam_config.vision_config.patch_size
    return {
        "patch_words": _patch_words(model, scaffold, features, images),
        "sam_classes": soft_cross_entropy(
            scaffold.sam_classes(embeddings), area_fractions(images.sam_labels, sam_patch)
        ),
        "bce": 2.0 * functional.binary_cross_entropy_with_logits(logits, target),
        "dice": 0.5 * dice_loss(logits, target),
        "ciou": cumulative_iou(logits.detach(), target),
    }


def _patch_words(
    model: FoodLMMForConditionalGeneration, scaffold: Scaffold, features: torch.Tensor, images: ImageBatch
) -> torch.Tensor:
    fractions = area_fractions(images.clip_labels, model.config.vision_config.patch_size)
    return soft_cross_entropy(scaffold.patch_logits(features, model.get_input_embeddings()), fractions.flatten(2))


def joint_losses(
    model: FoodLMMForConditionalGeneration,
    scaffold: Scaffold,
    images: ImageBatch,
    turns: TurnBatch,
    settings: JointSettings,
    placement: Placement,
) -> Losses:
    """Second stage: text, masks, nutrition; each already weighted.

    SAM's encoder is not trained here: the gradient of random prompts would spoil what the first stage taught it.
    What special tokens ask for is read out in float32, whatever the networks' arithmetic.
    """
    wanted = turns.labels[:, 1:]
    supervised = wanted != IGNORED
    with placement.autocast():
        encoded = model.get_image_features(images.pixel_values, return_dict=True)
        hidden = model.model(
            input_ids=turns.input_ids,
            attention_mask=turns.attention_mask,
            position_ids=turns.position_ids,
            mm_encoder_outputs={"image": encoded},
            use_cache=False,
        ).last_hidden_state
        words = model.lm_head(hidden[:, :-1][supervised])
    hidden = hidden.float()
    features = torch.stack(list(encoded.pooler_output)).float()
    losses = {"text": functional.cross_entropy(words.float(), wanted[supervised])}
    if settings.patch_words:
        losses["patch_words"] = settings.patch_words * _patch_words(model, scaffold, features, images)
    losses |= _mask_losses(model, scaffold, hidden, images, turns.segments, settings, placement)
    rows, positions, heads = turns.values.unbind(1)
    if len(rows):
        scale = torch.tensor(model.config.nutrition_scale, device=heads.device)[heads]
        predicted = model.predict_nutrition(model.text_fc(hidden[rows, positions]), heads)
        losses["nutrition"] = settings.nutrition * functional.l1_loss(predicted / scale, turns.value_targets / scale)
    return losses


def _mask_losses(
    model: FoodLMMForConditionalGeneration,
    scaffold: Scaffold,
    hidden: torch.Tensor,
    images: ImageBatch,
    segments: torch.Tensor,
    settings: JointSettings,
    placement: Placement,
) -> Losses:
    rows, positions, numbers = segments.unbind(1)
    if not len(rows):
        return {}
    with torch.no_grad(), placement.autocast():
        embeddings = model.encode_for_masks(images.sam_pixel_values)
    prompts = model.text_fc(hidden[rows, positions])
    # Every prompt is compared with the one that the first stage learned; drawing is dear, so only some are drawn.
    drawn = slice(settings.masks_drawn)
    with placement.autocast():
        logits = model.decode_masks(embeddings, rows[drawn], prompts[drawn])
    logits = logits.float()
    target = mask_targets(images.sam_labels, rows[drawn], numbers[drawn], logits.shape[-1])
    return {
        "bce": settings.bce * functional.binary_cross_entropy_with_logits(logits, target),
        "dice": settings.dice * dice_loss(logits, target),
        "alignment": settings.alignment * functional.mse_loss(prompts, scaffold.prompts.weight[numbers].detach()),
        "ciou": cumulative_iou(logits.detach(), target),
    }
