"""gate.toml and acknowledgements: read strictly, and refused with the place and the value."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from foodbench.core.errors import UsageError
from foodbench.runs.gate_policy import MAX_ACKS, MAX_POLICY_BYTES, load_policy
from foodbench.tasks import TASKS

ACK = """
task = "food101.dish"
metric = "top1_accuracy"
verdict = "sha256:{digest}"
reason = "meant"
author = "Ann"
expires = 2027-03-01
""".format(digest="a" * 64)

GOOD = """
schema_version = 1
alpha = 0.05
tasks = ["food101.*", "nutrition5k.total"]
exact = "same-platform"
parse_rate = 0.95
missing = 0
acks = "gate/acks"

[budgets]
seconds_per_sample = 0.5
usage_per_sample = { output_tokens = 200 }

[task."nutrition5k.total"]
metrics = { "pmae.kcal" = 1.5, "mae.kcal" = 4 }
parse_rate = 0.8

[[prompt_changes]]
task = "food101.dish"
baseline = "sha256:%s"
candidate = "sha256:%s"
reason = "a shorter question"
""" % ("a" * 64, "b" * 64)  # noqa: UP031 - braces are TOML's


def load(tmp_path: Path, text: str | bytes):
    path = tmp_path / "gate.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_policy(path, TASKS.names())


def test_every_key(tmp_path: Path) -> None:
    (tmp_path / "gate" / "acks").mkdir(parents=True)
    (tmp_path / "gate" / "acks" / "soup.toml").write_text(ACK)
    loaded = load(tmp_path, GOOD)
    policy = loaded.policy
    assert policy.gates("food101.dish")
    assert not policy.gates("vireo172.dish")
    assert policy.for_task("nutrition5k.total").metrics == {"pmae.kcal": 1.5, "mae.kcal": 4.0}
    assert (policy.parse_rate_for("nutrition5k.total"), policy.parse_rate_for("food101.dish")) == (0.8, 0.95)
    assert policy.budgets_for("food101.dish").usage_per_sample == {"output_tokens": 200}
    (ack,) = loaded.acks
    assert ack.ack.author == "Ann"


def test_an_empty_policy_is_the_default(tmp_path: Path) -> None:
    assert load(tmp_path, "").policy == load_policy(None, TASKS.names()).policy


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("surprise = 1", "unknown key 'surprise'"),
        ("[budgets]\nminutes = 3", "unknown key 'budgets.minutes'"),
        ('[task."food101.dish"]\nmargin = 3', "unknown key 'task.food101.dish.margin'"),
        ("schema_version = 2", "'schema_version' is 2"),
        ("alpha = 0.7", "'alpha' is 0.7"),
        ("alpha = nan", "'alpha' is nan"),
        ('alpha = "0.05"', "'alpha' is 0.05"),
        ("alpha = true", "'alpha' is True"),
        ("parse_rate = 95", "'parse_rate' is 95"),
        ("parse_rate = -0.1", "'parse_rate' is -0.1"),
        ("tasks = 'all'", "'tasks' is all"),
        ("tasks = ['food102.*']", "no task is called 'food102.*'"),
        ("exact = 'mostly'", "'exact' is mostly"),
        ('[task."food101.dish"]\nmetrics = { top1_accuracy = -1 }', "metrics.top1_accuracy' is -1"),
        ('[task."food101.dish"]\nmetrics = { top1_accuracy = 0 }', "metrics.top1_accuracy' is 0"),
        ('[task."food101.dish"]\nmetrics = { top1_accuracy = nan }', "metrics.top1_accuracy' is nan"),
        ('[task."food101.dish"]\nmetrics = { top1_accuracy = inf }', "metrics.top1_accuracy' is inf"),
        ('[task."food101.dush"]', "names the task 'food101.dush', which does not exist"),
        ("[budgets]\nseconds_ratio = inf", "'budgets.seconds_ratio' is inf"),
        ("[[prompt_changes]]\ntask = 'food101.dish'", "prompt_changes.0.baseline"),
        ("alpha = ", "not valid TOML"),
        ("a = 1\na = 2", "not valid TOML"),
        (b"alpha = 0.05 # \xff", "not valid TOML"),
        ("x = " + "[" * 20_000, "not valid TOML"),
        ("# " + "x" * MAX_POLICY_BYTES, "larger than 262,144 bytes"),
    ],
)
def test_hostile_policies_are_refused(tmp_path: Path, text: str | bytes, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(tmp_path, text)
    assert told in caught.value.message
    assert "gate.toml" in caught.value.message
    assert len(caught.value.message) < 600


def test_two_declarations_for_a_task(tmp_path: Path) -> None:
    entry = GOOD[GOOD.index("[[prompt_changes]]") :]
    with pytest.raises(UsageError, match="two prompt changes for food101.dish"):
        load(tmp_path, entry + entry)


@pytest.mark.parametrize("key", ["acks", "baselines"])
@pytest.mark.parametrize("written", ["../elsewhere", "/etc", "a/../../b", "a\\u0000b"])
def test_paths_that_lead_out(tmp_path: Path, key: str, written: str) -> None:
    folder = tmp_path / "policy"
    folder.mkdir()
    with pytest.raises(UsageError, match=f"'{key}' is '.*', which is not below"):
        load(folder, f'{key} = "{written}"')


def test_a_link_that_leads_out(tmp_path: Path) -> None:
    folder, outside = tmp_path / "policy", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (folder / "acks").symlink_to(outside)
    with pytest.raises(UsageError, match="'acks' is 'acks', which is not below"):
        load(folder, "")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("2027-03-01", '"2027-03-01"'), "'expires' is 2027-03-01"),
        (("2027-03-01", "2027-03-01T10:00:00"), "'expires'"),
        (("expires = 2027-03-01", ""), "'expires'"),
        (('author = "Ann"', 'author = ""'), "'author'"),
        (('reason = "meant"', ""), "'reason'"),
        (('verdict = "sha256:', 'verdict = "md5:'), "'verdict' is md5"),
        (('task = "food101.dish"', 'task = "food101.dish"\nwildcard = true'), "unknown key 'wildcard'"),
    ],
)
def test_acknowledgements_are_read_strictly(tmp_path: Path, change: tuple[str, str], told: str) -> None:
    (tmp_path / "acks").mkdir()
    (tmp_path / "acks" / "soup.toml").write_text(ACK.replace(*change))
    with pytest.raises(UsageError) as caught:
        load(tmp_path, "")
    assert told in caught.value.message
    assert "soup.toml" in caught.value.message


def test_too_many_acknowledgements(tmp_path: Path) -> None:
    (tmp_path / "acks").mkdir()
    for index in range(MAX_ACKS + 1):
        (tmp_path / "acks" / f"{index}.toml").touch()
    with pytest.raises(UsageError, match=f"holds {MAX_ACKS + 1} acknowledgements"):
        load(tmp_path, "")


def test_a_pipe_in_the_policys_place(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate.toml")
    with pytest.raises(UsageError, match="Cannot read"):
        load_policy(tmp_path / "gate.toml", TASKS.names())


def test_no_such_policy(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Cannot read .*gate.toml: No such file"):
        load_policy(tmp_path / "gate.toml", TASKS.names())
