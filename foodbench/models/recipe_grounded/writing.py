"""Asking a loaded checkpoint questions about pictures: greedy answers, or drawn ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from foodbench.models.recipe_grounded.checkpoint import PartSettings

_SMALL = 20_000_000
"""Parameters below which one thread answers faster than several, which mostly wait for each other."""
_DRAWING = ("temperature", "top_p", "top_k")


@dataclass(frozen=True, slots=True)
class PictureAsked:
    """A question about a picture.

    Attributes:
        open: gives the picture as a PIL image.
        question: the whole text.
    """

    open: Callable[[], Any]
    question: str


def part_messages(question: str, system: str | None) -> list[dict[str, Any]]:
    """The chat of a question about a picture, which the processor gets apart; training has the same."""
    head = [] if system is None else [{"role": "system", "content": [{"type": "text", "text": system}]}]
    return [*head, {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}]


class PartModel:
    """A Qwen2.5-VL or LLaVA that is asked in words and answers in words.

    Args:
        model: as `load_part_model` gives it.
        processor: likewise.
        settings: how the checkpoint is asked.
    """

    def __init__(self, model: Any, processor: Any, settings: PartSettings) -> None:
        self._model, self._processor, self.settings = model, processor, settings
        processor.tokenizer.padding_side = "left"
        special = {*processor.tokenizer.all_special_tokens, processor.image_token}
        self._special = sorted(filter(None, special), key=len, reverse=True)

    def write(
        self,
        asked: Sequence[PictureAsked],
        *,
        limit: int | None = None,
        drawing: Mapping[str, float] | None = None,
        copies: int = 1,
        seed: int = 0,
    ) -> list[str]:
        """Answer a batch of questions.

        Args:
            asked: the questions.
            limit: tokens of an answer, if that is less than the checkpoint's own limit.
            drawing: `temperature`, `top_p` and `top_k` of drawn answers; None: the likeliest ones.
            copies: answers to each question.
            seed: of drawn answers.

        Returns:
            `copies` answers to each question, those of one together.
        """
        if not asked:
            return []
        options: dict[str, Any] = dict.fromkeys(_DRAWING) | {"do_sample": False}
        if drawing is not None:
            options = {name: drawing[name] for name in _DRAWING if name in drawing} | {"do_sample": True}
        inputs = self._inputs(asked)
        width = inputs["input_ids"].shape[1]
        most = min(limit or self.settings.max_new_tokens, self.settings.max_new_tokens)
        with self._surroundings(seed if drawing is not None else None):
            written = self._model.generate(**inputs, max_new_tokens=most, num_return_sequences=copies, **options)
        return self._processor.tokenizer.batch_decode(
            written[:, width:], skip_special_tokens=True, clean_up_tokenization_spaces=False
        )

    def _inputs(self, asked: Sequence[PictureAsked]) -> dict[str, Any]:
        texts = [
            self._processor.apply_chat_template(
                part_messages(self._plain(one.question), self.settings.system),
                add_generation_prompt=True,
                tokenize=False,
            )
            for one in asked
        ]
        inputs = self._processor(
            text=texts,
            images=[self.settings.scaled(one.open()) for one in asked],
            padding=True,
            add_special_tokens=False,  # the template writes them, in training as here
            return_tensors="pt",
        )
        return {name: value.to(self._model.device) for name, value in inputs.items()}

    def _plain(self, text: str) -> str:
        """Text without the special tokens of chats: a question could pretend to be another picture or speaker."""
        for token in self._special:
            text = text.replace(token, "")
        return text

    @contextmanager
    def _surroundings(self, seed: int | None) -> Iterator[None]:
        """Without gradients; one thread for a small model; what is drawn depends on the seed, and on nothing before."""
        small = self._model.device.type == "cpu" and self._model.num_parameters() < _SMALL
        threads = torch.get_num_threads()
        devices = [self._model.device] if self._model.device.type == "cuda" else []
        with torch.inference_mode(), torch.random.fork_rng(devices=devices, enabled=seed is not None):
            if seed is not None:
                torch.manual_seed(seed)
            if small:
                torch.set_num_threads(1)
            try:
                yield
            finally:
                torch.set_num_threads(threads)


__all__ = ["PartModel", "PictureAsked", "part_messages"]
