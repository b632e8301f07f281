"""Adapters as lmms-eval models.

An adapter knows requests and answers; lmms-eval knows `Instance`s and text. `AdapterModel` stands between: on
foodbench's own tasks a request is rebuilt from the document (question, slots, lazy image), on any other lmms-eval task
from its text and first image, so that an adapter also runs lmms-eval's own tasks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lmms_eval.api.instance import Instance
from lmms_eval.api.model import lmms

from foodbench.adapters import base
from foodbench.adapters.resolve import load_adapter
from foodbench.core.errors import UnsupportedTask, UsageError
from foodbench.core.types import Answer, Request
from foodbench.tasks import TASKS
from foodbench.tasks.hooks import choice_from_environment, document_to_sample

DEFAULT_BATCH_SIZE = 16


class _OpenedImage:
    """An image that a foreign task has already decoded."""

    def __init__(self, image: Any) -> None:
        self._image = image
        self.path = Path("<memory>")

    def open(self) -> Any:
        return self._image.convert("RGB")

    def fingerprint(self) -> str:
        return "sha256:" + hashlib.sha256(self._image.tobytes()).hexdigest()


def request_of(model: lmms, instance: Instance) -> Request:
    """The request that an lmms-eval instance stands for.

    Raises:
        UsageError: a foreign task whose document has no image.
    """
    question, generation, doc_to_visual, doc_id, task_name, split = instance.args
    document = model.task_dict[task_name][split][doc_id]
    if "reference" in document and "sample_id" in document:
        sample = document_to_sample(document)
        return Request(
            task=document["task"],
            sample_id=sample.sample_id,
            image=sample.image,
            question=question,
            slots=sample.slots,
            generation={name: value for name, value in generation.items() if name != "until" or value},
        )
    visuals = doc_to_visual(document) or []
    if not visuals:
        raise UsageError(f"Task {task_name} asks without an image; foodbench's adapters need one.")
    return Request(
        task=task_name,
        sample_id=f"{task_name}/{doc_id}",
        image=_OpenedImage(visuals[0]),
        question=question,
        generation=generation,
    )


class AdapterModel(lmms):
    """An lmms-eval model that asks a foodbench adapter."""

    is_simple = True

    def __init__(self, adapter: Any, batch_size: int | None = None, *, prepare: bool = True) -> None:
        """Wrap `adapter`.

        Args:
            adapter: the adapter.
            batch_size: requests per call; the adapter's own wish by default.
            prepare: let the adapter prepare itself for each food task from the data that the environment chooses. The
                engine passes False and does it itself, with the data it has loaded.
        """
        super().__init__()
        self.adapter = adapter
        self.batch_size = batch_size or base.batch_size_of(adapter, DEFAULT_BATCH_SIZE)
        self._prepare = prepare
        self._prepared: set[str] = set()

    def _prepare_for(self, task_name: str) -> None:
        if not self._prepare or task_name in self._prepared:
            return
        self._prepared.add(task_name)
        if task_name in TASKS:
            task = TASKS.get(task_name)
            base.prepare(self.adapter, task, choice_from_environment(task.dataset))

    def generate_until(self, requests: Sequence[Instance]) -> list[str]:
        """Ask the adapter in batches and return the answers as text (an envelope where there is more than text).

        Raises:
            AdapterFailed: the adapter raised or broke its contract.
        """
        texts: list[str] = []
        for start in range(0, len(requests), self.batch_size):
            batch = [request_of(self, instance) for instance in requests[start : start + self.batch_size]]
            for request in batch:
                self._prepare_for(request.task)
            texts += [answer.to_text() for answer in self.ask(batch)]
        return texts

    def ask(self, requests: Sequence[Request]) -> list[Answer]:
        """Put one batch to the adapter, checked."""
        return base.ask(self.adapter, requests)

    def loglikelihood(self, requests: Sequence[Instance]) -> list[tuple[float, bool]]:
        """Not offered: foodbench's adapters generate."""
        raise UnsupportedTask("foodbench's adapters generate answers; they give no likelihoods.")

    def generate_until_multi_round(self, requests: Sequence[Instance]) -> list[str]:
        """Not offered: foodbench's adapters answer single questions."""
        raise UnsupportedTask("foodbench's adapters answer single questions, not several rounds.")

    def clean(self) -> None:
        """Keep the model: lmms-eval deletes every module of a model after each evaluation, we evaluate task by task."""


class FoodLMMModel(AdapterModel):
    """`lmms-eval --model foodlmm`."""

    def __init__(self, batch_size: int | str | None = None, device: str | None = None, **arguments: Any) -> None:
        """Build the adapter from lmms-eval's `--model_args`."""
        settings = {name: str(value) for name, value in arguments.items() if name != "max_batch_size"}
        if device:
            settings["device"] = device
        super().__init__(load_adapter("foodlmm", settings), _batch_size(batch_size))


class FoodbenchModel(AdapterModel):
    """`lmms-eval --model foodbench --model_args adapter=baseline:colour`: any of foodbench's adapters."""

    def __init__(self, adapter: str, batch_size: int | str | None = None, **arguments: Any) -> None:
        """Build the adapter named by `adapter` from the remaining `--model_args`."""
        settings = {name: str(value) for name, value in arguments.items() if name not in ("max_batch_size", "device")}
        super().__init__(load_adapter(adapter, settings), _batch_size(batch_size))


def _batch_size(value: int | str | None) -> int | None:
    # lmms-eval's default is the text or number 1, which would undo the adapter's own batching.
    return None if value in (None, "", "auto", 1, "1") else int(str(value))
