"""What a run with TRL is told, reinforcement learning or supervised: read from YAML, checked, frozen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from baselines.common.sections import Positive, Rate, Section, Share, known_families
from baselines.common.training_settings import (
    LoraSettings,
    ModelSettings,
    OptimiserSettings,
    PolicySettings,
    RolloutSettings,
)
from baselines.common.yaml_file import CONFIGS, load_recipe, recipe_path
from baselines.foodlmm.settings import DataSettings
from baselines.rl_segmentation.rewards import RewardSettings

Algorithm = Literal["sft", "grpo", "dapo"]
ALGORITHMS: tuple[Algorithm, ...] = ("sft", "grpo", "dapo")
HERE = Path(__file__).resolve().parent


class PlatesSource(Section):
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

        return known_families(families, FAMILIES)


class ReasonSegSource(Section):
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


class ValidationSettings(Section):
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


class RunSettings(Section):
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
    return recipe_path(HERE, config, algorithm)


def load_settings(path: Path, **changes: Any) -> RunSettings:
    """Read a recipe; changes, and what is raised, as `load_recipe` has them."""
    return load_recipe(path, RunSettings, hint="See baselines/rl_segmentation/settings.py.", **changes)


__all__ = ["ALGORITHMS", "CONFIGS", "RunSettings", "load_settings", "settings_path"]
