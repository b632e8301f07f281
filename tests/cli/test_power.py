"""`foodbench power`: how many samples a change needs."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.stored_runs import Output
from tests.runs.gate_runs import DISH, REFER, VIREO, dish_lines, flipped, refer_lines, write_run

Foodbench = Callable[..., Output]
HALF = dish_lines([index % 2 == 0 for index in range(400)])


def runs() -> Path:
    return Path(os.environ["FOODBENCH_RUNS"])


def test_assumed_flips_give_the_published_numbers(foodbench: Foodbench) -> None:
    """`(1.645 + 0.842)^2 * share / effect^2`, computed by hand for 2 points."""
    output = foodbench("power", "--task", DISH, "--effect", "0.02", "--json")
    assert output.code == 0
    plain = json.loads(output.out)
    assert (plain["effect"], plain["clusters"]) == (2.0, 25_250)
    assert all(plan["assumed"] for plan in plain["plans"])
    assert [plan["needed"] for plan in plain["plans"]] == [310, 928, 1_855, 3_092]
    assert plain["plans"][1]["detectable"] == pytest.approx(100 * 2.4865 * (0.06 / 25_250) ** 0.5, rel=1e-3)


def test_table_says_what_is_assumed(foodbench: Foodbench) -> None:
    output = foodbench("power", "-t", DISH, "--effect", "0.02")
    assert "to see a change of 2.00 pp in top1_accuracy" in output.out
    assert "clusters: 25,250 (records of the official 'test' split)" in output.out
    assert len(re.findall(r"^assumed: \d+ % of the samples flip", output.out, re.MULTILINE)) == 4


def test_two_runs_give_what_is_observed(foodbench: Foodbench) -> None:
    write_run(runs() / "old-1", {DISH: HALF})
    write_run(runs() / "new-1", {DISH: flipped(HALF, lost=6, won=6)})
    output = foodbench("power", "-t", DISH, "--effect", "0.02", "--baseline", "old-1", "--candidate", "new-1", "--json")
    (plan,) = json.loads(output.out)["plans"]
    assert not plan["assumed"]
    assert "3.0 % of the samples flip" in plan["about"]
    assert plan["spread"] == pytest.approx(100 * 0.03**0.5, rel=0.01)
    assert plan["needed"] == pytest.approx(6.183 * 0.03 / 0.02**2, rel=0.02)
    assert plan["detectable"] == pytest.approx(2.4865 * plan["spread"] / 20, rel=1e-3)
    assert 0.3 < plan["chance"] < 0.9


def test_one_run_of_a_continuous_metric(foodbench: Foodbench) -> None:
    def change(result: dict) -> None:
        result["metrics"][2].update(low=0.7, high=0.8)

    write_run(runs() / "old-1", {REFER: refer_lines([0.5, 1.0] * 50)}, change=change)
    output = foodbench("power", "-t", REFER, "--metric", "giou.sample", "--effect", "0.02", "--baseline", "old-1")
    assert output.code == 0
    assert "clusters: 100 (of old-1)" in output.out
    assert len(re.findall(r"^assumed: the two runs' samples correlate at", output.out, re.MULTILINE)) == 4


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["-t", "food101.dush", "--effect", "0.02"], "Unknown task 'food101.dush'"),
        (["-t", DISH, "--effect", "2"], "--effect 2 is the whole range of top1_accuracy, or more"),
        (["-t", DISH, "--effect", "-0.1"], "is no positive number"),
        (["-t", DISH, "--effect", "nan"], "is no positive number"),
        (["-t", DISH, "--effect", "0.02", "--metric", "bleu"], "Unknown metric of food101.dish 'bleu'"),
        (["-t", REFER, "--effect", "0.02"], "How much ciou varies from sample to sample cannot be guessed"),
        (["-t", DISH, "--effect", "0.02", "--candidate", "new-1"], "--candidate needs --baseline"),
        (["-t", DISH, "--effect", "0.02", "--baseline", "old-1", "--candidate", "nobody"], "Unknown run 'nobody'"),
    ],
)
def test_code_2_of_wrong_usage(foodbench: Foodbench, arguments: list[str], told: str) -> None:
    write_run(runs() / "old-1", {DISH: HALF})
    write_run(runs() / "new-1", {DISH: HALF})
    output = foodbench("power", *arguments)
    assert output.code == 2
    assert told in output.error[0]


def test_code_3_of_runs_that_do_not_compare(foodbench: Foodbench) -> None:
    write_run(runs() / "old-1", {DISH: HALF})
    write_run(runs() / "new-1", {DISH: HALF[2:]})
    output = foodbench("power", "-t", DISH, "--effect", "0.02", "--baseline", "old-1", "--candidate", "new-1")
    assert output.code == 3
    assert "number of samples: baseline 400, candidate 398" in output.err


def test_code_5_without_the_task(foodbench: Foodbench) -> None:
    write_run(runs() / "old-1", {VIREO: HALF})
    assert foodbench("power", "-t", DISH, "--effect", "0.02", "--baseline", "old-1").code == 5
