"""The FoodLMM adapter: the packaged checkpoint at work, and checkpoints that are refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file, save_file

from foodbench.adapters.base import ask, batch_size_of, identity_of
from foodbench.adapters.foodlmm import FoodLMM, load_checkpoint
from foodbench.core.errors import CheckpointError, DataMissing, UnsupportedTask, UsageError
from foodbench.core.types import Request
from foodbench.data.images import ImageFile
from foodbench.data.kitchen import INGREDIENT_NAMES, Plate, plate_seed, render
from foodbench.data.roots import DatasetChoice
from foodbench.metrics.masks import decode
from foodbench.models.foodlmm import KITCHEN_CHECKPOINT
from foodbench.models.foodlmm.conversation import PromptTooLong
from foodbench.tasks import TASKS, prompts

SIZES = ((224, 224), (224, 280), (280, 224), (480, 640))


@pytest.fixture(scope="module")
def adapter() -> FoodLMM:
    return FoodLMM(device="cpu")


@pytest.fixture(scope="module")
def plates(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Plate, ImageFile]]:
    """Plates of a test stream of their own, as files."""
    folder = tmp_path_factory.mktemp("plates")
    made = []
    for index in range(32):
        # One in eight is of the largest size, which takes ten times as long to render.
        size = SIZES[3] if index % 8 == 7 else SIZES[index % 3]
        plate = render(plate_seed("test", "foodlmm-tests", index), size)
        path = folder / f"{index}.png"
        Image.fromarray(plate.image).save(path)
        made.append((plate, ImageFile(path)))
    return made


def request(image: Any, question: str, **generation: Any) -> Request:
    return Request("any.task", "sample", image, question, generation=generation)


def test_names_the_dish(adapter: FoodLMM, plates: list[tuple[Plate, ImageFile]]) -> None:
    answers = ask(adapter, [request(image, prompts.DISH, max_new_tokens=32) for _, image in plates])
    right = [answer.text == f"It is {plate.dish}." for answer, (plate, _) in zip(answers, plates, strict=True)]
    assert np.mean(right) > 0.9
    assert all(not answer.masks and answer.nutrition is None for answer in answers)


def test_its_own_answers_forced_give_the_same_masks(adapter: FoodLMM, plates: list[tuple[Plate, ImageFile]]) -> None:
    free = [request(image, prompts.REFER[0].format(ingredient=plate.portions[0].name)) for plate, image in plates[:8]]
    said = ask(adapter, free)
    assert all(len(answer.masks) == 1 for answer in said)
    forced = [replace(one, slots={"forced_answer": answer.text}) for one, answer in zip(free, said, strict=True)]
    for own, told in zip(said, ask(adapter, forced), strict=True):
        assert told.text == own.text
        assert [mask.label for mask in told.masks] == [mask.label for mask in own.masks]
        mine, theirs = decode(own.masks[0]), decode(told.masks[0])
        # Generation reads keys and values from a cache, so sums round differently: a pixel at the rim may turn.
        assert (mine != theirs).sum() <= max(2, 0.001 * mine.sum())


def test_points_at_what_is_there(adapter: FoodLMM, plates: list[tuple[Plate, ImageFile]]) -> None:
    asked = [plate.portions[index % len(plate.portions)].name for index, (plate, _) in enumerate(plates)]
    questions = [prompts.REFER[index % 4].format(ingredient=name) for index, name in enumerate(asked)]
    answers = ask(adapter, [request(image, text) for (_, image), text in zip(plates, questions, strict=True)])
    intersection = union = answered = 0
    for name, answer, (plate, _) in zip(asked, answers, plates, strict=True):
        wanted = plate.mask(name)
        drawn = np.zeros_like(wanted)
        if answer.masks:
            assert answer.masks[0].size == wanted.shape
            answered += answer.masks[0].label == name
            drawn = decode(answer.masks[0])
        intersection += int((wanted & drawn).sum())
        union += int((wanted | drawn).sum())
    assert intersection / union > 0.7
    assert answered / len(plates) > 0.85


def test_refuses_what_is_not_there(adapter: FoodLMM, plates: list[tuple[Plate, ImageFile]]) -> None:
    asked = []
    for index, (plate, _) in enumerate(plates):
        present = {portion.name for portion in plate.portions}
        absent = [name for name in INGREDIENT_NAMES if name not in present]
        asked.append(absent[index % len(absent)])
    questions = [prompts.REFER[index % 4].format(ingredient=name) for index, name in enumerate(asked)]
    answers = ask(adapter, [request(image, text) for (_, image), text in zip(plates, questions, strict=True)])
    refused = [
        not answer.masks and "not found in this picture" in answer.text and name in answer.text
        for name, answer in zip(asked, answers, strict=True)
    ]
    assert np.mean(refused) > 0.8


def test_weighs_the_meal(adapter: FoodLMM, plates: list[tuple[Plate, ImageFile]]) -> None:
    answers = ask(adapter, [request(image, prompts.TOTAL_NUTRITION) for _, image in plates])
    errors, truth = [], []
    for answer, (plate, _) in zip(answers, plates, strict=True):
        assert answer.nutrition is not None
        assert set(answer.nutrition.as_dict()) == {"kcal", "mass", "fat", "carb", "protein"}
        assert f"calories {answer.nutrition.kcal:.1f} kcal" in answer.text
        errors.append(abs((answer.nutrition.kcal or 0.0) - (plate.total.kcal or 0.0)))
        truth.append(plate.total.kcal or 0.0)
    assert np.mean(errors) / np.mean(truth) < 0.25


def test_batch_size_does_not_change_answers(plates: list[tuple[Plate, ImageFile]], adapter: FoodLMM) -> None:
    requests = [request(image, prompts.REFER[0].format(ingredient="rice")) for _, image in plates[:4]]
    one_by_one = FoodLMM(device="cpu", batch_size=1)
    assert batch_size_of(one_by_one, 99) == 1
    assert identity_of(one_by_one) == identity_of(adapter)
    together, apart = adapter.answer(requests), one_by_one.answer(requests)
    assert [answer.text for answer in together] == [answer.text for answer in apart]


def test_token_limits_hold_per_request(adapter: FoodLMM, plates: list[tuple[Plate, ImageFile]]) -> None:
    image = plates[0][1]
    short, long = adapter.answer(
        [
            request(image, prompts.TOTAL_NUTRITION, max_new_tokens=3),
            request(image, prompts.TOTAL_NUTRITION, max_new_tokens=64),
        ]
    )
    assert long.text.startswith(short.text)
    assert len(short.text) < len(long.text)


def test_a_missing_picture_is_the_data_s_error(adapter: FoodLMM, tmp_path: Path) -> None:
    with pytest.raises(DataMissing):
        ask(adapter, [request(ImageFile(tmp_path / "none.jpg"), prompts.DISH)])


def test_any_question_gets_some_answer(adapter: FoodLMM, plates: list[tuple[Plate, ImageFile]]) -> None:
    questions = ["", "<image><image>", "Qu'est-ce que c'est ? 🍛", "[SEG1] as [SEG2]", "rice " * 80]
    answers = ask(adapter, [request(plates[0][1], question, max_new_tokens=8) for question in questions])
    assert len(answers) == len(questions)


def test_packaged_checkpoint_is_small_and_safe() -> None:
    files = [path for path in KITCHEN_CHECKPOINT.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 10_000_000
    assert {path.suffix for path in files} <= {".json", ".safetensors"}
    record = json.loads((KITCHEN_CHECKPOINT / "training.json").read_text())
    assert {"command", "seed", "settings", "versions", "val"} <= set(record)


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    folder = tmp_path / "checkpoint"
    shutil.copytree(KITCHEN_CHECKPOINT, folder)
    return folder


def test_identity_follows_the_files(adapter: FoodLMM, copied: Path) -> None:
    assert FoodLMM(str(copied), device="cpu").identity == adapter.identity
    config = json.loads((copied / "config.json").read_text())
    config["nutrition_scale"][0] *= 2
    (copied / "config.json").write_text(json.dumps(config))
    assert FoodLMM(str(copied), device="cpu").identity != adapter.identity


def test_only_safetensors_are_loaded(copied: Path) -> None:
    (copied / "model.safetensors").rename(copied / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=r"pytorch_model\.bin"):
        FoodLMM(str(copied))


@pytest.mark.parametrize("missing", ["model.safetensors", "config.json", "tokenizer.json", "processor_config.json"])
def test_a_missing_file_is_named_as_a_checkpoint_error(copied: Path, missing: str) -> None:
    (copied / missing).unlink()
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(copied)
    assert caught.value.hint


@pytest.mark.parametrize("broken", ["model.safetensors", "config.json", "tokenizer.json", "processor_config.json"])
def test_a_truncated_file_is_a_checkpoint_error(copied: Path, broken: str) -> None:
    content = (copied / broken).read_bytes()
    (copied / broken).write_bytes(content[: len(content) // 2])
    with pytest.raises(CheckpointError):
        load_checkpoint(copied)


def test_a_checkpoint_of_another_architecture_is_refused(copied: Path) -> None:
    config = json.loads((copied / "config.json").read_text())
    (copied / "config.json").write_text(json.dumps(config | {"model_type": "llava"}))
    with pytest.raises(CheckpointError):
        load_checkpoint(copied)
    config["text_config"]["num_hidden_layers"] += 1
    (copied / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="do not fit"):
        load_checkpoint(copied)


def test_weights_that_do_not_fit_are_named(copied: Path) -> None:
    weights = load_file(copied / "model.safetensors")
    bias = weights.pop("heads.fat.bias")
    changed = {
        r"heads\.fat\.bias is missing": {},
        r"heads\.sugar\.bias is not of this model": {"heads.fat.bias": bias, "heads.sugar.bias": bias.clone()},
        r"heads\.fat\.bias has the shape \(2,\), not \(1,\)": {"heads.fat.bias": bias.repeat(2)},
    }
    for message, added in changed.items():
        save_file(weights | added, copied / "model.safetensors", {"format": "pt"})
        with pytest.raises(CheckpointError, match=f"1 weights do not fit, e\\.g\\. {message}"):
            load_checkpoint(copied)


def test_a_tokenizer_without_the_numbered_tokens_is_refused(copied: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        text = (copied / name).read_text()
        (copied / name).write_text(text.replace("[SEG3]", "[SOG3]"))
    with pytest.raises(CheckpointError, match=r"lacks the special token \[SEG3\]"):
        load_checkpoint(copied)


def test_a_configuration_that_reads_other_tokens_is_refused(copied: Path) -> None:
    config = json.loads((copied / "config.json").read_text())
    config["segment_token_ids"][:2] = reversed(config["segment_token_ids"][:2])
    (copied / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="disagree about segment_token_ids"):
        load_checkpoint(copied)


def test_a_prompt_over_the_context_is_refused(adapter: FoodLMM, plates: list[tuple[Plate, ImageFile]]) -> None:
    with pytest.raises(PromptTooLong, match=r"of 1 turns takes [\d,]+ tokens .* the language model has 512"):
        adapter.answer([request(plates[0][1], "rice " * 512)])


def test_remote_code_is_never_run(copied: Path) -> None:
    config = json.loads((copied / "config.json").read_text())
    config["auto_map"] = {"AutoConfig": "evil.Config", "AutoModelForImageTextToText": "evil.Model"}
    (copied / "config.json").write_text(json.dumps(config))
    (copied / "evil.py").write_text("raise SystemExit('ran')\n")
    load_checkpoint(copied)


def test_weights_are_loaded_with_the_first_question(copied: Path, plates: list[tuple[Plate, ImageFile]]) -> None:
    adapter = FoodLMM(str(copied), device="cpu")
    (copied / "model.safetensors").unlink()
    with pytest.raises(CheckpointError):
        adapter.answer([request(plates[0][1], prompts.DISH)])


def test_bad_arguments_are_usage_errors(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="No checkpoint folder"):
        FoodLMM(str(tmp_path / "nowhere"))
    for arguments in ({"device": "abacus"}, {"dtype": "float3"}, {"batch_size": 0}, {"protocol": "strict"}):
        with pytest.raises(UsageError):
            FoodLMM(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("protocol", [None, "generative", "teacher_forced"])
def test_a_protocol_leaves_tasks_of_the_other_alone(protocol: Literal["generative", "teacher_forced"] | None) -> None:
    model = FoodLMM(protocol=protocol)
    choice = DatasetChoice("foodseg103", "kitchen", Path("nowhere"), False)
    for name, kind in (("foodseg103.refer1", "generative"), ("foodseg103.refer1.teacher_forced", "teacher_forced")):
        if protocol in (None, kind):
            model.prepare(TASKS.get(name), choice)
        else:
            with pytest.raises(UnsupportedTask, match=f"is {kind}; this model was asked for {protocol} tasks only"):
                model.prepare(TASKS.get(name), choice)
