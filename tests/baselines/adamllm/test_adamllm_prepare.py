"""The commands one after the other: on a served model, and on the kitchen without any."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from jinja2 import Environment

from baselines.adamllm import rate, synthesise
from baselines.adamllm.asking import LocalModel
from baselines.adamllm.chat import FORMATS
from baselines.adamllm.domain import load_domain
from baselines.adamllm.intake import read_pairs
from baselines.adamllm.kitchen_data import true_accuracy
from baselines.adamllm.kitchen_meals import Meal
from baselines.adamllm.kitchen_tasks import draw_task
from baselines.adamllm.ledger import Ledger
from baselines.adamllm.prepare import main, read_verdicts
from baselines.adamllm.records import Triplet
from baselines.adamllm.wire import WIRES
from foodbench.core.types import Request
from tests.adapters.endpoint_server import FakeServer, Received, Response, completion
from tests.baselines.adamllm.conftest import caption_of, writes
from tests.conftest import REPOSITORY

Playing = Callable[[Callable[[Received], Response]], FakeServer]


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_from_pairs_to_samples_and_ratings(playing: Playing, folder: Path, tmp_path: Path) -> None:
    def respond(got: Received) -> Response:
        if len(got.body["messages"]) > 2:
            return completion("Yes" if "number 1" in got.body["messages"][-1]["content"] else "Open")
        caption = caption_of(got)
        if "number 5" in caption:
            return completion("no task today")
        return writes({"instruction": f"Which is it, {caption}?", "informative": "It shows.", "precise": "this"})

    server = playing(respond)
    with (folder / "pairs.jsonl").open("a") as stream:
        stream.write(json.dumps({"id": "p0", "image": "p0.png", "caption": "again"}) + "\n")
        stream.write(json.dumps({"id": "bad", "image": "p9.png", "caption": "gone"}) + "\n")
    pairs, told = ["--pairs", str(folder / "pairs.jsonl")], f"base_url={server.url},api_key_env=none"
    synthesis, filtered, out = (str(tmp_path / name) for name in ("synthesis", "filter", "samples"))
    for _ in range(2):
        assert main(["synthesise", *pairs, "--out", synthesis, "--model", "endpoint:m", "--model-args", told]) == 0
        judge = ["--judge", "endpoint:j", "--judge-args", told]
        assert main(["filter", "--synthesis", synthesis, "--out", filtered, *judge]) == 0
        assert main(["assemble", *pairs, "--synthesis", synthesis, "--filter", filtered, "--out", out]) == 0
    assert len(server.received) == 6 + 5
    assert len(lines(tmp_path / "synthesis" / "triplets.jsonl")) == 5
    assert [one["where"] for one in lines(tmp_path / "synthesis" / "unparsed.jsonl")] == ["p5"]
    assert [one["reason"] for one in lines(tmp_path / "synthesis" / "rejected_pairs.jsonl")] == [
        "duplicate_id",
        "missing_image",
    ]
    samples = lines(tmp_path / "samples" / "single.jsonl")
    assert sorted(len(one["parts"]) for one in samples) == [1, 1, 1, 1, 1, 2]  # type: ignore[arg-type]
    assert len(json.loads((tmp_path / "samples" / "single.sharegpt.json").read_text())) == 6
    drawing = ["draw", *pairs, "--synthesis", synthesis, "--filter", filtered, "--out", str(tmp_path / "rate")]
    assert rate.main(drawing) == 0
    items = str(tmp_path / "rate" / "items.jsonl")
    assert len(lines(Path(items))) == 1 + 5 + 1
    assert rate.main(["report", "--items", items, "--out", str(tmp_path / "rate")]) == 0
    assert json.loads((tmp_path / "rate" / "quality.json").read_text())["items"] == 7


def test_the_ablations_and_the_second_pipeline(folder: Path, tmp_path: Path) -> None:
    triplets = tmp_path / "synthesis" / "triplets.jsonl"
    triplets.parent.mkdir()
    task = {"instruction": "What?", "informative": "It shows.", "precise": "this"}
    triplets.write_text("".join(json.dumps({"id": f"p{number}", **task}) + "\n" for number in range(4)) + "damaged\n")
    settings = tmp_path / "settings.yaml"
    settings.write_text("pipeline: two_stage\nresponses: precise\nwithout_task: drop\n")
    common = ["assemble", "--pairs", str(folder / "pairs.jsonl"), "--settings", str(settings)]
    assert main([*common, "--synthesis", str(triplets.parent), "--out", str(tmp_path / "out")]) == 0
    assert len(lines(tmp_path / "out" / "captions.jsonl")) == 4
    assert len(lines(tmp_path / "out" / "tasks.jsonl")) == 4
    (tmp_path / "filter").mkdir()
    (tmp_path / "filter" / "verdicts.jsonl").write_text('{"id": "p0", "outcome": "consistent"}\n')
    filtered = ["--synthesis", str(triplets.parent), "--filter", str(tmp_path / "filter")]
    assert main([*common, *filtered, "--out", str(tmp_path / "out")]) == 2  # the filter is not finished
    settings.write_text("pipeline: three_stage\n")
    assert main([*common, "--synthesis", str(triplets.parent), "--out", str(tmp_path / "out")]) == 2


@pytest.mark.parametrize("arguments", ["nonsense", "base_url=http://127.0.0.1:9/v1,surprise=1"])
def test_wrong_arguments_are_told(folder: Path, tmp_path: Path, arguments: str) -> None:
    told = ["--model", "endpoint:m", "--model-args", arguments, "--out", str(tmp_path / "out")]
    assert main(["synthesise", "--pairs", str(folder / "pairs.jsonl"), *told]) == 2


def test_the_template_for_servers_is_written(tmp_path: Path) -> None:
    command = ["template", "--format", "chatml", "--out", str(tmp_path / "t.jinja"), "--system", "It's {{ so }}."]
    assert main(command) == 0
    assert "It's {{ so }}." in Environment().from_string((tmp_path / "t.jinja").read_text()).render(messages=[])
    assert "<|im_start|>user" in (tmp_path / "t.jinja").read_text()


def test_the_whole_pipeline_on_the_kitchen(kitchen: Path, tmp_path: Path) -> None:
    """A synthesiser in this process that is wrong every third time; the rules' judge finds it out."""
    data, form, wire = tmp_path / "data", FORMATS["chatml"], WIRES["own"]
    assert main(["kitchen", "--out", str(data), "--plates", "4", "--size", "64"]) == 0
    folders = json.loads((data / "folders.json").read_text())
    seed = ["seed", "--examples", str(data / "seed.jsonl"), "--images", folders["seed"]]
    assert main([*seed, "--out", str(tmp_path / "seed"), "--dev-share", "0"]) == 0
    assert len(lines(tmp_path / "seed" / "train.jsonl")) == 8
    pairs = read_pairs(data / "pairs.jsonl", Path(folders["pairs"])).kept
    meals = {pair.pair_id: meal for pair in pairs if (meal := Meal.from_facts(pair.facts)) is not None}
    assert len(meals) >= 18

    def generate(requests: Sequence[Request]) -> list[str]:
        import random

        written = []
        for request in requests:
            item = request.slots["item"]
            assert request.slots[synthesise.PROMPT].endswith(form.user)
            if item not in meals:
                written.append("garbled")
                continue
            _, triplet = draw_task(meals[item], random.Random(item))
            if sum(map(ord, item)) % 3 == 0:
                triplet = Triplet(triplet.instruction, triplet.informative, "nonsense")
            turns = [
                f"{wire.asked(kind, triplet.instruction)}{form.turn_end}\n{form.assistant}{getattr(triplet, kind)}"
                for kind in ("informative", "precise")
            ]
            written.append(f"{form.turn_end}\n{form.user}".join(turns) + form.turn_end + "\n" + form.text_end)
        return written

    out = tmp_path / "synthesis"
    settings = synthesise.SynthesisSettings("tuned", form, wire)
    with Ledger.opened(out / synthesise.REPLIES) as ledger:
        found = synthesise.synthesise(pairs, LocalModel(generate, "tiny"), ledger, load_domain("food"), settings)
    synthesise.save(found, out)
    assert len(found.triplets) == len(meals)
    assert {one.reason for one in found.unparsed} == {"truncated"}
    filtering = ["filter", "--synthesis", str(out), "--out", str(tmp_path / "filter"), "--judge", "kitchen-rules"]
    assert main(filtering) == 0
    verdicts = read_verdicts(tmp_path / "filter" / "verdicts.jsonl")
    kept = [name for name, one in verdicts.items() if one.verdict == "consistent"]
    before, after = (true_accuracy(dict(found.triplets), meals, names) for names in (None, kept))
    assert before["accuracy"] < 1
    assert after["accuracy"] == 1
    common = ["--pairs", str(data / "pairs.jsonl"), "--images", folders["pairs"], "--out", str(tmp_path / "out")]
    assert main(["assemble", *common, "--synthesis", str(out), "--filter", str(tmp_path / "filter")]) == 0
    counts = json.loads((tmp_path / "out" / "report.json").read_text())["counts"]
    assert counts["samples.single"] == len(pairs)
    assert counts["task.reasoned.forward"] == len(kept)
    assert main(["assemble", *common]) == 0  # rules instead of the synthesiser
    counts = json.loads((tmp_path / "out" / "report.json").read_text())["counts"]
    assert sum(count for name, count in counts.items() if name.startswith("task.rule.")) == len(pairs)


def test_the_commands_start_without_a_model_library() -> None:
    code = (
        "import sys, baselines.adamllm.prepare, baselines.adamllm.rate, baselines.adamllm.kitchen_data\n"
        "print(sorted({'torch', 'transformers', 'lmms_eval', 'pandas'} & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
