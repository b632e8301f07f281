"""What goes into a model card is what was measured, of the data that it names, as huggingface_hub reads it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import ModelCard, ModelCardData

from foodbench.core.errors import DataCorrupt, UsageError
from foodbench.runs.export import load_results
from foodbench.runs.export_card import check_card, to_card
from foodbench.runs.store import RunFolder
from tests.conftest import REPOSITORY
from tests.runs.export_runs import AWKWARD, HOSTILE, finish, metric, store

REPORT = REPOSITORY / "reports" / "foodlmm-kitchen"


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "run-1")


def test_huggingface_hub_reads_the_same_numbers() -> None:
    results = load_results(REPORT)
    text = to_card(results, metrics="all", name="FoodLMM, small")
    card = ModelCardData(**yaml.safe_load(text))
    assert card.model_name == "FoodLMM, small"
    found = {(entry.dataset_config, entry.metric_type): entry for entry in card.eval_results}
    wanted = {
        (f"{result.task.name}@{result.task.version}", each.id): (result, each)
        for result in results.results.values()
        for each in result.metrics
        if each.value is not None
    }
    assert found.keys() == wanted.keys()
    for key, (result, each) in wanted.items():
        entry = found[key]
        assert entry.metric_value == each.value
        assert (entry.metric_args.get("low"), entry.metric_args.get("high")) == (each.low, each.high)
        assert entry.metric_args["n"] == each.n
        assert entry.task_name.startswith(result.task.name), "tasks of one dataset keep their names"
    assert check_card(text, "card", results).problems == ()


def test_a_whole_card_is_read(folder: RunFolder) -> None:
    store(folder)
    results = load_results(finish(folder))
    text = f"---\nlicense: mit\n{to_card(results)}---\n# My model\n\n---\nnot: yaml: {{\n"
    assert ModelCard(text).data.eval_results[0].metric_value == 98.1517360191317
    checked = check_card(text, "README.md", results)
    assert (checked.model, checked.entries, checked.problems) == ("py:tests:Model_1", 1, ())


def test_awkward_numbers_come_back(folder: RunFolder) -> None:
    store(folder, metrics=[metric(f"m{place}", value) for place, value in enumerate(AWKWARD)])
    text = to_card(load_results(finish(folder)), metrics="all")
    values = [entry.metric_value for entry in ModelCardData(**yaml.safe_load(text)).eval_results]
    assert values == list(AWKWARD)


def test_hostile_names_are_values_and_nothing_else(folder: RunFolder) -> None:
    names = [text for text in HOSTILE if text]
    store(folder, metrics=[metric(text, 50.0) for text in names], dataset={"variant": "a: [b\n- c"})
    results = load_results(finish(folder))
    for name in ("--- !!python/object:os.system", "a\nmodel-index: []", "no", "1e5"):
        text = to_card(results, metrics="all", name=name)
        card = ModelCardData(**yaml.safe_load(text))
        assert card.model_name == name
        assert [entry.metric_type for entry in card.eval_results] == names


def test_the_kitchen_never_passes_for_the_dataset(folder: RunFolder) -> None:
    store(folder)
    store(folder, "nutrition5k.total", dataset={"edition": "real"})
    entries = ModelCardData(**yaml.safe_load(to_card(load_results(finish(folder))))).eval_results
    kitchen, real = sorted(entries, key=lambda entry: entry.dataset_args["edition"])
    assert kitchen.dataset_type == "foodbench-kitchen-food101"
    assert "synthetic" in kitchen.dataset_name
    assert kitchen.dataset_name != "Food-101"
    assert (real.dataset_type, real.dataset_name) == ("nutrition5k", "Nutrition5k")


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"limit": 12}, "limit 12"),
        ({"control": "blank-image"}, "control blank-image"),
        ({"dataset": {"missing": 1}}, "partial copy"),
        ({"n_missing": 1}, "1 of 3 answers missing"),
    ],
)
def test_what_is_not_of_the_whole_split_is_refused(folder: RunFolder, settings: dict[str, Any], why: str) -> None:
    store(folder, **settings)
    store(folder, "nutrition5k.total")
    path = finish(folder)
    with pytest.raises(UsageError, match=why):
        to_card(load_results(path))
    assert "nutrition5k" in to_card(load_results(path, tasks="nutrition5k.*"))


def test_without_a_value_there_is_no_card(folder: RunFolder) -> None:
    store(folder, metrics=[metric("rating", None)])
    with pytest.raises(UsageError, match="No metric has a value"):
        to_card(load_results(finish(folder)))


def entry_of(document: Any) -> Any:
    return document["model-index"][0]["results"][0]


def set_value(value: Any) -> Callable[[Any], None]:
    return lambda document: entry_of(document)["metrics"][0].update(value=value)


def drop_interval(document: Any) -> None:
    del entry_of(document)["metrics"][0]["args"]["low"]


def turn_interval(document: Any) -> None:
    entry_of(document)["metrics"][0]["args"].update(low=2.0, high=1.0)


def repeat(document: Any) -> None:
    results = document["model-index"][0]["results"]
    results.append(yaml.safe_load(yaml.safe_dump(results[0])))


CHANGES: dict[str, tuple[Callable[[Any], None], str]] = {
    "another value": (set_value(99.0), "99.0 here, 98.1517360191317 in the run"),
    "text": (set_value("98 +- 1"), "is no finite number"),
    "true": (set_value(True), "is no finite number"),
    "infinity": (set_value(float("inf")), "is no finite number"),
    "half an interval": (drop_interval, "is no interval"),
    "a turned interval": (turn_interval, "is no interval"),
    "the dataset's own name": (lambda d: entry_of(d)["dataset"].update(name="Food-101"), "does not say so"),
    "the dataset's own type": (lambda d: entry_of(d)["dataset"].update(type="food101"), "does not say so"),
    "called real": (lambda d: entry_of(d)["dataset"]["args"].update(edition="real"), "is the kitchen's"),
    "no edition": (lambda d: entry_of(d)["dataset"]["args"].pop("edition"), "neither 'real' nor 'kitchen'"),
    "another task": (lambda d: entry_of(d)["dataset"].update(config="food101.dish@9"), "the run has no such result"),
    "another n": (lambda d: entry_of(d)["metrics"][0]["args"].update(n=25_250), "25250 here, 3 in the run"),
    "no n": (lambda d: entry_of(d)["metrics"][0]["args"].pop("n"), "not a number of samples"),
    "twice": (repeat, "comes twice"),
    "somebody else's": (
        lambda d: d["model-index"][0].update(
            results=[
                {"task": {"type": "t"}, "dataset": {"type": "x", "name": "x"}, "metrics": [{"type": "a", "value": 1}]}
            ]
        ),
        "no result of foodbench's",
    ),
}


@pytest.mark.parametrize("way", CHANGES)
def test_a_card_that_was_changed_is_told(way: str, folder: RunFolder) -> None:
    change, problem = CHANGES[way]
    store(folder)
    results = load_results(finish(folder))
    document = yaml.safe_load(to_card(results))
    change(document)
    checked = check_card(yaml.safe_dump(document), "card", results)
    assert any(problem in each for each in checked.problems), checked.problems


BROKEN = {
    "nothing": "",
    "text": "just words",
    "no index": "license: mit",
    "a list": "- a\n- b",
    "not YAML": "model-index: [",
    "a scalar index": "model-index: 7",
    "an index of words": "model-index: [a, b]",
    "no results": "model-index:\n- name: m\n",
    "results of another form": "model-index:\n- name: m\n  results: 3\n",
    "without metrics": "model-index:\n- name: m\n  results:\n  - task: {type: t}\n    dataset: {type: a, name: b}\n",
    "an object": "model-index: !!python/object/apply:os.system ['true']",
    "aliases": "a: &a [x, x]\nb: &b [*a, *a]\nmodel-index: [*b, *b]\n",
    "deep": "model-index: " + "[" * 3000 + "]" * 3000,
    "NUL": "model-index: \0",
}


@pytest.mark.parametrize("way", BROKEN)
def test_what_is_no_card_is_refused(way: str) -> None:
    with pytest.raises(DataCorrupt) as caught:
        check_card(BROKEN[way], "card.yaml")
    assert "card.yaml" in caught.value.message
    assert len(caught.value.message) < 500
    assert caught.value.message.isprintable()
