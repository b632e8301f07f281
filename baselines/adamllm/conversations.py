"""Training samples: caption and task in one conversation (single stage), or one after the other (two stages).

Where the paper and its released code differ, `AssemblySettings` has a switch; the default is what the paper says.
Source: AdaMLLM (arXiv 2411.19930), Section 3.2.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator

from baselines.adamllm.combining import Indicators, Mix, Responses, combine
from baselines.adamllm.consistency import Judgement
from baselines.adamllm.recipe_texts import caption_question, rule_task
from baselines.adamllm.records import Conversation, Message, Pair, Triplet, question_and_answer, tally
from foodbench.core.hashing import stable_seed

Pipeline = Literal["single_stage", "two_stage"]
STAGES: Mapping[Pipeline, tuple[str, ...]] = {"single_stage": ("single",), "two_stage": ("captions", "tasks")}


class AssemblySettings(BaseModel):
    """How pairs and tasks become training samples.

    Attributes:
        pipeline: `single_stage`: caption and task of a picture in one conversation. `two_stage`: all captions, then
            all tasks.
        caption_task: whether captions are trained on; off is the paper's ablation without them (and what the released
            code calls training on the synthetic tasks only).
        task: whether tasks are; off is the ablation without them.
        order: of the two in a single conversation. The paper draws it.
        caption_questions: which pool asks for a caption. The paper names a general pool (`describe`); its released food
            data ask for recipes (`recipe`).
        without_task: what becomes of a picture whose triplet could not be read. The paper keeps its caption
            (`keep_caption`); the released code loses the picture (`drop`). A triplet that the judge has turned down
            leaves the caption in both.
        cot_templates: `forward_only` or `released_mix`, see `combining`.
        responses: `combined`, or one of the two answers (ablation without filter).
        indicators: how a response that concludes itself is told, see `combining.concludes`.
        seed: of all draws.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    pipeline: Pipeline = "single_stage"
    caption_task: bool = True
    task: bool = True
    order: Literal["random", "caption_first", "task_first"] = "random"
    caption_questions: Literal["describe", "recipe"] = "describe"
    without_task: Literal["keep_caption", "drop"] = "keep_caption"
    cot_templates: Mix = "forward_only"
    responses: Responses = "combined"
    indicators: Indicators = "literal"
    seed: int = 0

    @model_validator(mode="after")
    def _something(self) -> AssemblySettings:
        if not (self.caption_task or self.task):
            raise ValueError("neither captions nor tasks are trained on")
        return self


PAPER = AssemblySettings()
RELEASED = AssemblySettings(caption_questions="recipe", without_task="drop", cot_templates="released_mix")
"""What the released code and food data do, as far as it is described."""


@dataclass(frozen=True, slots=True)
class TaskText:
    """A task as it is trained on.

    Attributes:
        question: what the user says.
        response: what is learnt.
        kind: of combination, or the rule's family.
    """

    question: str
    response: str
    kind: str


@dataclass(frozen=True, slots=True)
class Assembled:
    """The samples of each stage.

    Attributes:
        stages: conversations by stage, in order of training.
        counts: what the samples are made of.
    """

    stages: Mapping[str, Sequence[Conversation]]
    counts: Mapping[str, int]


def synthetic_tasks(
    triplets: Mapping[str, Triplet], judgements: Mapping[str, Judgement], settings: AssemblySettings
) -> dict[str, TaskText]:
    """The tasks of all triplets that the judge found consistent, by pair id."""
    found: dict[str, TaskText] = {}
    for name, triplet in triplets.items():
        judgement = judgements.get(name)
        if judgement is None or judgement.verdict != "consistent":
            continue
        exchange = combine(
            triplet,
            name,
            mix=settings.cot_templates,
            responses=settings.responses,
            indicators=settings.indicators,
            seed=settings.seed,
        )
        found[name] = TaskText(exchange.question, exchange.response, f"{exchange.kind}.{exchange.direction}")
    return found


def rule_tasks(pairs: Sequence[Pair], *, seed: int = 0) -> dict[str, TaskText]:
    """A task by rule for every pair that has a recipe with ingredients and steps."""
    found: dict[str, TaskText] = {}
    for pair in pairs:
        task = None if pair.recipe is None else rule_task(pair.recipe, pair.pair_id, seed=seed)
        if task is not None:
            found[pair.pair_id] = TaskText(task.question, task.response, f"rule.{task.family}")
    return found


def assemble(
    pairs: Sequence[Pair],
    tasks: Mapping[str, TaskText],
    settings: AssemblySettings,
    *,
    unread: frozenset[str] = frozenset(),
) -> Assembled:
    """Training samples of pairs and their tasks.

    Args:
        pairs: with different ids.
        tasks: by pair id; synthetic ones or those of rules.
        settings: the pipeline and the switches.
        unread: ids of pairs whose triplet could not be read, for `without_task`.
    """
    stages: dict[str, list[Conversation]] = {name: [] for name in STAGES[settings.pipeline]}
    made: list[str] = []
    for pair in pairs:
        if settings.without_task == "drop" and pair.pair_id in unread:
            made.append("dropped")
            continue
        caption = _caption_turn(pair, settings) if settings.caption_task else ()
        task = tasks.get(pair.pair_id) if settings.task else None
        turns = () if task is None else question_and_answer(task.question, task.response)
        if task is not None:
            made.append(f"task.{task.kind}")
        if not caption and not turns:
            made.append("nothing_left")
        elif settings.pipeline == "single_stage":
            one = _single(pair, caption, turns, settings)
            stages["single"].append(one)
            made.append("+".join(one.parts))
        else:
            if caption:
                stages["captions"].append(Conversation(f"{pair.pair_id}#caption", pair.image, caption, ("caption",)))
            if turns:
                stages["tasks"].append(Conversation(f"{pair.pair_id}#task", pair.image, turns, ("task",)))
    counts = {f"samples.{name}": len(samples) for name, samples in stages.items()}
    return Assembled(stages, {**counts, **tally(made)})


def _caption_turn(pair: Pair, settings: AssemblySettings) -> tuple[Message, ...]:
    question = caption_question(pair.pair_id, settings.caption_questions, seed=settings.seed)
    return question_and_answer(question, pair.caption)


def _single(
    pair: Pair, caption: tuple[Message, ...], task: tuple[Message, ...], settings: AssemblySettings
) -> Conversation:
    order = settings.order
    if order == "random":
        rng = random.Random(stable_seed("task order", settings.seed, pair.pair_id))
        order = rng.choice(("caption_first", "task_first"))
    turns = [("caption", caption), ("task", task)]
    if order == "task_first":
        turns.reverse()
    kept = [(name, messages) for name, messages in turns if messages]
    messages = tuple(message for _, part in kept for message in part)
    return Conversation(pair.pair_id, pair.image, messages, tuple(name for name, _ in kept))


def order_of_training(samples: Sequence[Conversation], seed: int) -> list[Conversation]:
    """The samples of a stage in random order; the same for the same ids, in whatever order they come."""
    return sorted(samples, key=lambda one: stable_seed("training order", seed, one.conversation_id))
