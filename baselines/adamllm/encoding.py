"""Conversations as batches: the processor's own inputs, and labels where the conversation is learnt.

What is learnt is known in characters of the conversation's text (`chat.render`). The processor puts as many tokens in
the place of the picture as the model sees of it, so the tokens behind the picture are counted from the end, where the
tokenizer alone and the processor have to agree.
"""

from __future__ import annotations

import json
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from baselines.adamllm.chat import ChatFormat, learnt_tokens, render
from baselines.adamllm.records import Conversation
from foodbench.core.errors import DataCorrupt
from foodbench.models.adamllm.checkpoint import AskingSettings

IGNORED = -100
ROW, IMAGE = "conversation", "image"
"""Columns of training rows: the conversation as JSON, and its picture's path, by which TRL knows a vision dataset."""
_BY_TOKEN = ("input_ids", "attention_mask", "mm_token_type_ids", "cross_attention_mask", "labels")


def to_row(conversation: Conversation) -> dict[str, str]:
    """A conversation as a row of a dataset."""
    return {ROW: json.dumps(conversation.as_dict(), ensure_ascii=False), IMAGE: str(conversation.image.path)}


class Collator:
    """Makes batches of rows, or of conversations.

    Args:
        processor: of the model.
        form: how conversations are written.
        asking: how pictures are shown.
        max_tokens: of a sample; what is beyond is cut off and counted.
        pictures: how many scaled pictures are kept in memory.
    """

    def __init__(
        self, processor: Any, form: ChatFormat, asking: AskingSettings, max_tokens: int, pictures: int = 0
    ) -> None:
        self._processor, self._form, self._asking = processor, form, asking
        self._max_tokens, self._pictures = max_tokens, pictures
        self._known: OrderedDict[str, Any] = OrderedDict()
        self.counts: Counter[str] = Counter()

    def __call__(self, rows: Sequence[Mapping[str, str] | Conversation]) -> dict[str, torch.Tensor]:
        """A padded batch with `labels`.

        Raises:
            DataMissing, DataCorrupt: a picture cannot be read; or a text is not what it should be.
        """
        samples = [
            row if isinstance(row, Conversation) else Conversation.from_dict(json.loads(row[ROW])) for row in rows
        ]
        written = [render(sample, self._form) for sample in samples]
        batch = self._processor(
            text=[one.text for one in written],
            images=[[self._picture(sample)] for sample in samples],
            padding=True,
            padding_side="right",
            add_special_tokens=False,  # the format writes them
            return_tensors="pt",
        )
        labels = torch.full_like(batch["input_ids"], IGNORED)
        for place, (sample, one) in enumerate(zip(samples, written, strict=True)):
            ids = batch["input_ids"][place][batch["attention_mask"][place].bool()]
            learnt = self._learnt(ids.tolist(), one.text, one.spans, sample.conversation_id)
            labels[place, : len(ids)][learnt] = ids[learnt]
        return self._cut({**batch, "labels": labels})

    def _learnt(self, ids: Sequence[int], text: str, spans: Sequence[tuple[int, int]], name: str) -> torch.Tensor:
        """(length,) which of the processor's tokens are learnt."""
        encoded = self._processor.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        own, offsets = encoded["input_ids"], encoded["offset_mapping"]
        picture = max((place for place, token in enumerate(own) if token == self._processor.image_token_id), default=-1)
        behind = len(own) - picture - 1
        if picture < 0 or list(ids[len(ids) - behind :]) != list(own[picture + 1 :]):
            raise DataCorrupt(
                f"Sample {name}: the processor does not write the text as its tokenizer does.",
                hint="The chat format is not this model's: compare the recipe's form with the model's template.",
            )
        told = learnt_tokens(offsets, spans)
        if any(told[: picture + 1]):
            raise DataCorrupt(
                f"Sample {name}: something before the picture is learnt.", hint="The picture comes first."
            )
        return torch.tensor([False] * (len(ids) - behind) + told[picture + 1 :], dtype=torch.bool)

    def _cut(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        width = batch["input_ids"].shape[1]
        if width <= self._max_tokens:
            return batch
        self.counts["cut"] += int((batch["attention_mask"].sum(1) > self._max_tokens).sum())
        return {name: value[:, : self._max_tokens] if name in _BY_TOKEN else value for name, value in batch.items()}

    def _picture(self, sample: Conversation) -> Any:
        key = str(sample.image.path)
        picture = self._known.get(key)
        if picture is None:
            picture = self._asking.scaled(sample.image.open())
            if self._pictures:
                self._known[key] = picture
                while len(self._known) > self._pictures:
                    self._known.popitem(last=False)
        return picture


__all__ = ["IGNORED", "IMAGE", "ROW", "Collator", "to_row"]
