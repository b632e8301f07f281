"""What a supervised run is told: read from YAML, checked, frozen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from baselines.common.sections import Positive, Section, Share, known_families
from baselines.common.yaml_file import load_recipe
from baselines.foodlmm.settings import DataSettings
from baselines.rl_segmentation.kitchen_model.examples import FAMILIES

Rate = Annotated[float, Field(gt=0)]


class ShapeSettings(Section):
    """Shapes of the model, in Qwen2.5-VL's terms.

    Attributes:
        vocab_size: of the byte-pair tokenizer, added tokens not counted.
        grid: side in pixels of the square that pictures are squashed to; answers are in its pixels.
        patch: side of a patch in pixels.
        merge: patches a side that make one token of the language model.
        vision_hidden, vision_layers, vision_heads, vision_inner: of the vision tower.
        text_hidden, text_layers, text_heads, text_pairs, text_inner: of the language model; `text_pairs` are its heads
            of keys and values.
    """

    vocab_size: Positive
    grid: Positive
    patch: Positive
    merge: Positive
    vision_hidden: Positive
    vision_layers: Positive
    vision_heads: Positive
    vision_inner: Positive
    text_hidden: Positive
    text_layers: Positive
    text_heads: Positive
    text_pairs: Positive
    text_inner: Positive

    @property
    def cells(self) -> int:
        """Visual tokens a side."""
        return self.grid // (self.patch * self.merge)

    @model_validator(mode="after")
    def _divisible(self) -> ShapeSettings:
        for name, value, divisor, reason in (
            ("grid", self.grid, self.patch * self.merge, "patch x merge"),
            ("vision_hidden", self.vision_hidden, 4 * self.vision_heads, "four times vision_heads"),
            ("text_hidden", self.text_hidden, 2 * self.text_heads, "twice text_heads"),
            ("text_heads", self.text_heads, self.text_pairs, "text_pairs"),
        ):
            if value % divisor:
                raise ValueError(f"{name} ({value}) must be a multiple of {reason} ({divisor})")
        return self


class StageSettings(Section):
    """One stage's schedule: linear warm-up, then linear decay to `final_share` of the learning rate.

    Attributes:
        steps: optimiser steps.
        plates: per step.
        learning_rate: of both optimisers (Muon's updates are scaled to AdamW's size).
        warmup: steps.
        final_share: of the learning rate at the end.
    """

    steps: Positive
    plates: Positive
    learning_rate: Rate
    warmup: Positive
    final_share: Rate = 0.05


class AnswerSettings(StageSettings):
    """The stage that learns to answer.

    Attributes:
        questions: about each plate of a step; they share the plate's visual tokens. Of a half of a step's plates only
            those with at most one reference are asked, so that long rows are together.
        families: weight of each family of questions.
        single_until: share of the stage in which only questions with at most one reference are asked.
        template_weight: in the loss, of tokens that are the same in every answer.
        spread: standard deviation in grid pixels of the target around a coordinate, at the beginning.
        final_spread: the same at the end.
        box_weight: in the loss, of the auxiliary head, at the beginning.
        seeing_weight: of the first stage's losses, at the beginning.
        helped_until: share of the stage at which both weights have come down to 0.
        vision_share: of the learning rate for the vision tower.
    """

    questions: Positive
    families: dict[str, Rate]
    single_until: Share = 0.08
    template_weight: Share = 0.25
    spread: Rate = 2.0
    final_spread: Rate = 0.8
    box_weight: float = 3.0
    seeing_weight: float = 0.5
    helped_until: Rate = 1.0
    vision_share: Rate = 0.5

    @field_validator("plates")
    @classmethod
    def _even(cls, plates: int) -> int:
        if plates % 2:
            raise ValueError("must be even: of a half of the plates only easy questions are asked")
        return plates

    @field_validator("families")
    @classmethod
    def _known(cls, families: dict[str, float]) -> dict[str, float]:
        return known_families(families, FAMILIES)


class SftSettings(Section):
    """A whole run.

    Attributes:
        seed: of weights, data order and questions.
        threads: of torch; part of the settings because sums depend on it in the last digit.
        log_every: steps whose mean losses make one line of the log.
        save_every: steps between resumable states; a multiple of `log_every`.
        measure_every: answering steps between measurements.
        publish_at: answering steps after which a checkpoint is published besides the last; 0 is the untrained model.
        data: rendered plates.
        shape: of the model.
        seeing: the stage that warms the vision tower up.
        answering: the stage that learns to answer.
    """

    seed: int
    threads: Positive = 2
    log_every: Positive = 25
    save_every: Positive = 200
    measure_every: Positive = 500
    publish_at: tuple[Annotated[int, Field(ge=0)], ...] = ()
    data: DataSettings
    shape: ShapeSettings
    seeing: StageSettings
    answering: AnswerSettings

    @model_validator(mode="after")
    def _consistent(self) -> SftSettings:
        if self.save_every % self.log_every:
            raise ValueError(f"save_every ({self.save_every}) must be a multiple of log_every ({self.log_every})")
        return self


def load_settings(path: Path) -> SftSettings:
    """Read a recipe; raises as `load_recipe`."""
    return load_recipe(path, SftSettings, hint="See baselines/rl_segmentation/kitchen_model/settings.py.")
