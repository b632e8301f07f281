"""Which tokens are learnt, for each family of models, against spans written down by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from baselines.adamllm.encoding import IGNORED, Collator, to_row
from baselines.adamllm.records import Conversation
from baselines.adamllm.training_settings import FormSettings
from foodbench.core.errors import DataCorrupt
from foodbench.models.adamllm.checkpoint import AskingSettings, load_model
from tests.baselines.adamllm.tiny_models import FAMILIES
from tests.baselines.adamllm.training_helpers import FORMS, post_like, seed_like

ENDS = {
    "qwen2_vl": ("<|im_end|>", "\n", "<|im_start|>user\n", "<|im_start|>assistant\n", "<|endoftext|>"),
    "llama": (
        "<|eot_id|>",
        "",
        "<|start_header_id|>user<|end_header_id|>\n\n",
        "<|start_header_id|>assistant<|end_header_id|>\n\n",
        "<|end_of_text|>",
    ),
}


@pytest.fixture(scope="module", params=list(FAMILIES))
def family(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Any]:
    folder = FAMILIES[request.param](tmp_path_factory.mktemp(request.param))
    return request.param, load_model(folder, AskingSettings(min_pixels=28 * 28, max_pixels=56 * 56))[1]


def collator(family: tuple[str, Any], **changes: Any) -> Collator:
    name, processor = family
    options = {"form": FORMS[name].form, "asking": AskingSettings(), "max_tokens": 4096, **changes}
    return Collator(processor, **options)


def learnt(processor: Any, labels: torch.Tensor) -> str:
    """The learnt text, unlearnt stretches as one bar each."""
    parts: list[str] = []
    for label in labels.tolist():
        if label == IGNORED:
            if not parts or parts[-1] != "¦":
                parts.append("¦")
        elif parts and parts[-1] != "¦" and isinstance(parts[-1], str):
            parts[-1] += processor.tokenizer.decode([label])
        else:
            parts.append(processor.tokenizer.decode([label]))
    return "".join(parts)


def test_a_synthesiser_learns_everything_after_the_caption_and_when_to_stop(
    family: tuple[str, Any], tmp_path: Path
) -> None:
    name, processor = family
    batch = collator(family)([seed_like(tmp_path, 3), seed_like(tmp_path, 4, (56, 28))])
    end, gap, user, assistant, stop = ENDS.get(name, ENDS["llama"])
    expected = (
        f"¦In brief.\nHow many?{end}{gap}{assistant}3{end}{gap}"
        f"{user}In detail.\nHow many?{end}{gap}{assistant}I count 3.{end}{gap}{stop}"
    )
    assert learnt(processor, batch["labels"][0]).rstrip("¦") == expected


def test_post_training_learns_answers_with_what_ends_them(family: tuple[str, Any], tmp_path: Path) -> None:
    name, processor = family
    batch = collator(family)([post_like(tmp_path, 7)])
    end = ENDS.get(name, ENDS["llama"])[0]
    assert learnt(processor, batch["labels"][0]).rstrip("¦") == f"¦Rice 7{end}¦It looks so.{end}"


def test_labels_are_the_tokens_themselves_and_padding_is_not_learnt(family: tuple[str, Any], tmp_path: Path) -> None:
    batch = collator(family)([post_like(tmp_path, 1, turns=1), post_like(tmp_path, 2)])
    known = batch["labels"] != IGNORED
    assert torch.equal(batch["labels"][known], batch["input_ids"][known])
    assert not known[batch["attention_mask"] == 0].any()
    assert (batch["attention_mask"].sum(1)[0]) < batch["input_ids"].shape[1]


def test_rows_give_the_same_batch_as_their_conversations(family: tuple[str, Any], tmp_path: Path) -> None:
    one = post_like(tmp_path, 5)
    mine = collator(family)
    first, second = mine([one]), mine([to_row(one)])
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_long_samples_are_cut_and_counted(family: tuple[str, Any], tmp_path: Path) -> None:
    whole = collator(family)([post_like(tmp_path, 1), post_like(tmp_path, 2, turns=1)])
    width = whole["input_ids"].shape[1]
    mine = collator(family, max_tokens=width - 5)
    batch = mine([post_like(tmp_path, 1), post_like(tmp_path, 2, turns=1)])
    assert batch["input_ids"].shape[1] == batch["labels"].shape[1] == width - 5
    assert mine.counts["cut"] == 1
    assert batch["pixel_values"].shape == whole["pixel_values"].shape


def test_a_format_of_another_family_is_refused(tmp_path: Path, family: tuple[str, Any]) -> None:
    name, _ = family
    foreign = FormSettings(name="llama3", picture="picture") if name == "qwen2_vl" else FormSettings(name="chatml")
    with pytest.raises((DataCorrupt, ValueError)):
        collator(family, form=foreign.form)([post_like(tmp_path, 1)])


def test_two_begins_are_written_where_training_had_two(tmp_path: Path) -> None:
    form = FORMS["llava_next"].form
    assert form.head.startswith("<|begin_of_text|><|begin_of_text|><|start_header_id|>system")
    assert "Be kind." in form.head
    assert FORMS["mllama"].form.head == "<|begin_of_text|>"


def test_a_damaged_picture_is_told(family: tuple[str, Any], tmp_path: Path) -> None:
    one = post_like(tmp_path, 1)
    one.image.path.write_bytes(b"no picture")
    with pytest.raises(DataCorrupt):
        collator(family)([Conversation(one.conversation_id, one.image, one.messages)])
