"""Qwen2.5-VL that answers with boxes and points, which a segmenter draws: a checkpoint run here, or a served model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from foodbench.adapters.base import attach_received, received
from foodbench.adapters.pointing_masks import Drawer
from foodbench.adapters.qwen_seg_served import Served
from foodbench.adapters.qwen_seg_turns import turns_of
from foodbench.adapters.torch_batches import HalvedBatches
from foodbench.adapters.torch_settings import chosen_checkpoint, chosen_device, chosen_dtype
from foodbench.core.errors import FoodbenchError, UnsupportedTask, UsageError
from foodbench.core.hashing import fingerprint
from foodbench.core.types import Answer, Request
from foodbench.models.qwen_seg import KITCHEN_CHECKPOINT, QwenSegSettings, load_model
from foodbench.models.qwen_seg.answering import Asked, PointingModel
from foodbench.models.qwen_seg.checkpoint import checkpoint_folder, checkpoint_identity
from foodbench.models.qwen_seg.segmenters import load_segmenter

if TYPE_CHECKING:
    from foodbench.data.roots import DatasetChoice
    from foodbench.tasks.base import FoodTask


class QwenSeg:
    """Answers segmentation tasks by pointing: Seg-Zero's and VisionReasoner's way, which the RL paper trains for food.

    The question is put into the checkpoint's prompt, with the picture squashed to the checkpoint's grid; a dialogue's
    earlier turns come before it in the chat. The answer is a list of boxes and points, each of which the segmenter
    draws in the picture's own pixels; `[]` says that nothing is there. An answer that cannot be read gives no mask,
    counts as silence, and is counted (`usage`). A picture's embeddings are made once for all its questions.

    Args:
        checkpoint: a Qwen2.5-VL's folder, or a repository of the Hub; the packaged one by default. Without a
            `qwen_seg.json` it is asked as the paper does: 840 pixels, VisionReasoner's prompt, SAM 2. With `server`
            it may be left out, and of a folder only `qwen_seg.json` is read.
        pretrained: another name for `checkpoint`.
        segmenter: what draws, instead of the checkpoint's own: `colour`, `sam2:REPOSITORY_OR_FOLDER`,
            `sam2-package:CONFIG:CHECKPOINT` or `py:module:Class`.
        max_new_tokens: limit of an answer, instead of the checkpoint's own. The tasks' limits, which are for models
            that do not think before they answer, are not used.
        device: `cpu`, `cuda`, `cuda:1`, ...; `auto` takes a GPU if there is one. With a server the segmenter's.
        device_map: `auto` spreads a model that is too large for one GPU over all (accelerate).
        dtype: `float32`, `bfloat16` (`bf16`), `float16` (`fp16`); `auto` is float32 on a CPU and bfloat16 elsewhere.
            SAM 2 always works in float32.
        batch_size: questions answered together; `auto` begins with 32 and halves it while memory does not suffice.
        server: URL of an OpenAI-compatible server (vLLM, SGLang, ...) that serves the model: only drawing is done here.
        served_model: its name there; by default the repository's name, or the only model that is served.
        api_key_env: the environment variable that holds the server's key.
        concurrency: requests to the server under way at once.
        timeout: seconds without a byte after which an attempt at the server is given up.
        retries: attempts at the server after the first.

    Raises:
        CheckpointError: no such checkpoint, or no safetensors in it; with the first question also if files are damaged.
        UsageError: an unknown device, dtype, batch size or segmenter, two checkpoints, or settings that do not go
            together.
        ProviderDown: no model was named, and the server could not be asked for its models.
    """

    name = "qwen_seg"
    spec_argument = "checkpoint"
    reads_forced_answers = False

    def __init__(
        self,
        checkpoint: str | Path | None = None,
        pretrained: str | Path | None = None,
        segmenter: str | None = None,
        max_new_tokens: int | None = None,
        device: str = "auto",
        device_map: str | None = None,
        dtype: str = "auto",
        batch_size: int | str = "auto",
        server: str | None = None,
        served_model: str | None = None,
        api_key_env: str | None = "OPENAI_API_KEY",
        concurrency: int = 8,
        timeout: float = 120.0,
        retries: int = 6,
    ) -> None:
        chosen = chosen_checkpoint(checkpoint, pretrained)
        if max_new_tokens is not None and max_new_tokens < 1:
            raise UsageError(f"max_new_tokens={max_new_tokens} is not positive.", hint="Use 1 or more.")
        if served_model is not None and server is None:
            raise UsageError("served_model is given without a server.", hint="Add server=URL to --model-args.")
        placed = chosen_device(device)
        self._source: _Local | Served
        if server is None:
            name = chosen or KITCHEN_CHECKPOINT
            settings = _limited(QwenSegSettings.read(checkpoint_folder(name)), max_new_tokens)
            self._source = _Local(name, settings, placed, device_map, chosen_dtype(dtype, placed), batch_size)
        else:
            settings = _limited(_settings_beside(chosen), max_new_tokens)
            access = {"api_key_env": api_key_env, "concurrency": concurrency, "timeout": timeout, "retries": retries}
            self._source = Served(server, served_model or _repository(chosen), settings, access)
        drawing = load_segmenter(segmenter or settings.segmenter, placed)
        self._drawer = Drawer(drawing, settings.grid)
        self.answers_singly = server is not None
        asked = fingerprint([settings.prompt, settings.grid, settings.max_new_tokens])[7:19]
        self.identity = f"{self.name}:{self._source.identity}:asked={asked}:{drawing.identity}"

    @property
    def batch_size(self) -> int:
        """How many questions are answered together."""
        return self._source.batch_size

    def prepare(self, task: FoodTask, choice: DatasetChoice) -> None:
        """Leave tasks that want something else than masks to others.

        Raises:
            UnsupportedTask: the task wants no masks.
        """
        if task.answer_kind != "masks":
            raise UnsupportedTask(f"{task.name} asks for {task.answer_kind}; this model only points at things.")

    def usage(self) -> Mapping[str, int | float | None]:
        """Totals so far: what answers were like (`Tally`), and what a server counts."""
        return {**self._drawer.tally.totals(), **self._source.usage()}

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """Answer each request, in batches of `batch_size`.

        Raises:
            CheckpointError: the checkpoint cannot be loaded.
            AdapterFailed, ProviderDown: the server refused or cannot be reached; or the segmenter breaks its contract.
            DataMissing, DataCorrupt: a picture cannot be read.
        """
        answers: list[Answer] = []
        while len(answers) < len(requests):
            batch = requests[len(answers) : len(answers) + self.batch_size]
            try:
                texts = self._source.write(batch)
            except FoodbenchError as error:
                self._draw_received(error, requests, answers)
                raise
            answers += self._draw(batch, texts)
        return answers

    def _draw(self, requests: Sequence[Request], texts: Sequence[str]) -> list[Answer]:
        pictures = _LastPicture()
        return [
            self._drawer.answer(text, lambda request=request: pictures.open(request))  # type: ignore[misc]
            for request, text in zip(requests, texts, strict=True)
        ]

    def _draw_received(self, error: FoodbenchError, requests: Sequence[Request], answers: Sequence[Answer]) -> None:
        """Draw what had come in before a server failed: what is attached to the error is stored as it is."""
        texts = {key: answer.text for key, answer in received(error).items()}
        if not texts:
            return
        late = [request for request in requests if request.sample_id in texts]
        drawn = self._draw(late, [texts[request.sample_id] for request in late])
        before = zip(requests, answers, strict=False)
        known = {request.sample_id: answer for request, answer in before}
        attach_received(error, known | {request.sample_id: answer for request, answer in zip(late, drawn, strict=True)})


class _LastPicture:
    """Opens pictures; questions about one usually come in a row, so the last one is kept."""

    def __init__(self) -> None:
        self._key, self._image = "", None

    def open(self, request: Request) -> Any:
        key = request.image.fingerprint()
        if key != self._key:
            self._key, self._image = key, request.image.open()
        return self._image


class _Local:
    """A checkpoint on this machine, loaded when the first question comes: a finished run asks none."""

    def __init__(
        self,
        name: str | Path,
        settings: QwenSegSettings,
        device: torch.device,
        device_map: str | None,
        dtype: torch.dtype,
        batch_size: int | str,
    ) -> None:
        self._folder, self._settings = checkpoint_folder(name), settings
        self._device, self._device_map, self._dtype = device, device_map, dtype
        self._batches = HalvedBatches(batch_size)
        self.identity = f"{checkpoint_identity(name, self._folder)}:{str(dtype).removeprefix('torch.')}"

    @cached_property
    def _loaded(self) -> PointingModel:
        model, processor = load_model(self._folder, self._dtype, self._device_map or self._device)
        return PointingModel(model, processor, self._settings)

    @property
    def batch_size(self) -> int:
        return self._batches.size

    def usage(self) -> Mapping[str, int | float | None]:
        """Nothing: no server counts."""
        return {}

    def write(self, requests: Sequence[Request]) -> list[str]:
        """What the model writes."""
        asked = []
        for request in requests:
            history, question = turns_of(request)
            asked.append(Asked(request.image.fingerprint(), request.image.open, question, history))
        return self._batches.answer(self._write, asked)

    def _write(self, asked: Sequence[Asked]) -> list[str]:
        return self._loaded.answer(asked)


def _limited(settings: QwenSegSettings, max_new_tokens: int | None) -> QwenSegSettings:
    return settings if max_new_tokens is None else replace(settings, max_new_tokens=max_new_tokens)


def _settings_beside(checkpoint: str | Path | None) -> QwenSegSettings:
    """How a served model is asked: as its folder says if there is one here, otherwise as the paper does.

    A repository is not fetched: its weights are the server's business.
    """
    if checkpoint is None or _repository(checkpoint):
        return QwenSegSettings()
    return QwenSegSettings.read(checkpoint_folder(checkpoint))


def _repository(checkpoint: str | Path | None) -> str | None:
    """The name of a repository of the Hub; None for a folder."""
    text = str(checkpoint or "")
    return text if text.count("/") == 1 and not Path(text).exists() and not text.startswith(("/", ".")) else None


__all__ = ["QwenSeg"]
