"""Task triplets from image-caption pairs, by a tuned synthesiser or by any model that can be asked for JSON.

Two styles of asking:

- `tuned`: the model was tuned on `seed.seed_conversation`. It is given the caption turn and goes on in an opened user's
  turn. A server needs `chat.serving_template` as its chat template and must leave control tokens in its replies
  (`extra_body`).
- `prompted`: any instruction model, through `prompts.SYNTHESIS_SYSTEM`. The kind of task changes from pair to pair, so
  that the tasks do not become all alike.

Replies go to `replies.jsonl` as they come in; `triplets.jsonl` and `unparsed.jsonl` are made from them afterwards, and
anew whenever the same command runs again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from baselines.adamllm.asking import ITEM, MESSAGES, Asked, Asker, ask_all
from baselines.adamllm.chat import ChatFormat, open_prompt
from baselines.adamllm.domain import Domain
from baselines.adamllm.intake import Intake, Rejected, Unusable, numbered_objects, triplet_of
from baselines.adamllm.ledger import Ledger, Reply, key_of
from baselines.adamllm.parsing import Match, Parsed, parse_object, parse_turns
from baselines.adamllm.prompts import synthesis_question, synthesis_system
from baselines.adamllm.records import Pair, Triplet, tally, write_lines
from baselines.adamllm.seed import caption_turn
from baselines.adamllm.task_types import COMMON_TYPES, guess_task_type
from baselines.adamllm.wire import WIRES, Wire
from foodbench.core.errors import DataError
from foodbench.core.files import atomic_write_json
from foodbench.core.hashing import stable_seed
from foodbench.core.types import Request

REPLIES, TRIPLETS, UNPARSED, REPORT = "replies.jsonl", "triplets.jsonl", "unparsed.jsonl", "report.json"
TASK = "adamllm.synthesis"
PROMPT = "prompt"
"""The slot that holds the whole text for a model in this process that goes on from it (style `tuned`)."""
Style = Literal["tuned", "prompted"]


@dataclass(frozen=True, slots=True)
class SynthesisSettings:
    """How to ask, and how to read.

    Attributes:
        style: see the module.
        wire: the fixed words; for `tuned`.
        form: the chat format; for `tuned`.
        match: when two instructions are the same; for `tuned`.
        max_new_tokens: of a reply. The paper's is 512.
        seed: of the kinds of task; for `prompted`.
    """

    style: Style
    form: ChatFormat
    wire: Wire = WIRES["own"]
    match: Match = "normalised"
    max_new_tokens: int = 512
    seed: int = 0

    def server_extras(self) -> dict[str, Any]:
        """What a server has to be told beyond the common: for `tuned`, to leave control tokens in the text."""
        if self.style == "prompted":
            return {}
        return {"skip_special_tokens": False, "spaces_between_special_tokens": False}


@dataclass(frozen=True, slots=True)
class Synthesised:
    """What came of a synthesis.

    Attributes:
        triplets: by pair id.
        unparsed: pairs without a triplet, and why.
        asked: of this round.
        usage: of all rounds.
    """

    triplets: Mapping[str, Triplet]
    unparsed: Sequence[Rejected]
    asked: Asked
    usage: Mapping[str, float] = field(default_factory=dict)

    def report(self) -> dict[str, Any]:
        """Counts, as plain JSON."""
        return {
            "triplets": len(self.triplets),
            "unparsed": tally(one.reason for one in self.unparsed),
            "task_types": tally(guess_task_type(one.instruction) for one in self.triplets.values()),
            "new": self.asked.new,
            "kept": self.asked.kept,
            "failed": self.asked.failed,
            "usage": dict(self.usage),
        }


def synthesis_request(pair: Pair, domain: Domain, settings: SynthesisSettings, identity: str) -> Request:
    """The request for one pair; its sample id is the ledger's key.

    Raises:
        DataMissing, DataCorrupt: the picture cannot be read.
    """
    prompt: str | None = None
    if settings.style == "tuned":
        turn = caption_turn(pair.caption, settings.wire)
        messages = [{"role": one.role, "text": one.text} for one in turn]
        messages[0]["picture"] = "yes"
        prompt = open_prompt(turn, settings.form)
    else:
        kind = COMMON_TYPES[stable_seed("kind", settings.seed, pair.pair_id) % len(COMMON_TYPES)]
        messages = [
            {"role": "system", "text": synthesis_system(domain, kind)},
            {"role": "user", "text": synthesis_question(pair.caption), "picture": "yes"},
        ]
    # What a prompt says depends on the format too, which a server's template holds.
    told = [messages, prompt, settings.max_new_tokens]
    return Request(
        task=TASK,
        sample_id=key_of(identity, told, pair.image.fingerprint()),
        image=pair.image,
        question=messages[-1]["text"],
        slots={MESSAGES: messages, ITEM: pair.pair_id, PROMPT: prompt},
        generation={"max_new_tokens": settings.max_new_tokens},
    )


def synthesise(
    pairs: Sequence[Pair],
    asker: Asker,
    ledger: Ledger,
    domain: Domain,
    settings: SynthesisSettings,
    *,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Synthesised:
    """Ask for a task about every pair, and read the replies.

    Args:
        pairs: with different ids.
        asker: the model.
        ledger: gets the replies.
        domain: what the pictures show.
        settings: how to ask.
        on_progress: told (done, total).

    Raises:
        FoodbenchError: the model cannot be asked further; what came in is kept.
    """
    requests: dict[str, Request] = {}
    unparsed: list[Rejected] = []
    for pair in pairs:
        try:
            requests[pair.pair_id] = synthesis_request(pair, domain, settings, asker.identity)
        except DataError as error:  # the file changed since it was taken in
            unparsed.append(Rejected(pair.pair_id, "broken_image", error.message))
    asked = ask_all(asker, list(requests.values()), ledger, on_progress=on_progress)
    triplets: dict[str, Triplet] = {}
    for pair_id, request in requests.items():
        reply = ledger.reply(request.sample_id)
        parsed = read_reply(reply, settings)
        if parsed.triplet is not None:
            triplets[pair_id] = parsed.triplet
        else:
            unparsed.append(Rejected(pair_id, str(parsed.problem), reply.error or (reply.text or "")[:400]))
    return Synthesised(triplets, unparsed, asked, ledger.totals())


def read_reply(reply: Reply, settings: SynthesisSettings) -> Parsed:
    """The triplet in a reply; `failed` if there is no reply."""
    if reply.text is None:
        return Parsed(None, "failed")
    if settings.style == "prompted":
        return parse_object(reply.text)
    return parse_turns(reply.text, settings.form, settings.wire, settings.match)


def save(synthesised: Synthesised, out: Path) -> None:
    """Write triplets, what is unparsed, and the report into a folder.

    Raises:
        StorageFull: a file cannot be written.
    """
    write_lines(out / TRIPLETS, ({"id": name, **one.as_dict()} for name, one in synthesised.triplets.items()))
    write_lines(out / UNPARSED, (one.as_dict() for one in synthesised.unparsed))
    atomic_write_json(out / REPORT, synthesised.report())


def read_triplets(path: Path) -> tuple[dict[str, Triplet], Intake[str]]:
    """Triplets by id from a file of lines `{"id", "instruction", "informative", "precise"}`, and what was wrong in it.

    Raises:
        DataMissing: no such file.
    """
    triplets: dict[str, Triplet] = {}
    intake: Intake[str] = Intake()
    for where, plain in numbered_objects(path):
        try:
            name = plain.get("id") if plain is not None else None
            if plain is None or not isinstance(name, str):
                raise Unusable("not_json" if plain is None else "bad_id")
            if name in triplets:
                raise Unusable("duplicate_id", name)
            triplets[name] = triplet_of(plain)
        except Unusable as error:
            intake.rejected.append(Rejected(where, error.reason, error.detail))
            continue
        intake.kept.append(name)
    return triplets, intake
