"""`foodbench show RUN --sample ID`: one answer, and the picture it is about."""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from foodbench.cli.fields import print_fields
from foodbench.core.errors import AnswerInvalid, DataError, DataMissing, UnknownName, UsageError
from foodbench.core.files import atomic_write
from foodbench.core.types import Sample
from foodbench.data.controls import ControlImage
from foodbench.data.roots import KITCHEN_VARIABLE, DatasetChoice, resolve
from foodbench.runs.schema import SampleRecord, TaskResult
from foodbench.runs.shown import answer_text, one_line, overlap_text, plain_text, reference_text, regions_of
from foodbench.runs.store import RunFolder, TaskFolder
from foodbench.tasks import TASKS
from foodbench.tasks.base import FoodTask
from foodbench.tasks.controls import controlled

if TYPE_CHECKING:
    from foodbench.runs.overlay import Region


@dataclass(frozen=True, slots=True)
class Shown:
    """A stored answer with the question that it answers.

    Attributes:
        task: the task, as this version of foodbench has it.
        result: the result that the answer is part of.
        record: the stored answer and its score.
        sample: question, reference and the picture that was shown, from the dataset.
        regions: what the answer's masks were scored against, name by name; empty if the task is not about masks.
        changed: why they may not be those of the run; empty if they are.
    """

    task: FoodTask
    result: TaskResult
    record: SampleRecord
    sample: Sample
    regions: tuple[Region, ...]
    changed: str


def show_sample(folder: RunFolder, sample_id: str, task: str | None, out: Path | None, *, as_json: bool) -> None:
    """Print a sample of a run and write its picture.

    Raises:
        UnknownName, UsageError: no such sample or task, the sample is in several tasks, or `out` is no PNG.
        DataMissing, DataCorrupt: the run is incomplete, or the dataset or the photo is not there any more.
        StorageFull: the picture cannot be written.
    """
    if out is not None and out.suffix.lower() != ".png":
        raise UsageError(f"--out {out} does not end in .png.", hint="The picture is written as PNG.")
    task_folder, record = _find_record(folder, sample_id, task)
    result = task_folder.result()
    try:
        shown = _load(result, record)
        picture = _draw(shown)
    except DataError:
        if not as_json:  # what the run itself holds can be shown without the dataset
            print_fields([*_heading(result, record), *_answer_fields(record)])
        raise
    path = out or task_folder.path / "pictures" / f"{re.sub(r'[^A-Za-z0-9_.-]+', '_', sample_id)}.png"
    atomic_write(path, picture)
    if shown.changed:
        click.echo(f"warning: {shown.changed}", err=True)
    if as_json:
        click.echo(json.dumps(_as_json(shown, path), indent=2, ensure_ascii=False))
        return
    print_fields(
        [
            *_heading(result, record),
            ("photo", _photo_text(shown.sample)),
            ("question", shown.sample.question),
            ("reference", reference_text(shown.sample.reference)),
            *_answer_fields(record),
            *((f"iou of {region.name}", overlap_text(region)) for region in shown.regions),
            ("picture", str(path)),
        ]
    )


def _find_record(folder: RunFolder, sample_id: str, task: str | None) -> tuple[TaskFolder, SampleRecord]:
    finished = folder.finished()
    if not finished:
        raise DataMissing(f"No task of {folder.path} is finished.", hint="Run the same command again; it continues.")
    if task is not None:
        chosen = {name: each for name, each in finished.items() if task in (name, name.partition("@")[0])}
        if not chosen:
            raise UnknownName.of("finished task", task, finished)
        finished = chosen
    ids: set[str] = set()
    found: list[tuple[TaskFolder, SampleRecord]] = []
    for each in finished.values():
        records = each.samples()
        ids.update(record.sample_id for record in records)
        found.extend((each, record) for record in records if record.sample_id == sample_id)
    if not found:
        raise UnknownName.of("sample", sample_id, ids)
    if len(found) > 1:
        names = ", ".join(each.path.name for each, _ in found)
        raise UsageError(
            f"The sample {sample_id} is in several tasks of this run.", hint=f"Add --task, one of: {names}."
        )
    return found[0]


def _load(result: TaskResult, record: SampleRecord) -> Shown:
    """Find the sample again in the edition of the dataset that the result names.

    Raises:
        UnknownName: this version has no such task.
        DataMissing: the dataset is not registered any more, or lacks the sample.
    """
    task = TASKS.get(result.task.name)
    choice = resolve(task.dataset, result.dataset.edition, allow_partial=result.dataset.missing > 0)
    seed = int(result.provenance.get("seed", 0))
    # All of them: which names a query mixes, and which picture a control shows, depends on the other samples.
    data = controlled(task.load(choice, limit=result.limit, seed=seed), result.task.control, seed=seed)
    sample = next((each for each in data.samples if each.sample_id == record.sample_id), None)
    if sample is None:
        raise DataMissing(
            f"{choice.root} has no sample {record.sample_id} of {task.name}.",
            hint=f"The run's edition: {result.dataset.label}. {_other_edition(result, choice)}",
        )
    changed = ""
    if task.version != result.task.version:
        changed = (
            f"the run has version {result.task.version} of {task.name}, the question shown is version {task.version}."
        )
    elif data.fingerprint != result.task.fingerprint:
        changed = f"the dataset is not the one of the run any more. {_other_edition(result, choice)}"
    elif dict(task.score(sample, record.answer, data.vocabulary).values) != record.values:
        changed = "the way answers are read has changed: today the answer would earn other values."
    regions = regions_of(sample, record.answer, record.detail) if task.answer_kind == "masks" else ()
    return Shown(task, result, record, sample, regions, changed)


def _other_edition(result: TaskResult, choice: DatasetChoice) -> str:
    """What to do if the dataset that is here is not that of the run."""
    if choice.variant != result.dataset.variant:
        here = f"{choice.edition}, {choice.variant}" if choice.variant else f"{choice.edition} (default)"
        return f"Here is {here}: let {KITCHEN_VARIABLE} name the kitchen of the run."
    return "The dataset was replaced since the run; restore it, or run again with --fresh."


def _photo_text(sample: Sample) -> str:
    image = sample.image
    if not isinstance(image, ControlImage):
        return str(image.path)
    shown = "an evenly grey picture" if image.shown is None else str(image.shown.path)
    return f"{shown}\nshown instead of {image.original.path}"


def _heading(result: TaskResult, record: SampleRecord) -> list[tuple[str, str]]:
    return [
        ("sample", record.sample_id),
        ("task", f"{result.task.name}@{result.task.version}"),
        ("edition", result.dataset.label),
        ("control", result.task.control or ""),
        ("model", result.model.spec),
    ]


def _answer_fields(record: SampleRecord) -> list[tuple[str, str]]:
    return [
        ("answer", answer_text(record.answer)),
        ("read", plain_text(record.detail)),
        ("parsed", "yes" if record.parsed else "no: counts as wrong"),
        ("values", plain_text(record.values)),
        ("error", record.error or ""),
    ]


def _draw(shown: Shown) -> bytes:
    from foodbench.runs.overlay import draw_caption, draw_overlay

    task, record, sample = shown.result.task, shown.record, shown.sample
    photo = sample.image.open()
    control = f" - control: {task.control}" if task.control else ""
    heading = f"{task.name}@{task.version} - {record.sample_id} - {shown.result.model.spec}{control}"
    lines = [heading, " ".join(sample.question.split())]
    if shown.task.answer_kind == "masks":
        answer = one_line(record.answer)
        try:
            page = draw_overlay(photo, shown.regions, [*lines, *([f"Answer: {answer}"] if answer else [])])
        except AnswerInvalid as error:
            raise DataMissing(f"The photo {sample.image.path} does not fit its mask: {error.message}") from error
    else:
        verdict = plain_text(record.values) if len(record.values) <= 3 else ""
        answer = one_line(record.answer) or "(empty)"
        reference = " ".join(reference_text(sample.reference).split())
        lines += [f"Answer: {answer}", f"Reference: {reference}", verdict]
        page = draw_caption(photo, lines)
    stream = io.BytesIO()
    page.save(stream, format="PNG")
    return stream.getvalue()


def _as_json(shown: Shown, picture: Path) -> dict[str, Any]:
    return {
        "schema": "foodbench.show.sample/1",
        "task": shown.result.task.model_dump(mode="json"),
        "edition": shown.result.dataset.edition,
        "model": shown.result.model.model_dump(mode="json"),
        "photo": str(shown.sample.image.path),
        "control": shown.result.task.control,
        "question": shown.sample.question,
        "slots": dict(shown.sample.slots),
        "reference": dict(shown.sample.reference),
        "record": shown.record.model_dump(mode="json"),
        "changed": shown.changed or None,
        "picture": str(picture),
    }
