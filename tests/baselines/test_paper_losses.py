"""The loss of the paper-size model, and the batches that it is made of, on a small model of the same layout."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import SamImageProcessor, SamModel

from baselines.foodlmm.paper import building
from baselines.foodlmm.paper.collating import IGNORED, Batch, Collator, ExampleUnusable
from baselines.foodlmm.paper.examples import Turn
from baselines.foodlmm.paper.losses import nutrition_loss, upsample
from foodbench.adapters.foodlmm import load_checkpoint
from foodbench.core.types import Mask
from foodbench.metrics.masks import decode
from foodbench.models.foodlmm.released import released_name
from tests.baselines import paper_reference
from tests.baselines.paper_model import SIZES, begun, example, examples, settings, unusable
from tests.models.released_layout import IMAGE, SAM_SIDE, ReleasedCheckpoint

HEAD_OF = {"MASS": "mass_head", "CAL": "calorie_head", "FAT": "fat_head", "CARB": "carb_head", "PRO": "protein_head"}


@contextmanager
def double_precision() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


def text_of(one: Any) -> str:
    """The conversation as the released code writes it, `<image>` included."""
    text = (
        "A chat between a curious human and an artificial intelligence assistant specialized in food and nutrition "
        "topics. The assistant gives helpful, detailed, and polite answers to the human's questions. "
    )
    for number, turn in enumerate(one.turns):
        picture = "<im_start><image><im_end>\n" if number == 0 else ""
        text += f"USER: {picture}{turn.question} ASSISTANT: {turn.answer}</s>"
    return text


def raw_ids(tokenizer: Any, text: str) -> list[int]:
    """Tokens with a start token; the picture is one of them."""
    parts = [tokenizer(part, add_special_tokens=False)["input_ids"] for part in text.split("<image>")]
    ids = [tokenizer.bos_token_id, *parts[0]]
    for part in parts[1:]:
        ids += [IMAGE, *part]
    return ids


def plain(one: Any, released: ReleasedCheckpoint, processor: Any) -> paper_reference.PlainExample:
    """An example for the reference."""
    tokenizer = processor.tokenizer
    text = text_of(one)
    ids = raw_ids(tokenizer, text)
    rounds = []
    for whole in text.split("</s>")[:-1]:
        opening = raw_ids(tokenizer, whole.split("ASSISTANT: ")[0] + "ASSISTANT: ")
        lone = tokenizer.convert_ids_to_tokens(opening[-1]) == "▁"
        rounds.append((len(opening) - lone, len(raw_ids(tokenizer, whole))))
    inputs = processor.image_processor([one.image.open()])
    names = {}
    for token, number in released.added.items():
        word = token.strip("[]").rstrip("0123456789")
        if word.removesuffix("_TOTAL") in HEAD_OF:
            names[number] = ("total_" if "TOTAL" in word else "") + HEAD_OF[word.removesuffix("_TOTAL")]
    heads = [names[token] for token in ids if token in names]
    return paper_reference.PlainExample(
        ids=ids,
        labels=paper_reference.released_labels(ids, rounds),
        features=released.features(inputs["pixel_values"][0]),
        pixels=inputs["sam_pixel_values"][0],
        inner=tuple(inputs["reshaped_input_sizes"][0].tolist()),
        masks=[torch.from_numpy(decode(mask)) for mask in one.masks],
        values=list(zip(heads, one.values, strict=True)),
        segment_ids=[number for token, number in released.added.items() if token.startswith("[SEG")],
        value_ids=list(names),
    )


def test_loss_and_gradient_equal_a_plain_reference(small: tuple[ReleasedCheckpoint, Path]) -> None:
    released, folder = small
    model, collator = begun(settings(folder))
    losses = model(collator(examples()))
    losses["total"].backward()

    with double_precision():
        reference = released.model.double()
        reference.zero_grad()
        processor = load_checkpoint(folder)[1]
        with torch.no_grad():
            torch.set_default_dtype(torch.float32)
            batch = [plain(one, released, processor) for one in examples()]
            torch.set_default_dtype(torch.float64)
        expected = paper_reference.losses(reference, batch, SAM_SIDE)
        sum(expected.values()).backward()
    theirs = {name: weight.grad for name, weight in reference.named_parameters()}
    assert all(grad is None or grad.dtype == torch.float64 for grad in theirs.values())
    reference.zero_grad()
    reference.float()

    for name, value in expected.items():
        assert value.item() > 0.1
        assert losses[name].item() == pytest.approx(value.item(), rel=1e-5), name
    assert losses["total"].item() == pytest.approx(sum(expected.values()).item(), rel=1e-5)
    compared = 0
    for name, weight in building.trainable(model.model).items():
        assert weight.grad is not None, name
        module, _, kind = name.rpartition(".lora_")
        if kind.startswith("A"):
            assert not weight.grad.any()  # what it feeds into begins at zero
            continue
        if kind.startswith("B"):
            down = model.model.get_parameter(f"{module}.lora_A.default.weight").detach().double()
            wanted = 3.0 * theirs[released_name(f"{module}.weight") or ""] @ down.T
        else:
            wanted = theirs[released_name(name) or ""]
            wanted = torch.zeros_like(weight).double() if wanted is None else wanted
        difference = (weight.grad.double() - wanted).abs().max()
        assert difference <= 1e-5 * max(1e-2, float(wanted.abs().max())), name
        compared += bool(wanted.any())
    assert compared > 80


def test_positions_predict_their_tokens_and_labels_are_answers(small: tuple[ReleasedCheckpoint, Path]) -> None:
    released, folder = small
    processor = load_checkpoint(folder)[1]
    batch = Collator(processor)(examples())
    added = {number: token for token, number in released.added.items()}
    pads = processor.tokenizer.pad_token_id
    for row, one in enumerate(examples()):
        expected = plain(one, released, processor)
        place = expected.ids.index(IMAGE)
        patches = [released.added["<im_patch>"]] * processor.image_seq_length
        ids = [*expected.ids[:place], *patches, *expected.ids[place + 1 :]]
        labels = [*expected.labels[:place], *[IGNORED] * len(patches), *expected.labels[place + 1 :]]
        assert batch.input_ids[row].tolist() == ids + [pads] * (batch.input_ids.shape[1] - len(ids))
        assert batch.labels[row].tolist() == labels + [IGNORED] * (batch.input_ids.shape[1] - len(ids))
    asked = [added[int(batch.input_ids[row, place + 1])] for _, row, place in batch.segments.tolist()]
    assert asked == ["[SEG1]", "[SEG2]", "[SEG1]"]
    read = [added[int(batch.input_ids[row, place + 1])] for row, place, _ in batch.values.tolist()]
    assert read == ["[MASS1]", "[CAL1]", "[MASS2]", "[CAL_TOTAL]", "[MASS_TOTAL]"]
    assert batch.values[:, 2].tolist() == [0, 1, 0, 6, 5]
    assert batch.segments[:, 0].tolist() == [0, 0, 1]
    assert [tuple(mask.shape) for mask in batch.masks] == [(2, *SIZES[0]), (1, *SIZES[1])]
    assert len(batch.sam_pixel_values) == 2
    assert batch.value_targets.tolist() == [31.5, 120.0, 8.25, 410.0, 97.0]


def test_padding_changes_nothing(small: tuple[ReleasedCheckpoint, Path]) -> None:
    model, collator = begun(settings(small[1]))
    alone = collator(examples()[1:2])
    wider = Batch(
        **{field: getattr(alone, field) for field in Batch.__dataclass_fields__}
        | {
            "input_ids": torch.nn.functional.pad(alone.input_ids, (0, 9)),
            "labels": torch.nn.functional.pad(alone.labels, (0, 9), value=IGNORED),
        }
    )
    assert {k: v.item() for k, v in model(alone).items()} == pytest.approx(
        {k: v.item() for k, v in model(wider).items()}, rel=1e-6
    )


def test_lisas_own_token_asks_for_a_mask(small: tuple[ReleasedCheckpoint, Path]) -> None:
    collator = Collator(load_checkpoint(small[1])[1])
    words = collator.encode(example(4, (9, 9), 1, (), ("what", "it is [SEG].")))
    assert words.ids[words.segments[0] + 1] == small[0].added["[SEG]"]


def test_mask_path_is_transformers_sam(small: tuple[ReleasedCheckpoint, Path]) -> None:
    foodlmm, _ = load_checkpoint(small[1])
    sam = SamModel(foodlmm.config.sam_config)
    sam.load_state_dict(foodlmm.sam.state_dict())
    generator = torch.Generator().manual_seed(2)
    channels = foodlmm.config.sam_config.mask_decoder_config.hidden_size
    pixels = torch.randn(1, 3, SAM_SIDE, SAM_SIDE, generator=generator)
    prompts = torch.randn(3, channels, generator=generator)
    with torch.no_grad():
        embeddings = sam.get_image_embeddings(pixels)
        grid = embeddings.shape[-1]
        expected, _ = sam.mask_decoder(
            image_embeddings=embeddings,
            image_positional_embeddings=sam.get_image_wide_positional_embeddings(),
            sparse_prompt_embeddings=prompts[None, :, None],
            dense_prompt_embeddings=sam.prompt_encoder.no_mask_embed.weight.reshape(1, -1, 1, 1).expand(
                1, -1, grid, grid
            ),
            multimask_output=False,
        )
        ours = foodlmm.decode_masks(foodlmm.encode_for_masks(pixels), torch.zeros(3, dtype=torch.long), prompts)
    assert torch.allclose(ours, expected[0, :, 0], atol=1e-5)
    restored = SamImageProcessor(size={"longest_edge": SAM_SIDE}).post_process_masks(
        [expected[0]],
        original_sizes=[(40, 52)],
        reshaped_input_sizes=[(49, 64)],
        binarize=False,
        pad_size={"height": SAM_SIDE, "width": SAM_SIDE},
    )
    assert torch.allclose(upsample(ours, SAM_SIDE, (49, 64), (40, 52)), restored[0][:, 0], atol=1e-5)


def test_nutrition_loss_is_a_sum_over_heads_of_means() -> None:
    predicted, target = torch.tensor([3.0, 10.0, -2.0]), torch.tensor([1.0, 6.0, 8.0])
    # Head 0: errors 2 and 4; head 7: error -10.
    expected = (2 + 0.004 + 4 + 0.016) / 2 + 10 + 0.1
    assert float(nutrition_loss(predicted, target, torch.tensor([0, 0, 7]), 0.001)) == pytest.approx(expected)
    nothing = torch.zeros(0)
    assert float(nutrition_loss(nothing, nothing, torch.zeros(0, dtype=torch.long), 0.001)) == 0


def test_words_alone_reach_every_trained_part_with_a_gradient(small: tuple[ReleasedCheckpoint, Path]) -> None:
    model, collator = begun(settings(small[1]))
    losses = model(collator(examples()[2:]))
    losses["total"].backward()
    assert all(float(losses[name].detach()) == 0 for name in ("bce", "dice", "nutrition"))
    assert all(weight.grad is not None for weight in building.trainable(model).values())
    assert not any(weight.grad.any() for weight in model.model.text_fc.parameters())


MASK = Mask(size=(4, 4), counts="04L")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"turns": (Turn("what", "rice [SEG21]"),), "masks": (MASK,)}, r"\[SEG21\]; the model has tokens for 20"),
        ({"turns": (Turn("what", "rice [CAL]"),), "values": (1.0,)}, r"\[CAL\] in an answer"),
        ({"turns": (Turn("what", "rice [SEG1]"),)}, r"1 \[SEG\*\] tokens in its answers, but 0 targets"),
        ({"values": (2.0,)}, "0 nutrition tokens in its answers, but 1 targets"),
        ({"turns": (Turn("what", "rice [SEG1]"),), "masks": (MASK,)}, "4 x 4 pixels for a picture of 40 x 52"),
        ({"turns": (Turn("what", "grams " * 900),)}, "the language model has 1,024"),
    ],
)
def test_unusable_examples_are_named(
    small: tuple[ReleasedCheckpoint, Path], changes: dict[str, Any], message: str
) -> None:
    collator = Collator(load_checkpoint(small[1])[1])
    with pytest.raises(ExampleUnusable, match=message) as caught:
        collator([unusable(**changes)])
    assert caught.value.message.startswith("menu, record 7: ")
    assert caught.value.hint
