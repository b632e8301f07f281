"""Reading what strangers send: every byte is counted before it is parsed, and nothing is followed or run.

Used for the user's own run and for a submission alike, so that what is refused in a pull request is refused at home.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import math
import os
import re
import stat
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError

from foodbench.core.errors import UsageError
from foodbench.core.files import open_regular
from foodbench.core.hashing import fingerprint
from foodbench.core.printable import printable
from foodbench.runs.faults import place_of
from foodbench.runs.schema import SampleRecord
from foodbench.runs.submission_schema import (
    CARD,
    IDS,
    RATED,
    REPORTED,
    RESULT,
    RUN,
    SAMPLES,
    SUBMISSION,
    TASK_FOLDER,
)
from foodbench.runs.submission_text import refused_character, secret_argument, secret_at, strings_of, too_deep

Model = TypeVar("Model", bound=BaseModel)
_MIB = 2**20
TOP_FILES = frozenset({SUBMISSION, CARD, RUN, REPORTED})
TASK_FILES = frozenset({RESULT, IDS, SAMPLES, RATED})
MAX_ENTRIES = 600


class SubmissionRefused(UsageError):
    """A run or a folder cannot be a submission as it is."""

    code = "submission.refused"


@dataclass(frozen=True, slots=True)
class Limits:
    """Largest sizes in bytes. A file is looked at for its size before it is opened, and cut off while it is unpacked.

    Attributes:
        small: `run.json`, `result.json`, `submission.json` and `reported.yaml`, each.
        card: `card.yaml`.
        ids: `ids.json`.
        samples: `samples.jsonl.gz` and `ratings.jsonl`, each.
        total: all files together.
        unpacked: one file of samples, unpacked.
        line: one sample, with its answer and what was read from it.
        answer: one answer, in characters.
    """

    small: int = 4 * _MIB
    card: int = 64 * 1024
    ids: int = 16 * _MIB
    samples: int = 48 * _MIB
    total: int = 160 * _MIB
    unpacked: int = 512 * _MIB
    line: int = 8 * _MIB
    answer: int = _MIB

    def of(self, name: str) -> int:
        """The largest size of a file by its name."""
        return {CARD: self.card, IDS: self.ids, SAMPLES: self.samples, RATED: self.samples}.get(name, self.small)


LIMITS = Limits()


def listed(folder: Path, limits: Limits = LIMITS) -> dict[str, int]:
    """Every file of a submission's folder with its size, by relative path. Contents are not looked at.

    Raises:
        SubmissionRefused: something is in it that no submission has: a link, another kind of file, an odd name, too
            many files, or more bytes than allowed.
    """
    found: dict[str, int] = {}
    for name, entry in _entries(folder, folder.name):
        if entry.is_dir(follow_symlinks=False):
            if not re.fullmatch(TASK_FOLDER, name):
                raise _extra(name)
            for file, each in list(_entries(folder / name, name)):
                found[f"{name}/{file}"] = _size(each, f"{name}/{file}", file in TASK_FILES, limits)
        else:
            found[name] = _size(entry, name, name in TOP_FILES, limits)
    if sum(found.values()) > limits.total:
        raise SubmissionRefused(
            f"The folder holds {sum(found.values()):,} bytes; a submission may have {limits.total:,}.",
            hint="Submit fewer tasks at a time.",
        )
    return dict(sorted(found.items()))


def _entries(folder: Path, shown: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    try:
        if folder.is_symlink():
            raise SubmissionRefused(f"{printable(shown, limit=120)} is a link.", hint="Send the files themselves.")
        with os.scandir(folder) as entries:
            for count, entry in enumerate(entries):
                if count >= MAX_ENTRIES:
                    raise SubmissionRefused(
                        f"{printable(shown, limit=120)} holds more than {MAX_ENTRIES} entries.",
                        hint="A submission has a folder per task and at most four files in each.",
                    )
                if entry.is_symlink():
                    raise SubmissionRefused(
                        f"{printable(entry.name, limit=120)} is a link.", hint="Send the files themselves."
                    )
                yield entry.name, entry
    except OSError as error:
        raise SubmissionRefused(
            f"Cannot read {printable(shown, limit=120)}: {error.strerror}.", hint="Give the folder of a submission."
        ) from error


def _extra(name: str) -> SubmissionRefused:
    return SubmissionRefused(
        f"'{printable(name, limit=120)}' is no part of a submission.",
        hint=f"A submission holds {', '.join(sorted(TOP_FILES))} and a folder per task; remove the rest.",
    )


def _size(entry: os.DirEntry[str], shown: str, known: bool, limits: Limits) -> int:
    if not known:
        raise _extra(shown)
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError as error:
        raise SubmissionRefused(f"Cannot read {shown}: {error.strerror}.", hint="Check the file.") from error
    if not stat.S_ISREG(status.st_mode):
        raise SubmissionRefused(f"{shown} is not a file.", hint="Send the files themselves.")
    if status.st_size > limits.of(entry.name):
        raise _large(shown, limits.of(entry.name))
    return status.st_size


def _large(shown: str, limit: int, what: str = "bytes") -> SubmissionRefused:
    return SubmissionRefused(f"{shown} is larger than {limit:,} {what}.", hint="docs/submitting.md lists the limits.")


def read_bounded(path: Path, shown: str, limit: int) -> bytes:
    """The bytes of a file that is one.

    Raises:
        SubmissionRefused: it is absent, a link, something else than a file, or larger than the limit.
    """
    try:
        if path.is_symlink():
            raise SubmissionRefused(f"{shown} is a link.", hint="Send the files themselves.")
        with open_regular(path) as stream:
            found = stream.read(limit + 1)
    except FileNotFoundError as error:
        raise SubmissionRefused(f"{shown} is missing.", hint="Is the path right?") from error
    except OSError as error:
        raise SubmissionRefused(f"Cannot read {shown}: {error.strerror}.", hint="Check the file.") from error
    if len(found) > limit:
        raise _large(shown, limit)
    return found


def sha256(data: bytes) -> str:
    """Hexadecimal SHA-256."""
    return hashlib.sha256(data).hexdigest()


def tree_digest(files: Mapping[str, str]) -> str:
    """One digest of a folder's files, given each one's by path."""
    return fingerprint(sorted(files.items())).removeprefix("sha256:")


class _NotPlainError(ValueError):
    """JSON that Python reads, and JSON has not."""


def _no_constant(name: str) -> NoReturn:
    raise _NotPlainError(f"holds {name}, which is no number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _NotPlainError(f"holds {printable(text, limit=40)}, which is beyond all numbers")
    return number


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = dict(pairs)
    if len(plain) != len(pairs):
        raise _NotPlainError("has a key twice")
    return plain


def parse_json(raw: bytes, shown: str) -> Any:
    """Plain JSON, the same to every reader: UTF-8, finite numbers, each key once, no deep nesting.

    Raises:
        SubmissionRefused: it is anything else.
    """
    try:
        plain = json.loads(
            raw.decode("utf-8"), parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_distinct
        )
    except _NotPlainError as error:
        raise SubmissionRefused(f"{shown} {error}.", hint="It was edited or damaged; pack the run again.") from error
    except (ValueError, RecursionError) as error:
        raise SubmissionRefused(
            f"{shown} is not valid JSON.", hint="It was edited or damaged; pack the run again."
        ) from error
    if too_deep(plain):
        raise SubmissionRefused(f"{shown} is nested too deeply.", hint="No run writes such a file.")
    return plain


def parse_yaml(raw: bytes, shown: str) -> Any:
    """Plain YAML: maps, lists, text and numbers. Tags, anchors, aliases and repeated keys are refused.

    Raises:
        SubmissionRefused: it is anything else.
    """
    import yaml

    try:
        text = raw.decode("utf-8")
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            anchored = isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None
            tag = getattr(event, "tag", None)
            if anchored or tag is not None:
                what = "an anchor or alias" if anchored else f"the tag {printable(str(tag), limit=60)}"
                raise SubmissionRefused(
                    f"{shown}, line {event.start_mark.line + 1}: has {what}.",
                    hint="Write plain YAML: maps, lists, text and numbers.",
                )
        _refuse_repeated(yaml.compose(text, Loader=yaml.SafeLoader), shown)
        plain = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError) as error:
        told = printable(" ".join(str(error).split()), limit=200)
        raise SubmissionRefused(f"{shown} is not valid YAML: {told}.", hint="Mend the file.") from error
    if too_deep(plain):
        raise SubmissionRefused(f"{shown} is nested too deeply.", hint="docs/submitting.md says what it holds.")
    return plain


def _refuse_repeated(node: Any, shown: str) -> None:
    import yaml

    waiting = [node]
    while waiting:
        each = waiting.pop()
        if isinstance(each, yaml.SequenceNode):
            waiting.extend(each.value)
        elif isinstance(each, yaml.MappingNode):
            keys = [key.value if isinstance(key, yaml.ScalarNode) else None for key, _ in each.value]
            if None in keys or len(set(keys)) != len(keys) or "<<" in keys:
                raise SubmissionRefused(
                    f"{shown}, line {each.start_mark.line + 1}: has a key twice, or one that is not text.",
                    hint="Give each key once.",
                )
            waiting.extend(value for _, value in each.value)


def validated(kind: type[Model], plain: Any, shown: str) -> Model:
    """A pydantic model of plain data, without any conversion of types.

    Raises:
        SubmissionRefused: it does not fit the schema; the message has the first thing that is wrong.
    """
    version = plain.get("schema_version") if isinstance(plain, dict) else None
    if version is not None and "schema_version" in kind.model_fields and (type(version) is not int or version != 1):
        raise SubmissionRefused(
            f"{shown} is of schema version {printable(str(version), limit=40)}; this foodbench reads version 1.",
            hint="It was written by another version of foodbench: use that one, or pack the run again.",
        )
    try:
        return kind.model_validate(plain, strict=True)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        where = place_of(first)
        wrong = "unknown key" if first["type"] == "extra_forbidden" else printable(first["msg"], limit=300)
        raise SubmissionRefused(
            f"{shown}: {printable(where, limit=120)}: {wrong}.",
            hint="docs/submitting.md says what the file holds.",
        ) from error


def refuse_hostile(plain: Any, shown: str, *, lines: bool = False) -> None:
    """Refuse characters that hide or reorder, and what looks like a credential, anywhere in plain JSON.

    Raises:
        SubmissionRefused: it has one; the message names where, never a credential itself.
    """
    for path, text in strings_of(plain):
        found = refused_character(text, lines=lines)
        if found is not None:
            raise SubmissionRefused(
                f"{shown}: {printable(path, limit=120)} holds the character {found}, which is not shown as itself.",
                hint="Control characters and those that hide or reorder text are refused; remove it.",
            )
    secret = secret_at(plain)
    if secret is not None:
        raise _secret(shown, secret)


def refuse_secret_arguments(arguments: dict[str, Any], shown: str) -> None:
    """Refuse settings that are credentials by their names.

    Raises:
        SubmissionRefused: there is one; the message has its name only.
    """
    name = secret_argument(arguments)
    if name is not None:
        raise _secret(shown, name)


def _secret(shown: str, where: str) -> SubmissionRefused:
    return SubmissionRefused(
        f"{shown}: {printable(where, limit=120)} looks like a credential.",
        hint="Revoke it if it is one, remove it from the file, and keep keys in environment variables.",
    )


def sample_lines(raw: bytes, shown: str, *, packed: bool, limits: Limits = LIMITS) -> Iterator[bytes]:
    """The lines of a file of samples, unpacked no further than the limits allow.

    Raises:
        SubmissionRefused: it is not a whole file, or larger than the limits once unpacked.
    """
    total = 0
    stream = io.BytesIO(raw)
    try:
        unpacked: Any = gzip.GzipFile(fileobj=stream) if packed else stream
        while line := unpacked.readline(limits.line + 1):
            total += len(line)
            if len(line) > limits.line:
                raise _large(f"{shown}: a line", limits.line)
            if total > limits.unpacked:
                raise SubmissionRefused(
                    f"{shown} unpacks to more than {limits.unpacked:,} bytes.", hint="No run's samples are that large."
                )
            if not line.endswith(b"\n"):
                raise SubmissionRefused(f"{shown} is cut short: its last line has no end.", hint="Pack the run again.")
            yield line
    except (OSError, EOFError, zlib.error) as error:
        raise SubmissionRefused(
            f"{shown} is not a whole gzip file: {printable(str(error), limit=120)}.", hint="Pack the run again."
        ) from error


def parse_samples(
    raw: bytes, shown: str, *, packed: bool, limits: Limits = LIMITS
) -> tuple[dict[str, SampleRecord], int]:
    """The scored samples of a task, by id.

    Answers are kept as the model gave them, whatever they hold: they are the evidence, and are shown escaped. What
    stands beside an answer must be plain.

    Returns:
        the samples, and how many answers hold characters that are not shown as themselves.

    Raises:
        SubmissionRefused: a line is not a sample, comes twice, or is larger than the limits.
    """
    records: dict[str, SampleRecord] = {}
    odd = 0
    for number, line in enumerate(sample_lines(raw, shown, packed=packed, limits=limits), start=1):
        where = f"{shown}, line {number:,}"
        record = validated(SampleRecord, parse_json(line, where), where)
        if record.sample_id in records:
            raise SubmissionRefused(
                f"{where}: the sample '{printable(record.sample_id, limit=80)}' comes twice.",
                hint="It was edited or damaged; pack the run again.",
            )
        if len(record.answer) > limits.answer:
            raise _large(f"{where}: the answer", limits.answer, "characters")
        beside = [record.sample_id, record.cluster, record.key, *record.values, *(record.tokens or {})]
        refuse_hostile([text[:1000] for text in beside], where)
        seconds = record.time.seconds
        if max(map(len, beside)) > 300 or min([seconds or 0.0, *(record.tokens or {}).values()]) < 0:
            raise SubmissionRefused(f"{where}: no run writes such a sample.", hint="It was edited; pack the run again.")
        odd += refused_character(record.answer, lines=True) is not None
        records[record.sample_id] = record
    return records, odd
