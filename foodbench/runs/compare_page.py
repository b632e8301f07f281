"""A comparison as one HTML file that needs nothing else: pictures inside, no script, readable on paper and in the dark.

Everything in it but the template is escaped: answers are model output, ids and paths come from files. A policy in the
page's head forbids whatever might slip through to load or run anything.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foodbench.core.errors import AnswerInvalid, DataError
from foodbench.core.printable import printable
from foodbench.core.types import Sample
from foodbench.runs.answered import AnsweredSample
from foodbench.runs.differences import Flip, Flips
from foodbench.runs.gate_reports import scale_of, shown, shown_change, shown_difference
from foodbench.runs.gate_schema import ComparedMetric, ComparedTask, ComparisonReport
from foodbench.runs.pairs import TaskPair
from foodbench.runs.shown import answer_text, reference_text, regions_of
from foodbench.runs.slices import AskQuestions
from foodbench.stats.verdict import LEAST_CLUSTERS

if TYPE_CHECKING:
    from PIL import Image

MAX_PICTURE_BYTES = 10_000_000
"""Of all pictures of a page together; the samples after that come without one, and say so."""
_TEMPLATES = Path(__file__).parent / "templates"
_PHOTO_SIDE = 256
_OVERLAY_WIDTH = 540
_QUALITY = 72
_MAX_TEXT = 1500
_PLOT_WIDTH, _PLOT_MARGIN = 150, 6


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of the page."""

    source: str
    title: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Card:
    """One changed sample as the page shows it; all text still to be escaped."""

    sample_id: str
    change: str
    earned: tuple[str, str]
    question: str
    reference: str
    answers: tuple[str, str]
    pictures: tuple[Picture, ...]
    no_picture: str


@dataclass(slots=True)
class PageCards:
    """Collects the cards of a page, task by task, while the samples are at hand (`compare_runs(visit=...)`).

    Attributes:
        flips: how many samples per task and direction.
        worse: cards of the samples that lost, by task.
        better: cards of those that gained.
        picture_bytes: what the pictures so far take.
    """

    flips: int
    worse: dict[str, list[Card]] = field(default_factory=dict)
    better: dict[str, list[Card]] = field(default_factory=dict)
    picture_bytes: int = 0

    def visit(self, pair: TaskPair, task: ComparedTask, flips: Flips | None, ask: AskQuestions) -> None:
        """Make the cards of one task."""
        if flips is None:
            return
        for chosen, found in ((flips.worse, self.worse), (flips.better, self.better)):
            found[pair.name] = [self._card(pair, flips, flip, ask) for flip in chosen[: self.flips]]

    def _card(self, pair: TaskPair, flips: Flips, flip: Flip, ask: AskQuestions) -> Card:
        old, new = pair.baseline_samples[flip.index], pair.candidate_samples[flip.index]
        unit, scale = flips.metric.unit, scale_of(flip.baseline, flip.candidate)
        questions = ask()
        sample = None if isinstance(questions, str) else questions.get(old.score.sample_id)
        pictures, why = self._pictures(pair, sample, (old, new))
        if isinstance(questions, str):
            why = questions
        return Card(
            sample_id=printable(old.score.sample_id, limit=200),
            change=shown_change(flip.change if flips.metric.higher_is_better else -flip.change, unit, scale),
            earned=(shown(flip.baseline, unit, scale), shown(flip.candidate, unit, scale)),
            question="" if sample is None else printable(sample.question, limit=_MAX_TEXT, keep_lines=True),
            reference="" if sample is None else printable(reference_text(sample.reference), limit=_MAX_TEXT),
            answers=(_answer(old), _answer(new)),
            pictures=pictures,
            no_picture=why,
        )

    def _pictures(
        self, pair: TaskPair, sample: Sample | None, answers: Sequence[AnsweredSample]
    ) -> tuple[tuple[Picture, ...], str]:
        if sample is None:
            return (), "the dataset on this machine has no such sample"
        if self.picture_bytes >= MAX_PICTURE_BYTES:
            return (), f"the page already holds {MAX_PICTURE_BYTES // 1_000_000} MB of pictures"
        try:
            if pair.task.answer_kind == "masks":
                titles = ("baseline", "candidate")
                drawn = [(_overlay(sample, each), title) for each, title in zip(answers, titles, strict=True)]
            else:
                drawn = [(_photo(sample), "photo")]
        except (DataError, AnswerInvalid) as error:
            return (), error.message
        pictures = tuple(_embedded(picture, title) for picture, title in drawn)
        self.picture_bytes += sum(len(picture.source) for picture in pictures)
        return pictures, ""


def _answer(sample: AnsweredSample) -> str:
    text = answer_text(sample.answer)
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]} ... ({len(text) - _MAX_TEXT:,} more characters)"


def _photo(sample: Sample) -> Image.Image:
    photo: Image.Image = sample.image.open()
    photo.thumbnail((_PHOTO_SIDE, _PHOTO_SIDE))
    return photo


def _overlay(sample: Sample, answer: AnsweredSample) -> Image.Image:
    from foodbench.runs.overlay import draw_overlay

    page = draw_overlay(sample.image.open(), regions_of(sample, answer.answer, answer.score.detail), [])
    page.thumbnail((_OVERLAY_WIDTH, 4 * _OVERLAY_WIDTH))
    return page


def _embedded(picture: Image.Image, title: str) -> Picture:
    stream = io.BytesIO()
    picture.convert("RGB").save(stream, format="JPEG", quality=_QUALITY, optimize=True)
    source = f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"
    return Picture(source, title, picture.width, picture.height)


def _plot(metric: ComparedMetric) -> dict[str, float] | None:
    """Where zero, the difference and its interval lie on a line of `_PLOT_WIDTH` pixels; None without an interval."""
    found = metric.difference
    if found.value is None or found.low is None or found.high is None:
        return None
    reach = max(abs(found.low), abs(found.high), abs(found.value)) or 1.0
    half = _PLOT_WIDTH / 2 - _PLOT_MARGIN
    places = {"low": found.low, "value": found.value, "high": found.high, "zero": 0.0}
    return {name: round(_PLOT_WIDTH / 2 + half * place / reach, 1) for name, place in places.items()}


def _metric_cells(metric: ComparedMetric) -> dict[str, Any]:
    scale = scale_of(metric.baseline, metric.candidate)
    found = metric.difference
    sign = 1 if metric.higher_is_better else -1
    sure = None
    if found.low is not None and found.high is not None and found.clusters >= LEAST_CLUSTERS:
        sure = "better" if min(sign * found.low, sign * found.high) > 0 else None
        sure = "worse" if max(sign * found.low, sign * found.high) < 0 else sure
    return {
        "id": metric.id,
        "arrow": "↑" if metric.higher_is_better else "↓",
        "direction": "higher is better" if metric.higher_is_better else "lower is better",
        "baseline": shown(metric.baseline, metric.unit, scale),
        "candidate": shown(metric.candidate, metric.unit, scale),
        "difference": shown_difference(found, metric.unit, scale),
        "size": f"{found.n:,} / {found.clusters:,}",
        "plot": _plot(metric),
        "sure": sure,
    }


def render(report: ComparisonReport, cards: PageCards) -> str:
    """The page.

    Args:
        report: the comparison.
        cards: what `compare_runs` has shown to `PageCards.visit`.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    tasks = [
        {
            "record": task,
            "metrics": [_metric_cells(metric) for metric in task.metrics],
            "slices": [{"row": row, "cells": _metric_cells(row.metric)} for row in task.slices],
            "worse": cards.worse.get(task.task, []),
            "better": cards.better.get(task.task, []),
        }
        for task in report.tasks
    ]
    page: str = environment.get_template("compare.html.j2").render(report=report, tasks=tasks, plot_width=_PLOT_WIDTH)
    return page
