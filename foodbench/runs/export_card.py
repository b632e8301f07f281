"""Results for a model card of the Hugging Face Hub: the `model-index` of its YAML block, and a check of one.

What stands there must be what was measured, of the data that it names: a result of the kitchen edition calls its
dataset synthetic in name and id, and one that is not of the whole split is refused. Everything is parsed back by
`huggingface_hub` before it is handed out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from foodbench.core.errors import DataCorrupt, UsageError
from foodbench.core.printable import printable
from foodbench.core.wording import counted
from foodbench.runs.export import Metrics, RunResults, chosen_metrics, commit_of, not_full, version_of
from foodbench.runs.schema import MetricRecord, TaskResult

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

SYNTHETIC = "synthetic"
KITCHEN_PREFIX = "foodbench-kitchen-"
MOST_BYTES = 4_000_000
_KINDS = {"label": "image-classification", "labels": "image-classification", "masks": "image-segmentation"}
_OTHER_KIND = "image-text-to-text"
_MEASURED = ("low", "high", "n", "clusters", "parse_rate")


@dataclass(frozen=True, slots=True)
class CheckedCard:
    """What is in a model card's index.

    Attributes:
        model: the name it gives the model.
        entries: results that foodbench has written.
        others: results of other origin, which are not looked at.
        problems: what is wrong with it, in sentences.
    """

    model: str
    entries: int
    others: int
    problems: tuple[str, ...]


def to_card(results: RunResults, *, metrics: Metrics = "headline", name: str | None = None) -> str:
    """The YAML of a model card's `model-index`.

    Args:
        results: what was measured.
        metrics: each task's first metric, those that a short table shows, or all.
        name: what to call the model; by default as it was named to `--model`.

    Raises:
        UsageError: a result is not of the whole split (a limit, a control, a partial copy, missing predictions), or
            none has a value.
    """
    from huggingface_hub import ModelCardData

    partial = [f"{task} ({'; '.join(why)})" for task, result in results.results.items() if (why := not_full(result))]
    if partial:
        raise UsageError(
            f"No result for a model card: {', '.join(partial[:3])}"
            + (f" and {len(partial) - 3} more." if len(partial) > 3 else "."),
            hint="A card compares with results of the whole split. Choose others with --tasks, or another format.",
        )
    entries = [
        _entry(result, metric)
        for result in results.results.values()
        for metric in chosen_metrics(result, metrics)
        if metric.value is not None
    ]
    if not entries:
        raise UsageError("No metric has a value.", hint="See foodbench show RUN.")
    text = ModelCardData(model_name=name or results.run.model.spec, eval_results=entries).to_yaml() + "\n"
    model, read = _parsed(text, "the YAML that was made")
    if model != (name or results.run.model.spec) or sorted(map(repr, read)) != sorted(map(repr, entries)):
        raise DataCorrupt(
            "huggingface_hub reads something else from the YAML than was put into it.",
            hint="A name of the model or of a metric has characters that YAML cannot hold; give one with --name.",
        )
    return text


def _entry(result: TaskResult, metric: MetricRecord) -> EvalResult:
    from huggingface_hub import EvalResult

    task, dataset = f"{result.task.name}@{result.task.version}", result.dataset
    return EvalResult(
        task_type=_kind(result),
        task_name=f"{task} ({result.task.protocol})",
        dataset_type=dataset.name if dataset.edition == "real" else KITCHEN_PREFIX + dataset.name,
        dataset_name=_dataset_name(result),
        # Entries of the same task, dataset and configuration are put under one name there.
        dataset_config=task,
        dataset_split=dataset.split,
        dataset_args={
            "edition": dataset.edition,
            "variant": dataset.variant,
            "fingerprint": dataset.fingerprint,
            "questions": result.task.fingerprint,
        },
        metric_type=metric.id,
        metric_name=metric.id + (f" ({metric.unit})" if metric.unit else ""),
        metric_value=metric.value,
        metric_args={name: value for name, value in _measured(result, metric).items() if value is not None},
    )


def _measured(result: TaskResult, metric: MetricRecord) -> dict[str, Any]:
    """The frame of a value. What is null is dropped by huggingface_hub, so it is left out from the start."""
    return {
        "higher_is_better": metric.higher_is_better,
        "low": metric.low,
        "high": metric.high,
        "confidence": metric.confidence,
        "interval_method": metric.interval_method,
        "n": metric.n,
        "clusters": metric.clusters,
        "parse_rate": result.parse_rate,
        "signature": metric.signature,
        "foodbench": version_of(result),
        "commit": commit_of(result),
    }


def _kind(result: TaskResult) -> str:
    from foodbench.tasks import TASKS

    known = result.task.name in TASKS
    return _KINDS.get(TASKS.get(result.task.name).answer_kind, _OTHER_KIND) if known else _OTHER_KIND


def _dataset_name(result: TaskResult) -> str:
    from foodbench.data.catalog import CATALOG

    dataset = result.dataset
    title = CATALOG.get(dataset.name).title if dataset.name in CATALOG else dataset.name
    if dataset.edition == "real":
        return title
    variant = f", {dataset.variant}" if dataset.variant else ""
    return f"foodbench kitchen ({SYNTHETIC} plates in the layout of {title}, not the dataset itself{variant})"


def _parsed(text: str, where: str) -> tuple[str, list[EvalResult]]:
    """The model's name and the results in a YAML text or a model card, as `huggingface_hub` reads them.

    Raises:
        DataCorrupt: it holds no `model-index`, or one that cannot be read.
    """
    import yaml
    from huggingface_hub import ModelCardData

    hint = "Write one with: foodbench export RUN --to hf-eval-results."
    try:
        block = _yaml_block(text)
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(block, Loader=yaml.SafeLoader)):
            raise DataCorrupt(f"{where}: an alias in its YAML.", hint="Write the value out; aliases can grow.")
        plain = yaml.safe_load(block)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = printable(" ".join(str(error).split()), limit=200)
        raise DataCorrupt(f"{where}: not valid YAML: {reason}.", hint=hint) from error
    if not isinstance(plain, dict) or not plain.get("model-index"):
        raise DataCorrupt(f"{where}: no 'model-index' in it.", hint=hint)
    try:
        card = ModelCardData(**{"model-index": plain["model-index"]})
        results = list(card.eval_results or ())
    except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        reason = printable(" ".join(str(error).split()), limit=200)
        raise DataCorrupt(f"{where}: huggingface_hub cannot read its 'model-index': {reason}.", hint=hint) from error
    return str(card.model_name), results


def _yaml_block(text: str) -> str:
    """The YAML of a model card: what is between the first two lines `---`; or the whole text."""
    lines = text.removeprefix("\ufeff").splitlines()
    if lines and lines[0].strip() == "---":
        end = next((number for number, line in enumerate(lines[1:], start=1) if line.strip() == "---"), len(lines))
        return "\n".join(lines[1:end])
    return text


def check_card(text: str, where: str, results: RunResults | None = None) -> CheckedCard:
    """Check the results in a model card, or in the YAML for one.

    Args:
        text: the card, or its YAML.
        where: what to call it in messages.
        results: the run that they should be of; each must then be one of its numbers.

    Raises:
        DataCorrupt: it cannot be read at all.
    """
    model, entries = _parsed(text, where)
    own = [entry for entry in entries if _is_ours(entry)]
    problems: list[str] = []
    seen: set[tuple[Any, ...]] = set()
    for entry in own:
        label = printable(f"{entry.dataset_config}: {entry.metric_type}", limit=200)
        problems += [f"{label}: {problem}" for problem in _problems(entry)]
        identity = (*map(str, entry.unique_identifier), str(entry.metric_type))
        if identity in seen:
            problems.append(f"{label}: comes twice.")
        seen.add(identity)
        if results is not None:
            problems += [f"{label}: {problem}" for problem in _differences(entry, results)]
    if not own:
        problems.append("no result of foodbench's in it.")
    return CheckedCard(model, len(own), len(entries) - len(own), tuple(problems))


def _is_ours(entry: EvalResult) -> bool:
    """Whether foodbench wrote an entry, or somebody wants to make that believed."""
    data, measured = entry.dataset_args, entry.metric_args
    return (
        str(entry.dataset_type).startswith(KITCHEN_PREFIX)
        or (isinstance(data, Mapping) and "edition" in data)
        or (isinstance(measured, Mapping) and "foodbench" in measured)
    )


def _problems(entry: EvalResult) -> list[str]:
    """What is wrong with an entry by itself."""
    arguments = entry.dataset_args if isinstance(entry.dataset_args, Mapping) else {}
    measured = entry.metric_args if isinstance(entry.metric_args, Mapping) else {}
    found = []
    if not _finite(entry.metric_value):
        found.append(f"the value {_shown(entry.metric_value)} is no finite number.")
    edition = arguments.get("edition")
    if edition not in ("real", "kitchen"):
        found.append(f"the edition {_shown(edition)} is neither 'real' nor 'kitchen'.")
    named = str(entry.dataset_type).startswith(KITCHEN_PREFIX)
    if edition == "kitchen" and not (named and SYNTHETIC in str(entry.dataset_name)):
        found.append("measured on synthetic plates, but the dataset's name or type does not say so.")
    if edition == "real" and named:
        found.append("the dataset's type is the kitchen's, its edition 'real'.")
    low, high = measured.get("low"), measured.get("high")
    if (low is None) != (high is None) or (low is not None and not (_finite(low) and _finite(high) and low <= high)):
        found.append(f"{_shown(low)} to {_shown(high)} is no interval.")
    count = measured.get("n")
    if type(count) is not int or count < 1:
        found.append(f"n is {_shown(count)}, not a number of samples.")
    return found


def _finite(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _shown(value: Any) -> str:
    return printable(repr(value), limit=60)


def _differences(entry: EvalResult, results: RunResults) -> list[str]:
    """In what an entry is not what the run measured."""
    result = next(
        (each for each in results.results.values() if f"{each.task.name}@{each.task.version}" == entry.dataset_config),
        None,
    )
    metric = next((each for each in result.metrics if each.id == entry.metric_type), None) if result else None
    if result is None or metric is None:
        return ["the run has no such result."]
    right = _entry(result, metric)
    found = []
    if entry.metric_value != right.metric_value:
        found.append(f"{_shown(entry.metric_value)} here, {_shown(right.metric_value)} in the run.")
    for attribute in ("dataset_type", "dataset_name", "dataset_split", "dataset_args"):
        if getattr(entry, attribute) != getattr(right, attribute):
            given, wanted = _shown(getattr(entry, attribute)), _shown(getattr(right, attribute))
            found.append(f"{attribute.replace('_', ' ')}: {given} here, {wanted} in the run.")
    measured, there = (each.metric_args if isinstance(each.metric_args, dict) else {} for each in (entry, right))
    for name in _MEASURED:
        if measured.get(name) != there.get(name):
            found.append(f"{name}: {_shown(measured.get(name))} here, {_shown(there.get(name))} in the run.")
    if not_full(result):
        found.append(f"not of the whole split: {'; '.join(not_full(result))}.")
    return found


def check_text(checked: CheckedCard) -> str:
    """One line about a card without problems."""
    others = f"; {counted(checked.others, 'other result')} not looked at" if checked.others else ""
    return f"{counted(checked.entries, 'result')} of {printable(checked.model, limit=200)}{others}"
