"""The training loss: text, masks and nutrition values of one micro-batch.

Source: FoodLMM (Yin et al., TMM 2025), section III-D, with the weights and normalisations that its released code has in
effect. Where the two differ (nutrition: a sum over heads rather than their mean), the code is followed.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint
from transformers.modeling_outputs import BaseModelOutputWithPooling

from baselines.foodlmm.paper.collating import IGNORED, Batch
from baselines.foodlmm.paper.settings import LossWeights
from foodbench.models.foodlmm import FoodLMMForConditionalGeneration
from foodbench.models.foodlmm.tokens import HEADS

Losses = dict[str, torch.Tensor]

_MASK_COUNT_EPSILON = 1e-8
_DICE_SCALE, _DICE_EPSILON = 1000.0, 1e-6


def upsample(logits: torch.Tensor, side: int, reshaped: tuple[int, int], original: tuple[int, int]) -> torch.Tensor:
    """Bring mask logits to their picture: to the padded square input, cut the padding, to the picture's size.

    Args:
        logits: (masks, rows, columns) of the mask decoder.
        side: of the mask branch's square input.
        reshaped: (height, width) of the picture in it.
        original: (height, width) of the picture.

    Returns:
        (masks, height, width) float32.
    """
    full = functional.interpolate(logits[:, None].float(), (side, side), mode="bilinear", align_corners=False)
    cut = full[..., : reshaped[0], : reshaped[1]]
    return functional.interpolate(cut, original, mode="bilinear", align_corners=False)[:, 0]


def mask_sums(
    logits: torch.Tensor, target: torch.Tensor, side: int, reshaped: tuple[int, int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Sums over one picture's masks of the pixels' mean binary cross entropy, and of the Dice loss.

    Args:
        logits: (masks, rows, columns) of the mask decoder.
        target: (masks, height, width) bool, at the picture's size.
        side: of the mask branch's square input.
        reshaped: (height, width) of the picture in it.
    """
    restored = upsample(logits, side, reshaped, (target.shape[1], target.shape[2])).flatten(1)
    wanted = target.flatten(1).float()
    entropy = functional.binary_cross_entropy_with_logits(restored, wanted, reduction="none").mean(1)
    # The scale keeps the sums small; it also makes the smoothing as weak as the released code's.
    predicted, wanted = restored.sigmoid() / _DICE_SCALE, wanted / _DICE_SCALE
    overlap = 2 * (predicted * wanted * _DICE_SCALE).sum(1) + _DICE_EPSILON
    dice = 1 - overlap / (predicted.sum(1) + wanted.sum(1) + _DICE_EPSILON)
    return entropy.sum(), dice.sum()


def nutrition_loss(predicted: torch.Tensor, target: torch.Tensor, heads: torch.Tensor, squared: float) -> torch.Tensor:
    """Mean of |e| + `squared` * e^2 within each head, summed over the heads that have values.

    Args:
        predicted: (values,) float32, kcal or grams.
        target: (values,) what they should be.
        heads: (values,) index into `HEADS`.
        squared: weight of the square.
    """
    error = predicted - target
    terms = error.abs() + squared * error.square()
    counts = torch.bincount(heads, minlength=len(HEADS))
    return (terms / counts[heads]).sum()


class LossModel(nn.Module):
    """A FoodLMM or LISA whose forward pass is its training loss, so that DDP and FSDP see all of it.

    Args:
        model: with adapters and the right parameters trainable.
        weights: of the losses.
        compute_dtype: of matrix products (autocast); float32 for none. Losses and nutrition heads are float32 anyway.
    """

    def __init__(
        self, model: FoodLMMForConditionalGeneration, weights: LossWeights, compute_dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__()
        self.model = model
        self._weights = weights
        self._compute_dtype = compute_dtype

    def train(self, mode: bool = True) -> LossModel:
        """Training mode, except for the frozen encoders."""
        super().train(mode)
        for frozen in (self.model.model.vision_tower, self.model.sam.vision_encoder, self.model.sam.prompt_encoder):
            frozen.eval()
        return self

    def forward(self, batch: Batch) -> Losses:
        """Weighted losses `text`, `bce`, `dice` and `nutrition`, and their sum `total`."""
        narrow = self._compute_dtype != torch.float32
        with torch.autocast(batch.input_ids.device.type, self._compute_dtype, enabled=narrow):
            hidden = self._hidden(batch)
            wanted = batch.labels[:, 1:]
            learned = wanted != IGNORED
            words = self.model.lm_head(hidden[:, :-1][learned])
            drawn = self._drawn(hidden, batch)
            predicted = self._predicted(hidden, batch)
        zero = self._anchor()
        bce, dice = self._mask_losses(drawn, batch, zero)
        nutrition = nutrition_loss(predicted, batch.value_targets, batch.values[:, 2], self._weights.squared)
        losses = {
            "text": self._weights.text * functional.cross_entropy(words.float(), wanted[learned]),
            "bce": self._weights.bce * bce,
            "dice": self._weights.dice * dice,
            "nutrition": self._weights.nutrition * nutrition,
        }
        return {**losses, "total": torch.stack(list(losses.values())).sum() + zero}

    def _hidden(self, batch: Batch) -> torch.Tensor:
        """(rows, length, hidden) normalised states of the language model."""
        with torch.no_grad():
            features = self.model.encode_images(batch.pixel_values.to(self.model.model.vision_tower.dtype))
        return self.model.model(
            input_ids=batch.input_ids,
            mm_encoder_outputs={"image": BaseModelOutputWithPooling(pooler_output=list(features))},
            use_cache=False,
        ).last_hidden_state

    def _drawn(self, hidden: torch.Tensor, batch: Batch) -> torch.Tensor | None:
        """(masks, rows, columns) logits of the mask decoder."""
        if not len(batch.segments):
            return None
        pictures, rows, positions = batch.segments.unbind(1)
        with torch.no_grad():
            embeddings = self.model.encode_for_masks(batch.sam_pixel_values.to(self.model.sam.vision_encoder.dtype))
        return self.model.decode_masks(embeddings, pictures, self.model.text_fc(hidden[rows, positions]))

    def _predicted(self, hidden: torch.Tensor, batch: Batch) -> torch.Tensor:
        """(values,) float32 kcal or grams; of a LISA, which has no heads, none."""
        if not self.model.config.nutrition_heads:
            return hidden.new_zeros(0, dtype=torch.float32)
        rows, positions, heads = batch.values.unbind(1)
        prompts = self.model.text_fc(hidden[rows, positions])
        with torch.autocast(hidden.device.type, enabled=False):
            return self.model.predict_nutrition(prompts.float(), heads)

    def _mask_losses(
        self, logits: torch.Tensor | None, batch: Batch, zero: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Cross entropy and Dice, each a mean over all masks of the micro-batch."""
        if logits is None:
            return zero, zero
        side = self.model.config.sam_config.vision_config.image_size
        sums = []
        for part, target, reshaped in zip(
            logits.split([len(mask) for mask in batch.masks]), batch.masks, batch.reshaped_sizes, strict=True
        ):
            # At the size of photos twenty masks fill gigabytes; kept are the decoder's small ones only.
            pair = checkpoint(mask_sums, part, target, side, reshaped, use_reentrant=False, preserve_rng_state=False)
            sums.append(torch.stack(pair))
        bce, dice = torch.stack(sums).sum(0) / (len(logits) + _MASK_COUNT_EPSILON)
        return bce, dice

    def _anchor(self) -> torch.Tensor:
        """Zero, with a gradient of zero for each part that a micro-batch may leave out.

        Devices must reduce the same set of gradients, whatever their micro-batches hold.
        """
        return torch.stack([parameter.sum() for parameter in self._optional()]).sum() * 0.0

    def _optional(self) -> Iterator[nn.Parameter]:
        parts = [self.model.sam.mask_decoder, self.model.text_fc]
        if self.model.config.nutrition_heads:
            parts.append(self.model.heads)
        for part in parts:
            yield from (parameter for parameter in part.parameters() if parameter.requires_grad)
