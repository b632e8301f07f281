"""One part of grounded recipes by itself: a predictor of labels, or a writer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from foodbench.adapters.base import words_only
from foodbench.adapters.torch_batches import HalvedBatches, alike
from foodbench.adapters.torch_settings import chosen_device, chosen_dtype
from foodbench.core.errors import UsageError
from foodbench.core.hashing import fingerprint, stable_seed
from foodbench.core.types import Answer, Request
from foodbench.models.pretrained import identity_of
from foodbench.models.qwen_seg.checkpoint import checkpoint_folder
from foodbench.models.recipe_grounded.checkpoint import (
    KITCHEN_PARTS,
    PartSettings,
    kitchen_part,
    load_part_model,
)
from foodbench.models.recipe_grounded.writing import PartModel, PictureAsked

if TYPE_CHECKING:
    from foodbench.data.roots import DatasetChoice
    from foodbench.tasks.base import FoodTask


class RecipePart:
    """A Qwen2.5-VL or LLaVA checkpoint that answers in words, as `baselines/recipe_grounded` trains them.

    A request's decoding settings (`do_sample`, `temperature`, `top_p`, `top_k`) are followed; what is drawn depends on
    the pictures and questions of the batch, so that the same batch gets the same answers.

    Args:
        checkpoint: a folder, a repository of the Hub, or one of the package's own: `actions`, `ingredients`, `writer`.
        device: `cpu`, `cuda`, `cuda:1`, ...; `auto` takes a GPU if there is one.
        dtype: `float32`, `bfloat16` (`bf16`), `float16` (`fp16`); `auto` is float32 on a CPU and bfloat16 elsewhere.
        batch_size: questions answered together; `auto` begins with 32 and halves it while memory does not suffice.
        max_new_tokens: limit of an answer, instead of the checkpoint's own.

    Raises:
        CheckpointError: no such checkpoint, or no safetensors in it; with the first question also if files are damaged.
        UsageError: an unknown device, dtype or batch size.
    """

    name = "recipe_part"
    spec_argument = "checkpoint"

    def __init__(
        self,
        checkpoint: str | Path = "writer",
        device: str = "auto",
        dtype: str = "auto",
        batch_size: int | str = "auto",
        max_new_tokens: int | None = None,
    ) -> None:
        if max_new_tokens is not None and max_new_tokens < 1:
            raise UsageError(f"max_new_tokens={max_new_tokens} is not positive.", hint="Use 1 or more.")
        own = str(checkpoint) in KITCHEN_PARTS and not Path(checkpoint).is_dir()
        chosen = kitchen_part(str(checkpoint)) if own else checkpoint
        self._folder = checkpoint_folder(chosen)
        settings = PartSettings.read(self._folder)
        if max_new_tokens is not None:
            settings = settings.model_copy(update={"max_new_tokens": max_new_tokens})
        self._settings = settings
        self._device = chosen_device(device)
        self._dtype = chosen_dtype(dtype, self._device)
        self._batches = HalvedBatches(batch_size)
        asked = fingerprint(settings.model_dump())[7:19]
        kind = str(self._dtype).removeprefix("torch.")
        self.identity = f"{self.name}:{identity_of(chosen, self._folder)}:{kind}:asked={asked}"

    @cached_property
    def model(self) -> PartModel:
        """The loaded checkpoint; a finished run asks nothing and loads none."""
        return PartModel(*load_part_model(self._folder, self._dtype, self._device), self._settings)

    @property
    def batch_size(self) -> int:
        """How many questions are answered together."""
        return self._batches.size

    def prepare(self, task: FoodTask, choice: DatasetChoice) -> None:
        """Leave tasks that want something else than words to others.

        Raises:
            UnsupportedTask: the task wants masks or numbers of their own.
        """
        words_only(task)

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """Answer each request, in batches of `batch_size`.

        Raises:
            CheckpointError: the checkpoint cannot be loaded.
            DataMissing, DataCorrupt: a picture cannot be read.
        """
        answers: list[Answer] = []
        while len(answers) < len(requests):
            batch = alike(requests[len(answers) : len(answers) + self.batch_size])
            answers += [Answer(text=text) for text in self._batches.answer(self._write, batch)]
        return answers

    def _write(self, requests: Sequence[Request]) -> list[str]:
        generation = requests[0].generation
        drawing = generation if generation.get("do_sample") else None
        seed = stable_seed("recipe part", *(f"{one.image.fingerprint()} {one.question}" for one in requests))
        return self.model.write(
            [PictureAsked(one.image.open, one.question) for one in requests],
            limit=generation.get("max_new_tokens"),
            drawing=drawing,
            seed=seed,
        )


__all__ = ["RecipePart"]
