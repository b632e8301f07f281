"""`foodbench compare`, and the page that it writes."""

from __future__ import annotations

import html
import json
import os
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import pytest

from foodbench.core.types import Answer, Sample
from foodbench.runs import compare_page
from foodbench.runs.schema import TaskStatus, json_schema
from foodbench.runs.store import RunFolder
from tests.cli.stored_runs import Output, finish_run, load_task, right_dish, shifted_mask, store_task
from tests.runs.gate_runs import DISH, VIREO, dish_lines, flipped, write_run

Foodbench = Callable[..., Output]
HALF = dish_lines([index % 2 == 0 for index in range(60)])
HOSTILE = (
    "</dd><script>alert('pwned')</script><img src=x onerror=alert(1)> {{ 7 * 7 }} {% raw %} "
    "<a href='javascript:alert(2)'>x</a> \x1b[31mred \u202egnirts & &amp; <!-- "
)


def runs() -> Path:
    return Path(os.environ["FOODBENCH_RUNS"])


@pytest.fixture(scope="module")
def kitchen_pair(small_kitchen: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs on the small kitchen: `old` is right, `new` writes hostile text and marks nothing."""
    folder = tmp_path_factory.mktemp("pair")
    tasks = {
        name: load_task(name, small_kitchen) for name in ("food101.dish", "foodseg103.refer1", "nutrition5k.total")
    }

    def grams(factor: float) -> Callable[[Sample], str]:
        return lambda sample: (
            f"It weighs {factor * sample.reference['mass']:.1f} g and has {factor * sample.reference['kcal']:.1f} kcal."
        )

    answers: dict[str, list[Callable[[Sample], str]]] = {
        "food101.dish": [right_dish, lambda sample: HOSTILE],
        "foodseg103.refer1": [shifted_mask, lambda sample: Answer(text=HOSTILE).to_text()],
        "nutrition5k.total": [grams(1.1), grams(1.3)],
    }
    for place, name in enumerate(("old", "new")):
        run = RunFolder(folder / name)
        for task, data in tasks.items():
            store_task(run, data, answers[task][place])
        finish_run(run, {data.task.versioned_name: TaskStatus(status="complete") for data in tasks.values()})
    return folder


class Page(HTMLParser):
    """What a browser would make of the page, as far as safety goes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


# The table


def test_table(foodbench: Foodbench) -> None:
    write_run(runs() / "old-1", {DISH: HALF, VIREO: HALF})
    write_run(runs() / "new-1", {DISH: flipped(HALF, lost=5, won=2), VIREO: HALF})
    output = foodbench("compare", "old", "new-1")
    assert output.code == 0
    dish, vireo = (line for line in output.out.splitlines() if "(kitchen)" in line)
    assert re.search(r"50\.0%\s+45\.0%\s+−5\.00 \[−\d+\.\d, [+−][\d.]+\] pp\s+60 / 60\s+5 / 2$", dish)
    assert re.search(r"identical\s+60 / 60\s+0 / 0$", vireo)


def test_flips_and_slices_on_demand(foodbench: Foodbench) -> None:
    write_run(runs() / "old-1", {DISH: HALF})
    write_run(runs() / "new-1", {DISH: flipped(HALF, lost=2, won=1)})
    output = foodbench("compare", "old-1", "new-1", "--flips", 5, "--slice", "dish", "--slice", "cuisine")
    assert output.out.count("\nworse ") == 2
    assert output.out.count("\nbetter ") == 1
    assert "answer of A    soup" in output.out
    assert "answer of B    soap" in output.out
    assert re.search(r"^dish\s+soup\s+60", output.out, re.MULTILINE)
    assert "not available by cuisine: " in output.out


def test_json_obeys_its_schema(foodbench: Foodbench) -> None:
    write_run(runs() / "old-1", {DISH: HALF, VIREO: HALF})
    write_run(runs() / "new-1", {DISH: flipped(HALF, lost=5, won=2)})
    output = foodbench("compare", "old-1", "new-1", "--slice", "all", "--json")
    plain = json.loads(output.out)
    jsonschema.validate(plain, json_schema("comparison"))
    (task,) = plain["tasks"]
    assert task["flips"]["worse"] == 5
    assert len(task["flips"]["shown_worse"]) == 3
    assert task["slices"][0]["label"] == "soup"
    assert set(task["slices_not_available"]) == {"ingredients", "presence", "mass", "cuisine", "difficulty"}
    assert [each["kind"] for each in plain["not_compared"]] == ["gone"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["old-1", "nobody"], "Unknown run 'nobody'"),
        (["old-1", "new-1", "--slice", "colour"], "Unknown slice 'colour'"),
        (["old-1", "new-1", "--tasks", "food102.*"], "Unknown task of these runs 'food102.*'"),
        (["old-1", "new-1", "--tasks", ","], "--tasks names no task"),
        (["old-1", "new-1", "--flips", "-1"], "--flips"),
        (["old-1"], "Missing argument 'B'"),
    ],
)
def test_code_2_of_wrong_usage(foodbench: Foodbench, arguments: list[str], told: str) -> None:
    write_run(runs() / "old-1", {DISH: HALF})
    write_run(runs() / "new-1", {DISH: HALF})
    output = foodbench("compare", *arguments)
    assert output.code == 2
    assert told in output.error[0]


def test_code_3_and_both_values_where_something_differs(foodbench: Foodbench) -> None:
    def change(result: dict) -> None:
        result["limit"] = 60

    write_run(runs() / "old-1", {DISH: HALF})
    write_run(runs() / "new-1", {DISH: HALF}, change=change)
    output = foodbench("compare", "old-1", "new-1")
    assert output.code == 3
    assert "food101.dish: NOT COMPARABLE: limit: baseline none, candidate 60" in output.out


def test_code_4_where_nothing_can_be_compared(foodbench: Foodbench) -> None:
    write_run(runs() / "old-1", {DISH: HALF})
    write_run(runs() / "new-1", {VIREO: HALF})
    output = foodbench("compare", "old-1", "new-1")
    assert output.code == 4
    assert "food101.dish: GONE" in output.out
    assert "vireo172.dish: NEW" in output.out


def test_intersect(foodbench: Foodbench) -> None:
    write_run(runs() / "old-1", {DISH: HALF})
    write_run(runs() / "new-1", {DISH: HALF[1:]})
    assert foodbench("compare", "old-1", "new-1").code == 3
    output = foodbench("compare", "old-1", "new-1", "--intersect")
    assert output.code == 0
    assert "only the 59 of 60 samples that both runs have are compared (98.3 %)" in output.out


# The page


def page_of(foodbench: Foodbench, folder: Path, target: Path, *more: object) -> tuple[Page, str]:
    output = foodbench("compare", folder / "old", folder / "new", "--html", target, *more)
    assert output.code == 0
    assert output.err == f"Page: {target}\n"
    text = target.read_text(encoding="utf-8")
    return Page(text), text


def test_page_is_self_contained(foodbench: Foodbench, kitchen: Path, kitchen_pair: Path, tmp_path: Path) -> None:
    page, text = page_of(foodbench, kitchen_pair, tmp_path / "page.html")
    assert page.named("script") == []
    assert page.named("link") == []
    assert page.named("iframe") == []
    for _, attributes in page.tags:
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name in ("src", "href"):
                assert str(value).startswith(("data:image/jpeg;base64,", "#"))
    assert "url(" not in text
    assert "@import" not in text
    policies = [each["content"] for each in page.named("meta") if each.get("http-equiv") == "Content-Security-Policy"]
    assert policies == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]
    assert "prefers-color-scheme: dark" in text


def test_page_shows_both_answers_and_pictures(
    foodbench: Foodbench, kitchen: Path, kitchen_pair: Path, tmp_path: Path
) -> None:
    page, _ = page_of(foodbench, kitchen_pair, tmp_path / "page.html", "--flips", 2)
    assert len(page.named("article")) == 2 + 2 + 2
    titles = [str(each["alt"]).partition(" of ")[0] for each in page.named("img")]
    assert sorted(titles) == ["baseline", "baseline", "candidate", "candidate", "photo", "photo", "photo", "photo"]
    assert "Worse: 24, of which the 2 greatest changes are shown" in " ".join(page.text.split())
    assert page.text.count("It weighs") == 4


def test_page_shows_model_output_as_text(
    foodbench: Foodbench, kitchen: Path, kitchen_pair: Path, tmp_path: Path
) -> None:
    page, text = page_of(foodbench, kitchen_pair, tmp_path / "page.html")
    assert "<script>alert('pwned')</script>" in page.text, "visible, as text"
    assert html.escape("<img src=x onerror=alert(1)>", quote=False) in text
    assert "{{ 7 * 7 }}" in page.text
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_page_has_slices(foodbench: Foodbench, kitchen: Path, kitchen_pair: Path, tmp_path: Path) -> None:
    page, _ = page_of(foodbench, kitchen_pair, tmp_path / "page.html")
    told = " ".join(page.text.split())
    assert "mass: 100 to 250 g" in told
    assert "No slices by cuisine: the references of food101.dish do not name a cuisine." in told


def test_pictures_of_a_page_are_bounded(
    foodbench: Foodbench, kitchen: Path, kitchen_pair: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare_page, "MAX_PICTURE_BYTES", 20_000)
    page, text = page_of(foodbench, kitchen_pair, tmp_path / "page.html", "--flips", 20)
    assert len(text) < 500_000
    assert 0 < len(page.named("img")) < 10
    assert "No picture: the page already holds" in page.text
    assert len(page.named("article")) > 40, "their text is there"


def test_page_without_the_dataset_says_so(foodbench: Foodbench, kitchen_pair: Path, tmp_path: Path) -> None:
    page, _ = page_of(foodbench, kitchen_pair, tmp_path / "page.html")
    assert page.named("img") == []
    assert "No picture: the kitchen's food101 is not on this machine" in page.text
    assert not (tmp_path / "home").exists(), "nothing was rendered for it"


def test_page_on_another_kitchen_says_so(
    foodbench: Foodbench, kitchen_pair: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from foodbench.data.kitchen import make

    make(tmp_path / "other", seed=8, size=224, train=8, test=24, workers=1, datasets=("food101",))
    monkeypatch.setenv("FOODBENCH_KITCHEN", str(tmp_path / "other"))
    page, _ = page_of(foodbench, kitchen_pair, tmp_path / "page.html", "--tasks", "food101.dish")
    assert page.named("img") == []
    assert "is not the one that the run was made on" in page.text
