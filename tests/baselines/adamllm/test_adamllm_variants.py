"""Variants, recipes of the paper, the kitchen's material, its tokenizer and the comparison of reports."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from baselines.adamllm.chat import open_prompt, render
from baselines.adamllm.compare import (
    ABLATIONS,
    MEASURED,
    OURS,
    PIPELINES,
    PROTOCOLS,
    README,
    Estimate,
    Reports,
    markdown,
    mean_of,
    quality_table,
    types_table,
)
from baselines.adamllm.consistency import Judgement
from baselines.adamllm.kitchen_course import (
    GENERAL,
    PAIR_KITCHEN,
    SEED_KITCHEN,
    general_conversations,
    general_triplets,
    meals_of,
    plate_pairs,
    plates_of,
)
from baselines.adamllm.kitchen_data import seed_examples
from baselines.adamllm.kitchen_model import build_tokenizer, transplant
from baselines.adamllm.kitchen_tasks import FAMILIES
from baselines.adamllm.local_synthesizer import load_local, local_synthesizer
from baselines.adamllm.pipeline import DEFAULT, PipelineSettings, arguments_of, settings_of
from baselines.adamllm.records import question_and_answer
from baselines.adamllm.synthesise import PROMPT
from baselines.adamllm.training_settings import POST_TRAINED, WHATS, load_training
from baselines.adamllm.variants import Material, Variant, load_variant, samples_of_variant, variant_names
from baselines.common.readme_tables import BEGIN, END
from baselines.common.yaml_file import load_yaml
from foodbench.core.errors import UnknownName, UsageError
from foodbench.core.types import Request
from foodbench.models.adamllm.checkpoint import AskingSettings, load_model
from tests.baselines.adamllm.training_helpers import picture
from tests.baselines.rl_segmentation.random_model import build
from tests.conftest import REPOSITORY

SPECIALS = ("<|im_start|>", "<|im_end|>", "<|image_pad|>", "<|endoftext|>")


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    folder = tmp_path_factory.mktemp("plates")
    pairs = plate_pairs(plates_of(folder, 4, PAIR_KITCHEN, size=64))
    examples = seed_examples(plates_of(folder, 8, SEED_KITCHEN, size=64))
    triplets = {pair.pair_id: example.triplet for pair, example in zip(pairs[:3], examples, strict=False)}
    names = list(triplets)
    judgements = {names[0]: Judgement("consistent"), names[1]: Judgement("open"), names[2]: Judgement("consistent")}
    general_pairs, general = general_triplets(examples)
    return Material(
        pairs, triplets, judgements, general_pairs, general, {name: Judgement("consistent") for name in general}
    )


def parts(variant: str, material: Material) -> dict[str, list[tuple[str, ...]]]:
    made = samples_of_variant(load_variant(variant), material, 0)
    return {name: sorted(tuple(sorted(one.parts)) for one in samples) for name, samples in made.stages.items()}


def test_what_each_variant_trains_on(material: Material) -> None:
    caption, task, both = ("caption",), ("task",), ("caption", "task")
    assert parts("ours_single_stage", material) == {"single": [caption, caption, both, both]}
    assert parts("ours_two_stage", material) == {"captions": [caption] * 4, "tasks": [task] * 2}
    assert parts("rule_two_stage", material) == {"captions": [caption] * 4, "tasks": [task] * 4}
    assert parts("rule_single_stage", material) == {"single": [both] * 4}
    assert parts("without_filter_precise", material) == {"single": [caption, both, both, both]}
    assert parts("without_synthetic_task", material) == {"single": [caption] * 4}
    assert parts("without_captions", material) == {"single": [task] * 2}
    general = len(material.general)
    assert general > 0
    assert parts("general_task", material) == {"single": [task] * general}
    assert parts("general_task_and_captions", material) == {"single": sorted([caption] * 4 + [task] * general)}


def test_without_the_filter_the_answers_are_those_of_the_variant(material: Material) -> None:
    for kind in ("precise", "informative"):
        made = samples_of_variant(load_variant(f"without_filter_{kind}"), material, 0)
        texts = {
            one.conversation_id: " ".join(message.text for message in one.messages) for one in made.stages["single"]
        }
        for name, triplet in material.triplets.items():
            assert getattr(triplet, kind) in texts[name]


def test_the_paper_s_comparisons_are_all_there() -> None:
    assert {*PIPELINES, *ABLATIONS} == set(variant_names())
    assert all(load_variant(name).title for name in variant_names())
    with pytest.raises(UnknownName):
        load_variant("without_everything")


@pytest.mark.parametrize(
    "wrong",
    [
        {"tasks": "none", "captions": False},
        {"responses": "precise"},
        {"what": "rule", "tasks": "synthetic"},
        {"what": "two_stage", "tasks": "rule"},
        {"tasks": "rule", "blank_images": False},
        {"unknown": 1},
    ],
)
def test_variants_that_contradict_themselves_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Variant.model_validate({"title": "x", **wrong})


@pytest.mark.parametrize("config", ["kitchen", "single_gpu", "paper"])
@pytest.mark.parametrize("what", WHATS)
def test_every_size_has_every_kind(config: str, what: Any) -> None:
    for back_end in POST_TRAINED:
        settings = load_training(config, what, back_end)
        assert settings.stages_of(what)
        assert settings.form.form.turn_end


def test_the_paper_s_hyper_parameters_arrive() -> None:
    llava = load_training("paper", "two_stage", "llava")
    captions, tasks = llava.stages_of("two_stage")
    assert captions.learning_rates.model_dump() == {"projector": 2e-3, "language": None, "vision": None}
    assert tasks.learning_rates.vision == 2e-6
    assert llava.form.form.head.count("<|begin_of_text|>") == 2
    qwen = load_training("paper", "single_stage", "qwen2_vl").stages_of("single_stage")[0]
    assert (qwen.batch, qwen.micro_batch, qwen.warmup_share, qwen.weight_decay) == (128, 8, 0.1, 0.1)
    assert qwen.updates(130_000) == 1016
    llama = load_training("paper", "single_stage", "llama32").form.form
    assert (llama.system, llama.picture) == ("", "<|image|>")
    tuned = load_training("paper", "synthesizer").stages_of("synthesizer")[0]
    assert (tuned.epochs, tuned.max_tokens) == (2, 6144)


def test_plates_are_rendered_once_and_streams_differ(tmp_path: Path) -> None:
    first = plates_of(tmp_path, 3, PAIR_KITCHEN, size=48)
    stamp = first[0].image.path.stat().st_mtime_ns
    again = plates_of(tmp_path, 3, PAIR_KITCHEN, size=48, workers=2)
    assert [plate.meal for plate in again] == [plate.meal for plate in first]
    assert again[0].image.path.stat().st_mtime_ns == stamp
    seeds = plates_of(tmp_path, 3, SEED_KITCHEN, size=48)
    assert {plate.plate_id for plate in seeds}.isdisjoint(plate.plate_id for plate in first)
    assert [plate.image.fingerprint() for plate in seeds] != [plate.image.fingerprint() for plate in first]
    assert meals_of(plate_pairs(first)) == {plate.plate_id: plate.meal for plate in first}


def test_general_tasks_name_no_dish(tmp_path: Path) -> None:
    plates = plates_of(tmp_path, 12, SEED_KITCHEN, size=48)
    assert set(GENERAL) < {family.name for family in FAMILIES}
    for conversation, plate in zip(general_conversations(plates), plates, strict=True):
        assert len(conversation.messages) == 4
        # The name of one dish is the list of what is in it.
        named = plate.meal.dish if plate.meal.dish != "steak and broccoli" else "no dish"
        assert not any(named in message.text for message in conversation.messages)


@pytest.fixture(scope="module")
def words() -> Any:
    return build_tokenizer()


def test_the_tokenizer_knows_what_is_said(words: Any) -> None:
    for text in ("chicken duck", " broccoli", "Which", " ingredients", " king oyster mushroom", " Ingredients"):
        assert len(words(text)["input_ids"]) <= len(text.split()) + 1
    assert len(words("1204")["input_ids"]) == 4
    for token in SPECIALS:
        assert len(words(token)["input_ids"]) == 1
    hostile = "Zürich 🍜 \u200b\x07 日本"
    assert words.decode(words(hostile)["input_ids"], clean_up_tokenization_spaces=False) == hostile


def test_embeddings_move_with_their_tokens(words: Any, tmp_path: Path) -> None:
    model, processor, _ = load_model(build(tmp_path, hidden=32, layers=1, vision=32, vocabulary=420, side=28))
    before, old = processor.tokenizer, model.get_input_embeddings().weight.detach().clone()
    transplant(model, before, words, 0)
    rows = model.get_input_embeddings().weight
    for token in ("a", "<|im_end|>", "<|image_pad|>"):
        assert torch.equal(rows[words.convert_tokens_to_ids(token)], old[before.convert_tokens_to_ids(token)])
    assert model.config.image_token_id == words.convert_tokens_to_ids("<|image_pad|>")
    assert model.lm_head.weight.data_ptr() == rows.data_ptr()


def test_training_and_asking_write_the_same_prompt(tmp_path: Path) -> None:
    from baselines.adamllm.records import Conversation
    from foodbench.models.adamllm.answering import AnsweringModel

    model, processor, family = load_model(build(tmp_path, hidden=32, layers=1, vision=32, vocabulary=420, side=28))
    form = load_training("kitchen", "single_stage").form.form
    sample = Conversation("x", picture(tmp_path), question_and_answer("What is it?", "Rice."))
    written = render(sample, form)
    prompt = AnsweringModel(model, processor, family, AskingSettings()).prompt("What is it?")
    assert written.text[: written.spans[0][0]] == prompt


def test_a_local_synthesiser_goes_on_from_its_prompt(tmp_path: Path) -> None:
    folder = build(tmp_path / "model", hidden=32, layers=1, vision=32, vocabulary=420, side=28)
    form = load_training("kitchen", "synthesizer").form.form
    asker = local_synthesizer(folder, form, batch_size=2)
    prompt = open_prompt(question_and_answer("What is it?", "A meal."), form)
    made = [
        Request(
            "adamllm.synthesis", str(number), picture(tmp_path, number), "", {PROMPT: prompt}, {"max_new_tokens": 5}
        )
        for number in range(3)
    ]
    kept: dict[str, Any] = {}
    asker.ask(made, lambda request, reply: kept.update({request.sample_id: reply.text}))
    assert set(kept) == {"0", "1", "2"}
    assert all(isinstance(text, str) for text in kept.values())
    lost: dict[str, Any] = {}
    asker.ask([replace(made[0], slots={PROMPT: None})], lambda request, reply: lost.update({request.sample_id: reply}))
    assert lost["0"].text is None
    with pytest.raises(UsageError, match="tuned"):
        load_local(str(folder), form, "prompted", {})
    with pytest.raises(UsageError, match="colour"):
        load_local(str(folder), form, "tuned", {"colour": "blue"})


def test_the_pipeline_s_settings(tmp_path: Path) -> None:
    assert load_yaml(DEFAULT, PipelineSettings, hint="").variants == ("ours_single_stage",)
    everything = settings_of(arguments_of(["--out", str(tmp_path), "--variants", "all", "--seed", "3"]))
    assert (set(everything.variants), everything.seed) == (set(variant_names()), 3)
    with pytest.raises(UnknownName):
        settings_of(arguments_of(["--out", str(tmp_path), "--variants", "ours"]))
    with pytest.raises(UsageError, match="no checkpoint"):
        settings_of(arguments_of(["--out", str(tmp_path), "--base", str(tmp_path / "absent")]))


def test_means_of_intervals() -> None:
    mean = mean_of([Estimate(10.0, 7.0, 13.0), Estimate(20.0, 16.0, 24.0)])
    assert (mean.value, mean.low, mean.high) == pytest.approx((15.0, 12.5, 17.5))  # half: sqrt(9 + 16) / 2
    assert mean_of([Estimate(1.0), Estimate(3.0, 2.0, 4.0)]) == Estimate(2.0)
    assert Estimate(2.0, 1.0, 3.0).text(sign=True) == "+2.0 (1.0 to 3.0)"


def test_missing_reports_are_dashes(tmp_path: Path) -> None:
    told = markdown(tmp_path)
    assert "–" in told
    assert "w/o blank images" in told
    assert "Table 7" not in told


def test_the_quality_of_tasks_before_and_after_the_filter(tmp_path: Path) -> None:
    for name in ("synthesis", "filter"):
        (tmp_path / name).mkdir()
    accuracy = {"accuracy": 0.5, "interval": [0.4, 0.6]}
    (tmp_path / "synthesis" / "report.json").write_text(json.dumps({"triplets": 90, "unparsed": {"unpaired": 10}}))
    (tmp_path / "synthesis" / "accuracy.json").write_text(json.dumps(accuracy))
    judged = {"by_type": {"all": {"kept_share": 0.3, "interval": [0.2, 0.4]}}}
    (tmp_path / "filter" / "statistics.json").write_text(json.dumps(judged))
    (tmp_path / "filter" / "accuracy.json").write_text(json.dumps({"accuracy": None, "interval": None}))
    row = quality_table(tmp_path)[2]
    assert row == "| with blank images | 90 | 10 | 30.0 (20.0 to 40.0) % | 50.0 (40.0 to 60.0) % | – |"


def test_the_readme_has_the_tables_of_the_committed_reports() -> None:
    shown = README.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0].strip()
    assert shown == markdown(MEASURED)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_single_stage_on_synthetic_tasks_beats_the_base(protocol: str) -> None:
    gains = Reports(MEASURED / "reports").gains(OURS, protocol)
    assert gains is not None
    low = mean_of(gains).low
    assert low is not None
    assert low > 0


def test_what_the_filter_keeps_of_each_type(tmp_path: Path) -> None:
    (tmp_path / "filter").mkdir()
    shares = {"kept_share": 0.5, "interval": [0.25, 0.75]}
    by_type = {
        "rare": {"consistent": 1, "inconsistent": 1, "open": 0, "judged": 2, **shares},
        "frequent": {"consistent": 2, "inconsistent": 1, "open": 1, "judged": 4, **shares},
        "all": {"consistent": 3, "inconsistent": 2, "open": 1, "judged": 6, **shares},
    }
    (tmp_path / "filter" / "statistics.json").write_text(json.dumps({"by_type": by_type}))
    rows = types_table(tmp_path)[2:]
    assert [row.split(" | ")[0] for row in rows] == ["| all", "| frequent", "| rare"]
    assert rows[1] == "| frequent | 2 | 1 | 1 | 50.0 (25.0 to 75.0) % |"


def test_the_front_page_has_the_measured_gains() -> None:
    front, reports = (REPOSITORY / "README.md").read_text(encoding="utf-8"), Reports(MEASURED / "reports")
    gains = {protocol: mean_of(reports.gains(OURS, protocol) or []).value for protocol in PROTOCOLS}
    assert f"{gains['strict']:+.1f} over the base on four tasks, {gains['adamllm']:+.1f} under AdaMLLM's" in front
