"""What a run with TRL is told, reinforcement learning or supervised: read from YAML, checked, frozen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from baselines.foodlmm.settings import DataSettings, load_recipe
from baselines.rl_segmentation.rewards import RewardSettings
from baselines.rl_segmentation.sampling_settings import SamplingSettings

Algorithm = Literal["sft", "grpo", "dapo"]
ALGORITHMS: tuple[Algorithm, ...] = ("sft", "grpo", "dapo")
CONFIGS = ("kitchen", "single_gpu", "paper")
HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
Positive = Annotated[int, Field(gt=0)]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PlatesSource(_Section):
    """Rendered plates that no benchmark asks about.

    Attributes:
        source: tells the two kinds apart.
        plates: the training plates. Of the validation plates the first `monitor_plates` are measured on while training,
            the others up to `val_plates` when it is finished.
        families: weight of each family of questions (`kitchen_model.examples.FAMILIES`).
        questions: training questions, each about one plate.
        most_references: that a question may have.
        seed: of the questions; the run's own seed leaves them as they are.
    """

    source: Literal["plates"]
    plates: DataSettings
    families: dict[str, Rate]
    questions: Positive
    most_references: Positive = 5
    seed: int = 0

    @field_validator("families")
    @classmethod
    def _known(cls, families: dict[str, float]) -> dict[str, float]:
        from baselines.rl_segmentation.kitchen_model.examples import FAMILIES

        unknown = sorted(set(families) - set(FAMILIES))
        if unknown or not families:
            raise ValueError(f"unknown families {unknown}; known: {', '.join(FAMILIES)}")
        return families


class ReasonSegSource(_Section):
    """FoodReasonSeg's training dialogues.

    Attributes:
        source: tells the two kinds apart.
        edition: `real` or `kitchen`; None: the real one if it is registered.
        allow_partial: of a real copy that misses pairs.
        target: what a question is answered with in training: `composite`, the masks of all answers of its dialogue
            (the paper's choice), or `turn`, those of its own answer. Validation takes the turn, as the paper does.
        boxes: `masks`, a box for each mask; `components`, one for each connected piece of more than
            `least_area` of the picture; `one`, a single box.
        duplicates: masks that overlap more (IoU) are one.
        least_area: of a component, as a share of the picture.
        filter: a segmenter, as `load_segmenter` takes it: what it does not draw well from the right box and point is
            left out (VisionReasoner's preparation).
        filter_iou: the least IoU for that.
        validation: share of the training photos that is kept apart to measure on.
        most_validation: questions to measure on, at most.
    """

    source: Literal["foodreasonseg"]
    edition: Literal["real", "kitchen"] | None = None
    allow_partial: bool = False
    target: Literal["composite", "turn"] = "composite"
    boxes: Literal["masks", "components", "one"] = "masks"
    duplicates: Share = 0.9
    least_area: Share = 0.001
    filter: str | None = None
    filter_iou: Share = 0.6
    validation: Annotated[float, Field(gt=0, lt=1)] = 0.1
    most_validation: Positive = 200


class ModelSettings(_Section):
    """Where training begins. What is asked how, and the grid, come from the checkpoint's `qwen_seg.json`.

    Attributes:
        start: checkpoint folder, relative to the repository, or a repository of the Hub.
        dtype: of the master weights; a learning rate of 1e-6 is lost in bfloat16.
        bf16: multiply in bfloat16 (autocast); not on a CPU.
        gradient_checkpointing: recompute activations instead of keeping them.
        attention: implementation, e.g. `sdpa` or `flash_attention_2`.
        freeze: leave the vision tower, or the language model, as it is.
        published: type of the weights in the finished checkpoint.
    """

    start: str
    dtype: Literal["float32", "bfloat16"] = "float32"
    bf16: bool = False
    gradient_checkpointing: bool = False
    attention: str = "sdpa"
    freeze: Literal["vision", "language"] | None = None
    published: Literal["float32", "bfloat16", "float16"] = "float16"


class LoraSettings(_Section):
    """Adapters instead of all weights.

    Attributes:
        rank, alpha, dropout: as in peft.
        targets: names of modules, or `all-linear`.
        exclude: regular expression of modules that get none; by default those of the vision tower.
    """

    rank: Positive = 64
    alpha: Positive = 128
    dropout: Share = 0.0
    targets: str | tuple[str, ...] = "all-linear"
    exclude: str | None = r".*visual.*"


class VllmSettings(_Section):
    """Generation by vLLM instead of transformers, as TRL offers it.

    Attributes:
        mode: `colocate`, on the GPUs that train, or `server`, a running `trl vllm-serve`.
        memory: share of a GPU's memory, for `colocate`.
        tensor_parallel: GPUs that share the model, for `colocate`.
        sleep: free the memory while weights are updated, for `colocate`.
        server: address of the server, for `server`.
    """

    mode: Literal["colocate", "server"] = "colocate"
    memory: Annotated[float, Field(gt=0, lt=1)] = 0.3
    tensor_parallel: Positive = 1
    sleep: bool = True
    server: str | None = None

    @model_validator(mode="after")
    def _reachable(self) -> VllmSettings:
        if self.mode == "server" and not self.server:
            raise ValueError("vllm.server (an address) is missing")
        return self


class RolloutSettings(_Section):
    """What is generated for one batch of updates.

    Attributes:
        prompts: questions in a rollout, over all processes.
        completions: of each question, G in the paper.
        updates: optimiser steps per rollout. With one, the ratio of new to old probabilities is always 1 and no bound
            clips anything.
        max_tokens: of a completion.
        temperature, top_p: of sampling.
        micro_batch: completions that go through the model at once in an update, on each process; None: all.
        overlong: tokens at the end of `max_tokens` that are punished, as a share of it.
        vllm: generate by vLLM.
    """

    prompts: Positive
    completions: Annotated[int, Field(ge=2)] = 8
    updates: Positive = 4
    max_tokens: Positive
    temperature: Rate = 1.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    micro_batch: Positive | None = None
    overlong: Annotated[float, Field(gt=0, le=1)] = 0.2
    vllm: VllmSettings | None = None


class PolicySettings(_Section):
    """The objective.

    Attributes:
        loss: `grpo`: mean over sequences of their mean over tokens (equation 10); `dapo`: mean over the tokens of all
            sequences (equation 11); `bnpo`: that of each micro-batch (Seg-Zero's code).
        kl: weight of the divergence from the model that training began with.
        kl_correction: multiply the divergence by the ratio of probabilities, which makes its gradient unbiased; TRL's
            default, and not in equation 10.
        clip_low, clip_high: the ratio of probabilities counts between 1 - low and 1 + high.
        scale: divide advantages by the standard deviation of their group, of the batch, or not at all.
        overlong_weight: of the punishment of long answers.
        mask_truncated: leave completions out that were cut off.
        entropy: weight of a bonus for entropy.
        sampling: dynamic sampling; None: learn from all groups.
    """

    loss: Literal["grpo", "dapo", "bnpo", "dr_grpo"]
    kl: NotNegative
    kl_correction: bool = False
    clip_low: Annotated[float, Field(gt=0, lt=1)] = 0.2
    clip_high: Rate = 0.2
    scale: Literal["group", "batch", "none"] = "group"
    overlong_weight: NotNegative = 0.0
    mask_truncated: bool = False
    entropy: NotNegative = 0.0
    sampling: SamplingSettings | None = None


class OptimiserSettings(_Section):
    """How weights are moved.

    Attributes:
        steps: updates.
        kind: `adamw`, or `sgd` with `beta1` as its momentum. Rewards of a small rollout say little about the gradient,
            and AdamW moves weights that they say nothing about as far as those that they do; plain steps do not.
        learning_rate, weight_decay, beta1, beta2: as usual.
        warmup: steps in which the rate grows.
        schedule: what it does after that.
        max_norm: of the gradient.
        batch: examples per update over all processes; supervised fine-tuning only.
    """

    steps: Positive
    kind: Literal["adamw", "sgd"] = "adamw"
    learning_rate: Rate
    weight_decay: NotNegative = 0.01
    beta1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    beta2: Annotated[float, Field(gt=0, lt=1)] = 0.999
    warmup: Annotated[int, Field(ge=0)] = 0
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    max_norm: Rate = 1.0
    batch: Positive | None = None


class ValidationSettings(_Section):
    """Measuring on questions kept apart, and stopping in time.

    Attributes:
        every: updates between measurements.
        metric: decides which checkpoint is kept; greater is better.
        patience: measurements without a better one after which training stops; None: never.
        batch: questions at once.
        segmenter: what draws; None: the one that the checkpoint names.
    """

    every: Positive
    metric: Literal["giou", "ciou", "segmentation", "reward", "box_iou"] = "giou"
    patience: Positive | None = None
    batch: Positive = 32
    segmenter: str | None = None


class RunSettings(_Section):
    """A whole run.

    Attributes:
        algorithm: that the recipe is for.
        seed: of everything that is drawn.
        threads: of torch on a CPU; sums depend on it in the last digit.
        device: `cpu`, or `auto`, which takes GPUs if there are any.
        model: where it begins.
        lora: train adapters.
        data: the questions.
        rewards: what an answer earns; reinforcement learning only.
        rollout: what is generated; reinforcement learning only.
        policy: the objective; reinforcement learning only.
        optimiser: AdamW and its schedule.
        validation: measuring; None: never, and the last checkpoint is kept.
        micro_batch: examples that go through the model at once on each process, supervised; None: all of an update.
        log_every: updates between lines of the log.
        save_every: updates between states that can be gone on from.
        show_every: updates between samples of completions.
        show: completions per sample.
    """

    algorithm: Algorithm
    seed: int = 0
    threads: Positive = 2
    device: Literal["cpu", "auto"] = "cpu"
    model: ModelSettings
    lora: LoraSettings | None = None
    data: Annotated[PlatesSource | ReasonSegSource, Field(discriminator="source")]
    rewards: RewardSettings = RewardSettings()
    rollout: RolloutSettings | None = None
    policy: PolicySettings | None = None
    optimiser: OptimiserSettings
    validation: ValidationSettings | None = None
    micro_batch: Positive | None = None
    log_every: Positive = 1
    save_every: Positive = 20
    show_every: Positive = 20
    show: Positive = 4

    @model_validator(mode="after")
    def _consistent(self) -> RunSettings:
        if self.algorithm == "sft":
            if self.optimiser.batch is None:
                raise ValueError("optimiser.batch is missing: examples per update")
            return self
        if self.rollout is None or self.policy is None:
            raise ValueError(f"{self.algorithm} needs the sections rollout and policy")
        self._check_rollout(self.rollout)
        for name, value in (("save_every", self.save_every), ("validation.every", self._validate_every())):
            if value % self.rollout.updates:
                raise ValueError(
                    f"{name} ({value}) must be a multiple of rollout.updates ({self.rollout.updates}), so that a run "
                    "goes on between rollouts exactly as it would have"
                )
        return self

    def _validate_every(self) -> int:
        return self.validation.every if self.validation else 0

    @staticmethod
    def _check_rollout(rollout: RolloutSettings) -> None:
        total = rollout.prompts * rollout.completions
        if total % rollout.updates:
            raise ValueError(f"a rollout of {total} completions cannot be divided into {rollout.updates} updates")


def settings_path(config: str, algorithm: str) -> Path:
    """The recipe's file: one of `CONFIGS` for the algorithm, or a file of one's own."""
    return HERE / config / f"{algorithm}.yaml" if config in CONFIGS else Path(config)


def load_settings(path: Path, **changes: Any) -> RunSettings:
    """Read a recipe.

    Args:
        path: a YAML file.
        changes: values that take the place of the file's, by their names; None leaves the file's.

    Raises:
        DataMissing: no such file.
        UsageError: not YAML, or wrong keys or values.
    """
    settings = load_recipe(path, RunSettings, hint="See baselines/rl_segmentation/settings.py.")
    changed = {name: value for name, value in changes.items() if value is not None}
    return settings.model_copy(update=changed)


__all__ = ["ALGORITHMS", "CONFIGS", "RunSettings", "load_settings", "settings_path"]
