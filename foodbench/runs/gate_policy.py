"""What a gate allows: `gate.toml`, and the acknowledgements beside it.

Both are files that people edit, in a repository to which others propose changes, so they are read strictly: an unknown
key, a wrong type, a margin that is no positive number or a path that leads out of the policy's folder is refused with
its place and value.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from foodbench.core.errors import UsageError
from foodbench.core.files import open_regular
from foodbench.core.printable import printable
from foodbench.metrics.aggregate import Metric
from foodbench.runs.faults import place_of
from foodbench.tasks.base import FoodTask

POLICY_FILE = "gate.toml"
MAX_POLICY_BYTES = 256 * 1024
MAX_ACKS = 500
_MAX_ACK_BYTES = 16 * 1024

RANGE_SHARE = 0.01
"""Default margin of a metric that has a least and a greatest value: this share of its range (1 percent point)."""
UNBOUNDED_SHARE = 0.02
"""Default margin of one that has not (kcal, g): this share of the baseline's value."""

Text = Annotated[str, Field(min_length=1, max_length=2000)]
Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
Margin = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Limit = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Model = TypeVar("Model", bound=BaseModel)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Budgets(_Strict):
    """What answers may cost; only what is set is looked at."""

    seconds_per_sample: Limit | None = Field(default=None, description="The model's mean time for a sample.")
    seconds_ratio: Limit | None = Field(default=None, description="The same, in multiples of the baseline's.")
    usage_per_sample: dict[str, Limit] = Field(
        default_factory=dict, description="By name in the result's usage (output_tokens, cost_usd), per sample."
    )


class TaskPolicy(_Strict):
    """What differs for one task."""

    metrics: dict[str, Margin] | None = Field(
        default=None, description="The gated metrics, each with its margin in its own unit, instead of the primary one."
    )
    parse_rate: Share | None = Field(default=None, description="Least share of answers that can be read.")
    budgets: Budgets | None = None


class PromptChange(_Strict):
    """A way of asking that differs from the baseline's, and is meant to."""

    task: Text
    baseline: Digest = Field(description="The prompt fingerprint in the baseline's result.json.")
    candidate: Digest = Field(description="The one in the candidate's.")
    reason: Text


class GatePolicy(_Strict):
    """`gate.toml`."""

    schema_version: Literal[1] = 1
    alpha: Annotated[float, Field(gt=0, lt=0.5, allow_inf_nan=False)] = Field(
        default=0.05, description="One-sided level; intervals have a confidence of 1 - 2 alpha."
    )
    tasks: list[Text] = Field(default=["*"], description="Gated tasks, as names or globs.", max_length=500)
    exact: Literal["never", "same-platform", "always"] = Field(
        default="never",
        description="When every answer must be the same (numbers to five digits): for the same model there.",
    )
    parse_rate: Share = Field(default=0.9, description="Least share of answers that can be read.")
    missing: Share = Field(default=0.01, description="Greatest share of samples that got no answer.")
    budgets: Budgets = Budgets()
    task: dict[Text, TaskPolicy] = Field(default_factory=dict)
    prompt_changes: list[PromptChange] = Field(default_factory=list, max_length=500)
    acks: Text = Field(default="acks", description="Folder of acknowledgements, below the policy's own folder.")
    baselines: Text = Field(default="reports", description="Folder of baselines, below the policy's own folder.")

    @model_validator(mode="after")
    def _one_declaration_per_task(self) -> GatePolicy:
        named = [change.task for change in self.prompt_changes]
        twice = sorted({name for name in named if named.count(name) > 1})
        if twice:
            raise ValueError(f"two prompt changes for {twice[0]}")
        return self

    def gates(self, task: str) -> bool:
        """Whether a task is gated."""
        return any(fnmatchcase(task, pattern) for pattern in self.tasks)

    def for_task(self, task: str) -> TaskPolicy:
        """What is set for this task; the defaults if nothing is."""
        return self.task.get(task, TaskPolicy())

    def budgets_for(self, task: str) -> Budgets:
        """The task's own budgets if it has any, else those of all tasks."""
        return self.for_task(task).budgets or self.budgets

    def parse_rate_for(self, task: str) -> float:
        """The least share of answers that can be read."""
        own = self.for_task(task).parse_rate
        return self.parse_rate if own is None else own


class Acknowledgement(_Strict):
    """One file of the acks folder: somebody has seen a verdict and takes it."""

    task: Text
    metric: Text = Field(description="The metric, or the name of the broken invariant.")
    verdict: Digest = Field(description="What the gate prints for it; another outcome has another digest.")
    reason: Text
    author: Text
    expires: date = Field(description="The last day on which it counts.")


@dataclass(frozen=True, slots=True)
class LoadedAck:
    """An acknowledgement and the file that it is in."""

    ack: Acknowledgement
    path: Path


@dataclass(frozen=True, slots=True)
class LoadedPolicy:
    """A policy with the folder that its paths are relative to."""

    policy: GatePolicy
    path: Path | None
    acks: tuple[LoadedAck, ...] = ()

    @property
    def folder(self) -> Path:
        """The policy's folder; the current one without a file."""
        return self.path.parent if self.path is not None else Path()


def default_margin(metric: Metric, baseline: float) -> float:
    """How much a metric may lose if the policy does not say.

    1 % of its range where it has a least and a greatest value (1 percent point of an accuracy, 0.01 of an IoU), 1
    percent point of one in percent without an upper end, and otherwise 2 % of the baseline's value.
    """
    low, high = metric.bounds if metric.kind not in ("proportion", "share") else (0.0, 1.0)
    if math.isfinite(low) and math.isfinite(high):
        return RANGE_SHARE * metric.scale * (high - low)
    return 1.0 if metric.unit == "%" else UNBOUNDED_SHARE * abs(baseline)


def gated_metrics(policy: GatePolicy, task: FoodTask) -> dict[str, float | None]:
    """The gated metrics of a task with their margins; None: the default one.

    Raises:
        UsageError: the policy names a metric that the task does not have.
    """
    stated = policy.for_task(task.name).metrics
    if stated is None:
        return {task.metrics[0].id: None}
    known = {metric.id for metric in task.metrics}
    for metric in stated:
        if metric not in known:
            raise UsageError(
                f"The policy gates {task.name} by '{printable(metric, limit=80)}', which it does not have.",
                hint=f"It has: {', '.join(sorted(known))}.",
            )
    return dict(stated)


def load_policy(path: Path | None, known_tasks: Sequence[str]) -> LoadedPolicy:
    """A policy and its acknowledgements; the defaults for None.

    Raises:
        UsageError: a file is absent, too large, not TOML, or does not hold what it must; a path in it leads out of its
            folder; it names a task that does not exist.
    """
    if path is None:
        return LoadedPolicy(GatePolicy(), None)
    policy = _read(path, GatePolicy, MAX_POLICY_BYTES)
    for name in [*policy.task, *(change.task for change in policy.prompt_changes)]:
        if name not in known_tasks:
            raise UsageError(
                f"{path} names the task '{printable(name, limit=80)}', which does not exist.",
                hint="See: foodbench list tasks.",
            )
    for pattern in policy.tasks:
        if not any(fnmatchcase(name, pattern) for name in known_tasks):
            raise UsageError(
                f"{path}: no task is called '{printable(pattern, limit=80)}' (in 'tasks').",
                hint="See: foodbench list tasks.",
            )
    folder = inside(path, "acks", policy.acks)
    inside(path, "baselines", policy.baselines)
    return LoadedPolicy(policy, path, tuple(_read_acks(folder)))


def inside(policy: Path, key: str, written: str) -> Path:
    """The folder that a policy names, if it lies below the policy's own folder, also once links are followed.

    Raises:
        UsageError: it does not.
    """
    top = policy.parent.resolve()
    try:
        target = (top / written).resolve()
        below = not Path(written).is_absolute() and target.is_relative_to(top)
    except (OSError, ValueError, RuntimeError):
        below = False
    if not below:
        raise UsageError(
            f"{policy}: '{key}' is '{printable(written, limit=200)}', which is not below {top}.",
            hint="Give a folder below the policy's own, as a relative path.",
        )
    return policy.parent / written


def _read_acks(folder: Path) -> list[LoadedAck]:
    if not folder.is_dir():
        return []
    files = sorted(folder.glob("*.toml"))
    if len(files) > MAX_ACKS:
        raise UsageError(
            f"{folder} holds {len(files):,} acknowledgements; at most {MAX_ACKS} are read.", hint="Delete the old ones."
        )
    return [LoadedAck(_read(path, Acknowledgement, _MAX_ACK_BYTES), path) for path in files]


def _read(path: Path, kind: type[Model], limit: int) -> Model:
    try:
        with open_regular(path) as stream:
            raw = stream.read(limit + 1)
    except OSError as error:
        raise UsageError(f"Cannot read {path}: {error.strerror or error}.", hint="Check the path.") from error
    if len(raw) > limit:
        raise UsageError(f"{path} is larger than {limit:,} bytes.", hint=f"No {kind.__name__} needs that much.")
    try:
        plain = tomllib.loads(raw.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        what = str(error) or "nested too deeply"
        raise UsageError(f"{path} is not valid TOML: {printable(what, limit=200)}.", hint="Mend it.") from error
    try:
        return kind.model_validate(plain)
    except ValidationError as error:
        raise UsageError(f"{path}: {_fault(error)}.", hint="docs/gate.md lists every key.") from error


def _fault(error: ValidationError) -> str:
    """The first fault with its place and the value that was found."""
    first: Any = error.errors()[0]
    where = place_of(first, "the file")
    if first["type"] == "extra_forbidden":
        return f"unknown key '{printable(where, limit=120)}'"
    message = first["msg"].removeprefix("Value error, ")
    return f"'{printable(where, limit=120)}' is {printable(str(first['input']), limit=80)}: {message}"
