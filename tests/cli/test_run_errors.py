"""What can go wrong in a run: two clear lines, the right exit code, and nothing lost."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from foodbench.core.errors import StorageFull
from foodbench.tasks import TASKS, select
from tests.cli.stored_runs import Output

MODELS = "py:tests.engine.models_for_tests"


@pytest.fixture
def own_kitchen(small_kitchen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the small kitchen that a test may damage."""
    folder = tmp_path / "own-kitchen"
    shutil.copytree(small_kitchen, folder)
    monkeypatch.setenv("FOODBENCH_KITCHEN", str(folder))
    return folder


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["--model", "foodlmm", "--tasks", "food101.dihs"], "Unknown task 'food101.dihs'.", "food101.dish"),
        (["--model", "baseline:colur"], "Unknown model 'baseline:colur'.", "baseline:colour"),
        (["--model", "py:no.such:Model"], "no module named 'no'", "spelling"),
        (["--model", "baseline:mean", "--model-args", "sede=1"], "sede", ""),
        (["--model", "baseline:mean", "--model-args", "oops"], "'oops' is not key=value", "name=value"),
        (["--tasks", "all"], "Missing option", "foodbench run --help"),
        (["--model", "baseline:mean", "--limit", "0"], "--limit", "foodbench run --help"),
        (["--model", "baseline:mean", "--config", "no.toml"], "no.toml", "--config"),
        (["--model", "lmms:no_such_model"], "Unknown lmms-eval model", ""),
    ],
)
def test_wrong_usage(foodbench, kitchen: Path, arguments: list[str], message: str, hint: str) -> None:
    outcome = foodbench("run", *arguments)
    assert outcome.code == 2
    assert len(outcome.error) == 2, outcome.err
    assert message in outcome.error[0]
    assert hint in outcome.error[1]
    assert outcome.out == ""


def test_unknown_verb_is_suggested(foodbench) -> None:
    outcome = foodbench("rnu")
    assert outcome.code == 2
    assert outcome.error == ["error: Unknown command 'rnu'.", "hint: Did you mean run?"]


def test_truncated_image_stops_the_task_names_the_file_and_loses_nothing(foodbench, own_kitchen: Path) -> None:
    photo = sorted((own_kitchen / "food-101" / "images").rglob("*.jpg"))
    test_ids = set((own_kitchen / "food-101" / "meta" / "test.txt").read_text().split())
    victim = next(path for path in reversed(photo) if f"{path.parent.name}/{path.stem}" in test_ids)
    whole = victim.read_bytes()
    victim.write_bytes(whole[: len(whole) // 2])
    command = ["run", "--model", "baseline:colour", "--tasks", "food101.dish,nutrition5k.total", "--batch-size", "4"]
    outcome = foodbench(*command)
    assert outcome.code == 5
    assert len(outcome.error) == 2
    assert victim.name in outcome.error[0]
    assert "nutrition5k.total" in outcome.out, "the other task is measured all the same"
    (journal,) = Path(os.environ["FOODBENCH_RUNS"]).rglob("answers.jsonl")
    saved = len(journal.read_text().splitlines())
    assert saved >= 4
    victim.write_bytes(whole)
    mended = foodbench(*command)
    assert mended.code == 0
    assert f"{saved} answered before" in mended.err


def test_missing_image_is_refused_before_anything_runs(foodbench, own_kitchen: Path) -> None:
    test_ids = (own_kitchen / "food-101" / "meta" / "test.txt").read_text().split()
    (own_kitchen / "food-101" / "images" / f"{test_ids[3]}.jpg").unlink()
    outcome = foodbench("run", "--model", "baseline:majority", "--tasks", "food101.dish")
    assert outcome.code == 5
    assert test_ids[3] in outcome.error[0]
    assert len(outcome.error) == 2


def test_mask_of_another_size_is_refused(foodbench, own_kitchen: Path) -> None:
    mask = sorted((own_kitchen / "FoodSeg103" / "Images" / "ann_dir" / "test").glob("*.png"))[2]
    with Image.open(mask) as image:
        image.resize((image.width + 3, image.height)).save(mask)
    outcome = foodbench("run", "--model", "baseline:mean", "--tasks", "foodseg103.refer1")
    assert outcome.code == 5
    assert mask.name in outcome.error[0]
    assert "does not fit its photo" in outcome.error[0]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: "dish_id,total_calories,total_mass,total_fat,total_carb,total_protein\n" + text, "header"),
        (lambda text: "\n".join(line + ",,,," for line in text.splitlines()) + "\n", "padd"),
    ],
)
def test_spreadsheet_copies_of_the_dish_table_are_refused(foodbench, own_kitchen: Path, damage, message: str) -> None:
    table = own_kitchen / "nutrition5k_dataset" / "metadata" / "dish_metadata_cafe1.csv"
    table.write_text(damage(table.read_text()))
    outcome = foodbench("run", "--model", "baseline:mean", "--tasks", "nutrition5k.total")
    assert outcome.code == 5
    assert len(outcome.error) == 2
    assert message in outcome.err
    assert "dish_metadata_cafe1.csv" in outcome.error[0]


def test_adapter_that_raises_keeps_its_answers_and_continues(foodbench, kitchen: Path) -> None:
    command = ["run", "--model", f"{MODELS}:RaisesLate", "--tasks", "food101.dish"]
    outcome = foodbench(*command)
    assert outcome.code == 4
    assert "ValueError: out of luck" in outcome.error[0]
    (journal,) = Path(os.environ["FOODBENCH_RUNS"]).rglob("answers.jsonl")
    assert len(journal.read_text().splitlines()) == 8
    # The same command goes on where it stopped; two batches later it is unlucky again.
    assert foodbench(*command).code == 4
    assert len(journal.read_text().splitlines()) == 16
    assert foodbench(*command).code == 0


def test_adapter_that_returns_too_few_answers(foodbench, kitchen: Path) -> None:
    outcome = foodbench("run", "--model", f"{MODELS}:TooFew", "--tasks", "food101.dish")
    assert outcome.code == 4
    assert "3 answers to 4 requests" in outcome.error[0]
    assert len(outcome.error) == 2


def test_garbage_answers_are_wrong_answers(foodbench, kitchen: Path) -> None:
    outcome = foodbench("run", "--model", f"{MODELS}:Garbage", "--tasks", "all", "--json")
    assert outcome.code == 0, outcome.err
    results = {result["task"]["name"]: result for result in json.loads(outcome.out)["results"]}
    assert list(results) == select("all")
    unread = {name for name, result in results.items() if result["parse_rate"] < 1}
    many = {name for name, result in results.items() if result["n"] >= 8 and TASKS.get(name).answer_kind != "text"}
    assert many <= unread, "a few may happen to be readable, and any words are a text"
    assert results["foodseg103.refer1"]["metrics"][0]["value"] == 0


def test_full_disk_is_told_and_the_run_continues_when_there_is_room(
    foodbench, kitchen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from foodbench.core import files

    command = ["run", "--model", f"{MODELS}:Steady", "--tasks", "food101.dish"]
    write, journaled = files._write_all, []

    def full(descriptor: int, data: bytes) -> None:
        if Path(f"/proc/self/fd/{descriptor}").readlink().name == "answers.jsonl":
            journaled.append(data)
            if len(journaled) > 3:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(descriptor, data)

    with monkeypatch.context() as patch:
        patch.setattr(files, "_write_all", full)
        outcome = foodbench(*command)
    assert outcome.code == StorageFull.exit_code == 4
    assert "No space left on device" in outcome.error[0]
    again = foodbench(*command)
    assert again.code == 0
    assert "12 answered before" in again.err


def test_no_network_is_a_resumable_error(foodbench, kitchen: Path) -> None:
    # Port 9 (discard) of this machine refuses; a retry now and then must not take minutes.
    outcome = foodbench(
        "run", "--model", "endpoint:some-model", "--tasks", "food101.dish",
        "--model-args", "base_url=http://127.0.0.1:9/v1,retries=1",
    )  # fmt: skip
    assert outcome.code == 4
    assert "127.0.0.1:9" in outcome.error[0]
    assert "same command" in outcome.error[1]


def test_checkpoint_that_is_not_safetensors(foodbench, kitchen: Path, tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04pickle")
    (folder / "config.json").write_text("{}")
    outcome = foodbench("run", "--model", "foodlmm", "--model-args", f"checkpoint={folder}", "--tasks", "food101.dish")
    assert outcome.code == 2
    assert "foodbench.models.foodlmm.convert" in outcome.err
    assert len(outcome.error) == 2


def test_interrupt_says_how_to_continue(foodbench, kitchen: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.engine.models_for_tests import Steady

    def interrupted(self: Steady, requests: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Steady, "answer", interrupted)
    outcome = foodbench("run", "--model", f"{MODELS}:Steady", "--tasks", "food101.dish")
    assert outcome.code == 130
    assert "same command continues" in outcome.err


def test_missing_dataset_is_listed_for_all_and_an_error_when_required(foodbench, kitchen: Path) -> None:
    alone = foodbench("run", "--model", "baseline:mean", "--tasks", "nutrition5k.total", "--edition", "real")
    assert alone.code == 5
    assert "not registered" in alone.error[0]
    required = foodbench("run", "--model", "baseline:mean", "--edition", "real", "--require-all")
    assert required.code == 5


@pytest.mark.parametrize("arguments", [("data", "add", "food101"), ("score", "--task", "food101.dish")])
def test_a_path_that_is_too_long_is_no_crash(foodbench: Callable[..., Output], arguments: tuple[str, ...]) -> None:
    output = foodbench(*arguments, "/tmp/" + "long" * 2000)
    assert output.code == 2
    assert output.error
