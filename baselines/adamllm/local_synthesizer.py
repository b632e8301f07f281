"""A tuned synthesiser in this process: any checkpoint that `train --what synthesizer` made, or a released one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from baselines.adamllm.asking import LocalModel
from baselines.adamllm.chat import ChatFormat
from baselines.adamllm.synthesise import PROMPT, Style
from foodbench.core.errors import CheckpointError, UsageError
from foodbench.core.types import Request
from foodbench.models.adamllm.answering import AnsweringModel, PictureText
from foodbench.models.adamllm.checkpoint import AskingSettings, load_model
from foodbench.models.pretrained import identity_of
from foodbench.models.qwen_seg.checkpoint import checkpoint_folder

_FIRST_BATCH = 32


def local_synthesizer(
    checkpoint: str | Path, form: ChatFormat, *, batch_size: int = 32, dtype: Any = None, device: Any = None
) -> LocalModel:
    """The model, to be asked in the style `tuned`; loaded when the first question comes.

    Args:
        checkpoint: a folder, or a repository of the Hub.
        form: the chat format of its training, whose `text_end` ends what it writes.
        batch_size: pictures at once.
        dtype: a torch dtype; float32 by default.
        device: a torch device; the CPU by default.

    Raises:
        CheckpointError: no such checkpoint.
    """
    folder = checkpoint_folder(checkpoint)
    loaded: list[tuple[AnsweringModel, int]] = []

    def ready() -> tuple[AnsweringModel, int]:
        if not loaded:
            settings = AskingSettings.read(folder)
            model, processor, family = load_model(folder, settings, dtype, device)
            end = processor.tokenizer.convert_tokens_to_ids(form.text_end)
            if form.text_end not in processor.tokenizer.get_vocab():
                raise CheckpointError(f"{folder} does not know {form.text_end}.", hint="Name its own chat format.")
            loaded.append((AnsweringModel(model, processor, family, settings), end))
        return loaded[0]

    def generate(requests: Sequence[Request]) -> list[str]:
        model, end = ready()
        if any(request.slots.get(PROMPT) is None for request in requests):
            raise UsageError("A tuned synthesiser goes on from a whole prompt.", hint="Ask in the style 'tuned'.")
        limit = max(int(request.generation["max_new_tokens"]) for request in requests)
        prompts = [PictureText(request.image.open, request.slots[PROMPT]) for request in requests]
        return model.go_on(prompts, limit, [end], keep_tokens=True)

    return LocalModel(generate, f"tuned:{identity_of(checkpoint, folder)}", batch_size=batch_size)


def load_local(checkpoint: str, form: ChatFormat, style: Style, arguments: Mapping[str, str]) -> LocalModel:
    """The model that the command line names.

    Args:
        checkpoint: a folder, or a repository of the Hub.
        form: the chat format of its training.
        style: of asking; `tuned` is the only one here.
        arguments: `device`, `dtype` and `batch_size`.

    Raises:
        CheckpointError: no such checkpoint.
        UsageError: another style, or an unknown or wrong argument.
    """
    from foodbench.adapters.torch_settings import chosen_batch_size, chosen_device, chosen_dtype

    if style != "tuned" or not checkpoint:
        raise UsageError("local:CHECKPOINT is a tuned synthesiser.", hint="Add --style tuned, or ask an endpoint.")
    unknown = sorted(set(arguments) - {"device", "dtype", "batch_size"})
    size = arguments.get("batch_size", "auto")
    if unknown or (size != "auto" and not size.isdigit()):
        raise UsageError(f"'{(*unknown, size)[0]}' is of no use here.", hint="Use device=, dtype= and batch_size=N.")
    device = chosen_device(arguments.get("device", "auto"))
    dtype = chosen_dtype(arguments.get("dtype", "auto"), device)
    batch = chosen_batch_size(size if size == "auto" else int(size), _FIRST_BATCH)
    return local_synthesizer(checkpoint, form, batch_size=batch, dtype=dtype, device=device)


__all__ = ["load_local", "local_synthesizer"]
