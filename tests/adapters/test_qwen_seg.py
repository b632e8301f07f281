"""The adapter `qwen_seg`: a small random checkpoint run here, and one behind a real HTTP server."""

from __future__ import annotations

import base64
import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from endpoint_server import Received, Response, completion, serving
from PIL import Image

from foodbench.adapters.base import ask, batch_size_of, identity_of, received, usage_of
from foodbench.adapters.base import prepare as prepare_adapter
from foodbench.adapters.qwen_seg import QwenSeg
from foodbench.adapters.resolve import describe_models, load_adapter
from foodbench.core.errors import AdapterFailed, CheckpointError, DataMissing, UnsupportedTask, UsageError
from foodbench.core.types import Request
from foodbench.data.images import ImageFile
from foodbench.data.roots import DatasetChoice
from foodbench.metrics.masks import decode
from foodbench.models.qwen_seg import PAPER_PROMPT, SYSTEM, render, squash
from foodbench.tasks import TASKS
from tests.models.qwen_seg.tiny import GRID, write_qwen

POINTED = '<think>The rice is here.</think><answer>[{"bbox_2d": [0,0,28,56], "point_2d": [14,28]}]</answer>'


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_qwen(tmp_path_factory.mktemp("qwen"))


@pytest.fixture
def halves(tmp_path: Path) -> ImageFile:
    """A picture of 40 x 80 pixels, red on the left and blue on the right."""
    pixels = np.full((40, 80, 3), (20, 20, 200), np.uint8)
    pixels[:, :40] = (200, 20, 20)
    Image.fromarray(pixels).save(tmp_path / "halves.png")
    return ImageFile(tmp_path / "halves.png")


def asked(image: ImageFile, number: int = 0, question: str = "Where is the rice?", **slots: Any) -> Request:
    return Request("foodseg103.refer1", f"s{number}", image, question, slots, {"max_new_tokens": 64})


def test_it_is_listed_and_built_by_name(checkpoint: Path) -> None:
    assert "qwen_seg" in [info.name for info in describe_models()]
    adapter = load_adapter(f"qwen_seg:{checkpoint}", {"device": "cpu", "batch_size": "5"})
    assert isinstance(adapter, QwenSeg)
    assert batch_size_of(adapter, 99) == 5
    assert load_adapter("qwen_seg", {"pretrained": str(checkpoint), "device": "cpu"})
    assert not adapter.answers_singly


def test_a_random_model_answers_every_question_and_is_counted(checkpoint: Path, halves: ImageFile, photo: Path) -> None:
    adapter = QwenSeg(checkpoint, device="cpu", batch_size=2)
    requests = [asked(image, number) for number, image in enumerate([halves, ImageFile(photo), halves])]
    answers = ask(adapter, requests)
    assert len(answers) == 3
    assert [answer.masks for answer in answers] == [()] * 3
    assert usage_of(adapter) == {"unparsed": 3, "references": 0, "references_refused": 0, "segmenter_failures": 0}
    together = QwenSeg(checkpoint, device="cpu")
    assert [answer.text for answer in ask(together, requests)] == [answer.text for answer in answers]
    assert adapter.answer([]) == []


def test_what_the_model_writes_is_drawn(checkpoint: Path, halves: ImageFile, monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = QwenSeg(checkpoint, device="cpu")
    seen: list[Any] = []
    monkeypatch.setattr(adapter._source._loaded, "answer", lambda batch: seen.extend(batch) or [POINTED] * len(batch))
    history = [["What is it?", "The rice is masked as [SEG1], egg as [SEG2]."]]
    answers = ask(adapter, [asked(halves), asked(halves, 1, "flat text", history=history, turn="And the rice?")])
    for answer in answers:
        drawn = decode(answer.masks[0])
        assert answer.masks[0].label == "rice"
        assert drawn.shape == (40, 80)
        assert drawn[:, :40].mean() > 0.9
        assert drawn[:, 45:].sum() == 0
    assert (seen[0].question, seen[0].history) == ("Where is the rice?", ())
    assert seen[1].question == "And the rice?"
    assert seen[1].history == (("What is it?", "The rice is masked as, egg as."),)
    assert seen[0].picture == seen[1].picture


def test_memory_that_does_not_suffice_halves_the_batch(
    checkpoint: Path, halves: ImageFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def narrow(batch: Any) -> list[str]:
        if len(batch) > 2:
            raise torch.OutOfMemoryError("full")
        return [POINTED] * len(batch)

    adapter = QwenSeg(checkpoint, device="cpu")
    monkeypatch.setattr(adapter._source._loaded, "answer", narrow)
    assert len(ask(adapter, [asked(halves, number) for number in range(5)])) == 5
    assert adapter.batch_size == 2
    fixed = QwenSeg(checkpoint, device="cpu", batch_size=4)
    monkeypatch.setattr(fixed._source._loaded, "answer", narrow)
    with pytest.raises(AdapterFailed, match="OutOfMemoryError"):
        ask(fixed, [asked(halves, number) for number in range(4)])


def test_tasks_without_masks_are_not_measured(checkpoint: Path) -> None:
    adapter = QwenSeg(checkpoint, device="cpu")
    choice = DatasetChoice("foodseg103", "kitchen", Path("nowhere"), False)
    for name in ("foodseg103.refer1", "foodseg103.absent1", "foodreasonseg.single", "foodreasonseg.dialogue"):
        prepare_adapter(adapter, TASKS.get(name), choice)
    for name in ("food101.dish", "nutrition5k.total"):
        with pytest.raises(UnsupportedTask, match="only points at things"):
            prepare_adapter(adapter, TASKS.get(name), choice)
    with pytest.raises(UnsupportedTask, match="no way to do that"):
        prepare_adapter(adapter, TASKS.get("foodseg103.refer1.teacher_forced"), choice)


def test_identity_names_everything_that_changes_answers(checkpoint: Path, tmp_path: Path) -> None:
    plain = QwenSeg(checkpoint, device="cpu")
    copied = Path(shutil.copytree(checkpoint, tmp_path / "copy"))
    assert identity_of(QwenSeg(copied, device="cpu", batch_size=3)) == identity_of(plain)
    (copied / "chat_template.jinja").write_text((copied / "chat_template.jinja").read_text() + "\n")
    others = [
        QwenSeg(copied, device="cpu"),
        QwenSeg(checkpoint, device="cpu", dtype="bf16"),
        QwenSeg(checkpoint, device="cpu", max_new_tokens=7),
        QwenSeg(checkpoint, device="cpu", segmenter=f"py:{Boxes.__module__}:Boxes"),
    ]
    assert len({adapter.identity for adapter in [plain, *others]}) == 5
    assert plain.identity.endswith(":colour")


class Boxes:
    def segment(self, image: Any, references: Any) -> Any:
        return [np.ones((image.height, image.width), bool) for _ in references]


def test_weights_are_loaded_with_the_first_question(checkpoint: Path, halves: ImageFile, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(checkpoint, tmp_path / "copy"))
    adapter = QwenSeg(copied, device="cpu")
    (copied / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"no model\.safetensors"):
        ask(adapter, [asked(halves)])


def test_a_missing_picture_is_the_data_s_error(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(DataMissing):
        ask(QwenSeg(checkpoint, device="cpu"), [asked(ImageFile(tmp_path / "none.jpg"))])


def test_bad_arguments_are_usage_errors(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="No checkpoint folder"):
        QwenSeg(tmp_path / "nowhere")
    settings: list[dict[str, Any]] = [
        {"device": "abacus"},
        {"dtype": "float3"},
        {"batch_size": 0},
        {"batch_size": True},
        {"max_new_tokens": 0},
        {"segmenter": "crayons"},
        {"pretrained": "other"},
        {"served_model": "m"},
    ]
    for each in settings:
        with pytest.raises(UsageError):
            QwenSeg(checkpoint, **each)


def chat_of(got: Received) -> list[dict[str, Any]]:
    return got.body["messages"]


def sent_picture(got: Received) -> Image.Image:
    url = chat_of(got)[1]["content"][0]["image_url"]["url"]
    kind, _, data = url.partition(",")
    assert kind == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(data)))


@pytest.mark.usefixtures("endpoint_key")
def test_a_served_model_is_shown_the_same_chat_and_picture(checkpoint: Path, halves: ImageFile) -> None:
    with serving(lambda _: completion(POINTED)) as server:
        adapter = load_adapter(
            f"qwen_seg:{checkpoint}", {"server": server.url, "served_model": "mine", "device": "cpu"}
        )
        history = [["What is it?", "The rice is masked as [SEG1]."]]
        answers = ask(adapter, [asked(halves), asked(halves, 1, history=history, turn="And the rice?")])
    assert all(decode(answer.masks[0])[:, :40].mean() > 0.9 for answer in answers)
    first, second = sorted(server.received, key=lambda got: len(chat_of(got)))
    assert first.body["model"] == "mine"
    assert (first.body["temperature"], first.body["max_tokens"]) == (0, 12)
    system, user = chat_of(first)
    assert system == {"role": "system", "content": SYSTEM}
    assert user["content"][1]["text"] == 'Please find "Where is the rice" with bboxs and points.'
    picture = sent_picture(first)
    assert picture.size == (GRID, GRID)
    assert (np.asarray(picture) == np.asarray(squash(halves.open(), GRID))).all()
    assert [message["role"] for message in chat_of(second)] == ["system", "user", "assistant", "user"]
    assert chat_of(second)[2]["content"] == "The rice is masked as."
    usage = usage_of(adapter) or {}
    assert (usage["requests"], usage["references"], usage["unparsed"]) == (2, 2, 0)
    assert getattr(adapter, "answers_singly", False)
    assert "mine@127.0.0.1" in identity_of(adapter)


@pytest.mark.usefixtures("endpoint_key")
def test_a_repository_s_name_is_the_served_one_and_nothing_is_fetched(halves: ImageFile) -> None:
    with serving(lambda _: completion("[]")) as server:
        adapter = QwenSeg("Qwen/Qwen2.5-VL-3B-Instruct", server=server.url, segmenter="colour", device="cpu")
        ask(adapter, [asked(halves)])
    (got,) = server.received
    assert got.body["model"] == "Qwen/Qwen2.5-VL-3B-Instruct"
    assert got.body["max_tokens"] == 2000
    assert chat_of(got)[1]["content"][1]["text"] == render(PAPER_PROMPT, "Where is the rice?")
    assert sent_picture(got).size == (840, 840)


@pytest.mark.usefixtures("endpoint_key")
def test_answers_that_came_before_a_server_failed_are_drawn(checkpoint: Path, halves: ImageFile) -> None:
    def respond(got: Received) -> Response:
        refused = "tofu" in json.dumps(got.body)
        return Response({"error": {"message": "no tofu"}}, status=400) if refused else completion(POINTED)

    with serving(respond) as server:
        adapter = QwenSeg(checkpoint, server=server.url, served_model="m", concurrency=1, device="cpu")
        with pytest.raises(AdapterFailed, match="no tofu") as caught:
            ask(adapter, [asked(halves), asked(halves, 1, "Where is the tofu?"), asked(halves, 2)])
    came = received(caught.value)
    assert list(came) == ["s0"]
    assert decode(came["s0"].masks[0])[:, :40].mean() > 0.9


@pytest.mark.parametrize("failing", ["no json", "", POINTED[:-12], "x" * 1_000_000])
@pytest.mark.usefixtures("endpoint_key")
def test_nonsense_from_a_server_is_counted(checkpoint: Path, halves: ImageFile, failing: str) -> None:
    with serving(lambda _: completion(failing)) as server:
        adapter = QwenSeg(checkpoint, server=server.url, served_model="m", device="cpu")
        (answer,) = ask(adapter, [asked(halves)])
    assert answer.masks == ()
    assert (usage_of(adapter) or {})["unparsed"] == 1
