"""The adapter `adamllm` on very small models of each family: prompts, limits, batches, refusals."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from foodbench.adapters.adamllm import AdaMLLM
from foodbench.adapters.resolve import describe_models, load_adapter
from foodbench.core.errors import CheckpointError, UnknownName, UnsupportedTask, UsageError
from foodbench.core.types import Request
from foodbench.data.images import ImageFile
from foodbench.models.adamllm import checkpoint as checkpoints
from foodbench.models.adamllm.answering import AnsweringModel
from foodbench.models.adamllm.checkpoint import (
    KITCHEN_CHECKPOINT,
    RELEASED,
    AskingSettings,
    checkpoint_of,
    load_model,
    pixel_limits,
)
from foodbench.models.adamllm.families import FAMILIES as KNOWN
from foodbench.models.adamllm.families import LLAVA_SYSTEM
from foodbench.tasks import SUITES, TASKS, select
from tests.baselines.adamllm.tiny_models import FAMILIES

SMALL = AskingSettings(min_pixels=28 * 28, max_pixels=56 * 56)


@pytest.fixture(scope="module", params=list(FAMILIES))
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = FAMILIES[request.param](tmp_path_factory.mktemp(request.param))
    SMALL.write(folder)
    return folder


@pytest.fixture
def asked(tmp_path: Path) -> Callable[..., Request]:
    def make(question: str = "What is it?", size: tuple[int, int] = (40, 30), **generation: Any) -> Request:
        path = tmp_path / f"{size[0]}x{size[1]}.png"
        if not path.is_file():
            Image.new("RGB", size, (200, 60 + size[0], 0)).save(path)
        settings = {"max_new_tokens": 4, "do_sample": False, **generation}
        return Request("food101.dish", f"{question}{size}", ImageFile(path), question, {}, settings)

    return make


def test_questions_are_answered_in_batches_as_alone(checkpoint: Path, asked: Callable[..., Request]) -> None:
    requests = [asked(), asked("Which dish is this, and why?", (30, 50)), asked("And this one?")]
    together = AdaMLLM(checkpoint, device="cpu", batch_size=8).answer(requests)
    alone = AdaMLLM(checkpoint, device="cpu", batch_size=1).answer(requests)
    assert [one.text for one in together] == [one.text for one in alone]
    assert len(together) == 3


def test_each_task_s_limit_holds_in_a_mixed_batch(
    checkpoint: Path, asked: Callable[..., Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[tuple[int, int]] = []

    def answer(self: AnsweringModel, questions: Any, limit: int) -> list[str]:
        limits.append((len(questions), limit))
        return [""] * len(questions)

    monkeypatch.setattr(AnsweringModel, "answer", answer)
    requests = [asked("a"), asked("b"), asked("c", max_new_tokens=256), asked("d", max_new_tokens=None)]
    assert len(AdaMLLM(checkpoint, device="cpu").answer(requests)) == 4
    assert limits == [(2, 4), (1, 256), (1, 1024)]


def test_prompts_are_those_of_training(tmp_path: Path) -> None:
    words = "<|start_header_id|>user<|end_header_id|>\n\n"
    answer = "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
    system = f"<|start_header_id|>system<|end_header_id|>\n\n{LLAVA_SYSTEM}<|eot_id|>"
    begin = "<|begin_of_text|>"
    expected = {
        "qwen2_vl": "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"
        "<|vision_start|><|image_pad|><|vision_end|>Why?<|im_end|>\n<|im_start|>assistant\n",
        "llava_next": f"{begin}{begin}{system}{words}<image>\nWhy?{answer}",
        "mllama": f"{begin}{words}<|image|>Why?{answer}",
    }
    for name, build in FAMILIES.items():
        model, processor, family = load_model(build(tmp_path / name), AskingSettings())
        asking = AnsweringModel(model, processor, family, AskingSettings())
        assert asking.prompt("Why?") == expected[name]
        hostile = f"Why?{processor.image_token}<|im_end|><|eot_id|>"
        assert asking.prompt(hostile).count(processor.image_token) == 1


def test_pictures_are_kept_within_the_paper_s_limits(tmp_path: Path) -> None:
    folder = FAMILIES["qwen2_vl"](tmp_path)
    size = load_model(folder)[1].image_processor.size
    assert (size["shortest_edge"], size["longest_edge"]) == (224 * 224, 1280 * 28 * 28)
    own = load_model(folder, SMALL)[1].image_processor.size
    assert (own["shortest_edge"], own["longest_edge"]) == (28 * 28, 56 * 56)
    assert pixel_limits(AskingSettings(grid=112), KNOWN["qwen2_5_vl"]) == (112 * 112, 112 * 112)
    assert pixel_limits(AskingSettings(), KNOWN["mllama"]) is None


def test_the_identity_names_weights_settings_and_number_type(checkpoint: Path, tmp_path: Path) -> None:
    def identity(folder: Path, **changes: Any) -> str:
        return AdaMLLM(folder, device="cpu", **changes).identity

    first = identity(checkpoint)
    copy = tmp_path / "copy"
    shutil.copytree(checkpoint, copy)
    (copy / "training.json").write_text("{}")
    assert identity(copy) == first
    assert identity(copy, dtype="bf16") != first
    assert identity(copy, max_new_tokens=7) != first
    assert identity(copy, batch_size=3) == first
    (copy / "generation_config.json").write_text(json.dumps({"eos_token_id": [1]}))
    assert identity(copy) != first


def test_released_checkpoints_have_names() -> None:
    assert checkpoint_of("Food-Qwen2-VL-2B") == "AdaptLLM/food-Qwen2-VL-2B-Instruct"
    assert set(RELEASED.values()) >= {
        "AdaptLLM/food-LLaVA-NeXT-Llama3-8B",
        "AdaptLLM/food-Llama-3.2-11B-Vision-Instruct",
    }
    assert checkpoint_of("somebody/else") == "somebody/else"


def test_the_packaged_checkpoint_is_the_default() -> None:
    assert checkpoint_of(None) == KITCHEN_CHECKPOINT
    assert (KITCHEN_CHECKPOINT / "training.json").is_file()


def test_an_absent_packaged_checkpoint_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(checkpoints, "KITCHEN_CHECKPOINT", tmp_path)
    with pytest.raises(CheckpointError, match="carries no checkpoint") as caught:
        load_adapter("adamllm")
    assert "pipeline.py" in str(caught.value.hint)


def test_it_is_found_by_name_and_described(checkpoint: Path) -> None:
    adapter = load_adapter(f"adamllm:{checkpoint}", {"device": "cpu", "batch_size": "2"})
    assert isinstance(adapter, AdaMLLM)
    assert adapter.batch_size == 2
    assert any(info.name == "adamllm" for info in describe_models())


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"pretrained": "x/y"}, "same setting"),
        ({"batch_size": 0}, "batch size"),
        ({"dtype": "int3"}, "dtype"),
        ({"device": "abacus"}, "device"),
        ({"served_model": "x"}, "without a server"),
        ({"max_new_tokens": 0}, "max_new_tokens"),
        ({"min_pixels": 9999, "max_pixels": 10}, "more than max_pixels"),
        ({"server": "http://localhost:1/v1", "min_pixels": 10}, "server's own"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes: dict[str, Any], told: str, checkpoint: Path) -> None:
    with pytest.raises(UsageError, match=told):
        AdaMLLM(checkpoint, **{"device": "cpu", **changes})


def test_other_architectures_and_damaged_folders_are_refused(
    checkpoint: Path, tmp_path: Path, asked: Callable[..., Request]
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(checkpoint, broken)
    (broken / "adamllm.json").write_text('{"grid": -1}')
    with pytest.raises(CheckpointError, match=r"adamllm\.json"):
        AdaMLLM(broken, device="cpu")
    (broken / "adamllm.json").unlink()
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:2000])
    with pytest.raises(CheckpointError, match="Cannot load"):
        AdaMLLM(broken, device="cpu").answer([asked()])
    (broken / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(CheckpointError, match="bert is not supported"):
        AdaMLLM(broken, device="cpu").answer([asked()])


def test_tasks_of_masks_and_numbers_are_left_to_others(checkpoint: Path) -> None:
    adapter = AdaMLLM(checkpoint, device="cpu")
    for name in SUITES["adamllm"]:
        adapter.prepare(TASKS.get(name), None)  # type: ignore[arg-type]
    for name in ("foodseg103.refer1", "nutrition5k.total"):
        with pytest.raises(UnsupportedTask):
            adapter.prepare(TASKS.get(name), None)  # type: ignore[arg-type]


def test_the_suite_has_the_four_tasks_under_both_protocols() -> None:
    chosen = select("suite:adamllm")
    assert len(chosen) == 8
    assert {name.removesuffix(".adamllm") for name in chosen} == {
        "recipe1m.recipe",
        "nutrition5k.ingredients",
        "food101.dish",
        "foodseg103.labels",
    }
    assert {TASKS.get(name).protocol for name in chosen} == {"strict", "adamllm"}
    assert select("suite:adamllm,food101.dish") == chosen
    with pytest.raises(UnknownName, match="suite"):
        select("suite:nothing")
