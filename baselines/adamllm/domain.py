"""A domain as a file: which captions go in, how a judge is taught, and which tasks come out."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from baselines.common.sections import Section
from baselines.common.yaml_file import load_yaml

HERE = Path(__file__).resolve().parent
Verdict = Literal["consistent", "inconsistent", "open"]
Text = Annotated[str, Field(min_length=1)]


class CaptionSource(Section):
    """Where pictures with captions come from.

    Attributes:
        kind: `recipe1m`: captions are written from recipes. `pairs`: a file of the user's (see `intake.read_pairs`).
        note: what the paper took, and how to get it.
        pairs_in_paper: how many.
        questions: which pool asks for a caption in training: `describe` or `recipe`.
    """

    kind: Literal["recipe1m", "pairs"]
    note: str
    pairs_in_paper: dict[str, Annotated[int, Field(gt=0)]]
    questions: Literal["describe", "recipe"]


class JudgeExample(Section):
    """One of the judged examples that a judge is shown."""

    question: Text
    informative: Text
    precise: Text
    verdict: Verdict


class Evaluation(Section):
    """A task that shows what was learnt.

    Attributes:
        name: as the paper calls it.
        via: `foodbench`: a task of this package. `lmms_eval`: one of lmms-eval's own. `hub_table`: a table of the Hub,
            read by `foodbench.data.hub_table` and scored by `scoring`.
        task: its name there; for a table `repository/config`.
        split: of a table.
        scoring: of a table: `vqa`, by the column `answer_type`, or `choice`, by letters.
        samples: how many the paper scored.
        metric: the paper's.
        note: what differs from the paper.
    """

    name: str
    via: Literal["foodbench", "lmms_eval", "hub_table"]
    task: str
    split: str = "test"
    scoring: Literal["vqa", "choice"] | None = None
    samples: dict[str, Annotated[int, Field(gt=0)]]
    metric: str
    note: str = ""

    @model_validator(mode="after")
    def _scored(self) -> Evaluation:
        if (self.via == "hub_table") != (self.scoring is not None):
            raise ValueError("scoring belongs to tasks via hub_table, and only to them")
        return self


class Domain(Section):
    """A domain.

    Attributes:
        name: in file names.
        title: for people.
        subject: what the pictures show, put into prompts: "a photo of a meal".
        knowledge: what a task should draw on, put into prompts.
        captions: what goes in.
        rule_tasks: whether tasks can be written from the captions by rule: the recipe families.
        judge_examples: for the consistency filter, in the order in which they are shown.
        evaluation: what comes out.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    title: str
    subject: Text
    knowledge: Text
    captions: CaptionSource
    rule_tasks: Literal["recipe"] | None = None
    judge_examples: tuple[JudgeExample, ...]
    evaluation: tuple[Evaluation, ...]

    @model_validator(mode="after")
    def _taught(self) -> Domain:
        shown = {example.verdict for example in self.judge_examples}
        if len(shown) < 3:
            raise ValueError("judge_examples must show each of the three verdicts")
        return self


def load_domain(name_or_path: str | Path) -> Domain:
    """A domain by its name (`food`, `biomedicine`) or from a file.

    Raises:
        DataMissing: no such file.
        UsageError: it is no proper domain.
    """
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml"):
        path = HERE / "domains" / f"{name_or_path}.yaml"
    return load_yaml(path, Domain, hint="See baselines/adamllm/domain.py, and domains/food.yaml.")


@lru_cache(maxsize=1)
def _lmms_tasks() -> frozenset[str]:
    spec = find_spec("lmms_eval")
    if spec is None or spec.origin is None:
        return frozenset()
    names: set[str] = set()
    for path in (Path(spec.origin).parent / "tasks").rglob("*.yaml"):
        text = path.read_text(encoding="utf-8", errors="replace")
        names.update(re.findall(r"^task:\s*[\"']?([\w.-]+)", text, re.MULTILINE))
    return frozenset(names)


def missing_tasks(domain: Domain) -> tuple[str, ...]:
    """Tasks of a domain that the installed packages do not have; tables are not looked for."""
    from foodbench.tasks import TASKS

    absent = []
    for one in domain.evaluation:
        if one.via == "foodbench" and one.task not in TASKS:
            absent.append(one.task)
        if one.via == "lmms_eval" and one.task not in _lmms_tasks():
            absent.append(one.task)
    return tuple(absent)
