"""The size for one GPU: its recipes, device and arithmetic, batches made ahead of time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from baselines.foodlmm import train
from baselines.foodlmm.batches import BatchSource
from baselines.foodlmm.building import build_config, build_processor
from baselines.foodlmm.devices import Placement, resolve_device
from baselines.foodlmm.losses import joint_losses
from baselines.foodlmm.plates import Plates
from baselines.foodlmm.progress import Reporter
from baselines.foodlmm.publish import save_checkpoint
from baselines.foodlmm.settings import ModelSettings, TrainSettings, load_settings
from baselines.foodlmm.training import Trainer
from foodbench.core.errors import CheckpointError, UsageError
from foodbench.data.kitchen.dishes import MAX_INGREDIENTS
from foodbench.models.foodlmm import FoodLMMForConditionalGeneration
from tests.models.foodlmm.conftest import SCALE, TINY, TinyFoodLMM, tiny_settings

FOLDER = Path(__file__).parents[3] / "baselines" / "foodlmm" / "single_gpu"
NAMES = ("finetune_nutrition", "finetune_refer", "stage1", "stage2")
KITCHEN = FOLDER.parent / "kitchen"


def equal(first: torch.nn.Module, second: torch.nn.Module) -> bool:
    mine, theirs = first.state_dict(), second.state_dict()
    return mine.keys() == theirs.keys() and all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_the_recipes_load_and_belong_together() -> None:
    assert tuple(sorted(path.stem for path in FOLDER.glob("*.yaml"))) == NAMES
    recipes = {name: load_settings(FOLDER / f"{name}.yaml") for name in NAMES}
    stage1 = recipes["stage1"]
    assert stage1.model is not None
    for name, settings in recipes.items():
        assert (settings.device, settings.precision) == ("cuda", "bf16")
        assert settings.data == stage1.data
        assert settings.joint is not None
        assert stage1.model.image_tokens < settings.joint.row_tokens <= stage1.model.max_positions
        if name != "stage1":
            assert str(settings.start_from) == "runs/single-gpu-stage1/checkpoint"
            kitchen = load_settings(KITCHEN / f"{name}.yaml").joint
            assert kitchen is not None
            assert settings.joint.families == kitchen.families


def test_the_model_has_a_hundred_to_three_hundred_million_weights_and_its_parts_are_in_proportion() -> None:
    settings = load_settings(FOLDER / "stage1.yaml").model
    assert settings is not None
    processor = build_processor(settings, seed=0)
    with torch.device("meta"):
        model = FoodLMMForConditionalGeneration(build_config(settings, processor, SCALE))

    def count(part: torch.nn.Module) -> int:
        return sum(parameter.numel() for parameter in part.parameters())

    assert 100e6 <= count(model) <= 300e6
    assert count(model.model.language_model) > count(model.sam.vision_encoder) > 20e6
    assert count(model.model.vision_tower) > 20e6
    assert settings.max_segments == MAX_INGREDIENTS
    assert model.config.sam_config.vision_config.global_attn_indexes == [2, 5, 8, 11]  # as in SAM's ViT-B


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"clip_patch": 12}, r"image_size \(32\) must be a multiple of clip_patch \(12\)"),
        ({"sam_window": 3}, r"image_size / sam_patch \(4\) must be a multiple of sam_window \(3\)"),
        ({"sam_patch": 2, "sam_window": 4}, "sam_patch"),
        ({"text_heads": 32}, "rotary"),
        ({"clip_heads": 3}, "clip_heads"),
        ({"sam_heads": 3}, "sam_heads"),
        ({"mask_heads": 3}, "mask_heads"),
        ({"mask_channels": 12, "mask_heads": 2}, "narrows"),
        ({"sam_global_layers": 3}, "sam_global_layers"),
    ],
)
def test_shapes_that_do_not_fit_are_refused_with_the_reason(change: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ModelSettings.model_validate(TINY.model_dump() | change)


def test_a_row_holds_a_picture_and_no_more_than_the_positions() -> None:
    joint = tiny_settings().joint
    assert joint is not None
    for tokens in (4, 513):
        with pytest.raises(ValueError, match="row_tokens"):
            tiny_settings(joint=joint.model_dump() | {"row_tokens": tokens})


def test_a_device_that_is_not_there_is_an_error_before_anything_is_rendered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert train.main(["--config", str(FOLDER / "stage1.yaml"), "--out", str(tmp_path)]) == 2
    assert "PyTorch sees 0 GPUs" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    assert resolve_device("auto") == torch.device("cpu")
    with pytest.raises(UsageError, match="Unknown device"):
        resolve_device("gpu")
    with pytest.raises(ValueError, match="device"):
        tiny_settings(device="gpu")


def test_batches_made_by_other_processes_are_the_same(tmp_path: Path, plates: Plates) -> None:
    here = Trainer(tiny_settings(), plates, tmp_path / "here", Reporter()).run()
    ahead = Trainer(tiny_settings(), plates, tmp_path / "ahead", Reporter(), loaders=2)
    ahead.run(stop_after=5)
    ahead = Trainer(tiny_settings(), plates, tmp_path / "ahead", Reporter(), loaders=1)
    assert equal(here.model, ahead.run().model)


def test_bf16_multiplies_in_bfloat16_and_reads_out_in_float32(
    tmp_path: Path, tiny: TinyFoodLMM, plates: Plates
) -> None:
    settings = tiny_settings()
    trainer = Trainer(settings, plates, tmp_path, Reporter())
    source = BatchSource(plates, trainer.processor, trainer.model.roles(), settings.joint, 0)
    batch = next(batch for batch in map(source.__getitem__, range(9)) if len(batch.turns.segments))
    seen: dict[str, torch.dtype] = {}
    for name in ("lm_head", "text_fc", "sam.mask_decoder.upscale_conv2"):
        trainer.model.get_submodule(name).register_forward_hook(
            lambda module, given, output, name=name: seen.__setitem__(name, output.dtype)
        )
    losses = {}
    for precision in ("fp32", "bf16"):
        placement = Placement(torch.device("cpu"), precision)
        with torch.no_grad():
            losses[precision] = joint_losses(
                trainer.model, trainer.scaffold, batch.images, batch.turns, settings.joint, placement
            )
    assert seen == {
        "lm_head": torch.bfloat16,
        "text_fc": torch.float32,
        "sam.mask_decoder.upscale_conv2": torch.bfloat16,
    }
    assert losses["bf16"].keys() == losses["fp32"].keys()
    for name, value in losses["bf16"].items():
        assert value.dtype == torch.float32
        if name != "ciou":
            assert value.item() == pytest.approx(losses["fp32"][name].item(), rel=0.03), name
    assert losses["bf16"]["text"] != losses["fp32"]["text"]


def test_an_interrupted_bf16_run_ends_like_an_uninterrupted_one(tmp_path: Path, plates: Plates) -> None:
    settings = tiny_settings(precision="bf16")
    whole = Trainer(settings, plates, tmp_path / "whole", Reporter()).run()
    for steps in (2, 3):
        Trainer(settings, plates, tmp_path / "parts", Reporter()).run(stop_after=steps)
    parts = Trainer(settings, plates, tmp_path / "parts", Reporter()).run()
    assert equal(whole.model, parts.model)
    assert equal(whole.scaffold, parts.scaffold)
    assert {parameter.dtype for parameter in parts.model.parameters()} == {torch.float32}
    other = Trainer(tiny_settings(), plates, tmp_path / "fp32", Reporter()).run()
    assert not equal(whole.model, other.model)


def test_a_state_goes_on_elsewhere_but_not_in_another_arithmetic(tmp_path: Path, plates: Plates) -> None:
    Trainer(tiny_settings(device="cpu"), plates, tmp_path, Reporter()).run(stop_after=2)
    path = tmp_path / "state.pt"
    state = torch.load(path, weights_only=True)
    old = json.loads(state["settings"]) | {"device": "cuda:7"}
    del old["precision"]  # as before there was that setting
    torch.save(state | {"settings": json.dumps(old)}, path)
    with pytest.raises(CheckpointError, match="another recipe"):
        Trainer(tiny_settings(precision="bf16"), plates, tmp_path, Reporter()).run()
    resumed = Trainer(tiny_settings(), plates, tmp_path, Reporter()).run()
    whole = Trainer(tiny_settings(), plates, tmp_path / "whole", Reporter()).run()
    assert equal(whole.model, resumed.model)


def test_a_checkpoint_for_pictures_of_another_size_is_refused(
    tmp_path: Path, tiny: TinyFoodLMM, plates: Plates
) -> None:
    save_checkpoint(tiny.model, tiny.processor, tmp_path)
    plain = tiny_settings().model_dump(mode="json") | {"model": None, "pretrain": None, "start_from": str(tmp_path)}
    plain["data"]["side"] = 64
    with pytest.raises(UsageError, match="32 px"):
        Trainer(TrainSettings.model_validate(plain), plates, tmp_path, Reporter())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_run_on_a_gpu_is_saved_and_goes_on_there_and_on_a_cpu(tmp_path: Path, plates: Plates) -> None:
    settings = tiny_settings(device="cuda", precision="bf16")
    Trainer(settings, plates, tmp_path, Reporter(), loaders=1).run(stop_after=4)
    outcome = Trainer(settings, plates, tmp_path, Reporter(), loaders=1).run(stop_after=2)
    assert outcome.model.device.type == "cuda"
    assert outcome.throughput["joint"]["peak_memory_bytes"] > 0
    finished = Trainer(tiny_settings(precision="bf16"), plates, tmp_path, Reporter()).run()
    assert finished.model.device.type == "cpu"
    save_checkpoint(finished.model, finished.processor, tmp_path / "checkpoint")
    assert load_file(tmp_path / "checkpoint" / "model.safetensors")
