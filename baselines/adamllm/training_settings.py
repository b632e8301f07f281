"""What a training run is told: read from YAML, or made from the paper's hyper-parameters; checked, frozen."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from baselines.adamllm.chat import ChatFormat, chat_format
from baselines.adamllm.hyperparameters import (
    HyperParameters,
    LearningRates,
    StageHyperParameters,
    load_hyperparameters,
)
from baselines.common.sections import NotNegative, Positive, Rate, Section, Share
from baselines.common.yaml_file import CONFIGS, load_yaml, recipe_path
from foodbench.core.errors import UsageError
from foodbench.models.adamllm.checkpoint import AskingSettings
from foodbench.models.adamllm.families import FAMILIES, LLAVA_SYSTEM

HERE = Path(__file__).resolve().parent
What = Literal["synthesizer", "single_stage", "two_stage", "rule"]
StageName = Literal["synthesizer", "single", "captions", "tasks"]
WHATS: tuple[What, ...] = get_args(What)
STAGES_OF: dict[What, tuple[StageName, ...]] = {
    "synthesizer": ("synthesizer",),
    "single_stage": ("single",),
    "two_stage": ("captions", "tasks"),
    "rule": ("captions", "tasks"),
}
"""Which stages are trained, one after the other. `rule` is the paper's comparison: two stages, tasks by rule."""
POST_TRAINED = ("llava", "qwen2_vl", "llama32")
_BEGINS_IN_LLAVA = FAMILIES["llava_next"].begins


class FormSettings(Section):
    """How conversations are written.

    Attributes:
        name: of `chat.FORMATS`.
        system: words of the system's turn instead of the format's; empty: no such turn.
        picture: what stands for the picture instead of the format's.
        begins: how often the begin-of-text token is written. LLaVA's training has two.
    """

    name: Literal["llama3", "chatml"]
    system: str | None = None
    picture: str | None = None
    begins: Positive = 1

    @property
    def form(self) -> ChatFormat:
        """The format with these changes."""
        form = chat_format(self.name)
        if self.system:
            form = form.with_system(self.system)
        return replace(
            form,
            system="" if self.system == "" else form.system,
            picture=form.picture if self.picture is None else self.picture,
            begin=form.begin * self.begins,
        )


class StageSettings(Section):
    """One stage.

    Attributes:
        name: of the file of samples, too.
        epochs: rounds through the samples; or
        steps: updates.
        batch: samples in an update, over all processes.
        micro_batch: of them go through the model at once on each process; None: all of its own.
        max_tokens: of a sample with its picture; what is beyond is cut off.
        learning_rates: peaks of the three parts; None: frozen.
        optimizer: AdamW, or Muon for the matrices inside of blocks and AdamW for the rest.
        scheduler: after the warm-up, down to nothing.
        warmup_share: of the updates.
        weight_decay: of matrices.
        beta2: of AdamW.
        max_norm: of the gradient.
        group_by_length: put samples of like length into an update, out of some that follow each other.
    """

    name: StageName
    epochs: Rate | None = None
    steps: Positive | None = None
    batch: Positive
    micro_batch: Positive | None = None
    max_tokens: Positive
    learning_rates: LearningRates
    optimizer: Literal["adamw", "muon"] = "adamw"
    scheduler: Literal["cosine", "linear", "constant"] = "cosine"
    warmup_share: Share = 0.0
    weight_decay: NotNegative = 0.0
    beta2: Annotated[float, Field(gt=0, lt=1)] = 0.999
    max_norm: Rate = 1.0
    group_by_length: bool = False

    @model_validator(mode="after")
    def _one_length(self) -> StageSettings:
        if (self.epochs is None) == (self.steps is None):
            raise ValueError("give either epochs or steps")
        return self

    def updates(self, samples: int) -> int:
        """How many updates there are."""
        return self.steps or max(1, math.ceil((self.epochs or 0) * samples / self.batch))


class TrainingSettings(Section):
    """A whole run.

    Attributes:
        start: checkpoint that it begins with: a folder, relative to the repository, or a repository of the Hub.
        form: how conversations are written.
        asking: how pictures are shown, in training as afterwards; written into the trained checkpoint.
        stages: of which `STAGES_OF` says which are trained.
        seed: of the order of samples.
        threads: of torch on a CPU; sums depend on it in the last digit.
        device: `cpu`, or `auto`, which takes GPUs if there are any.
        dtype: of the master weights.
        bf16: multiply in bfloat16 (autocast); not on a CPU.
        gradient_checkpointing: recompute activations instead of keeping them.
        published: type of the weights in the finished checkpoint.
        log_every: updates between lines of the log.
        save_every: updates between states that can be gone on from.
        workers: processes that prepare batches; 0: none besides the training one.
    """

    start: str
    form: FormSettings
    asking: AskingSettings = AskingSettings()
    stages: tuple[StageSettings, ...]
    seed: int = 0
    threads: Positive = 2
    device: Literal["cpu", "auto"] = "auto"
    dtype: Literal["float32", "bfloat16"] = "float32"
    bf16: bool = False
    gradient_checkpointing: bool = False
    published: Literal["float32", "bfloat16", "float16"] = "bfloat16"
    log_every: Positive = 10
    save_every: Positive = 200
    workers: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _different(self) -> TrainingSettings:
        names = [stage.name for stage in self.stages]
        if len(set(names)) != len(names):
            raise ValueError("a stage is there twice")
        return self

    def stages_of(self, what: What) -> list[StageSettings]:
        """The stages that are trained, in order.

        Raises:
            UsageError: one of them is not in the recipe.
        """
        by_name = {stage.name: stage for stage in self.stages}
        missing = [name for name in STAGES_OF[what] if name not in by_name]
        if missing:
            raise UsageError(
                f"The recipe has no stage '{missing[0]}', which {what} needs.",
                hint=f"It has: {', '.join(by_name)}.",
            )
        return [by_name[name] for name in STAGES_OF[what]]


_FORMS = {
    "llava": FormSettings(name="llama3", system=LLAVA_SYSTEM, begins=_BEGINS_IN_LLAVA),
    "synthesizer": FormSettings(name="llama3", system=LLAVA_SYSTEM, begins=_BEGINS_IN_LLAVA),
    "qwen2_vl": FormSettings(name="chatml"),
    # Its own template has no system's turn where there is a picture, and no line feed behind the picture.
    "llama32": FormSettings(name="llama3", system="", picture="<|image|>"),
}


def of_paper(parameters: HyperParameters) -> TrainingSettings:
    """The paper's hyper-parameters (Tables 9 to 11) as a run; DeepSpeed's stage is accelerate's to know."""
    return TrainingSettings(
        start=parameters.start,
        form=_FORMS[parameters.back_end],
        stages=tuple(_stage_of_paper(stage) for stage in parameters.stages),
        bf16=True,
        gradient_checkpointing=True,
        workers=4,
    )


def _stage_of_paper(stage: StageHyperParameters) -> StageSettings:
    return StageSettings(
        name=stage.name,
        epochs=stage.epochs,
        batch=stage.batch.global_size,
        micro_batch=stage.batch.per_device,
        max_tokens=stage.max_tokens,
        learning_rates=stage.learning_rates,
        scheduler=stage.scheduler,
        warmup_share=stage.warmup_share,
        weight_decay=stage.weight_decay,
    )


def load_training(config: str, what: What, back_end: str = "qwen2_vl") -> TrainingSettings:
    """The recipe that a command names.

    Args:
        config: `kitchen`, `single_gpu`, `paper`, or a YAML file of `TrainingSettings`.
        what: is trained.
        back_end: one of `POST_TRAINED`, for `paper`; the synthesiser's is fixed.

    Raises:
        DataMissing: no such file.
        UsageError: wrong keys or values.
    """
    if config == "paper":
        return of_paper(load_hyperparameters("synthesizer" if what == "synthesizer" else back_end))
    path = recipe_path(HERE, config, "synthesizer" if what == "synthesizer" else "post_training")
    return load_yaml(path, TrainingSettings, hint="See baselines/adamllm/training_settings.py.")


__all__ = [
    "CONFIGS",
    "POST_TRAINED",
    "STAGES_OF",
    "WHATS",
    "FormSettings",
    "StageSettings",
    "TrainingSettings",
    "What",
    "load_training",
    "of_paper",
]
