"""A run becomes a submission only if every number follows from its answers, and is checked again from the folder."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from foodbench.core.errors import DataMissing, FoodbenchError, RunIncomplete
from foodbench.engine.submission import Outcome, check_folder, prepare_reported, prepare_run, slug, write
from foodbench.runs.schema import json_schema
from foodbench.runs.submission_folder import SubmissionRefused
from tests.conftest import REPOSITORY
from tests.engine.submission_runs import (
    CARD,
    DISH,
    REFER,
    REPORTED,
    TASKS,
    copy_of,
    edit_json,
    edit_samples,
    finished_run,
    read_lines,
    reseal,
    shared_home,
    tree,
)

Change = Callable[[Path], None]


@pytest.fixture
def run(kitchen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FOODBENCH_HOME", str(shared_home()))
    return copy_of(finished_run(kitchen), tmp_path)


@pytest.fixture
def card(tmp_path: Path) -> Path:
    path = tmp_path / "card.yaml"
    path.write_text(CARD, encoding="utf-8")
    return path


def submit(run: Path, card: Path, out: Path) -> Path:
    outcome = prepare_run(run, card=card)
    assert [str(error) for error in outcome.errors] == []
    return write(outcome, out)[0]


@pytest.fixture
def submission(run: Path, card: Path, tmp_path: Path) -> Path:
    return submit(run, card, tmp_path / "submissions")


def refusal(outcome: Outcome) -> FoodbenchError:
    assert len(outcome.errors) == 1, [error.message for error in outcome.errors]
    return outcome.errors[0]


def test_a_run_is_submitted_and_checked_again(run: Path, submission: Path) -> None:
    assert submission.parent.name == "dice-of-the-kitchen"
    per_task = {"result.json", "ids.json", "samples.jsonl.gz"}
    expected = {"run.json", "card.yaml", "submission.json"} | {f"{task}/{name}" for task in TASKS for name in per_task}
    assert set(tree(submission)) == expected
    for task in TASKS:
        assert read_lines(submission / task / "samples.jsonl.gz") == read_lines(run / task / "samples.jsonl")
    before = tree(submission)
    outcome = check_folder(submission)
    assert (outcome.exit_code, outcome.errors, outcome.notes) == (0, [], [])
    assert {each.name: (each.level, each.n) for each in outcome.tasks} == dict.fromkeys(TASKS, ("rescored", 24))
    assert len(outcome.not_covered) > 20
    assert tree(submission) == before, "checking writes nothing"
    sealed = json.loads((submission / "submission.json").read_text())
    jsonschema.validate(sealed, json_schema("submission"))
    assert submission.name == sealed["digest"][:12]


def test_the_same_run_and_card_are_the_same_bytes(run: Path, card: Path, tmp_path: Path, submission: Path) -> None:
    other = submit(run, card, tmp_path / "other")
    assert other.name == submission.name
    assert tree(other) == tree(submission)
    outcome = prepare_run(run, card=card)
    assert write(outcome, tmp_path / "other") == (other, False)
    packed = tmp_path / "packed" / run.name  # a folder of reports has its samples packed already
    shutil.copytree(run, packed)
    for task in TASKS:
        shutil.copy(submission / task / "samples.jsonl.gz", packed / task / "samples.jsonl.gz")
        (packed / task / "samples.jsonl").unlink()
    assert tree(submit(packed, card, tmp_path / "third")) == tree(submission)


def test_what_is_there_and_different_is_not_overwritten(
    run: Path, card: Path, tmp_path: Path, submission: Path
) -> None:
    (submission / "card.yaml").write_text("name: other\n")
    with pytest.raises(SubmissionRefused, match="holds other files"):
        write(prepare_run(run, card=card), tmp_path / "submissions")
    assert (submission / "card.yaml").read_text() == "name: other\n"


def set_metric(result: dict[str, Any]) -> None:
    result["metrics"][0]["value"] = 99.0


def set_low(result: dict[str, Any]) -> None:
    result["metrics"][0]["low"] = -1.0


def set_floor(result: dict[str, Any]) -> None:
    result["metrics"][0]["floor"]["value"] = -5.0


def set_parse_rate(result: dict[str, Any]) -> None:
    result["parse_rate"] = 0.25


TAMPERED = [
    (set_metric, r"food101.dish@1: \S+ is stored as 99.0, and comes to \d"),
    (set_low, r"\(low\) is stored as -1.0, and comes to"),
    (set_floor, r"the floor of \S+ is stored as .*-5.0.*, and comes to"),
    (set_parse_rate, r"parse_rate is stored as 0.25, and comes to 1.0"),
    (lambda result: result.update(errors=7), "errors is stored as 7, and comes to 0"),
    (lambda result: result["metrics"].pop(), "its metrics are .*; today's are"),
    (lambda result: result["task"].update(version=99), "the result is about food101.dish@99"),
    (lambda result: result["task"].update(fingerprint="sha256:00"), "fingerprint of questions .* is sha256:00; with"),
    (lambda result: result["task"].update(prompt_fingerprint="x"), "its prompt fingerprint is x; today's is sha256:"),
    (lambda result: result["dataset"].update(fingerprint="x"), "its dataset fingerprint is x; with the data here"),
    (lambda result: result["dataset"].update(split="train"), "its split is train; today's is test"),
    (lambda result: result["model"].update(identity="gpt"), "the result is of the model gpt"),
    (lambda result: result.update(limit=24), r"only a part was asked \(--limit 24\)"),
    (lambda result: result["task"].update(control="blank-image"), "--control blank-image"),
    (lambda result: result["dataset"].update(missing=3), r"3 records of the split were not there \(a partial copy\)"),
    (lambda result: result.update(n_missing=2), "2 answers were missing"),
    (lambda result: result.update(n=23), "counts 23 samples, ids.json names 24, and there are 24"),
    (lambda result: result.update(usage={"cost": -1.0}), "time or usage is negative"),
    (lambda result: result.update(surprise=1), "result.json: surprise: unknown key"),
    (lambda result: result.update(schema_version=2), "schema version 2; this foodbench reads version 1"),
    (lambda result: result.update(parse_rate="1.0"), "parse_rate: .*number"),
]


@pytest.mark.parametrize(("change", "message"), TAMPERED, ids=[message[:40] for _, message in TAMPERED])
def test_a_changed_result_is_refused(run: Path, submission: Path, change: Any, message: str) -> None:
    for folder in (run, submission):
        edit_json(folder / DISH / "result.json", change)
    error = refusal(prepare_run(run))
    assert error.exit_code == 2
    assert re.search(message, error.message), error.message
    sealed_again = refusal(check_folder(reseal(submission)))
    assert re.search(message, sealed_again.message), sealed_again.message


def test_a_changed_file_is_told_by_its_digest(submission: Path) -> None:
    edit_json(submission / DISH / "result.json", set_metric)
    with pytest.raises(SubmissionRefused, match=r"food101.dish@1/result.json has the digest \w+; submission.json st"):
        check_folder(submission)


def test_a_changed_answer_is_refused(run: Path, submission: Path) -> None:
    def answer(lines: list[dict[str, Any]]) -> None:
        lines[0]["answer"] = "no idea at all"

    edit_samples(run / DISH, answer, digest=False)
    assert "samples_sha256 is stored as" in refusal(prepare_run(run)).message
    edit_samples(submission / DISH, answer, digest=True)
    error = refusal(check_folder(reseal(submission)))
    assert "1 sample of 24 do not follow from their answers" in error.message
    assert "and comes to" in error.message


def test_forged_scores_are_refused(submission: Path) -> None:
    def right(lines: list[dict[str, Any]]) -> None:
        for line in lines:
            line["values"]["correct"] = 1.0

    edit_samples(submission / DISH, right, digest=True)
    edit_json(submission / DISH / "result.json", lambda result: result["metrics"][0].update(value=100.0))
    error = refusal(check_folder(reseal(submission)))
    assert "values.correct is stored as 1.0, and comes to 0.0 from its answer" in error.message


def test_answers_to_other_pictures_are_refused(run: Path) -> None:
    def other(lines: list[dict[str, Any]]) -> None:
        lines[3]["key"] = "sha256:" + "0" * 64

    edit_samples(run / DISH, other, digest=True)
    assert "was given to another picture, question, setting or model" in refusal(prepare_run(run)).message


def test_coverage(run: Path) -> None:
    outcome = prepare_run(run)
    assert outcome.not_covered["uecfoodpix.refer1"] == "not asked"
    assert "food101.dish.adamllm" not in outcome.not_covered
    edit_json(
        run / "run.json",
        lambda plain: plain["tasks"].update({"vireo172.dish@1": {"status": "not_measured", "reason": "no dice"}}),
    )
    assert prepare_run(run).not_covered["vireo172.dish"] == "not measured: no dice"


def drop(*names: str) -> Change:
    def change(run: Path) -> None:
        for name in names:
            (run / name).unlink()

    return change


def fail(run: Path) -> None:
    edit_json(run / "run.json", lambda plain: plain["tasks"][DISH].update(status="failed", reason="out of memory"))


def ask_more(run: Path) -> None:
    edit_json(run / "run.json", lambda plain: plain["config"]["tasks"].update(value="food101.dish,vireo172.*"))


def journal(run: Path) -> None:
    (run / DISH / "answers.jsonl").write_text('{"key": "a", "answer": "b"}\n')


def unnote(run: Path) -> None:
    edit_json(run / "run.json", lambda plain: plain["tasks"].pop(DISH))


INCOMPLETE: list[tuple[Change, int, str]] = [
    (fail, 4, "food101.dish@1 failed: out of memory"),
    (ask_more, 4, "vireo172.dish was asked for and has not begun"),
    (journal, 4, "food101.dish@1 has not come to its end"),
    (unnote, 4, "food101.dish@1 has not come to its end"),
    (drop(f"{DISH}/result.json"), 2, "is complete in run.json, and its files are not there"),
    (drop(f"{DISH}/ids.json"), 2, "food101.dish@1/ids.json is missing"),
    (drop(f"{DISH}/samples.jsonl"), 2, "food101.dish@1/samples.jsonl.gz is missing"),
]


@pytest.mark.parametrize(("change", "code", "message"), INCOMPLETE, ids=[message[:50] for _, _, message in INCOMPLETE])
def test_an_incomplete_run_is_refused(run: Path, change: Change, code: int, message: str) -> None:
    change(run)
    outcome = prepare_run(run)
    assert outcome.exit_code == code
    assert any(message in error.message for error in outcome.errors), [error.message for error in outcome.errors]


def test_a_run_of_nothing(run: Path) -> None:
    for task in TASKS:
        shutil.rmtree(run / task)
    edit_json(run / "run.json", lambda plain: plain.update(tasks={}, config={}))
    with pytest.raises(RunIncomplete, match="no finished task"):
        prepare_run(run)


def test_an_earlier_version_beside_todays_is_left_out(run: Path, card: Path, tmp_path: Path) -> None:
    shutil.copytree(run / REFER, run / "foodseg103.refer1@1")
    edit_json(run / "foodseg103.refer1@1" / "result.json", lambda result: result["task"].update(version=1))
    edit_json(
        run / "run.json", lambda plain: plain["tasks"].update({"foodseg103.refer1@1": dict(plain["tasks"][REFER])})
    )
    outcome = prepare_run(run, card=card)
    assert (
        "foodseg103.refer1@1: of an earlier version; left out, a result of today's version is there." in outcome.notes
    )
    folder, _ = write(outcome, tmp_path / "out")
    assert not (folder / "foodseg103.refer1@1").exists()
    assert check_folder(folder).exit_code == 0


def test_an_earlier_version_alone_is_to_be_scored_again(run: Path) -> None:
    (run / REFER).rename(run / "foodseg103.refer1@1")
    edit_json(run / "foodseg103.refer1@1" / "result.json", lambda result: result["task"].update(version=1))
    edit_json(run / "run.json", lambda plain: plain["tasks"].update({"foodseg103.refer1@1": plain["tasks"].pop(REFER)}))
    error = refusal(prepare_run(run))
    assert "is of version 1; today's version is 2" in error.message
    assert "foodbench score" in error.hint


def test_another_kitchen_is_missing_data(run: Path, submission: Path) -> None:
    edit_json(submission / DISH / "result.json", lambda result: result["dataset"].update(variant="hard"))
    edit_json(run / DISH / "result.json", lambda result: result["dataset"].update(variant="hard"))
    for outcome in (prepare_run(run), check_folder(reseal(submission))):
        error = refusal(outcome)
        assert isinstance(error, DataMissing)
        assert outcome.exit_code == 5
        assert "it was asked of the kitchen edition 'hard'; here is 'seed 7" in error.message
        assert "FOODBENCH_KITCHEN" in error.hint


def as_real(folder: Path) -> None:
    """Pretend that the dish task was asked of the real dataset, which is not here."""
    edit_json(folder / DISH / "result.json", lambda result: result["dataset"].update(edition="real", variant=""))


def test_without_the_dataset_a_report_of_the_same_questions_is_compared_with(run: Path, tmp_path: Path) -> None:
    as_real(run)
    reports = tmp_path / "reports"
    outcome = prepare_run(run, reports=reports)
    assert outcome.exit_code == 5
    assert "cannot be checked here" in refusal(outcome).message
    shutil.copytree(run, reports / "somebody")
    outcome = prepare_run(run, reports=reports)
    assert outcome.exit_code == 0
    assert {each.name: each.level for each in outcome.tasks}[DISH] == "recomputed"
    assert any("the answers were not read again" in note for note in outcome.notes)
    edit_json(run / DISH / "result.json", set_metric)
    assert "is stored as 99.0, and comes to" in refusal(prepare_run(run, reports=reports)).message
    edit_json(reports / "somebody" / DISH / "result.json", lambda result: result["task"].update(fingerprint="x"))
    assert "in the report somebody it is x" in refusal(prepare_run(run, reports=reports)).message


def test_paths_of_a_machine_are_cut_and_credentials_refused(run: Path, card: Path, tmp_path: Path) -> None:
    def put(value: str, key: str = "checkpoint") -> None:
        edit_json(run / "run.json", lambda plain: plain["model"].update(args={key: value}))
        for task in TASKS:
            edit_json(run / task / "result.json", lambda result: result["model"].update(args={key: value}))

    put("/home/ann lee/secret project/foodlmm")
    outcome = prepare_run(run, card=card)
    assert outcome.errors == []
    assert any("a path of this machine was cut to its last part in model.args.checkpoint" in n for n in outcome.notes)
    folder, _ = write(outcome, tmp_path / "out")
    assert b"ann lee" not in b"".join(tree(folder).values())
    assert json.loads((folder / "run.json").read_text())["model"]["args"] == {"checkpoint": "foodlmm"}
    assert check_folder(folder).exit_code == 0
    edit_json(folder / "run.json", lambda plain: plain["model"]["args"].update(checkpoint="/home/ann/foodlmm"))
    with pytest.raises(SubmissionRefused, match=r"model.args.checkpoint holds a path of somebody's machine"):
        check_folder(reseal(folder))
    key = "sk-" + "a1" * 20
    put(key)
    with pytest.raises(SubmissionRefused, match="run.json: model.args.checkpoint looks like a credential") as caught:
        prepare_run(run)
    assert key not in str(caught.value)
    put("hunter2", "api_key")
    with pytest.raises(SubmissionRefused, match="run.json: model.args: api_key looks like a credential") as caught:
        prepare_run(run)
    assert "hunter2" not in str(caught.value)
    put("(hidden)", "api_key")  # what a run writes in its place
    assert prepare_run(run).errors == []


BAD_CARDS = [
    ("colour: red\n", "colour: unknown key"),
    ("url: http://example.org\n", "url: .*not an https:// address"),
    ("url: javascript:alert(1)\n", "url: .*not an https:// address"),
    ("url: https://user:pass@example.org\n", "card.yaml: url looks like a credential"),
    ("url: https://ann@example.org\n", "holds a user name or password"),
    ("url: 'https://example.org/\"><script>'\n", "characters that an address does not have"),
    ("summary: !!python/object/apply:os.system [ls]\n", "line 8: has the tag"),
    ("summary: &a x\n", "line 8: has an anchor or alias"),
    ("licence: MIT\n", "has a key twice"),
    ("summary: [\n", "not valid YAML"),
    ("summary: 12\n", "summary: .*valid string"),
    ('summary: "a \\u202E b"\n', r"summary holds the character U\+202E"),
    ('contact: "a\\nb"\n', "contact has more than one line"),
    ("schema_version: 2\n", "schema version 2"),
    ("notes: [x]\nsummary: {a: b}\n", "summary: .*valid string"),
    ("summary: 2024-99-99\n", "not valid YAML|valid string"),
]


@pytest.mark.parametrize(("more", "message"), BAD_CARDS, ids=[more.strip()[:30] for more, _ in BAD_CARDS])
def test_a_bad_card_is_refused(run: Path, tmp_path: Path, more: str, message: str) -> None:
    path = tmp_path / "card.yaml"
    path.write_text(CARD + more, encoding="utf-8")
    with pytest.raises(SubmissionRefused, match=message):
        prepare_run(run, card=path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("parameters: 0\n", "", "parameters: Field required"),
        ("parameters: 0", "parameters: true", "parameters: .*integer"),
        ("parameters: 0", "parameters: -1", "parameters: .*greater than or equal"),
        ('"*": none', "food101.dish: none", "overlap says nothing about foodseg103.refer1, nutrition5k.total"),
        ('"*": none', "food102.*: none", "Unknown task 'food102"),
        ("licence: Apache-2.0\n", "", "licence: Field required"),
        ("Test & Söhne", "''", "organisation: .*at least 1 character"),
    ],
)
def test_a_card_must_say_what_the_board_needs(run: Path, tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "card.yaml"
    assert old in CARD
    path.write_text(CARD.replace(old, new), encoding="utf-8")
    with pytest.raises(SubmissionRefused, match=message):
        prepare_run(run, card=path)


def test_reported_numbers(card: Path, tmp_path: Path) -> None:
    path = tmp_path / "numbers.yaml"
    path.write_text(REPORTED)
    outcome = prepare_reported(path, card=card)
    folder, new = write(outcome, tmp_path / "out")
    assert new
    assert set(tree(folder)) == {"card.yaml", "reported.yaml", "submission.json"}
    checked = check_folder(folder)
    assert (checked.kind, checked.exit_code) == ("reported", 0)
    assert [(each.name, each.level, each.metrics) for each in checked.tasks] == [
        ("food101.dish", None, 1),
        ("nutrition5k.total", None, 1),
    ]
    assert yaml.safe_load((folder / "reported.yaml").read_text())["numbers"][0]["value"] == 91.5


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("food101.dish", "food101.dsh", "Unknown task 'food101.dsh'"),
        ("metric: top1_accuracy", "metric: accuracy", "Unknown metric 'accuracy'"),
        ("91.5", "915", "top1_accuracy cannot be 915; it lies between 0 and 100 "),
        ("91.5", ".nan", "finite number"),
        ("91.5", "true", "valid number"),
        ("https://example.org/paper", "http://example.org", "not an https:// address"),
        ("26.1}", "26.1}\n  - {task: nutrition5k.total, metric: pmae.kcal, value: 1}", "pmae.kcal comes twice"),
        ("edition: real", "edition: both", "edition: .*'real' or 'kitchen'"),
        ("where: Table 1", "rank: 1", "rank: unknown key"),
    ],
)
def test_bad_numbers_are_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "numbers.yaml"
    assert old in REPORTED
    path.write_text(REPORTED.replace(old, new))
    with pytest.raises(SubmissionRefused, match=message):
        prepare_reported(path)


def test_names_of_folders() -> None:
    assert slug("Qwen2.5-VL 7B (LoRA)") == "qwen2.5-vl-7b-lora"
    assert slug("../../etc/passwd") == "etc-passwd"
    assert slug("Brötchen") == "brotchen"
    with pytest.raises(SubmissionRefused):
        slug("饭")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_the_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.engine.submission_killing", str(tmp_path / "kills")],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert len(report["kills"]) > 8, "a folder, four files, each under a name of its own first, and the last step"
    for kill in report["kills"]:
        assert kill["killed"]["there"] == kill["killed"]["whole"]
        assert kill["again"] == {"there": True, "whole": True, "others": False}
    assert report["whole"] == {"there": True, "whole": True, "others": False}
    assert not report["kills"][0]["killed"]["there"]
