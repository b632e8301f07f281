"""FoodLMM as an adapter: the small checkpoint that the package carries, or any in the same form."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from safetensors import SafetensorError

from foodbench.adapters.foodlmm_pictures import PictureCache, Prepared
from foodbench.adapters.torch_settings import chosen_batch_size, chosen_checkpoint, chosen_device, chosen_dtype
from foodbench.core.errors import CheckpointError, UnsupportedTask, UsageError
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
from foodbench.models.pretrained import quiet, refuse_misfits
from foodbench.models.weight_files import weight_files as models_weight_files

if TYPE_CHECKING:
    from foodbench.data.roots import DatasetChoice
    from foodbench.tasks.base import FoodTask

_CONFIG = "config.json"
_DEFAULT_NEW_TOKENS = 64
_FIRST_BATCH = 32
PROTOCOLS = ("generative", "teacher_forced")
"""Whether a model writes its answers, or is given them and masks are read from it. No table mixes the two."""


class FoodLMM:
    """Answers in words, masks and numbers.

    Questions are asked as they are, in dialogues after the turns before them. A `[SEGi]` in an answer becomes a mask
    at the picture's own size, labelled with the noun phrase before it; nutrition tokens become numbers in the text, and
    those of the whole meal the answer's nutrition. A picture is encoded once for all its questions, and the pictures
    of the next batch are read while the model answers this one.

    Args:
        checkpoint: folder with `config.json`, `model.safetensors`, tokenizer, processor; the packaged one by default.
            A released checkpoint is converted first: `python -m foodbench.models.foodlmm.convert`.
        pretrained: another name for `checkpoint`.
        device: `cpu`, `cuda`, `cuda:1`, ...; `auto` takes a GPU if there is one.
        device_map: `auto` spreads a model that is too large for one GPU over all (accelerate).
        dtype: `float32`, `bfloat16` (`bf16`), `float16` (`fp16`); `auto` is float32 on a CPU and bfloat16 elsewhere.
        heads_dtype: arithmetic of the nutrition heads: `float32`, or `bfloat16` as in the released code, which rounds
            500 kcal to steps of 2; None as the checkpoint says.
        protocol: `generative` takes part only in tasks where the model writes its answer, `teacher_forced` only in
            those where it is given and masks are read from it (FoodLMM's released evaluator); by default in both.
        batch_size: requests answered together; `auto` begins with 32 and halves it while memory does not suffice.

    Raises:
        CheckpointError: no such folder, or no safetensors in it; with the first question also if files are damaged or
            of another architecture.
        UsageError: an unknown device, dtype, protocol or batch size, or two checkpoints.
    """

    name = "foodlmm"
    packaged: Path | None = KITCHEN_CHECKPOINT
    spec_argument = "checkpoint"
    reads_forced_answers = True

    def __init__(
        self,
        checkpoint: str | Path | None = None,
        device: str = "auto",
        dtype: str = "auto",
        batch_size: int | str = "auto",
        pretrained: str | Path | None = None,
        device_map: str | None = None,
        heads_dtype: Literal["float32", "bfloat16"] | None = None,
        protocol: Literal["generative", "teacher_forced"] | None = None,
    ) -> None:
        folder = self._chosen(checkpoint, pretrained)
        weights = weight_files(folder)
        self._halves = batch_size == "auto"
        self.batch_size = chosen_batch_size(batch_size, _FIRST_BATCH)
        self._device = chosen_device(device)
        self._dtype = chosen_dtype(dtype, self._device)
        self._folder, self._device_map, self._heads_dtype = folder, device_map, heads_dtype
        self._protocol = _protocol(protocol)
        digest = fingerprint({path.name: sha256_file(path) for path in identity_files(folder, weights)})
        heads = f":heads={heads_dtype}" if heads_dtype else ""
        self.identity = f"{self.name}:{digest}:{str(self._dtype).removeprefix('torch.')}{heads}"

    def _chosen(self, checkpoint: str | Path | None, pretrained: str | Path | None) -> Path:
        folder = chosen_checkpoint(checkpoint, pretrained) or self.packaged
        if folder is None:
            raise UsageError(
                f"{self.name} needs a checkpoint: none is included.",
                hint="Add --model-args pretrained=DIR, a folder from python -m foodbench.models.foodlmm.convert.",
            )
        return Path(folder)

    @cached_property
    def _loaded(self) -> tuple[Any, Any, PictureCache]:
        """Model, processor and pictures, loaded when the first question comes: a finished run asks none."""
        model, processor = load_checkpoint(self._folder, self._dtype, self._device_map)
        if self._heads_dtype is not None:
            model.config.heads_dtype = self._heads_dtype
        if self._device_map is None:
            model = model.to(self._device)
        return model.eval(), processor, PictureCache(model, processor.image_processor)

    def prepare(self, task: FoodTask, choice: DatasetChoice) -> None:
        """Leave tasks of another protocol than the chosen one to others.

        Raises:
            UnsupportedTask: the task is of another protocol.
        """
        kind = "teacher_forced" if task.protocol == "teacher_forced" else "generative"
        if self._protocol not in (None, kind):
            raise UnsupportedTask(f"{task.name} is {kind}; this model was asked for {self._protocol} tasks only.")

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """Answer each request, in batches of `batch_size`."""
        answers: list[Answer] = []
        _, _, pictures = self._loaded
        with ThreadPoolExecutor(1, thread_name_prefix="foodlmm-pictures") as ahead:
            batches = [requests[start : start + self.batch_size] for start in range(0, len(requests), self.batch_size)]
            waiting = [ahead.submit(pictures.prepare, batch) for batch in batches[:1]]
            for place, batch in enumerate(batches):
                prepared = waiting.pop().result()
                waiting += [ahead.submit(pictures.prepare, following) for following in batches[place + 1 : place + 2]]
                answers += self._answer_batch(batch, prepared)
        return answers

    def _answer_batch(self, requests: Sequence[Request], prepared: Prepared) -> list[Answer]:
        try:
            return self._generate(requests, prepared)
        except torch.OutOfMemoryError:
            if not self._halves or len(requests) == 1:
                raise
        # Outside of the handler: the exception holds the tensors of the failed batch.
        torch.cuda.empty_cache()
        self.batch_size = half = (len(requests) + 1) // 2
        parts = [requests[:half], requests[half:]]
        return [answer for part in parts for answer in self._answer_batch(part, self._loaded[2].prepare(part))]

    @torch.inference_mode()
    def _generate(self, requests: Sequence[Request], prepared: Prepared) -> list[Answer]:
        model, processor, pictures = self._loaded
        encoded = pictures.encode(prepared)
        turns = [turns_of(request) for request in requests]
        ids = processor.encode_batch([question for _, question in turns], [history for history, _ in turns])
        inputs = {
            **{name: tensor.to(model.device) for name, tensor in ids.items()},
            "image_features": torch.stack([each.features for each in encoded]),
            "embed": lambda rows: pictures.embed(prepared, encoded, rows.tolist()),
        }
        told = [request.slots.get("forced_answer") for request in requests]
        if all(text is not None for text in told):
            # Without the end token, which asks for nothing.
            answers = model.force_answers(**inputs, answer_ids=[processor.encode_answer(text)[:-1] for text in told])
        else:
            limits = [int(request.generation.get("max_new_tokens", _DEFAULT_NEW_TOKENS)) for request in requests]
            generated = model.generate_answers(**inputs, max_new_tokens=max(limits))
            answers = [answer.truncated(limit) for answer, limit in zip(generated, limits, strict=True)]
        return [
            to_answer(processor.render(answer, each.reshaped, each.original))
            for answer, each in zip(answers, encoded, strict=True)
        ]


class LISA(FoodLMM):
    """LISA (Lai et al., CVPR 2024), from which FoodLMM starts: one `[SEG]` at a time, no nutrition.

    The same architecture with one numbered token and without heads; a converted release, or one that
    `baselines/lisa` trained.
    """

    name = "lisa"
    packaged = None
    # The answers that those tasks give are FoodLMM's, with numbered tokens that mean nothing here.
    reads_forced_answers = False


def turns_of(request: Request) -> tuple[tuple[tuple[str, str], ...], str]:
    """The turns before a question and the question itself, in the model's own format of dialogues."""
    if "turn" not in request.slots:
        return (), request.question
    return tuple((asked, answered) for asked, answered in request.slots["history"]), request.slots["turn"]


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
        CheckpointError: as `foodbench.models.weight_files.weight_files`.
    """
    return models_weight_files(
        folder, convert="A released FoodLMM or LISA: python -m foodbench.models.foodlmm.convert --source DIR --out DIR"
    )


def identity_files(folder: Path, weights: Sequence[Path]) -> list[Path]:
    """The files that decide about answers: weights, configuration, tokenizer, processor."""
    tokenizer = ("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "added_tokens.json")
    others = (_CONFIG, "generation_config.json", "processor_config.json", *tokenizer, "special_tokens_map.json")
    return [*weights, *(folder / name for name in others if (folder / name).is_file())]


def load_checkpoint(folder: Path, dtype: torch.dtype = torch.float32, device_map: str | None = None) -> tuple[Any, Any]:
    """Model and processor of a checkpoint folder.

    Args:
        folder: as `FoodLMM` takes it.
        dtype: of the weights.
        device_map: how accelerate spreads them over devices; None leaves them on the CPU.

    Raises:
        CheckpointError: anything about the files is wrong.
    """
    weight_files(folder)
    hint = "The checkpoint is damaged, incomplete, or not a FoodLMM; copy it anew."
    try:
        config = FoodLMMConfig.from_pretrained(folder, local_files_only=True)
        if config.model_type != FoodLMMConfig.model_type or not config.segment_token_ids:
            raise CheckpointError(f"{folder} does not hold a FoodLMM.", hint=hint)
        with quiet():
            model, report = FoodLMMForConditionalGeneration.from_pretrained(
                folder,
                config=config,
                dtype=dtype,
                device_map=device_map,
                use_safetensors=True,
                local_files_only=True,
                ignore_mismatched_sizes=True,  # they are refused below, by name
                output_loading_info=True,
            )
        # Without the backend's name transformers first looks for a torchvision version and warns that there is none.
        processor = FoodLMMProcessor.from_pretrained(folder, local_files_only=True, backend="pil")
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(f"Cannot load {folder}: {type(error).__name__}: {reason}", hint=hint) from error
    processor.context = config.text_config.max_position_embeddings
    for name, ids in processor.token_ids().items():
        if getattr(config, name) != ids:
            raise CheckpointError(
                f"{folder}: config.json and tokenizer disagree about {name}: masks and numbers would be read from "
                "wrong tokens.",
                hint=hint,
            )
    refuse_misfits(folder, report, hint)
    return model, processor


def _protocol(given: str | None) -> str | None:
    if given not in (None, *PROTOCOLS):
        raise UsageError(f"Unknown protocol '{given}'.", hint=f"Use {' or '.join(PROTOCOLS)}, or none for both.")
    return given
