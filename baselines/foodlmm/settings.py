"""What a training run is told: read from YAML, checked, frozen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from baselines.common.sections import Positive, Section, known_families
from baselines.common.yaml_file import load_recipe
from baselines.foodlmm.dialogues import CONVERSATIONS

DEVICE_NAMES = r"^(auto|cpu|cuda(:\d+)?)$"
Precision = Literal["fp32", "bf16"]
Rate = Annotated[float, Field(gt=0)]


class SizeShare(Section):
    """One size of rendered plates.

    Attributes:
        size: (height, width) in pixels.
        share: its weight among the training plates.
    """

    size: tuple[Positive, Positive]
    share: Rate


class DataSettings(Section):
    """Rendered plates.

    Attributes:
        stream: name of the seed stream, disjoint from those of the benchmark's datasets.
        train_plates: how many different plates to learn from.
        val_plates: how many plates of the validation stream to measure on at the end.
        monitor_plates: how many of them to measure on during training.
        sizes: the mix of picture sizes.
        side: of the model's two inputs in pixels.
    """

    stream: str = "foodlmm"
    train_plates: Positive
    val_plates: Positive
    monitor_plates: Positive
    sizes: tuple[SizeShare, ...]
    side: Positive = 128


class ModelSettings(Section):
    """Shapes of the model.

    Attributes:
        vocab_size: of the byte-pair tokenizer, special tokens not counted.
        max_segments: numbered ingredients; 0 makes a LISA, which has one `[SEG]` and no nutrition heads.
        image_size: side of both branches' input in pixels.
        clip_patch, sam_patch: patch sides in pixels.
        clip_hidden, clip_layers, text_hidden, text_layers, sam_hidden, sam_layers: widths and depths.
        clip_heads, text_heads, sam_heads, mask_heads: attention heads of both encoders, the language model and the mask
            decoder.
        max_positions: of the language model, the picture's among them.
        sam_window: side of the windows that the mask branch's layers look at, in patches.
        sam_global_layers: how many of its layers look at the whole picture: evenly spread, the last among them.
        mask_channels: width of the mask decoder.
    """

    vocab_size: Positive
    max_segments: Annotated[int, Field(ge=0)]
    image_size: Positive
    clip_patch: Positive
    clip_hidden: Positive
    clip_layers: Positive
    text_hidden: Positive
    text_layers: Positive
    sam_patch: Positive
    sam_hidden: Positive
    sam_layers: Positive
    sam_window: Positive
    mask_channels: Positive
    clip_heads: Positive = 4
    text_heads: Positive = 4
    sam_heads: Positive = 4
    mask_heads: Positive = 4
    max_positions: Positive = 512
    sam_global_layers: Positive = 1

    @property
    def image_tokens(self) -> int:
        """How many tokens a picture takes."""
        return (self.image_size // self.clip_patch) ** 2

    @model_validator(mode="after")
    def _divisible(self) -> ModelSettings:
        grid = self.image_size // self.sam_patch
        for name, value, divisor, reason in (
            ("image_size", self.image_size, self.clip_patch, "clip_patch"),
            ("image_size", self.image_size, self.sam_patch, "sam_patch"),
            ("image_size / sam_patch", grid, self.sam_window, "sam_window"),
            ("sam_patch", self.sam_patch, 4, "4, the mask decoder's enlargement"),
            ("clip_hidden", self.clip_hidden, self.clip_heads, "clip_heads"),
            ("text_hidden", self.text_hidden, 2 * self.text_heads, "twice text_heads, for the rotary code"),
            ("sam_hidden", self.sam_hidden, self.sam_heads, "sam_heads"),
            ("mask_channels", self.mask_channels, 2 * self.mask_heads, "twice mask_heads"),
            ("mask_channels", self.mask_channels, 8, "8, by which the mask decoder narrows"),
        ):
            if value % divisor:
                raise ValueError(f"{name} ({value}) must be a multiple of {reason} ({divisor})")
        if self.sam_global_layers > self.sam_layers:
            raise ValueError(f"sam_global_layers ({self.sam_global_layers}) must not exceed sam_layers")
        return self


class StageSettings(Section):
    """One stage's schedule: linear warm-up, then linear decay to `final_share` of the learning rate.

    Attributes:
        steps: optimiser steps.
        images: plates per step.
        learning_rate: of both optimisers (Muon's updates are scaled to AdamW's size).
        warmup: steps.
        final_share: of the learning rate at the end.
        vision_share: of the learning rate for the image encoders and the mask decoder.
    """

    steps: Positive
    images: Positive
    learning_rate: Rate
    warmup: Positive
    final_share: Rate = 0.05
    vision_share: Rate = 1.0


class JointSettings(StageSettings):
    """The second stage.

    Attributes:
        row_tokens: length of a plate's row; it takes as many independent questions as fit, so that little is padding.
        masks_drawn: masks per step that the mask decoder draws.
        families: weight of each family of questions.
        bce, dice, nutrition, alignment, patch_words: weights of the losses beside the text's.
    """

    row_tokens: Positive
    masks_drawn: Positive
    families: dict[str, Rate]
    bce: float = 2.0
    dice: float = 0.5
    nutrition: float = 1.0
    alignment: float = 1.0
    patch_words: float = 0.5

    @field_validator("families")
    @classmethod
    def _known(cls, families: dict[str, float]) -> dict[str, float]:
        return known_families(families, CONVERSATIONS)


class TrainSettings(Section):
    """A whole run.

    Attributes:
        seed: of weights, data order and questions.
        threads: of torch; part of the settings because sums depend on it in the last digit.
        device: `cpu`, `cuda`, `cuda:1`, ..., or `auto`: a GPU if there is one. Sums depend on it too, but a run may go
            on elsewhere.
        precision: `bf16` multiplies matrices in bfloat16; weights, losses and nutrition stay in float32.
        log_every: steps whose mean losses make one line of the log.
        save_every: steps between resumable states; a multiple of `log_every`, so that no line is torn apart.
        validate_every: joint steps between measurements.
        start_from: folder of a trained checkpoint to go on from, relative to the repository.
        model: shapes of a new model instead.
        pretrain: a new model's first stage.
        joint: the stage that trains everything; without it others go on from the pretrained checkpoint.
    """

    seed: int
    threads: Positive = 2
    device: Annotated[str, Field(pattern=DEVICE_NAMES)] = "cpu"
    precision: Precision = "fp32"
    log_every: Positive = 25
    save_every: Positive = 200
    validate_every: Positive = 500
    data: DataSettings
    start_from: Path | None = None
    model: ModelSettings | None = None
    pretrain: StageSettings | None = None
    joint: JointSettings | None = None

    @model_validator(mode="after")
    def _consistent(self) -> TrainSettings:
        if self.save_every % self.log_every:
            raise ValueError(f"save_every ({self.save_every}) must be a multiple of log_every ({self.log_every})")
        if (self.start_from is None) != (self.model is not None):
            raise ValueError("either start_from (a checkpoint) or model (shapes of a new one) must be given")
        if (self.start_from is None) != (self.pretrain is not None):
            raise ValueError("a new model needs the stage pretrain, a trained one must not have it")
        if self.start_from is not None and self.joint is None:
            raise ValueError("the stage joint is missing: there is nothing to train")
        if self.model is not None and self.model.image_size != self.data.side:
            raise ValueError(f"data.side is {self.data.side}, but model.image_size {self.model.image_size}")
        if self.model is not None and self.joint is not None:
            room = range(self.model.image_tokens + 1, self.model.max_positions + 1)
            if self.joint.row_tokens not in room:
                raise ValueError(
                    f"joint.row_tokens ({self.joint.row_tokens}) must exceed the {self.model.image_tokens} tokens "
                    f"of a picture and at most model.max_positions ({self.model.max_positions})"
                )
        return self


def load_settings(path: Path) -> TrainSettings:
    """Read a recipe of the kitchen size; raises as `load_recipe`."""
    return load_recipe(path, TrainSettings, hint="See baselines/foodlmm/settings.py.")
