"""The trainer of a stage: TRL's, supervised or with rewards."""

from __future__ import annotations

from transformers import Trainer
from trl import GRPOTrainer

from baselines.common.training_settings import OptimiserSettings
from baselines.recipe_grounded.questions import StageQuestions
from baselines.recipe_grounded.rewards import Scoring, reward_functions
from baselines.recipe_grounded.settings import StageSettings
from baselines.rl_segmentation.dynamic_sampling import KeepRule
from baselines.rl_segmentation.sharing import share_pictures
from baselines.rl_segmentation.trainers import Parts, Rewarding, RewardTrainer, example_trainer, reward_trainer
from foodbench.core.errors import UsageError

_VISION_PARTS = (".visual.", ".vision_tower.", ".multi_modal_projector.")
_QWEN = "qwen2_5_vl"


class PlainRewardTrainer(RewardTrainer):
    """For models other than Qwen2.5-VL: passes are TRL's own, since the lean ones know only Qwen's pictures."""

    _get_per_token_logps_and_entropies = GRPOTrainer._get_per_token_logps_and_entropies


def settled(settings: StageSettings, rows: int) -> OptimiserSettings:
    """The optimiser's settings with the number of updates; of a stage with rewards it is of whole rollouts."""
    if settings.rollout is None:
        return settings.optimiser.settled(rows, settings.optimiser.batch or 1)
    rollout = settings.rollout
    return settings.optimiser.settled(rows, rollout.prompts / rollout.updates, rollout.updates)


def build_trainer(settings: StageSettings, parts: Parts, questions: StageQuestions) -> Trainer:
    """The trainer of a stage.

    Args:
        settings: the recipe.
        parts: what the trainer is made of.
        questions: the data of the run.

    Raises:
        UsageError: the batch cannot be divided among the processes.
    """
    for name, parameter in parts.model.named_parameters():
        part = "vision" if any(one in f".{name}" for one in _VISION_PARTS) else "language"
        if part == settings.model.freeze:
            parameter.requires_grad_(False)
    is_qwen = parts.model.config.model_type == _QWEN
    if is_qwen:
        share_pictures(parts.model)
    optimiser = settled(settings, len(parts.rows))
    if settings.supervised:
        return example_trainer(settings, optimiser, parts, settings.max_length)
    kind = RewardTrainer if is_qwen else PlainRewardTrainer
    return reward_trainer(settings, optimiser, parts, _rewarding(settings, questions), kind)


def _rewarding(settings: StageSettings, questions: StageQuestions) -> Rewarding:
    rollout, policy = settings.rollout, settings.policy
    if rollout is None or policy is None:
        raise UsageError(f"{settings.stage} needs the sections rollout and policy.", hint="Complete the recipe.")
    of_actions = settings.stage == "ar_rft"
    known = questions.vocabulary.labels if of_actions else questions.ingredients
    scoring = Scoring(known, questions.vocabulary.tiers if of_actions else {}, settings.earned)
    functions, weights = reward_functions(scoring)
    rule = None if policy.sampling is None else KeepRule(policy.sampling, (True,) * len(functions), 0)
    return Rewarding(rollout, policy, list(functions), weights, rule)


__all__ = ["Parts", "build_trainer", "settled"]
