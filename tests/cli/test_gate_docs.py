"""docs/gate.md shows what the commands print, and its files are ones that are read."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
import yaml

from foodbench.runs.gate_policy import load_policy
from foodbench.tasks import TASKS
from tests.cli.stored_runs import Output
from tests.conftest import REPOSITORY

Foodbench = Callable[..., Output]
PAGE = (REPOSITORY / "docs" / "gate.md").read_text(encoding="utf-8")
ACTION = REPOSITORY / ".github" / "actions" / "foodbench-gate" / "action.yml"


def block(beginning: str) -> str:
    """The code block that begins so."""
    found = [
        text for text in re.findall(r"^```\w*\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL) if text.startswith(beginning)
    ]
    assert len(found) == 1, beginning
    return found[0]


@pytest.mark.parametrize("verb", ["gate", "power"])
def test_shown_output_is_real(foodbench: Foodbench, verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "reports").symlink_to(REPOSITORY / "reports")
    monkeypatch.chdir(tmp_path)
    command, *lines = block(f"$ foodbench {verb}").splitlines()
    printed = foodbench(*command.split()[2:]).out.splitlines()
    assert [line for line in lines if line not in printed] == []
    assert len(lines) > 5


def test_policy_and_acknowledgement_are_read(tmp_path: Path) -> None:
    (tmp_path / "gate.toml").write_text(block("schema_version = 1"))
    (tmp_path / "acks").mkdir()
    (tmp_path / "acks" / "total.toml").write_text(block('task = "nutrition5k.total"'))
    loaded = load_policy(tmp_path / "gate.toml", TASKS.names())
    assert loaded.policy.for_task("nutrition5k.total").metrics == {"pmae.kcal": 1.5, "mae.kcal": 4}
    assert loaded.acks[0].ack.expires == date(2027, 6, 30)


def test_our_own_policy_is_read() -> None:
    policy = load_policy(REPOSITORY / "gate.toml", TASKS.names()).policy
    assert policy.exact == "same-platform"
    assert all(policy.gates(name) for name in TASKS.names())


def test_every_key_of_the_policy_is_on_the_page() -> None:
    from foodbench.runs.gate_policy import Acknowledgement, Budgets, GatePolicy, PromptChange, TaskPolicy

    for model in (GatePolicy, TaskPolicy, Budgets, PromptChange, Acknowledgement):
        for key in model.model_fields:
            assert re.search(rf"\b{key}\b", PAGE), key


def test_the_action_is_pinned_and_needs_no_rights() -> None:
    action = yaml.safe_load(ACTION.read_text())
    steps = action["runs"]["steps"]
    assert action["runs"]["using"] == "composite"
    for step in steps:
        if "uses" in step:
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", step["uses"]), "pinned by commit"
        # What a caller passes must reach the shell as a variable: in the text of a script it would be run.
        assert "${{" not in step.get("run", "")
    (checkout,) = (step for step in steps if step.get("uses", "").startswith("actions/checkout"))
    assert checkout["with"]["persist-credentials"] is False
    assert "token" not in ACTION.read_text().replace("holds a token", "")
