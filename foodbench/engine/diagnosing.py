"""Which metrics notice a wrong recipe: good ones are corrupted by known amounts, scored by the tasks' own metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from foodbench.core.errors import AnswerInvalid, FoodbenchError, RunIncomplete, UsageError
from foodbench.core.hashing import stable_seed
from foodbench.core.types import Answer, Score
from foodbench.data.roots import Edition, open_dataset, resolve
from foodbench.engine.losses import Standards, best_floor, metric_losses
from foodbench.engine.references import measure_references
from foodbench.engine.rescore import load_answered
from foodbench.metrics.reading.actions import find_actions
from foodbench.runs.diagnostics import CorruptedTask, DiagnosedTask, Diagnosis, Example
from foodbench.runs.provenance import collect, now
from foodbench.runs.store import RunFolder
from foodbench.tasks import TASKS
from foodbench.tasks.base import TaskData
from foodbench.tasks.corruption import CONTROL, Corrupted, corrupt
from foodbench.tasks.naming import finder
from foodbench.tasks.text import without_reasoning

TASK_NAMES = ("recipe1m.recipe", "recipe1m.instructions", "recipe1m.actions")
"""Tasks whose answers are recipes, or the steps of one."""
_ORACLE = "baseline:oracle"
_MOST_SHOWN, _MOST_SWAPS = 4_000, 40
"""Of an example: characters of a text, and swaps."""
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for.

    Attributes:
        corruptions: which; the control comes with them.
        shares: how much of each, ascending, above 0.
        seed: of what is chosen.
        limit: so many recipes at most; of references only.
    """

    corruptions: tuple[str, ...]
    shares: tuple[float, ...]
    seed: int = 0
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """A task with the answers to be corrupted.

    Attributes:
        data: the task's questions.
        texts: the answers as they are read, by sample id.
        vocabulary: the dataset's ingredients.
        right: what is right for a recipe by its references: ingredients and actions, by sample id.
    """

    data: TaskData
    texts: Mapping[str, str]
    vocabulary: tuple[str, ...]
    right: Mapping[str, frozenset[str]]


def answers_of_references(edition: Edition | None, limit: int | None, seed: int) -> list[Answered]:
    """The references as answers.

    Raises:
        DataMissing, DataCorrupt, UsageError: as the dataset says.
    """
    choice = resolve(TASKS.get(TASK_NAMES[0]).dataset, edition)
    found = []
    for name in TASK_NAMES:
        data = TASKS.get(name).load(choice, limit=limit, seed=seed)
        texts = {sample.sample_id: data.task.oracle(sample).text for sample in data.samples}
        found.append(_answered(data, texts))
    return found


def answers_of_run(run: RunFolder) -> tuple[list[Answered], dict[str, str]]:
    """The answers of a finished run, and why a task is not among them.

    Raises:
        RunIncomplete: the run has finished no task of recipes.
        DataMissing, DataCorrupt: its files or its dataset are damaged, or the questions are others by now.
    """
    found: list[Answered] = []
    skipped: dict[str, str] = {}
    for name in TASK_NAMES:
        folder = run.task(TASKS.get(name).versioned_name)
        if not folder.result_path.is_file():
            skipped[name] = "not finished in this run"
            continue
        answered = load_answered(folder)
        texts = {sample_id: readable(record.answer) for sample_id, record in answered.records.items()}
        found.append(_answered(answered.data, texts))
    if not found:
        raise RunIncomplete(
            f"{run.path} has no finished task of recipes.", hint=f"Measure one: --tasks {','.join(TASK_NAMES)}"
        )
    return found, skipped


def _answered(data: TaskData, texts: Mapping[str, str]) -> Answered:
    # The dataset's ingredients, whatever list the task itself reads answers by.
    vocabulary = TASKS.get(TASK_NAMES[0]).vocabulary(open_dataset(data.choice))
    right = {}
    for sample in data.samples:
        true = sample.reference
        named = finder(vocabulary).find(true["text"]).names
        right[sample.sample_id] = frozenset((*named, *true.get("classes", ()), *find_actions(true["text"])))
    return Answered(data, texts, vocabulary, right)


def _together(answered: Sequence[Answered]) -> list[Answered]:
    """With what any of the tasks says to be right, so that one recipe is corrupted alike in all of them."""
    whole: dict[str, frozenset[str]] = {}
    for each in answered:
        for sample_id, right in each.right.items():
            whole[sample_id] = whole.get(sample_id, frozenset()) | right
    return [replace(each, right=whole) for each in answered]


def readable(raw: str) -> str:
    """The text of an answer as a task reads it: out of its envelope, without reasoning; empty if it is malformed."""
    try:
        return without_reasoning(Answer.from_text(raw).text)
    except AnswerInvalid:
        return ""


def diagnose_recipes(
    run: RunFolder | None, edition: Edition | None, wanted: Wanted, progress: Progress = lambda _text: None
) -> Diagnosis:
    """Corrupt recipes, score them before and after, and say which metrics notice.

    Args:
        run: whose answers; None for the references.
        edition: of the references; a run has its own.
        wanted: what is asked for.
        progress: told what is being done.

    Raises:
        UsageError: an edition or a limit that is not the run's.
        RunIncomplete, DataMissing, DataCorrupt: as `answers_of_run` and `answers_of_references`.
    """
    skipped: dict[str, str] = {}
    if run is None:
        answered = answers_of_references(edition, wanted.limit, wanted.seed)
        source, model = "references", _ORACLE
    else:
        answered, skipped = answers_of_run(run)
        state = run.read()
        source, model = state.run_id, state.model.spec
        _check(source, answered[0].data.choice.edition, edition, wanted)
    results: list[CorruptedTask] = []
    examples: list[Example] = []
    for each in _together(answered):
        made, shown = _diagnose_task(each, wanted, progress)
        results += made
        examples += shown
    first = answered[0].data
    return Diagnosis(
        dataset=first.task.dataset,
        edition=first.choice.edition,
        variant=first.choice.variant,
        split=first.task.split,
        dataset_fingerprint=first.dataset_fingerprint,
        answers=source,
        model=model,
        seed=wanted.seed,
        shares=list(wanted.shares),
        tasks=[_identity(each.data) for each in answered],
        skipped=skipped,
        results=results,
        # Texts of real datasets are not ours to pass on.
        examples=examples if first.choice.edition == "kitchen" else [],
        provenance=collect(wanted.seed),
        made=now(),
    )


def _check(run: str, own: Edition, edition: Edition | None, wanted: Wanted) -> None:
    """Refuse what a run decides by itself."""
    if edition not in (None, own):
        raise UsageError(f"{run} is of the {own} edition.", hint="Leave --edition out.")
    if wanted.limit is not None:
        raise UsageError("--limit is for references; a run has its own samples.", hint="Leave --limit out.")


def _identity(data: TaskData) -> DiagnosedTask:
    task = data.task
    return DiagnosedTask(
        name=task.name, version=task.version, fingerprint=data.fingerprint, n=len(data.samples), limit=data.limit
    )


def _diagnose_task(answered: Answered, wanted: Wanted, progress: Progress) -> tuple[list[CorruptedTask], list[Example]]:
    data = answered.data
    progress(f"{data.task.name}: floor and ceiling")
    standards = _standards(data)
    before = _scores(answered, answered.texts)
    results: list[CorruptedTask] = []
    examples: list[Example] = []
    for share in wanted.shares:
        reworded: list[Score] | None = None
        for kind in (CONTROL, *wanted.corruptions):
            progress(f"{data.task.name}: {kind} {share:g}")
            corrupted = {
                sample_id: _corrupted(answered, sample_id, kind, share, wanted.seed) for sample_id in answered.texts
            }
            after = _scores(answered, {sample_id: each.text for sample_id, each in corrupted.items()})
            results.append(_result(answered, (kind, share), corrupted, (standards, before, after, reworded)))
            examples += _example(answered, kind, share, corrupted) if share == wanted.shares[-1] else []
            if kind == CONTROL:
                reworded = after
    return results, examples


def _corrupted(answered: Answered, sample_id: str, kind: str, share: float, seed: int) -> Corrupted:
    text = answered.texts[sample_id]
    chosen = stable_seed("diagnosis", seed, sample_id)
    return corrupt(text, kind, share, answered.vocabulary, chosen, right=answered.right[sample_id])


def _scores(answered: Answered, texts: Mapping[str, str]) -> list[Score]:
    data = answered.data
    return [data.task.score(sample, texts[sample.sample_id], data.vocabulary) for sample in data.samples]


def _standards(data: TaskData) -> Standards:
    """Floor and ceiling of each metric on these samples; without them where baselines cannot be fitted."""
    try:
        references = measure_references(data)
    except FoodbenchError:
        return Standards({}, {})
    ceilings = next((each.values for each in references if each.role == "ceiling"), {})
    return Standards({metric.id: best_floor(references, metric) for metric in data.task.metrics}, ceilings)


def _result(
    answered: Answered,
    what: tuple[str, float],
    corrupted: Mapping[str, Corrupted],
    scored: tuple[Standards, list[Score], list[Score], Sequence[Score] | None],
) -> CorruptedTask:
    (kind, share), task = what, answered.data.task
    possible, changed = (sum(getattr(each, name) for each in corrupted.values()) for name in ("possible", "changed"))
    reached = changed / possible if possible else None
    return CorruptedTask(
        task=task.name,
        corruption=kind,
        share=share,
        reached=reached,
        possible=possible,
        changed=changed,
        samples=len(corrupted),
        samples_changed=sum(each.text != answered.texts[sample_id] for sample_id, each in corrupted.items()),
        unchanged=dict(sorted(Counter(each.why for each in corrupted.values() if each.why).items())),
        metrics=metric_losses(task.metrics, *scored, reached=reached or 0.0),
    )


def _example(answered: Answered, kind: str, share: float, corrupted: Mapping[str, Corrupted]) -> list[Example]:
    """The first recipe, by id, in which something was changed."""
    for sample_id in sorted(corrupted):
        each = corrupted[sample_id]
        if each.text != answered.texts[sample_id]:
            before = answered.texts[sample_id]
            return [
                Example(
                    task=answered.data.task.name,
                    sample_id=sample_id,
                    corruption=kind,
                    share=share,
                    before=before[:_MOST_SHOWN],
                    after=each.text[:_MOST_SHOWN],
                    swaps=list(each.swaps[:_MOST_SWAPS]),
                )
            ]
    return []
