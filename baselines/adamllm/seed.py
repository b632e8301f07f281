"""Seed data for tuning a synthesiser: joining two collections, splits, three-turn conversations, blank pictures.

Every draw is a function of the example's own name, so that adding examples changes no other one.
Source: AdaMLLM (arXiv 2411.19930), Section 3.1.1, Table 1 and Appendix A.
"""

from __future__ import annotations

import io
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from baselines.adamllm.intake import Intake, Rejected, Unusable, required_text
from baselines.adamllm.records import Conversation, Message, SeedExample, Triplet, question_and_answer
from baselines.adamllm.wire import WIRES, Wire
from foodbench.core.files import atomic_write
from foodbench.core.hashing import stable_seed
from foodbench.data.images import ImageFile

BLANK_SHARE = 0.10
_BLANK_SIZE = (224, 224)


@dataclass(frozen=True, slots=True)
class SeedSettings:
    """How seed examples become conversations.

    Attributes:
        wire: the fixed words.
        blank_share: of the pictures that are replaced by a blank one, so that the caption has to be used.
        learn_instruction: learn the questions too: a synthesiser has to write them. Off, only answers are learnt.
        seed: of all draws.
    """

    wire: Wire = WIRES["own"]
    blank_share: float = BLANK_SHARE
    learn_instruction: bool = True
    seed: int = 0


def write_blank(path: Path) -> ImageFile:
    """A white picture, to be shown instead of others.

    Raises:
        StorageFull: it cannot be written.
    """
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", _BLANK_SIZE, "white").save(buffer, format="PNG")
    atomic_write(path, buffer.getvalue())
    return ImageFile(path)


def is_blank(example: SeedExample, settings: SeedSettings) -> bool:
    """Whether this example is shown a blank picture."""
    draw = random.Random(stable_seed("blank", settings.seed, example.task_name, example.seed_id))
    return draw.random() < settings.blank_share


def caption_turn(caption: str, wire: Wire) -> tuple[Message, Message]:
    """The first turn, of which nothing is learnt."""
    return Message("user", wire.describe, False), Message("assistant", caption, False)


def seed_conversation(example: SeedExample, blank: ImageFile, settings: SeedSettings) -> Conversation:
    """The three turns of an example: the caption, then both answers in random order.

    Args:
        example: the example.
        blank: the picture for those that are to be blank.
        settings: words, shares and seed.
    """
    answers = {"precise": example.triplet.precise, "informative": example.triplet.informative}
    kinds = list(answers)
    random.Random(stable_seed("order", settings.seed, example.seed_id)).shuffle(kinds)
    messages = list(caption_turn(example.caption, settings.wire))
    for kind in kinds:
        asked = settings.wire.asked(kind, example.triplet.instruction)
        messages += question_and_answer(asked, answers[kind], learn_question=settings.learn_instruction)
    return Conversation(
        conversation_id=example.seed_id,
        image=blank if is_blank(example, settings) else example.image,
        messages=tuple(messages),
        parts=("caption", *kinds),
        ends=True,
    )


def split_seed(
    examples: Sequence[SeedExample], *, dev_share: float = 0.1, seed: int = 42
) -> tuple[list[SeedExample], list[SeedExample]]:
    """Training and development examples: a share of every task's, each list in random order.

    A task with fewer examples than one in the share keeps them all for training.
    """
    tasks: dict[str, list[SeedExample]] = {}
    for example in examples:
        tasks.setdefault(example.task_name, []).append(example)
    train: list[SeedExample] = []
    dev: list[SeedExample] = []
    for name, members in sorted(tasks.items()):
        random.Random(stable_seed("split", seed, name)).shuffle(members)
        kept_apart = int(len(members) * dev_share)
        dev += members[:kept_apart]
        train += members[kept_apart:]
    for part in (train, dev):
        random.Random(stable_seed("shuffle", seed)).shuffle(part)
    return train, dev


def join_seed(
    tasks: Iterable[Mapping[str, Any]],
    captions: Iterable[Mapping[str, Any]],
    answers: Iterable[Mapping[str, Any]],
    images: Path,
) -> Intake[SeedExample]:
    """Join VisionFLAN's annotations with ALLaVA's captions and answers by the picture's file name.

    All three are lists of `{"id", "image", "conversations": [{"from", "value"}, ...]}`; VisionFLAN's rows have a
    `task_name`. A picture needs a row in each; a second caption or answer to the same picture is not used.

    Args:
        tasks: human instructions with short answers.
        captions: of the same pictures.
        answers: long answers to the same instructions.
        images: VisionFLAN's folder of pictures.
    """
    captioned, answered = _said_by_picture(captions), _said_by_picture(answers)
    found: Intake[SeedExample] = Intake()
    seen: set[str] = set()
    for place, row in enumerate(tasks):
        try:
            example = _joined(row, captioned, answered, images)
            if example.seed_id in seen:
                raise Unusable("duplicate_id", example.seed_id)
        except Unusable as error:
            found.rejected.append(Rejected(f"row {place}", error.reason, error.detail))
            continue
        seen.add(example.seed_id)
        found.kept.append(example)
    return found


def _joined(
    row: Mapping[str, Any], captioned: Mapping[str, str], answered: Mapping[str, str], images: Path
) -> SeedExample:
    name = _file_name(row)
    if name not in captioned or name not in answered:
        raise Unusable("no_caption" if name not in captioned else "no_answer", name)
    question, short = _said(row)
    if question is None or short is None:
        raise Unusable("bad_conversation", name)
    plain = {"instruction": question, "informative": answered[name], "precise": short, "caption": captioned[name]}
    texts = {key: required_text(plain, key) for key in plain}
    caption = texts.pop("caption")
    task = row.get("task_name")
    identifier = row.get("id") if isinstance(row.get("id"), str) and row["id"] else name
    return SeedExample(
        str(identifier), task if isinstance(task, str) else "", ImageFile(images / name), caption, Triplet(**texts)
    )


def _said_by_picture(rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for row in rows:
        try:
            name = _file_name(row)
        except Unusable:
            continue
        _, said = _said(row)
        if said:
            found.setdefault(name, said)
    return found


def _file_name(row: Any) -> str:
    image = row.get("image") if isinstance(row, Mapping) else None
    name = PurePosixPath(image).name if isinstance(image, str) else ""
    if not name or name == "..":
        raise Unusable("bad_image_path")
    return name


def _said(row: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The first question and the first answer of a row."""
    rounds = row.get("conversations")
    sides: dict[str, str] = {}
    for one in rounds if isinstance(rounds, list) else ():
        if isinstance(one, Mapping) and isinstance(one.get("value"), str):
            sides.setdefault(str(one.get("from")), one["value"])
    return sides.get("human"), sides.get("gpt")


def with_wire(settings: SeedSettings, wire: Wire) -> SeedSettings:
    """The same settings with other words."""
    return replace(settings, wire=wire)
