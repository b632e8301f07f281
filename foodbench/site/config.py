"""What people write about the board by hand: `leaderboard/site.yaml` and a card per system in `leaderboard/models`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from foodbench.core.errors import DataCorrupt
from foodbench.core.files import open_regular
from foodbench.runs.faults import first_fault
from foodbench.runs.submission_schema import CARD, SubmissionCard
from foodbench.site.reports import submission_name

Model = TypeVar("Model", bound=BaseModel)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SuiteConfig(_Strict):
    """Tasks that are shown in one table."""

    id: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    title: str
    question: str = Field(description="What the suite asks of a model, in one sentence.")
    tasks: tuple[str, ...] = Field(min_length=1)


class SiteConfig(_Strict):
    """`site.yaml`."""

    schema_version: Literal[1] = 1
    title: str = "foodbench leaderboard"
    tagline: str = "How well do models see, weigh, point at and reason about food?"
    suites: tuple[SuiteConfig, ...]


class ModelCard(_Strict):
    """`models/<report>.yaml`: what nobody can read out of a run. The file's name is that of the report."""

    schema_version: Literal[1] = 1
    name: str
    summary: str
    kind: Literal["model", "baseline"] = "model"
    parameters: int | None = Field(default=None, ge=0, description="Weights; null where nobody says.")
    licence: str
    developer: str = ""
    paper: str = Field(default="", description="Citation, as text.")
    weights: str = Field(default="", description="Where they are, or how they are made.")
    training_data: str
    overlap: dict[str, str] = Field(
        default_factory=dict,
        description="By task or glob, how training and test data overlap; `*` for every other task.",
    )
    reproduces: str = Field(
        default="", description="`paper/row`: the published row that this system is meant to reproduce."
    )
    notes: tuple[str, ...] = ()


DEFAULT_SUITES = (
    SuiteConfig(
        id="recognition",
        title="Recognition",
        question="Which dish is it, and what is in it?",
        tasks=(
            "food101.dish",
            "vireo172.dish",
            "vireo172.ingredients",
            "foodseg103.labels",
            "nutrition5k.ingredients",
        ),
    ),
    SuiteConfig(
        id="nutrition",
        title="Nutrition",
        question="How much energy and what nutrients are on the plate, in all and by ingredient?",
        tasks=(
            "nutrition5k.total",
            "nutrition5k.refer1",
            "nutrition5k.refer2",
            "nutrition5k.refer3",
            "nutrition5k.consistency",
        ),
    ),
    SuiteConfig(
        id="referring-segmentation",
        title="Referring segmentation",
        question="Where is what was asked for, and does the model refuse what is not there?",
        tasks=(
            *(f"foodseg103.{name}" for name in ("refer1", "refer3", "refer5", "absent1", "absent3")),
            "foodseg103.everything",
            "foodseg103.semantic",
            *(f"uecfoodpix.{name}" for name in ("refer1", "refer3", "refer5", "absent1", "absent3")),
            "uecfoodpix.everything",
        ),
    ),
    SuiteConfig(
        id="reasoning-segmentation",
        title="Reasoning segmentation",
        question="Can it work out which food is meant, and point at it?",
        tasks=("foodreasonseg.single", "foodreasonseg.dialogue"),
    ),
    SuiteConfig(
        id="recipes",
        title="Recipes",
        question="How is the dish cooked?",
        tasks=("recipe1m.recipe", "recipe1m.instructions", "recipe1m.ingredients", "recipe1m.actions"),
    ),
    SuiteConfig(
        id="dialogue",
        title="Dialogue",
        question="Can it talk about a meal and what it does to a body?",
        tasks=("fooddialogues.chat",),
    ),
)


def read_yaml(path: Path, kind: type[Model]) -> Model:
    """A YAML file as a model.

    Raises:
        DataCorrupt: it cannot be read, or is no such model.
    """
    import yaml

    try:
        with open_regular(path) as stream:
            plain = yaml.safe_load(stream.read().decode("utf-8"))
        return kind.model_validate(plain)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DataCorrupt(f"Cannot read {path}: {' '.join(str(error).split())}.", hint="Mend the file.") from error
    except ValidationError as error:
        raise DataCorrupt(
            f"{path} is not a valid {kind.__name__}: {first_fault(error)}.",
            hint="docs/leaderboard.md says what the file holds.",
        ) from error


def load_site(folder: Path) -> SiteConfig:
    """`site.yaml` of a folder; the default suites where there is none.

    Raises:
        DataCorrupt: it is damaged, or two suites have one id.
    """
    path = folder / "site.yaml"
    if not path.is_file():
        return SiteConfig(suites=DEFAULT_SUITES)
    found = read_yaml(path, SiteConfig)
    ids = [suite.id for suite in found.suites]
    if len(set(ids)) != len(ids):
        raise DataCorrupt(f"{path} has two suites of one id.", hint="Give each suite an id of its own.")
    return found


def load_cards(folder: Path) -> dict[str, ModelCard]:
    """The cards by name of their report, those of submissions among them.

    Raises:
        DataCorrupt: a card is damaged.
    """
    own = {path.stem: read_yaml(path, ModelCard) for path in sorted((folder / "models").glob("*.yaml"))}
    submitted = sorted((folder / "submissions").glob(f"*/*/{CARD}"))
    return own | {submission_name(path.parent): _submitted(read_yaml(path, SubmissionCard)) for path in submitted}


def _submitted(card: SubmissionCard) -> ModelCard:
    return ModelCard(
        name=card.name,
        summary=card.summary or f"Submitted by {card.organisation}.",
        parameters=card.parameters,
        licence=card.licence,
        developer=card.organisation,
        paper=card.paper,
        weights=card.url,
        training_data=card.training_data,
        overlap=dict(card.overlap),
        notes=tuple(card.notes),
    )
