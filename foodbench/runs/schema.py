"""The files of a run as pydantic models; their JSON Schemas are published under `docs/schema` (`foodbench schema`).

A run is a folder: `run.json`, and for each task `<task>@<version>/` with `samples.jsonl` and `result.json` (and, while
the task is running, `answers*.jsonl`; if its answers were rated, `ratings.jsonl`; and if scoring them again came to
something else, what it was before under `history/`). Everything that depends on the
clock is under a key named `time`, so that two runs can be compared by dropping those keys.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from foodbench.core.registry import import_object
from foodbench.core.types import Score

SCHEMA_VERSION = 1


def _checked_provenance(plain: dict[str, Any]) -> dict[str, Any]:
    """Refuse wrong types of what is read again; everything else in it is for people."""
    if type(plain.get("seed", 0)) is not int:
        raise ValueError("'seed' is not a whole number")
    git = plain.get("git")
    if git is not None and not (isinstance(git, dict) and isinstance(git.get("commit"), str)):
        raise ValueError("'git' names no commit")
    return plain


Provenance = Annotated[dict[str, Any], AfterValidator(_checked_provenance)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, protected_namespaces=())


class SampleTime(_Strict):
    """When and how long; not compared between runs."""

    seconds: float | None = Field(
        default=None, description="The model's time for this sample (its share of the batch)."
    )


class SampleRecord(_Strict):
    """One line of `samples.jsonl`: the raw answer and what it earned."""

    sample_id: str
    cluster: str = Field(description="What makes samples dependent: image, dish or recipe id.")
    key: str = Field(description="Identity of the question asked of this model; an equal key need not be asked again.")
    answer: str = Field(description="The model's answer as it came: text, or foodbench's JSON envelope.")
    parsed: bool = Field(description="Whether the answer could be read; if not, it is scored as wrong.")
    values: dict[str, float] = Field(description="Per-sample numbers that the metrics are means or ratios of.")
    detail: dict[str, Any] = Field(default_factory=dict, description="What was read from the answer.")
    error: str | None = Field(default=None, description="Why the answer could not be read or scored.")
    tokens: dict[str, int] | None = Field(default=None, description="Token counts, where the model reports them.")
    time: SampleTime = Field(default_factory=SampleTime)

    def score(self) -> Score:
        """What it earned, as metrics take it."""
        return Score(self.sample_id, self.cluster, self.parsed, self.values, self.detail, self.error)


class TaskIdentity(_Strict):
    """What was asked. Results compare only if the fingerprints are equal."""

    name: str
    version: int
    protocol: str
    fingerprint: str = Field(description="Digest of the exact questions, references and decoding settings.")
    prompt_fingerprint: str = Field(description="Digest of the way of asking alone.")
    control: str | None = Field(
        default=None,
        description="What was shown instead of the right pictures, wrong-image or blank-image; such a result is not "
        "ranked.",
    )


class DatasetIdentity(_Strict):
    """What it was asked of."""

    name: str
    edition: Literal["real", "kitchen"]
    variant: str = Field(
        default="",
        description="In what the kitchen edition differs from the default one: difficulty, seed, size, plates.",
    )
    split: str
    fingerprint: str = Field(description="Digest of the split's ids and labels.")
    available: int = Field(description="Records of the split that are on disk.")
    missing: int = Field(description="Records of the split that are not (a partial copy).")

    @property
    def label(self) -> str:
        """The edition, and what is special about it: `real`, `kitchen`, `kitchen, hard`."""
        return ", ".join(filter(None, (self.edition, self.variant)))


class ModelIdentity(_Strict):
    """Who was asked."""

    spec: str = Field(description="As given to --model.")
    args: dict[str, str] = Field(default_factory=dict)
    identity: str = Field(description="What the adapter says it is: weights' digest, endpoint and model name, ...")


class ReferenceFigure(_Strict):
    """The score of a trivial baseline or of the oracle on the same samples, through the same parser."""

    model: str
    value: float | None
    reason: str | None = Field(default=None, description="Why there is no value.")
    fitted_on: int | None = Field(
        default=None, description="Train samples that the baseline was fitted on; null where it needs none."
    )


class MetricRecord(_Strict):
    """One reported number with its uncertainty and its frame."""

    id: str
    value: float | None
    low: float | None = Field(description="Lower bound of the interval; null where none can be given.")
    high: float | None
    confidence: float = 0.95
    interval_method: str
    n: int
    clusters: int
    unit: str
    higher_is_better: bool
    signature: str = Field(default="", description="Settings of the library that computed it, for comparison.")
    floor: ReferenceFigure | None = None
    ceiling: ReferenceFigure | None = None


class SampleIds(_Strict):
    """`ids.json`: exactly which samples were scored, and which records of the split are not on disk."""

    scored: list[str]
    missing: list[str] = Field(description="Records of the split that this copy of the dataset lacks.")


class WithoutKnownBad(_Strict):
    """The metrics without the samples that are known to be wrong (`foodbench data known-bad`)."""

    excluded: list[str] = Field(description="Ids of the samples left out.")
    values: dict[str, float | None]


class TaskTime(_Strict):
    """Clock and speed; not compared between runs."""

    started: str
    finished: str
    seconds: float
    model_seconds: float = Field(description="Time inside the model's own generate calls.")
    asked: int = Field(description="Samples asked in this invocation; the rest were answered before.")


class RatingTime(_Strict):
    """When a rating was given; not compared between runs."""

    given: str
    seconds: float | None = Field(default=None, description="The judge model's time.")


class RatingRecord(_Strict):
    """One line of `ratings.jsonl`: what a rater thinks of an answer. A rater's last line on an answer counts."""

    sample_id: str
    rater: str = Field(description="A person's name, or the judge model's identity and the digest of its instructions.")
    rating: float | None = Field(
        ge=1, le=10, description="1 (useless) to 10; null where the judge's reply could not be read."
    )
    reason: str = Field(default="", description="Why, in the rater's words.")
    error: str | None = Field(default=None, description="Why the judge's reply could not be read.")
    answer_sha256: str = Field(description="Of the rated answer; a rating counts for that answer only.")
    question_sha256: str = Field(description="Of question and reference; a rating counts for these only.")
    usage: dict[str, float] | None = Field(default=None, description="What it took: tokens, retries, dollars.")
    time: RatingTime


class RaterSummary(_Strict):
    """One rater's ratings of a task's answers."""

    rater: str
    rated: int = Field(description="Answers rated.")
    unread: int = Field(description="The judge's replies that could not be read; their answers are not rated by it.")
    mean: float | None = Field(description="Mean rating; null without ratings.")


class RescoredFrom(_Strict):
    """An earlier scoring of the same answers: by which code, and where it is kept."""

    task: str = Field(description="Name and version under which the answers were scored then.")
    kept: str = Field(description="Folder with its result.json, ids.json and samples, inside the run's folder.")
    result_sha256: str = Field(description="Digest of its result.json without the time keys.")
    samples_sha256: str
    foodbench: str | None = Field(description="Version that scored it.")
    commit: str | None = Field(description="Commit of that version, where it ran from a repository.")
    scoring: str | None = Field(description="Digest of the code of its tasks, parsers, metrics and intervals.")
    time: dict[str, str] = Field(default_factory=dict)


class TaskResult(_Strict):
    """`result.json`: what one model earned on one task."""

    schema_version: Literal[1] = 1
    task: TaskIdentity
    dataset: DatasetIdentity
    model: ModelIdentity
    metrics: list[MetricRecord]
    headline: int = Field(default=3, description="How many of the metrics, from the first, a short table shows.")
    without_known_bad: WithoutKnownBad | None = Field(
        default=None, description="Set where samples were scored that are known to be wrong; the metrics include them."
    )
    n: int
    n_missing: int = Field(
        default=0, description="Samples for which a file of predictions had none; they count as wrong and are among n."
    )
    limit: int | None = Field(
        description="Set if only a part of the split was asked, so many photos, dishes, recipes or dialogues, each "
        "with all its questions; such a result is not ranked."
    )
    parse_rate: float
    errors: int = Field(description="Answers that were malformed or could not be scored.")
    samples_sha256: str = Field(description="Digest of samples.jsonl without its time keys.")
    usage: dict[str, float] = Field(default_factory=dict, description="Tokens and cost, where known.")
    raters: list[RaterSummary] = Field(default_factory=list, description="Who has rated answers, if anybody has.")
    rescored_from: RescoredFrom | None = Field(
        default=None, description="Set if stored answers were scored again and it changed the result: the one before."
    )
    provenance: Provenance
    time: TaskTime


class TaskStatus(_Strict):
    """How a task of a run stands."""

    status: Literal["complete", "failed", "not_measured"]
    reason: str | None = None
    code: str | None = None
    result: str | None = Field(default=None, description="Path of result.json inside the run's folder.")


class ConfigValue(_Strict):
    """A resolved setting and where it came from."""

    value: Any
    origin: str


class RunFile(_Strict):
    """`run.json`: what was asked of whom, and how each task stands."""

    schema_version: Literal[1] = 1
    run_id: str
    model: ModelIdentity
    config: dict[str, ConfigValue]
    tasks: dict[str, TaskStatus] = Field(default_factory=dict)
    provenance: Provenance
    time: dict[str, str] = Field(default_factory=dict)


class PredictionRecord(_Strict):
    """One line of a predictions file for `foodbench score --task T FILE`."""

    sample_id: str
    answer: str | None = Field(default=None, description="Text, or foodbench's JSON envelope as text.")
    text: str | None = None
    masks: list[dict[str, Any]] | None = Field(default=None, description='COCO RLE: {"size": [h, w], "counts": "..."}.')
    nutrition: dict[str, float] | None = Field(default=None, description="kcal, mass, fat, carb, protein.")


_HERE = "foodbench.runs.schema"
SCHEMAS: dict[str, str] = {
    "run": f"{_HERE}:RunFile",
    "result": f"{_HERE}:TaskResult",
    "sample": f"{_HERE}:SampleRecord",
    "ids": f"{_HERE}:SampleIds",
    "prediction": f"{_HERE}:PredictionRecord",
    "rating": f"{_HERE}:RatingRecord",
    "gate": "foodbench.runs.gate_schema:GateReport",
    "comparison": "foodbench.runs.gate_schema:ComparisonReport",
    "submission": "foodbench.runs.submission_schema:SubmissionFile",
    "card": "foodbench.runs.submission_schema:SubmissionCard",
    "reported": "foodbench.runs.submission_schema:ReportedFile",
}
"""Where the model of each kind of file is; those that a run does not need are not built with it."""


def json_schema(name: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of one of the run's files.

    Raises:
        KeyError: no such schema.
    """
    model: Any = import_object(SCHEMAS[name])
    schema = model.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
