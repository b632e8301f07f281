"""`foodbench submit` on the command line: what it prints, writes and ends with."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.stored_runs import Output
from tests.conftest import REPOSITORY
from tests.engine.submission_runs import (
    CARD,
    DISH,
    REPORTED,
    copy_of,
    edit_json,
    finished_run,
    reseal,
    shared_home,
)
from tests.test_startup import HEAVY, PROBE

Foodbench = Callable[..., Output]


@pytest.fixture
def run(kitchen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FOODBENCH_HOME", str(shared_home()))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "card.yaml").write_text(CARD, encoding="utf-8")
    return copy_of(finished_run(kitchen), tmp_path / "runs")


def the_folder(out: Path) -> Path:
    (folder,) = out.glob("*/*")
    return folder


def test_from_a_run_to_a_folder_and_back(foodbench: Foodbench, run: Path) -> None:
    checked = foodbench("submit", run.name, "--check-only")
    assert checked.code == 0, checked.err
    assert "scored again: 1 metric equal" in checked.out
    assert "Covered: 3 tasks. Not covered: 27." in checked.out
    assert "fooddialogues.chat: not asked" in checked.out
    assert "Valid, as measured." in checked.out
    assert not Path("leaderboard").exists(), "checking writes nothing"
    done = foodbench("submit", run.name, "--card", "card.yaml")
    assert done.code == 0, done.err
    folder = the_folder(Path("leaderboard/submissions"))
    assert f"Wrote {folder} (12 files, " in done.out
    assert "Add this folder, and nothing else, in a pull request." in done.out
    assert "food101.dish@1: 24 answers" in done.err, "progress is on stderr"
    assert "Already there, unchanged:" in foodbench("submit", run.name, "--card", "card.yaml").out
    again = foodbench("submit", "--check-only", folder)
    assert (again.code, again.err.count("error")) == (0, 0)
    assert "Valid, as measured." in again.out
    assert "Wrote" not in again.out


def test_json(foodbench: Foodbench, run: Path) -> None:
    done = foodbench("submit", run, "--card", "card.yaml", "--name", "Other Name", "--out", "out", "--json")
    plain = json.loads(done.out)
    assert plain["schema"] == "foodbench.submit/1"
    assert (plain["valid"], plain["exit_code"], plain["kind"], plain["model"]) == (True, 0, "measured", "other-name")
    assert Path(plain["folder"]) == the_folder(Path("out"))
    assert plain["written"] is True
    told = plain["tasks"][0]
    assert (told["task"], told["n"], told["metrics"]) == (DISH, 24, 1)
    assert (told["checked"], told["error"]) == ("rescored", None)
    assert plain["not_covered"]["vireo172.dish"] == "not asked"


def test_refusals_are_told_and_end_with_2(foodbench: Foodbench, run: Path) -> None:
    edit_json(run / DISH / "result.json", lambda result: result["metrics"][0].update(value=99.0))
    done = foodbench("submit", run, "--card", "card.yaml")
    assert done.code == 2
    assert "refused" in done.out
    assert "Refused: 1 reason." in done.out
    assert "top1_accuracy is stored as 99.0, and comes to" in done.error[0]
    assert "foodbench score RUN" in done.error[1]
    assert not Path("leaderboard").exists()
    plain = json.loads(foodbench("submit", run, "--check-only", "--json").out)
    assert (plain["valid"], plain["exit_code"]) == (False, 2)
    assert "is stored as 99.0" in plain["errors"][0]["message"]
    assert "is stored as 99.0" in plain["tasks"][0]["error"]


def test_exit_codes_of_the_incomplete_and_of_missing_data(foodbench: Foodbench, run: Path) -> None:
    edit_json(run / DISH / "result.json", lambda result: result["dataset"].update(edition="real", variant=""))
    missing = foodbench("submit", run, "--check-only")
    assert missing.code == 5
    assert "food101.dish@1: cannot be checked here" in missing.error[0]
    edit_json(run / "run.json", lambda plain: plain["tasks"][DISH].update(status="failed", reason="out of memory"))
    assert foodbench("submit", run, "--check-only").code == 4, "incomplete is worse than unchecked"
    edit_json(run / DISH / "result.json", lambda result: result.update(limit=3))
    assert foodbench("submit", run, "--check-only").code == 2, "and refused is worst"


def test_reported_numbers(foodbench: Foodbench, run: Path) -> None:
    Path("numbers.yaml").write_text(REPORTED)
    done = foodbench("submit", "--reported", "numbers.yaml", "--card", "card.yaml", "--out", "out")
    assert done.code == 0, done.err
    assert "Valid, its numbers are shown as reported, and never ranked." in done.out
    assert "1 number reported" in done.out
    assert foodbench("submit", "--check-only", the_folder(Path("out"))).code == 0
    Path("numbers.yaml").write_text(REPORTED.replace("91.5", "915"))
    refused = foodbench("submit", "--reported", "numbers.yaml", "--check-only", "--json")
    assert refused.code == 2
    assert json.loads(refused.out)["errors"][0]["code"] == "submission.refused"
    assert "top1_accuracy cannot be 915" in refused.error[0]


def test_wrong_usage(foodbench: Foodbench, run: Path) -> None:
    assert foodbench("submit").code == 2
    assert foodbench("submit", run, "--reported", "card.yaml", "--check-only").code == 2
    without = foodbench("submit", run)
    assert without.code == 2
    assert "needs a model card" in without.error[0]
    assert "docs/submitting.md" in without.error[1]
    unknown = foodbench("submit", "nonsense", "--check-only")
    assert unknown.code == 2
    assert "Unknown run 'nonsense'" in unknown.error[0]
    assert foodbench("submit", run, "--card", "card.yaml", "--out", "out").code == 0
    again = foodbench("submit", the_folder(Path("out")), "--card", "card.yaml")
    assert again.code == 2
    assert "is a submission already" in again.error[0]
    missing = foodbench("submit", run, "--card", "nowhere.yaml")
    assert missing.code == 2
    assert "nowhere.yaml is missing" in missing.error[0]


def test_what_strangers_wrote_is_printed_escaped(foodbench: Foodbench, run: Path) -> None:
    assert foodbench("submit", run, "--card", "card.yaml", "--out", "out").code == 0
    folder = the_folder(Path("out"))
    edit_json(folder / "run.json", lambda plain: plain["tasks"].update({"a\x1b]0;x\x07@1": dict(plain["tasks"][DISH])}))
    done = foodbench("submit", "--check-only", reseal(folder))
    assert done.code == 2
    assert "\x1b" not in done.out + done.err


def test_the_help_is_light() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            PROBE,
            json.dumps(["submit", "--help"]),
            json.dumps([*HEAVY, "yaml", "pydantic", "numpy"]),
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )
    report = json.loads(done.stdout.splitlines()[-1])
    assert (report["code"], report["loaded"]) == (0, [])


def test_the_checks_open_no_socket_and_write_no_run(foodbench: Foodbench, run: Path) -> None:
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in run.rglob("*") if path.is_file()}
    assert foodbench("submit", run, "--card", "card.yaml", "--out", "out").code == 0  # conftest guards sockets
    after = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in run.rglob("*") if path.is_file()}
    assert after == before


def test_the_page_says_what_the_command_says(foodbench: Foodbench) -> None:
    page = (REPOSITORY / "docs" / "submitting.md").read_text(encoding="utf-8")
    readme = (REPOSITORY / "leaderboard" / "submissions" / "README.md").read_text(encoding="utf-8")
    from foodbench.runs.submission_folder import LIMITS, TASK_FILES, TOP_FILES
    from foodbench.runs.submission_schema import ReportedFile, SubmissionCard

    for name in sorted(TOP_FILES | TASK_FILES):
        assert f"{name}`" in readme
    for model in (SubmissionCard, ReportedFile):
        for name in model.model_fields:
            assert f"`{name}`" in page or f"\n{name}:" in page, name
    assert f"the card more than {LIMITS.card // 2**10} KiB" in page
    for size in (LIMITS.small, LIMITS.samples, LIMITS.total, LIMITS.unpacked, LIMITS.answer, LIMITS.ids, LIMITS.line):
        assert f"{size // 2**20} MiB" in page, size
    for option in ("--check-only", "--card", "--name", "--reported", "--out", "--reports", "--json"):
        assert option in foodbench("submit", "--help").out


def test_the_page_s_commands_print_what_it_shows(
    foodbench: Foodbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (REPOSITORY / "docs" / "submitting.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    commands = [text for kind, text in blocks if not kind and text.startswith("foodbench ")]
    (shown,) = [text for kind, text in blocks if not kind and text.startswith("task ")]
    card, numbers = (text for kind, text in blocks if kind == "yaml")
    monkeypatch.chdir(tmp_path)
    Path("card.yaml").write_text(card, encoding="utf-8")
    Path("numbers.yaml").write_text(numbers, encoding="utf-8")
    for line in commands[0].splitlines():
        done = foodbench(*line.split()[1:])
        assert done.code == 0, done.err
    digest = the_folder(Path("leaderboard/submissions")).name
    # The digest and the size depend on when the run was made.
    printed = re.sub(r"\d+ kB", "22 kB", done.out.replace(digest, "0123456789ab"))
    assert printed == shown
    for block in commands[1:]:
        done = foodbench(*block.replace("0123456789ab", digest).split()[1:])
        assert done.code == 0, done.err
    assert "reported, and never ranked" in done.out
