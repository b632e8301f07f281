"""Pictures are encoded once for all their questions, and released checkpoints answer through the same adapter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from foodbench.adapters.base import ask
from foodbench.adapters.foodlmm import LISA, FoodLMM
from foodbench.adapters.foodlmm_pictures import PictureCache
from foodbench.core.errors import UsageError
from foodbench.core.types import Request
from foodbench.data.images import ImageFile
from foodbench.models.foodlmm.conversation import STYLES, PromptTooLong, prompt_ids
from foodbench.models.foodlmm.convert import convert
from foodbench.tasks import prompts
from tests.models.released_layout import sam_config, write_released


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[ImageFile]:
    folder, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    paths = [folder / f"{number}.png" for number in range(3)]
    for path in paths:
        Image.fromarray(rng.integers(0, 255, (60, 80, 3), np.uint8)).save(path)
    return [ImageFile(path) for path in paths]


def request(image: Any, question: str, **slots: Any) -> Request:
    return Request("any.task", "sample", image, question, slots=slots, generation={"max_new_tokens": 12})


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How many pictures each encoder has seen."""
    from foodbench.models.foodlmm import FoodLMMForConditionalGeneration as Model

    seen = {"encode_images": 0, "encode_for_masks": 0}

    def watch(name: str) -> None:
        own = getattr(Model, name)

        def count(self: Model, pixels: torch.Tensor) -> torch.Tensor:
            seen[name] += len(pixels)
            return own(self, pixels)

        monkeypatch.setattr(Model, name, count)

    for name in seen:
        watch(name)
    return seen


def test_a_picture_is_encoded_once_for_all_its_questions(photos: list[ImageFile], counted: dict[str, int]) -> None:
    questions = [prompts.DISH, prompts.INGREDIENTS, prompts.EVERYTHING[0], prompts.EVERYTHING[1]]
    requests = [request(photo, question) for question in questions for photo in photos]
    together = ask(FoodLMM(device="cpu", batch_size=5), requests)
    assert counted["encode_images"] == len(photos)
    assert counted["encode_for_masks"] <= len(photos)
    alone = [ask(FoodLMM(device="cpu"), [each])[0] for each in requests]
    assert [answer.text for answer in together] == [answer.text for answer in alone]
    assert [answer.masks for answer in together] == [answer.masks for answer in alone]


def test_without_room_pictures_are_encoded_again_and_answers_stay(
    photos: list[ImageFile], counted: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = [request(photo, prompts.EVERYTHING[0]) for photo in [*photos, *photos]]
    expected = ask(FoodLMM(device="cpu", batch_size=2), requests)
    monkeypatch.setattr(PictureCache.__init__, "__defaults__", (1,))
    counted["encode_images"] = 0
    assert ask(FoodLMM(device="cpu", batch_size=2), requests) == expected
    assert counted["encode_images"] > len(photos)


def test_memory_that_does_not_suffice_halves_the_batch(
    photos: list[ImageFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = [request(photo, prompts.DISH) for photo in [*photos, *photos]]
    expected = ask(FoodLMM(device="cpu"), requests)
    own, sizes = FoodLMM._generate, []

    def cramped(self: FoodLMM, batch: Any, prepared: Any) -> Any:
        sizes.append(len(batch))
        if len(batch) > 2:
            raise torch.OutOfMemoryError("no room")
        return own(self, batch, prepared)

    monkeypatch.setattr(FoodLMM, "_generate", cramped)
    assert ask(FoodLMM(device="cpu"), requests) == expected
    assert sizes == [6, 3, 2, 1, 3, 2, 1]
    with pytest.raises(torch.OutOfMemoryError):
        FoodLMM(device="cpu", batch_size=6).answer(requests)


@pytest.mark.parametrize("adapter", [FoodLMM, LISA])
def test_a_converted_release_is_asked_in_its_own_words(
    adapter: type[FoodLMM], photos: list[ImageFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = write_released(tmp_path / "released", nutrition=adapter is FoodLMM)
    convert(released.folder, tmp_path / "out", vision_tower=released.vision, sam=sam_config())
    model = adapter(pretrained=tmp_path / "out", device="cpu", dtype="fp32")
    assert model.identity.startswith(f"{adapter.name}:")
    loaded, processor, _ = model._loaded
    asked: list[torch.Tensor] = []
    own = type(loaded).generate_answers

    def spy(self: Any, **inputs: Any) -> Any:
        asked.append(inputs["input_ids"])
        return own(self, **inputs)

    monkeypatch.setattr(type(loaded), "generate_answers", spy)
    history = [["What is it?", "The rice [SEG1]."]]
    ask(model, [request(photos[0], "Is it rice?", history=history, turn="Is it rice?")])
    assert asked[0][0].tolist() == prompt_ids(
        [("What is it?", "The rice [SEG1]."), ("Is it rice?", None)],
        STYLES[adapter.name],
        processor.tokenizer,
        image_token_id=loaded.config.image_token_index,
        image_length=processor.image_seq_length,
    )
    with pytest.raises(PromptTooLong):
        model.answer([request(photos[0], "rice " * 400)])


def test_settings_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="same setting"):
        FoodLMM(checkpoint=tmp_path, pretrained=tmp_path)
    with pytest.raises(UsageError, match="lisa needs a checkpoint"):
        LISA()
    for batch_size in (0, -3, "many"):
        with pytest.raises(UsageError, match="batch size"):
            FoodLMM(batch_size=batch_size)
