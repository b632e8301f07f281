"""The consistency filter: a judge compares a triplet's two answers, and only what goes together stays.

Replies go to a ledger as they come in and are read afterwards. A reply that says none of the three words is kept apart
with its text: it is neither a yes nor a no. Source: AdaMLLM (arXiv 2411.19930), Section 3.1.2.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from baselines.adamllm.asking import ITEM, MESSAGES, Asked, Asker, ask_all
from baselines.adamllm.domain import Domain, Verdict
from baselines.adamllm.ledger import Ledger, key_of
from baselines.adamllm.prompts import judge_digest, judge_messages, judge_text
from baselines.adamllm.records import Triplet, write_lines
from baselines.adamllm.synthesise import PROMPT
from baselines.adamllm.task_types import guess_task_type
from foodbench.core.errors import AdapterFailed
from foodbench.core.files import atomic_write_json
from foodbench.core.printable import printable
from foodbench.core.types import Request
from foodbench.stats.intervals import wilson
from foodbench.tasks.text import without_reasoning

REPLIES, VERDICTS, STATISTICS = "replies.jsonl", "verdicts.jsonl", "statistics.json"
TASK = "adamllm.consistency"
TRIPLET = "triplet"
"""The slot that holds the triplet as plain JSON, for judges that go by rules."""
OUTCOMES = ("consistent", "inconsistent", "open", "unread", "failed")
_MEANING: Mapping[str, Verdict] = {"yes": "consistent", "no": "inconsistent", "open": "open"}
_LEADING = re.compile(r"[\s\W_]*(yes|no|open)(?![^\W_])", re.IGNORECASE)
_SHOWN = 200


def read_verdict(text: str) -> Verdict | None:
    """The verdict that a judge's reply begins with; None if it begins with something else.

    Marks before the word (quotes, asterisks, blanks) and anything after it are allowed: "**Yes**, because ...". "Not
    sure" and "None" are no verdicts.
    """
    found = _LEADING.match(without_reasoning(text)[:_SHOWN])
    return _MEANING[found[1].lower()] if found else None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a judge says of a triplet.

    Attributes:
        verdict: None if there is none.
        problem: the words of a reply that says none, or why there is no reply.
        failed: there was no reply.
    """

    verdict: Verdict | None
    problem: str | None = None
    failed: bool = False

    @property
    def outcome(self) -> str:
        """One of `OUTCOMES`."""
        return self.verdict or ("failed" if self.failed else "unread")


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of judging.

    Attributes:
        judgements: by id, for every triplet.
        asked: of this round.
        usage: of all rounds.
    """

    judgements: Mapping[str, Judgement]
    asked: Asked
    usage: Mapping[str, float]

    def accepted(self) -> tuple[str, ...]:
        """Ids of what is consistent, in order."""
        return tuple(name for name, one in self.judgements.items() if one.verdict == "consistent")


def judge_request(triplet: Triplet, item: str, domain: Domain, identity: str, max_new_tokens: int) -> Request:
    """The request about one triplet; its sample id is the ledger's key."""
    examples = domain.judge_examples
    return Request(
        task=TASK,
        sample_id=key_of(identity, judge_digest(examples), triplet.as_dict(), max_new_tokens),
        image=_NO_PICTURE,
        question=triplet.instruction,
        slots={
            MESSAGES: judge_messages(examples, triplet),
            PROMPT: judge_text(examples, triplet),
            TRIPLET: triplet.as_dict(),
            ITEM: item,
        },
        generation={"max_new_tokens": max_new_tokens},
    )


class _NoPicture:
    """A judge is shown no picture."""

    path = Path("<no picture>")

    def open(self) -> Any:
        raise AdapterFailed("The judge of consistency is shown no picture.")

    def fingerprint(self) -> str:
        return ""


_NO_PICTURE = _NoPicture()


def judge_triplets(
    triplets: Mapping[str, Triplet],
    asker: Asker,
    ledger: Ledger,
    domain: Domain,
    *,
    max_new_tokens: int = 8,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Judged:
    """Ask a judge about every triplet, and read the replies.

    Args:
        triplets: by id.
        asker: the judge.
        ledger: gets the replies.
        domain: whose examples the judge is shown.
        max_new_tokens: of a reply. The paper's base model gets 2; chat models put marks around the word, and models
            that think aloud need hundreds.
        on_progress: told (done, total).

    Raises:
        FoodbenchError: the judge cannot be asked further; what came in is kept.
    """
    requests = {
        name: judge_request(triplet, name, domain, asker.identity, max_new_tokens) for name, triplet in triplets.items()
    }
    asked = ask_all(asker, list(requests.values()), ledger, on_progress=on_progress)
    judgements: dict[str, Judgement] = {}
    for name, request in requests.items():
        reply = ledger.reply(request.sample_id)
        if reply.text is None:
            judgements[name] = Judgement(None, reply.error, failed=True)
            continue
        verdict = read_verdict(reply.text)
        judgements[name] = Judgement(verdict, None if verdict else printable(reply.text.strip(), limit=_SHOWN))
    return Judged(judgements, asked, ledger.totals())


def acceptance(
    triplets: Mapping[str, Triplet],
    judgements: Mapping[str, Judgement],
    type_of: Callable[[str, Triplet], str] = lambda _name, triplet: guess_task_type(triplet.instruction),
) -> dict[str, dict[str, Any]]:
    """How many triplets of each type of task were judged how; `all` first, then by number.

    A share counts what has a verdict: what could not be read or asked says nothing about the tasks. Its interval is
    Wilson's at 95 %.

    Args:
        triplets: by id.
        judgements: of them.
        type_of: the type of a task, from its id and itself; by default guessed from the instruction's words.
    """
    rows: dict[str, dict[str, Any]] = {"all": dict.fromkeys(OUTCOMES, 0)}
    for name, judgement in judgements.items():
        row = rows.setdefault(type_of(name, triplets[name]), dict.fromkeys(OUTCOMES, 0))
        for counted in (rows["all"], row):
            counted[judgement.outcome] += 1
    for row in rows.values():
        judged = row["consistent"] + row["inconsistent"] + row["open"]
        row["judged"] = judged
        row["kept_share"] = row["consistent"] / judged if judged else None
        interval = wilson(row["consistent"], judged) if judged else None
        row["interval"] = None if interval is None else [interval.low, interval.high]
    first = rows.pop("all")
    return {"all": first, **dict(sorted(rows.items(), key=lambda entry: (-entry[1]["judged"], entry[0])))}


def save(judged: Judged, triplets: Mapping[str, Triplet], out: Path, judge: str) -> dict[str, Any]:
    """Write verdicts and statistics into a folder; returns the statistics.

    Raises:
        StorageFull: a file cannot be written.
    """
    write_lines(
        out / VERDICTS,
        (
            {"id": name, "outcome": one.outcome, **({"problem": one.problem} if one.problem else {})}
            for name, one in judged.judgements.items()
        ),
    )
    statistics = {
        "judge": judge,
        "by_type": acceptance(triplets, judged.judgements),
        "new": judged.asked.new,
        "kept": judged.asked.kept,
        "failed": judged.asked.failed,
        "usage": dict(judged.usage),
    }
    atomic_write_json(out / STATISTICS, statistics)
    return statistics


def all_consistent(names: Sequence[str]) -> dict[str, Judgement]:
    """Judgements that keep everything: the ablation without the filter (the paper's Table 5)."""
    return {name: Judgement("consistent") for name in names}
