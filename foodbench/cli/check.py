"""`foodbench check`."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import click

from foodbench.cli import options
from foodbench.cli.tables import print_table
from foodbench.core.errors import AnswerInvalid, ExitCode, FoodbenchError, ProviderDown, UnsupportedTask, UsageError
from foodbench.core.printable import printable
from foodbench.core.wording import counted

if TYPE_CHECKING:
    from foodbench.core.types import Answer, Sample
    from foodbench.tasks.base import TaskData

Status = Literal["ok", "warning", "failed", "not measured"]
_SHOWN_STATUS: dict[Status, str] = {"failed": "FAILED"}
_SHOWN_CHARACTERS = 120


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check.

    Attributes:
        task: the task that was tried.
        check: what was checked.
        status: `failed` means that results of this adapter cannot be trusted or completed.
        message: what was found.
    """

    task: str
    check: str
    status: Status
    message: str


@click.command("check")
@click.argument("adapter")
@click.option(
    "--model-args", multiple=True, callback=options.key_values, metavar="K=V,...", help="The adapter's settings."
)
@click.option(
    "--tasks", "-t", default="all", show_default=True, metavar="TASKS", help="Names, globs or suite:NAME, by commas."
)
@click.option(
    "--limit",
    "-n",
    type=click.IntRange(min=1),
    default=4,
    show_default=True,
    help="Photos, dishes, recipes or dialogues per task.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Chooses the samples.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(adapter: str, model_args: dict[str, str], tasks: str, limit: int, seed: int, as_json: bool) -> int:
    """Try an ADAPTER (as given to `run --model`) on a few kitchen samples of each task.

    Asks every sample three times: in one batch, in the same batch again, and singly. Reports answers that break the
    contract, that change from one time to the next, that depend on their batch, that cannot be read, and masks that do
    not fit the photo.

    Exit codes: 0 nothing failed (there may be warnings); 2 no such adapter or wrong settings; 4 a check failed.
    """
    from foodbench.adapters.base import identity_of
    from foodbench.adapters.resolve import load_adapter
    from foodbench.tasks import select

    if adapter.startswith("lmms:"):
        raise UsageError(
            f"'{adapter}' is one of lmms-eval's own models, not an adapter of foodbench.",
            hint=f"Try it with: foodbench run --model {adapter} --tasks {tasks} --edition kitchen --limit {limit}",
        )
    names = select(tasks)
    findings: list[Finding] = []
    with contextlib.redirect_stdout(sys.stderr):  # whatever an adapter prints is no part of the result
        model = load_adapter(adapter, model_args)
        identity = identity_of(model)
        for name in names:
            findings.extend(_try_task(model, name, limit, seed))
            if findings[-1].check == "reachable":
                break  # asking on would only wait for the same time-outs
    failed = any(finding.status == "failed" for finding in findings)
    _print(adapter, identity, findings, as_json=as_json)
    return int(ExitCode.INCOMPLETE if failed else ExitCode.OK)


def _try_task(model: Any, name: str, limit: int, seed: int) -> Iterator[Finding]:
    from foodbench.adapters import base
    from foodbench.data.roots import resolve
    from foodbench.tasks import TASKS

    task = TASKS.get(name)
    choice = resolve(task.dataset, "kitchen")
    data = task.load(choice, limit=limit, seed=seed)
    click.echo(f"{name}: trying {counted(len(data.samples), 'sample')}", err=True)
    try:
        base.prepare(model, task, choice)
        yield from _try_samples(model, data)
    except UnsupportedTask as error:
        yield Finding(name, "supported", "not measured", error.message)
    except ProviderDown as error:
        yield Finding(name, "reachable", "failed", error.message)
    except FoodbenchError as error:
        yield Finding(name, "contract", "failed", error.message)


def _try_samples(model: Any, data: TaskData) -> Iterator[Finding]:
    """Ask the samples in three ways and compare.

    Raises:
        FoodbenchError: whatever asking raises.
    """
    from foodbench.adapters import base

    name, count = data.task.name, len(data.samples)
    requests = [data.task.request(sample) for sample in data.samples]
    first = base.ask(model, requests)
    yield Finding(name, "contract", "ok", f"{counted(count, 'answer')} to {counted(count, 'request')}")
    yield _same(name, "determinism", "failed", data.samples, first, base.ask(model, requests), "asked again")
    singly = [base.ask(model, [request])[0] for request in requests]
    yield _same(name, "batch independence", "warning", data.samples, first, singly, "asked singly")
    yield _readable(data, first)
    if any(answer.masks for answer in first) or data.task.answer_kind == "masks":
        yield _masks(data, first)


def _same(
    task: str,
    check: str,
    otherwise: Status,
    samples: Sequence[Sample],
    first: Sequence[Answer],
    second: Sequence[Answer],
    how: str,
) -> Finding:
    different = [
        (sample, one, other)
        for sample, one, other in zip(samples, first, second, strict=True)
        if one.to_text() != other.to_text()
    ]
    if not different:
        return Finding(task, check, "ok", f"{_of(len(samples), len(samples))} the same when {how}")
    sample, one, other = different[0]
    shown = f"{_brief(one)} became {_brief(other)}"
    message = f"{_of(len(different), len(samples))} different when {how}, e.g. {sample.sample_id}: {shown}"
    return Finding(task, check, otherwise, message)


def _brief(answer: Answer) -> str:
    return f"'{printable(answer.to_text(), limit=_SHOWN_CHARACTERS // 2)}'"


def _of(count: int, total: int) -> str:
    return f"{count:,} of {counted(total, 'answer')} {'is' if count == 1 else 'are'}"


def _readable(data: TaskData, answers: Sequence[Answer]) -> Finding:
    name, count = data.task.name, len(answers)
    scores = [
        data.task.score(sample, answer.to_text(), data.vocabulary)
        for sample, answer in zip(data.samples, answers, strict=True)
    ]
    malformed = [score for score in scores if score.error is not None]
    if malformed:
        message = f"{_of(len(malformed), count)} malformed, e.g. {malformed[0].sample_id}: {malformed[0].error}"
        return Finding(name, "answers read", "failed", message)
    unread = [answer for score, answer in zip(scores, answers, strict=True) if not score.parsed]
    if unread:
        message = f"{_of(len(unread), count)} not readable and would count as wrong, e.g. {_brief(unread[0])}"
        return Finding(name, "answers read", "warning", message)
    return Finding(name, "answers read", "ok", f"{_of(count, count)} read")


def _masks(data: TaskData, answers: Sequence[Answer]) -> Finding:
    from foodbench.metrics.masks import validate

    name, bare = data.task.name, 0
    for sample, answer in zip(data.samples, answers, strict=True):
        width, height = sample.image.open().size
        bare += not answer.masks and bool(sample.reference.get("masks"))
        for mask in answer.masks:
            try:
                validate(mask, (height, width))
            except AnswerInvalid as error:
                message = f"{sample.sample_id}: {error.message} {error.hint}".strip()
                return Finding(name, "masks fit", "failed", message)
    if bare:
        return Finding(name, "masks fit", "warning", f"{_of(bare, len(answers))} without a mask: counted as empty")
    return Finding(name, "masks fit", "ok", "every mask has its photo's size")


def _print(adapter: str, identity: str, findings: Sequence[Finding], *, as_json: bool) -> None:
    counts = {status: sum(finding.status == status for finding in findings) for status in ("warning", "failed")}
    if as_json:
        plain = {
            "schema": "foodbench.check/1",
            "adapter": adapter,
            "identity": identity,
            "ok": not counts["failed"],
            "findings": [asdict(finding) for finding in findings],
        }
        click.echo(json.dumps(plain, indent=2, ensure_ascii=False))
        return
    rows, previous = [], ""
    for finding in findings:
        task = "" if finding.task == previous else finding.task
        shown = _SHOWN_STATUS.get(finding.status, finding.status)
        rows.append((task, finding.check, shown, printable(finding.message)))
        previous = finding.task
    click.echo(f"{adapter} ({printable(identity)})")
    print_table(("task", "check", "", "found"), rows)
    click.echo(f"{counts['failed']} failed, {counted(counts['warning'], 'warning')}")
