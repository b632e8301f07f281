"""What a stage of training is told: read from YAML, checked, frozen."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from baselines.common.sections import NotNegative, Positive, Rate, Section, Share
from baselines.common.training_settings import (
    LoraSettings,
    ModelSettings,
    OptimiserSettings,
    PolicySettings,
    RolloutSettings,
)
from baselines.common.yaml_file import CONFIGS, load_recipe, recipe_path
from baselines.foodlmm.settings import DataSettings
from baselines.recipe_grounded.data import PAPER_SIZES, STAGES, SUPERVISED, Stage
from baselines.recipe_grounded.rewards import ACTIONS, INGREDIENTS, RewardSettings
from foodbench.models.recipe_grounded.checkpoint import PartSettings

HERE = Path(__file__).resolve().parent
Ask = Literal["actions", "ingredients", "instructions", "recipe"]
OWN_ASKS: Mapping[Stage, tuple[Ask, ...]] = {
    "ar_sft": ("actions",),
    "ar_rft": ("actions",),
    "ingr_sft": ("ingredients",),
    "ingr_rft": ("ingredients",),
    "instr_sft": ("instructions", "recipe"),
}
"""What a stage asks by default."""
_WARMUP_SHARE = 0.05


class PlatesSource(Section):
    """Recipes of rendered plates that no benchmark asks about; their actions come from the plates' ingredients.

    Attributes:
        source: tells the two kinds apart.
        plates: the training plates. Of the validation plates the first `monitor_plates` are measured on while training,
            the others up to `val_plates` when it is finished.
        sizes: recipes of each stage; those of `ar_sft` and `ar_rft` are never the same plates.
        seed: of the draw; the run's own seed leaves it as it is.
    """

    source: Literal["plates"]
    plates: DataSettings
    sizes: dict[Stage, Positive | None] = Field(default_factory=dict)
    seed: int = 0


class RecipesSource(Section):
    """Recipe1M, real or kitchen.

    Attributes:
        source: tells the two kinds apart.
        edition: `real` or `kitchen`; None: the real one if it is registered.
        allow_partial: of a real copy that misses photos.
        vocabulary: the file of `baselines.recipe_grounded.vocabulary`; None: made anew.
        cot: the file of `baselines.recipe_grounded.cot_data`, for ar_sft; the kitchen needs none.
        sizes: recipes of each stage, before the filters.
        seed: of the draw.
        validation: recipes of the validation split to measure on.
    """

    source: Literal["recipe1m"]
    edition: Literal["real", "kitchen"] | None = None
    allow_partial: bool = False
    vocabulary: Path | None = None
    cot: Path | None = None
    sizes: dict[Stage, Positive | None] = Field(default_factory=lambda: dict(PAPER_SIZES))
    seed: int = 0
    validation: Positive = 200


class ContextSettings(Section):
    """Labels in front of the writer's training questions, in the words that are used at inference.

    The paper trains without: its models read a context that they were never trained on. One of a million parameters
    does not, so the kitchen's is shown some. Nothing of it is learnt by heart: labels are left out and added.

    Attributes:
        share: of the questions that get one.
        both, actions, ingredients: weights of what it tells.
        drop: chance of each right label to be left out.
        add: chance that a wrong label is added, for each right one.
    """

    share: Share = 0.0
    both: NotNegative = 0.5
    actions: NotNegative = 0.25
    ingredients: NotNegative = 0.25
    drop: Share = 0.0
    add: Share = 0.0

    @model_validator(mode="after")
    def _weighted(self) -> ContextSettings:
        if self.share and not self.both + self.actions + self.ingredients:
            raise ValueError("one of both, actions and ingredients must be positive")
        return self


class LengthSettings(Section):
    """AdamW, for so many updates or epochs.

    Attributes:
        steps: updates; or
        epochs: rounds through the examples. With rewards, through the questions.
        learning_rate, weight_decay, beta2, schedule, max_norm, batch: as `OptimiserSettings` has them.
        warmup: share of the updates in which the rate grows.
    """

    steps: Positive | None = None
    epochs: Rate | None = None
    learning_rate: Rate
    weight_decay: NotNegative = 0.0
    beta2: Annotated[float, Field(gt=0, lt=1)] = 0.999
    warmup: Share = _WARMUP_SHARE
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    max_norm: Rate = 1.0
    batch: Positive | None = None

    @model_validator(mode="after")
    def _one_length(self) -> LengthSettings:
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("give either steps or epochs")
        return self

    def settled(self, rows: int, per_update: float, multiple: int = 1) -> OptimiserSettings:
        """With the number of updates.

        Args:
            rows: that there are to learn from.
            per_update: how many of them an update uses up.
            multiple: what the number of updates must be a multiple of.
        """
        wanted = self.steps or max(1, math.ceil((self.epochs or 0) * rows / per_update))
        steps = math.ceil(wanted / multiple) * multiple
        plain = self.model_dump(exclude={"steps", "epochs", "warmup"})
        return OptimiserSettings(steps=steps, warmup=round(self.warmup * steps), **plain)


class ValidationSettings(Section):
    """Measuring on recipes kept apart.

    Attributes:
        every: updates between measurements.
        metric: decides which weights are kept; greater is better. `f1`: mean over questions; `reward`: equation 8;
            `rouge_l`: of what a writer writes; `last`: the last weights are kept, whatever is measured.
        patience: measurements without a better one after which training stops; None: never.
        batch: questions at once.
    """

    every: Positive
    metric: Literal["f1", "reward", "rouge_l", "last"] = "last"
    patience: Positive | None = None
    batch: Positive = 32


class StageSettings(Section):
    """A whole run of one stage.

    Attributes:
        stage: that the recipe is for.
        seed: of everything that is drawn.
        threads: of torch on a CPU; sums depend on it in the last digit.
        device: `cpu`, or `auto`, which takes GPUs if there are any.
        model: where it begins.
        ask: how the model is asked; None: as its checkpoint says.
        lora: train adapters.
        data: the recipes.
        asks: what is asked about each recipe; None: what the stage is for. Supervised stages only.
        context: labels in front of the writer's questions.
        rewards: what an answer earns; None: the paper's for this stage. Stages with rewards only.
        rollout, policy: what is generated and maximised; stages with rewards only.
        optimiser: AdamW and its length.
        max_length: tokens of an example, the picture's among them; longer ones are cut. Supervised stages only.
        validation: measuring; None: never.
        micro_batch: examples that go through the model at once on each process; supervised stages only.
        log_every, save_every, show_every: updates between lines of the log, states, and samples of completions.
        show: completions per sample.
    """

    stage: Stage
    seed: int = 0
    threads: Positive = 1
    device: Literal["cpu", "auto"] = "cpu"
    model: ModelSettings
    ask: PartSettings | None = None
    lora: LoraSettings | None = None
    data: Annotated[PlatesSource | RecipesSource, Field(discriminator="source")]
    asks: tuple[Ask, ...] | None = None
    context: ContextSettings = ContextSettings()
    rewards: RewardSettings | None = None
    rollout: RolloutSettings | None = None
    policy: PolicySettings | None = None
    optimiser: LengthSettings
    max_length: Positive | None = None
    validation: ValidationSettings | None = None
    micro_batch: Positive | None = None
    log_every: Positive = 10
    save_every: Positive = 100
    show_every: Positive = 20
    show: Positive = 4

    @property
    def supervised(self) -> bool:
        """Whether the stage imitates answers."""
        return self.stage in SUPERVISED

    @property
    def asked(self) -> tuple[Ask, ...]:
        """What is asked about each recipe."""
        return self.asks or OWN_ASKS[self.stage]

    @property
    def earned(self) -> RewardSettings:
        """The rewards; of a supervised stage those that it is measured with."""
        return self.rewards or (INGREDIENTS if self.asked[0] == "ingredients" else ACTIONS)

    @model_validator(mode="after")
    def _consistent(self) -> StageSettings:
        if self.supervised:
            self._check_supervised()
        else:
            self._check_rewarded()
        return self

    def _check_supervised(self) -> None:
        if self.optimiser.batch is None:
            raise ValueError("optimiser.batch is missing: examples per update")
        for name in ("rewards", "rollout", "policy"):
            if getattr(self, name) is not None:
                raise ValueError(f"{self.stage} imitates answers; it has no {name}")
        if self.context.share and not {"instructions", "recipe"} & set(self.asked):
            raise ValueError("context is for writers: instructions or recipe must be asked")
        if self.validation and self.validation.metric == "rouge_l" and not {"instructions", "recipe"} & set(self.asked):
            raise ValueError("validation.metric: only a writer has a rouge_l")

    def _check_rewarded(self) -> None:
        if self.rollout is None or self.policy is None:
            raise ValueError(f"{self.stage} needs the sections rollout and policy")
        if self.asks is not None or self.context.share:
            raise ValueError(f"{self.stage} asks about {OWN_ASKS[self.stage][0]} only, without context")
        if self.max_length is not None or self.micro_batch is not None or self.optimiser.batch is not None:
            raise ValueError("max_length, micro_batch and optimiser.batch are for supervised stages; see rollout")
        if self.validation and self.validation.metric == "rouge_l":
            raise ValueError("validation.metric: only a writer has a rouge_l")
        if self.stage == "ingr_rft" and self.rewards is not None and self.rewards.word:
            raise ValueError("ingredients have no tiers, and so no word-level reward (rewards.word must be 0)")
        updates = self.rollout.updates
        if self.rollout.prompts * self.rollout.completions % updates:
            raise ValueError(f"the completions of a rollout cannot be divided into {updates} updates")
        every = self.validation.every if self.validation else 0
        for name, value in (("save_every", self.save_every), ("validation.every", every)):
            if value % updates:
                raise ValueError(f"{name} ({value}) must be a multiple of rollout.updates ({updates})")


def settings_path(config: str, stage: str) -> Path:
    """The recipe's file: one of `CONFIGS` for the stage, or a file of one's own."""
    return recipe_path(HERE, config, stage)


def load_settings(path: Path, **changes: Any) -> StageSettings:
    """Read a recipe; changes, and what is raised, as `load_recipe` has them."""
    return load_recipe(path, StageSettings, hint="See baselines/recipe_grounded/settings.py.", **changes)


__all__ = [
    "CONFIGS",
    "OWN_ASKS",
    "STAGES",
    "Ask",
    "ContextSettings",
    "PlatesSource",
    "RecipesSource",
    "StageSettings",
    "ValidationSettings",
    "load_settings",
    "settings_path",
]
