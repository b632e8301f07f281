"""Which tasks of two runs may be compared: what differs is named with both values, what is damaged is refused."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from foodbench.core.errors import DataCorrupt, DataMissing
from foodbench.runs import store
from foodbench.runs.pairs import TaskPair, Unpaired, paired_tasks, same_answer
from foodbench.tasks import TASKS
from tests.runs.gate_runs import DISH, VIREO, Line, dish_lines, flipped, sides, write_run

RIGHT = [index % 4 != 0 for index in range(40)]


def only(baseline: Path, candidate: Path, **options: Any) -> TaskPair | Unpaired:
    (found,) = paired_tasks(*sides(baseline, candidate), **options)
    return found


def pair_of(tmp_path: Path, old: list[Line], new: list[Line], **options: Any) -> TaskPair | Unpaired:
    baseline = write_run(tmp_path / "old", {DISH: old})
    return only(baseline, write_run(tmp_path / "new", {DISH: new}), **options)


def folder_of(run: Path) -> Path:
    return run / TASKS.get(DISH).versioned_name


def test_same_questions_are_paired_in_one_order(tmp_path: Path) -> None:
    lines = dish_lines(RIGHT)
    pair = pair_of(tmp_path, lines, list(reversed(flipped(lines, lost=3, won=1))))
    assert isinstance(pair, TaskPair)
    assert [each.score.sample_id for each in pair.baseline_samples] == sorted(line.sample_id for line in lines)
    assert [each.score.sample_id for each in pair.candidate_samples] == sorted(line.sample_id for line in lines)
    assert len(pair.changed) == 4
    assert not pair.identical
    assert pair.whole


def test_packed_samples_are_read_as_plain_ones(tmp_path: Path) -> None:
    lines = dish_lines(RIGHT)
    baseline = write_run(tmp_path / "report", {DISH: lines}, packed=True)
    pair = only(baseline, write_run(tmp_path / "run", {DISH: lines}))
    assert isinstance(pair, TaskPair)
    assert pair.identical


def set_(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(result: dict[str, Any]) -> None:
        *parents, last = path.split(".")
        for parent in parents:
            result = result[int(parent)] if isinstance(result, list) else result[parent]
        result[last] = value

    return change


@pytest.mark.parametrize(
    ("path", "value", "old", "new"),
    [
        ("task.fingerprint", "sha256:" + "b" * 64, None, "sha256:bbbbbbbbbbbb"),
        ("task.prompt_fingerprint", "sha256:" + "c" * 64, None, "sha256:cccccccccccc"),
        ("task.protocol", "loose", "strict", "loose"),
        ("task.control", "blank-image", "none", "blank-image"),
        ("dataset.fingerprint", "sha256:" + "d" * 64, None, "sha256:dddddddddddd"),
        ("dataset.edition", "real", "kitchen", "real"),
        ("dataset.variant", "hard", "none", "hard"),
        ("dataset.split", "train", "test", "train"),
        ("dataset.missing", 3, "0", "3"),
        ("limit", 40, "none", "40"),
        ("n_missing", 2, "0", "2"),
        ("metrics.0.unit", "", "%", "none"),
        ("metrics.0.higher_is_better", False, "True", "False"),
        ("metrics.0.signature", "v2", "none", "v2"),
        ("metrics.0.id", "top5_accuracy", "['top1_accuracy']", "['top5_accuracy']"),
    ],
)
def test_what_differs_is_named_with_both_values(
    tmp_path: Path, path: str, value: Any, old: str | None, new: str
) -> None:
    lines = dish_lines(RIGHT)
    baseline = write_run(tmp_path / "old", {DISH: lines})
    found = only(baseline, write_run(tmp_path / "new", {DISH: lines}, change=set_(path, value)))
    assert isinstance(found, Unpaired)
    assert found.kind == "not comparable"
    (mismatch,) = found.mismatches
    assert f"candidate {new}" in found.reason
    expected = str(mismatch.baseline)[:19] if old is None else old
    assert f"baseline {expected}" in found.reason
    assert mismatch.baseline != mismatch.candidate


def test_other_version_of_the_task(tmp_path: Path) -> None:
    lines = dish_lines(RIGHT)
    baseline = write_run(tmp_path / "old", {DISH: lines}, change=set_("task.version", 9))
    folder_of(baseline).rename(baseline / f"{DISH}@9")
    found = only(baseline, write_run(tmp_path / "new", {DISH: lines}))
    assert isinstance(found, Unpaired)
    assert "version of the task: baseline 9, candidate 1" in found.reason


def test_both_of_a_version_that_this_foodbench_has_not(tmp_path: Path) -> None:
    lines = dish_lines(RIGHT)
    runs = []
    for name in ("old", "new"):
        run = write_run(tmp_path / name, {DISH: lines}, change=set_("task.version", 9))
        folder_of(run).rename(run / f"{DISH}@9")
        runs.append(run)
    found = only(*runs)
    assert isinstance(found, Unpaired)
    assert "1 (of this foodbench)" in found.reason
    assert "9" in found.reason


def test_unknown_task_is_not_skipped(tmp_path: Path) -> None:
    runs = []
    for name in ("old", "new"):
        run = write_run(tmp_path / name, {DISH: dish_lines(RIGHT)}, change=set_("task.name", "gone.task"))
        folder_of(run).rename(run / "gone.task@1")
        (run / "run.json").write_text((run / "run.json").read_text().replace(DISH, "gone.task"))
        runs.append(run)
    found = only(*runs)
    assert isinstance(found, Unpaired)
    assert found.name == "gone.task"
    assert "no such task" in found.reason


def test_own_ids_are_counted_on_both_sides(tmp_path: Path) -> None:
    lines = dish_lines(RIGHT)
    renamed = [replace(line, sample_id=f"stew/{index}") if index < 3 else line for index, line in enumerate(lines)]
    baseline = write_run(tmp_path / "old", {DISH: lines})
    same = json.loads((folder_of(baseline) / "result.json").read_text())

    def claim(result: dict[str, Any]) -> None:
        result["task"], result["dataset"] = same["task"], same["dataset"]

    found = only(baseline, write_run(tmp_path / "new", {DISH: renamed}, change=claim))
    assert isinstance(found, Unpaired)
    assert "sample ids: baseline 3 (first: soup/00000), candidate 3 (first: stew/0)" in found.reason


def test_partly_overlapping_ids_need_intersect_and_95_percent(tmp_path: Path) -> None:
    lines = dish_lines([True] * 100)
    baseline = write_run(tmp_path / "old", {DISH: lines})
    most = write_run(tmp_path / "most", {DISH: lines[3:]})
    few = write_run(tmp_path / "few", {DISH: lines[6:]})
    refused = only(baseline, most)
    assert isinstance(refused, Unpaired)
    assert "number of samples: baseline 100, candidate 97" in refused.reason
    taken = only(baseline, most, intersect=True)
    assert isinstance(taken, TaskPair)
    assert len(taken.baseline_samples) == 97
    assert not taken.whole
    assert not taken.identical, "a part of the samples proves nothing about the rest"
    assert "only the 97 of 100 samples" in taken.notes[0]
    assert "3 (first: soup/00000) of the baseline" in taken.notes[0]
    too_few = only(baseline, few, intersect=True)
    assert isinstance(too_few, Unpaired)
    assert "94.0 % are in both" in too_few.reason


def test_clusters_must_be_the_same(tmp_path: Path) -> None:
    lines = dish_lines(RIGHT)
    moved = [replace(lines[0], cluster="elsewhere"), *lines[1:]]
    found = pair_of(tmp_path, lines, moved)
    assert isinstance(found, Unpaired)
    assert "cluster of sample 'soup/00000': baseline soup/00000, candidate elsewhere" in found.reason


def test_the_same_answer_scored_differently(tmp_path: Path) -> None:
    lines = dish_lines(RIGHT)
    found = pair_of(tmp_path, lines, [replace(lines[0], values={"correct": 1.0}), *lines[1:]])
    assert isinstance(found, Unpaired)
    assert "'correct' of the same answer to 'soup/00000'" in found.reason
    assert "baseline 0.0, candidate 1.0" in found.reason


def test_rounding_of_another_platform_is_no_difference(tmp_path: Path) -> None:
    lines = dish_lines([True] * 40)
    near = [replace(lines[0], values={"correct": 1.0, "extra": 0.3}), *lines[1:]]
    far = [replace(lines[0], values={"correct": 1.0, "extra": 0.1 + 0.2}), *lines[1:]]
    assert isinstance(pair_of(tmp_path, near, far), TaskPair)


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("soup", "soup", True),
        ("soup", "soap", False),
        (
            '{"foodbench_answer":1,"nutrition":{"kcal":197.52121}}',
            '{"foodbench_answer":1,"nutrition":{"kcal":197.52123}}',
            True,
        ),
        (
            '{"foodbench_answer":1,"nutrition":{"kcal":197.52}}',
            '{"foodbench_answer":1,"nutrition":{"kcal":197.53}}',
            False,
        ),
        ('{"foodbench_answer":1,"text":"1.0000000"}', '{"foodbench_answer":1,"text":"1.0000001"}', False),
        ('{"foodbench_answer":1,"masks":[]}', '{"foodbench_answer":1,"masks":[{}]}', False),
        ('{"foodbench_answer":1,"text":"a"}', '{"foodbench_answer":1,"text":"a","masks":[]}', False),
        ('{"foodbench_answer":1', '{"foodbench_answer":1 ', False),
        ('{"foodbench_answer":' + "[" * 100_000, '{"foodbench_answer":' + "[" * 100_001, False),
        ("197.521209", "197.521208", False),
    ],
)
def test_answers_that_say_the_same(old: str, new: str, same: bool) -> None:
    assert same_answer(old, new) is same


def test_declared_prompts_may_differ_in_that_way_only(tmp_path: Path) -> None:
    lines = dish_lines(RIGHT)
    baseline = write_run(tmp_path / "old", {DISH: lines})
    mine, other = TASKS.get(DISH).prompt_fingerprint, "sha256:" + "e" * 64

    def change(result: dict[str, Any]) -> None:
        result["task"]["prompt_fingerprint"] = other
        result["task"]["fingerprint"] = other

    candidate = write_run(tmp_path / "new", {DISH: lines}, change=change)
    assert isinstance(only(baseline, candidate), Unpaired)
    declared = only(baseline, candidate, declared={DISH: (mine, other)})
    assert isinstance(declared, TaskPair)
    assert "as the policy declares" in declared.notes[0]
    stale = only(baseline, candidate, declared={DISH: (mine, "sha256:" + "f" * 64)})
    assert isinstance(stale, Unpaired)
    assert "prompt fingerprint declared for the candidate" in stale.reason


# Tasks that one side lacks


def test_tasks_of_one_side_are_listed(tmp_path: Path) -> None:
    lines = dish_lines(RIGHT)
    baseline = write_run(tmp_path / "old", {DISH: lines})
    candidate = write_run(tmp_path / "new", {VIREO: lines})
    found = {each.name: each.kind for each in paired_tasks(*sides(baseline, candidate)) if isinstance(each, Unpaired)}
    assert found == {DISH: "gone", VIREO: "new"}


def test_unfinished_tasks_are_not_measured(tmp_path: Path) -> None:
    lines = dish_lines(RIGHT)
    baseline = write_run(tmp_path / "old", {DISH: lines, VIREO: lines})
    versioned = TASKS.get(VIREO).versioned_name
    status = {versioned: {"status": "failed", "reason": "the server is down"}}
    candidate = write_run(tmp_path / "new", {DISH: lines}, statuses=status)
    _, found = paired_tasks(*sides(baseline, candidate))
    assert isinstance(found, Unpaired)
    assert (found.kind, found.reason) == ("not measured", "candidate: failed: the server is down")
    (folder_of(candidate) / "result.json").unlink()
    begun = next(iter(paired_tasks(*sides(baseline, candidate))))
    assert isinstance(begun, Unpaired)
    assert begun.kind == "not measured"


def test_tasks_after_an_interruption_are_not_gone(tmp_path: Path) -> None:
    lines = dish_lines(RIGHT)
    baseline = write_run(tmp_path / "old", {DISH: lines, VIREO: lines})
    candidate = write_run(tmp_path / "new", {DISH: lines})
    (folder_of(candidate) / "result.json").unlink()
    found = {each.name: each.reason for each in paired_tasks(*sides(baseline, candidate)) if isinstance(each, Unpaired)}
    assert found[VIREO] == "candidate: the run was interrupted before it"


def test_an_empty_task_is_not_measured(tmp_path: Path) -> None:
    baseline = write_run(tmp_path / "old", {DISH: dish_lines(RIGHT)})
    found = only(baseline, write_run(tmp_path / "new", {DISH: []}))
    assert isinstance(found, Unpaired)
    assert found.kind == "not measured"
    assert "candidate: no sample" in found.reason


# Damage


def refused(tmp_path: Path, spoil: Callable[[Path], None]) -> str:
    baseline = write_run(tmp_path / "old", {DISH: dish_lines(RIGHT)})
    candidate = write_run(tmp_path / "new", {DISH: dish_lines(RIGHT)})
    spoil(folder_of(candidate))
    with pytest.raises(DataCorrupt) as caught:
        only(baseline, candidate)
    assert "new" in caught.value.message, "says which run"
    return caught.value.message


def edit(name: str, change: Callable[[str], str]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        (folder / name).write_text(change((folder / name).read_text()))

    return spoil


def test_samples_cut_in_the_middle_of_a_line(tmp_path: Path) -> None:
    assert "line 40 has no end" in refused(tmp_path, edit("samples.jsonl", lambda text: text[:-9]))


def test_samples_cut_at_the_end_of_a_line(tmp_path: Path) -> None:
    message = refused(tmp_path, edit("samples.jsonl", lambda text: "".join(text.splitlines(keepends=True)[:-2])))
    assert "holds 38 samples" in message
    assert "says 40" in message


def test_a_packed_file_that_is_cut_short(tmp_path: Path) -> None:
    def spoil(folder: Path) -> None:
        packed = gzip.compress((folder / "samples.jsonl").read_bytes())
        (folder / "samples.jsonl").unlink()
        (folder / "samples.jsonl.gz").write_bytes(packed[:-20])

    assert "samples.jsonl.gz" in refused(tmp_path, spoil)


def test_a_packed_file_larger_than_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MAX_SAMPLES_BYTES", 10_000)

    def spoil(folder: Path) -> None:
        (folder / "samples.jsonl").unlink()
        (folder / "samples.jsonl.gz").write_bytes(gzip.compress(b"0" * 10_001))

    assert "unpacks to more than 10,000 bytes" in refused(tmp_path, spoil)


def test_a_sample_that_comes_twice(tmp_path: Path) -> None:
    message = refused(tmp_path, edit("samples.jsonl", lambda text: text + text.splitlines(keepends=True)[0]))
    assert "'soup/00000' comes twice, in lines 1 and 41" in message


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_scores_that_are_no_numbers(tmp_path: Path, number: str) -> None:
    message = refused(
        tmp_path, edit("samples.jsonl", lambda text: text.replace('"correct": 1.0', f'"correct": {number}', 1))
    )
    assert "line 2" in message
    assert number in message


@pytest.mark.parametrize(
    ("found", "put", "told"),
    [
        ('"correct": 1.0', '"correct": 1e999', "'correct' is inf"),
        ('"correct": 1.0', '"correct": "1"', "'correct' is 1"),
        ('"parsed": true', '"parsed": 1', "'parsed' is 1"),
        ('"answer": "soup"', '"answer": null', "'answer' is null"),
        ('"cluster"', '"klaster"', "without 'cluster'"),
        ('{"sample_id"', '[{"sample_id"', "not valid JSON"),
        ('"seconds": 0.01', '"seconds": -1', "time"),
    ],
)
def test_lines_that_are_no_samples(tmp_path: Path, found: str, put: str, told: str) -> None:
    assert told in refused(tmp_path, edit("samples.jsonl", lambda text: text.replace(found, put, 1)))


def test_two_records_on_one_line(tmp_path: Path) -> None:
    message = refused(tmp_path, edit("samples.jsonl", lambda text: text.replace("}\n{", "},{", 1)))
    assert "line 1: not valid JSON" in message


def test_other_schema_version_names_both(tmp_path: Path) -> None:
    message = refused(
        tmp_path, edit("result.json", lambda text: text.replace('"schema_version": 1', '"schema_version": 7'))
    )
    assert "schema version 7" in message
    assert "reads version 1" in message


def test_baseline_of_another_schema_version(tmp_path: Path) -> None:
    baseline = write_run(tmp_path / "old", {DISH: dish_lines(RIGHT)})
    edit("run.json", lambda text: text.replace('"schema_version": 1', '"schema_version": 2'))(baseline)
    with pytest.raises(DataCorrupt, match=r"old.*schema version 2; this foodbench reads version 1"):
        sides(baseline, baseline)


def test_result_in_the_folder_of_another_task(tmp_path: Path) -> None:
    def spoil(folder: Path) -> None:
        folder.rename(folder.with_name(f"{DISH}@5"))

    assert f"is about {DISH}@1, its folder is called {DISH}@5" in refused(tmp_path, spoil)


def test_no_run_at_all(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataMissing):
        sides(tmp_path / "empty", tmp_path / "empty")
