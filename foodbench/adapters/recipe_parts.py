"""The parts of `recipe_grounded`: predictors of labels over any adapter, and the settings that name them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from foodbench.adapters import base
from foodbench.adapters.arguments import convert_arguments
from foodbench.adapters.asking import SPEC, ReportingEndpoint, load_endpoint
from foodbench.adapters.resolve import load_adapter
from foodbench.core.errors import UsageError
from foodbench.core.types import Answer, Request
from foodbench.metrics.reading.actions import find_actions
from foodbench.metrics.reading.recipe_text import read_recipe
from foodbench.models.recipe_grounded.asking import Asker, PictureQuestion, ReplyStore
from foodbench.models.recipe_grounded.context import ACTIONS_QUESTION, INGREDIENTS_QUESTION
from foodbench.models.recipe_grounded.judging import CachedJudge, Kind
from foodbench.models.recipe_grounded.labels import LabelVocabulary, ParsedLabels, parse_labels
from foodbench.tasks import TASKS
from foodbench.tasks.naming import finder
from foodbench.tasks.text import without_reasoning

if TYPE_CHECKING:
    from foodbench.adapters.recipe_judge import SampledJudge

PredictorQuestions = Literal["labels", "task"]
QUESTIONS: Mapping[Kind, str] = {"actions": ACTIONS_QUESTION, "ingredients": INGREDIENTS_QUESTION}
TASK_OF: Mapping[Kind, str] = {"actions": "recipe1m.actions", "ingredients": "recipe1m.ingredients"}
GENERATION: Mapping[str, Any] = {"max_new_tokens": 512, "do_sample": False}
OWN = "kitchen"
"""Names the package's own checkpoint of a part."""
SAMPLED = "sampled"
_FILE = "file"


class Predictor:
    """Asks an adapter for the labels of pictures, each picture once per process.

    The answers of a model whose answers may depend on the batch are remembered for the whole batch only, so that a
    run that goes on after an interruption sees what it would have seen without. A served model's replies are kept in
    a file.

    Attributes:
        kind: what is predicted.
        adapter: who is asked.
        identity: of the adapter.
        vocabulary: the labels that count; None: all do, as long as the dataset has not been told.
        counts: totals so far: `predictions`, `unread` (no list in them), `empty`, `unknown` labels (left
            out).
    """

    def __init__(
        self,
        kind: Kind,
        adapter: Any,
        store: ReplyStore,
        *,
        questions: PredictorQuestions = "labels",
        generation: Mapping[str, Any] = GENERATION,
    ) -> None:
        self.kind = kind
        self.adapter = adapter
        self.identity = base.identity_of(adapter)
        self.vocabulary: LabelVocabulary | None = None
        self.counts: Counter[str] = Counter()
        task = TASKS.get(TASK_OF[kind])
        self._question = QUESTIONS[kind] if questions == "labels" else task.questions[0]
        self._generation = dict(generation)
        self._remembered: dict[tuple[str, ...], list[ParsedLabels]] = {}
        served = isinstance(adapter, ReportingEndpoint)
        self.asker = Asker(self.identity, adapter.ask, store) if served else None

    @property
    def singly(self) -> bool:
        """Whether a prediction never depends on what else is asked."""
        return bool(getattr(self.adapter, "answers_singly", False))

    def predict(self, requests: Sequence[Request]) -> list[ParsedLabels]:
        """The labels of the requests' pictures.

        Raises:
            FoodbenchError: as the adapter.
        """
        pictures = [request.image.fingerprint() for request in requests]
        if not self.singly:
            key = tuple(pictures)
            if key not in self._remembered:
                self._remembered[key] = self._read(self._ask(requests))
            return self._remembered[key]
        fresh: dict[tuple[str, ...], Request] = {}
        for picture, request in zip(pictures, requests, strict=True):
            if (picture,) not in self._remembered:
                fresh.setdefault((picture,), request)
        for key, parsed in zip(fresh, self._read(self._ask(list(fresh.values()))), strict=True):
            self._remembered[key] = [parsed]
        return [self._remembered[(picture,)][0] for picture in pictures]

    def _ask(self, requests: Sequence[Request]) -> list[str]:
        if self.asker is not None:
            questions = [
                PictureQuestion(one.sample_id, one.image, self._question, self._generation) for one in requests
            ]
            return [reply or "" for reply in self.asker.replies(questions)]
        task = TASK_OF[self.kind]
        put = [
            replace(one, task=task, question=self._question, slots={}, generation=self._generation) for one in requests
        ]
        return [answer.text for answer in ask_in_batches(self.adapter, put)]

    def _read(self, texts: Sequence[str]) -> list[ParsedLabels]:
        found = [read_prediction(self.kind, text, self.vocabulary) for text in texts]
        for parsed in found:
            self.counts["predictions"] += 1
            self.counts["unread"] += parsed.error is not None
            self.counts["empty"] += not parsed.labels
            self.counts["unknown"] += len(parsed.unknown)
        return found


def read_prediction(kind: Kind, text: str, vocabulary: LabelVocabulary | None) -> ParsedLabels:
    """The labels in a predictor's answer: the list in its answer block; without one what the text names.

    A text without that block is read as the tasks of labels read an answer, so that "no tofu" names none. Verbs may
    also be a bare list, which has no imperative to be found by.

    Args:
        kind: what they are labels of.
        text: of any adapter.
        vocabulary: the labels that count; None: all do.
    """
    listed = parse_labels(text, vocabulary, tagged=False)
    if "<answer>" in text or listed.error or vocabulary is None:
        return listed
    said = without_reasoning(text)
    if kind == "ingredients":
        found = finder(vocabulary.names).find(said)
        return replace(listed, labels=() if found.echo else found.names, unknown=())
    if not listed.unknown:
        return listed
    named = (vocabulary.find(verb) for verb in find_actions("\n".join(read_recipe(said).steps)))
    told = tuple(dict.fromkeys(name for name in named if name is not None))
    return replace(listed, labels=told, unknown=()) if len(told) > len(listed.labels) else listed


def ask_in_batches(adapter: Any, requests: Sequence[Request]) -> list[Answer]:
    """Put requests to an adapter in batches of the size that it likes."""
    size = base.batch_size_of(adapter, max(1, len(requests)))
    batches = [requests[start : start + size] for start in range(0, len(requests), size)]
    return [answer for batch in batches for answer in base.ask(adapter, batch)]


def nested_arguments(owner: str, text: str | None) -> dict[str, str]:
    """The settings of a part: `name=value;name=value`.

    Raises:
        UsageError: a piece is not of that form.
    """
    found = {}
    for piece in filter(None, (piece.strip() for piece in (text or "").split(";"))):
        name, separator, value = piece.partition("=")
        if not separator or not name.strip():
            raise UsageError(f"{owner}: '{piece}' is not name=value.", hint=f"Write {owner}=name=value;name=value")
        found[name.strip()] = value.strip()
    return found


def load_part(name: str, spec: str | None, settings: str | None, *, remember: bool) -> Any:
    """The adapter that a part's setting names; None if there is no such part.

    Args:
        name: of the part.
        spec: as after `--model`; or `kitchen`, the package's own.
        settings: as in `nested_arguments`.
        remember: a served model's replies are to be kept one by one.

    Raises:
        UsageError: settings without a part, or as `load_adapter`.
    """
    given = nested_arguments(f"{name}_args", settings)
    if spec is None:
        if given:
            raise UsageError(f"{name}_args is given without {name}.", hint=f"Add {name}=... to --model-args.")
        return None
    if spec == OWN:
        spec = f"recipe_part:{name}"
    if remember and spec.partition(":")[0] == SPEC:
        return load_endpoint(spec, given)
    return load_adapter(spec, given)


def load_recipe_judge(spec: str | None, settings: str | None, n: int, store: ReplyStore) -> CachedJudge | None:
    """The judge that a setting names; None without one.

    `endpoint:NAME` is a served model, `file:PATH` replies that were kept, `sampled:CHECKPOINT` a checkpoint whose
    drawn answers are counted (`SampledJudge`), and `kitchen` the package's own such checkpoint. What counting gives is
    not kept in the store: it costs nothing but time.

    Raises:
        UsageError: it names something else, or its settings are wrong.
        DataMissing, DataCorrupt: the file is absent or damaged.
        ProviderDown: as `Endpoint`.
    """
    given = nested_arguments("judge_args", settings)
    if spec is None:
        if given:
            raise UsageError("judge_args is given without judge.", hint="Add judge=endpoint:NAME to --model-args.")
        return None
    head, _, rest = (f"{SAMPLED}:judge" if spec == OWN else spec).partition(":")
    if head == SAMPLED:
        sampled = _sampled_judge(rest, given)
        return CachedJudge(Asker(sampled.identity, sampled.ask, ReplyStore()), n)
    if head != _FILE:
        judge = load_endpoint(spec, given)
        return CachedJudge(Asker(judge.identity, judge.ask, store, judge.usage), n)
    replier = given.pop("replier", None)
    if given or not rest:
        raise UsageError(f"The judge '{spec}' takes replier=NAME only.", hint="Write judge=file:PATH")
    return CachedJudge(Asker.of_file(Path(rest).expanduser(), replier), n)


def _sampled_judge(checkpoint: str, given: Mapping[str, str]) -> SampledJudge:
    from foodbench.adapters.recipe_judge import SampledJudge  # with torch

    if not checkpoint or "checkpoint" in given:
        raise UsageError("The judge 'sampled' needs one checkpoint.", hint="Write judge=sampled:CHECKPOINT")
    arguments = convert_arguments(SAMPLED, SampledJudge, {**given, "checkpoint": checkpoint})
    return SampledJudge(**arguments)


__all__ = [
    "GENERATION",
    "OWN",
    "QUESTIONS",
    "TASK_OF",
    "Predictor",
    "PredictorQuestions",
    "ask_in_batches",
    "load_part",
    "load_recipe_judge",
    "nested_arguments",
    "read_prediction",
]
