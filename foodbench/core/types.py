"""The small frozen types that flow through foodbench.

`Request` is what a model is asked, `Answer` what it returns, `Sample` what a task holds (question and reference),
`Score` what one answer earned. All are plain data: no I/O, no third-party imports.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from foodbench.core.errors import AnswerInvalid

NUTRIENTS: tuple[str, ...] = ("kcal", "mass", "fat", "carb", "protein")
"""Order of the nutrition values everywhere: energy in kcal, then grams of food, fat, carbohydrate, protein."""

ENVELOPE_KEY = "foodbench_answer"
ENVELOPE_VERSION = 1
# A text longer than this is not searched for an envelope: 8 MB is ~400 masks of a 12-Mpx photo.
MAX_ENVELOPE_CHARS = 8_000_000
MAX_MASKS = 1000
"""More masks in one answer are refused: no plate holds so many things, and each one costs time to read."""


def well_formed(text: str) -> str:
    """`text` with lone surrogates (which no file can hold) replaced; an escape in JSON makes them."""
    return text.encode("utf-8", "replace").decode("utf-8")


class ImageSource(Protocol):
    """A picture that is opened only when somebody looks at it (implemented by `foodbench.data.images.ImageFile`)."""

    @property
    def path(self) -> Path:
        """Where the file is."""

    def open(self) -> Any:
        """Decode to a `PIL.Image.Image` in RGB. Raises `DataMissing` or `DataCorrupt`."""

    def fingerprint(self) -> str:
        """`sha256:` and the digest of the file's bytes."""


@dataclass(frozen=True, slots=True)
class Nutrition:
    """Energy in kcal and masses in grams; `None` where unknown."""

    kcal: float | None = None
    mass: float | None = None
    fat: float | None = None
    carb: float | None = None
    protein: float | None = None

    def as_dict(self) -> dict[str, float]:
        """The known values by nutrient name, in the order of `NUTRIENTS`."""
        return {name: value for name in NUTRIENTS if (value := getattr(self, name)) is not None}

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Nutrition:
        """Build from a mapping that may come from a model.

        Raises:
            AnswerInvalid: an unknown key, or a value that is not a finite number.
        """
        unknown = sorted(set(values) - set(NUTRIENTS))
        if unknown:
            raise AnswerInvalid(f"Nutrition has unknown keys: {', '.join(map(repr, unknown[:5]))}.")
        clean: dict[str, float] = {}
        for name, value in values.items():
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise AnswerInvalid(f"Nutrition value '{name}' is not a number.")
            try:
                number = float(value)
            except OverflowError:  # JSON has integers of any length
                number = math.inf
            if not math.isfinite(number):
                raise AnswerInvalid(f"Nutrition value '{name}' is not a finite number.")
            clean[name] = number
        return cls(**clean)


@dataclass(frozen=True, slots=True)
class Mask:
    """A binary mask as COCO compressed run-length code.

    Attributes:
        size: (height, width) in pixels.
        counts: the compressed counts as ASCII text.
        label: the noun phrase that the mask stands for, if the model said so.
    """

    size: tuple[int, int]
    counts: str
    label: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """JSON form: `{"size": [h, w], "counts": "...", "label": ...}`."""
        plain: dict[str, Any] = {"size": list(self.size), "counts": self.counts}
        if self.label is not None:
            plain["label"] = self.label
        return plain

    @classmethod
    def from_mapping(cls, plain: Any) -> Mask:
        """Build from untrusted JSON. The counts themselves are checked by `foodbench.metrics.masks.validate`.

        Raises:
            AnswerInvalid: wrong keys or types.
        """
        if not isinstance(plain, Mapping):
            raise AnswerInvalid("A mask must be an object with 'size' and 'counts'.")
        size, counts, label = plain.get("size"), plain.get("counts"), plain.get("label")
        if (
            not isinstance(size, Sequence)
            or isinstance(size, str)
            or len(size) != 2
            or not all(isinstance(side, int) and not isinstance(side, bool) and side > 0 for side in size)
        ):
            raise AnswerInvalid("A mask's 'size' must be [height, width], two positive integers.")
        if not isinstance(counts, str) or not (label is None or isinstance(label, str)):
            raise AnswerInvalid("A mask's 'counts' (and 'label', if given) must be strings.")
        return cls(
            size=(size[0], size[1]), counts=well_formed(counts), label=None if label is None else well_formed(label)
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model returns for one request: text, and optionally masks and nutrition values.

    lmms-eval carries only text between a model and a task, so an answer with more than text travels as one JSON
    envelope in that text (`to_text`, `from_text`).
    """

    text: str
    masks: tuple[Mask, ...] = ()
    nutrition: Nutrition | None = None

    def to_text(self) -> str:
        """The bare text if there is nothing else, otherwise the JSON envelope."""
        if not self.masks and self.nutrition is None:
            return self.text
        envelope: dict[str, Any] = {ENVELOPE_KEY: ENVELOPE_VERSION, "text": self.text}
        if self.masks:
            envelope["masks"] = [mask.as_dict() for mask in self.masks]
        if self.nutrition is not None:
            envelope["nutrition"] = self.nutrition.as_dict()
        return json.dumps(envelope, ensure_ascii=False, separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_text(cls, raw: str) -> Answer:
        """Read an answer from text that may be an envelope and may be hostile.

        Text that does not begin like an envelope is taken as plain text.

        Raises:
            AnswerInvalid: it is an envelope, but a malformed one.
        """
        stripped = raw.strip()
        if not stripped.startswith("{") or f'"{ENVELOPE_KEY}"' not in stripped[:64]:
            return cls(text=well_formed(raw))
        if len(stripped) > MAX_ENVELOPE_CHARS:
            raise AnswerInvalid(f"The answer envelope has {len(stripped):,} characters (limit {MAX_ENVELOPE_CHARS:,}).")
        try:
            plain = json.loads(stripped)
        except (ValueError, RecursionError) as error:
            raise AnswerInvalid(f"The answer envelope is not valid JSON: {type(error).__name__}.") from error
        return cls.from_mapping(plain)

    @classmethod
    def from_mapping(cls, plain: Any) -> Answer:
        """Build from the envelope's JSON object.

        Raises:
            AnswerInvalid: a wrong version, key or type.
        """
        if not isinstance(plain, Mapping) or plain.get(ENVELOPE_KEY) != ENVELOPE_VERSION:
            raise AnswerInvalid(f"The answer envelope must have '{ENVELOPE_KEY}': {ENVELOPE_VERSION}.")
        unknown = sorted(set(plain) - {ENVELOPE_KEY, "text", "masks", "nutrition"})
        if unknown:
            raise AnswerInvalid(f"The answer envelope has unknown keys: {', '.join(map(repr, unknown[:5]))}.")
        text, masks, nutrition = plain.get("text", ""), plain.get("masks") or [], plain.get("nutrition")
        if not isinstance(text, str) or not isinstance(masks, list):
            raise AnswerInvalid("The answer envelope's 'text' must be a string and 'masks' a list.")
        if len(masks) > MAX_MASKS:
            raise AnswerInvalid(f"The answer has {len(masks):,} masks (limit {MAX_MASKS:,}).")
        if nutrition is not None and not isinstance(nutrition, Mapping):
            raise AnswerInvalid("The answer envelope's 'nutrition' must be an object.")
        return cls(
            text=well_formed(text),
            masks=tuple(Mask.from_mapping(mask) for mask in masks),
            nutrition=None if nutrition is None else Nutrition.from_mapping(nutrition),
        )


@dataclass(frozen=True, slots=True)
class Request:
    """One question for a model.

    Attributes:
        task: name of the task, e.g. `foodseg103.refer1`.
        sample_id: stable id of the sample.
        image: the picture; call `.open()` to decode it.
        question: the full prompt, the same for every model under one protocol.
        slots: the question's structured parts, e.g. `{"ingredient": "rice"}`; for adapters with their own templates.
        generation: `max_new_tokens` and other generation settings of the task.
    """

    task: str
    sample_id: str
    image: ImageSource
    question: str
    slots: Mapping[str, Any] = field(default_factory=dict)
    generation: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sample:
    """One question of a task with its reference.

    Attributes:
        sample_id: stable over runs and machines, unique in the task.
        cluster: what makes samples dependent (image, dish or recipe id); statistics are by cluster.
        image: the picture.
        question: the full prompt.
        slots: the question's structured parts.
        reference: the right answer as plain JSON, in the task's own form.
    """

    sample_id: str
    cluster: str
    image: ImageSource
    question: str
    slots: Mapping[str, Any]
    reference: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Score:
    """What one answer earned.

    Attributes:
        sample_id: the sample.
        cluster: its cluster.
        parsed: whether the answer could be read; an unread answer is scored as wrong, never left out.
        values: the per-sample numbers that the task's metrics are means or ratios of.
        detail: what was read from the answer, for people (plain JSON).
        error: why the answer could not be read or scored, if so.
    """

    sample_id: str
    cluster: str
    parsed: bool
    values: Mapping[str, float]
    detail: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
