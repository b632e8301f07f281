"""What is counted and timed: FLOPs by hand, peaks by name, rates, the record of a run, the timing of generation."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from baselines.foodlmm import bench_generation, train
from baselines.foodlmm.devices import Placement
from baselines.foodlmm.packing import Packer
from baselines.foodlmm.plates import Plates
from baselines.foodlmm.progress import Reporter
from baselines.foodlmm.throughput import Meter, describe, peak_flops, peak_memory
from baselines.foodlmm.training import Trainer
from foodbench.models.foodlmm import FoodLMMConfig
from tests.models.foodlmm.conftest import TinyFoodLMM, tiny_settings

CPU = Placement(torch.device("cpu"))
GPU = Placement(torch.device("cuda"), "bf16")


def test_flops_of_two_linear_layers() -> None:
    first, second = torch.nn.Linear(8, 16), torch.nn.Linear(16, 3, bias=False)
    rows = torch.ones(4, 8)
    meter = Meter()
    meter.count(lambda: second(first(rows)).sum().backward())
    one, two = 2 * 4 * 8 * 16, 2 * 4 * 16 * 3  # a product of (rows, in) and (in, out): rows * in * out, twice
    # Forward; the gradient of each weight; the gradient of what the second layer was given.
    assert meter.flops == (one + two) + (one + two) + two
    meter.count(lambda: pytest.fail("counted twice"))


@pytest.mark.parametrize(
    ("name", "peak"),
    [
        ("NVIDIA A100-SXM4-80GB", 312e12),
        ("NVIDIA A100-PCIE-40GB", 312e12),
        ("NVIDIA A100 80GB PCIe", 312e12),
        ("NVIDIA H100 80GB HBM3", 989e12),
        ("NVIDIA H200", 989e12),
        ("NVIDIA L40S", 362e12),
        ("NVIDIA GeForce RTX 4090", 165e12),
        ("NVIDIA GeForce RTX 4090 D", None),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", None),
        ("NVIDIA A100-SXM4-40GB MIG 1g.5gb", None),
        ("NVIDIA L40", None),
    ],
)
def test_peaks_are_those_of_the_very_device(monkeypatch: pytest.MonkeyPatch, name: str, peak: float | None) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: name)
    assert peak_flops(GPU) == peak
    assert peak_flops(Placement(GPU.device, "fp32")) is None  # another peak
    assert peak_flops(CPU) is None


def test_rates_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA H200")
    meter = Meter(steps=10, seconds=4.0, images=320, tokens=160_000, flops=20 * 10**12, peak_memory=3 * 2**30)
    record = meter.record(GPU)
    assert record["images_per_second"] == 80
    assert record["tokens_per_second"] == 40_000
    assert record["model_flops_per_second"] == 50e12
    assert record["model_flop_utilisation"] == pytest.approx(50 / 989, abs=1e-4)
    assert describe("joint", record) == (
        "joint on NVIDIA H200 in bf16: 80.0 images/s, 40,000 tokens/s, 20.000 TFLOP per step, 50.00 TFLOP/s, "
        "5.1 % of peak, 3.00 GiB at most"
    )
    assert "not known % of peak" in describe("joint", meter.record(CPU))
    json.dumps(record)


def test_the_first_step_of_a_call_is_not_timed_and_a_state_goes_on() -> None:
    meter = Meter()
    for _ in range(3):
        meter.begin()
        meter.end(images=2, tokens=7)
    assert (meter.steps, meter.images, meter.tokens) == (2, 4, 14)
    again = Meter.from_state(json.loads(json.dumps(meter.state())))
    assert again.state() == meter.state()
    again.begin()
    again.end(images=2, tokens=7)
    assert again.steps == 2
    assert Meter().record(CPU)["images_per_second"] is None


def test_memory_of_the_process_is_in_bytes() -> None:
    assert (peak_memory(CPU.device) or 0) > 50 * 2**20


def test_padding_is_not_counted_as_tokens(tiny: TinyFoodLMM, plates: Plates) -> None:
    turns = Packer(plates, tiny.processor, tiny.model.roles(), tiny_settings().joint).turns(
        np.arange(6), np.random.default_rng(1)
    )
    assert turns.tokens == int((turns.input_ids != tiny.processor.tokenizer.pad_token_id).sum())
    assert turns.tokens < turns.input_ids.numel()


def test_counting_changes_nothing_and_survives_an_interruption(
    tmp_path: Path, plates: Plates, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Trainer(tiny_settings(), plates, tmp_path / "counted", Reporter()).run()
    for steps in (2, 3):
        Trainer(tiny_settings(), plates, tmp_path / "parts", Reporter()).run(stop_after=steps)
    parts = Trainer(tiny_settings(), plates, tmp_path / "parts", Reporter()).run().throughput
    assert {name: record["steps_timed"] for name, record in counted.throughput.items()} == {"pretrain": 2, "joint": 3}
    assert {name: record["steps_timed"] for name, record in parts.items()} == {"pretrain": 1, "joint": 2}
    for name, record in counted.throughput.items():
        assert record["model_flops_per_step"] == parts[name]["model_flops_per_step"] > 1e6
    monkeypatch.setattr(Meter, "count", lambda self, passes: None)
    bare = Trainer(tiny_settings(), plates, tmp_path / "bare", Reporter()).run()
    for name, value in bare.model.state_dict().items():
        assert torch.equal(value, counted.model.state_dict()[name]), name


def test_a_run_writes_its_throughput_down_and_tells_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(tiny_settings(precision="bf16").model_dump(mode="json", exclude={"start_from"})))
    assert train.main(["--config", str(recipe), "--out", str(tmp_path / "out"), "--workers", "1"]) == 0
    record = json.loads((tmp_path / "out" / "checkpoint" / "training.json").read_text())
    assert record["settings"]["precision"] == "bf16"
    assert set(record["throughput"]) == {"pretrain", "joint"}
    joint = record["throughput"]["joint"]
    assert joint["tokens_per_second"] > 0
    assert joint["model_flop_utilisation"] is None
    assert record["throughput"]["pretrain"]["tokens_per_second"] is None
    assert "joint on cpu in bf16" in capsys.readouterr().err


def test_generation_is_timed_at_the_tiny_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "bench.json"
    given = ["--size", "tiny", "--device", "cpu", "--batches", "1,3", "--requests", "5", "--new-tokens", "4"]
    assert bench_generation.main([*given, "--repeats", "1", "--out", str(out)]) == 0
    record = json.loads(out.read_text())
    assert [row["batch"] for row in record["timings"]] == [1, 3]
    assert len(set(record["prompt_tokens"])) > 1  # batches hold padding
    assert record["timings"][0]["times_the_loop"] == 1
    assert all(row["samples_per_second"] > 0 for row in record["timings"])
    assert "1 (loop)" in capsys.readouterr().out


def test_the_papers_size_needs_a_gpu(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert bench_generation.main(["--size", "paper"]) == 2
    assert "--size tiny" in capsys.readouterr().err


def test_the_papers_size_is_as_large_as_the_error_says() -> None:
    with torch.device("meta"):
        model = bench_generation.FoodLMMForConditionalGeneration(FoodLMMConfig.paper())
    assert sum(parameter.numel() for parameter in model.parameters()) == pytest.approx(7.7e9, rel=0.01)
