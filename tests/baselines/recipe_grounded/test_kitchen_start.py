"""What the kitchen's stages begin with, and the recipes of plates."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from baselines.foodlmm.settings import DataSettings
from baselines.recipe_grounded import kitchen_start, plate_recipes
from baselines.recipe_grounded.vocabulary import TIERS
from foodbench.core.errors import ExitCode
from foodbench.data.kitchen.ingredients import INGREDIENTS
from foodbench.models.qwen_seg.checkpoint import load_model
from foodbench.models.recipe_grounded.checkpoint import PartSettings, load_part_model
from foodbench.models.recipe_grounded.context import ACTIONS_QUESTION
from foodbench.models.recipe_grounded.writing import PartModel, PictureAsked
from foodbench.tasks import prompts
from tests.baselines.recipe_grounded.small_models import SIDE

SIZES = [{"size": [64, 64], "share": 1.0}]
PLATES = DataSettings(stream="recipes-test", train_plates=6, val_plates=2, monitor_plates=1, sizes=SIZES, side=64)


def test_what_was_seen_is_taken_over(start: Path) -> None:
    old, old_processor = load_model(start.parent / "seen")
    new, processor = load_part_model(start)
    before = old.state_dict()
    taken = [name for name in before if "embed_tokens" not in name and "lm_head" not in name]
    assert any(".visual." in name for name in taken)
    assert all(torch.allclose(new.state_dict()[name], before[name], atol=2e-3) for name in taken)
    words, known = processor.tokenizer.get_vocab(), old_processor.tokenizer.get_vocab()
    own, table = new.get_input_embeddings().weight, old.get_input_embeddings().weight
    for text in {"<|image_pad|>", "a", "Ġthe"} & set(words) & set(known):
        assert torch.allclose(own[words[text]], table[known[text]], atol=2e-3)
    pieces = old_processor.tokenizer("<think>")["input_ids"]
    assert torch.allclose(own[words["<think>"]], table[pieces].mean(0), atol=2e-3)
    assert new.lm_head.weight is own
    assert new.config.image_token_id == processor.image_token_id == words["<|image_pad|>"]


def test_it_can_be_asked(start: Path) -> None:
    part = PartModel(*load_part_model(start), PartSettings.read(start))
    asked = [PictureAsked(lambda: Image.new("RGB", (40, 20)), f"{ACTIONS_QUESTION} <|im_end|><|image_pad|>")] * 2
    greedy = part.write(asked, limit=5)
    assert greedy == part.write(asked[:1], limit=5) * 2
    drawing = {"temperature": 1.0, "top_p": 1.0, "top_k": 0}
    drawn = part.write(asked, limit=5, drawing=drawing, copies=3, seed=1)
    assert len(drawn) == 6
    assert len(set(drawn)) > 1
    torch.manual_seed(7)
    assert drawn == part.write(asked, limit=5, drawing=drawing, copies=3, seed=1)
    state = torch.get_rng_state()
    part.write(asked, limit=2, drawing=drawing)
    assert torch.equal(state, torch.get_rng_state())
    assert part.write([]) == []


@pytest.fixture(scope="module")
def tokenizer():
    return kitchen_start.train_tokenizer(800, 0)


@pytest.mark.parametrize("name", INGREDIENTS)
def test_words_of_recipes_are_short(tokenizer, name: str) -> None:
    step = f"{INGREDIENTS[name].step}."
    assert len(tokenizer(step)["input_ids"]) <= 2 * len(step.split())
    assert tokenizer.decode(tokenizer(step)["input_ids"]) == step


def test_questions_and_tags_are_short(tokenizer) -> None:
    for question in (ACTIONS_QUESTION, prompts.INSTRUCTIONS, prompts.RECIPE):
        assert len(tokenizer(question)["input_ids"]) < 60
    assert len(tokenizer("<think></think><answer></answer>")["input_ids"]) == 4
    assert tokenizer.decode(tokenizer("12 g caffè 米")["input_ids"]) == "12 g caffè 米"


def test_a_start_needs_something_seen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = kitchen_start.main(["--seen", str(tmp_path / "none"), "--out", str(tmp_path / "start")])
    assert code == ExitCode.USAGE
    assert "none" in capsys.readouterr().err


def recipes(cache: Path, split: str = "train", count: int = 6):
    return plate_recipes.plate_recipes(PLATES, SIDE, cache, split=split, count=count, workers=1)


def test_plates_are_recipes(tmp_path: Path) -> None:
    made = recipes(tmp_path)
    assert len({record.recipe_id for record in made}) == 6
    for record in made:
        assert record.steps[-1] == "Serve warm."
        assert list(record.steps[:-1]) == [f"{INGREDIENTS[name].step}." for name in record.detected]
        assert record.classes == tuple(sorted(record.detected))
        assert [line.partition(" g ")[2] for line in record.ingredients] == list(record.detected)
        assert record.image.open().size == (SIDE, SIDE)
    vocabulary = plate_recipes.vocabulary_of(made)
    assert vocabulary.counts["serve"] == 6
    assert set(vocabulary.tiers.values()) == set(TIERS)
    assert vocabulary.edition == plate_recipes.EDITION
    assert plate_recipes.vocabulary_of(made[:5]).dataset_fingerprint != vocabulary.dataset_fingerprint


def test_plates_are_rendered_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = recipes(tmp_path)
    monkeypatch.setattr(plate_recipes, "load_plates", lambda *_arguments, **_options: pytest.fail("rendered again"))
    assert recipes(tmp_path) == made
    assert recipes(tmp_path, count=4) == made[:4]


def test_a_damaged_index_is_made_again(tmp_path: Path) -> None:
    made = recipes(tmp_path)
    (index,) = tmp_path.glob("recipes-train-*/*.json")
    index.write_text("[{")
    assert recipes(tmp_path) == made
    assert {record.recipe_id for record in recipes(tmp_path, "val", 2)}.isdisjoint(one.recipe_id for one in made)
