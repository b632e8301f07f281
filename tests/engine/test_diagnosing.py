"""Which metrics notice: the whole way on a small kitchen, and the rules of the verdicts."""

from __future__ import annotations

from pathlib import Path

import pytest

from foodbench.core.errors import RunIncomplete, UsageError
from foodbench.core.types import Answer, Score
from foodbench.engine.diagnosing import TASK_NAMES, Wanted, answers_of_run, diagnose_recipes, readable
from foodbench.engine.losses import Standards, looks_at, metric_losses
from foodbench.metrics.aggregate import Metric
from foodbench.runs.diagnostics import CorruptedTask, Diagnosis, MetricLoss
from foodbench.runs.schema import TaskStatus
from foodbench.runs.store import RunFolder
from foodbench.tasks import TASKS
from foodbench.tasks.corruption import CORRUPTIONS
from tests.cli.stored_runs import finish_run, load_task, store_task

MEAN = Metric(id="f1.sample", kind="mean", value="f1", scale=100.0, unit="%", bounds=(0.0, 1.0))
STANDARDS = Standards({MEAN.id: (50.0, "baseline:usual")}, {MEAN.id: 100.0})


def scores(*values: float) -> list[Score]:
    return [Score(str(index), str(index), True, {"f1": value}, None, {}) for index, value in enumerate(values)]


def loss_of(
    before: list[Score],
    after: list[Score],
    reworded: list[Score] | None,
    reached: float,
    standards: Standards = STANDARDS,
) -> MetricLoss:
    (found,) = metric_losses([MEAN], standards, before, after, reworded, reached=reached)
    return found


GOOD = scores(*[1.0] * 20)
WORSE = scores(*[0.7, 0.8] * 10)
MUCH_WORSE = scores(*[0.2, 0.3] * 10)


def test_a_loss_is_in_percent_of_the_range() -> None:
    found = loss_of(GOOD, WORSE, GOOD, 0.5)
    assert (found.before, found.after) == (100.0, pytest.approx(75.0))
    assert found.difference == pytest.approx(-25.0)
    assert found.loss == pytest.approx(50.0)  # 25 of the 50 points between floor and ceiling
    assert found.loss_low is not None
    assert found.loss_high is not None
    assert found.loss_low < 50 < found.loss_high


@pytest.mark.parametrize(
    ("after", "reworded", "reached", "verdict"),
    [
        (MUCH_WORSE, GOOD, 1.0, "notices"),
        (WORSE, GOOD, 1.0, "notices"),  # exactly half of the range at twice the share
        (scores(*[0.9, 0.8] * 10), GOOD, 1.0, "weakly"),
        (WORSE, MUCH_WORSE, 0.5, "like rewording"),
        (WORSE, WORSE, 0.5, "like rewording"),
        (GOOD, GOOD, 0.5, "misses"),
        (WORSE, GOOD, 0.0, "nothing changed"),
        (GOOD, None, 0.5, "steady"),
        (WORSE, None, 0.5, "false alarm"),
    ],
)
def test_verdicts(after: list[Score], reworded: list[Score] | None, reached: float, verdict: str) -> None:
    assert loss_of(GOOD, after, reworded, reached).verdict == verdict


def test_without_a_range_a_loss_has_no_percent() -> None:
    for standards in (Standards({}, {}), Standards({MEAN.id: (100.0, "baseline:usual")}, {MEAN.id: 100.0})):
        found = loss_of(GOOD, WORSE, GOOD, 0.5, standards)
        assert (found.loss, found.verdict) == (None, "no range")
    assert (
        loss_of(WORSE, MUCH_WORSE, WORSE, 1, Standards({MEAN.id: (80.0, "b")}, {MEAN.id: 100.0})).verdict == "no range"
    )


def test_a_ratio_that_falls_from_all_to_nothing_in_every_recipe_is_noticed() -> None:
    metric = Metric(id="iou.micro", kind="share", value="tp", over="all", scale=100.0, bounds=(0.0, 1.0))
    sides = [
        [
            Score(str(index), str(index), True, {"tp": tp * index, "all": times * index}, None, {})
            for index in range(1, 21)
        ]
        for tp, times in ((1.0, 1.0), (0.0, 2.0))
    ]
    standards = Standards({metric.id: (20.0, "baseline:usual")}, {metric.id: 100.0})
    (found,) = metric_losses([metric], standards, sides[0], sides[1], sides[0], reached=1.0)
    assert found.p_worse is not None
    assert found.p_worse < 1e-5
    assert (found.loss, found.verdict) == (125.0, "notices")


def test_of_answers_that_have_less_to_lose_less_is_asked() -> None:
    before = scores(*[0.6, 0.7] * 10)  # 15 of the 50 points
    after = scores(*[0.5, 0.6] * 10)
    assert loss_of(before, after, before, 1).verdict == "notices"


def test_every_metric_looks_at_something() -> None:
    found = {metric.id: looks_at(metric) for name in TASK_NAMES for metric in TASKS.get(name).metrics}
    assert {found["rouge_l"], found["sacrebleu.sentence"], found["rouge_l_set"]} == {"words"}
    assert found["title.exact"] == "title"
    assert found["ingredients_listed.f1.micro"] == found["ingredients_mentioned.iou.sample"] == "ingredients"
    assert {metric for metric, about in found.items() if about == "actions"} == {
        metric.id for metric in TASKS.get("recipe1m.actions").metrics
    }


def test_readable_is_what_a_task_reads() -> None:
    assert readable("<think>rice</think>Boil it.") == "Boil it."
    assert readable('{"foodbench_answer": "broken') == ""


@pytest.fixture(scope="module")
def diagnosis(small_kitchen: Path) -> Diagnosis:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOODBENCH_KITCHEN", str(small_kitchen))
        return diagnose_recipes(None, "kitchen", Wanted(CORRUPTIONS, (0.5, 1.0), seed=1))


def result(diagnosis: Diagnosis, task: str, kind: str, share: float) -> CorruptedTask:
    return next(
        each
        for each in diagnosis.results
        if (each.task, each.corruption, each.share) == (f"recipe1m.{task}", kind, share)
    )


def verdict(diagnosis: Diagnosis, task: str, kind: str, metric: str) -> str:
    return next(each.verdict for each in result(diagnosis, task, kind, 1.0).metrics if each.metric == metric)


def test_semantic_metrics_notice_what_they_look_at(diagnosis: Diagnosis) -> None:
    assert verdict(diagnosis, "recipe", "ingredients", "ingredients_listed.f1.micro") == "notices"
    assert verdict(diagnosis, "instructions", "ingredients", "ingredients_mentioned.f1.micro") == "notices"
    assert verdict(diagnosis, "actions", "actions", "f1.sample") == "notices"
    assert verdict(diagnosis, "actions", "ingredients", "f1.sample") == "misses"
    assert verdict(diagnosis, "recipe", "actions", "ingredients_listed.f1.micro") == "misses"
    assert verdict(diagnosis, "actions", "steps-order", "f1.sample") == "misses"
    assert verdict(diagnosis, "actions", "paraphrase", "f1.sample") == "steady"


def test_lexical_metrics_do_not_tell_wrong_from_reworded(diagnosis: Diagnosis) -> None:
    assert verdict(diagnosis, "recipe", "paraphrase", "sacrebleu.corpus") == "false alarm"
    for kind in CORRUPTIONS:
        assert verdict(diagnosis, "recipe", kind, "sacrebleu.corpus") == "like rewording"
    assert verdict(diagnosis, "recipe", "ingredients", "rouge_l") == "weakly"
    assert verdict(diagnosis, "recipe", "steps-order", "rouge_l_set") == "misses"


def test_all_that_can_be_changed_is(diagnosis: Diagnosis) -> None:
    for each in diagnosis.results:
        assert each.samples == each.samples_changed == 24
        assert each.unchanged == {}
        assert each.reached == (1.0 if each.share == 1 else pytest.approx(0.55, abs=0.06))
    after = next(
        each.after for each in result(diagnosis, "recipe", "ingredients", 1.0).metrics if "listed" in each.metric
    )
    assert after == 0


def test_one_recipe_is_corrupted_alike_in_all_tasks(diagnosis: Diagnosis) -> None:
    texts = {(each.task, each.corruption): each.after for each in diagnosis.examples}
    for kind in CORRUPTIONS:
        assert texts["recipe1m.instructions", kind] == texts["recipe1m.actions", kind]


def test_it_can_be_read_again(diagnosis: Diagnosis) -> None:
    assert Diagnosis.model_validate(diagnosis.plain()) == diagnosis


def test_answers_of_a_run(kitchen: Path, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "parrot-33cc")
    hostile = {0: "", 1: "{" * 3000, 2: "<think>rice", 3: "stir " * 3000}
    statuses = {}
    for name in ("recipe1m.recipe", "recipe1m.actions"):
        data = load_task(name, kitchen)
        special = {sample.sample_id: hostile[index] for index, sample in enumerate(data.samples) if index in hostile}
        store_task(
            run,
            data,
            lambda each, data=data, special=special: special.get(each.sample_id, data.task.oracle(each).to_text()),
        )
        versioned = data.task.versioned_name
        statuses[versioned] = TaskStatus(status="complete", result=f"{versioned}/result.json")
    finish_run(run, statuses)
    found = diagnose_recipes(run, None, Wanted(("ingredients",), (1.0,)))
    assert found.answers == "parrot-33cc"
    assert found.model == "py:tests:Parrot"
    assert found.skipped == {"recipe1m.instructions": "not finished in this run"}
    made = result(found, "recipe", "ingredients", 1.0)
    assert made.unchanged == {"names no ingredient of the list": 4}
    assert made.samples_changed == 20
    with pytest.raises(UsageError, match="is of the kitchen edition"):
        diagnose_recipes(run, "real", Wanted(("ingredients",), (1.0,)))
    with pytest.raises(UsageError, match="--limit is for references"):
        diagnose_recipes(run, None, Wanted(("ingredients",), (1.0,), limit=5))


def test_a_run_without_recipes(kitchen: Path, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "parrot-11aa")
    store_task(run, load_task("food101.dish", kitchen), lambda sample: "cake")
    with pytest.raises(RunIncomplete, match="has no finished task of recipes"):
        answers_of_run(run)


def test_masks_or_envelopes_do_not_hide_the_text() -> None:
    assert readable(Answer(text="Boil rice.").to_text()) == "Boil rice."
