"""Pictures into FoodLMM's two branches, and masks back to the picture.

The language branch (CLIP) sees the centre square, resized; the mask branch (SAM) sees the whole picture, its longest
side resized, padded on the right and at the bottom. Source: FoodLMM's released code, which follows LISA and SAM.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional
from transformers import BatchFeature
from transformers.image_processing_utils import BaseImageProcessor
from transformers.image_utils import (
    IMAGENET_DEFAULT_MEAN,
    IMAGENET_DEFAULT_STD,
    OPENAI_CLIP_MEAN,
    OPENAI_CLIP_STD,
)


def clip_view(
    image: Image.Image, side: int, resample: Image.Resampling = Image.Resampling.BICUBIC
) -> NDArray[np.uint8]:
    """The centre square of a picture: shortest side resized to `side`, then cropped.

    Returns:
        (side, side) plus the image's channels, uint8.
    """
    width, height = image.size
    shortest = min(width, height)
    resized = image.resize((side * width // shortest, side * height // shortest), resample)
    left, top = (resized.width - side) // 2, (resized.height - side) // 2
    return np.asarray(resized.crop((left, top, left + side, top + side)), dtype=np.uint8)


def sam_view(
    image: Image.Image, side: int, resample: Image.Resampling = Image.Resampling.BILINEAR
) -> NDArray[np.uint8]:
    """The whole picture with its longest side resized to `side`, not yet padded.

    Returns:
        (height, width) plus the image's channels, uint8; the longer of the two is `side`.
    """
    width, height = image.size
    scale = side / max(width, height)
    size = (max(1, int(width * scale + 0.5)), max(1, int(height * scale + 0.5)))
    return np.asarray(image.resize(size, resample), dtype=np.uint8)


class FoodLMMImageProcessor(BaseImageProcessor):
    """Makes both pixel tensors of a batch of pictures of any sizes, and maps masks back to those sizes.

    Attributes:
        clip_size: side of the language branch's square input in pixels.
        sam_size: side of the mask branch's padded square input in pixels.
        clip_mean, clip_std, sam_mean, sam_std: normalisation of pixels in [0, 1].
    """

    model_input_names = ["pixel_values", "sam_pixel_values"]  # noqa: RUF012 - the base class's way

    def __init__(
        self,
        clip_size: int = 224,
        sam_size: int = 1024,
        clip_mean: Sequence[float] = OPENAI_CLIP_MEAN,
        clip_std: Sequence[float] = OPENAI_CLIP_STD,
        sam_mean: Sequence[float] = IMAGENET_DEFAULT_MEAN,
        sam_std: Sequence[float] = IMAGENET_DEFAULT_STD,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("image_processor_type", None)
        super().__init__(**kwargs)
        self.clip_size = clip_size
        self.sam_size = sam_size
        self.clip_mean, self.clip_std = list(clip_mean), list(clip_std)
        self.sam_mean, self.sam_std = list(sam_mean), list(sam_std)

    def preprocess(self, images: Sequence[Image.Image], **_: Any) -> BatchFeature:
        """Preprocess RGB pictures.

        Returns:
            `pixel_values` (batch, 3, clip_size, clip_size), `sam_pixel_values` (batch, 3, sam_size, sam_size), both
            float32; `original_sizes` and `reshaped_input_sizes` (batch, 2) as (height, width).
        """
        pictures = [image.convert("RGB") for image in images]
        views = [sam_view(picture, self.sam_size) for picture in pictures]
        return BatchFeature(
            {
                "pixel_values": self.normalise_clip(
                    np.stack([clip_view(picture, self.clip_size) for picture in pictures])
                ),
                "sam_pixel_values": torch.stack([self.normalise_sam(view) for view in views]),
                "original_sizes": torch.tensor([[picture.height, picture.width] for picture in pictures]),
                "reshaped_input_sizes": torch.tensor([view.shape[:2] for view in views]),
            }
        )

    def normalise_clip(self, views: NDArray[np.uint8]) -> torch.Tensor:
        """Pixels of the language branch: (batch, side, side, 3) uint8 to (batch, 3, side, side) float32."""
        return _normalise(views, self.clip_mean, self.clip_std)

    def normalise_sam(self, view: NDArray[np.uint8]) -> torch.Tensor:
        """Pixels of the mask branch: one (height, width, 3) uint8 view to a zero-padded (3, side, side) float32."""
        pixels = _normalise(view[None], self.sam_mean, self.sam_std)[0]
        return functional.pad(pixels, (0, self.sam_size - pixels.shape[2], 0, self.sam_size - pixels.shape[1]))

    def restore_mask(
        self, logits: torch.Tensor, reshaped_input_size: tuple[int, int], original_size: tuple[int, int]
    ) -> NDArray[np.bool_]:
        """Bring a mask to its picture: upsample to the padded input, cut the padding, resize, threshold at 0.

        Args:
            logits: (rows, columns) of the mask decoder.
            reshaped_input_size: (height, width) of the picture in the mask branch's input.
            original_size: (height, width) of the picture.

        Returns:
            (height, width) of the picture.
        """
        full = functional.interpolate(
            logits[None, None].float(), (self.sam_size, self.sam_size), mode="bilinear", align_corners=False
        )
        cut = full[..., : reshaped_input_size[0], : reshaped_input_size[1]]
        restored = functional.interpolate(cut, tuple(original_size), mode="bilinear", align_corners=False)
        return (restored[0, 0] > 0).cpu().numpy()


def _normalise(views: NDArray[np.uint8], mean: Sequence[float], std: Sequence[float]) -> torch.Tensor:
    pixels = torch.from_numpy(np.array(views)).permute(0, 3, 1, 2).float() / 255
    return (pixels - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)


__all__ = ["FoodLMMImageProcessor", "clip_view", "sam_view"]
