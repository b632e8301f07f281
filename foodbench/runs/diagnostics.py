"""The file of a diagnosis: which metrics notice that a good recipe was made wrong (`foodbench diagnose recipes`)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from foodbench.core.errors import DataCorrupt
from foodbench.core.files import open_regular
from foodbench.runs.faults import first_fault

SCHEMA = "foodbench.diagnosis/1"
Verdict = Literal[
    "notices", "weakly", "like rewording", "misses", "steady", "false alarm", "no range", "nothing changed"
]
VERDICTS: dict[Verdict, str] = {
    "notices": "of what the answers have above the floor it loses at least half of the share that is wrong, "
    "and more than for harmless rewording",
    "weakly": "loses beyond chance, and more than for harmless rewording, but less than that",
    "like rewording": "loses, but not beyond chance more than the same recipes do when they are harmlessly reworded",
    "misses": "no loss beyond chance",
    "steady": "of harmless rewording: no loss beyond chance, as it should be",
    "false alarm": "of harmless rewording: loses beyond chance, though nothing is wrong",
    "no range": "the answers, or the ceiling, are not above the floor, so that a loss has no scale",
    "nothing changed": "nothing could be corrupted, or the metric does not exist",
}
"""What each verdict means."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, protected_namespaces=(), populate_by_name=True)


class MetricLoss(_Strict):
    """What a corruption did to one metric, over all samples of a task."""

    metric: str
    about: str = Field(description="What it looks at: words, title, ingredients or actions.")
    unit: str
    higher_is_better: bool
    floor: float | None = Field(description="The best trivial baseline on the same samples.")
    floor_model: str
    ceiling: float | None = Field(description="The references as answers.")
    before: float | None
    after: float | None
    difference: float | None = Field(description="After minus before, paired by recipe.")
    low: float | None
    high: float | None
    confidence: float
    method: str
    p_worse: float | None = Field(description="One-sided, against 'not worse than before'.")
    p_below_rewording: float | None = Field(
        description="One-sided, against 'not worse than the same recipes harmlessly reworded'; null for these."
    )
    loss: float | None = Field(description="In percent of the range between floor and ceiling; positive is worse.")
    loss_low: float | None
    loss_high: float | None
    verdict: Verdict


class CorruptedTask(_Strict):
    """One corruption of all answers of a task."""

    task: str
    corruption: str
    share: float = Field(description="As asked for.")
    reached: float | None = Field(description="Things changed / things that could be, over all samples.")
    possible: int
    changed: int
    samples: int
    samples_changed: int
    unchanged: dict[str, int] = Field(description="Samples that stayed as they were, by reason.")
    metrics: list[MetricLoss]


class DiagnosedTask(_Strict):
    """The questions of a task whose answers were corrupted."""

    name: str
    version: int
    fingerprint: str
    n: int
    limit: int | None


class Example(_Strict):
    """One recipe before and after; of the kitchen edition only."""

    task: str
    sample_id: str
    corruption: str
    share: float
    before: str
    after: str
    swaps: list[tuple[str, str]]


class Diagnosis(_Strict):
    """The whole file."""

    schema_: str = Field(default=SCHEMA, alias="schema")
    dataset: str
    edition: Literal["real", "kitchen"]
    variant: str
    split: str
    dataset_fingerprint: str
    answers: str = Field(description="`references`, or the run whose answers were corrupted.")
    model: str = Field(description="Who answered: as given to --model, or baseline:oracle for the references.")
    seed: int
    shares: list[float]
    tasks: list[DiagnosedTask]
    skipped: dict[str, str] = Field(description="Tasks of recipes that are not in the run, and why.")
    results: list[CorruptedTask]
    examples: list[Example]
    provenance: dict[str, Any]
    made: str

    @property
    def label(self) -> str:
        """The edition as tables name it."""
        return f"{self.edition}: {self.variant}" if self.variant else self.edition

    def plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        return self.model_dump(mode="json", by_alias=True)


def read_diagnosis(path: Path) -> Diagnosis:
    """A stored diagnosis.

    Raises:
        DataCorrupt: it cannot be read, or is no such file.
    """
    hint = "Make it again: foodbench diagnose recipes --out FILE"
    try:
        with open_regular(path) as stream:
            found = Diagnosis.model_validate(json.loads(stream.read().decode("utf-8")))
    except OSError as error:
        raise DataCorrupt(f"Cannot read {path}: {error.strerror}.", hint=hint) from error
    except ValidationError as error:
        raise DataCorrupt(f"{path} is no diagnosis: {first_fault(error)}.", hint=hint) from error
    except (ValueError, RecursionError) as error:
        raise DataCorrupt(f"{path} is not valid JSON.", hint=hint) from error
    if found.schema_ != SCHEMA:
        raise DataCorrupt(f"{path} has the schema '{found.schema_}', not '{SCHEMA}'.", hint=hint)
    return found
