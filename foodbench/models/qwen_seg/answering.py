"""Asking a loaded model: batches of questions about pictures, each picture encoded once for all its questions."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from transformers.modeling_outputs import BaseModelOutputWithPooling

from foodbench.models.qwen_seg.checkpoint import QwenSegSettings
from foodbench.models.qwen_seg.grid import squash
from foodbench.models.qwen_seg.prompting import messages

CACHE_BYTES = 512 * 2**20
"""Room for what the vision tower made of pictures: at 840 pixels and 3B (900 tokens, bfloat16) 3.7 MB each."""


_SMALL = 20_000_000
"""Parameters below which one thread answers faster than several, which mostly wait for each other."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about a picture.

    Attributes:
        picture: names the picture: equal names, equal pictures.
        open: gives it as a PIL image.
        question: as the task asks it.
        history: earlier questions and answers about it.
    """

    picture: str
    open: Callable[[], Any]
    question: str
    history: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the vision tower made of a picture: (tokens, hidden), and its patches as (1, 3) time, height, width."""

    features: torch.Tensor
    grid: torch.Tensor


class PointingModel:
    """A Qwen2.5-VL that is asked to point at things.

    Answers are the likeliest ones (greedy); a repetition penalty in the checkpoint's generation configuration stays.

    Args:
        model: as `load_model` gives it.
        processor: likewise.
        settings: how the checkpoint is asked.
        cache_bytes: room for features of pictures; the least recently used ones go first.
    """

    def __init__(self, model: Any, processor: Any, settings: QwenSegSettings, cache_bytes: int = CACHE_BYTES) -> None:
        self._model, self._processor, self._settings = model, processor, settings
        self._limit = cache_bytes
        self._known: OrderedDict[str, _Seen] = OrderedDict()
        tokenizer = processor.tokenizer
        tokenizer.padding_side = "left"
        self._special = sorted({*tokenizer.all_special_tokens, processor.image_token}, key=len, reverse=True)

    @torch.inference_mode()
    def answer(self, asked: Sequence[Asked]) -> list[str]:
        """Answer a batch of questions.

        Raises:
            DataMissing, DataCorrupt: a picture cannot be read.
        """
        if not asked:
            return []
        with self._threads():
            return self._answer(asked)

    def _answer(self, asked: Sequence[Asked]) -> list[str]:
        seen = self._see(asked)
        processor, model = self._processor, self._model
        prompts = [self._prompt(one, each) for one, each in zip(asked, seen, strict=True)]
        inputs = processor.tokenizer(prompts, padding=True, return_tensors="pt", add_special_tokens=False)
        ids = inputs["input_ids"]
        features = BaseModelOutputWithPooling(pooler_output=tuple(each.features for each in seen))
        written = model.generate(
            input_ids=ids.to(model.device),
            attention_mask=inputs["attention_mask"].to(model.device),
            mm_token_type_ids=(ids == processor.image_token_id).int().to(model.device),
            image_grid_thw=torch.cat([each.grid for each in seen]),
            mm_encoder_outputs={"image": features},
            max_new_tokens=self._settings.max_new_tokens,
            do_sample=False,
            temperature=None,
            top_p=None,
            top_k=None,
        )
        return processor.tokenizer.batch_decode(
            written[:, ids.shape[1] :], skip_special_tokens=True, clean_up_tokenization_spaces=False
        )

    @contextmanager
    def _threads(self) -> Iterator[None]:
        """One thread for a small model on a CPU; on a busy machine two take up to forty times as long."""
        before = torch.get_num_threads()
        if self._model.device.type == "cpu" and self._model.num_parameters() < _SMALL:
            torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(before)

    def _prompt(self, one: Asked, seen: _Seen) -> str:
        """The chat as text, with as many picture tokens as the picture has features."""
        history = tuple((self._plain(question), self._plain(answer)) for question, answer in one.history)
        chat = messages(self._settings.prompt, self._plain(one.question), history=history)
        text = self._processor.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
        token = self._processor.image_token
        return text.replace(token, token * len(seen.features), 1)

    def _plain(self, text: str) -> str:
        """Text without the special tokens of chats: a question could pretend to be another picture or speaker."""
        for token in self._special:
            text = text.replace(token, "")
        return text

    def _see(self, asked: Sequence[Asked]) -> list[_Seen]:
        """What is known of each question's picture; new ones go through the vision tower together."""
        new = {one.picture: one for one in asked if one.picture not in self._known}
        if new:
            squashed = [squash(one.open(), self._settings.grid) for one in new.values()]
            inputs = self._processor.image_processor(images=squashed, return_tensors="pt")
            device, grids = self._model.device, inputs["image_grid_thw"]
            seen = self._model.get_image_features(inputs["pixel_values"].to(device), grids.to(device), return_dict=True)
            for key, features, grid in zip(new, seen.pooler_output, grids, strict=True):
                # A copy: a view would keep the whole batch's features in memory.
                self._known[key] = _Seen(features.clone(), grid[None].to(device))
        found = [self._known[one.picture] for one in asked]
        for one in asked:
            self._known.move_to_end(one.picture)
        held = sum(each.features.nbytes for each in self._known.values())
        while held > self._limit and len(self._known) > 1:
            _, dropped = self._known.popitem(last=False)
            held -= dropped.features.nbytes
        return found


__all__ = ["Asked", "PointingModel"]
