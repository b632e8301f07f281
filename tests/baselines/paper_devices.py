"""One process of two that train under FSDP2 on the CPU: run by `test_paper_devices.py` with torchrun.

accelerate offers FSDP2 on GPUs only; here it is told that these two are some.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import torch
import yaml
from accelerate import Accelerator, DistributedType
from accelerate.state import AcceleratorState
from accelerate.utils import FullyShardedDataParallelPlugin

from baselines.foodlmm.paper import training
from tests.baselines.paper_model import Menu, settings

CONFIG = Path(training.__file__).parent / "accelerate" / "fsdp2.yaml"


def sharded() -> Accelerator:
    """What accelerate makes of `fsdp2.yaml`, on two CPU processes."""
    accelerator = Accelerator(cpu=True, mixed_precision="no")
    given: dict[str, Any] = yaml.safe_load(CONFIG.read_text())["fsdp_config"]
    plugin = FullyShardedDataParallelPlugin(
        fsdp_version=given["fsdp_version"],
        auto_wrap_policy=given["fsdp_auto_wrap_policy"].lower(),
        transformer_cls_names_to_wrap=given["fsdp_transformer_layer_cls_to_wrap"].split(","),
        reshard_after_forward=given["fsdp_reshard_after_forward"],
        cpu_ram_efficient_loading=given["fsdp_cpu_ram_efficient_loading"],
        state_dict_type=given["fsdp_state_dict_type"],
    )
    state = AcceleratorState._shared_state
    state["distributed_type"], state["fsdp_plugin"] = DistributedType.FSDP, plugin
    return accelerator


def main(start: Path, out: Path, how: str, stop_after: int | None) -> None:
    recipe = settings(start, optimiser={"batch": 4}, workers=0)
    accelerator = sharded() if how == "fsdp2" else training.make_accelerator()
    trainer = training.Trainer(recipe, Menu(), out, accelerator=accelerator)
    if how == "fsdp2":
        weight = trainer.model.model.model.language_model.layers[0].self_attn.q_proj.lora_B["default"].weight
        assert isinstance(weight, torch.distributed.tensor.DTensor)
    assert accelerator.num_processes == 2
    trainer.run(stop_after)
    accelerator.end_training()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]) if len(sys.argv) > 4 else None)
