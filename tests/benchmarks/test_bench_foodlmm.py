"""The included FoodLMM: questions about dishes in batches, beside the same ones by one."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import Image

from foodbench.adapters.foodlmm import FoodLMM
from foodbench.core.types import Request
from foodbench.data.images import ImageFile
from foodbench.data.kitchen import plate_seed, render
from foodbench.tasks import prompts

COUNT = 96


@pytest.fixture(scope="module")
def requests(tmp_path_factory: pytest.TempPathFactory) -> list[Request]:
    """One question about each of 96 plates."""
    folder = tmp_path_factory.mktemp("plates")
    for index in range(COUNT):
        Image.fromarray(render(plate_seed("test", "foodlmm-speed", index), 224).image).save(folder / f"{index}.png")
    images = [ImageFile(folder / f"{index}.png") for index in range(COUNT)]
    return [Request("any.task", "sample", image, prompts.DISH, generation={"max_new_tokens": 32}) for image in images]


def _ask(model: FoodLMM, requests: list[Request], together: int) -> None:
    for start in range(0, len(requests), together):
        model.answer(requests[start : start + together])


@pytest.mark.parametrize("together", [1, COUNT])
def test_questions_about_dishes(benchmark: Any, requests: list[Request], together: int) -> None:
    """`together=1` is the loop of most published evaluation scripts; each round begins without known pictures."""

    def fresh() -> tuple[tuple[FoodLMM, list[Request], int], dict[str, Any]]:
        model = FoodLMM(device="cpu")
        model.answer(requests[:1])
        model._loaded[2]._known.clear()
        return (model, requests, together), {}

    benchmark.pedantic(_ask, setup=fresh, rounds=3, iterations=1)
