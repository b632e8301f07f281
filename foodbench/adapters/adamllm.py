"""AdaMLLM's checkpoints: released ones, one's own, or the package's small one; run here, or behind a server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from foodbench.adapters.base import words_only
from foodbench.adapters.endpoint import Endpoint
from foodbench.adapters.torch_batches import HalvedBatches, alike
from foodbench.adapters.torch_settings import chosen_checkpoint, chosen_device, chosen_dtype
from foodbench.core.errors import UsageError
from foodbench.core.hashing import fingerprint
from foodbench.core.types import Answer, Request
from foodbench.models.adamllm.answering import AnsweringModel, PictureText
from foodbench.models.adamllm.checkpoint import AskingSettings, checkpoint_of, load_model
from foodbench.models.pretrained import identity_of
from foodbench.models.qwen_seg.checkpoint import checkpoint_folder

if TYPE_CHECKING:
    from foodbench.data.roots import DatasetChoice
    from foodbench.tasks.base import FoodTask

_MOST_TOKENS = 1024
"""Of an answer to a task that sets no limit; AdaMLLM's for recipes."""


class AdaMLLM:
    """Answers tasks of words as AdaMLLM's evaluation does: one turn, the picture first, greedily.

    The task's own limit of an answer holds. Qwen2-VL and Qwen2.5-VL see pictures of 224 x 224 to 1280 x 28 x 28 pixels;
    LLaVA-NeXT is asked in its training's words, with two begin-of-text tokens; Llama-3.2-Vision through its own chat
    template. A folder's `adamllm.json` overrides that.

    Args:
        checkpoint: a released one by name (`food-qwen2-vl-2b`, `food-llava-next-8b`, `food-llama-3.2-11b`,
            `biomed-...`), a repository of the Hub, or a folder; the packaged one by default.
        pretrained: another name for `checkpoint`.
        device: `cpu`, `cuda`, `cuda:1`, ...; `auto` takes a GPU if there is one.
        dtype: `float32`, `bfloat16` (`bf16`), `float16` (`fp16`); `auto` is float32 on a CPU and bfloat16 elsewhere.
        batch_size: questions answered together; `auto` begins with 32 and halves it while memory does not suffice.
        min_pixels: instead of the family's, where its processor scales pictures.
        max_pixels: likewise.
        max_new_tokens: limit of an answer, where a task allows more.
        server: URL of an OpenAI-compatible server (vLLM, SGLang, ...) that serves the model; pixel limits are then the
            server's own settings.
        served_model: its name there; by default the repository's name, or the only model that is served.
        api_key_env: the environment variable that holds the server's key.
        concurrency: requests to the server under way at once.
        timeout: seconds without a byte after which an attempt at the server is given up.
        retries: attempts at the server after the first.

    Raises:
        CheckpointError: no such checkpoint, or no safetensors in it; with the first question also if files are damaged.
        UsageError: an unknown device, dtype or batch size, two checkpoints, or settings that do not go together.
        ProviderDown: no model was named, and the server could not be asked for its models.
    """

    name = "adamllm"
    spec_argument = "checkpoint"

    def __init__(
        self,
        checkpoint: str | Path | None = None,
        pretrained: str | Path | None = None,
        device: str = "auto",
        dtype: str = "auto",
        batch_size: int | str = "auto",
        min_pixels: int | None = None,
        max_pixels: int | None = None,
        max_new_tokens: int | None = None,
        server: str | None = None,
        served_model: str | None = None,
        api_key_env: str | None = "OPENAI_API_KEY",
        concurrency: int = 8,
        timeout: float = 120.0,
        retries: int = 6,
    ) -> None:
        chosen = chosen_checkpoint(checkpoint, pretrained)
        if served_model is not None and server is None:
            raise UsageError("served_model is given without a server.", hint="Add server=URL to --model-args.")
        given = {"min_pixels": min_pixels, "max_pixels": max_pixels, "max_new_tokens": max_new_tokens}
        changes = {name: value for name, value in given.items() if value is not None}
        self._source: _Local | _Served
        if server is None:
            placed = chosen_device(device)
            self._source = _Local(checkpoint_of(chosen), changes, placed, chosen_dtype(dtype, placed), batch_size)
        else:
            if min_pixels is not None or max_pixels is not None:
                raise UsageError("Pixel limits are the server's own.", hint="Set them where the server is started.")
            served = served_model or (None if chosen is None else str(checkpoint_of(chosen)))
            access = {"api_key_env": api_key_env, "concurrency": concurrency, "timeout": timeout, "retries": retries}
            self._source = _Served(served, server, max_new_tokens, access)
        self.answers_singly = server is not None
        self.identity = f"{self.name}:{self._source.identity}"

    @property
    def batch_size(self) -> int:
        """How many questions are answered together."""
        return self._source.batch_size

    def prepare(self, task: FoodTask, choice: DatasetChoice) -> None:
        """Leave tasks that want something else than words to others.

        Raises:
            UnsupportedTask: the task wants masks or numbers of their own.
        """
        words_only(task)

    def usage(self) -> Mapping[str, int | float | None]:
        """What a server counts."""
        return self._source.usage()

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """Answer each request, in batches of `batch_size`.

        Raises:
            CheckpointError: the checkpoint cannot be loaded.
            AdapterFailed, ProviderDown: the server refused or cannot be reached.
            DataMissing, DataCorrupt: a picture cannot be read.
        """
        answers: list[Answer] = []
        while len(answers) < len(requests):
            batch = alike(requests[len(answers) : len(answers) + self.batch_size])
            answers += self._source.write(batch)
        return answers


class _Local:
    """A checkpoint on this machine, loaded when the first question comes: a finished run asks none."""

    def __init__(
        self,
        name: str | Path,
        changes: Mapping[str, int],
        device: torch.device,
        dtype: torch.dtype,
        batch_size: int | str,
    ) -> None:
        self._folder = checkpoint_folder(name)
        own = AskingSettings.read(self._folder).model_dump()
        try:
            self._settings = AskingSettings.model_validate({**own, **changes})
        except ValueError as error:
            raise UsageError(f"{self._folder}: {error}", hint="Give positive limits, the smaller first.") from error
        self._device, self._dtype = device, dtype
        self._batches = HalvedBatches(batch_size)
        asked = fingerprint(self._settings.model_dump())[7:19]
        self.identity = f"{identity_of(name, self._folder)}:{str(dtype).removeprefix('torch.')}:asked={asked}"

    @cached_property
    def _loaded(self) -> AnsweringModel:
        model, processor, family = load_model(self._folder, self._settings, self._dtype, self._device)
        return AnsweringModel(model, processor, family, self._settings)

    @property
    def batch_size(self) -> int:
        return self._batches.size

    def usage(self) -> Mapping[str, int | float | None]:
        """Nothing: no server counts."""
        return {}

    def write(self, requests: Sequence[Request]) -> list[Answer]:
        """What the model writes."""
        limit = int(requests[0].generation.get("max_new_tokens") or _MOST_TOKENS)
        asked = [PictureText(one.image.open, one.question) for one in requests]
        texts = self._batches.answer(lambda part: self._loaded.answer(part, limit), asked)
        return [Answer(text=text) for text in texts]


class _Served:
    """A model behind a server, whose chat template makes the prompt."""

    def __init__(self, model: str | None, url: str, limit: int | None, access: Mapping[str, Any]) -> None:
        self._endpoint = Endpoint(model, base_url=url, max_new_tokens=limit, **access)
        self.identity = self._endpoint.identity
        self.batch_size = self._endpoint.batch_size

    def usage(self) -> Mapping[str, int | float | None]:
        """As `Endpoint.usage`."""
        return self._endpoint.usage()

    def write(self, requests: Sequence[Request]) -> list[Answer]:
        """As `Endpoint.answer`."""
        return [one if isinstance(one, Answer) else Answer(text=one) for one in self._endpoint.answer(requests)]


__all__ = ["AdaMLLM"]
