"""Figures: numbers stand where the results say, hostile names stay text, and the same runs give the same bytes."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from foodbench.core.errors import DataCorrupt, DataMissing, FoodbenchError, UnknownName, UsageError
from foodbench.core.types import Answer, Sample
from foodbench.metrics.masks import decode, encode
from foodbench.runs.export import RunResults, load_results
from foodbench.runs.figure_data import class_rows, mass_bins
from foodbench.runs.figures import KINDS, ONE_TASK, draw_figure
from foodbench.runs.schema import ReferenceFigure, SampleIds
from foodbench.runs.store import RunFolder, samples_digest
from foodbench.tasks.pointing import reference_masks
from tests.cli.stored_runs import load_task, store_task
from tests.conftest import REPOSITORY
from tests.runs.export_runs import finish, metric, sample, store

REPORT = REPOSITORY / "reports" / "foodlmm-kitchen"
STAGE1 = REPOSITORY / "reports" / "foodlmm-stage1-kitchen"
REAL = REPOSITORY / "reports" / "colour-food101-real"
SVG = "{http://www.w3.org/2000/svg}"


class Drawing:
    """An SVG file, read back."""

    def __init__(self, content: bytes) -> None:
        self.root = ElementTree.fromstring(content)
        self.groups = {str(each.get("id")): each for each in self.root.iter(f"{SVG}g") if each.get("id")}
        self.texts = ["".join(each.itertext()) for each in self.root.iter(f"{SVG}text")]

    def text(self, name: str) -> str:
        return "".join(self.groups[name].itertext()).strip()

    def point(self, name: str) -> tuple[float, float]:
        """Where a marker is."""
        use = next(self.groups[name].iter(f"{SVG}use"))
        return float(use.get("x", "nan")), float(use.get("y", "nan"))

    def extent(self, name: str) -> tuple[float, float]:
        """From where to where an area or a line goes across."""
        return self._extent(name, 0)

    def height(self, name: str) -> tuple[float, float]:
        """From where to where a line goes down."""
        return self._extent(name, 1)

    def _extent(self, name: str, axis: int) -> tuple[float, float]:
        path = next(self.groups[name].iter(f"{SVG}path")).get("d", "")
        numbers = [float(each) for each in path.split() if each not in ("M", "L", "z")]
        return min(numbers[axis::2]), max(numbers[axis::2])


def draw(kind: str, *paths: Path, tasks: str = "all", **settings: Any) -> Drawing:
    runs = [load_results(path, tasks=tasks) for path in paths]
    return Drawing(draw_figure(kind, runs, **{"form": "svg", **settings}))


def stored(path: Path, task: str) -> dict[str, Any]:
    found = next(path.glob(f"{task}@*"))
    return dict(json.loads((found / "result.json").read_text()))


def stored_samples(path: Path, task: str) -> list[dict[str, Any]]:
    with gzip.open(next(path.glob(f"{task}@*")) / "samples.jsonl.gz", "rt") as stream:
        return [json.loads(line) for line in stream]


@pytest.mark.parametrize("width", [3.3, 7.0])
@pytest.mark.parametrize("kind", ["forest", "multiples"])
@pytest.mark.parametrize("tasks", [("foodseg103.refer1",), ("nutrition5k.total",), ("vireo172.dish",)])
def test_values_and_intervals_stand_between_floor_and_ceiling(kind: str, tasks: Sequence[str], width: float) -> None:
    drawing = draw(kind, REPORT, STAGE1, tasks=",".join(tasks), width=width)
    for row, task in enumerate(tasks):
        results = [stored(path, task)["metrics"][0] for path in (REPORT, STAGE1)]
        floor, ceiling = results[0]["floor"]["value"], results[0]["ceiling"]["value"]
        ends = drawing.extent(f"way-{row}")
        at_floor = drawing.extent(f"floor-{row}")[0]
        at_ceiling = ends[1] if at_floor == pytest.approx(ends[0]) else ends[0]
        if kind == "multiples" or floor < ceiling:
            assert at_floor < at_ceiling, "better is to the right"

        scale = (at_ceiling - at_floor) / (ceiling - floor)
        for run, found in enumerate(results):
            assert drawing.point(f"dot-{row}-{run}")[0] == pytest.approx(
                at_floor + scale * (found["value"] - floor), abs=0.01
            )
            expected = sorted(at_floor + scale * (found[end] - floor) for end in ("low", "high"))
            assert list(drawing.extent(f"interval-{row}-{run}")) == pytest.approx(expected, abs=0.01)
            digits = 3 if found["unit"] == "" else 1
            assert drawing.text(f"text-{row}-{run}").startswith(f"{found['value']:.{digits}f}")
        assert drawing.point(f"dot-{row}-0")[1] < drawing.point(f"dot-{row}-1")[1], "runs are in their order"
        assert task in drawing.texts
    assert "foodlmm-kitchen" in drawing.texts


def test_a_page_has_intervals_and_counts_in_figures() -> None:
    texts = draw("forest", REPORT).texts
    for path in sorted(REPORT.glob("*/result.json")):
        found = json.loads(path.read_text())
        assert found["task"]["name"] in texts
        assert f"{found['n']:,}" in texts
    assert "0.840 [0.825, 0.854]" in texts
    assert "9.5 [8.3, 11.0]" in texts
    for unit in ("%, more is better", "%, less is better", "0 to 1, more is better", "0 to 100, more is better"):
        assert texts.count(unit) == 1, "one panel for each unit"


def test_the_best_panels_come_first() -> None:
    drawing = draw("multiples", REPORT, tasks="foodseg103.*")
    shown = [text for text in drawing.texts if text.startswith("foodseg103.")]

    def share(task: str) -> float:
        found = stored(REPORT, task)["metrics"][0]
        floor, ceiling = found["floor"]["value"], found["ceiling"]["value"]
        return float((found["value"] - floor) / (ceiling - floor))

    assert shown == sorted(shown, key=share, reverse=True)
    assert len(shown) == 8


def test_classes_are_sorted_by_iou_and_add_up_to_the_result() -> None:
    rows: Any = class_rows([load_results(REPORT, tasks="foodseg103.semantic")], "foodseg103.semantic")
    by_hand: dict[str, list[float]] = {}
    for record in stored_samples(REPORT, "foodseg103.semantic"):
        for key, value in record["values"].items():
            part, _, name = key.partition("/")
            if name:
                sums = by_hand.setdefault(name, [0.0, 0.0, 0.0])
                sums["iun".index(part)] += value if part != "n" else float(value > 0)
    assert {row.name: (row.found[0].value, row.n) for row in rows} == {
        name: (pytest.approx(both / either), count) for name, (both, either, count) in by_hand.items()
    }
    values = [row.found[0].value for row in rows]
    assert values == sorted(values, reverse=True)
    foreground = [row.found[0].value for row in rows if row.name != "background"]
    miou = stored(REPORT, "foodseg103.semantic")["metrics"][0]["value"]
    assert sum(foreground) / len(foreground) == pytest.approx(miou)
    for row in rows:
        interval = row.found[0].interval
        assert interval is not None
        assert interval.low < row.found[0].value < interval.high


@pytest.mark.parametrize("width", [3.3, 7.0])
def test_bars_are_as_long_as_the_ious(width: float) -> None:
    runs = [load_results(path, tasks="foodseg103.semantic") for path in (REPORT, STAGE1)]
    rows: Any = class_rows(runs, "foodseg103.semantic")
    drawing = Drawing(draw_figure("classes", runs, form="svg", width=width))
    left, right = drawing.extent("bar-0-0")
    unit = (right - left) / rows[0].found[0].value
    for number, row in enumerate(rows):
        for run, found in enumerate(row.found):
            start, end = drawing.extent(f"bar-{number}-{run}")
            assert start == left
            assert end - start == pytest.approx(found.value * unit, abs=0.01)
            low, high = drawing.extent(f"interval-{number}-{run}")
            assert low - left == pytest.approx(found.interval.low * unit, abs=0.01)
            assert high - left == pytest.approx(found.interval.high * unit, abs=0.01)
            assert drawing.text(f"text-{number}-{run}").startswith(f"{found.value:.3f}")
        assert row.name in drawing.texts
        assert str(row.n) in drawing.texts


@pytest.mark.parametrize("nutrient", ["mass", "kcal"])
def test_bins_of_mass_add_up_to_the_result(nutrient: str) -> None:
    bins: Any = mass_bins([load_results(REPORT, tasks="nutrition5k.total")], "nutrition5k.total", nutrient)
    records = stored_samples(REPORT, "nutrition5k.total")
    assert sum(each.n for each in bins) == len(records)
    error = sum(each.error[0].value * each.n for each in bins) / len(records)
    metrics = {each["id"]: each["value"] for each in stored(REPORT, "nutrition5k.total")["metrics"]}
    assert error == pytest.approx(metrics[f"mae.{nutrient}"])
    for each in bins:
        inside = [one["values"] for one in records if each.low <= one["values"]["true.mass"] < each.high]
        signed = [values[f"guess.{nutrient}"] - values[f"true.{nutrient}"] for values in inside]
        assert each.bias[0].value == pytest.approx(sum(signed) / len(signed))
        assert each.n == len(inside)


@pytest.mark.parametrize("width", [3.3, 7.0])
def test_errors_by_mass_stand_at_their_heights(width: float) -> None:
    runs = [load_results(path, tasks="nutrition5k.total") for path in (REPORT, STAGE1)]
    bins: Any = mass_bins(runs, "nutrition5k.total", "mass")
    drawing = Drawing(draw_figure("mass", runs, form="svg", width=width))
    for kind in ("error", "bias"):
        points = [
            (getattr(each, kind)[run], f"{kind}-{number}-{run}") for number, each in enumerate(bins) for run in (0, 1)
        ]
        (first, one), (last, other) = points[0], points[-1]
        y, slope = drawing.point(f"dot-{one}")[1], drawing.point(f"dot-{other}")[1]
        slope = (slope - y) / (last.value - first.value)
        assert slope < 0, "more is higher"
        for measured, name in points:
            assert drawing.point(f"dot-{name}")[1] == pytest.approx(
                y + slope * (measured.value - first.value), abs=0.02
            )
            top, bottom = drawing.height(f"interval-{name}")
            assert bottom - top == pytest.approx(-slope * (measured.interval.high - measured.interval.low), abs=0.02)
    for each in bins:
        assert f"n = {each.n}" in drawing.texts


def test_a_dish_without_a_stated_value_is_in_the_error_and_not_in_the_bias(tmp_path: Path) -> None:
    def dish(name: str, stated: float) -> Any:
        values: Any = {"true.mass": 100.0, "absolute_error.mass": 20.0 if stated else 100.0, "stated.mass": stated}
        values["guess.mass"] = 80.0 * stated
        return sample(name, **values)

    run = RunFolder(tmp_path / "run")
    store(run, "nutrition5k.total", samples=[dish("a", 1.0), dish("b", 0.0)], metrics=[metric("mae.mass", 60.0)])
    results = load_results(finish(run))
    (only,) = mass_bins([results], "nutrition5k.total", "mass")
    assert (only.error[0].value, only.error[0].n) == (60.0, 2)
    assert (only.bias[0].value, only.bias[0].n) == (-20.0, 1)
    assert any("counts as zero" in text for text in Drawing(draw_figure("mass", [results], form="svg")).texts)


def moved_masks(question: Sample) -> str:
    """Each region three pixels to the right, and the first one also as something that is not there."""
    true = reference_masks(question)
    drawn = [replace(encode(np.roll(decode(each), 3, axis=1)), label=each.label) for each in true]
    absent = next(name for name in ("corn", "egg", "tofu", "fish", "rice", "steak") if not_there(question, name))
    return Answer(text="Here.", masks=(*drawn, replace(true[0], label=absent))).to_text()


def not_there(question: Sample, name: str) -> bool:
    asked = question.slots.get("ingredients", ())
    return name not in {*asked, *(str(each.label) for each in reference_masks(question))}


@pytest.fixture
def segmented(tmp_path: Path, kitchen: Path) -> Path:
    """A run of segmentation tasks whose samples do not hold the classes."""
    run = RunFolder(tmp_path / "segmented")
    for name in ("foodseg103.refer1", "foodseg103.everything"):
        store_task(run, load_task(name, kitchen), moved_masks)
    return finish(run)


@pytest.mark.parametrize("task", ["foodseg103.refer1", "foodseg103.everything"])
def test_classes_come_from_the_references_where_samples_do_not_hold_them(
    segmented: Path, kitchen: Path, task: str
) -> None:
    results = load_results(segmented, tasks=task)
    by_hand: dict[str, list[int]] = {}
    for question in load_task(task, kitchen).samples:
        drawn = {str(each.label): decode(each) for each in Answer.from_text(moved_masks(question)).masks}
        true = {str(each.label): decode(each) for each in reference_masks(question)}
        counting = {*true, *drawn} if task.endswith("everything") else {*true}
        for name in counting:
            here, there = (found.get(name, np.zeros_like(next(iter(true.values())))) for found in (drawn, true))
            sums = by_hand.setdefault(name, [0, 0, 0])
            for place, number in enumerate(((here & there).sum(), (here | there).sum(), name in true)):
                sums[place] += int(number)
    rows = class_rows([results], task)
    assert {row.name: (row.found[0].value, row.n) for row in rows} == {
        name: (pytest.approx(both / either), n) for name, (both, either, n) in by_hand.items()
    }
    texts = Drawing(draw_figure("classes", [results], form="svg")).texts
    assert {row.name for row in rows} <= set(texts)


def test_without_the_dataset_the_classes_are_refused(segmented: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FOODBENCH_KITCHEN")
    with pytest.raises(DataMissing, match=r"foodseg103\.refer1 are in the references of foodseg103") as caught:
        draw("classes", segmented, tasks="foodseg103.refer1")
    assert "foodbench run" in caught.value.hint


def test_answers_that_come_to_something_else_today_are_refused(segmented: Path) -> None:
    folder = RunFolder(segmented).task("foodseg103.refer1@2")
    records = folder.samples()
    records[0] = records[0].model_copy(update={"values": {**records[0].values, "union": 7.0}})
    result = folder.result().model_copy(update={"samples_sha256": samples_digest(records)})
    folder.write(records, result, SampleIds(scored=[each.sample_id for each in records], missing=[]))
    with pytest.raises(DataCorrupt, match="comes to something else today"):
        draw("classes", segmented, tasks="foodseg103.refer1")


def test_another_copy_of_the_dataset_is_refused(segmented: Path) -> None:
    folder = RunFolder(segmented).task("foodseg103.refer1@2")
    result = folder.result()
    identity = result.task.model_copy(update={"fingerprint": "sha256:other"})
    folder.write(folder.samples(), result.model_copy(update={"task": identity}), SampleIds(scored=[], missing=[]))
    with pytest.raises(DataCorrupt, match="not the one that was asked about"):
        draw("classes", segmented, tasks="foodseg103.refer1")


HOSTILE = (
    "<script>alert(1)</script>", "$\\frac{1}{0}$", "$unclosed", "a\nb\r", "</text>&amp;\"'", "\u202egnp", "麻婆豆腐",
    "🍮", "x" * 3000, "\x00\x1b[31m", "{%s}", "#%&~^_\\", " ", "--><!--", "]]>",
)  # fmt: skip


@pytest.fixture
def hostile(tmp_path: Path) -> RunResults:
    run = RunFolder(tmp_path / "ru$n <b>")
    values = [{f"{part}/{name}": number for name in HOSTILE} for part, number in (("i", 3.0), ("u", 5.0), ("n", 4.0))]
    merged: Any = {key: value for each in values for key, value in each.items()}
    metrics = [metric("m.$x$\n<b>", -2.5e300), metric("none", None), metric("b", 5.0, floor=None, unit="$u$")]
    store(run, "foodseg103.semantic", samples=[sample("a", **merged), sample("b", **merged)], metrics=metrics)
    return load_results(finish(run))


@pytest.mark.parametrize("kind", ["forest", "multiples", "classes"])
@pytest.mark.parametrize("form", ["svg", "pdf", "png"])
def test_names_stay_text(hostile: RunResults, kind: str, form: Any) -> None:
    content = draw_figure(kind, [hostile], form=form, names=["$a$ <b>\n麻"], metrics="all", width=3.3)
    if form != "svg":
        return
    drawing = Drawing(content)
    tags = {each.tag.partition("}")[2] for each in drawing.root.iter()}
    assert not tags & {"script", "b", "a", "image", "foreignObject"}
    assert any(text.startswith("$a$ <b>\\n\\u9ebb: ") for text in drawing.texts)
    assert all(text.isprintable() for text in drawing.texts)
    if kind == "classes":
        assert {"$unclosed", "a\\nb\\r", "\\u202egnp"} <= set(drawing.texts)
        assert any(text.startswith("xxxx") and text.endswith("…") for text in drawing.texts)
    else:
        assert any(text.startswith("m.$x$\\n<b>") for text in drawing.texts)
        assert "beyond-0-0" in drawing.groups, "what is far away is an arrow"


def all_of(path: Path, kind: str) -> RunResults:
    return load_results(path, tasks=ONE_TASK.get(kind, "foodseg103.refer*,nutrition5k.total"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", ["svg", "pdf", "png"])
def test_the_same_bytes_come_out_twice(kind: str, form: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import matplotlib

    runs = [all_of(path, kind) for path in (REPORT, STAGE1)]
    first = draw_figure(kind, runs, form=form)
    monkeypatch.setitem(matplotlib.rcParams, "font.size", 30.0)
    monkeypatch.setitem(matplotlib.rcParams, "svg.hashsalt", "other")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1234567890")
    assert draw_figure(kind, runs, form=form) == first
    assert matplotlib.rcParams["font.size"] == 30.0, "the caller's settings stay"
    assert b"2009" not in first


CODE = """
import hashlib, sys
from foodbench.core.types import Answer, Sample
from foodbench.metrics.masks import decode, encode
from foodbench.runs.export import load_results
from foodbench.runs.figures import draw_figure
runs = [load_results(sys.argv[1], tasks="foodseg103.refer1")]
for form in ("svg", "pdf", "png"):
    print(hashlib.sha256(draw_figure("forest", runs, form=form)).hexdigest())
"""


def test_another_process_draws_the_same_bytes() -> None:
    found = {
        subprocess.run(
            [sys.executable, "-c", CODE, str(REPORT)],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


def test_sizes_are_those_of_a_paper() -> None:
    from PIL import Image

    runs = [load_results(REPORT, tasks="foodseg103.refer*")]
    for width in (3.3, 7.0):
        drawing = Drawing(draw_figure("forest", runs, form="svg", width=width))
        assert drawing.root.get("width") == f"{width * 72:g}pt"
        sizes = {each.get("style", "").partition("font-size: ")[2][:3] for each in drawing.root.iter(f"{SVG}text")}
        assert sizes == {"8px", "7px"}
        with Image.open(io.BytesIO(draw_figure("forest", runs, form="png", width=width))) as image:
            assert image.width == round(width * 300)
    pdf = draw_figure("forest", runs, form="pdf")
    assert b"/FontFile2" in pdf, "text is text in TrueType"
    assert b"CreationDate" not in pdf


def test_the_heading_says_what_the_data_are() -> None:
    assert "Kitchen edition: synthetic plates drawn by foodbench, not the real datasets" in draw(
        "forest", REPORT, tasks="food101.dish"
    ).texts  # fmt: skip
    real = draw("forest", REAL)
    assert "Real data" in real.texts
    assert not any("itchen" in text for text in real.texts)
    assert any("partial copy, 25,050 of 25,250 records missing" in text for text in real.texts)


def test_limits_and_controls_are_said(tmp_path: Path) -> None:
    one, other = RunFolder(tmp_path / "one"), RunFolder(tmp_path / "other")
    store(one, limit=3)
    store(other, control="wrong-image")
    store(other, "vireo172.dish")
    runs = [load_results(finish(each)) for each in (one, other)]
    texts = Drawing(draw_figure("forest", runs, form="svg", names=["A", "B"])).texts
    assert "A (limit 3)" in texts
    assert "B" in texts
    assert "* B: control wrong-image: food101.dish" in texts
    assert "food101.dish*" in texts
    assert "vireo172.dish" in texts


def different_editions(tmp_path: Path) -> Iterator[RunResults]:
    for name, dataset in (("one", {}), ("other", {"variant": "hard"})):
        run = RunFolder(tmp_path / name)
        store(run, dataset=dataset)
        yield load_results(finish(run))


def test_what_does_not_compare_is_refused(tmp_path: Path) -> None:
    kitchen = load_results(REPORT, tasks="food101.dish")
    for runs in ([load_results(REAL), kitchen], list(different_editions(tmp_path))):
        with pytest.raises(UsageError, match="have figures of their own"):
            draw_figure("forest", runs, form="svg")
    run = RunFolder(tmp_path / "questions")
    store(run)
    with pytest.raises(UsageError, match=r"food101\.dish: .* have answered different questions"):
        draw_figure("forest", [load_results(finish(run)), kitchen], form="svg")
    with pytest.raises(UsageError, match="comes twice"):
        draw_figure("forest", [kitchen, kitchen], form="svg")


def test_one_run_with_both_editions_is_refused(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    store(run)
    store(run, "vireo172.dish", dataset={"edition": "real"})
    path = finish(run)
    with pytest.raises(UsageError, match=r"vireo172\.dish of run on 'real'"):
        draw("forest", path)
    assert "Real data" in draw("forest", path, tasks="vireo172.*").texts


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        ("forrest", {}, "Unknown figure 'forrest'"),
        ("forest", {"width": 1.0}, "1 inches wide"),
        ("forest", {"width": float("nan")}, "nan inches wide"),
        ("forest", {"names": ["a", "b"]}, "2 names for 1 runs"),
        ("forest", {"names": [""]}, "a name of its own"),
        ("mass", {"nutrient": "salt"}, "Unknown nutrient 'salt'"),
        ("mass", {}, "no chosen task fits"),
        ("classes", {}, "3 of the chosen tasks fit"),
    ],
)
def test_what_cannot_be_drawn_is_refused(kind: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        draw(kind, REPORT, tasks="foodseg103.refer*", **settings)
    assert caught.value.hint
    if kind == "forrest":
        assert caught.value.hint == "Did you mean forest?"
        assert isinstance(caught.value, UnknownName)


def test_a_run_without_the_task_is_named(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "lacking")
    store(run)
    lacking = load_results(finish(run))
    with pytest.raises(UsageError, match=r"lacking has not measured nutrition5k\.total"):
        draw_figure("mass", [load_results(REPORT, tasks="nutrition5k.total"), lacking], form="svg")


def test_a_task_that_a_run_lacks_is_a_dash(tmp_path: Path) -> None:
    one, other = RunFolder(tmp_path / "one"), RunFolder(tmp_path / "other")
    store(one)
    store(one, "vireo172.dish")
    store(other, metrics=[metric("top1_accuracy", 50.0, floor=ReferenceFigure(model="m", value=None, reason="no"))])
    for kind in ("forest", "multiples"):
        drawing = draw(kind, finish(one), finish(other), names=["A", "B"])
        assert [drawing.text(f"text-{row}-1") for row in (0, 1)].count("–") == 1


def test_without_matplotlib_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(FoodbenchError, match="not installed") as caught:
        draw("forest", REPORT, tasks="food101.dish")
    assert "pip install 'matplotlib" in caught.value.hint
