"""Resumable states: all that a run needs to go on as if nothing had happened."""

from __future__ import annotations

import io
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_state_dict, set_state_dict

from foodbench.core.errors import CheckpointError, FoodbenchError
from foodbench.core.files import atomic_write

_WRITE = StateDictOptions(full_state_dict=True, cpu_offload=True, ignore_frozen_params=True)


def save_state(
    path: Path, accelerator: Accelerator, model: nn.Module, optimiser: torch.optim.Optimizer, recipe: str, step: int
) -> None:
    """Write trained weights, the optimiser's state, the place in the data and all random generators.

    Every process must call it; the main one writes. Learning rate and data order are functions of the step.

    Args:
        path: of the state.
        accelerator: of the run.
        model: as `accelerator` prepared it.
        optimiser: of the prepared model.
        recipe: what the state belongs to.
        step: steps that are done.

    Raises:
        StorageFull: it cannot be written.
    """
    weights, moments = get_state_dict(model, optimiser, options=_WRITE)
    generators = gather_object([_generators()])
    if accelerator.is_main_process:
        content = {
            "recipe": recipe,
            "step": step,
            "processes": accelerator.num_processes,
            "weights": weights,
            "optimiser": moments,
            "generators": generators,
        }
        buffer = io.BytesIO()
        torch.save(content, buffer)
        atomic_write(path, buffer.getvalue())
    accelerator.wait_for_everyone()


def load_state(
    path: Path, accelerator: Accelerator, model: nn.Module, optimiser: torch.optim.Optimizer, recipe: str
) -> int:
    """Restore what `save_state` wrote.

    Args:
        path: of the state.
        accelerator: of the run.
        model: as `accelerator` prepared it.
        optimiser: of the prepared model.
        recipe: what the state must belong to.

    Returns:
        steps that are done; 0 where there is no state.

    Raises:
        CheckpointError: the state belongs to another recipe or number of devices, or is damaged.
    """
    if not path.exists():
        return 0
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        _check(path, content, recipe, accelerator.num_processes)
        options = StateDictOptions(full_state_dict=True, cpu_offload=True, ignore_frozen_params=True, strict=False)
        unmatched = set_state_dict(
            model,
            optimiser,
            model_state_dict=content["weights"],
            optim_state_dict=content["optimiser"],
            options=options,
        )
        lacking = [name for name, weight in model.named_parameters() if weight.requires_grad]
        lacking = [name for name in lacking if name in set(unmatched.missing_keys)]
        if lacking or unmatched.unexpected_keys:
            raise CheckpointError(f"{path} holds other weights.", hint="Choose another --out, or delete that file.")
        _restore_generators(content["generators"][accelerator.process_index])
    except FoodbenchError:
        raise
    except Exception as error:  # torch.load raises almost anything on damaged bytes
        raise CheckpointError(
            f"{path} cannot be read: {type(error).__name__}.", hint="Delete it to start anew."
        ) from error
    return int(content["step"])


def _check(path: Path, content: dict[str, Any], recipe: str, processes: int) -> None:
    if content["recipe"] != recipe:
        raise CheckpointError(f"{path} belongs to another recipe.", hint="Choose another --out, or delete that folder.")
    if content["processes"] != processes:
        raise CheckpointError(
            f"{path} was written by {content['processes']} processes; these are {processes}.",
            hint="Go on with as many devices, or choose another --out: dropout would differ.",
        )


def _generators() -> dict[str, Any]:
    """The state of this process's generators, in types that load without running code."""
    name, keys, *rest = np.random.get_state(legacy=True)
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state() if torch.cuda.is_available() else None,
        "numpy": (name, torch.from_numpy(np.asarray(keys).astype(np.int64)), *rest),
        "python": random.getstate(),
    }


def _restore_generators(state: dict[str, Any]) -> None:
    torch.set_rng_state(state["torch"])
    if state["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))
    random.setstate(state["python"])
