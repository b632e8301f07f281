"""The checkpoint folder that a run publishes: adapters merged, in the form that foodbench loads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import torch
from torch import nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from transformers import GenerationConfig

from baselines.common.curves import panels_in_a_row
from baselines.common.publishing import versions
from baselines.foodlmm.paper.building import ADAPTER
from baselines.foodlmm.paper.settings import LoraSettings
from foodbench.core.errors import CheckpointError
from foodbench.models.foodlmm import FoodLMMConfig, FoodLMMForConditionalGeneration, FoodLMMProcessor

_DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}
_BASE, _DOWN, _UP = ".base_layer.weight", f".lora_A.{ADAPTER}.weight", f".lora_B.{ADAPTER}.weight"
_SHARD_SIZE = "5GB"


def whole_state(model: nn.Module) -> dict[str, torch.Tensor]:
    """All weights on the CPU of the main process, whatever devices they are spread over; every process must call it."""
    return get_model_state_dict(model, options=StateDictOptions(full_state_dict=True, cpu_offload=True))


def merged(state: Mapping[str, torch.Tensor], lora: LoraSettings) -> dict[str, torch.Tensor]:
    """Weights with each adapter added to the matrix beside it: W + alpha / r * B A, computed in float32.

    Args:
        state: weights of the model with adapters.
        lora: their settings.
    """
    plain: dict[str, torch.Tensor] = {}
    for name, weight in state.items():
        if ".lora_" in name:
            continue
        if not name.endswith(_BASE):
            plain[name] = weight
            continue
        module = name.removesuffix(_BASE)
        change = state[module + _UP].float() @ state[module + _DOWN].float()
        plain[f"{module}.weight"] = weight.float() + lora.alpha / lora.rank * change
    return plain


def publish(
    state: Mapping[str, torch.Tensor],
    config: FoodLMMConfig,
    generation: GenerationConfig | None,
    processor: FoodLMMProcessor,
    lora: LoraSettings,
    dtype: str,
    folder: Path,
) -> None:
    """Write configuration, merged weights (safetensors), tokenizer and processor.

    Args:
        state: weights of the model with adapters.
        config: of the model.
        generation: of the model.
        processor: of the model.
        lora: the adapters' settings.
        dtype: of the published weights.
        folder: created if need be.

    Raises:
        CheckpointError: weights are missing or left over.
    """
    with torch.device("meta"):
        model = FoodLMMForConditionalGeneration(config)
    weights = {name: weight.to(_DTYPES[dtype]).contiguous() for name, weight in merged(state, lora).items()}
    try:
        model.load_state_dict(weights, strict=True, assign=True)
    except RuntimeError as error:
        raise CheckpointError(
            f"The trained weights are not those of a FoodLMM: {' '.join(str(error).split())[:200]}",
            hint="This is a fault of the trainer; the state that it saved is intact.",
        ) from error
    model.config.dtype = _DTYPES[dtype]
    if generation is not None:
        model.generation_config = generation
    model.save_pretrained(folder, max_shard_size=_SHARD_SIZE)
    processor.save_pretrained(folder)


def paper_versions() -> dict[str, str]:
    """Of what the numbers depend on."""
    return {**versions(), **{name: version(name) for name in ("peft", "accelerate", "foodbench")}}


def draw_curve(rows: Sequence[Mapping[str, float]], path: Path) -> None:
    """Losses, learning rate and gradient norm over steps, as a PNG.

    Args:
        rows: of the log.
        path: of the picture.
    """
    panels = (("text", "bce", "dice", "nutrition", "total"), ("rate", "norm"))
    with panels_in_a_row(path, len(panels), width=6) as axes:
        for axis, names in zip(axes, panels, strict=True):
            for name in names:
                # A loss that no micro-batch of the window had is zero, which a logarithmic axis cannot show.
                points = [(row["step"], row[name]) for row in rows if row[name] > 0]
                if points:
                    axis.plot(*zip(*points, strict=True), label=name, linewidth=1.2)
            axis.set(title=", ".join(names), xlabel="step", yscale="log")
            axis.legend(fontsize=8)
