"""Conversion of damaged, incomplete, hostile or simply other checkpoints: each is named, and nothing is left behind."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from tests.models.conversion import edit, refused, run, state_of
from tests.models.released_layout import HEADS, ReleasedCheckpoint, write_shards

BAD_STATES: dict[str, tuple[Callable[[dict[str, torch.Tensor]], Any], str, str]] = {
    "missing": (
        lambda state: state.pop("model.visual_model.mask_decoder.iou_token.weight"),
        r"1 key missing: model\.visual_model\.mask_decoder\.iou_token\.weight",
        "complete",
    ),
    "no heads": (
        lambda state: [state.pop(key) for key in list(state) if key.split(".")[0] in HEADS],
        "20 keys missing: mass_head.weight, .* and 16 more",
        "complete",
    ),
    "extra": (lambda state: state.update({"model.extra": torch.ones(2)}), r"1 key unknown: model\.extra", "complete"),
    "one layer too many": (
        lambda state: state.update({"model.layers.2.mlp.up_proj.weight": torch.ones(72, 40)}),
        "1 key unknown: .*layers.2",
        "complete",
    ),
    "lora": (
        lambda state: state.update({"model.layers.0.self_attn.q_proj.lora_A.weight": torch.ones(2)}),
        "lora_A",
        "Merge the LoRA weights",
    ),
    "shape": (
        lambda state: state.update({"lm_head.weight": torch.ones(40, 459)}),
        r"lm_head\.weight \(40, 459\) instead of \(459, 40\)",
        "complete",
    ),
    "type": (
        lambda state: state.update({"fat_head.bias": torch.ones(1, dtype=torch.int64)}),
        r"fat_head\.bias \(torch\.int64\)",
        "complete",
    ),
}


@pytest.mark.parametrize("fault", BAD_STATES)
def test_weights_that_do_not_fit(broken: ReleasedCheckpoint, fault: str) -> None:
    change, message, hint = BAD_STATES[fault]
    state = state_of(broken)
    change(state)
    write_shards(broken.folder, state)
    refused(broken, message, hint=hint)


def test_all_misfits_are_told_at_once(broken: ReleasedCheckpoint) -> None:
    state = state_of(broken)
    del state["model.norm.weight"]
    state["x"] = torch.ones(1)
    state["mass_head.bias"] = torch.ones(2)
    write_shards(broken.folder, state)
    refused(broken, r"1 key missing: model\.norm\.weight; 1 key unknown: x; 1 key of another shape: mass_head\.bias")


SHARD = "pytorch_model-00002-of-00002.bin"


def test_absent_shard(broken: ReleasedCheckpoint) -> None:
    (broken.folder / SHARD).unlink()
    refused(broken, f"lacks 1 of 2 shards: {SHARD}", hint="Fetch")


def test_absent_index(broken: ReleasedCheckpoint) -> None:
    (broken.folder / "pytorch_model.bin.index.json").unlink()
    refused(broken, "no index of its shards", hint="index.json")


def test_no_weights(broken: ReleasedCheckpoint) -> None:
    for path in broken.folder.glob("pytorch_model*"):
        path.unlink()
    refused(broken, "has no weights")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.9999])
def test_truncated_shard(broken: ReleasedCheckpoint, share: float) -> None:
    path = broken.folder / SHARD
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    refused(broken, SHARD)


def test_shard_with_a_piece_missing_in_the_middle(broken: ReleasedCheckpoint) -> None:
    path = broken.folder / SHARD
    content = path.read_bytes()
    path.write_bytes(content[:2000] + content[60_000:])
    refused(broken, SHARD)


def test_git_lfs_pointer(broken: ReleasedCheckpoint) -> None:
    (broken.folder / SHARD).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4\n")
    refused(broken, "Git LFS pointer", hint="git lfs pull")


def test_shard_from_an_old_torch(broken: ReleasedCheckpoint) -> None:
    torch.save({"a": torch.ones(2)}, broken.folder / SHARD, _use_new_zipfile_serialization=False)
    refused(broken, "mapped into memory", hint="torch before 1.6")


class _Command:
    """Unpickling this would run a command."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (str(self.marker),))


def test_a_pickle_that_wants_code_runs_none(broken: ReleasedCheckpoint, tmp_path: Path) -> None:
    torch.save({"a": torch.ones(2), "b": _Command(tmp_path / "marker")}, broken.folder / SHARD)
    refused(broken, "wants to run code .*posix.mkdir", hint="Do not use this checkpoint")
    assert not (tmp_path / "marker").exists()


def test_a_file_that_holds_no_tensors(broken: ReleasedCheckpoint) -> None:
    torch.save({"epoch": 3}, broken.folder / SHARD)
    refused(broken, "something else than a dense tensor under 'epoch'")
    torch.save([torch.ones(2)], broken.folder / SHARD)
    refused(broken, "no table of tensors")


@pytest.mark.parametrize("name", ["../stolen.bin", "/etc/stolen.bin", "a/b.bin", "a\\b.bin", "..", "", "notes.txt", 3])
def test_an_index_must_not_lead_out_of_its_folder(broken: ReleasedCheckpoint, name: Any) -> None:
    index = broken.folder / "pytorch_model.bin.index.json"
    content = json.loads(index.read_text())
    shutil.copy(broken.folder / SHARD, broken.folder.parent / "stolen.bin")
    content["weight_map"] = {key: name if file == SHARD else file for key, file in content["weight_map"].items()}
    index.write_text(json.dumps(content))
    refused(broken, "not the name of a weight file in its folder", hint="Do not use")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"weight_map": {}}', '{"weight_map": []}', "[" * 100_000])
def test_damaged_index(broken: ReleasedCheckpoint, content: str) -> None:
    (broken.folder / "pytorch_model.bin.index.json").write_text(content)
    refused(broken, "pytorch_model.bin.index.json")


def test_index_and_shards_of_different_checkpoints(broken: ReleasedCheckpoint) -> None:
    index = broken.folder / "pytorch_model.bin.index.json"
    weight_map = json.loads(index.read_text())["weight_map"]
    index.write_text(json.dumps({"weight_map": {**weight_map, "model.more": SHARD}}))
    refused(broken, "does not hold 'model.more'")
    del weight_map["lm_head.weight"]
    index.write_text(json.dumps({"weight_map": weight_map}))
    refused(broken, "holds 'lm_head.weight', which")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9999])
def test_truncated_safetensors(broken: ReleasedCheckpoint, share: float) -> None:
    path = broken.folder / "model.safetensors"
    save_file({key: value.clone() for key, value in state_of(broken).items()}, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    refused(broken, r"Cannot read .*model\.safetensors")


def test_released_weights_as_safetensors(broken: ReleasedCheckpoint) -> None:
    expected = state_of(broken)
    save_file({key: value.clone() for key, value in expected.items()}, broken.folder / "model.safetensors")
    for path in broken.folder.glob("pytorch_model*"):
        path.unlink()
    model = run(broken, broken.folder.parent / "out", max_shard_size=50_000)
    assert torch.equal(model.lm_head.weight, expected["lm_head.weight"])


def test_tensors_that_share_their_memory(broken: ReleasedCheckpoint) -> None:
    state = state_of(broken)
    table = torch.randn(4, 40)
    state["model.norm.weight"], state["model.layers.0.input_layernorm.weight"] = table[1], table[1]
    state["model.layers.1.input_layernorm.weight"] = torch.randn(40, 3)[:, 1]
    for path in broken.folder.glob("pytorch_model*"):
        path.unlink()
    torch.save(state, broken.folder / "pytorch_model.bin")
    model = run(broken, broken.folder.parent / "out")
    assert torch.equal(model.model.language_model.norm.weight, table[1])
    assert torch.equal(model.model.language_model.layers[0].input_layernorm.weight, table[1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vocab_size": 458}, "a vocabulary of 458 is too small for the tokenizer's 459 tokens"),
        ({"vocab_size": 500}, r"embed_tokens\.weight \(459, 40\) instead of \(500, 40\)"),
        ({"model_type": "qwen2_vl"}, "model type is 'qwen2_vl'"),
        ({"model_type": "foodlmm"}, "converted already"),
        ({"mm_hidden_size": 1024}, "mm_hidden_size is 1024, not 24"),
        ({"out_dim": 512}, "out_dim is 512, not 32"),
        ({"mm_projector_type": "mlp2x_gelu"}, "mm_projector_type"),
        ({"tie_word_embeddings": True}, "tie_word_embeddings"),
        ({"hidden_size": "40"}, "hidden_size is '40'"),
        ({"hidden_size": 41}, "describes no model"),
        ({"num_attention_heads": 0}, "num_attention_heads is 0"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers is 1000000000"),
        ({"num_hidden_layers": True}, "num_hidden_layers is True"),
        ({"rms_norm_eps": "small"}, "describes no model"),
        ({"mm_vision_select_feature": "cls"}, "describes no model"),
        ({"mm_vision_select_layer": "last"}, "mm_vision_select_layer is 'last'"),
    ],
)
def test_configurations_of_other_models(broken: ReleasedCheckpoint, change: dict[str, Any], message: str) -> None:
    edit(broken.folder / "config.json", **change)
    refused(broken, message)


def test_tokenizer_of_another_checkpoint(broken: ReleasedCheckpoint, lisa: ReleasedCheckpoint) -> None:
    shutil.copy(lisa.folder / "added_tokens.json", broken.folder)
    refused(broken, "20 keys unknown")
    edit(broken.folder / "added_tokens.json", **{"[SEG]": "absent"})
    refused(broken, r"\[SEG\]")
    (broken.folder / "added_tokens.json").write_text("{}")
    refused(broken, "lacks")
    (broken.folder / "tokenizer.model").unlink()
    refused(broken, "tokenizer")


def test_numbers_of_tokens_with_a_gap(broken: ReleasedCheckpoint) -> None:
    added = json.loads((broken.folder / "added_tokens.json").read_text())
    renamed = {
        "[FAT7]" if token == "[FAT6]" else "[FAT6]" if token == "[FAT7]" else token: id_ for token, id_ in added.items()
    }
    (broken.folder / "added_tokens.json").write_text(json.dumps(renamed))
    refused(broken, r"\[FAT[67]\]")
