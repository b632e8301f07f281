"""Questions with the right references, as rows for TRL; and questions kept apart to measure on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from foodbench.core.errors import DataMissing
from foodbench.models.qwen_seg.grid import squash
from foodbench.models.qwen_seg.prompting import SYSTEM, render
from foodbench.models.qwen_seg.references import Reference, format_answer

if TYPE_CHECKING:
    from datasets import Dataset

    from baselines.rl_segmentation.settings import RunSettings


class PictureSource(Protocol):
    """Where a picture comes from; it is decoded when it is needed."""

    def open(self) -> Image.Image:
        """The whole picture, RGB."""


@dataclass(frozen=True, slots=True)
class RawPicture:
    """A picture in memory.

    Attributes:
        size: (height, width).
        pixels: its RGB bytes.
    """

    size: tuple[int, int]
    pixels: bytes

    @classmethod
    def of(cls, pixels: NDArray[np.uint8]) -> RawPicture:
        """From an array of (height, width, 3)."""
        return cls((pixels.shape[0], pixels.shape[1]), pixels.tobytes())

    def open(self) -> Image.Image:
        """As `PictureSource.open`."""
        return Image.frombytes("RGB", (self.size[1], self.size[0]), self.pixels)


@dataclass(frozen=True, slots=True)
class TrainingQuestion:
    """What one row asks.

    Attributes:
        picture: of any size.
        question: as a task asks it.
        references: what the answer should point at, in grid coordinates.
        think: reasoning to imitate; supervised fine-tuning only.
    """

    picture: PictureSource
    question: str
    references: tuple[Reference, ...]
    think: str = ""


@dataclass(frozen=True, slots=True)
class ValidationQuestion:
    """What is measured on.

    Attributes:
        picture: of any size.
        question: as a task asks it.
        references: what the answer should point at, in grid coordinates.
        mask: reads the region that the answer should cover, (height, width) of the picture.
    """

    picture: PictureSource
    question: str
    references: tuple[Reference, ...]
    mask: Callable[[], NDArray[np.bool_]]


@dataclass(frozen=True, slots=True)
class Questions:
    """The data of a run.

    Attributes:
        training: to learn from.
        validation: to measure on while training, about other pictures.
        final: makes the questions to measure the finished model on, about pictures that stopped nothing; None: there
            are no others than `validation`.
        left_out: how many questions or objects were left out, by reason.
    """

    training: Sequence[TrainingQuestion]
    validation: Sequence[ValidationQuestion]
    final: Callable[[], Sequence[ValidationQuestion]] | None = None
    left_out: dict[str, int] = field(default_factory=dict)


class _Pictured:
    """Puts prompt and decoded picture into the rows that are asked for.

    A row that is asked for several times at once, as all rows of a group are, has its picture decoded once; and so has
    one of the batch before, since TRL asks for a rollout's rows again with each of its updates.
    """

    def __init__(self, sources: Sequence[PictureSource], prompt: str, grid: int, plural: bool) -> None:
        self._sources, self._prompt, self._grid, self._plural = sources, prompt, grid, plural
        self._last: dict[int, Image.Image] = {}

    def __call__(self, batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
        pictures: dict[int, Image.Image] = {}
        for place, row in enumerate(batch["row"]):
            if row not in pictures:
                known = self._last.get(row)
                pictures[row] = known or squash(self._source(row, batch, place), self._grid)
        self._last = pictures
        rows: dict[str, list[Any]] = {
            "prompt": [
                [{"role": "system", "content": SYSTEM}, {"role": "user", "content": render(self._prompt, question)}]
                for question in batch["question"]
            ]
        }
        if self._plural:
            rows["images"] = [[pictures[row]] for row in batch["row"]]
            rows["completion"] = [[{"role": "assistant", "content": answer}] for answer in batch["answer"]]
        else:
            rows["image"] = [pictures[row] for row in batch["row"]]
            rows["solution"] = batch["solution"]
        return rows

    def _source(self, row: int, batch: dict[str, list[Any]], place: int) -> Image.Image:
        pixels = batch["pixels"][place]
        if pixels:
            return RawPicture((batch["height"][place], len(pixels) // 3 // batch["height"][place]), pixels).open()
        return self._sources[row].open()


def to_rows(questions: Sequence[TrainingQuestion], prompt: str, grid: int, *, supervised: bool = False) -> Dataset:
    """Rows as TRL takes them; pictures are decoded and squashed when a row is asked for.

    Args:
        questions: at least one.
        prompt: template with `{question}`.
        grid: side of the square that pictures are squashed to.
        supervised: rows {prompt, images, completion} instead of {prompt, image, solution}.

    Raises:
        DataMissing: there are no questions.
    """
    from datasets import Dataset

    from baselines.rl_segmentation.trl_rewards import write_solution

    if not questions:
        raise DataMissing("There is no question to learn from.", hint="See the data section of the recipe.")
    raw = [one.picture if isinstance(one.picture, RawPicture) else None for one in questions]
    columns = {
        "row": list(range(len(questions))),
        "question": [one.question for one in questions],
        "solution": [write_solution(one.references) for one in questions],
        "answer": [format_answer(one.think, one.references) for one in questions],
        # In the table and not in the transform, which `datasets` pickles to name it.
        "pixels": [picture.pixels if picture else b"" for picture in raw],
        "height": [picture.size[0] if picture else 0 for picture in raw],
    }
    sources = [] if all(raw) else [one.picture for one in questions]
    return Dataset.from_dict(columns).with_transform(_Pictured(sources, prompt, grid, supervised))


def load_questions(
    settings: RunSettings, grid: int, *, cache: Any, workers: int, on_progress: Callable[[int], None] = lambda _: None
) -> Questions:
    """The questions of a recipe.

    Args:
        settings: the recipe.
        grid: side of the square that references are in.
        cache: folder for rendered plates.
        workers: processes that render them.
        on_progress: told how many pictures became ready.

    Raises:
        FoodbenchError: the data are missing or damaged.
    """
    from baselines.rl_segmentation.settings import PlatesSource

    if isinstance(settings.data, PlatesSource):
        from baselines.rl_segmentation.plate_questions import plate_questions

        return plate_questions(settings.data, grid, cache=cache, workers=workers, on_progress=on_progress)
    from baselines.rl_segmentation.reasoning_questions import reasoning_questions

    return reasoning_questions(settings.data, grid, on_progress=on_progress)


__all__ = [
    "PictureSource",
    "Questions",
    "RawPicture",
    "TrainingQuestion",
    "ValidationQuestion",
    "load_questions",
    "to_rows",
]
