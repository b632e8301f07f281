"""Verdicts, hard rules and acknowledgements of the gate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foodbench.core.errors import DataCorrupt, UsageError
from foodbench.runs.gate import run_gate
from foodbench.runs.gate_policy import Acknowledgement, GatePolicy, LoadedAck, LoadedPolicy, default_margin
from foodbench.runs.gate_schema import GateReport, GateRow
from foodbench.tasks import TASKS
from tests.runs.gate_runs import DISH, REFER, VIREO, Line, dish_lines, flipped, refer_lines, sides, write_run

TODAY = date(2027, 3, 1)
HALF = dish_lines([index % 2 == 0 for index in range(400)])


def policy_of(plain: Mapping[str, Any], acks: Sequence[Acknowledgement] = ()) -> LoadedPolicy:
    loaded = tuple(LoadedAck(ack, Path(f"acks/{index}.toml")) for index, ack in enumerate(acks))
    return LoadedPolicy(GatePolicy.model_validate(plain), None, loaded)


def gate(
    tmp_path: Path,
    old: Mapping[str, Sequence[Line]],
    new: Mapping[str, Sequence[Line]],
    policy: LoadedPolicy | None = None,
    *,
    strict: bool = False,
    intersect: bool = False,
    **options: Any,
) -> GateReport:
    baseline = write_run(tmp_path / "old", old, identity="parrot")
    candidate = write_run(tmp_path / "new", new, **{"identity": "parrot", **options})
    loaded = policy or policy_of({})
    return run_gate(*sides(baseline, candidate), loaded, strict=strict, intersect=intersect, today=TODAY)


def row(report: GateReport, task: str = DISH) -> GateRow:
    (found,) = (each for each in report.rows if each.task == task)
    return found


def broken(report: GateReport) -> list[tuple[str, str | None]]:
    return [(each.name, each.task) for each in report.invariants if not each.holds]


# Verdicts


def test_equal_answers_are_identical_whatever_the_statistics_would_say(tmp_path: Path) -> None:
    few = dish_lines([True, False, True])
    report = gate(tmp_path, {DISH: few}, {DISH: few})
    assert (report.verdict, report.exit_code) == ("identical", 0)
    assert row(report).note == "all 3 answers are the same"
    assert row(report).baseline == pytest.approx(200 / 3)


def test_rounding_of_numbers_is_identical_and_said(tmp_path: Path) -> None:
    def envelope(kcal: float) -> list[Line]:
        return [replace(line, answer=f'{{"foodbench_answer":1,"nutrition":{{"kcal":{kcal}}}}}') for line in HALF]

    policy = policy_of({"exact": "always"})
    report = gate(tmp_path, {DISH: envelope(197.52121)}, {DISH: envelope(197.52123)}, policy)
    assert (report.verdict, report.exit_code) == ("identical", 0)
    assert row(report).note == "all 400 answers are the same (400 of them but for rounding)"


def test_a_clear_gain_is_improved(tmp_path: Path) -> None:
    report = gate(tmp_path, {DISH: HALF}, {DISH: flipped(HALF, won=40)})
    assert (report.verdict, report.exit_code) == ("improved", 0)


def test_a_clear_loss_fails(tmp_path: Path) -> None:
    report = gate(tmp_path, {DISH: HALF}, {DISH: flipped(HALF, lost=40)})
    found = row(report)
    assert (report.verdict, report.exit_code, found.verdict) == ("fail", 1, "fail")
    assert found.difference is not None
    assert found.difference.value == pytest.approx(-10)
    assert found.margin == 1.0
    assert found.adjusted_p is not None
    assert found.adjusted_p < 0.001
    assert found.changed_answers == 40


def test_different_words_with_equal_scores_pass(tmp_path: Path) -> None:
    reworded = [replace(line, answer=f"{line.answer}!") for line in HALF]
    report = gate(tmp_path, {DISH: HALF}, {DISH: reworded})
    assert (report.verdict, report.exit_code) == ("pass", 0)
    assert row(report).changed_answers == 400


def test_a_hundred_samples_of_a_tiny_change_are_inconclusive_with_the_number_needed(tmp_path: Path) -> None:
    hundred = dish_lines([index % 4 != 0 for index in range(100)])
    report = gate(tmp_path, {DISH: hundred}, {DISH: flipped(hundred, lost=2, won=1)})
    found = row(report)
    assert (report.verdict, report.exit_code, found.verdict) == ("inconclusive", 0, "inconclusive")
    assert found.needed is not None
    assert 1_000 < found.needed < 3_000, "3 % flip, margin 1 point: some 1,850"
    assert found.detectable is not None
    assert found.detectable > 1.0


def test_strict_makes_inconclusive_an_exit_code(tmp_path: Path) -> None:
    hundred = dish_lines([index % 4 != 0 for index in range(100)])
    report = gate(tmp_path, {DISH: hundred}, {DISH: flipped(hundred, lost=2, won=1)}, strict=True)
    assert (report.verdict, report.exit_code) == ("inconclusive", 3)


def test_fewer_than_twenty_clusters_get_no_verdict(tmp_path: Path) -> None:
    nineteen = dish_lines([True] * 19)
    report = gate(tmp_path, {DISH: nineteen}, {DISH: flipped(nineteen, lost=19)})
    assert row(report).verdict == "inconclusive"


def test_other_questions_are_not_comparable(tmp_path: Path) -> None:
    def change(result: dict[str, Any]) -> None:
        result["dataset"]["variant"] = "hard"

    report = gate(tmp_path, {DISH: HALF}, {DISH: HALF}, change=change)
    found = row(report)
    assert (report.verdict, report.exit_code, found.verdict) == ("not comparable", 3, "not comparable")
    (mismatch,) = found.mismatches
    assert (mismatch.what, mismatch.baseline, mismatch.candidate) == ("dataset's variant", "", "hard")


def test_a_failed_task_is_not_measured_and_no_regression(tmp_path: Path) -> None:
    status = {TASKS.get(VIREO).versioned_name: {"status": "failed", "reason": "the server is down"}}
    report = gate(tmp_path, {DISH: HALF, VIREO: HALF}, {DISH: HALF}, statuses=status)
    assert (report.verdict, report.exit_code) == ("not measured", 4)
    assert row(report, VIREO).note == "candidate: failed: the server is down"
    assert broken(report) == []


def test_missing_answers_above_the_limit_are_not_measured(tmp_path: Path) -> None:
    def change(result: dict[str, Any]) -> None:
        result["n_missing"] = 56

    report = gate(tmp_path, {DISH: HALF}, {DISH: flipped(HALF, lost=56)}, change=change)
    assert (report.verdict, report.exit_code) == ("not measured", 4)
    assert row(report).note == "candidate: 14.0 % of its samples have no answer (limit 1 %)"


def test_an_empty_task_is_not_measured(tmp_path: Path) -> None:
    report = gate(tmp_path, {DISH: HALF}, {DISH: []})
    assert (report.verdict, report.exit_code) == ("not measured", 4)


def test_nothing_in_common_is_not_measured(tmp_path: Path) -> None:
    report = gate(tmp_path, {}, {DISH: HALF})
    assert (report.verdict, report.exit_code, report.new_tasks) == ("not measured", 4, [DISH])


def test_the_harmed_task_fails_and_the_others_pass(tmp_path: Path) -> None:
    generator = np.random.default_rng(3)
    overlaps = generator.uniform(0.5, 0.95, 200)
    near = np.clip(overlaps + generator.normal(0, 0.005, 200), 0, 1)
    harmed = np.clip(overlaps - np.abs(generator.normal(0, 0.2, 200)), 0, 1)
    old = {DISH: HALF, VIREO: HALF, REFER: refer_lines(overlaps.tolist())}
    new = {DISH: HALF, VIREO: flipped(HALF, lost=1, won=1), REFER: refer_lines(near.tolist())}
    fine = gate(tmp_path / "fine", old, new)
    assert {each.task: each.verdict for each in fine.rows} == {DISH: "identical", VIREO: "pass", REFER: "pass"}
    bad = gate(tmp_path / "bad", old, {**new, REFER: refer_lines(harmed.tolist())})
    assert {each.task: each.verdict for each in bad.rows} == {DISH: "identical", VIREO: "pass", REFER: "fail"}
    assert bad.exit_code == 1


def test_holm_is_over_all_gated_metrics(tmp_path: Path) -> None:
    lost = flipped(HALF, lost=9, won=1)
    alone = gate(tmp_path / "one", {DISH: HALF}, {DISH: lost})
    both = gate(tmp_path / "two", {DISH: HALF, VIREO: HALF}, {DISH: lost, VIREO: lost})
    first, second = row(alone).adjusted_p, row(both).adjusted_p
    assert first is not None
    assert second == pytest.approx(2 * first)


# Policy


def test_margins_and_metrics_of_the_policy(tmp_path: Path) -> None:
    policy = policy_of({"task": {REFER: {"metrics": {"giou.sample": 0.2, "answered.ingredient": 3}}}})
    old = refer_lines([0.8] * 50)
    new = refer_lines([0.7 + 0.002 * index for index in range(50)])
    report = gate(tmp_path, {REFER: old}, {REFER: new}, policy)
    assert {each.metric: (each.margin, each.verdict) for each in report.rows} == {
        "answered.ingredient": (3.0, "pass"),
        "giou.sample": (0.2, "pass"),
    }


def test_policy_with_a_metric_that_the_task_has_not(tmp_path: Path) -> None:
    policy = policy_of({"task": {DISH: {"metrics": {"bleu": 1.0}}}})
    with pytest.raises(UsageError, match=r"by 'bleu'.*\n.*top1_accuracy"):
        gate(tmp_path, {DISH: HALF}, {DISH: HALF}, policy)


def test_ungated_tasks_are_named(tmp_path: Path) -> None:
    report = gate(tmp_path, {DISH: HALF, VIREO: HALF}, {DISH: HALF, VIREO: HALF}, policy_of({"tasks": ["food101.*"]}))
    assert report.ungated_tasks == [VIREO]
    assert [each.task for each in report.rows] == [DISH]


@pytest.mark.parametrize(
    ("task", "metric", "expected"),
    [
        (DISH, "top1_accuracy", 1.0),
        (REFER, "ciou", 0.01),
        ("nutrition5k.total", "pmae.kcal", 1.0),
        ("nutrition5k.total", "mae.kcal", 1.6),
        ("nutrition5k.total", "pearson.kcal", 0.02),
        ("recipe1m.recipe", "sacrebleu.corpus", 1.0),
        ("recipe1m.recipe", "rouge_l", 1.0),
    ],
)
def test_default_margins(task: str, metric: str, expected: float) -> None:
    found = next(each for each in TASKS.get(task).metrics if each.id == metric)
    assert default_margin(found, 80.0) == pytest.approx(expected)


# Hard rules


def test_a_vanished_task_breaks_a_rule(tmp_path: Path) -> None:
    report = gate(tmp_path, {DISH: HALF, VIREO: HALF}, {DISH: HALF})
    assert (report.verdict, report.exit_code) == ("fail", 1)
    assert broken(report) == [("tasks", VIREO)]


def test_new_tasks_are_no_failure(tmp_path: Path) -> None:
    report = gate(tmp_path, {DISH: HALF}, {DISH: HALF, VIREO: HALF})
    assert (report.verdict, report.new_tasks) == ("identical", [VIREO])


def unread(lines: Sequence[Line], count: int) -> list[Line]:
    """The first wrong answers become unreadable, which changes no score."""
    found = []
    for line in lines:
        if count and line.values["correct"] == 0:
            count -= 1
            line = replace(line, parsed=False, answer="???")
        found.append(line)
    return found


def test_parse_rate_has_a_floor(tmp_path: Path) -> None:
    fine = gate(tmp_path / "fine", {DISH: HALF}, {DISH: unread(HALF, 40)})
    assert broken(fine) == []
    bad = gate(tmp_path / "bad", {DISH: HALF}, {DISH: unread(HALF, 41)})
    assert broken(bad) == [("parse_rate", DISH)]
    assert bad.exit_code == 1
    low = gate(tmp_path / "low", {DISH: unread(HALF, 60)}, {DISH: unread(HALF, 60)})
    assert broken(low) == [], "the baseline was no better"
    own = policy_of({"task": {DISH: {"parse_rate": 0.5}}})
    assert broken(gate(tmp_path / "own", {DISH: HALF}, {DISH: unread(HALF, 41)}, own)) == []


def test_declared_prompts(tmp_path: Path) -> None:
    other = "sha256:" + "e" * 64

    def change(result: dict[str, Any]) -> None:
        result["task"]["prompt_fingerprint"] = other
        result["task"]["fingerprint"] = other

    undeclared = gate(tmp_path / "undeclared", {DISH: HALF}, {DISH: flipped(HALF, won=40)}, change=change)
    assert undeclared.verdict == "not comparable"
    entry = {"task": DISH, "baseline": TASKS.get(DISH).prompt_fingerprint, "candidate": other, "reason": "shorter"}
    policy = policy_of({"prompt_changes": [entry]})
    declared = gate(tmp_path / "declared", {DISH: HALF}, {DISH: flipped(HALF, won=40)}, policy, change=change)
    assert declared.verdict == "improved"
    assert f"declared changes: {DISH}" in [each.text for each in declared.invariants]
    stale = gate(tmp_path / "stale", {DISH: HALF}, {DISH: HALF}, policy)
    assert stale.verdict == "not comparable", "a declaration that is not needed any more must go"


@pytest.mark.parametrize(
    ("budgets", "seconds", "told"),
    [
        ({"seconds_per_sample": 0.05}, 0.2, "0.2 seconds per sample, budget 0.05"),
        ({"seconds_ratio": 1.5}, 0.02, "2.00 times the baseline's 0.01"),
        ({"seconds_per_sample": 0.05}, None, "does not say how long"),
        ({"usage_per_sample": {"output_tokens": 10}}, 0.01, "does not report 'output_tokens' (it reports cost_usd)"),
        ({"usage_per_sample": {"cost_usd": 0.001}}, 0.01, "0.01 cost_usd per sample, budget 0.001"),
    ],
)
def test_budgets(tmp_path: Path, budgets: dict[str, Any], seconds: float | None, told: str) -> None:
    def change(result: dict[str, Any]) -> None:
        result["usage"] = {"cost_usd": 4.0}

    slow = [replace(line, seconds=seconds) for line in HALF]
    report = gate(tmp_path, {DISH: HALF}, {DISH: slow}, policy_of({"budgets": budgets}), change=change)
    assert broken(report) == [("budgets", DISH)]
    assert told in next(each.text for each in report.invariants if not each.holds)
    assert report.exit_code == 1


def test_budgets_that_hold(tmp_path: Path) -> None:
    budgets = {"seconds_per_sample": 0.02, "seconds_ratio": 1.1}
    assert broken(gate(tmp_path, {DISH: HALF}, {DISH: HALF}, policy_of({"budgets": budgets}))) == []


def test_exact_equality_on_the_same_platform_only(tmp_path: Path) -> None:
    reworded = [replace(HALF[0], answer="a soup"), *HALF[1:]]
    policy = policy_of({"exact": "same-platform"})
    same = gate(tmp_path / "same", {DISH: HALF}, {DISH: reworded}, policy)
    assert broken(same) == [("exact", DISH)]
    assert "1 of 400 answers differ of the same model on the same platform, the first to soup/00000" in next(
        each.text for each in same.invariants if not each.holds
    )

    def elsewhere(result: dict[str, Any]) -> None:
        result["provenance"]["packages"]["torch"] = "2.99.0"

    other = gate(tmp_path / "other", {DISH: HALF}, {DISH: reworded}, policy, change=elsewhere)
    assert (other.verdict, broken(other)) == ("pass", [])
    assert "torch: baseline 2.15.0, candidate 2.99.0" in other.notes[0]
    retrained = gate(tmp_path / "retrained", {DISH: HALF}, {DISH: reworded}, policy, identity="macaw")
    assert (retrained.verdict, broken(retrained)) == ("pass", [])
    assert "model: baseline parrot, candidate macaw" in retrained.notes[0]
    always = gate(tmp_path / "always", {DISH: HALF}, {DISH: reworded}, policy_of({"exact": "always"}), change=elsewhere)
    assert broken(always) == [("exact", DISH)]


# Acknowledgements


def acknowledgement(report: GateReport, **changes: Any) -> Acknowledgement:
    found = row(report)
    plain = {
        "task": found.task,
        "metric": found.metric,
        "verdict": found.digest,
        "reason": "the new label set drops soups",
        "author": "Ann",
        "expires": date(2027, 3, 1),
    }
    return Acknowledgement.model_validate({**plain, **changes})


def test_an_acknowledged_failure_passes(tmp_path: Path) -> None:
    old, new = {DISH: HALF}, {DISH: flipped(HALF, lost=40)}
    failed = gate(tmp_path / "first", old, new)
    report = gate(tmp_path / "second", old, new, policy_of({}, [acknowledgement(failed)]))
    assert (report.verdict, report.exit_code) == ("pass", 0)
    assert row(report).verdict == "fail", "the verdict itself is not rewritten"
    assert row(report).acknowledged is not None
    assert row(report).acknowledged.author == "Ann"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"expires": date(2027, 2, 28)}, "expired on 2027-02-28"),
        ({"verdict": "sha256:" + "0" * 64}, "is about another verdict: it says sha256:0000"),
        ({"metric": "rouge_l"}, "is about nothing that was found"),
        ({"task": VIREO}, "is about nothing that was found"),
    ],
)
def test_acknowledgements_that_do_not_fit_fail(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    old, new = {DISH: HALF}, {DISH: flipped(HALF, lost=40)}
    failed = gate(tmp_path / "first", old, new)
    report = gate(tmp_path / "second", old, new, policy_of({}, [acknowledgement(failed, **changes)]))
    assert report.exit_code == 1
    (complaint,) = (each for each in report.invariants if each.name == "acknowledgements")
    assert told in complaint.text
    assert complaint.digest is None, "a complaint about an acknowledgement cannot be acknowledged"


def test_a_stale_acknowledgement_fails_a_good_run(tmp_path: Path) -> None:
    failed = gate(tmp_path / "first", {DISH: HALF}, {DISH: flipped(HALF, lost=40)})
    report = gate(tmp_path / "second", {DISH: HALF}, {DISH: HALF}, policy_of({}, [acknowledgement(failed)]))
    assert (report.verdict, report.exit_code) == ("fail", 1)


def test_another_outcome_needs_another_acknowledgement(tmp_path: Path) -> None:
    failed = gate(tmp_path / "first", {DISH: HALF}, {DISH: flipped(HALF, lost=40)})
    worse = {DISH: flipped(HALF, lost=60)}
    report = gate(tmp_path / "second", {DISH: HALF}, worse, policy_of({}, [acknowledgement(failed)]))
    assert report.exit_code == 1


def test_broken_rules_can_be_acknowledged(tmp_path: Path) -> None:
    old, new = {DISH: HALF, VIREO: HALF}, {DISH: HALF}
    first = gate(tmp_path / "first", old, new)
    (rule,) = (each for each in first.invariants if not each.holds)
    taken = {"task": VIREO, "metric": "tasks", "verdict": rule.digest, "reason": "no longer shipped", "author": "Ann"}
    ack = Acknowledgement.model_validate({**taken, "expires": date(2027, 4, 1)})
    report = gate(tmp_path / "second", old, new, policy_of({}, [ack]))
    assert report.exit_code == 0


# Bad input


def test_samples_that_do_not_give_the_stated_value(tmp_path: Path) -> None:
    def change(result: dict[str, Any]) -> None:
        result["metrics"][0]["value"] = 99.0

    with pytest.raises(DataCorrupt, match=r"candidate's food101.dish.*top1_accuracy = 40.0, its result.json says 99.0"):
        gate(tmp_path, {DISH: HALF}, {DISH: flipped(HALF, lost=40)}, change=change)
    with pytest.raises(DataCorrupt, match=r"says 99.0"):
        gate(tmp_path / "same", {DISH: HALF}, {DISH: HALF}, change=change)


def test_intersect_is_printed_and_never_identical(tmp_path: Path) -> None:
    report = gate(tmp_path, {DISH: HALF}, {DISH: HALF[4:]}, intersect=True)
    assert row(report).verdict == "pass"
    assert "only the 396 of 400 samples" in report.notes[0]
