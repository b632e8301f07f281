"""The kitchen's stages and evaluations: what is trained from what, and which models are measured on which tasks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from baselines.recipe_grounded.data import Stage

_WRITTEN = ("recipe1m.instructions", "recipe1m.actions")
_ABLATIONS = ("without-f1", "without-word")


@dataclass(frozen=True, slots=True)
class StageRun:
    """A stage of the kitchen.

    Attributes:
        name: of its folder.
        stage: of `train.py`.
        recipe: file below `kitchen/`.
        start: folder that it begins with.
        seeds: whether it is trained with every seed; otherwise all use the first seed's.
        judge: it is the judge, trained with a seed of its own.
    """

    name: str
    stage: Stage
    recipe: str
    start: str
    seeds: bool = True
    judge: bool = False


STAGE_RUNS = (
    StageRun("ar_sft", "ar_sft", "ar_sft", "start"),
    StageRun("ar_rft", "ar_rft", "ar_rft", "ar_sft"),
    StageRun("ar_rft_without_f1", "ar_rft", "ar_rft_without_f1", "ar_sft"),
    StageRun("ar_rft_without_word", "ar_rft", "ar_rft_without_word", "ar_sft"),
    StageRun("ingr_sft", "ingr_sft", "ingr_sft", "start"),
    StageRun("ingr_rft", "ingr_rft", "ingr_rft", "ingr_sft"),
    StageRun("writer", "instr_sft", "instr_sft", "start"),
    StageRun("judge", "ingr_sft", "judge", "start", seeds=False, judge=True),
)
"""In the order of training."""
SHIPPED = {"actions": "ar_rft", "ingredients": "ingr_rft", "writer": "writer", "judge": "judge"}
"""The stages whose checkpoints the package carries, by the names that they have there."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A model and the tasks that it is measured on.

    Attributes:
        key: of the report; see `compare.py`.
        actions, ingredients: the stage that predicts, if one does.
        written: the writer answers, with the labels in front of its questions; otherwise the predictor does.
        judged: SCSR.
        tasks: names.
    """

    key: str
    actions: str | None = None
    ingredients: str | None = None
    written: bool = True
    judged: bool = False
    tasks: tuple[str, ...] = _WRITTEN

    def arguments(self, checkpoints: dict[str, Path]) -> str:
        """As of `--model-args`.

        Args:
            checkpoints: of the stages, by name.
        """
        parts = {"actions": self.actions, "ingredients": self.ingredients, "writer": "writer" if self.written else None}
        told = [f"{part}=recipe_part:{checkpoints[stage]}" for part, stage in parts.items() if stage is not None]
        if self.judged:
            told.append(f"judge=sampled:{checkpoints['judge']}")
        answers = "written" if self.written else "rectified" if self.judged else "predicted"
        return ",".join([*told, f"answers={answers}"])


def _listed(kind: str, key: str, stage: str, *, judged: bool = False) -> Evaluation:
    actions, ingredients = (stage if kind == one else None for one in ("actions", "ingredients"))
    return Evaluation(key, actions, ingredients, written=False, judged=judged, tasks=(f"recipe1m.{kind}",))


EVALUATIONS = (
    Evaluation("writer", tasks=(*_WRITTEN, "recipe1m.recipe")),
    Evaluation("actions", actions="ar_rft"),
    Evaluation("actions-scsr", actions="ar_rft", judged=True),
    Evaluation("ingredients", ingredients="ingr_rft"),
    Evaluation("ingredients-scsr", ingredients="ingr_rft", judged=True),
    Evaluation("both", actions="ar_rft", ingredients="ingr_rft", tasks=(*_WRITTEN, "recipe1m.recipe")),
    Evaluation(
        "both-scsr", actions="ar_rft", ingredients="ingr_rft", judged=True, tasks=(*_WRITTEN, "recipe1m.recipe")
    ),
    *(Evaluation(f"actions-{name}", actions=f"ar_rft_{name.replace('-', '_')}") for name in _ABLATIONS),
    _listed("actions", "ar-sft", "ar_sft"),
    _listed("actions", "ar-rft", "ar_rft"),
    *(_listed("actions", f"ar-rft-{name}", f"ar_rft_{name.replace('-', '_')}") for name in _ABLATIONS),
    _listed("ingredients", "ingr-sft", "ingr_sft"),
    _listed("ingredients", "ingr-rft", "ingr_rft"),
    _listed("ingredients", "ingr-rft-scsr", "ingr_rft", judged=True),
)

__all__ = ["EVALUATIONS", "SHIPPED", "STAGE_RUNS", "Evaluation", "StageRun"]
