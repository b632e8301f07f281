"""Recipes grounded in predicted actions and ingredients: context prompting around any other model.

The way of the paper on semantically grounded recipe generation (Liu et al., section 2): one model predicts what is
done, one what is in the dish, a judge may check both (SCSR), and a third model writes, with the labels in front of its
question. Any of the parts may be missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from foodbench.adapters import base
from foodbench.adapters.recipe_parts import (
    GENERATION,
    OWN,
    QUESTIONS,
    TASK_OF,
    Predictor,
    PredictorQuestions,
    ask_in_batches,
    load_part,
    load_recipe_judge,
)
from foodbench.core.errors import UnsupportedTask, UsageError
from foodbench.core.hashing import fingerprint
from foodbench.core.paths import home
from foodbench.core.types import Answer, Request
from foodbench.data.roots import open_dataset
from foodbench.metrics.reading.lexicon import default_lexicon
from foodbench.models.recipe_grounded.asking import ReplyStore
from foodbench.models.recipe_grounded.context import PAPER_DECODING, Wording, actions_as_steps, with_context
from foodbench.models.recipe_grounded.judging import CachedJudge, Kind, Predicted, prompt_for
from foodbench.models.recipe_grounded.labels import action_vocabulary, ingredient_vocabulary
from foodbench.models.recipe_grounded.scsr import DEFAULT_N
from foodbench.tasks import TASKS, prompts

if TYPE_CHECKING:
    from foodbench.data.roots import DatasetChoice
    from foodbench.tasks.base import FoodTask

Answers = Literal["predicted", "rectified", "written"]
Decoding = Literal["task", "paper"]
DATASET = "recipe1m"
KINDS: tuple[Kind, ...] = ("actions", "ingredients")
_INSTRUCTIONS = ("recipe1m.instructions", "recipe1m.actions")
"""Tasks for which the paper's question can stand: they ask how the dish is prepared."""
_TOTALS = ("requests", "input_tokens", "output_tokens", "retries", "cost_usd")
_Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GroundedSettings:
    """How the parts are used; see `RecipeGrounded`."""

    answers: Answers = "predicted"
    wording: Wording = "task"
    decoding: Decoding = "task"
    predictor_questions: PredictorQuestions = "labels"

    @property
    def decoded(self) -> Mapping[str, Any]:
        """Generation settings in place of the task's."""
        return PAPER_DECODING if self.decoding == "paper" else {}

    @property
    def digest(self) -> str:
        """Identity of the settings and of all wordings that can change an answer."""
        wordings = [*QUESTIONS.values(), with_context("?", ("a",), ("b",), self.wording), actions_as_steps(("c",))]
        judged = [prompt_for(kind, ()) for kind in KINDS]
        chosen = [self.answers, self.wording, self.decoding, self.predictor_questions]
        return fingerprint([chosen, wordings, judged])[7:19]


class RecipeGrounded:
    """Predicts actions and ingredients, has them checked, and lets another model write with them as context.

    Answers of `recipe1m.actions` and `recipe1m.ingredients` are the predictors' own, where there are predictors; all
    other recipe tasks are the writer's. Labels in no list of the dataset are left out and counted. A judge's reply that
    cannot be read leaves the labels as predicted and is counted (`usage`). Replies of served predictors and judges
    are kept in a file as they come in and never asked for again.

    Without any part named, all three are the package's own small checkpoints, which know the kitchen edition only.

    Args:
        actions: the model that predicts actions, as after `--model`, e.g. `py:module:Class`; `kitchen`: the package's.
        ingredients: the model that predicts ingredients; likewise.
        writer: the model that writes; any instruction model; likewise.
        judge: `endpoint:NAME` (it is shown the picture), `file:PATH` with replies that were kept, `sampled:CHECKPOINT`
            (a second model's drawn answers are counted), or `kitchen` for the package's such checkpoint; None: no SCSR.
        n: of equation 11.
        answers: to the two tasks of labels: those `predicted`, those `rectified` by the judge, or what the writer has
            `written` (the paper's Tables 1, 3 and 4 read actions and ingredients from the instructions).
        wording: the writer is asked the `task`'s question, or the `paper`'s where instructions are asked for.
        decoding: of the `task` (the likeliest answer), or of the `paper` (temperature 0.2, p 0.9, k 40), for models
            that follow a request's settings; a served model has its own.
        predictor_questions: predictors are asked for `labels` in tags, or with the question of the `task` of labels.
        actions_args: the part's settings: `name=value;name=value`.
        ingredients_args: likewise.
        writer_args: likewise.
        judge_args: likewise; with a file `replier=NAME`.
        replies: file of kept replies; by default in foodbench's home.

    Raises:
        UsageError: a judge without predictor, or as the parts.
        CheckpointError: the package's own checkpoints are wanted, and it was installed without them.
    """

    def __init__(
        self,
        actions: str | None = None,
        ingredients: str | None = None,
        writer: str | None = None,
        judge: str | None = None,
        n: int = DEFAULT_N,
        answers: Answers = "predicted",
        wording: Wording = "task",
        decoding: Decoding = "task",
        predictor_questions: PredictorQuestions = "labels",
        actions_args: str | None = None,
        ingredients_args: str | None = None,
        writer_args: str | None = None,
        judge_args: str | None = None,
        replies: Path | None = None,
    ) -> None:
        if actions is None and ingredients is None and writer is None:
            actions = ingredients = writer = OWN
        store = ReplyStore((replies or home() / "recipe_grounded" / "replies.jsonl").expanduser())
        self._assemble(
            load_part("actions", actions, actions_args, remember=True),
            load_part("ingredients", ingredients, ingredients_args, remember=True),
            load_part("writer", writer, writer_args, remember=False),
            load_recipe_judge(judge, judge_args, n, store),
            store,
            GroundedSettings(answers, wording, decoding, predictor_questions),
        )

    @classmethod
    def of(
        cls,
        *,
        actions: Any = None,
        ingredients: Any = None,
        writer: Any = None,
        judge: CachedJudge | None = None,
        store: ReplyStore | None = None,
        settings: GroundedSettings | None = None,
    ) -> RecipeGrounded:
        """From adapters that are there already.

        Args:
            actions: predicts actions.
            ingredients: predicts ingredients.
            writer: writes.
            judge: checks the labels.
            store: where replies of served predictors are kept; by default in memory.
            settings: those of the constructor.

        Raises:
            UsageError: as the constructor.
        """
        made = cls.__new__(cls)
        made._assemble(actions, ingredients, writer, judge, store or ReplyStore(), settings or GroundedSettings())
        return made

    def _assemble(
        self,
        actions: Any,
        ingredients: Any,
        writer: Any,
        judge: CachedJudge | None,
        store: ReplyStore,
        settings: GroundedSettings,
    ) -> None:
        adapters: dict[Kind, Any] = {"actions": actions, "ingredients": ingredients}
        generation = {**GENERATION, **settings.decoded}
        self.predictors: dict[Kind, Predictor] = {
            kind: Predictor(kind, adapter, store, questions=settings.predictor_questions, generation=generation)
            for kind, adapter in adapters.items()
            if adapter is not None
        }
        self.writer, self.judge, self.settings = writer, judge, settings
        if not self.predictors and writer is None:
            raise UsageError(
                "recipe_grounded has no parts.",
                hint="Add --model-args actions=MODEL,ingredients=MODEL,writer=MODEL (any of them).",
            )
        if judge is not None and not self.predictors:
            raise UsageError("There is a judge, but no predictor whose labels it could judge.", hint="Leave it out.")
        self._verified: dict[tuple[Kind, str, _Labels], _Labels] = {}
        self._listed: DatasetChoice | None = None
        self.identity = f"recipe_grounded:{self._named_parts()}:{settings.digest}"

    def _named_parts(self) -> str:
        named: dict[str, str] = {kind: predictor.identity for kind, predictor in self.predictors.items()}
        if self.writer is not None:
            named["writer"] = base.identity_of(self.writer)
        if self.judge is not None:
            named["judge"] = f"{self.judge.asker.replier},n={self.judge.n}"
        return ":".join(f"{name}=[{identity}]" for name, identity in named.items())

    @property
    def _parts(self) -> list[Any]:
        adapters = [predictor.adapter for predictor in self.predictors.values()]
        return adapters if self.writer is None else [*adapters, self.writer]

    @property
    def answers_singly(self) -> bool:
        """Whether that holds for every part."""
        return all(getattr(part, "answers_singly", False) for part in self._parts)

    @property
    def batch_size(self) -> int | None:
        """The largest that a part asks for; the others are asked in batches of their own size."""
        wished = [part for part in self._parts if getattr(part, "batch_size", None) is not None]
        return max((base.batch_size_of(part, 1) for part in wished), default=None)

    def prepare(self, task: FoodTask, choice: DatasetChoice) -> None:
        """Take the lists of labels from the dataset, and let the parts prepare.

        Raises:
            UnsupportedTask: the task is not about recipes, or needs a part that is not there; or as the parts.
            AdapterFailed: a part raised something else.
        """
        if task.dataset != DATASET:
            raise UnsupportedTask(f"recipe_grounded answers the tasks of {DATASET}; {task.name} is none.")
        own = self._own_kind(task.name)
        if own is None and self.writer is None:
            raise UnsupportedTask(f"{task.name} needs a writer, and there is none (--model-args writer=MODEL).")
        if self._listed != choice:
            self._take_lists(choice)
            self._listed = choice
        for kind, predictor in self.predictors.items():
            if own in (None, kind):
                base.prepare(predictor.adapter, TASKS.get(TASK_OF[kind]), choice)
        if own is None:
            base.prepare(self.writer, task, choice)

    def _take_lists(self, choice: DatasetChoice) -> None:
        if "actions" in self.predictors:
            names = (verb.lemma for verb in default_lexicon().verbs)
            self.predictors["actions"].vocabulary = action_vocabulary(names)
        if "ingredients" in self.predictors:
            reader: Any = open_dataset(choice)
            self.predictors["ingredients"].vocabulary = ingredient_vocabulary(reader.ingredient_classes)

    def _own_kind(self, task: str) -> Kind | None:
        """What the labels of a predictor answer by themselves; None if the writer answers."""
        for kind, predictor in self.predictors.items():
            if task == TASK_OF[predictor.kind] and (self.settings.answers != "written" or self.writer is None):
                return kind
        return None

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """Answer recipe tasks; a batch may mix them.

        Raises:
            UnsupportedTask: a request needs a writer, and there is none.
            FoodbenchError: as the parts.
        """
        found: dict[int, Answer] = {}
        by_task: dict[str, list[int]] = {}
        for place, request in enumerate(requests):
            by_task.setdefault(request.task, []).append(place)
        for task, places in by_task.items():
            asked = [requests[place] for place in places]
            own = self._own_kind(task)
            answers = self._write(task, asked) if own is None else self._labels_answer(own, asked)
            found.update(zip(places, answers, strict=True))
        return [found[place] for place in range(len(requests))]

    def _labels_answer(self, kind: Kind, requests: Sequence[Request]) -> list[Answer]:
        labels = self._labels(kind, requests, checked=self.settings.answers == "rectified")
        return [Answer(text=_as_text(kind, one)) for one in labels]

    def _write(self, task: str, requests: Sequence[Request]) -> list[Answer]:
        if self.writer is None:
            raise UnsupportedTask(f"{task} needs a writer, and there is none.")
        told = {kind: self._labels(kind, requests, checked=True) for kind in self.predictors}
        wording: Wording = self.settings.wording if task in _INSTRUCTIONS else "task"
        grounded = []
        for place, request in enumerate(requests):
            labels = {kind: told[kind][place] for kind in told}
            question = with_context(request.question, labels.get("actions"), labels.get("ingredients"), wording)
            grounded.append(
                replace(request, question=question, generation={**request.generation, **self.settings.decoded})
            )
        return ask_in_batches(self.writer, grounded)

    def _labels(self, kind: Kind, requests: Sequence[Request], *, checked: bool) -> list[_Labels]:
        """The labels of the requests' pictures, after the judge if they are to be checked and there is one."""
        predictor = self.predictors[kind]
        labels = [parsed.labels for parsed in predictor.predict(requests)]
        if self.judge is None or not checked:
            return labels
        keys = [(kind, one.image.fingerprint(), said) for one, said in zip(requests, labels, strict=True)]
        fresh: dict[tuple[Kind, str, _Labels], Predicted] = {}
        for key, request in zip(keys, requests, strict=True):
            if key not in self._verified:
                fresh.setdefault(key, Predicted(request.sample_id, request.image, key[2]))
        verified = self.judge.verify(kind, list(fresh.values()), predictor.vocabulary)
        self._verified.update(zip(fresh, (one.labels for one in verified), strict=True))
        return [self._verified[key] for key in keys]

    def usage(self) -> Mapping[str, int | float | None]:
        """Totals so far: of the predictors, of the judge (fallbacks, failures), and the parts' requests and costs."""
        totals: dict[str, int | float | None] = {}
        for kind, predictor in self.predictors.items():
            totals |= {f"{kind}.{name}": count for name, count in sorted(predictor.counts.items())}
            if predictor.asker is not None:
                totals |= {f"{kind}.{name}": count for name, count in predictor.asker.usage().items()}
        judges = [] if self.judge is None else [self.judge]
        for judge in judges:
            counts = {"judged": 0, "fallbacks": 0, "failures": 0, **judge.counts, **judge.asker.usage()}
            totals |= {f"scsr.{name}": count for name, count in sorted(counts.items())}
        paid = [*map(base.usage_of, self._parts), *(judge.asker.costs() for judge in judges)]
        totals |= _summed([one for one in paid if one])
        return totals


def _as_text(kind: Kind, labels: Sequence[str]) -> str:
    """Labels as an answer of their task."""
    if kind == "actions":
        return actions_as_steps(labels)
    return ", ".join(label.replace("_", " ") for label in labels) or prompts.NOTHING


def _summed(parts: Sequence[Mapping[str, int | float | None]]) -> dict[str, int | float | None]:
    """Requests, tokens and dollars of all parts together; dollars only if each part knows its own."""
    sums: dict[str, int | float] = dict.fromkeys(_TOTALS, 0)
    unknown = {name for part in parts for name in _TOTALS if name in part and part[name] is None}
    for part in parts:
        for name in _TOTALS:
            sums[name] += part.get(name) or 0
    known = {name for part in parts for name in part}
    return {name: None if name in unknown else sums[name] for name in _TOTALS if name in known}


__all__ = ["GroundedSettings", "RecipeGrounded"]
