"""What a model is to foodbench, and how its answers are checked.

An adapter is any object with an `answer` method; it inherits from nothing. Everything else is optional and read through
the functions here, so that a user's own class of five lines and a served model look the same to the engine.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Protocol

from foodbench.core.errors import AdapterFailed, AnswerInvalid, FoodbenchError, UnsupportedTask, UsageError
from foodbench.core.types import NUTRIENTS, Answer, Mask, Nutrition, Request, well_formed
from foodbench.core.wording import counted

if TYPE_CHECKING:
    from foodbench.data.roots import DatasetChoice
    from foodbench.tasks.base import FoodTask

_CONTRACT_HINT = "answer(requests) must return one Answer or str per request, in the same order."
_SHOWN_CHARACTERS = 300
_WORDS = ("text", "label", "labels")


class Adapter(Protocol):
    """Answers questions about pictures.

    Only `answer` is required. These are used where an adapter has them:

    - `identity: str`: names the model and every setting that can change its answers (never keys, never throughput
      settings such as a batch size). Stored answers are reused only under the same identity. Default: the class.
    - `batch_size: int`: how many requests it likes to get at once.
    - `answers_singly: bool`: an answer never depends on what else is in its batch (a served model, say). Then an
      interrupted batch is asked only for what is missing, not as a whole.
    - `prepare(task, choice) -> None`: called once before a task's first request; baselines fit themselves here. Raises
      `UnsupportedTask` if the model cannot answer such a task by its nature; the task is then "not measured: why".
    - `reads_forced_answers: bool`: it takes part in tasks under the `teacher_forced` protocol: where a request has the
      slot `forced_answer`, its masks are read at the places of that text instead of writing an answer.
    - `usage() -> Mapping[str, int | float | None]`: totals so far, e.g. tokens and cost.
    - `spec_argument: str` (on the class): the constructor's argument that the rest of `name:rest` fills on the command
      line.
    """

    def answer(self, requests: Sequence[Request]) -> Sequence[Answer | str]:
        """Answer each request: one `Answer` (or bare text) per request, in the same order."""


def identity_of(adapter: Any) -> str:
    """The adapter's declared identity, otherwise the name of its class.

    Raises:
        UsageError: the declared identity is not a non-empty string.
    """
    declared = getattr(adapter, "identity", None)
    if declared is None:
        return f"py:{type(adapter).__module__}:{type(adapter).__qualname__}"
    if not isinstance(declared, str) or not declared.strip():
        raise UsageError(
            f"The adapter {type(adapter).__qualname__} has an identity that is not text: {declared!r}.",
            hint="Make `identity` a string that names the model and the settings that change its answers.",
        )
    return declared


def batch_size_of(adapter: Any, default: int) -> int:
    """How many requests the adapter likes to get at once, `default` if it does not say.

    Raises:
        UsageError: the declared batch size is not a positive integer.
    """
    declared = getattr(adapter, "batch_size", None)
    if declared is None:
        return default
    if isinstance(declared, bool) or not isinstance(declared, Integral) or declared < 1:
        raise UsageError(
            f"The adapter {identity_of(adapter)} has the batch size {declared!r}.", hint="Use a positive integer."
        )
    return int(declared)


def usage_of(adapter: Any) -> dict[str, int | float | None] | None:
    """The adapter's totals (tokens, cost, ...), or None if it keeps none."""
    usage = getattr(adapter, "usage", None)
    return dict(usage()) if callable(usage) else None


def prepare(adapter: Any, task: FoodTask, choice: DatasetChoice) -> None:
    """Let the adapter prepare for a task, if it wants to.

    Raises:
        UnsupportedTask: the adapter cannot answer such a task.
        AdapterFailed: the adapter raised something else.
    """
    if task.protocol == "teacher_forced" and not getattr(adapter, "reads_forced_answers", False):
        raise UnsupportedTask(
            f"{task.name} gives the model the right answer's text and takes the masks at its places; "
            f"{identity_of(adapter)} offers no way to do that."
        )
    method = getattr(adapter, "prepare", None)
    if not callable(method):
        return
    try:
        method(task, choice)
    except FoodbenchError:
        raise
    except Exception as error:
        raise AdapterFailed(
            f"{identity_of(adapter)} failed to prepare for {task.name}: {describe_exception(error)}.",
            hint="Mend the adapter and run the same command again.",
        ) from error


def words_only(task: FoodTask) -> None:
    """Leave a task that wants something else than words to others.

    Raises:
        UnsupportedTask: it wants masks or numbers of their own.
    """
    if task.answer_kind not in _WORDS:
        raise UnsupportedTask(f"{task.name} asks for {task.answer_kind}; this model answers in words.")


def ask(adapter: Any, requests: Sequence[Request]) -> list[Answer]:
    """Put requests to an adapter and check what comes back.

    Returns:
        one answer per request, in the same order.

    Raises:
        AdapterFailed: the adapter raised, or its answers break the contract (see `check_answers`).
        FoodbenchError: whatever of that family the adapter raised, unchanged. Answers that had already come in may be
            attached to it (see `received`).
    """
    if not requests:
        return []
    name = identity_of(adapter)
    try:
        answers = adapter.answer(requests)
        if isinstance(answers, Iterator):
            answers = list(answers)  # a generator's code runs here, so its errors belong here too
    except FoodbenchError:
        raise
    except Exception as error:
        raise AdapterFailed(
            f"{name} raised on {_where(requests)}: {describe_exception(error)}.",
            hint="Answers so far are saved. Mend the adapter and run the same command again.",
        ) from error
    return check_answers(name, requests, answers)


def check_answers(adapter_name: str, requests: Sequence[Request], answers: Any) -> list[Answer]:
    """Check what an adapter returned and bring it into one form.

    What is the adapter's fault is an error; what is the model's fault stays an answer, to be scored as wrong: text that
    looks like an envelope but is malformed is kept as text, a nutrition value that is not finite becomes unknown.
    Characters that no file can hold (lone surrogates) are replaced.

    Args:
        adapter_name: for messages.
        requests: what was asked.
        answers: what came back; anything.

    Returns:
        one answer per request.

    Raises:
        AdapterFailed: not a sequence, too few or too many answers, or an answer that is neither `Answer` nor text.
    """
    where = _where(requests)
    if isinstance(answers, (str, bytes, Mapping, Set)) or not isinstance(answers, Iterable):
        raise AdapterFailed(
            f"{adapter_name} returned {_shown(answers)} for {where}, not a list of answers.", hint=_CONTRACT_HINT
        )
    answers = list(answers)
    if len(answers) != len(requests):
        first = f"; the first is {_shown(answers[0])}" if answers else ""
        raise AdapterFailed(
            f"{adapter_name} returned {counted(len(answers), 'answer')} to {counted(len(requests), 'request')} for "
            f"{where}{first}.",
            hint=_CONTRACT_HINT,
        )
    return [
        _checked(adapter_name, request, position, answer)
        for position, (request, answer) in enumerate(zip(requests, answers, strict=True))
    ]


def _checked(adapter_name: str, request: Request, position: int, answer: Any) -> Answer:
    if isinstance(answer, str):
        text = well_formed(answer)
        try:
            return Answer.from_text(text)
        except AnswerInvalid:
            return Answer(text=text)
    problem = _problem(answer)
    if problem:
        raise AdapterFailed(
            f"{adapter_name} returned a bad answer for task {request.task}, sample {request.sample_id} "
            f"(number {position + 1} of its batch): {problem}.",
            hint=_CONTRACT_HINT,
        )
    return Answer(
        text=well_formed(answer.text),
        masks=tuple(_plain_mask(mask) for mask in answer.masks),
        nutrition=None if answer.nutrition is None else _finite_nutrition(answer.nutrition),
    )


def _problem(answer: Any) -> str | None:
    """What makes `answer` unusable as an `Answer`, or None."""
    if not isinstance(answer, Answer):
        return f"it is {_shown(answer)}"
    if not isinstance(answer.text, str):
        return f"its text is {_shown(answer.text)}"
    if not isinstance(answer.masks, (tuple, list)):
        return f"its masks are {_shown(answer.masks)}, not a tuple of Mask"
    for mask in answer.masks:
        if not isinstance(mask, Mask):
            return f"one of its masks is {_shown(mask)}, not a Mask"
        if not isinstance(mask.counts, str):
            return f"a mask's counts are {_shown(mask.counts)}, not text (pycocotools gives bytes: decode them)"
        if not isinstance(mask.size, (tuple, list)) or len(mask.size) != 2:
            return f"a mask's size is {_shown(mask.size)}, not (height, width)"
        if not all(isinstance(side, Integral) for side in mask.size):
            return f"a mask's size is {_shown(mask.size)}, not two integers"
    nutrition = answer.nutrition
    if nutrition is not None:
        if not isinstance(nutrition, Nutrition):
            return f"its nutrition is {_shown(nutrition)}, not a Nutrition"
        for name in NUTRIENTS:
            value = getattr(nutrition, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, Real)):
                return f"its {name} is {_shown(value)}, not a number"
    return None


def _plain_mask(mask: Mask) -> Mask:
    height, width = mask.size
    label = None if mask.label is None else well_formed(str(mask.label))
    return Mask(size=(int(height), int(width)), counts=mask.counts, label=label)


def _finite_nutrition(nutrition: Nutrition) -> Nutrition:
    # A NaN from a regression head is the model's wrong answer, and no JSON file can hold it.
    return Nutrition(**{name: _finite(getattr(nutrition, name)) for name in NUTRIENTS})


def _finite(value: Any) -> float | None:
    try:
        number = math.nan if value is None else float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _where(requests: Sequence[Request]) -> str:
    if not requests:
        return "an empty batch"
    first = requests[0]
    more = f" (first of {len(requests)})" if len(requests) > 1 else ""
    return f"task {first.task}, sample {first.sample_id}{more}"


def _shown(value: Any) -> str:
    kind = type(value).__name__
    if value is None:
        return "None"
    try:
        text = repr(value)
    except Exception:  # a user's object may have a broken repr, which must not hide the real message
        return f"a {kind}"
    return f"{kind} {text if len(text) <= 80 else text[:77] + '...'}"


def describe_exception(error: BaseException) -> str:
    """`Type: message` of an exception on one line, shortened."""
    text = " ".join(str(error).split())
    if len(text) > _SHOWN_CHARACTERS:
        text = text[: _SHOWN_CHARACTERS - 3] + "..."
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def attach_received(error: FoodbenchError, answers: Mapping[str, Answer]) -> None:
    """Attach answers that had come in before a batch failed, by sample id, for whoever stores answers."""
    error.__dict__["received_answers"] = dict(answers)


def received(error: BaseException) -> dict[str, Answer]:
    """The answers that had come in before the batch failed with `error`, by sample id; empty if none were attached."""
    attached = getattr(error, "received_answers", None)
    return dict(attached) if isinstance(attached, dict) else {}
