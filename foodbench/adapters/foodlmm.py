"""FoodLMM as an adapter: the small checkpoint that the package carries, or any in the same form."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers.utils import logging

from foodbench.core.errors import CheckpointError, UsageError
from foodbench.core.hashing import fingerprint, sha256_file
from foodbench.core.types import Answer, Mask, Request
from foodbench.metrics.masks import encode
from foodbench.models.foodlmm import (
    KITCHEN_CHECKPOINT,
    FoodLMMConfig,
    FoodLMMForConditionalGeneration,
    FoodLMMProcessor,
    RenderedAnswer,
)

_CONFIG = "config.json"
_WEIGHTS = "model.safetensors"
_WEIGHTS_INDEX = "model.safetensors.index.json"
_UNSAFE_SUFFIXES = frozenset({".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt"})
_DEFAULT_NEW_TOKENS = 64
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


class FoodLMM:
    """Answers in words, masks and numbers.

    Questions are asked as they are. A `[SEGi]` in an answer becomes a mask at the picture's own size, labelled with the
    noun phrase before it; nutrition tokens become numbers in the text, and those of the whole meal the answer's
    nutrition.

    Args:
        checkpoint: folder with `config.json`, `model.safetensors`, tokenizer, processor; the packaged one by default.
        device: `cpu`, `cuda`, `cuda:1`, ...; `auto` takes a GPU if there is one.
        dtype: `float32`, `bfloat16`, `float16`; `auto` is float32 on a CPU and bfloat16 elsewhere.
        batch_size: requests answered together.

    Raises:
        CheckpointError: no such folder, or no safetensors in it; with the first question also if files are damaged or
            of another architecture.
        UsageError: an unknown device or dtype.
    """

    spec_argument = "checkpoint"
    reads_forced_answers = True

    def __init__(
        self,
        checkpoint: str | Path | None = None,
        device: str = "auto",
        dtype: str = "auto",
        batch_size: int = 32,
    ) -> None:
        folder = Path(checkpoint) if checkpoint is not None else KITCHEN_CHECKPOINT
        weights = weight_files(folder)
        self.batch_size = int(batch_size)
        if self.batch_size < 1:
            raise UsageError(f"The batch size {batch_size} is not positive.", hint="Use 1 or more.")
        self._device = _device(device)
        self._dtype = _dtype(dtype, self._device)
        self._folder = folder
        digest = fingerprint({path.name: sha256_file(path) for path in identity_files(folder, weights)})
        self.identity = f"foodlmm:{digest}:{str(self._dtype).removeprefix('torch.')}"

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        """Model and processor, loaded when the first question comes: a finished run asks none."""
        model, processor = load_checkpoint(self._folder, self._dtype)
        return model.to(self._device).eval(), processor

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """Answer each request, in batches of `batch_size`."""
        answers: list[Answer] = []
        for start in range(0, len(requests), self.batch_size):
            answers += self._answer_batch(requests[start : start + self.batch_size])
        return answers

    def _answer_batch(self, requests: Sequence[Request]) -> list[Answer]:
        pictures = [request.image.open() for request in requests]
        model, processor = self._loaded
        inputs = processor(pictures, [request.question for request in requests])
        tensors = {
            "input_ids": inputs["input_ids"].to(self._device),
            "attention_mask": inputs["attention_mask"].to(self._device),
            "pixel_values": inputs["pixel_values"].to(self._device, self._dtype),
            "sam_pixel_values": inputs["sam_pixel_values"].to(self._device, self._dtype),
        }
        told = [request.slots.get("forced_answer") for request in requests]
        if all(text is not None for text in told):
            # Without the end token, which asks for nothing.
            answers = model.force_answers(**tensors, answer_ids=[processor.encode_answer(text)[:-1] for text in told])
        else:
            limits = [int(request.generation.get("max_new_tokens", _DEFAULT_NEW_TOKENS)) for request in requests]
            generated = model.generate_answers(**tensors, max_new_tokens=max(limits))
            answers = [answer.truncated(limit) for answer, limit in zip(generated, limits, strict=True)]
        reshaped, original = inputs["reshaped_input_sizes"].tolist(), inputs["original_sizes"].tolist()
        return [
            to_answer(processor.render(answer, tuple(inner), tuple(outer)))
            for answer, inner, outer in zip(answers, reshaped, original, strict=True)
        ]


def to_answer(rendered: RenderedAnswer) -> Answer:
    """The model's answer in foodbench's form."""
    masks = []
    for labelled in rendered.masks:
        coded = encode(labelled.mask)
        masks.append(Mask(size=coded.size, counts=coded.counts, label=labelled.label or None))
    return Answer(text=rendered.text, masks=tuple(masks), nutrition=rendered.totals)


def weight_files(folder: Path) -> list[Path]:
    """The weight files of a checkpoint.

    Raises:
        CheckpointError: the folder or its weights are missing, or there are only weights in a format that can run code.
    """
    if not folder.is_dir():
        raise CheckpointError(
            f"No checkpoint folder {folder}.",
            hint="Give a folder with config.json and model.safetensors, or nothing for the packaged checkpoint.",
        )
    if (folder / _WEIGHTS).is_file():
        return [folder / _WEIGHTS]
    if (folder / _WEIGHTS_INDEX).is_file():
        return [folder / _WEIGHTS_INDEX, *sorted(folder.glob("model-*.safetensors"))]
    unsafe = sorted(path.name for path in folder.iterdir() if path.suffix in _UNSAFE_SUFFIXES)
    if unsafe:
        raise CheckpointError(
            f"{folder} has its weights as {unsafe[0]} only; such files can run code when loaded and are refused.",
            hint="Convert them to model.safetensors where you trust them.",
        )
    raise CheckpointError(f"{folder} has no {_WEIGHTS}.", hint="Is the checkpoint complete?")


def identity_files(folder: Path, weights: Sequence[Path]) -> list[Path]:
    """The files that decide about answers: weights, configuration, tokenizer, processor."""
    others = (_CONFIG, "generation_config.json", "processor_config.json", "tokenizer.json", "tokenizer_config.json")
    return [*weights, *(folder / name for name in others if (folder / name).is_file())]


def load_checkpoint(folder: Path, dtype: torch.dtype = torch.float32) -> tuple[Any, Any]:
    """Model and processor of a checkpoint folder.

    Raises:
        CheckpointError: anything about the files is wrong.
    """
    weight_files(folder)
    hint = "The checkpoint is damaged, incomplete, or not a FoodLMM; copy it anew."
    try:
        config = FoodLMMConfig.from_pretrained(folder, local_files_only=True)
        if config.model_type != FoodLMMConfig.model_type or not config.segment_token_ids:
            raise CheckpointError(f"{folder} does not hold a FoodLMM.", hint=hint)
        with _no_progress_bar():
            model, report = FoodLMMForConditionalGeneration.from_pretrained(
                folder,
                config=config,
                dtype=dtype,
                use_safetensors=True,
                local_files_only=True,
                output_loading_info=True,
            )
        # Without the backend's name transformers first looks for a torchvision version and warns that there is none.
        processor = FoodLMMProcessor.from_pretrained(folder, local_files_only=True, backend="pil")
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(f"Cannot load {folder}: {type(error).__name__}: {reason}", hint=hint) from error
    lacking = sorted(report["missing_keys"]) + sorted(report["unexpected_keys"])
    if lacking:
        raise CheckpointError(f"{folder}: {len(lacking)} weights do not fit, e.g. {lacking[0]}.", hint=hint)
    return model, processor


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    """Keep transformers' bar over the reading of tensors off the terminal."""
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _device(name: str) -> torch.device:
    if name == "auto":
        if not torch.cuda.is_available():
            return torch.device("cpu")
        # Under torchrun each process takes a GPU of its own.
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"Unknown device '{name}'.", hint="Use auto, cpu, cuda or cuda:N.") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UsageError(f"The device '{name}' is not available here.", hint="Use --device cpu or auto.")
    return device


def _dtype(name: str, device: torch.device) -> torch.dtype:
    if name == "auto":
        return torch.float32 if device.type == "cpu" else torch.bfloat16
    if name not in _DTYPES:
        raise UsageError(f"Unknown dtype '{name}'.", hint=f"Use auto, {', '.join(_DTYPES)}.")
    return _DTYPES[name]
