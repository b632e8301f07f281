"""The files of a run as a submission takes them: read within limits, strictly, and without traces of a machine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foodbench.core.printable import printable
from foodbench.core.wording import counted
from foodbench.engine.submission_checks import TaskFiles
from foodbench.runs.schema import RatingRecord, RunFile, SampleIds, TaskResult
from foodbench.runs.store import TaskFolder, pack
from foodbench.runs.submission_folder import (
    LIMITS,
    Limits,
    SubmissionRefused,
    parse_json,
    parse_samples,
    parse_yaml,
    read_bounded,
    refuse_hostile,
    refuse_secret_arguments,
    sample_lines,
    validated,
)
from foodbench.runs.submission_schema import CARD, IDS, RATED, RESULT, RUN, SAMPLES, SubmissionCard
from foodbench.runs.submission_text import refused_character, with_paths_cut


@dataclass(frozen=True, slots=True)
class Parts:
    """A task's files, read, and as a submission has them.

    Attributes:
        files: read.
        content: bytes by file name.
        notes: what a reader should know.
    """

    files: TaskFiles
    content: dict[str, bytes]
    notes: Sequence[str]


def dumped(plain: Any) -> bytes:
    """JSON as a run writes it."""
    return (json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def read_run(path: Path, *, cut: bool, limits: Limits = LIMITS) -> tuple[RunFile, dict[str, Any], list[str]]:
    """`run.json`.

    Args:
        path: the file.
        cut: cut paths of the machine to their last part; otherwise one is refused.
        limits: largest sizes.

    Returns:
        it as it is, as a submission has it, and a note for every path that was cut.

    Raises:
        SubmissionRefused: it is not a run file, or holds what no submission may.
    """
    plain = parse_json(read_bounded(path, RUN, limits.of(RUN)), RUN)
    refuse_hostile(plain, RUN)
    run = validated(RunFile, plain, RUN)
    refuse_secret_arguments(run.model.args, f"{RUN}: model.args")
    refuse_secret_arguments({name: each.value for name, each in run.config.items()}, f"{RUN}: config")
    without, notes = _without_paths(plain, RUN, cut=cut)
    return run, without, notes


def _without_paths(plain: Any, shown: str, *, cut: bool) -> tuple[Any, list[str]]:
    without, places = with_paths_cut(plain)
    if places and not cut:
        raise SubmissionRefused(
            f"{shown}: {printable(places[0], limit=120)} holds a path of somebody's machine.",
            hint="foodbench submit cuts such paths to their last part; pack the run with it.",
        )
    if not places:
        return without, []
    named = printable(", ".join(place.removesuffix(".value") for place in places[:5]), limit=300)
    more = f" and {len(places) - 5:,} more places" if len(places) > 5 else ""
    return without, [f"{shown}: a path of this machine was cut to its last part in {named}{more}."]


def read_card(path: Path, shown: str, limits: Limits = LIMITS) -> SubmissionCard:
    """A model's card.

    Raises:
        SubmissionRefused: it is not there, is no card, or holds what no submission may.
    """
    plain = parse_yaml(read_bounded(path, shown, limits.of(CARD)), shown)
    refuse_hostile(plain, shown, lines=True)
    card = validated(SubmissionCard, plain, shown)
    for name in ("name", "organisation", "licence", "contact"):
        if refused_character(getattr(card, name)) is not None:
            raise SubmissionRefused(f"{shown}: {name} has more than one line.", hint="Write it in one line.")
    return card


def read_task(versioned: str, folder: TaskFolder, *, packed: bool, limits: Limits = LIMITS) -> Parts:
    """The files of a finished task.

    Args:
        versioned: name of its folder.
        folder: the folder; of a run, or of a submission.
        packed: it is of a submission: samples must be packed, and nothing is changed.
        limits: largest sizes.

    Raises:
        SubmissionRefused: a file is absent, damaged, too large, or holds what no submission may.
    """
    shown = {name: f"{versioned}/{name}" for name in (RESULT, IDS, SAMPLES, RATED)}
    plain = parse_json(read_bounded(folder.result_path, shown[RESULT], limits.of(RESULT)), shown[RESULT])
    refuse_hostile(plain, shown[RESULT])
    result = validated(TaskResult, plain, shown[RESULT])
    refuse_secret_arguments(result.model.args, f"{shown[RESULT]}: model.args")
    without, notes = _without_paths(plain, shown[RESULT], cut=not packed)
    ids_plain = parse_json(read_bounded(folder.ids_path, shown[IDS], limits.of(IDS)), shown[IDS])
    refuse_hostile(ids_plain, shown[IDS])
    ids = validated(SampleIds, ids_plain, shown[IDS])
    path = folder.packed_samples_path if packed else folder.stored_samples_path
    zipped = path.suffix == ".gz"
    raw = read_bounded(path, shown[SAMPLES], limits.samples if zipped else limits.unpacked)
    records, odd = parse_samples(raw, shown[SAMPLES], packed=zipped, limits=limits)
    if odd:
        notes.append(f"{versioned}: {counted(odd, 'answer')} with control or hidden characters; shown escaped.")
    content = {RESULT: dumped(without), IDS: dumped(ids_plain)}
    if not packed:
        content[SAMPLES] = pack(b"".join(sample_lines(raw, shown[SAMPLES], packed=zipped, limits=limits)))
    ratings = folder.path / RATED
    if ratings.exists():
        content[RATED] = _ratings(read_bounded(ratings, shown[RATED], limits.of(RATED)), shown[RATED], limits)
        notes.append(f"{versioned}: ratings.jsonl goes with it, with the names of those who rated.")
    return Parts(TaskFiles(versioned, folder, result, ids, records), content, notes)


def _ratings(raw: bytes, shown: str, limits: Limits) -> bytes:
    """The ratings' whole lines; a torn last one is left out, as everywhere."""
    whole = raw[: raw.rfind(b"\n") + 1]
    for number, line in enumerate(sample_lines(whole, shown, packed=False, limits=limits), start=1):
        where = f"{shown}, line {number:,}"
        record = validated(RatingRecord, parse_json(line, where), where)
        refuse_hostile([record.sample_id, record.rater, record.time.given], where)
    return whole
