"""The recipe for continuous integration: what it may do, and that its steps refuse what they must."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import REPOSITORY

WORKFLOW = REPOSITORY / ".github" / "workflows" / "validate-submission.yml"
FOLDER = "leaderboard/submissions/mine/0123456789ab"
GOOD = {"submission.json": "{}\n", "run.json": "{}\n", "food101.dish@1/result.json": "{}\n"}


def workflow() -> dict[Any, Any]:
    return yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))


def steps() -> list[dict[str, Any]]:
    return [step for job in workflow()["jobs"].values() for step in job["steps"]]


def step(name: str) -> dict[str, Any]:
    (found,) = [each for each in steps() if each.get("name") == name]
    return found


def test_the_code_that_checks_is_the_base_branch_s() -> None:
    plain = workflow()
    assert list(plain[True]) == ["pull_request_target"], "YAML 1.1 reads the key 'on' as true"
    assert plain["permissions"] == {}
    assert plain["jobs"]["validate"]["permissions"] == {"contents": "read"}
    assert plain["jobs"]["comment"]["permissions"] == {"pull-requests": "write"}
    (checkout,) = [each for each in steps() if each.get("uses", "").startswith("actions/checkout@")]
    assert checkout["with"] == {"ref": "${{ github.event.pull_request.base.sha }}", "persist-credentials": False}
    assert "checkout" not in "".join(str(each) for each in plain["jobs"]["comment"]["steps"])
    assert "secrets." not in WORKFLOW.read_text()
    for each in steps():
        if "uses" in each:
            assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", each["uses"]), "pinned by commit"
        assert "${{" not in each.get("run", ""), "what others chose comes in variables, never in a script"
        for value in each.get("env", {}).values():
            named = re.findall(r"\$\{\{\s*(github\.event\.[\w.]+)", value)
            assert set(named) <= {"github.event.pull_request.number", "github.event.pull_request.head.sha"}


def test_nothing_of_the_pull_request_is_run() -> None:
    text = WORKFLOW.read_text()
    assert not re.search(r"git (checkout|switch|restore|worktree|archive|apply|am)\b", text)
    installs = [each["run"] for each in steps() if "pip install" in each.get("run", "")]
    assert installs == ["python -m pip install --quiet -c constraints.txt -e ."]
    order = [each.get("name", each.get("uses")) for each in workflow()["jobs"]["validate"]["steps"]]
    assert order.index("Install foodbench from the base branch") < order.index(
        "Fetch the pull request's objects, check nothing out"
    ), "when code is installed, nothing of the pull request is there"


def git(folder: Path, *arguments: str) -> str:
    settings = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "core.hooksPath=/dev/null"]
    done = subprocess.run(["git", *settings, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def put(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def submitted(folder: Path) -> None:
    put(folder, {f"{FOLDER}/{name}": text for name, text in GOOD.items()})


def with_code(folder: Path) -> None:
    submitted(folder)
    put(folder, {"foodbench/cli/main.py": "print('mine')\n"})


def with_workflow(folder: Path) -> None:
    submitted(folder)
    put(folder, {".github/workflows/x.yml": "on: push\n"})


def with_change(folder: Path) -> None:
    submitted(folder)
    put(folder, {"leaderboard/submissions/theirs/aaaaaaaaaaaa/run.json": "[]\n"})


def with_removal(folder: Path) -> None:
    submitted(folder)
    (folder / "leaderboard/submissions/theirs/aaaaaaaaaaaa/run.json").unlink()


def with_link(folder: Path) -> None:
    submitted(folder)
    (folder / FOLDER / "card.yaml").symlink_to("/etc/passwd")


def with_program(folder: Path) -> None:
    submitted(folder)
    (folder / FOLDER / "run.json").chmod(0o755)


def with_two(folder: Path) -> None:
    submitted(folder)
    put(folder, {f"{FOLDER[:-1]}c/submission.json": "{}\n"})


def with_odd_name(folder: Path) -> None:
    submitted(folder)
    put(folder, {f"{FOLDER}/a\n::error::b.json": "{}\n"})


def with_deep_name(folder: Path) -> None:
    submitted(folder)
    put(folder, {f"{FOLDER}/a.b@1/c/d.json": "{}\n"})


def without_seal(folder: Path) -> None:
    put(folder, {f"{FOLDER}/run.json": "{}\n"})


REFUSED: list[tuple[Callable[[Path], None], str]] = [
    (with_code, "foodbench/cli/main.py is not a file of a submission"),
    (with_workflow, ".github/workflows/x.yml is not a file of a submission"),
    (with_change, "is changed or removed"),
    (with_removal, "is changed or removed"),
    (with_link, "has the mode 120000"),
    (with_program, "has the mode 100755"),
    (with_two, "2 folders; a pull request adds one"),
    (with_odd_name, "is not a file of a submission"),
    (with_deep_name, "is not a file of a submission"),
    (without_seal, "the folder has no submission.json"),
]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A base branch with one submission of somebody else's."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    put(folder, {"leaderboard/submissions/theirs/aaaaaaaaaaaa/run.json": "{}\n"})
    git(folder, "add", "-A")
    git(folder, "commit", "--quiet", "-m", "base")
    return folder


def copy_step(repository: Path, tmp_path: Path, change: Callable[[Path], None]) -> tuple[int, str, Path, str]:
    """Merge a pull request as the site does, and run the step that copies; returns what it did."""
    git(repository, "switch", "--quiet", "-c", "theirs")
    change(repository)
    git(repository, "add", "-A")
    git(repository, "commit", "--quiet", "-m", "submission")
    git(repository, "switch", "--quiet", "main")
    git(repository, "merge", "--quiet", "--no-ff", "-m", "merge", "theirs")
    git(repository, "update-ref", "refs/submission", "HEAD")
    git(repository, "reset", "--quiet", "--hard", "HEAD^1")
    incoming, output = tmp_path / "incoming", tmp_path / "output"
    done = subprocess.run(
        [sys.executable, "-c", step("Copy the one new folder, as data")["run"]],
        cwd=repository,
        env={**os.environ, "INCOMING": str(incoming), "GITHUB_OUTPUT": str(output)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr, incoming, output.read_text() if output.exists() else ""


def test_one_new_folder_is_copied_as_data(repository: Path, tmp_path: Path) -> None:
    code, said, incoming, output = copy_step(repository, tmp_path, submitted)
    assert code == 0, said
    assert output == "folder=mine/0123456789ab\n"
    copied = incoming / "mine" / "0123456789ab"
    assert {p.relative_to(copied).as_posix() for p in copied.rglob("*") if p.is_file()} == set(GOOD)
    assert not (repository / FOLDER).exists(), "nothing was checked out"


@pytest.mark.parametrize(("change", "message"), REFUSED, ids=[change.__name__ for change, _ in REFUSED])
def test_other_pull_requests_are_refused(
    repository: Path, tmp_path: Path, change: Callable[[Path], None], message: str
) -> None:
    code, said, incoming, output = copy_step(repository, tmp_path, change)
    assert code == 2, said
    assert message in said
    assert "\n::" not in said, "no line is a command to the runner"
    assert output == ""
    told = incoming.with_name("incoming.txt").read_text()
    assert message in told
    assert told.startswith("Refused before anything was read")


def test_the_comment_shows_text_as_text(tmp_path: Path) -> None:
    (tmp_path / "outcome").mkdir()
    hostile = "@everyone ![x](https://evil.example/x.png)\x1b[31m <img src=x>\n```\n# big\n" + "a" * 50_000
    (tmp_path / "outcome" / "incoming.txt").write_text(hostile)
    gh = tmp_path / "gh"
    gh.write_text(f"#!{sys.executable}\nimport sys\nprint(sys.argv[1:])\nprint(sys.stdin.read())\n")
    gh.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", step("Comment")["run"]],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "RESULT": "failure", "NUMBER": "7"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    first, body = done.stdout.split("\n", 1)
    assert first == "['pr', 'comment', '7', '--body-file', '-']"
    assert "The submission is **not valid**" in body
    assert len(body) < 30_000
    quoted = [line for line in body.splitlines() if "evil" in line or "```" in line or "# big" in line]
    assert len(quoted) == 3
    assert all(line.startswith("    ") for line in quoted)
    assert "\x1b" not in body
