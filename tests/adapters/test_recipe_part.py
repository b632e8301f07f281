"""Checkpoints of parts, the package's own set, and the judge that counts a model's answers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from foodbench.adapters import base
from foodbench.adapters.recipe_judge import SampledJudge
from foodbench.adapters.recipe_part import RecipePart
from foodbench.adapters.resolve import load_adapter
from foodbench.core.errors import CheckpointError, UnsupportedTask, UsageError
from foodbench.core.types import Request
from foodbench.data.images import ImageFile
from foodbench.data.roots import resolve
from foodbench.models.recipe_grounded import checkpoint as checkpoints
from foodbench.models.recipe_grounded.asking import PictureQuestion
from foodbench.models.recipe_grounded.checkpoint import KITCHEN_PARTS, PartSettings
from foodbench.models.recipe_grounded.context import ACTIONS_QUESTION, INGREDIENTS_QUESTION, PAPER_DECODING
from foodbench.models.recipe_grounded.judging import prompt_for, read_prompt
from foodbench.models.recipe_grounded.labels import format_labels
from foodbench.tasks import TASKS
from tests.baselines.recipe_grounded import small_models


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = small_models.start(tmp_path_factory.mktemp("part"))
    PartSettings(grid=small_models.SIDE, max_new_tokens=6).write(folder)
    return folder


@pytest.fixture
def package(start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that carries all parts."""
    for part in KITCHEN_PARTS:
        shutil.copytree(start, tmp_path / "package" / part)
    monkeypatch.setattr(checkpoints, "KITCHEN", tmp_path / "package")
    return tmp_path / "package"


def pictures(folder: Path, count: int = 3) -> list[ImageFile]:
    for number in range(count):
        Image.new("RGB", (40, 30), (60 * number, 90, 200 - 60 * number)).save(folder / f"{number}.png")
    return [ImageFile(folder / f"{number}.png", exif="ignore") for number in range(count)]


def requests(folder: Path, **generation) -> list[Request]:
    return [
        Request("recipe1m.instructions", str(number), image, "How is it made?", {}, generation)
        for number, image in enumerate(pictures(folder))
    ]


def test_batches_and_limits(start: Path, tmp_path: Path) -> None:
    whole = RecipePart(start).answer(requests(tmp_path))
    single = RecipePart(start, batch_size=1).answer(requests(tmp_path))
    assert [answer.text for answer in whole] == [answer.text for answer in single]
    tokens = RecipePart(start).model._processor.tokenizer
    for part, options in ((RecipePart(start, max_new_tokens=3), {}), (RecipePart(start), {"max_new_tokens": 3})):
        texts = [answer.text for answer in part.answer(requests(tmp_path, **options))]
        assert all(len(tokens(text)["input_ids"]) <= 3 for text in texts)
    mixed = requests(tmp_path, max_new_tokens=3)[:1] + requests(tmp_path)[1:]
    assert [answer.text for answer in RecipePart(start).answer(mixed)][1:] == [answer.text for answer in whole][1:]


def test_drawn_answers_are_the_same_for_the_same_batch(start: Path, tmp_path: Path) -> None:
    asked = requests(tmp_path, **{**PAPER_DECODING, "temperature": 1.0, "top_k": 0, "top_p": 1.0})
    first, second = ([answer.text for answer in RecipePart(start, batch_size=3).answer(asked)] for _ in range(2))
    assert first == second
    assert first != [answer.text for answer in RecipePart(start).answer(requests(tmp_path))]


def test_identity_is_of_the_files_and_of_what_changes_answers(start: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(start, tmp_path / "copy")
    (copied / "training.json").write_text("{}")
    own = base.identity_of(RecipePart(start))
    assert base.identity_of(RecipePart(copied, batch_size=1)) == own
    assert base.identity_of(RecipePart(start, max_new_tokens=3)) != own
    PartSettings(longest=20).write(copied)
    assert base.identity_of(RecipePart(copied)) != own


def test_what_it_cannot_do_is_told(start: Path, tmp_path: Path, kitchen) -> None:
    part = RecipePart(start)
    base.prepare(part, TASKS.get("food101.dish"), resolve("food101", "kitchen"))
    with pytest.raises(UnsupportedTask, match="masks"):
        base.prepare(part, TASKS.get("foodseg103.refer1"), resolve("foodseg103", "kitchen"))
    with pytest.raises(UsageError, match="positive"):
        RecipePart(start, max_new_tokens=0)
    with pytest.raises(CheckpointError, match="nowhere"):
        RecipePart(tmp_path / "nowhere")
    damaged = shutil.copytree(start, tmp_path / "damaged")
    (damaged / "recipe_part.json").write_text('{"grid": "large"}')
    with pytest.raises(CheckpointError, match="recipe_part"):
        RecipePart(damaged)
    shutil.copy(start / "recipe_part.json", damaged)
    (damaged / "model.safetensors").write_bytes(b"torn")
    with pytest.raises(CheckpointError, match="damaged"):
        RecipePart(damaged).answer(requests(tmp_path))


def test_pictures_are_scaled() -> None:
    wide = Image.new("L", (200, 100))
    assert PartSettings(grid=28).scaled(wide).size == (28, 28)
    assert PartSettings(longest=50).scaled(wide).size == (50, 25)
    assert PartSettings(longest=500).scaled(wide).mode == "RGB"
    assert PartSettings().scaled(wide).size == (200, 100)


def test_the_package_s_own_parts_are_the_default(package: Path, kitchen) -> None:
    adapter = load_adapter("recipe_grounded", {})
    assert set(adapter.predictors) == {"actions", "ingredients"}
    assert adapter.judge is None
    identity = base.identity_of(load_adapter("recipe_part", {}))
    assert base.identity_of(adapter).count(identity) == 3
    assert base.identity_of(load_adapter("recipe_part:actions")) == identity
    assert load_adapter("recipe_grounded", {"writer": "kitchen"}).predictors == {}
    judged = load_adapter("recipe_grounded", {"judge": "kitchen", "judge_args": "answers=4;least=0.5"})
    assert "answers=4,least=0.5" in base.identity_of(judged)
    choice = resolve("recipe1m", "kitchen")
    for name in ("instructions", "ingredients"):
        task = TASKS.get(f"recipe1m.{name}")
        data = task.load(choice, limit=2)
        asked = [task.request(sample) for sample in data.samples]
        base.prepare(judged, task, choice)
        assert len(base.ask(judged, asked)) == len(asked)


def test_a_package_without_them_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "KITCHEN", tmp_path)
    with pytest.raises(CheckpointError, match="actions") as caught:
        load_adapter("recipe_grounded", {})
    assert "reproduce.py" in caught.value.hint


def test_a_judge_s_question_can_be_read_back() -> None:
    for kind in ("actions", "ingredients"):
        for labels in ((), ("chop", 'say "[]"', "crème\n]")):
            assert read_prompt(prompt_for(kind, labels)) == (kind, labels)
    for text in ("", "Which?", prompt_for("actions", ("a",))[1:], prompt_for("actions", ()).replace("[]", "[1]")):
        with pytest.raises(ValueError, match="judge|JSON|Expecting"):
            read_prompt(text)


def test_confidence_is_the_share_of_answers(start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[tuple[str, int]] = []

    def write(self, asked, *, drawing, copies, seed):
        said.append((asked[0].question, seed))
        lists = [["rice", "egg"], ["rice"], ["Rice", "rice"], []]
        return [format_labels("", labels) for labels in lists]

    monkeypatch.setattr("foodbench.models.recipe_grounded.writing.PartModel.write", write)
    judge = SampledJudge(str(start), answers=4, least=0.5)
    (first, second) = pictures(tmp_path, 2)
    asked = [
        PictureQuestion("a", first, prompt_for("ingredients", ("egg", "tofu", "RICE"))),
        PictureQuestion("b", first, prompt_for("ingredients", ())),
        PictureQuestion("c", second, prompt_for("actions", ("chop",))),
    ]
    replies: dict[int, str] = {}
    judge.ask(asked, replies.__setitem__)
    plain = [json.loads(replies[place]) for place in range(3)]
    assert plain[0]["initial"] == [
        {"label": "egg", "confidence": 0.25},
        {"label": "tofu", "confidence": 0.0},
        {"label": "RICE", "confidence": 0.75},
    ]
    assert [one["label"].casefold() for one in plain[0]["rectified"]] == ["rice"]
    assert plain[1]["initial"] == []
    assert [question for question, _ in said] == [ACTIONS_QUESTION, INGREDIENTS_QUESTION]
    judge.ask(asked[:1], replies.__setitem__)
    assert len(said) == 2, "a picture is looked at once for each kind"


def test_a_judge_s_answers_depend_on_the_picture_only(start: Path, tmp_path: Path) -> None:
    asked = [
        PictureQuestion(str(place), picture, prompt_for("actions", ("chop",)))
        for place, picture in enumerate(pictures(tmp_path))
    ]
    whole: dict[int, str] = {}
    SampledJudge(str(start), answers=3).ask(asked, whole.__setitem__)
    alone: dict[int, str] = {}
    SampledJudge(str(start), answers=3).ask(asked[2:], alone.__setitem__)
    assert whole[2] == alone[0]


@pytest.mark.parametrize("settings", [{"answers": 1}, {"least": 0.0}, {"least": 1.5}, {"temperature": 0.0}])
def test_a_judge_with_wrong_settings(start: Path, settings) -> None:
    with pytest.raises(UsageError, match="judge"):
        SampledJudge(str(start), **settings)


def test_a_judge_is_named(start: Path) -> None:
    with pytest.raises(UsageError, match="checkpoint"):
        load_adapter("recipe_grounded", {"actions": f"recipe_part:{start}", "judge": "sampled:"})
    adapter = load_adapter("recipe_grounded", {"actions": f"recipe_part:{start}", "judge": f"sampled:{start}"})
    assert adapter.judge.asker.replier.startswith("sampled:recipe_part:")
