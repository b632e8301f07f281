"""Asking a loaded checkpoint questions about pictures, greedily, in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from foodbench.models.adamllm.checkpoint import AskingSettings
from foodbench.models.adamllm.families import Family

SMALL = 20_000_000
"""Parameters below which one thread answers faster than several, which mostly wait for each other."""


@dataclass(frozen=True, slots=True)
class PictureText:
    """A picture, and what is asked about it: a question, or a whole prompt.

    Attributes:
        open: gives the picture as a PIL image.
        text: the words.
    """

    open: Callable[[], Any]
    text: str


class AnsweringModel:
    """A checkpoint that is asked in words and answers in words.

    Args:
        model: as `load_model` gives it.
        processor: likewise.
        family: likewise.
        settings: how the checkpoint is asked.
    """

    def __init__(self, model: Any, processor: Any, family: Family, settings: AskingSettings) -> None:
        self._model, self._processor, self._family, self._settings = model, processor, family, settings
        processor.tokenizer.padding_side = "left"
        if processor.tokenizer.pad_token is None:
            processor.tokenizer.pad_token = processor.tokenizer.eos_token
        special = {*processor.tokenizer.all_special_tokens, processor.image_token}
        self._special = sorted(filter(None, special), key=len, reverse=True)

    def prompt(self, question: str) -> str:
        """The whole text that a question is asked with.

        Raises:
            CheckpointError: the checkpoint has no chat template, and needs one.
        """
        for token in self._special:  # a question could pretend to be another picture or speaker
            question = question.replace(token, "")
        return self._family.prompt(self._processor, question, self._settings.system)

    def answer(self, asked: Sequence[PictureText], limit: int) -> list[str]:
        """The likeliest answers to a batch of questions.

        Args:
            asked: pictures with questions.
            limit: tokens of an answer; the checkpoint's own limit holds too.

        Raises:
            CheckpointError: as `prompt`.
            DataMissing, DataCorrupt: a picture cannot be read.
        """
        prompts = [PictureText(one.open, self.prompt(one.text)) for one in asked]
        most = min(limit, self._settings.max_new_tokens or limit)
        return self.go_on(prompts, most, self._stops())

    def go_on(
        self, prompts: Sequence[PictureText], limit: int, stops: Sequence[int], *, keep_tokens: bool = False
    ) -> list[str]:
        """What the model writes after whole prompts, greedily.

        Args:
            prompts: pictures with prompts that hold the family's picture token.
            limit: tokens.
            stops: ids that end the text.
            keep_tokens: leave special tokens in it, all up to the one that stopped it.
        """
        if not prompts:
            return []
        inputs = self._processor(
            text=[one.text for one in prompts],
            images=[[self._settings.scaled(one.open())] for one in prompts],  # Llama wants a list for each text
            padding=True,
            add_special_tokens=False,  # the prompts have them
            return_tensors="pt",
        )
        width = inputs["input_ids"].shape[1]
        with self._surroundings():
            written = self._model.generate(
                **{name: self._placed(value) for name, value in inputs.items()},
                max_new_tokens=limit,
                do_sample=False,
                temperature=None,
                top_p=None,
                top_k=None,
                eos_token_id=list(stops),
                pad_token_id=self._processor.tokenizer.pad_token_id,
            )
        rows = [_until(row, stops) for row in written[:, width:].tolist()]
        return [self._decoded(row, keep_tokens) for row in rows]

    def _decoded(self, row: Sequence[int], keep_tokens: bool) -> str:
        return str(
            self._processor.tokenizer.decode(
                row, skip_special_tokens=not keep_tokens, clean_up_tokenization_spaces=False
            )
        )

    def _placed(self, value: torch.Tensor) -> torch.Tensor:
        """On the model's device; pictures in its number type."""
        return value.to(self._model.device, self._model.dtype if value.is_floating_point() else None)

    def _stops(self) -> list[int]:
        tokenizer = self._processor.tokenizer
        own = self._model.generation_config.eos_token_id
        found = [own] if isinstance(own, int) else list(own or ())
        named = [tokenizer.convert_tokens_to_ids(name) for name in self._family.stops]
        known = [number for number in named if number is not None and number != tokenizer.unk_token_id]
        return list(dict.fromkeys([*found, *known, *([tokenizer.eos_token_id] if not found else [])]))

    @contextmanager
    def _surroundings(self) -> Iterator[None]:
        """Without gradients, and with one thread for a small model on a CPU."""
        small = self._model.device.type == "cpu" and self._model.num_parameters() < SMALL
        before = torch.get_num_threads()
        with torch.inference_mode():
            if small:
                torch.set_num_threads(1)
            try:
                yield
            finally:
                torch.set_num_threads(before)


def _until(row: Sequence[int], stops: Sequence[int]) -> Sequence[int]:
    """A row up to and with the first id that stops it: what follows is padding."""
    place = next((number for number, token in enumerate(row) if token in stops), len(row))
    return row[: place + 1]


__all__ = ["AnsweringModel", "PictureText"]
