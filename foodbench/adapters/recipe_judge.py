"""A judge for SCSR that needs no server: how often a second model names a label when it is asked several times.

The paper's judge is a far larger model (GPT-4o), which is told the predicted labels, looks at the picture and says how
sure it is. This one is a checkpoint of the predictors' own kind, trained apart from them; it is not told what was
predicted. It answers the predictors' question several times, drawn at temperature 1, and its confidence in a label is
the share of its answers that have it: an estimate of the probability that it would name it. Its own list are the labels
that come up often enough. What it knows of a picture is no more than a model of its size knows.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from foodbench.adapters.recipe_part import RecipePart
from foodbench.core.errors import UsageError
from foodbench.core.hashing import stable_seed
from foodbench.models.recipe_grounded.asking import Keep, PictureQuestion
from foodbench.models.recipe_grounded.context import ACTIONS_QUESTION, INGREDIENTS_QUESTION
from foodbench.models.recipe_grounded.judging import Kind, read_prompt
from foodbench.models.recipe_grounded.labels import parse_labels, spelling
from foodbench.models.recipe_grounded.writing import PictureAsked

_QUESTIONS: dict[Kind, str] = {"actions": ACTIONS_QUESTION, "ingredients": INGREDIENTS_QUESTION}
_DIGITS = 4


class SampledJudge:
    """Judges labels by the answers of a checkpoint.

    Args:
        checkpoint: as `RecipePart` takes it; it must have learnt to list both actions and ingredients.
        answers: to each question.
        least: share of the answers that must have a label for it to be in the judge's own list.
        temperature: of the drawn answers.
        device: as `RecipePart` takes it.
        dtype: likewise.

    Raises:
        UsageError: fewer than two answers, a share that is none, or as `RecipePart`.
        CheckpointError: as `RecipePart`.
    """

    def __init__(
        self,
        checkpoint: str = "judge",
        answers: int = 16,
        least: float = 0.25,
        temperature: float = 1.0,
        device: str = "auto",
        dtype: str = "auto",
    ) -> None:
        if answers < 2 or not 0 < least <= 1 or temperature <= 0:
            raise UsageError(
                f"A judge with {answers} answers, least={least}, temperature={temperature} cannot be used.",
                hint="Use 2 answers or more, a share above 0 and at most 1, and a positive temperature.",
            )
        self._part = RecipePart(checkpoint, device, dtype)
        self._answers, self._least, self._temperature = answers, least, temperature
        drawn = f"answers={answers},least={least:g},temperature={temperature:g}"
        self.identity = f"sampled:{self._part.identity}:{drawn}"
        self._shares: dict[tuple[Kind, str], dict[str, float]] = {}

    def ask(self, questions: Sequence[PictureQuestion], keep: Keep) -> None:
        """Reply to the judge's questions in the judge's form.

        Raises:
            CheckpointError: the checkpoint cannot be loaded.
            DataMissing, DataCorrupt: a picture cannot be read.
        """
        asked = [(*read_prompt(question.prompt), question.image) for question in questions]
        for kind, wording in _QUESTIONS.items():
            pictures = {image.fingerprint(): image for one, _, image in asked if one == kind}
            missing = [key for key in pictures if (kind, key) not in self._shares]
            for key in missing:
                picture = pictures[key]
                texts = self._draw(key, PictureAsked(picture.open, wording))
                self._shares[kind, key] = _shares_of(texts)
        for place, (kind, labels, image) in enumerate(asked):
            keep(place, self._reply(labels, self._shares[kind, image.fingerprint()]))

    def _draw(self, key: str, asked: PictureAsked) -> list[str]:
        # A picture at a time: what is drawn then depends on nothing but the picture.
        return self._part.model.write(
            [asked],
            drawing={"temperature": self._temperature, "top_p": 1.0, "top_k": 0},
            copies=self._answers,
            seed=stable_seed("judge", key, asked.question),
        )

    def _reply(self, labels: Sequence[str], shares: dict[str, float]) -> str:
        by_spelling = {spelling(label): share for label, share in shares.items()}
        initial = [{"label": one, "confidence": by_spelling.get(spelling(one), 0.0)} for one in labels]
        own = [{"label": one, "confidence": share} for one, share in shares.items() if share >= self._least]
        return json.dumps({"initial": initial, "rectified": own}, ensure_ascii=False)


def _shares_of(texts: Sequence[str]) -> dict[str, float]:
    """The share of the answers that have each label, the most frequent first; of equals the one named first."""
    counts: Counter[str] = Counter()
    names: dict[str, str] = {}
    for text in texts:
        for label in parse_labels(text).labels:
            counts[spelling(label)] += 1
            names.setdefault(spelling(label), label)
    return {names[key]: round(count / len(texts), _DIGITS) for key, count in counts.most_common()}


__all__ = ["SampledJudge"]
