"""The files of a submission to the leaderboard as pydantic models: `submission.json`, `card.yaml`, `reported.yaml`.

A submission is a folder `<model>/<digest>/`. Of kind `measured` it holds `run.json`, and for each task `result.json`,
`ids.json` and `samples.jsonl.gz` (and `ratings.jsonl`, where answers were rated) as a run has them; of kind `reported`
it holds `reported.yaml` instead. Nothing in it depends on the clock of whoever packs it: the same run and card are the
same bytes.
"""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

SUBMISSION, CARD, REPORTED, RUN = "submission.json", "card.yaml", "reported.yaml", "run.json"
RESULT, IDS, SAMPLES, RATED = "result.json", "ids.json", "samples.jsonl.gz", "ratings.jsonl"
SLUG = r"[a-z0-9][a-z0-9._-]{0,59}"
TASK_FOLDER = r"[a-z0-9][a-z0-9_.]{0,99}@[1-9][0-9]{0,3}"
DIGITS = 12
"""Of the digest, in the folder's name."""
_SHA256 = r"^[0-9a-f]{64}$"
_UNSAFE = set("<>\"'`\\{}|^ ")


def _https(url: str) -> str:
    """Refuse any address but that of a page on the web: it becomes a link."""
    if not url:
        return url
    parts = urlsplit(url)  # a ValueError of its own for a malformed host
    if parts.scheme != "https" or not url.startswith("https://") or not parts.hostname:
        raise ValueError("is not an https:// address")
    if "@" in parts.netloc:
        raise ValueError("holds a user name or password")
    if not url.isascii() or not url.isprintable() or _UNSAFE & set(url):
        raise ValueError("holds characters that an address does not have; encode them as %..")
    return url


HttpsUrl = Annotated[str, Field(max_length=500), AfterValidator(_https)]
Line = Annotated[str, Field(min_length=1, max_length=200)]
Text = Annotated[str, Field(max_length=4000)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True, protected_namespaces=())


class SubmissionCard(_Strict):
    """`card.yaml`: what nobody can read out of a run. Written by the submitter."""

    schema_version: Literal[1] = 1
    name: Line = Field(description="What the board calls the system.")
    organisation: Line = Field(description="Who made it.")
    summary: Text = Field(default="", description="What it is, in a sentence.")
    parameters: int | None = Field(ge=0, strict=True, description="Weights in all; null where nobody says.")
    licence: Line = Field(description="Of the weights; 'closed' where they are not given out.")
    training_data: Text = Field(min_length=1, description="What it was trained on.")
    overlap: dict[Line, Text] = Field(
        min_length=1,
        max_length=200,
        description="By task or glob, how training and test data overlap: none, unknown, or how. `*` is every other.",
    )
    url: HttpsUrl = Field(default="", description="Page of the model; https only.")
    paper: Text = Field(default="", description="Citation, as text.")
    contact: Annotated[str, Field(max_length=200)] = Field(default="", description="Public; leave it out as you like.")
    notes: list[Text] = Field(default_factory=list, max_length=20)


class ReportedSource(_Strict):
    """Where self-reported numbers stand."""

    title: Line = Field(description="The paper, page or repository.")
    url: HttpsUrl = Field(min_length=1, description="Its address; https only.")


class ReportedNumber(_Strict):
    """A number that somebody states, without the answers behind it."""

    task: Line
    metric: Line = Field(description="Metric id, as `foodbench show TASK` lists it.")
    value: float = Field(strict=True, description="In the metric's unit.")
    where: Text = Field(default="", description="Table and row.")
    note: Text = Field(default="", description="In what it differs from the task as it is asked here.")


class ReportedFile(_Strict):
    """`reported.yaml`."""

    schema_version: Literal[1] = 1
    source: ReportedSource
    edition: Literal["real", "kitchen"] = "real"
    numbers: list[ReportedNumber] = Field(min_length=1, max_length=2000)


class FileDigest(_Strict):
    """A file's size and digest."""

    bytes: int = Field(ge=0)
    sha256: str = Field(pattern=_SHA256)


class SubmittedTask(_Strict):
    """A task of a measured submission, and how far its numbers were followed back."""

    edition: Literal["real", "kitchen"]
    variant: str
    n: int = Field(ge=1)
    samples_sha256: str = Field(pattern=_SHA256)
    checked: Literal["rescored", "recomputed"] = Field(
        description="rescored: every answer was read and scored again. recomputed: the dataset was not at hand; the "
        "metrics follow from the stored scores of the samples, and a committed report has the same questions."
    )


class SubmissionFile(_Strict):
    """`submission.json`: what is in the folder, and what was checked when it was packed."""

    schema_version: Literal[1] = 1
    kind: Literal["measured", "reported"]
    model: str = Field(pattern=rf"^{SLUG}$", description="Name of the folder above.")
    digest: str = Field(pattern=_SHA256, description="Of all other files; the folder's name begins it.")
    files: dict[str, FileDigest] = Field(description="Every other file, by path.")
    foodbench: str = Field(max_length=40, description="Version that packed it.")
    scoring: str = Field(max_length=100, description="Digest of that version's tasks, parsers, metrics and intervals.")
    tasks: dict[str, SubmittedTask]
    not_covered: dict[str, str] = Field(description="Tasks without a result in it, and why.")
    notes: list[str]
