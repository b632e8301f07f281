"""Training of the paper-size model, on a small model of the same layout."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from baselines.foodlmm.paper import building
from baselines.foodlmm.paper.collating import Collator, ExampleUnusable
from baselines.foodlmm.paper.losses import LossModel
from baselines.foodlmm.paper.mixtures import MIXTURES
from baselines.foodlmm.paper.publishing import merged
from baselines.foodlmm.paper.settings import LossWeights, learning_rate, load_settings
from baselines.foodlmm.paper.train import main
from baselines.foodlmm.paper.training import Trainer, TrainingDiverged
from foodbench.adapters.foodlmm import FoodLMM, load_checkpoint
from foodbench.core.errors import CheckpointError, UsageError
from foodbench.core.types import Request
from foodbench.models.foodlmm import FoodLMMConfig, FoodLMMForConditionalGeneration
from tests.baselines.paper_model import Menu, Noise, begun, converted, examples, settings, unusable
from tests.conftest import REPOSITORY
from tests.models.released_layout import ReleasedCheckpoint, added_tokens

CONFIGS = REPOSITORY / "baselines" / "foodlmm" / "paper" / "configs"
RECIPES = (*sorted(CONFIGS.glob("*.yaml")), REPOSITORY / "baselines" / "lisa" / "paper.yaml")


def stir(model: LossModel) -> None:
    """Adapters begin without effect; give them one."""
    generator = torch.Generator().manual_seed(8)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.normal_(0, 0.1, generator=generator)


@pytest.mark.parametrize("embeddings", [True, False])
def test_trained_parameters(small: tuple[ReleasedCheckpoint, Path], embeddings: bool) -> None:
    model, _ = begun(settings(small[1], model={"train_embeddings": embeddings}))
    names = set(building.trainable(model.model))
    adapters = {
        f"model.language_model.layers.{layer}.self_attn.{matrix}_proj.lora_{side}.default.weight"
        for layer in range(2)
        for matrix in "qv"
        for side in "AB"
    }
    assert {name for name in names if "lora" in name} == adapters
    rest = names - adapters
    tables = {"model.language_model.embed_tokens.weight", "lm_head.weight"}
    assert rest & tables == (tables if embeddings else set())
    assert {name.split(".")[0] for name in rest - tables} == {"sam", "text_fc", "heads"}
    assert all(name.startswith("sam.mask_decoder.") for name in rest if name.startswith("sam."))
    decoder = {f"sam.mask_decoder.{name}" for name, _ in model.model.sam.mask_decoder.named_parameters()}
    assert decoder < rest
    assert sum(name.startswith("heads.") for name in rest) == 20
    assert not model.model.model.vision_tower.training
    assert not model.model.sam.vision_encoder.training


def test_numbers_of_trained_parameters_at_the_papers_size() -> None:
    with torch.device("meta"):
        model = FoodLMMForConditionalGeneration(FoodLMMConfig.paper())
        building.prepare(model, settings(Path("unused"), model={"lora": {}}).model, 0)
    counts: dict[str, int] = {}
    for name, weight in building.trainable(model).items():
        part = "lora" if "lora_" in name else name.rsplit(".", 1)[0] if "embed" in name else name.split(".")[0]
        counts[part] = counts.get(part, 0) + weight.numel()
    assert counts == {
        "lora": 64 * (4096 * 8 * 2),  # 4,194,304
        "sam": 4_058_340,  # the original SAM's mask decoder
        "text_fc": 4096 * 4096 + 4096 + 4096 * 256 + 256,
        "heads": 10 * 257,
        "model.language_model.embed_tokens": 32129 * 4096,
        "lm_head": 32129 * 4096,
    }


def test_bfloat16_keeps_trained_weights_and_losses_in_float32(
    small: tuple[ReleasedCheckpoint, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    exact, collator = begun(settings(small[1]))
    model, _ = begun(settings(small[1], model={"precision": "bf16"}))
    seen: list[torch.dtype] = []
    heads = model.model.predict_nutrition

    def spy(*inputs: torch.Tensor) -> torch.Tensor:
        values = heads(*inputs)
        seen.append(values.dtype)
        return values

    monkeypatch.setattr(model.model, "predict_nutrition", spy)
    batch = collator(examples())
    losses = model(batch)
    losses["total"].backward()
    assert all(loss.dtype == torch.float32 for loss in losses.values())
    assert seen == [torch.float32]
    for weight in building.trainable(model).values():
        assert weight.dtype == weight.grad.dtype == torch.float32
    assert model.model.model.vision_tower.dtype == torch.bfloat16
    assert float(losses["total"].detach()) == pytest.approx(float(exact(batch)["total"].detach()), rel=0.05)


def test_merged_adapters_answer_like_separate_ones(small: tuple[ReleasedCheckpoint, Path], tmp_path: Path) -> None:
    trainer = Trainer(settings(small[1]), Menu(), tmp_path)
    stir(trainer.model)
    plain_model, _ = load_checkpoint(small[1])
    trainer.publish(4)
    reloaded, processor = load_checkpoint(tmp_path / "checkpoint")
    batch = Collator(processor)(examples())
    weights = LossWeights()
    with torch.no_grad():
        separate = {name: float(value) for name, value in trainer.model.eval()(batch).items()}
        together = {name: float(value) for name, value in LossModel(reloaded, weights).eval()(batch).items()}
        before = {name: float(value) for name, value in LossModel(plain_model, weights).eval()(batch).items()}
    assert separate == pytest.approx(together, rel=1e-5)
    assert abs(before["text"] - together["text"]) > 1e-3
    ours = merged(trainer.model.model.state_dict(), settings(small[1]).model.lora)
    layer = trainer.model.model.model.language_model.layers[1].self_attn.v_proj
    layer.merge()
    assert torch.allclose(ours["model.language_model.layers.1.self_attn.v_proj.weight"], layer.base_layer.weight)


def run_files(folder: Path) -> tuple[dict[str, Any], list[dict[str, str]], dict[str, torch.Tensor]]:
    state = torch.load(folder / "state.pt", weights_only=True)
    with (folder / "log.csv").open() as stream:
        rows = [{k: v for k, v in row.items() if "second" not in k} for row in csv.DictReader(stream)]
    return state, rows, load_file(folder / "checkpoint" / "model.safetensors")


def same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(same(*pair) for pair in zip(one, other, strict=True))
    return one == other


def test_an_interrupted_run_ends_bit_for_bit_like_a_whole_one(
    small: tuple[ReleasedCheckpoint, Path], tmp_path: Path
) -> None:
    recipe = settings(small[1], dropout=0.4)
    Trainer(recipe, Menu(), tmp_path / "whole").run()
    # Killed after the third step, whose state was not saved.
    Trainer(recipe, Menu(), tmp_path / "torn").run(stop_after=3)
    assert torch.load(tmp_path / "torn" / "state.pt", weights_only=True)["step"] == 2
    torch.manual_seed(99)
    np.random.seed(99)
    random.seed(99)
    Trainer(recipe, Menu(), tmp_path / "torn").run()
    whole, torn = run_files(tmp_path / "whole"), run_files(tmp_path / "torn")
    assert torn[0].keys() == whole[0].keys()
    for name in whole[0]:
        assert same(torn[0][name], whole[0][name]), name
    assert torn[1] == whole[1]
    assert [row["step"] for row in whole[1]] == ["1", "2", "3", "4"]
    assert same(torn[2], whole[2])
    start = load_file(next(small[1].glob("*.safetensors")))
    changed = [name for name, weight in whole[2].items() if name in start and not torch.equal(weight, start[name])]
    assert {"lm_head.weight", "text_fc.0.weight", "heads.cal.weight"} <= set(changed)
    assert not any("vision" in name or "projector" in name or "prompt_encoder" in name for name in changed)
    assert (tmp_path / "whole" / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_accumulation_is_the_mean_of_micro_batches(small: tuple[ReleasedCheckpoint, Path], tmp_path: Path) -> None:
    recipe = settings(small[1], optimiser={"steps": 1, "batch": 3, "clip": 1e9})
    trainer = Trainer(recipe, Menu(), tmp_path)
    trainer.run()
    model, collator = begun(recipe)
    total = sum(model(collator([Menu().example_at(index)]))["total"] for index in range(3)) / 3
    total.backward()
    with (tmp_path / "log.csv").open() as stream:
        row = next(csv.DictReader(stream))
    assert float(row["total"]) == pytest.approx(float(total.detach()), rel=1e-5)
    gradients = [weight.grad.norm() for weight in building.trainable(model).values()]
    assert float(row["norm"]) == pytest.approx(float(torch.stack(gradients).norm()), rel=1e-4)
    assert float(row["rate"]) == 0  # the warm-up begins at zero


def test_published_folder_answers_through_the_adapter(small: tuple[ReleasedCheckpoint, Path], tmp_path: Path) -> None:
    recipe = settings(small[1], optimiser={"steps": 2}, publish_at=(1,))
    Trainer(recipe, Menu(), tmp_path).run()
    assert (tmp_path / "checkpoint-1" / "config.json").is_file()
    picture = Noise(5, (30, 44))
    slots = {"forced_answer": "the rice is masked as [SEG1] with [MASS1] grams."}
    request = Request("task", "1", picture, "what is the dish", slots, {"max_new_tokens": 3})
    answer = FoodLMM(tmp_path / "checkpoint", device="cpu").answer([request])[0]
    assert answer.text.startswith("the rice is masked as [SEG1] with")
    assert [mask.size for mask in answer.masks] == [(30, 44)]
    config = json.loads((tmp_path / "checkpoint" / "config.json").read_text())
    assert config["dtype"] == "float32"
    assert config["heads_dtype"] == "float32"


def test_stage_one_grows_a_lisa(small_lisa: tuple[ReleasedCheckpoint, Path], tmp_path: Path) -> None:
    released, folder = small_lisa
    recipe = settings(folder, optimiser={"steps": 1})
    trainer = Trainer(recipe, Menu(), tmp_path)
    grown = trainer.model.model
    tokens = added_tokens(nutrition=True)
    assert trainer.processor.tokenizer.get_added_vocab().items() >= tokens.items()
    assert grown.config.segment_token_ids == [tokens[f"[SEG{number}]"] for number in range(1, 21)]
    assert grown.config.nutrition_token_ids[7] == [tokens["[FAT_TOTAL]"]]
    assert grown.config.text_config.vocab_size == max(tokens.values()) + 1
    before = released.model.lm_head.weight
    assert torch.equal(grown.lm_head.weight[: len(before)], before)
    fresh = grown.lm_head.weight[len(before) :]
    assert len(fresh) == 125
    assert 0.01 < float(fresh.std()) < 0.03
    again, _ = building.begin(recipe.model, recipe.seed)
    assert same(dict(again.state_dict()), dict(grown.state_dict()))
    trainer.run()
    answer = FoodLMM(tmp_path / "checkpoint", device="cpu").answer(
        [Request("task", "1", Noise(5, (30, 44)), "what", {"forced_answer": "[SEG2] has [PRO_TOTAL]"}, {})]
    )[0]
    assert len(answer.masks) == 1
    assert answer.nutrition is not None
    assert answer.nutrition.protein is not None


@pytest.mark.parametrize("workers", [0, 1])
def test_errors_of_examples_reach_the_user_whole(
    small: tuple[ReleasedCheckpoint, Path], tmp_path: Path, workers: int
) -> None:
    menu = SimpleNamespace(example_at=lambda index: unusable(values=(2.0,)))
    with pytest.raises(ExampleUnusable, match=r"^menu, record 7: the example has 0 nutrition tokens") as caught:
        Trainer(settings(small[1], workers=workers), menu, tmp_path).run()
    assert "one mask or value" in caught.value.hint


def test_command_line_trains_on_the_kitchen(
    kitchen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, folder = converted(tmp_path / "start", context=8192)
    data = {"mixture": "finetune_nutrition", "edition": "kitchen"}
    recipe = settings(folder, optimiser={"steps": 2}, workers=1, data=data, publish_at=(1,))
    plain_recipe = json.loads(recipe.model_dump_json())
    plain_recipe["model"]["start_from"] = None
    (tmp_path / "recipe.yaml").write_text(json.dumps(plain_recipe))
    arguments = ["--config", str(tmp_path / "recipe.yaml"), "--out", str(tmp_path / "out")]
    monkeypatch.setattr("sys.argv", ["train.py", *arguments])
    assert main(arguments) == 2
    assert "--start-from DIR" in capsys.readouterr().err
    assert main([*arguments, "--start-from", str(folder)]) == 0
    record = json.loads((tmp_path / "out" / "checkpoint" / "training.json").read_text())
    assert record["step"] == 2
    assert record["examples"] == 4
    assert record["parameters"]["trained"] < record["parameters"]["all"]
    assert record["settings"]["data"] == data
    assert {"torch", "peft", "accelerate", "transformers"} <= record["versions"].keys()
    assert json.loads((tmp_path / "out" / "checkpoint-1" / "training.json").read_text())["step"] == 1
    load_checkpoint(tmp_path / "out" / "checkpoint")


def test_wrong_checkpoints_and_states(small: tuple[ReleasedCheckpoint, Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No checkpoint"):
        building.begin(settings(small[1], model={"start_from": None}).model, 0)
    with pytest.raises(CheckpointError, match="tokenizer of its own"):
        building.begin(settings(REPOSITORY / "foodbench" / "models" / "foodlmm" / "kitchen").model, 0)
    Trainer(settings(small[1], optimiser={"steps": 2}), Menu(), tmp_path).run()
    with pytest.raises(CheckpointError, match="another recipe"):
        Trainer(settings(small[1], seed=4, optimiser={"steps": 2}), Menu(), tmp_path).run()
    (tmp_path / "state.pt").write_bytes(b"torn")
    with pytest.raises(CheckpointError, match="cannot be read"):
        Trainer(settings(small[1], optimiser={"steps": 2}), Menu(), tmp_path).run()


def test_a_loss_that_is_no_number_stops_the_run(small: tuple[ReleasedCheckpoint, Path], tmp_path: Path) -> None:
    trainer = Trainer(settings(small[1]), Menu(), tmp_path)
    with torch.no_grad():
        trainer.model.model.lm_head.weight[5] = float("nan")
    with pytest.raises(TrainingDiverged, match="step 1"):
        trainer.run()
    assert not (tmp_path / "state.pt").exists()


@pytest.mark.parametrize(
    ("name", "micro", "batch", "steps", "decay"),
    [("stage1", 4, 160, 10500, 10500), ("stage2", 2, 80, 8000, 8500)],
)
def test_recipes_have_the_papers_numbers(name: str, micro: int, batch: int, steps: int, decay: int) -> None:
    recipe = load_settings(CONFIGS / f"{name}.yaml")
    plan = recipe.optimiser
    assert (plan.micro_batch, plan.batch, plan.steps, plan.decay_steps) == (micro, batch, steps, decay)
    assert plan.accumulation(4) == 10
    assert (plan.learning_rate, plan.betas, plan.weight_decay, plan.clip) == (3e-4, (0.9, 0.95), 0.0, 1.0)
    assert recipe.losses == LossWeights(text=1.0, bce=2.0, dice=0.5, nutrition=0.1, squared=0.001)
    assert (recipe.model.lora.rank, recipe.model.lora.alpha, recipe.model.lora.dropout) == (8, 16, 0.05)
    assert learning_rate(plan, 0) == 0
    assert learning_rate(plan, 50) == pytest.approx(1.5e-4)
    assert learning_rate(plan, 100) == pytest.approx(3e-4)
    assert learning_rate(plan, decay) == 0


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_is_valid(path: Path) -> None:
    recipe = load_settings(path)
    mixture = MIXTURES[recipe.data["mixture"]]
    assert mixture.architecture == recipe.model.architecture
    if path.stem.startswith(("finetune", "single")):
        assert mixture.name == path.stem
    assert recipe.model.precision == "bf16"
    assert recipe.optimiser.accumulation(1) >= recipe.optimiser.accumulation(4) >= 1


def test_every_mixture_of_one_task_has_a_recipe() -> None:
    single = {name for name in MIXTURES if name.startswith(("finetune", "single", "lisa"))}
    assert single <= {load_settings(path).data["mixture"] for path in RECIPES}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optimiser": {"steps": 9}}, "beyond decay_steps"),
        ({"optimiser": {"batch": 3, "micro_batch": 2}}, "no multiple"),
        ({"save_every": 3, "log_every": 2}, "multiple of log_every"),
        ({"publish_at": [7]}, "publish_at"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_wrong_recipes_are_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    plan = {"micro_batch": 1, "batch": 2, "steps": 4, "decay_steps": 5, "warmup": 1, **changes.pop("optimiser", {})}
    (tmp_path / "recipe.yaml").write_text(json.dumps({"optimiser": plan, **changes}))
    with pytest.raises(UsageError, match=message):
        load_settings(tmp_path / "recipe.yaml")
    with pytest.raises(UsageError, match="3 devices"):
        settings(tmp_path).optimiser.accumulation(3)
