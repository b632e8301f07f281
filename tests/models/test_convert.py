"""Published checkpoints: the same model after conversion as before, and every kind of bad input named."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer

from foodbench.core.errors import CheckpointError, StorageFull, UsageError
from foodbench.models.foodlmm import FoodLMMConfig, FoodLMMForConditionalGeneration
from foodbench.models.foodlmm import convert as converting
from foodbench.models.foodlmm.convert import convert, main, make_plan, parse_size
from foodbench.models.foodlmm.released import (
    EXPECTED_COUNTS,
    counts_by_part,
    key_map,
    read_released_config,
    read_special_ids,
)
from foodbench.models.foodlmm.tokenization_legacy import LegacyLlamaTokenizer
from foodbench.models.foodlmm.tokens import HEADS
from tests.models.conversion import edit, load, refused, run, written
from tests.models.released_layout import (
    BASE_VOCABULARY,
    CLIP_SIDE,
    IMAGE,
    PATCHES,
    SAM_SIDE,
    ReleasedCheckpoint,
    sam_config,
    write_clip,
    write_released,
)

OURS = ("mass", "cal", "fat", "carb", "pro")
THEIRS = ("mass", "calorie", "fat", "carb", "protein")


def pixels(seed: int, side: int) -> torch.Tensor:
    return torch.randn(3, side, side, generator=torch.Generator().manual_seed(seed))


def inputs_for(checkpoint: ReleasedCheckpoint, prompt: list[int]) -> dict[str, torch.Tensor]:
    """A prompt with the released code's placeholder, as our model takes it."""
    place = prompt.index(IMAGE)
    ids = [*prompt[:place], *[checkpoint.added["<im_patch>"]] * PATCHES, *prompt[place + 1 :]]
    return {
        "input_ids": torch.tensor([ids]),
        "attention_mask": torch.ones(1, len(ids), dtype=torch.long),
        "pixel_values": pixels(1, CLIP_SIDE)[None],
        "sam_pixel_values": pixels(2, SAM_SIDE)[None],
    }


def prompt_of(checkpoint: ReleasedCheckpoint) -> list[int]:
    return [1, 40, 41, checkpoint.added["<im_start>"], IMAGE, checkpoint.added["<im_end>"], 50, 51, 60]


# ---- the same model


@torch.no_grad()
def test_foodlmm_computes_the_same_before_and_after(foodlmm: ReleasedCheckpoint, tmp_path: Path) -> None:
    model = run(foodlmm, tmp_path / "out", max_shard_size=60_000)
    added = foodlmm.added
    numbered = [added[token] for token in ("[SEG1]", "[MASS1]", "[CAL1]", "[SEG2]", "[SEG7]", "[FAT20]")]
    totals = [added[f"[{name}_TOTAL]"] for name in ("MASS", "CAL", "FAT", "CARB", "PRO")]
    # LISA's [SEG] draws as well, and has no number.
    plain = added["[SEG]"]
    answer = [70, *numbered[:3], 71, plain, 72, *numbered[3:], 80, *totals, added["[CARB2]"], 90, added["[PRO3]"]]
    prompt = prompt_of(foodlmm)
    inputs = inputs_for(foodlmm, prompt)

    before = foodlmm.model
    logits, prompts = before.run([*prompt, *answer], foodlmm.features(inputs["pixel_values"][0]))
    segments = [plain, *(added[f"[SEG{number}]"] for number in range(1, 21))]
    masks = before.model.visual_model(inputs["sam_pixel_values"][0], before.read([*prompt, *answer], prompts, segments))

    ids = torch.cat([inputs["input_ids"], torch.tensor([answer])], dim=1)
    after = model(input_ids=ids, pixel_values=inputs["pixel_values"])
    torch.testing.assert_close(after.logits[0], logits, rtol=1e-4, atol=1e-4)
    read = model.force_answers(**inputs, answer_ids=[answer])[0]
    assert [segment.number for segment in read.segments] == [1, 0, 2, 7]
    ours = torch.stack([segment.logits for segment in read.segments])
    # Masks of different tokens are different masks, or equality would say little.
    assert (masks[0] - masks[1]).abs().max() > 0.1
    torch.testing.assert_close(ours, masks, rtol=1e-4, atol=1e-4)

    wanted = [(head, total, number) for total in ("", "total_") for number, head in enumerate(OURS)]
    for head, total, number in wanted:
        tokens = [added[f"[{head.upper()}_TOTAL]"]] if total else [added[f"[{head.upper()}{n}]"] for n in range(1, 21)]
        expected = getattr(before, f"{total}{THEIRS[number]}_head")(before.read([*prompt, *answer], prompts, tokens))
        index = HEADS.index(f"{total}{head}")
        values = [reading.value for reading in read.nutrition if reading.head == index]
        torch.testing.assert_close(torch.tensor(values), expected[:, 0], rtol=1e-4, atol=1e-4)
        assert values


@torch.no_grad()
def test_lisa_computes_the_same_before_and_after(lisa: ReleasedCheckpoint, tmp_path: Path) -> None:
    model = run(lisa, tmp_path / "out")
    assert model.config.max_segments == 1
    assert model.config.nutrition_token_ids is None
    assert not any(name.startswith("heads.") for name in model.state_dict())
    segment = lisa.added["[SEG]"]
    answer = [70, 71, segment, 80, segment]
    prompt = prompt_of(lisa)
    inputs = inputs_for(lisa, prompt)
    logits, prompts = lisa.model.run([*prompt, *answer], lisa.features(inputs["pixel_values"][0]))
    read_out = lisa.model.read([*prompt, *answer], prompts, [segment])
    masks = lisa.model.model.visual_model(inputs["sam_pixel_values"][0], read_out)
    ids = torch.cat([inputs["input_ids"], torch.tensor([answer])], dim=1)
    after = model(input_ids=ids, pixel_values=inputs["pixel_values"])
    torch.testing.assert_close(after.logits[0], logits, rtol=1e-4, atol=1e-4)
    read = model.force_answers(**inputs, answer_ids=[answer])[0]
    assert [reading.number for reading in read.segments] == [1, 1]
    assert read.nutrition == ()
    torch.testing.assert_close(torch.stack([one.logits for one in read.segments]), masks, rtol=1e-4, atol=1e-4)
    assert model.generate_answers(**inputs, max_new_tokens=3)


@torch.no_grad()
def test_the_converted_sam_encodes_pictures_as_the_original_does(foodlmm: ReleasedCheckpoint, tmp_path: Path) -> None:
    model = run(foodlmm, tmp_path / "out")
    sam = foodlmm.model.model.visual_model
    image = pixels(3, SAM_SIDE)
    torch.testing.assert_close(model.encode_for_masks(image[None])[0], sam.image_encoder(image), rtol=1e-4, atol=1e-5)
    places = model.sam.get_image_wide_positional_embeddings()[0].flatten(1).T
    torch.testing.assert_close(places, sam.prompt_encoder.positions(), rtol=1e-5, atol=1e-5)
    code = sam.prompt_encoder.pe_layer.positional_encoding_gaussian_matrix
    assert torch.equal(model.sam.prompt_encoder.shared_embedding.positional_embedding, code)


def test_types_of_weights(tmp_path: Path) -> None:
    source = write_released(tmp_path, dtype=torch.bfloat16)
    tensors = {}
    for dtype in ("keep", "float32", "bfloat16"):
        run(source, tmp_path / dtype, dtype=dtype)
        tensors[dtype] = written(tmp_path / dtype)
    head, norm = "lm_head.weight", "model.vision_tower.pre_layrnorm.weight"
    released = source.model.lm_head.weight
    assert torch.equal(tensors["keep"][head], released)
    assert torch.equal(tensors["float32"][head], released.float())
    assert tensors["keep"][norm].dtype == torch.float32
    assert torch.equal(tensors["bfloat16"][norm], tensors["keep"][norm].bfloat16())
    assert {value.dtype for value in tensors["bfloat16"].values()} == {torch.bfloat16}
    assert {value.dtype for value in tensors["float32"].values()} == {torch.float32}
    assert [json.loads((tmp_path / name / "config.json").read_text())["dtype"] for name in ("keep", "float32")] == [
        "bfloat16",
        "float32",
    ]
    assert load(tmp_path / "keep", dtype="auto").lm_head.weight.dtype == torch.bfloat16


def test_files_are_the_same_each_time_and_no_larger_than_asked(foodlmm: ReleasedCheckpoint, tmp_path: Path) -> None:
    for name in ("one", "two"):
        run(foodlmm, tmp_path / name, max_shard_size=100_000)
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == sorted(path.name for path in (tmp_path / "two").iterdir())
    assert all((tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in files)
    shards = list((tmp_path / "one").glob("model-*.safetensors"))
    assert len(shards) > 3
    assert all(sum(value.nbytes for value in load_file(path).values()) <= 100_000 for path in shards)
    index = json.loads((tmp_path / "one" / "model.safetensors.index.json").read_text())
    assert index["metadata"]["total_size"] == sum(value.nbytes for value in written(tmp_path / "one").values())
    assert {*index["weight_map"].values()} == {path.name for path in shards}


def test_report_and_companions(foodlmm: ReleasedCheckpoint, tmp_path: Path) -> None:
    lines: list[str] = []
    out = tmp_path / "new" / "out"
    returned = convert(foodlmm.folder, out, vision_tower=foodlmm.vision, sam=sam_config(), tell=lines.append)
    report = json.loads((out / "conversion.json").read_text())
    assert report == returned
    dropped = [f"model.layers.{layer}.self_attn.rotary_emb.inv_freq" for layer in range(2)]
    assert report["dropped"] == dropped
    assert all(f"  {key}" in lines for key in dropped)
    assert set(report["source"]) == {path.name for path in foodlmm.folder.iterdir()}
    assert all(len(digest) == 64 for digest in report["source"].values())
    assert report["counts"]["SAM mask decoder"] == 120
    assert report["versions"]["torch"] == torch.__version__
    for name in ("tokenizer.model", "added_tokens.json", "special_tokens_map.json"):
        assert (out / name).read_bytes() == (foodlmm.folder / name).read_bytes()
    tokenizer = AutoTokenizer.from_pretrained(out)
    assert type(tokenizer) is LegacyLlamaTokenizer
    text = "the rice is masked as [SEG1], egg as [SEG2]."
    assert tokenizer(text).input_ids == LegacyLlamaTokenizer.from_pretrained(foodlmm.folder)(text).input_ids
    assert json.loads((out / "generation_config.json").read_text())["eos_token_id"] == 2
    processor = json.loads((out / "processor_config.json").read_text())
    assert (processor["image_processor"]["clip_size"], processor["image_processor"]["sam_size"]) == (28, 64)
    assert (processor["conversation"], processor["context"]) == ("foodlmm", 384)
    assert len({path.stat().st_mode for path in out.iterdir()}) == 1
    assert str(tmp_path) not in (out / "conversion.json").read_text()


# ---- configuration and names


def test_every_field_of_the_file_wins(foodlmm: ReleasedCheckpoint) -> None:
    released = read_released_config(foodlmm.folder)
    config = released.to_config(read_special_ids(foodlmm.folder), make_plan_vision(foodlmm), sam_config())
    language = config.text_config
    for name in ("hidden_size", "intermediate_size", "num_hidden_layers", "rms_norm_eps", "max_position_embeddings"):
        assert getattr(language, name) == released.raw[name]
    assert language.vocab_size == BASE_VOCABULARY + 129
    assert language.num_key_value_heads == 4
    assert config.vision_feature_layer == -3
    assert config.vision_feature_select_strategy == "default"
    assert (config.image_token_index, config.image_seq_length) == (BASE_VOCABULARY, PATCHES)
    assert config.segment_token_ids is not None
    assert config.segment_token_ids[:2] == [foodlmm.added["[SEG1]"], foodlmm.added["[SEG2]"]]
    assert config.projector_type == "linear"


def make_plan_vision(checkpoint: ReleasedCheckpoint) -> Any:
    return make_plan(checkpoint.folder, checkpoint.vision, sam_config()).config.vision_config


def test_what_the_file_lacks_is_the_papers(broken: ReleasedCheckpoint) -> None:
    names = ("hidden_size", "intermediate_size", "num_attention_heads", "num_hidden_layers", "rms_norm_eps")
    edit(broken.folder / "config.json", **dict.fromkeys((*names, "mm_hidden_size", "out_dim", "vocab_size"), "absent"))
    edit(broken.folder / "config.json", mm_vision_select_layer=None, rope_theta=5000.0)
    config = read_released_config(broken.folder).to_config(read_special_ids(broken.folder))
    assert (config.text_config.hidden_size, config.text_config.num_hidden_layers) == (4096, 32)
    assert config.vision_feature_layer == -2
    assert config.image_seq_length == 256
    assert config.sam_config.vision_config.hidden_size == 1280
    assert config.text_config.rope_parameters["rope_theta"] == 5000.0


@pytest.mark.parametrize(
    ("repository", "heads"), [("Yueha0/FoodLMM-Chat", True), ("xinlai/LISA-7B-v1-explanatory", False)]
)
def test_counts_and_shapes_of_the_published_files(repository: str, heads: bool) -> None:
    config = FoodLMMConfig.paper(vocab_size=32129 if heads else 32004)
    if not heads:
        config.nutrition_token_ids, config.nutrition_heads = None, False
        config.segment_token_ids, config.max_segments = [32003], 1
    with torch.device("meta"):
        shapes = {
            name: tuple(value.shape) for name, value in FoodLMMForConditionalGeneration(config).state_dict().items()
        }
    targets = key_map(shapes)
    assert counts_by_part(targets) == EXPECTED_COUNTS[repository]
    assert len(targets) == (911 if heads else 891)
    expected = {
        "model.embed_tokens.weight": (32129 if heads else 32004, 4096),
        "model.mm_projector.weight": (4096, 1024),
        "model.text_hidden_fcs.0.2.bias": (256,),
        "model.layers.31.mlp.down_proj.weight": (4096, 11008),
        "model.visual_model.image_encoder.blocks.7.attn.rel_pos_h": (127, 80),
        "model.visual_model.image_encoder.blocks.8.attn.rel_pos_h": (27, 80),
        "model.visual_model.prompt_encoder.pe_layer.positional_encoding_gaussian_matrix": (2, 128),
        "model.visual_model.mask_decoder.output_hypernetworks_mlps.3.layers.2.weight": (32, 256),
        "model.visual_model.mask_decoder.iou_prediction_head.layers.2.weight": (4, 256),
        **({"total_protein_head.weight": (1, 256), "calorie_head.bias": (1,)} if heads else {}),
    }
    assert {name: shapes[targets[name][0]] for name in expected} == expected
    twice = [released for released, ours in targets.items() if len(ours) == 2]
    assert twice == ["model.visual_model.prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"]


def test_a_model_without_heads_refuses_their_tokens() -> None:
    ids = [[1]] * 10
    with pytest.raises(ValueError, match="without nutrition heads"):
        FoodLMMConfig(max_segments=1, segment_token_ids=[5], nutrition_token_ids=ids, nutrition_heads=False)


@torch.no_grad()
def test_heads_round_as_published_only_where_asked(foodlmm: ReleasedCheckpoint, tmp_path: Path) -> None:
    model = run(foodlmm, tmp_path / "out")
    head = model.heads["total_cal"]
    head.weight.fill_(1.0)
    head.bias.fill_(0.0)
    prompt = torch.zeros(2, head.in_features)
    prompt[:, 0], prompt[0, 1], prompt[1, 1] = 512.0, 1.0, 3.0
    index = torch.full((2,), HEADS.index("total_cal"))
    assert model.predict_nutrition(prompt, index).tolist() == [513.0, 515.0]
    model.config.heads_dtype = "bfloat16"
    # Eight bits of significand: above 512 there are only multiples of 4.
    assert model.predict_nutrition(prompt, index).tolist() == [512.0, 516.0]


# ---- CLIP


@pytest.mark.parametrize("level", ["", "vision_model."])
@pytest.mark.parametrize("suffix", ["safetensors", "bin"])
def test_vision_towers_of_all_forms(foodlmm: ReleasedCheckpoint, tmp_path: Path, level: str, suffix: str) -> None:
    expected = written(foodlmm.vision)
    vision = {
        level + key.removeprefix("vision_model."): value.clone()
        for key, value in expected.items()
        if key.startswith("vision_model.")
    }
    vision[f"{level}embeddings.position_ids"] = torch.arange(PATCHES + 1)[None]
    folder = tmp_path / "tower"
    folder.mkdir()
    shutil.copy(foodlmm.vision / "config.json", folder)
    (folder / "preprocessor_config.json").write_text(json.dumps({"image_mean": [0.1, 0.2, 0.3]}))
    if suffix == "bin":
        torch.save(vision, folder / "pytorch_model.bin")
    else:
        save_file(vision, folder / "model.safetensors")
    report = convert(foodlmm.folder, tmp_path / "out", vision_tower=folder, sam=sam_config())
    assert report["vision_tower_dropped"] == 1
    name = "encoder.layers.1.mlp.fc1.weight"
    assert torch.equal(written(tmp_path / "out")[f"model.vision_tower.{name}"], expected[f"vision_model.{name}"])
    processor = json.loads((tmp_path / "out" / "processor_config.json").read_text())
    assert processor["image_processor"]["clip_mean"] == [0.1, 0.2, 0.3]


def test_without_a_vision_tower_the_error_says_where_it_is(broken: ReleasedCheckpoint) -> None:
    with pytest.raises(CheckpointError, match="no vision tower") as caught:
        convert(broken.folder, broken.folder.parent / "out", vision_tower=None, sam=sam_config())
    assert "hf download openai/clip-vit-large-patch14" in caught.value.hint
    refused(broken, "No folder .*nowhere", vision=broken.folder / "nowhere")
    refused(broken, "not a CLIP's", vision=broken.folder)


def test_an_incomplete_vision_tower(broken: ReleasedCheckpoint, tmp_path: Path) -> None:
    write_clip(tmp_path / "tower")
    tensors = written(tmp_path / "tower")
    del tensors["vision_model.pre_layrnorm.bias"]
    tensors["audio_model.weight"] = torch.ones(2)
    save_file(tensors, tmp_path / "tower" / "model.safetensors")
    refused(broken, r"pre_layrnorm\.bias.*1 key unknown: audio_model\.weight", vision=tmp_path / "tower")


# ---- all or nothing


def test_a_used_folder_is_refused(foodlmm: ReleasedCheckpoint, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    with pytest.raises(CheckpointError, match="there already"):
        convert(foodlmm.folder, out, vision_tower=foodlmm.vision, sam=sam_config())
    assert [path.name for path in out.iterdir()] == ["notes.txt"]
    (out / "notes.txt").unlink()
    run(foodlmm, out)
    with pytest.raises(CheckpointError, match="there already"):
        convert(foodlmm.folder, tmp_path / "out" / "config.json", vision_tower=foodlmm.vision, sam=sam_config())


@pytest.mark.parametrize(
    ("error", "raised"),
    [(OSError(28, "No space left on device"), StorageFull), (KeyboardInterrupt(), KeyboardInterrupt)],
)
def test_an_interrupted_conversion_leaves_nothing(
    foodlmm: ReleasedCheckpoint,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    raised: type[BaseException],
) -> None:
    calls = []

    def failing(tensors: Any, path: Path, metadata: Any) -> None:
        calls.append(path)
        if len(calls) == 3:
            raise error
        save_file(tensors, path, metadata)

    monkeypatch.setattr(converting, "save_file", failing)
    with pytest.raises(raised):
        run(foodlmm, tmp_path / "out", max_shard_size=100_000)
    assert list(tmp_path.iterdir()) == [] or [path.name for path in tmp_path.iterdir()] == ["home"]


def test_a_full_disk_is_told_before_the_work(
    foodlmm: ReleasedCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(converting.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(StorageFull, match="0.0 GB free"):
        run(foodlmm, tmp_path / "out")
    assert not (tmp_path / "out").exists()


# ---- command line


def test_command_line(foodlmm: ReleasedCheckpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--source", str(foodlmm.folder), "--out", str(tmp_path / "out"), "--max-shard-size", "1MB"]
    assert main(options, sam=sam_config()) == 2
    assert "--vision-tower" in capsys.readouterr().err
    # A small SAM is not the published one.
    assert main([*options, "--vision-tower", str(foodlmm.vision)]) == 2
    assert "out_dim" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    options += ["--vision-tower", str(foodlmm.vision), "--dtype", "bfloat16"]
    assert main(options, sam=sam_config()) == 0
    shown = capsys.readouterr().out
    assert "221 keys" in shown
    assert "rotary_emb.inv_freq" in shown
    assert load(tmp_path / "out", dtype="auto").lm_head.weight.dtype == torch.bfloat16


def test_sizes_and_types_in_words(foodlmm: ReleasedCheckpoint, tmp_path: Path) -> None:
    assert (parse_size("2GB"), parse_size("1.5 MiB"), parse_size("300"), parse_size("5kb")) == (
        2 * 10**9,
        1572864,
        300,
        5000,
    )
    for text in ("", "GB", "-1GB", "1TB", "2 G"):
        with pytest.raises(UsageError, match="not a size"):
            parse_size(text)
    for options in ({"dtype": "int8"}, {"max_shard_size": 0}):
        with pytest.raises(UsageError):
            convert(foodlmm.folder, tmp_path / "out", vision_tower=foodlmm.vision, sam=sam_config(), **options)


# ---- memory

_MEASURED = """
    import sys
    from pathlib import Path
    from foodbench.models.foodlmm.convert import convert, make_plan
    from tests.models.released_layout import sam_config

    def status(name):
        line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
        return int(line.split()[1]) * 1024

    source, vision, out = map(Path, sys.argv[1:])
    make_plan(source, vision, sam_config())
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    before = status("VmRSS")
    convert(source, out, vision_tower=vision, sam=sam_config(), max_shard_size=16_000_000, dtype=sys.argv[4])
    print(status("VmHWM") - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak of memory is read from Linux's /proc")
@pytest.mark.parametrize("dtype", ["keep", "bfloat16"])
def test_memory_is_a_fraction_of_the_weights(tmp_path: Path, dtype: str) -> None:
    source = write_released(tmp_path, hidden_size=640, intermediate_size=1728, num_hidden_layers=20)
    size = sum(path.stat().st_size for path in source.folder.glob("*.bin"))
    assert size > 390_000_000
    script = textwrap.dedent(_MEASURED).replace("sys.argv[1:]", "sys.argv[1:4]")
    done = subprocess.run(
        [sys.executable, "-c", script, str(source.folder), str(source.vision), str(tmp_path / "out"), dtype],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert int(done.stdout) < size / 5
