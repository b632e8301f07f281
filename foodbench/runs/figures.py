"""Figures for papers, of one run or of several: `foodbench export --figure` and Python programs use it.

    from foodbench.runs.export import load_results
    from foodbench.runs.figures import draw_figure
    svg = draw_figure("forest", [load_results("runs/foodlmm-628e7ebd")], form="svg", width=3.3)

What is not comparable stands in no figure together: real data and the kitchen, or other questions. What is not of a
whole split, or a control, says so. The same runs give the same bytes (with the same matplotlib).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

from foodbench.core.errors import UnknownName, UsageError
from foodbench.core.types import NUTRIENTS
from foodbench.runs import figure_results, figure_samples, figure_style
from foodbench.runs.export import Metrics, RunResults, chosen_metrics, not_full
from foodbench.runs.export_tables import SYNTHETIC
from foodbench.runs.figure_data import class_rows, mass_bins, metric_rows, remarks_of, segments_by_class
from foodbench.runs.figure_style import Form, Frame, Sheet

KINDS: Mapping[str, str] = {
    "forest": "each task's value with its interval, between floor and ceiling",
    "multiples": "a little panel for each task, best first",
    "classes": "the IoU of each class of a segmentation task",
    "mass": "error and bias of a nutrition task by the mass of the dish",
}
"""Kinds of figures, and what they show."""
FORMS = ("svg", "pdf", "png")
ONE_TASK: Mapping[str, str] = {"classes": "foodseg103.semantic", "mass": "nutrition5k.total"}
"""Kinds that show one task, and which if none is named."""
NARROWEST, WIDEST = 3.0, 20.0
"""Widths in inches; a column of a paper is about 3.3 wide, a page 7."""
_LABEL = 60
_WORDS = {"kcal": "energy", "mass": "mass", "fat": "fat", "carb": "carbohydrate", "protein": "protein"}


def form_of(path: Path) -> Form:
    """The format that a file's name says.

    Raises:
        UsageError: none that figures are drawn in.
    """
    for form in FORMS:
        if path.suffix.lower() == f".{form}":
            return form  # type: ignore[return-value]
    raise UsageError(
        f"A figure cannot be written as '{path.suffix or path.name}'.",
        hint=f"Let the file's name end in {', '.join(f'.{form}' for form in FORMS[:-1])} or .{FORMS[-1]}.",
    )


def check_kind(kind: str) -> None:
    """Refuse what is no kind of figure.

    Raises:
        UnknownName: with the closest kinds.
    """
    if kind not in KINDS:
        raise UnknownName.of("figure", kind, KINDS)


def draw_figure(
    kind: str,
    runs: Sequence[RunResults],
    *,
    form: Form,
    width: float = 7.0,
    names: Sequence[str] = (),
    metrics: Metrics = "primary",
    nutrient: str = "mass",
) -> bytes:
    """Draw a figure.

    Args:
        kind: one of `KINDS`.
        runs: what was measured; of `classes` and `mass` one task, see `ONE_TASK`.
        form: the file's format.
        width: in inches.
        names: what to call the runs, in their order; by default their models, or where these are the same, their
            folders.
        metrics: of `forest` and `multiples`, each task's first metric, those that a short table shows, or all.
        nutrient: of `mass`, what the errors are of.

    Returns:
        the file's content.

    Raises:
        UsageError: the runs do not go together in this figure, or do not have it; or matplotlib is not installed.
        DataMissing, DataCorrupt: files are absent or damaged, or references are needed that are not on this machine.
    """
    check_kind(kind)
    if nutrient not in NUTRIENTS:
        raise UnknownName.of("nutrient", nutrient, NUTRIENTS)
    if not (math.isfinite(width) and NARROWEST <= width <= WIDEST):
        raise UsageError(
            f"A figure {width:g} inches wide is not drawn.", hint=f"Choose {NARROWEST:g} to {WIDEST:g}; a page has 7."
        )
    _check_together(runs, names)
    with figure_style.style():
        task = _one_task(kind, runs) if kind in ONE_TASK else None
        labels, notes, starred = _remarked(runs, _labels(runs, names), task)
        heading, data = _heading(kind, labels, task, nutrient), _data(runs)
        frame = Frame(heading, data, labels, notes, width)
        if task is None:
            sheet = _of_results(kind, runs, frame, metrics, starred)
        else:
            sheet = _of_samples(kind, runs, frame, task, nutrient)
        return sheet.saved(form, f"{heading}. {data}.")


def _of_results(kind: str, runs: Sequence[RunResults], frame: Frame, metrics: Metrics, starred: set[str]) -> Sheet:
    rows = metric_rows(runs, metrics, starred)
    if not rows:
        raise UsageError("No metric has a value.", hint="See foodbench show RUN.")
    draw = figure_results.forest if kind == "forest" else figure_results.multiples
    return draw(frame, rows, _share(runs, metrics))


def _of_samples(kind: str, runs: Sequence[RunResults], frame: Frame, task: str, nutrient: str) -> Sheet:
    if kind == "classes":
        rows = class_rows(runs, task)
        if not rows:
            raise UsageError(f"No class occurs in the samples of {task}.", hint="Choose another task with --tasks.")
        return figure_samples.classes(frame, rows)
    bins = mass_bins(runs, task, nutrient)
    stated = [each.n for found in bins for each in found.bias]
    if sum(stated) < sum(each.n for found in bins for each in found.error):
        notes = "A dish without a stated value counts as zero in the error, and not in the bias."
        frame = replace(frame, notes=[*frame.notes, notes])
    return figure_samples.mass(frame, bins, _WORDS[nutrient], "kcal" if nutrient == "kcal" else "g")


def _share(runs: Sequence[RunResults], metrics: Metrics) -> str:
    shares = {
        each.confidence for run in runs for result in run.results.values() for each in chosen_metrics(result, metrics)
    }
    return " and ".join(f"{100 * share:g} %" for share in sorted(shares))


def _check_together(runs: Sequence[RunResults], names: Sequence[str]) -> None:
    """Refuse runs that do not go together in one figure."""
    most = len(figure_style.COLOURS)
    if not 1 <= len(runs) <= most:
        raise UsageError(f"A figure shows 1 to {most} runs, not {len(runs)}.", hint="Draw several figures.")
    if names and len(names) != len(runs):
        raise UsageError(f"{len(names)} names for {len(runs)} runs.", hint="Give --name once for each RUN, in order.")
    if len({run.path.resolve() for run in runs}) < len(runs):
        raise UsageError("A run comes twice.", hint="Name each once.")
    found: dict[str, str] = {}
    for run in runs:
        for name, result in run.results.items():
            found.setdefault(result.dataset.label, f"{name} of {run.path.name}")
    if len(found) > 1:
        told = " and ".join(f"{where} on '{label}'" for label, where in found.items())
        raise UsageError(
            f"Real data and each variant of the kitchen have figures of their own: {told}.",
            hint="Choose tasks of one of them with --tasks, or other runs.",
        )
    for one, other in combinations(runs, 2):
        for name in (name for name in one.results if name in other.results):
            _check_questions(name, one, other)


def _check_questions(name: str, one: RunResults, other: RunResults) -> None:
    first, second = one.results[name], other.results[name]
    told = bool(not_full(first) or not_full(second))
    if first.task.version != second.task.version or (first.task.fingerprint != second.task.fingerprint and not told):
        versions = f"{first.task.version} and {second.task.version}"
        raise UsageError(
            f"{name}: {one.path.name} and {other.path.name} have answered different questions (versions {versions}).",
            hint="Leave the task out with --tasks, or score the older run again: foodbench score RUN",
        )


def _one_task(kind: str, runs: Sequence[RunResults]) -> str:
    """The task of a figure that shows one.

    Raises:
        UsageError: the chosen tasks have none that this kind can show, or several; or a run lacks it.
    """
    from foodbench.tasks import TASKS

    names = dict.fromkeys(name for run in runs for name in run.results)
    if kind == "classes":
        fitting = [name for name in names if name in TASKS and segments_by_class(TASKS.get(name))]
    else:
        fitting = [name for name in names if any(_weighs(run, name) for run in runs)]
    if len(fitting) != 1:
        found = (
            f"{len(fitting)} of the chosen tasks fit: {', '.join(fitting[:6])}" if fitting else "no chosen task fits"
        )
        raise UsageError(f"--figure {kind} shows one task; {found}.", hint=f"Choose one, e.g. --tasks {ONE_TASK[kind]}")
    for run in runs:
        if fitting[0] not in run.results:
            raise UsageError(f"{run.path.name} has not measured {fitting[0]}.", hint="Leave the run out.")
    return fitting[0]


def _weighs(run: RunResults, name: str) -> bool:
    return name in run.results and any(each.id == "mae.mass" for each in run.results[name].metrics)


def _labels(runs: Sequence[RunResults], names: Sequence[str]) -> list[str]:
    """What to call the runs: as is wished, else by their models, else by their folders.

    Raises:
        UsageError: two would be called the same.
    """
    specs = [run.run.model.spec for run in runs]
    plain = names or (specs if len(set(specs)) == len(specs) else [run.path.resolve().name for run in runs])
    labels = [figure_style.shown(label, limit=_LABEL) for label in plain]
    if len(set(labels)) < len(labels) or not all(labels):
        raise UsageError("Every run needs a name of its own.", hint="Give --name once for each RUN, in order.")
    return labels


def _remarked(
    runs: Sequence[RunResults], labels: Sequence[str], task: str | None
) -> tuple[list[str], list[str], set[str]]:
    """What is not of a whole split, or a control: in the run's name if all of it is so, else in a note.

    Returns:
        the names of the runs; the notes; the tasks that have notes.
    """
    named: list[str] = []
    notes: list[str] = []
    starred: set[str] = set()
    for run, label in zip(runs, labels, strict=True):
        remarks = {name: why for name, why in remarks_of(run).items() if task in (None, name)}
        tasks = run.results if task is None else [task]
        if remarks and len(remarks) == len(tasks) and len(set(remarks.values())) == 1:
            named.append(f"{label} ({next(iter(remarks.values()))})")
            continue
        named.append(label)
        starred.update(remarks)
        for why in dict.fromkeys(remarks.values()):
            where = ", ".join(name for name, each in remarks.items() if each == why)
            notes.append(f"* {label}: {why}: {figure_style.shown(where, limit=1000)}")
    return named, notes, starred


def _heading(kind: str, labels: Sequence[str], task: str | None, nutrient: str) -> str:
    what = {
        "forest": "Results between floor and ceiling",
        "multiples": "Results task by task",
        "classes": f"IoU by class, {task}",
        "mass": f"Error and bias of {_WORDS[nutrient]} by true mass, {task}",
    }[kind]
    return (
        f"{labels[0]}: {what[0] if what.startswith('IoU') else what[0].lower()}{what[1:]}" if len(labels) == 1 else what
    )


def _data(runs: Sequence[RunResults]) -> str:
    label = next(iter(next(iter(runs)).results.values())).dataset.label
    if label == "real":
        return "Real data"
    return figure_style.shown(f"{label.replace('kitchen', 'Kitchen edition', 1)}: {SYNTHETIC}")
