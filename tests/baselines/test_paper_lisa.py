"""Training of a LISA: it stays one, is asked for one thing that is there, and answers through its adapter."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from baselines.foodlmm.paper import building, wordings
from baselines.foodlmm.paper.collating import Collator, ExampleUnusable
from baselines.foodlmm.paper.examples import Example, RecordPool, Turn
from baselines.foodlmm.paper.families.segmentation import (
    ONE_TO_ONE,
    Vocabulary,
    present_names,
    segmentation_example,
)
from baselines.foodlmm.paper.mixtures import MIXTURES, ExampleStream, Mixture, open_stream, stream_from_settings
from baselines.foodlmm.paper.settings import TrainSettings, load_settings
from baselines.foodlmm.paper.train import main
from baselines.foodlmm.paper.training import Trainer
from foodbench.adapters.foodlmm import LISA, load_checkpoint
from foodbench.core.errors import CheckpointError, DataMissing, UsageError
from foodbench.core.types import Mask, Request
from foodbench.data.foodseg103 import FoodSeg103
from foodbench.data.kitchen import FOLDERS
from foodbench.metrics import masks
from foodbench.models.foodlmm.processing_foodlmm import noun_phrase
from foodbench.tasks.pointing import class_of
from tests.baselines.paper_data import FOOD_NAMES, pair_of, rng
from tests.baselines.paper_model import begun, converted, example, settings, unusable
from tests.conftest import REPOSITORY
from tests.models.released_layout import ReleasedCheckpoint

RECIPE = REPOSITORY / "baselines" / "lisa" / "paper.yaml"
NAMES = Vocabulary("foodseg103", {number: f"f{number}" for number in range(1, 103)})


def lisa_settings(folder: Path, **changes: Any) -> TrainSettings:
    return settings(folder, model={"architecture": "lisa"}, **changes)


def one_to_one_examples() -> list[Example]:
    return [
        example(1, (40, 52), 1, (), ("what is the rice", "Sure, [SEG].")),
        example(2, (75, 31), 1, (), ("what is the egg", "It is [SEG].")),
    ]


class OneToOne:
    """A mixture of the two examples."""

    def example_at(self, index: int) -> Example:
        return one_to_one_examples()[index % 2]


def test_every_question_is_for_one_thing_that_is_there(kitchen: Path) -> None:
    stream = open_stream(MIXTURES["lisa_one_to_one"], 3, edition="kitchen")
    reader = FoodSeg103(kitchen / FOLDERS["foodseg103"])
    records = {record.stem: record for record in reader.records("train")}
    names = {number: name for number, name in enumerate(reader.classes) if number not in reader.not_referable}
    asked = set()
    for index in range(150):
        made = stream.example_at(index)
        (turn,), (mask,) = made.turns, made.masks
        assert made.values == ()
        assert re.findall(r"\[[A-Z]+\d*\]", turn.answer) == ["[SEG]"]
        assert turn.answer in wordings.ONE_ANSWERS
        assert turn.question in {question.replace("{names}", str(mask.label)) for question in wordings.ONE_QUESTIONS}
        drawn = masks.decode(mask)
        assert drawn.any()
        if made.source == "foodseg103":
            ids = records[made.record].checked_mask()
            number = present_names(ids, Vocabulary("foodseg103", names))[str(mask.label)]
            np.testing.assert_array_equal(drawn, ids == number)
            asked.add(mask.label)
    assert len(asked) > 5


def test_every_class_of_a_photo_is_asked_for_and_nothing_else(tmp_path: Path) -> None:
    ids = np.zeros((20, 30), np.uint8)
    ids[:5], ids[5:9, :9], ids[12:, 20:], ids[9] = 66, 24, 84, 103
    record = pair_of(tmp_path, ids)
    labels = {segmentation_example(record, rng(seed), NAMES, ONE_TO_ONE).masks[0].label for seed in range(60)}
    assert labels == {"f66", "f24", "f84"}


def test_photos_without_a_named_class_are_passed_over(tmp_path: Path) -> None:
    nameless, named = np.full((8, 8), 103), np.full((8, 8), 103)
    named[:3] = 66
    records = [pair_of(tmp_path, nameless, "00000001"), pair_of(tmp_path, named, "00000002")]
    make = partial(segmentation_example, vocabulary=NAMES, rules=ONE_TO_ONE)
    mixture = Mixture("lisa", (("foodseg103", 1.0),), ONE_TO_ONE)
    stream = ExampleStream(mixture, {"foodseg103": RecordPool(records, make)}, 0)
    made = [stream.example_at(index) for index in range(20)]
    assert {one.record for one in made} == {"00000002"}
    assert made == [stream.example_at(index) for index in range(20)]
    hopeless = ExampleStream(mixture, {"foodseg103": RecordPool(records[:1], make)}, 0)
    with pytest.raises(DataMissing, match=r"^foodseg103: .* nothing that the mixture lisa could ask for"):
        hopeless.example_at(0)


def test_wordings_are_as_many_as_lisas_and_name_no_food() -> None:
    assert len(set(wordings.ONE_QUESTIONS)) == 4
    assert all(question.count("{names}") == 1 for question in wordings.ONE_QUESTIONS)
    assert len(set(wordings.ONE_ANSWERS)) == 5
    for answer in wordings.ONE_ANSWERS:
        assert answer.count("[SEG]") == 1
        # A noun of its own would take the mask from the class that was asked for.
        assert class_of(noun_phrase(answer.split("[SEG]")[0]), tuple(FOOD_NAMES)) is None


def test_a_lisa_stays_one(small_lisa: tuple[ReleasedCheckpoint, Path]) -> None:
    released, folder = small_lisa
    model, processor = building.begin(lisa_settings(folder).model, 0)
    assert processor.conversation == "lisa"
    assert len(processor.tokenizer) == len(load_checkpoint(folder)[1].tokenizer)
    assert model.config.segment_token_ids == [released.added["[SEG]"]]
    assert not model.config.nutrition_heads
    assert torch.equal(model.lm_head.weight, released.model.lm_head.weight)
    names = building.trainable(model)
    assert {name.split(".")[0] for name in names if "lora" not in name} == {"model", "lm_head", "sam", "text_fc"}


def test_losses_have_no_nutrition_and_reach_every_trained_part(small_lisa: tuple[ReleasedCheckpoint, Path]) -> None:
    released, folder = small_lisa
    model, collator = begun(lisa_settings(folder))
    batch = collator(one_to_one_examples())
    asked = [int(batch.input_ids[row, place + 1]) for _, row, place in batch.segments.tolist()]
    assert asked == [released.added["[SEG]"]] * 2
    losses = model(batch)
    losses["total"].backward()
    assert float(losses["nutrition"].detach()) == 0
    assert all(float(losses[name].detach()) > 0 for name in ("text", "bce", "dice"))
    assert all(weight.grad is not None for weight in building.trainable(model).values())
    assert any(weight.grad.any() for weight in model.model.text_fc.parameters())
    words = model(collator([example(3, (33, 33), 0, (), ("what is the dish", "the curry"))]))
    words["total"].backward()
    assert float(words["bce"].detach()) == float(words["nutrition"].detach()) == 0


def test_a_published_lisa_answers_through_its_adapter(
    small_lisa: tuple[ReleasedCheckpoint, Path], tmp_path: Path
) -> None:
    recipe = lisa_settings(
        small_lisa[1],
        optimiser={"steps": 100, "decay_steps": 101, "learning_rate": 3e-3},
        save_every=100,
        log_every=100,
    )
    Trainer(recipe, OneToOne(), tmp_path).run()
    published = tmp_path / "checkpoint"
    start, end = (load_file(next(folder.glob("*.safetensors"))) for folder in (small_lisa[1], published))
    assert not any(name.startswith("heads.") for name in end)
    assert end["lm_head.weight"].shape == start["lm_head.weight"].shape
    adapter = LISA(published, device="cpu")
    requests = [
        Request("task", str(place), one.image, one.turns[0].question, {}, {"max_new_tokens": 12})
        for place, one in enumerate(one_to_one_examples())
    ]
    answers = adapter.answer(requests)
    assert adapter.identity.startswith("lisa:")
    assert {answer.text for answer in answers} <= {"Sure, [SEG].", "It is [SEG]."}
    assert all(answer.nutrition is None for answer in answers)
    for answer, one in zip(answers, one_to_one_examples(), strict=True):
        (drawn,) = answer.masks
        intersection, union = masks.intersection_union(drawn, one.masks[0])
        assert intersection / union > 0.7  # about 0.93


def written(recipe: TrainSettings, path: Path) -> list[str]:
    """Arguments of a run of the recipe, whose checkpoint is given apart."""
    plain = json.loads(recipe.model_dump_json())
    start, plain["model"]["start_from"] = plain["model"]["start_from"], None
    path.mkdir(exist_ok=True)
    (path / "recipe.yaml").write_text(json.dumps(plain))
    return ["--config", str(path / "recipe.yaml"), "--out", str(path / "out"), "--start-from", start]


def test_command_line_trains_a_lisa_on_the_kitchen(
    kitchen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, folder = converted(tmp_path / "start", nutrition=False)
    data = {"mixture": "lisa_one_to_one", "edition": "kitchen"}
    arguments = written(lisa_settings(folder, optimiser={"steps": 2}, data=data), tmp_path / "run")
    monkeypatch.setattr("sys.argv", ["train.py", *arguments])
    assert main(arguments) == 0
    checkpoint = tmp_path / "run" / "out" / "checkpoint"
    assert json.loads((checkpoint / "training.json").read_text())["settings"]["model"]["architecture"] == "lisa"
    assert load_checkpoint(checkpoint)[1].conversation == "lisa"


def test_a_foodlmm_is_no_start_for_a_lisa(small: tuple[ReleasedCheckpoint, Path]) -> None:
    with pytest.raises(CheckpointError, match=r"is a FoodLMM, and model\.architecture is lisa") as caught:
        building.begin(lisa_settings(small[1]).model, 0)
    assert "Start from a converted LISA-7B" in caught.value.hint


@pytest.mark.parametrize(
    ("architecture", "mixture", "fitting"),
    [("lisa", "finetune_refer", "lisa_one_to_one"), ("foodlmm", "lisa_one_to_one", "finetune_refer")],
)
def test_a_mixture_for_the_other_model_is_refused_before_anything_is_opened(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], architecture: str, mixture: str, fitting: str
) -> None:
    # The real datasets are not registered and the checkpoint does not exist: neither is looked at.
    data = {"mixture": mixture, "edition": "real"}
    with pytest.raises(UsageError, match=rf"{mixture} answers like a .* is {architecture}\.") as caught:
        stream_from_settings(data, 0, architecture=architecture)  # type: ignore[arg-type]
    assert fitting in caught.value.hint
    recipe = settings(tmp_path / "absent", model={"architecture": architecture}, data=data)
    assert main(written(recipe, tmp_path / "run")) == 2
    assert mixture in capsys.readouterr().err


@pytest.mark.parametrize("token", ["[SEG1]", "[SEG2]", "[CAL_TOTAL]"])
def test_foodlmms_tokens_in_an_answer_are_named(small_lisa: tuple[ReleasedCheckpoint, Path], token: str) -> None:
    collator = Collator(load_checkpoint(small_lisa[1])[1])
    with pytest.raises(ExampleUnusable, match=re.escape(f"has {token} in an answer; LISA's only token")):
        collator([unusable(turns=(Turn("what", f"rice {token}"),), masks=(Mask(size=(4, 4), counts="04L"),))])


def test_the_recipe_has_lisas_numbers() -> None:
    recipe = load_settings(RECIPE)
    plan = recipe.optimiser
    assert recipe.model.architecture == MIXTURES[recipe.data["mixture"]].architecture == "lisa"
    assert (plan.micro_batch, plan.accumulation(4), plan.steps, plan.decay_steps) == (2, 10, 5000, 5000)
    assert (plan.learning_rate, plan.warmup, plan.betas, plan.clip) == (3e-4, 100, (0.9, 0.95), 1.0)
    assert (recipe.losses.text, recipe.losses.bce, recipe.losses.dice) == (1.0, 2.0, 0.5)
    assert (recipe.model.lora.rank, recipe.model.lora.alpha, recipe.model.lora.dropout) == (8, 16, 0.05)
