"""What `foodbench compare --json` and `foodbench gate --json` print, as pydantic models (`docs/schema`)."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

VerdictName = Literal["identical", "improved", "pass", "fail", "inconclusive", "not comparable", "not measured"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, protected_namespaces=(), populate_by_name=True)

    def plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        return self.model_dump(mode="json", by_alias=True)


class SideRecord(_Strict):
    """One of the two runs."""

    run_id: str
    path: str
    model: str = Field(description="As given to --model.")
    identity: str = Field(description="What the adapter said it is: weights' digest, endpoint and model name, ...")
    foodbench: str = Field(description="Version that made it.")
    commit: str | None = None


class MismatchRecord(_Strict):
    """Something in which two results differ that must be equal."""

    what: str
    baseline: str
    candidate: str


class UncomparedTask(_Strict):
    """A task without a comparison, and why."""

    task: str
    kind: Literal["not comparable", "not measured", "gone", "new"]
    reason: str
    mismatches: list[MismatchRecord] = Field(default_factory=list)


class DifferenceRecord(_Strict):
    """A paired difference: candidate minus baseline, in the metric's unit."""

    value: float | None
    low: float | None
    high: float | None
    confidence: float
    method: str
    p_worse: float | None = Field(description="One-sided, against 'the candidate is not worse'.")
    n: int
    clusters: int
    only_baseline: int | None = Field(description="Samples that only the baseline has right, of a proportion.")
    only_candidate: int | None
    spread: float | None = Field(description="Standard error times the root of the number of clusters.")


class Acknowledged(_Strict):
    """Who takes a verdict, until when, and why."""

    author: str
    reason: str
    expires: date
    file: str


class GateRow(_Strict):
    """The verdict on one gated metric, or on a task that could not be judged."""

    task: str
    metric: str | None = Field(description="Null where the task could not be judged at all.")
    unit: str = ""
    higher_is_better: bool = True
    verdict: VerdictName
    baseline: float | None = None
    candidate: float | None = None
    difference: DifferenceRecord | None = None
    margin: float | None = Field(default=None, description="How much the metric may lose, in its unit.")
    adjusted_p: float | None = Field(
        default=None, description="p_worse after Holm's correction over all gated metrics."
    )
    detectable: float | None = Field(default=None, description="Inconclusive: what this many clusters can detect.")
    needed: int | None = Field(default=None, description="Inconclusive: clusters needed for a verdict.")
    changed_answers: int | None = Field(default=None, description="Samples whose raw answer differs.")
    note: str = ""
    mismatches: list[MismatchRecord] = Field(default_factory=list)
    digest: str | None = Field(default=None, description="Names this very verdict, for an acknowledgement.")
    acknowledged: Acknowledged | None = None


class GateInvariant(_Strict):
    """A hard rule, without statistics: whether it holds."""

    name: Literal["tasks", "parse_rate", "prompts", "exact", "budgets", "acknowledgements"]
    task: str | None = None
    holds: bool
    text: str
    digest: str | None = None
    acknowledged: Acknowledged | None = None


class GateReport(_Strict):
    """What a gate found."""

    schema_: Literal["foodbench.gate/1"] = Field(default="foodbench.gate/1", alias="schema")
    verdict: VerdictName
    exit_code: int
    strict: bool
    policy: str | None = Field(description="The policy's file; null for the defaults.")
    alpha: float
    baseline: SideRecord
    candidate: SideRecord
    rows: list[GateRow]
    invariants: list[GateInvariant]
    new_tasks: list[str] = Field(description="Of the candidate only: nothing to compare with yet.")
    ungated_tasks: list[str] = Field(description="Left out by the policy.")
    notes: list[str]


class ComparedMetric(_Strict):
    """One metric in two runs."""

    id: str
    unit: str
    higher_is_better: bool
    baseline: float | None
    candidate: float | None
    difference: DifferenceRecord


class SliceRecord(_Strict):
    """The primary metric on a group of samples."""

    slice: str
    label: str
    n: int
    metric: ComparedMetric


class FlipRecord(_Strict):
    """A sample that became better or worse."""

    sample_id: str
    change: float = Field(description="Signed so that larger is better, in the unit of the metric.")
    baseline: float | None
    candidate: float | None
    baseline_answer: str
    candidate_answer: str


class FlipsRecord(_Strict):
    """The samples that changed, the greatest changes first."""

    metric: str
    unit: str
    worse: int
    better: int
    other: int = Field(description="Samples whose answer differs and earns the same.")
    shown_worse: list[FlipRecord]
    shown_better: list[FlipRecord]


class ComparedTask(_Strict):
    """One task in two runs."""

    task: str
    version: int
    edition: str
    n: int
    clusters: int
    changed_answers: int
    identical: bool
    metrics: list[ComparedMetric]
    slices: list[SliceRecord]
    slices_not_available: dict[str, str]
    flips: FlipsRecord | None
    notes: list[str]


class ComparisonReport(_Strict):
    """What two runs have in common and where they differ."""

    schema_: Literal["foodbench.comparison/1"] = Field(default="foodbench.comparison/1", alias="schema")
    baseline: SideRecord
    candidate: SideRecord
    tasks: list[ComparedTask]
    not_compared: list[UncomparedTask]
