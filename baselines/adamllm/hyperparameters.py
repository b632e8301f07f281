"""The paper's hyper-parameters (Tables 9 to 11) as files, checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from baselines.common.sections import Positive, Rate, Section, Share
from baselines.common.yaml_file import load_yaml
from foodbench.core.errors import UnknownName

HERE = Path(__file__).resolve().parent
BACK_ENDS = ("synthesizer", "llava", "qwen2_vl", "llama32")


class Batch(Section):
    """How the global batch comes about: samples per device, devices, accumulated steps (in whatever order)."""

    global_size: Positive
    per_device: Positive
    devices: Positive
    accumulation: Positive

    @model_validator(mode="after")
    def _multiplies(self) -> Batch:
        product = self.per_device * self.devices * self.accumulation
        if product != self.global_size:
            raise ValueError(f"per_device x devices x accumulation is {product}, not {self.global_size}")
        return self


class LearningRates(Section):
    """Peaks; None where that part is frozen."""

    projector: Rate | None
    language: Rate | None
    vision: Rate | None

    @model_validator(mode="after")
    def _something(self) -> LearningRates:
        if self.projector is None and self.language is None and self.vision is None:
            raise ValueError("everything is frozen")
        return self


class StageHyperParameters(Section):
    """One stage of training.

    Attributes:
        name: `synthesizer`, `single`, `captions` or `tasks`; the last three are `conversations.STAGES`.
        epochs: over the data.
        batch: the global batch.
        max_tokens: of a sample.
        learning_rates: of the three parts.
        scheduler: after the warm-up.
        warmup_share: of the steps.
        weight_decay: of the optimiser.
        precision: of the matrices.
        sharding: DeepSpeed's stage.
    """

    name: Literal["synthesizer", "single", "captions", "tasks"]
    epochs: Positive
    batch: Batch
    max_tokens: Positive
    learning_rates: LearningRates
    scheduler: Literal["cosine"]
    warmup_share: Share
    weight_decay: Annotated[float, Field(ge=0)]
    precision: Literal["bf16"]
    sharding: Literal["zero2", "zero3"]


class HyperParameters(Section):
    """One back end.

    Attributes:
        back_end: one of `BACK_ENDS`.
        start: the checkpoint that training begins from.
        chat_format: of `chat.FORMATS`.
        stages: what is trained in one stage, and in two.
        hours: on eight A100-80GB, by source of captions (Tables 9 and 11).
        notes: where the paper and the released instructions differ.
        alternatives: learning rates of the released instructions where they differ.
    """

    back_end: Literal["synthesizer", "llava", "qwen2_vl", "llama32"]
    start: str
    chat_format: Literal["llama3", "chatml"]
    stages: tuple[StageHyperParameters, ...]
    hours: dict[str, Rate]
    notes: tuple[str, ...] = ()
    alternatives: dict[str, LearningRates] = Field(default_factory=dict)

    def stage(self, name: str) -> StageHyperParameters:
        """A stage by its name.

        Raises:
            UnknownName: there is none.
        """
        for stage in self.stages:
            if stage.name == name:
                return stage
        raise UnknownName.of("stage", name, (stage.name for stage in self.stages))


def load_hyperparameters(name_or_path: str | Path) -> HyperParameters:
    """Hyper-parameters of a back end of the paper, or from a file.

    Raises:
        DataMissing: no such file.
        UsageError: wrong keys or values.
    """
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml"):
        path = HERE / "paper" / f"{name_or_path}.yaml"
    return load_yaml(path, HyperParameters, hint="See baselines/adamllm/hyperparameters.py.")
