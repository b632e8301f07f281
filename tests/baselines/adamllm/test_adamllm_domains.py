from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from baselines.adamllm.conversations import STAGES
from baselines.adamllm.domain import HERE, Domain, load_domain, missing_tasks
from baselines.adamllm.hyperparameters import BACK_ENDS, load_hyperparameters
from baselines.adamllm.medical_scoring import choice_hit, closed_hit, normalised, open_recall
from baselines.adamllm.task_types import ALL_TYPES, COMMON_TYPES, guess_task_type
from foodbench.core.errors import DataMissing, UnknownName, UsageError


@pytest.mark.parametrize("name", ["food", "biomedicine"])
def test_the_shipped_domains_name_tasks_that_exist(name: str) -> None:
    domain = load_domain(name)
    assert domain.name == name
    assert missing_tasks(domain) == ()
    assert [one.verdict for one in domain.judge_examples] == [
        "inconsistent", "open", "consistent", "consistent", "inconsistent", "open",
    ]  # fmt: skip


def test_test_sizes_are_those_of_the_papers_table_12() -> None:
    sizes = {one.name: one.samples for name in ("food", "biomedicine") for one in load_domain(name).evaluation}
    assert sizes == {
        "Recipe1M": {"all": 1000},
        "Nutrition5K": {"all": 507},
        "Food101": {"all": 25250},
        "FoodSeg103": {"all": 2135},
        "SLAKE": {"open": 645, "closed": 416},
        "PathVQA": {"open": 3357, "closed": 3362},
        "VQA-RAD": {"open": 179, "closed": 272},
        "PMC-VQA": {"all": 2000},
    }


def test_tasks_that_do_not_exist_are_told(tmp_path: Path) -> None:
    plain = yaml.safe_load((HERE / "domains" / "biomedicine.yaml").read_text())
    plain["evaluation"][0]["task"] = "slake_fr"
    plain["evaluation"].append({**plain["evaluation"][0], "via": "foodbench", "task": "food101.dishes"})
    assert missing_tasks(Domain.model_validate(plain)) == ("slake_fr", "food101.dishes")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"judge_examples": []}, "three verdicts"),
        ({"rule_tasks": "poem"}, "rule_tasks"),
        ({"name": "../x"}, "name"),
        ({"surprise": 1}, "surprise"),
        (
            {
                "evaluation": [
                    {"name": "x", "via": "lmms_eval", "task": "t", "scoring": "vqa", "samples": {}, "metric": ""}
                ]
            },
            "hub_table",
        ),
    ],
)
def test_domains_are_checked(tmp_path: Path, change: dict[str, object], message: str) -> None:
    plain = {**yaml.safe_load((HERE / "domains" / "food.yaml").read_text()), **change}
    path = tmp_path / "d.yaml"
    path.write_text(yaml.safe_dump(plain))
    with pytest.raises(UsageError, match=message):
        load_domain(path)
    with pytest.raises(DataMissing):
        load_domain("astronomy")


def test_hyperparameters_are_those_of_tables_9_to_11() -> None:
    synthesiser = load_hyperparameters("synthesizer")
    (stage,) = synthesiser.stages
    rates = stage.learning_rates
    assert (stage.epochs, stage.batch.global_size, stage.max_tokens) == (2, 128, 6144)
    assert (rates.language, rates.projector, rates.vision) == (2e-5, 2e-5, 2e-6)
    assert (stage.warmup_share, stage.weight_decay, synthesiser.hours) == (0.03, 0, {"seed": 13})
    expected = {"llava": (2e-5, 2e-6, 0.03, 0.0), "qwen2_vl": (1e-5, 1e-5, 0.1, 0.1), "llama32": (5e-6, 5e-6, 0.1, 0.1)}
    hours: dict[str, list[float]] = {"llava": [6, 21, 23], "qwen2_vl": [1, 3.5, 4], "llama32": [9, 29, 31]}
    for name, numbers in expected.items():
        found = load_hyperparameters(name)
        single = found.stage("single")
        told = (single.learning_rates.language, single.learning_rates.vision, single.warmup_share, single.weight_decay)
        assert told == numbers
        assert single.epochs == 1
        assert sorted(found.hours.values()) == sorted(hours[name])
        assert {one.name for one in found.stages} == {stage for stages in STAGES.values() for stage in stages}
        assert found.stage("tasks").model_copy(update={"name": "single"}) == single
    first = load_hyperparameters("llava").stage("captions").learning_rates
    assert (first.projector, first.language, first.vision) == (2e-3, None, None)
    assert load_hyperparameters("llama32").alternatives["released_instructions"].language == 1e-5
    assert set(BACK_ENDS) == {path.stem for path in (HERE / "paper").glob("*.yaml")}
    with pytest.raises(UnknownName):
        synthesiser.stage("single")


def test_a_batch_that_does_not_multiply_is_refused(tmp_path: Path) -> None:
    text = (HERE / "paper" / "llava.yaml").read_text().replace("accumulation: 4", "accumulation: 3")
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(UsageError, match="96, not 128"):
        load_hyperparameters(tmp_path / "x.yaml")


def test_seventeen_types_count() -> None:
    # The paper's printed diversities are seventeenths: 4, 8, 9, 10, 11 and 13 of them.
    assert len(COMMON_TYPES) == 17
    printed = (23.5, 47.1, 52.9, 58.8, 64.7, 76.5)
    assert [round(100 * number / 17, 1) for number in (4, 8, 9, 10, 11, 13)] == list(printed)


@pytest.mark.parametrize(
    ("instruction", "kind"),
    [
        ("Was this a contrast CT or a non-contrast CT?", "other"),
        ("Name this dish.", "object recognition"),
        ("Which dish is it? (a) soup (b) stew", "domain classification"),
        ("Write a caption for this picture.", "caption generation"),
        ("How is the rice prepared?", "step-by-step guidance"),
        ("What does the label say?", "text detection and ocr"),
        ("Estimate the calories.", "task-oriented image recognition"),
        ("Outline the rice.", "segmentation"),
        ("", "other"),
        ("?" * 100_000, "other"),
    ],
)
def test_types_are_guessed_from_words(instruction: str, kind: str) -> None:
    assert guess_task_type(instruction) == kind
    assert kind in ALL_TYPES


def test_medical_scores_follow_the_description_with_its_faults() -> None:
    assert normalised("The Two left-lung lobes.") == ["2", "left", "lung", "lobes"]
    assert open_recall("left lung", "left lung") == 1
    assert open_recall("in the lung", "left lung") == 0.5
    assert open_recall("lung lung lung", "left lung") == 0.75  # a repeated right word pays
    assert open_recall("", "left lung") == 0
    assert open_recall("x", "") == 0
    assert closed_hit("Yes, it is.", "yes")
    assert not closed_hit("It is.", "is")
    assert closed_hit("A normal chest.", "normal")  # "normal" holds "no"
    options = ("the heart", "the lung", "the liver", "the spleen")
    assert choice_hit("(B)", options, "B", "1") == (True, False)
    assert choice_hit("It is the liver.", options, "C", "1") == (True, False)
    assert choice_hit("nothing", options, "C", "1")[1]
