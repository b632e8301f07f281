"""What strangers send is refused by name, within limits, and never with a traceback."""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foodbench.core.errors import FoodbenchError
from foodbench.engine.submission import check_folder, prepare_run, write
from foodbench.runs import submission_folder
from foodbench.runs.submission_folder import LIMITS, SubmissionRefused, parse_json, parse_samples, parse_yaml
from foodbench.runs.submission_text import refused_character, secret_at, too_deep, with_paths_cut, without_paths
from tests.engine.submission_runs import (
    CARD,
    DISH,
    copy_of,
    edit_json,
    edit_samples,
    finished_run,
    reseal,
    shared_home,
    tree,
)

Change = Callable[[Path], None]
IN_TASK = ("result.json", "ids.json", "samples.jsonl.gz")


@pytest.fixture
def run(kitchen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FOODBENCH_HOME", str(shared_home()))
    return copy_of(finished_run(kitchen), tmp_path)


@pytest.fixture
def submission(run: Path, tmp_path: Path) -> Path:
    (tmp_path / "card.yaml").write_text(CARD, encoding="utf-8")
    outcome = prepare_run(run, card=tmp_path / "card.yaml")
    assert outcome.errors == []
    return write(outcome, tmp_path / "submissions")[0]


def checked(folder: Path, **options: Any) -> FoodbenchError | None:
    """Why a folder is refused; None if it is not. Anything but a deliberate error is a failure of the test."""
    try:
        outcome = check_folder(folder, **options)
    except FoodbenchError as error:
        return error
    return outcome.errors[0] if outcome.errors else None


def extra_file(folder: Path) -> None:
    (folder / "setup.py").write_text("print('hello')\n")


def extra_in_task(folder: Path) -> None:
    (folder / DISH / "conftest.py").write_text("\n")


def odd_name(folder: Path) -> None:
    (folder / "a\x1b[31m\u202e.json").write_text("{}\n")


def odd_folder(folder: Path) -> None:
    (folder / "Food101.dish@1").mkdir()


def deep_folder(folder: Path) -> None:
    (folder / DISH / "more@1").mkdir()


def hidden_folder(folder: Path) -> None:
    (folder / ".git").mkdir()


def link_to_file(folder: Path) -> None:
    (folder / "run.json").unlink()
    (folder / "run.json").symlink_to("/etc/passwd")


def link_to_folder(folder: Path) -> None:
    shutil.move(folder / DISH, folder.parent / "elsewhere")
    (folder / DISH).symlink_to(folder.parent / "elsewhere")


def link_in_task(folder: Path) -> None:
    (folder / DISH / "ids.json").unlink()
    (folder / DISH / "ids.json").symlink_to("result.json")


def pipe(folder: Path) -> None:
    (folder / "run.json").unlink()
    os.mkfifo(folder / "run.json")


def many(folder: Path) -> None:
    for number in range(submission_folder.MAX_ENTRIES + 5):
        (folder / f"a.b@{number + 1}").mkdir()


def large(folder: Path) -> None:
    with (folder / "run.json").open("wb") as stream:
        stream.truncate(LIMITS.small + 1)  # a hole: no bytes on the disk


def missing(folder: Path) -> None:
    (folder / "card.yaml").unlink()


def no_task_file(folder: Path) -> None:
    (folder / DISH / "ids.json").unlink()


FOLDERS: list[tuple[Change, str]] = [
    (extra_file, "'setup.py' is no part of a submission"),
    (extra_in_task, "'food101.dish@1/conftest.py' is no part of a submission"),
    (odd_name, r"'a\x1b[31m\u202e.json' is no part of a submission"),
    (odd_folder, "'Food101.dish@1' is no part of a submission"),
    (deep_folder, "'food101.dish@1/more@1' is no part of a submission"),
    (hidden_folder, "'.git' is no part of a submission"),
    (link_to_file, "run.json is a link"),
    (link_to_folder, "food101.dish@1 is a link"),
    (link_in_task, "ids.json is a link"),
    (pipe, "run.json is not a file"),
    (many, "holds more than 600 entries"),
    (large, "run.json is larger than 4,194,304 bytes"),
    (missing, "card.yaml is named, and is not there"),
    (no_task_file, "food101.dish@1/ids.json is named, and is not there"),
]


@pytest.mark.parametrize(("change", "message"), FOLDERS, ids=[change.__name__ for change, _ in FOLDERS])
def test_odd_folders_are_refused(submission: Path, change: Change, message: str) -> None:
    change(submission)
    error = checked(submission)
    assert isinstance(error, SubmissionRefused)
    assert message in error.message
    assert error.exit_code == 2


def test_a_link_instead_of_the_folder(submission: Path, tmp_path: Path) -> None:
    target = tmp_path / "moved"
    shutil.move(submission, target)
    submission.symlink_to(target)
    error = checked(submission)
    assert error is not None
    assert "is a link" in error.message
    submission.unlink()
    shutil.move(target, submission)
    shutil.move(submission.parent, tmp_path / "above")
    submission.parent.symlink_to(tmp_path / "above")
    error = checked(submission)
    assert error is not None
    assert "The folder above the submission is a link" in error.message


def test_the_folder_must_be_called_by_its_digest(submission: Path) -> None:
    error = checked(submission.rename(submission.with_name("0" * 12)))
    assert error is not None
    assert f"it must be dice-of-the-kitchen/{submission.name}" in error.message


@pytest.mark.parametrize(
    "name", ["../../../etc/passwd", "/etc/passwd", "food101.dish@1/../../x", "C:\\x", "food101.dish@1/result.json/"]
)
def test_paths_that_lead_outside_are_refused(submission: Path, name: str) -> None:
    path = submission / "submission.json"
    edit_json(path, lambda sealed: sealed["files"].update({name: sealed["files"]["run.json"]}))
    error = checked(submission)
    assert error is not None
    assert "is named, and is not there" in error.message
    edit_json(path, lambda sealed: sealed["files"].pop(name))
    assert checked(submission) is None
    edit_json(submission / "run.json", lambda run: run["tasks"].update({name: dict(run["tasks"][DISH])}))
    error = checked(reseal(submission))
    assert error is not None
    assert "is complete in run.json, and its files are not there" in error.message


def bomb(folder: Path, content: bytes) -> Path:
    (folder / DISH / "samples.jsonl.gz").write_bytes(gzip.compress(content, mtime=0))
    return reseal(folder)


def test_gzip_bombs_are_refused_before_they_burst(submission: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = 0
    plain = gzip.GzipFile.readline

    def counted(self: gzip.GzipFile, size: int = -1) -> bytes:
        nonlocal read
        line = plain(self, size)
        read += len(line)
        return line

    monkeypatch.setattr(gzip.GzipFile, "readline", counted)
    one_line = bomb(submission, b"0" * (80 * 2**20))
    error = checked(one_line)
    assert error is not None
    assert "a line is larger than 8,388,608 bytes" in error.message
    assert read <= LIMITS.line + 2**20, "the samples of the other tasks included"
    lines = bomb(one_line, b"\n" * (80 * 2**20))
    read = 0
    error = checked(lines)
    assert error is not None
    assert "line 1 is not valid JSON" in error.message
    assert read <= 2**20


def test_many_lines_are_refused_by_their_sum(submission: Path) -> None:
    error = checked(submission, limits=replace(LIMITS, unpacked=500))
    assert error is not None
    assert "samples.jsonl.gz unpacks to more than 500 bytes" in error.message
    error = checked(submission, limits=replace(LIMITS, total=500))
    assert error is not None
    assert "a submission may have 500" in error.message


def test_limits_hold_for_what_is_packed_too(run: Path, tmp_path: Path) -> None:
    (tmp_path / "card.yaml").write_text(CARD, encoding="utf-8")
    outcome = prepare_run(run, card=tmp_path / "card.yaml", limits=replace(LIMITS, samples=100))
    assert "samples.jsonl.gz would have" in outcome.errors[0].message
    assert outcome.files == {}
    outcome = prepare_run(run, card=tmp_path / "card.yaml", limits=replace(LIMITS, total=100))
    assert "The submission would have" in outcome.errors[0].message


def test_long_answers_are_refused(run: Path) -> None:
    edit_samples(run / DISH, lambda lines: lines[0].update(answer="a" * (LIMITS.answer + 1)), digest=True)
    (error,) = prepare_run(run).errors
    assert "line 1: the answer is larger than 1,048,576 characters" in error.message


def test_an_answer_may_hold_anything_and_is_told_of(run: Path, tmp_path: Path) -> None:
    """It is the evidence; whatever shows it escapes it. Here the result is made to fit by scoring again."""
    from foodbench.engine.rescore import rescore_run

    edit_samples(run / DISH, lambda lines: lines[0].update(answer="\x1b[31mcake\u202e</script>"), digest=True)
    rescore_run(run)
    (tmp_path / "card.yaml").write_text(CARD, encoding="utf-8")
    outcome = prepare_run(run, card=tmp_path / "card.yaml")
    assert outcome.errors == []
    assert any("1 answer with control or hidden characters" in note for note in outcome.notes)
    assert checked(write(outcome, tmp_path / "out")[0]) is None


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("run.json", '{"schema_version": 1, "schema_version": 1}', "run.json has a key twice"),
        ("run.json", "[" * 100_000, "run.json is not valid JSON"),
        ("run.json", "[" * 100 + "]" * 100, "run.json is nested too deeply"),
        ("run.json", '{"a": NaN}', "run.json holds NaN"),
        ("run.json", '{"a": 1e999}', "run.json holds 1e999, which is beyond all numbers"),
        ("run.json", '{"a": ' + "9" * 5000 + "}", "run.json is not valid JSON"),
        ("run.json", "\ufeff{}", "run.json is not valid JSON"),
        ("run.json", '{"a": "\\ud800"}', "run.json: a holds the character U+D800"),
        ("run.json", '{"a": "\\u202e"}', "run.json: a holds the character U+202E"),
        ("run.json", '{"\\u0000": 1}', "holds the character U+0000"),
        ("run.json", "null", "run.json: top level: "),
        ("card.yaml", "a: &a [x]\nb: [*a, *a]\n", "card.yaml, line 1: has an anchor or alias"),
        ("card.yaml", "!!python/object/apply:os.system ['touch x']\n", "card.yaml, line 1: has the tag"),
        ("card.yaml", "[" * 20_000, "card.yaml is "),
        ("card.yaml", "a: 1\n---\nb: 2\n", "card.yaml is not valid YAML"),
        ("card.yaml", "? [a]\n: b\n", "has a key twice, or one that is not text"),
        ("card.yaml", "<<: {a: b}\n", "has a key twice, or one that is not text"),
        ("card.yaml", "a" * 70_000, "card.yaml is larger than 65,536 bytes"),
        ("card.yaml", "", "card.yaml: top level"),
    ],
)
def test_hostile_files_are_refused(submission: Path, file: str, text: str, message: str) -> None:
    (submission / file).write_bytes(text.encode("utf-8", "surrogatepass"))
    error = checked(reseal(submission))
    assert isinstance(error, SubmissionRefused)
    assert message in error.message


@pytest.mark.parametrize("what", ["sample_id", "cluster", "key"])
def test_hostile_names_beside_an_answer_are_refused(submission: Path, what: str) -> None:
    edit_samples(submission / DISH, lambda lines: lines[2].update({what: "a\u202eb"}), digest=True)
    error = checked(reseal(submission))
    assert error is not None
    assert "samples.jsonl.gz, line 3: " in error.message
    assert "U+202E" in error.message


def test_a_sample_twice(submission: Path) -> None:
    edit_samples(submission / DISH, lambda lines: lines.append(lines[0]), digest=True)
    error = checked(reseal(submission))
    assert error is not None
    assert "comes twice" in error.message


def test_one_wrong_byte_is_refused_or_harmless(submission: Path) -> None:
    """As somebody's disk or link might: digests tell."""
    rng = random.Random(0)
    files = sorted(tree(submission))
    pristine = tree(submission)
    refused = 0
    for _ in range(150):
        name = rng.choice(files)
        content = bytearray(pristine[name])
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        (submission / name).write_bytes(bytes(content))
        error = None if name == "submission.json" and bytes(content) == pristine[name] else quickly(submission)
        assert error is not None or name == "submission.json", name
        refused += error is not None
        (submission / name).write_bytes(pristine[name])
    assert refused > 130


def quickly(folder: Path) -> FoodbenchError | None:
    """As `checked`, of what is looked at before any answer is scored."""
    from foodbench.engine.submission import _read_sealed

    try:
        _read_sealed(folder, submission_folder.listed(folder), LIMITS)
    except FoodbenchError as error:
        return error
    return None


def test_one_wrong_byte_under_right_digests_is_refused_or_harmless(submission: Path, tmp_path: Path) -> None:
    """As a forger might: every digest is made right again, so that the content is looked at itself."""
    rng = random.Random(1)
    for attempt in range(60):
        folder = tmp_path / f"forged-{attempt}" / submission.parent.name / submission.name
        shutil.copytree(submission, folder)
        for other in folder.glob("*@*"):  # one task is enough, and three times as fast
            if other.name != DISH:
                shutil.rmtree(other)
        edit_json(folder / "run.json", lambda run: run.update(tasks={DISH: run["tasks"][DISH]}, config={}))
        edit_json(folder / "submission.json", lambda sealed: sealed.update(tasks={DISH: sealed["tasks"][DISH]}))
        name = rng.choice(
            ["run.json", "card.yaml", f"{DISH}/result.json", f"{DISH}/ids.json", f"{DISH}/samples.jsonl.gz"]
        )
        packed = name.endswith(".gz") and rng.random() < 0.8
        content = bytearray(gzip.decompress((folder / name).read_bytes()) if packed else (folder / name).read_bytes())
        content[rng.randrange(len(content))] = rng.randrange(256)
        (folder / name).write_bytes(gzip.compress(bytes(content), mtime=0) if packed else bytes(content))
        checked(reseal(folder))  # whatever it says, it says it as a deliberate error
        shutil.rmtree(tmp_path / f"forged-{attempt}")


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_readers_refuse_any_bytes_deliberately(raw: bytes) -> None:
    for read in (parse_json, parse_yaml):
        try:
            read(raw, "x")
        except SubmissionRefused:
            continue
    for packed in (True, False):
        try:
            parse_samples(raw, "x", packed=packed)
        except SubmissionRefused:
            continue


@given(st.text(alphabet="abc:-[]{}&*!?|>'\"%@`#,. \n\t0123456789_+~<=/\\"))
@settings(max_examples=400, deadline=None)
def test_yaml_is_read_or_refused_deliberately(text: str) -> None:
    try:
        parse_yaml(text.encode(), "x")
    except SubmissionRefused:
        return


@given(ANYTHING)
@settings(max_examples=300, deadline=None)
def test_any_json_can_be_looked_at(plain: Any) -> None:
    too_deep(plain)
    secret_at(plain)
    cut, places = with_paths_cut(plain)
    again, more = with_paths_cut(cut)
    assert more == []
    assert json.dumps(again) == json.dumps(cut)
    assert bool(places) == (json.dumps(cut) != json.dumps(plain))


@given(st.text(alphabet="ab~/\\ .:,=-_C"))
@settings(max_examples=500, deadline=None)
def test_cutting_paths_once_is_enough(text: str) -> None:
    cut = without_paths(text)
    assert without_paths(cut) == cut
    assert len(cut) <= len(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/home/ann/ckpt/foodlmm", "foodlmm"),
        ("~/models/x", "x"),
        ("C:\\Users\\Ann Lee\\m.bin", "m.bin"),
        ("py:/home/ann/mine.py:Model", "py:mine.py:Model"),
        ("file:///home/ann/x", "x"),
        ("//server/share/x", "x"),
        ("/mnt/data/", "data"),
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"),
        ("Yueha0/FoodLMM-Chat", "Yueha0/FoodLMM-Chat"),
        ("runs/mine/checkpoint", "runs/mine/checkpoint"),
        ("food101.dish@1/result.json", "food101.dish@1/result.json"),
        ("no data at /home/ann/food-101.", "no data at food-101."),
        ("1/2, and/or", "1/2, and/or"),
    ],
)
def test_paths(text: str, expected: str) -> None:
    assert without_paths(text) == expected


@pytest.mark.parametrize(
    "secret",
    [
        "sk-" + "a" * 24,
        "hf_" + "A" * 30,
        "ghp_" + "b" * 36,
        "github_pat_" + "c" * 30,
        "AKIA" + "D" * 16,
        "AIza" + "e" * 35,
        "xoxb-" + "1" * 12,
        "eyJ" + "a" * 10 + ".eyJ" + "b" * 10 + ".",
        "Bearer " + "f" * 20,
        "-----BEGIN RSA " + "PRIVATE KEY-----",
        "https://ann:" + "hunter2@example.org",
    ],
)
def test_credentials_are_known_by_their_shape(secret: str) -> None:
    assert secret_at({"a": [1, {"b": f"x={secret}"}]}) == "a.1.b"


@pytest.mark.parametrize(
    "text",
    ["task-" + "a" * 30, "sha256:" + "a" * 64, "max_new_tokens=32", "http://127.0.0.1:8000/v1", "ask-me-anything"],
)
def test_other_text_is_no_credential(text: str) -> None:
    assert secret_at([text]) is None


def test_characters() -> None:
    assert refused_character("Süßkartoffel 🥗 👩‍🍳 سلطة") is None
    assert refused_character("a\nb") == "U+000A"
    assert refused_character("a\nb\t", lines=True) is None
    for char in "\x00\x1b\x7f\x9b\u200b\u200e\u202a\u2066\u2028\ufeff\U000e0041":
        assert refused_character(f"a{char}", lines=True) == f"U+{ord(char):04X}"
