"""`foodbench gate`: exit codes, files, baselines by name, moving a baseline."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from foodbench.runs.schema import json_schema
from foodbench.tasks import TASKS
from tests.cli.stored_runs import Output
from tests.runs.gate_runs import DISH, VIREO, dish_lines, flipped, write_run
from tests.test_startup import HEAVY, PROBE

Foodbench = Callable[..., Output]
HALF = dish_lines([index % 2 == 0 for index in range(400)])
LOST = flipped(HALF, lost=40)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder of this test, with `reports/base` in it."""
    folder = tmp_path / "project"
    write_run(folder / "reports" / "base", {DISH: HALF, VIREO: HALF}, packed=True)
    monkeypatch.chdir(folder)
    return folder


def runs() -> Path:
    return Path(os.environ["FOODBENCH_RUNS"])


def acknowledge(output: Output, metric: str = "top1_accuracy") -> str:
    report = json.loads(output.out)
    (digest,) = (row["digest"] for row in report["rows"] if row["task"] == DISH)
    return (
        f'task = "{DISH}"\nmetric = "{metric}"\nverdict = "{digest}"\nreason = "meant"\nauthor = "Ann"\n'
        "expires = 2999-01-01\n"
    )


# Exit codes


def test_code_0_of_an_identical_run(foodbench: Foodbench) -> None:
    write_run(runs() / "parrot-1", {DISH: HALF, VIREO: HALF})
    output = foodbench("gate", "--baseline", "base", "--candidate", "parrot-1")
    assert output.code == 0
    assert output.out.splitlines()[-1] == "GATE: IDENTICAL (2 identical)"
    assert "IDENTICAL: all 400 answers are the same" in output.out


def test_code_1_of_a_failure(foodbench: Foodbench) -> None:
    write_run(runs() / "parrot-1", {DISH: LOST, VIREO: HALF})
    output = foodbench("gate", "--baseline", "base", "--candidate", "parrot-1")
    assert output.code == 1
    assert output.err == ""
    (line,) = (line for line in output.out.splitlines() if line.startswith(DISH))
    assert "FAIL: Holm p = " in line
    assert "−10.0 [" in line
    assert output.out.splitlines()[-1] == "GATE: FAIL (1 identical, 1 fail)"


def test_code_1_of_a_vanished_task(foodbench: Foodbench) -> None:
    write_run(runs() / "parrot-1", {DISH: HALF})
    output = foodbench("gate", "--baseline", "base", "--candidate", "parrot-1")
    assert output.code == 1
    assert "tasks: BROKEN: vireo172.dish is in the baseline" in output.out


@pytest.mark.parametrize(
    ("arguments", "policy", "told"),
    [
        (["--baseline", "nothing", "--candidate", "parrot-1"], "", "There is no baseline 'nothing'."),
        (["--baseline", "base", "--candidate", "nobody"], "", "Unknown run 'nobody'"),
        (["--baseline", "base", "--candidate", "parrot-1"], "surprise = 1", "unknown key 'surprise'"),
        (["--baseline", "base", "--candidate", "parrot-1"], 'baselines = "../.."', "is not below"),
        (["--baseline", "base"], "", "--candidate"),
        (["--baseline", "base", "--candidate", "parrot-1", "--policy", "absent.toml"], "", "Cannot read absent.toml"),
        (["--baseline", "base", "--candidate", "parrot-1", "--fuzzy"], "", "--fuzzy"),
    ],
)
def test_code_2_of_wrong_usage(foodbench: Foodbench, arguments: list[str], policy: str, told: str) -> None:
    write_run(runs() / "parrot-1", {DISH: HALF, VIREO: HALF})
    Path("gate.toml").write_text(policy)
    output = foodbench("gate", *arguments)
    assert output.code == 2
    assert told in output.error[0]


def test_code_3_of_runs_that_do_not_compare(foodbench: Foodbench) -> None:
    def change(result: dict) -> None:
        result["task"]["fingerprint"] = "sha256:" + "b" * 64

    write_run(runs() / "parrot-1", {DISH: HALF, VIREO: HALF}, change=change)
    output = foodbench("gate", "--baseline", "base", "--candidate", "parrot-1")
    assert output.code == 3
    assert "NOT COMPARABLE: fingerprint of questions and references: baseline sha256:" in output.out
    assert "candidate sha256:bbbbbbbbbbbb..." in output.out


def test_code_0_or_3_of_an_inconclusive_run(foodbench: Foodbench) -> None:
    write_run(runs() / "parrot-1", {DISH: flipped(HALF, lost=5, won=4), VIREO: HALF})
    lax = foodbench("gate", "--baseline", "base", "--candidate", "parrot-1")
    strict = foodbench("gate", "--baseline", "base", "--candidate", "parrot-1", "--strict")
    assert (lax.code, strict.code) == (0, 3)
    assert "INCONCLUSIVE: can detect" in lax.out
    assert "warning: inconclusive" in lax.out
    assert "warning: inconclusive" not in strict.out


def test_code_4_of_a_task_without_result(foodbench: Foodbench) -> None:
    status = {TASKS.get(VIREO).versioned_name: {"status": "failed", "reason": "the server is down"}}
    write_run(runs() / "parrot-1", {DISH: HALF}, statuses=status)
    output = foodbench("gate", "--baseline", "base", "--candidate", "parrot-1")
    assert output.code == 4
    assert "NOT MEASURED: candidate: failed: the server is down" in output.out


def test_code_5_of_damaged_files(foodbench: Foodbench) -> None:
    run = write_run(runs() / "parrot-1", {DISH: HALF, VIREO: HALF})
    samples = run / TASKS.get(DISH).versioned_name / "samples.jsonl"
    samples.write_bytes(samples.read_bytes()[:-30])
    output = foodbench("gate", "--baseline", "base", "--candidate", "parrot-1")
    assert output.code == 5
    assert "is cut short" in output.error[0]
    assert "parrot-1" in output.error[0]


def test_codes_are_documented(foodbench: Foodbench) -> None:
    shown = " ".join(foodbench("gate", "--help").out.split())
    for said in ("0 passed", "1 failed", "2 wrong usage", "3 not comparable", "4 not measured", "5 files"):
        assert said in shown


# What is loaded


def loaded(arguments: list[str], names: tuple[str, ...]) -> dict:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, json.dumps(arguments), json.dumps(names)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    found: dict = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("verb", ["compare", "gate", "power"])
def test_help_loads_nothing_heavy(verb: str) -> None:
    assert loaded([verb, "--help"], (*HEAVY, "numpy", "jinja2")) == {"code": 0, "loaded": []}


def test_the_gate_loads_no_torch_and_no_pandas() -> None:
    write_run(runs() / "parrot-1", {DISH: flipped(HALF, won=40), VIREO: HALF})
    arguments = ["gate", "--baseline", "base", "--candidate", str(runs() / "parrot-1")]
    assert loaded(arguments, ("torch", "pandas", "PIL", "lmms_eval", "jinja2")) == {"code": 0, "loaded": []}


# Output


def test_files(foodbench: Foodbench, tmp_path: Path) -> None:
    write_run(runs() / "parrot-1", {DISH: LOST, VIREO: HALF})
    junit, summary = tmp_path / "out" / "gate.xml", tmp_path / "out" / "gate.md"
    output = foodbench(
        "gate", "--baseline", "base", "--candidate", "parrot-1", "--junit", junit, "--summary", summary, "--json"
    )
    assert output.code == 1
    plain = json.loads(output.out)
    jsonschema.validate(plain, json_schema("gate"))
    assert (plain["verdict"], plain["exit_code"]) == ("fail", 1)
    assert ElementTree.parse(junit).getroot().get("failures") == "1"
    assert summary.read_text().startswith("## GATE: FAIL")


def test_json_with_a_policy_names_it(foodbench: Foodbench) -> None:
    write_run(runs() / "parrot-1", {DISH: LOST, VIREO: HALF})
    Path("gate.toml").write_text('[task."food101.dish"]\nmetrics = { top1_accuracy = 20 }\n')
    output = foodbench("gate", "--baseline", "base", "--candidate", "parrot-1", "--json")
    assert output.code == 0
    plain = json.loads(output.out)
    assert plain["policy"] == "gate.toml"
    assert plain["rows"][0]["margin"] == 20
    assert plain["rows"][0]["note"] == "small real drop"


def test_acknowledged_in_a_file(foodbench: Foodbench) -> None:
    write_run(runs() / "parrot-1", {DISH: LOST, VIREO: HALF})
    Path("gate.toml").write_text('acks = "gate-acks"\n')
    arguments = ("gate", "--baseline", "base", "--candidate", "parrot-1")
    ack = acknowledge(foodbench(*arguments, "--json"))
    Path("gate-acks").mkdir()
    Path("gate-acks/soup.toml").write_text(ack)
    output = foodbench(*arguments)
    assert output.code == 0
    assert "acknowledged by Ann until 2999-01-01" in output.out
    Path("gate-acks/soup.toml").write_text(ack.replace("2999", "2001"))
    assert "soup.toml (food101.dish, top1_accuracy) expired on 2001-01-01" in foodbench(*arguments).out
    assert foodbench(*arguments).code == 1


# Baselines


def test_a_name_that_means_two_runs(foodbench: Foodbench) -> None:
    write_run(runs() / "base", {DISH: HALF, VIREO: HALF})
    output = foodbench("gate", "--baseline", "base", "--candidate", runs() / "base")
    assert output.code == 2
    assert "'base' is the name of several runs" in output.error[0]
    assert "reports/base" in output.error[0]


def test_a_baseline_by_path_or_run_id(foodbench: Foodbench, project: Path) -> None:
    write_run(runs() / "parrot-1", {DISH: HALF, VIREO: HALF})
    write_run(runs() / "parrot-2", {DISH: HALF, VIREO: HALF})
    for baseline in (project / "reports" / "base", "reports/base", "parrot-2"):
        assert foodbench("gate", "--baseline", baseline, "--candidate", "parrot-1").code == 0


def samples_of(folder: Path) -> bytes:
    return (folder / TASKS.get(DISH).versioned_name / "samples.jsonl.gz").read_bytes()


def test_update_moves_the_baseline(foodbench: Foodbench) -> None:
    base = Path("reports/base")
    (base / "README.md").write_text("ours\n")
    before = samples_of(base)
    write_run(runs() / "parrot-1", {DISH: flipped(HALF, won=40), VIREO: HALF})
    output = foodbench("gate", "--baseline", "base", "--candidate", "parrot-1", "--update-baseline")
    assert output.code == 0
    assert "Updated reports/base: 2 tasks of parrot-1; commit it by itself." in output.err
    after = samples_of(base)
    assert after != before
    assert (base / "README.md").read_text() == "ours\n"
    assert sorted(path.name for path in base.parent.iterdir()) == ["base"], "nothing is left beside it"
    again = foodbench("gate", "--baseline", "base", "--candidate", "parrot-1", "--update-baseline")
    assert (again.code, "stays" in again.err) == (0, True)
    assert samples_of(base) == after


@pytest.mark.parametrize("tasks", [{DISH: LOST, VIREO: HALF}, {DISH: HALF}], ids=["worse", "task gone"])
def test_update_refuses_what_does_not_pass(foodbench: Foodbench, tasks: dict) -> None:
    before = samples_of(Path("reports/base"))
    write_run(runs() / "parrot-1", tasks)
    output = foodbench("gate", "--baseline", "base", "--candidate", "parrot-1", "--update-baseline")
    assert output.code == 1
    assert "reports/base stays" in output.err
    assert samples_of(Path("reports/base")) == before


def test_update_refuses_what_the_policy_does_not_look_at(foodbench: Foodbench) -> None:
    Path("gate.toml").write_text('tasks = ["food101.*"]\n')
    write_run(runs() / "parrot-1", {DISH: flipped(HALF, won=40), VIREO: HALF})
    output = foodbench("gate", "--baseline", "base", "--candidate", "parrot-1", "--update-baseline")
    assert output.code == 2
    assert "leaves out vireo172.dish" in output.error[0]


def test_update_of_other_questions(foodbench: Foodbench) -> None:
    """A new version of a task compares with nothing; moving the baseline is the way on."""

    def change(result: dict) -> None:
        result["dataset"]["variant"] = "hard"

    write_run(runs() / "parrot-1", {DISH: HALF, VIREO: HALF}, change=change)
    output = foodbench("gate", "--baseline", "base", "--candidate", "parrot-1", "--update-baseline")
    assert output.code == 0
    assert "GATE: NOT COMPARABLE" in output.out
    assert "Updated reports/base" in output.err


def test_a_first_baseline(foodbench: Foodbench) -> None:
    write_run(runs() / "parrot-1", {DISH: HALF})
    missing = foodbench("gate", "--baseline", "fresh", "--candidate", "parrot-1")
    assert missing.code == 2
    assert "--update-baseline makes a first one" in missing.error[1]
    output = foodbench("gate", "--baseline", "fresh", "--candidate", "parrot-1", "--update-baseline")
    assert output.code == 0
    assert "New baseline reports/fresh of 1 task; commit it by itself." in output.out
    assert foodbench("gate", "--baseline", "fresh", "--candidate", "parrot-1").code == 0


@pytest.mark.parametrize("place", ["own", "run", "other"])
def test_update_overwrites_nothing_but_baselines(foodbench: Foodbench, place: str, tmp_path: Path) -> None:
    run = write_run(runs() / "parrot-1", {DISH: flipped(HALF, won=40), VIREO: HALF})
    other = write_run(runs() / "parrot-2", {DISH: HALF, VIREO: HALF})
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "diary.txt").write_text("dear diary")
    target = {"own": run, "run": other, "other": tmp_path / "notes"}[place]
    output = foodbench("gate", "--baseline", target, "--candidate", "parrot-1", "--update-baseline")
    assert output.code == (0 if place == "own" else 2)
    assert (other / TASKS.get(DISH).versioned_name / "samples.jsonl").is_file()
    assert (run / TASKS.get(DISH).versioned_name / "samples.jsonl").is_file()
    assert (tmp_path / "notes" / "diary.txt").is_file()
