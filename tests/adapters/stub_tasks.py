"""Tasks whose samples a test writes down, with the answer forms of the real ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from foodbench.core.types import Answer, Mask, Nutrition, Request, Sample
from foodbench.data.images import ImageFile
from foodbench.metrics import masks
from foodbench.metrics.aggregate import Metric


@dataclass
class Loaded:
    samples: tuple[Sample, ...]


@dataclass
class StubTask:
    answer_kind: str
    train: Sequence[Sample]
    test: Sequence[Sample] = ()
    name: str = "stub.task"
    train_split: str = "train"
    protocol: str = "strict"
    metrics: Sequence[Metric] = ()

    def train_samples(self, choice: Any, *, limit: int | None = None, seed: int = 0) -> tuple[Sample, ...]:
        return tuple(self.train)[:limit]

    def load(self, choice: Any, *, limit: int | None = None, seed: int = 0) -> Loaded:
        return Loaded(tuple(self.test))

    def oracle(self, sample: Sample) -> Answer:
        reference = sample.reference
        if self.answer_kind == "label":
            return Answer(text=reference["dish"].replace("_", " "))
        if self.answer_kind == "nutrition":
            return Answer(text="", nutrition=Nutrition.from_mapping(reference))
        if self.answer_kind == "labels":
            return Answer(text=", ".join(reference["labels"]))
        if self.answer_kind == "text":
            return Answer(text=reference["text"])
        size = tuple(reference["size"])
        return Answer("", tuple(Mask(size, mask["counts"], mask["label"]) for mask in reference["masks"]))

    def request(self, sample: Sample) -> Request:
        return Request(self.name, sample.sample_id, sample.image, sample.question, sample.slots)


class Choice:
    root = Path("nowhere")


CHOICE = Choice()


def save_image(path: Path, pixels: np.ndarray) -> ImageFile:
    Image.fromarray(pixels.astype(np.uint8)).save(path)
    return ImageFile(path)


def label_sample(number: int, dish: str, image: Any = None) -> Sample:
    return Sample(f"s{number}", f"s{number}", image, "What is it?", {}, {"dish": dish})


def nutrition_sample(number: int, image: Any = None, **values: float) -> Sample:
    return Sample(f"s{number}", f"s{number}", image, "How much?", {}, values)


def mask_sample(number: int, ingredient: str, mask: np.ndarray, image: Any = None) -> Sample:
    coded = masks.encode(mask)
    masks_of = [{"label": ingredient, "counts": coded.counts}]
    reference = {"size": list(coded.size), "masks": masks_of, "absent": []}
    slots = {"ingredients": [ingredient]}
    return Sample(f"s{number}", f"s{number}", image, f"Where is {ingredient}?", slots, reference)


def labels_sample(number: int, *labels: str, image: Any = None) -> Sample:
    return Sample(f"s{number}", f"s{number}", image, "What is in it?", {}, {"labels": list(labels)})


def text_sample(number: int, text: str, image: Any = None) -> Sample:
    return Sample(f"s{number}", f"s{number}", image, "How is it made?", {}, {"text": text})
