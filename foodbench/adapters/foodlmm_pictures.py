"""Pictures of a batch, made ready ahead of the model; what the model made of them serves all their questions."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from foodbench.core.types import ImageSource, Request

CACHE_BYTES = 512 * 2**20
"""Room for what encoders made of pictures: at the paper's size (bfloat16, 4 MB) some 120 pictures, of the small model's
all."""

Size = tuple[int, int]


@dataclass(slots=True)
class Encoded:
    """What is known of a picture.

    Attributes:
        reshaped: (height, width) inside the mask branch's square.
        original: (height, width) of the picture.
        features: (patches, hidden) for the language model.
        embedding: (channels, grid, grid) for masks; None until a mask of it was asked for.
    """

    reshaped: Size
    original: Size
    features: torch.Tensor
    embedding: torch.Tensor | None = None

    @property
    def bytes(self) -> int:
        """Memory that the tensors take."""
        return sum(each.nbytes for each in (self.features, self.embedding) if each is not None)


@dataclass(frozen=True, slots=True)
class Prepared:
    """The pictures of a batch, opened as far as they have to be.

    Attributes:
        keys: each request's picture.
        images: how to open each picture again.
        views: the image processor's tensors of those that were not known, each with a batch of one.
    """

    keys: tuple[str, ...]
    images: dict[str, ImageSource]
    views: dict[str, Any]


class PictureCache:
    """Encodes each picture once, for as long as it fits into memory; the least recently used ones go first.

    Args:
        model: the model, on its device.
        image_processor: its image processor.
        limit: bytes.
    """

    def __init__(self, model: Any, image_processor: Any, limit: int = CACHE_BYTES) -> None:
        self._model = model
        self._image_processor = image_processor
        self._limit = limit
        self._known: OrderedDict[str, Encoded] = OrderedDict()

    def prepare(self, requests: Sequence[Request]) -> Prepared:
        """Open and resize what is not known yet. Works beside the model, in another thread.

        Raises:
            DataMissing, DataCorrupt: a picture cannot be read.
        """
        keys = tuple(request.image.fingerprint() for request in requests)
        images = {key: request.image for key, request in zip(keys, requests, strict=True)}
        views = {key: self._view(image) for key, image in images.items() if key not in self._known}
        return Prepared(keys, images, views)

    def encode(self, prepared: Prepared) -> list[Encoded]:
        """What is known of each request's picture, with its features."""
        new = [key for key in prepared.images if key not in self._known]
        for key in new:
            # Another batch may have pushed out what was known when this one was prepared.
            if key not in prepared.views:
                prepared.views[key] = self._view(prepared.images[key])
        if new:
            pixels = self._on_device(torch.cat([prepared.views[key]["pixel_values"] for key in new]))
            for key, features in zip(new, self._model.encode_images(pixels), strict=True):
                view = prepared.views[key]
                reshaped, original = view["reshaped_input_sizes"][0].tolist(), view["original_sizes"][0].tolist()
                self._known[key] = Encoded(tuple(reshaped), tuple(original), features.clone())
        found = [self._known[key] for key in prepared.keys]
        for key in prepared.keys:
            self._known.move_to_end(key)
        self._trim()
        return found

    def embed(self, prepared: Prepared, encoded: Sequence[Encoded], rows: Sequence[int]) -> torch.Tensor:
        """(rows, channels, grid, grid): the mask branch's embeddings of the pictures of these rows."""
        new = {prepared.keys[row]: encoded[row] for row in rows if encoded[row].embedding is None}
        if new:
            views = [prepared.views.get(key) or self._view(prepared.images[key]) for key in new]
            pixels = self._on_device(torch.cat([view["sam_pixel_values"] for view in views]))
            for each, embedding in zip(new.values(), self._model.encode_for_masks(pixels), strict=True):
                each.embedding = embedding.clone()
            self._trim()
        found = (encoded[row].embedding for row in rows)
        return torch.stack([embedding for embedding in found if embedding is not None])

    def _view(self, image: ImageSource) -> Any:
        return self._image_processor([image.open()])

    def _on_device(self, pixels: torch.Tensor) -> torch.Tensor:
        return pixels.to(self._model.device, self._model.dtype)

    def _trim(self) -> None:
        held = sum(each.bytes for each in self._known.values())
        while held > self._limit and len(self._known) > 1:
            _, dropped = self._known.popitem(last=False)
            held -= dropped.bytes


__all__ = ["Encoded", "PictureCache", "Prepared"]
