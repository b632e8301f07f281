"""Vocabulary, filter, reasoning and rows, from a small kitchen."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baselines.recipe_grounded import vocabulary as vocabulary_module
from baselines.recipe_grounded.cot_data import CotSample, actions_of, keep_confident, load, save, write_by_rule
from baselines.recipe_grounded.data import PAPER_SIZES, STAGES, SUPERVISED, draw, load_rows, to_dataset
from baselines.recipe_grounded.filtering import drop_head_only
from baselines.recipe_grounded.vocabulary import ActionVocabulary, build, count_actions, tiers_of
from foodbench.core.errors import DataCorrupt, DataMissing, UsageError
from foodbench.data.roots import open_dataset, resolve
from foodbench.metrics.reading.actions import find_actions
from foodbench.models.recipe_grounded.context import ACTIONS_QUESTION
from foodbench.models.recipe_grounded.labels import ingredient_vocabulary, parse_labels
from foodbench.tasks import TASKS


@pytest.fixture
def choice(kitchen):
    return resolve("recipe1m", "kitchen")


@pytest.fixture
def actions(choice) -> ActionVocabulary:
    return build(choice)


def made_up(**counts: int) -> ActionVocabulary:
    return ActionVocabulary(counts, 10, "kitchen", "sha256:0")


def test_counts_are_of_recipes_and_ties_go_by_name(choice, actions):
    records = open_dataset(choice).records("train")
    found = [find_actions("\n".join(record.steps)) for record in records]
    assert actions.recipes == len(records)
    assert actions.counts == {name: sum(name in one for one in found) for name in actions.names}
    assert list(actions.names) == sorted(actions.names, key=lambda name: (-actions.counts[name], name))
    assert actions.names[0] == "serve"
    assert count_actions([["Chop. Chop the egg."], ["Mix."]]) == ({"chop": 1, "mix": 1}, 2)


def test_tiers_of_fewer_verbs_are_the_same_shares(actions):
    names = [str(number) for number in range(19)]
    tiers = list(tiers_of(names).values())
    assert tiers == ["head"] * 3 + ["mid"] * 7 + ["tail"] * 9
    assert actions.tier("serve") == "head"
    assert actions.tier("never heard of") == "tail"
    assert tiers_of([]) == {}
    assert tiers_of(["a"]) == {"a": "head"}


@given(st.integers(1, 500))
def test_tiers_cover_every_list(size):
    tiers = list(tiers_of(map(str, range(size))).values())
    assert tiers == sorted(tiers, key=["head", "mid", "tail"].index)
    assert tiers[0] == "head"
    assert tiers.count("tail") == size // 2


def test_the_file_says_what_it_was_made_from_and_refuses_edits(actions, choice, tmp_path):
    path = tmp_path / "vocabulary.json"
    actions.save(path)
    assert ActionVocabulary.load(path) == actions
    plain = json.loads(path.read_text())
    assert plain["dataset_fingerprint"] == open_dataset(choice).fingerprint("train")
    edits = [
        {**plain, "actions": plain["actions"][::-1]},
        {**plain, "actions": [{**plain["actions"][0], "tier": "tail"}, *plain["actions"][1:]]},
        {**plain, "lexicon": "actions-0"},
        {**plain, "recipes": "many"},
        {"actions": []},
        [],
    ]
    for edited in edits:
        path.write_text(json.dumps(edited))
        with pytest.raises(DataCorrupt):
            ActionVocabulary.load(path)
    path.write_text("{")
    with pytest.raises(DataCorrupt):
        ActionVocabulary.load(path)
    with pytest.raises(DataMissing):
        ActionVocabulary.load(tmp_path / "absent.json")


def test_a_size_keeps_the_most_frequent(choice, actions):
    assert build(choice, 4).names == actions.names[:4]
    with pytest.raises(UsageError):
        build(choice, 0)


def test_the_command_makes_the_file(kitchen, tmp_path, capsys):
    out = tmp_path / "vocabulary.json"
    assert vocabulary_module.main(["--out", str(out), "--edition", "kitchen"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["actions"] == told["head"] + told["mid"] + told["tail"] == len(ActionVocabulary.load(out).names)
    assert vocabulary_module.main(["--out", str(out), "--edition", "real"]) == 5


def test_the_filter_drops_what_teaches_nothing_rare():
    vocabulary = made_up(serve=9, fry=5, mix=3, halve=1)  # serve is the head
    samples = [("serve",), (), ("serve", "fry"), ("halve",), ("unheard of",), ("serve", "serve")]
    filtered = drop_head_only(samples, lambda sample: sample, vocabulary)
    assert filtered.kept == (("serve", "fry"), ("halve",), ("unheard of",))
    assert filtered.counts == {"seen": 6, "kept": 3, "head_only": 2, "without_actions": 1}


def test_rules_reason_to_exactly_the_recipes_actions(choice, actions):
    for record in open_dataset(choice).records("train"):
        sample = write_by_rule(record, actions)
        assert sample.actions == actions_of(record, actions)
        assert all(f"{action}" in sample.think for action in sample.actions)
        assert all(f"I see {name}:" in sample.think for name in record.classes)
        assert "<" not in sample.think


def test_samples_are_kept_above_the_least_confidence_and_come_back(tmp_path):
    samples = [CotSample(f"r{place}", "x", ("fry",), sure, "m") for place, sure in enumerate((0.85, 0.8500001, 1, 0))]
    assert [sample.recipe_id for sample in keep_confident(samples)] == ["r1", "r2"]
    save(samples, tmp_path / "cot.jsonl")
    assert load(tmp_path / "cot.jsonl") == samples
    (tmp_path / "cot.jsonl").write_text('{"recipe_id": 1}\n')
    with pytest.raises(DataCorrupt, match="line 1"):
        load(tmp_path / "cot.jsonl")


def test_each_stage_has_its_rows(choice, actions):
    reader = open_dataset(choice)
    records = {record.recipe_id: record for record in reader.records("train")}
    ingredients = ingredient_vocabulary(reader.ingredient_classes)
    for stage in STAGES:
        made = load_rows(choice, stage, actions)
        assert made.counts["kept"] == len(made.rows) > 0
        for row in made.rows:
            record = records[row.recipe_id]
            assert record.split == "train"
            if stage.startswith("ar_"):
                assert row.question == ACTIONS_QUESTION
                parsed = parse_labels(row.answer, actions.labels)
                assert parsed.labels == row.labels == actions_of(record, actions)
                assert bool(parsed.think) == (stage == "ar_sft")
                assert any(actions.tier(label) != "head" for label in row.labels)
            elif stage.startswith("ingr_"):
                assert parse_labels(row.answer, ingredients).labels == row.labels == record.classes
            else:
                assert row.answer == "\n".join(record.steps)
                assert row.question in TASKS.get("recipe1m.instructions").questions


def test_the_two_stages_of_actions_share_no_recipe(choice, actions):
    first, second = (load_rows(choice, stage, actions) for stage in ("ar_sft", "ar_rft"))
    ids = [{row.recipe_id for row in made.rows} for made in (first, second)]
    assert not ids[0] & ids[1]
    total = len(open_dataset(choice).records("train"))
    assert first.counts["seen"] + second.counts["seen"] == total
    assert load_rows(choice, "ar_sft", actions, seed=1).rows != first.rows


@given(st.integers(2, 60), st.integers(0, 40), st.integers(1, 40), st.integers(0, 3))
def test_draws(total, first, second, seed):
    sizes = {**PAPER_SIZES, "ar_sft": first, "ar_rft": second, "ingr_rft": 5}
    one, other = (draw(total, stage, sizes, seed) for stage in ("ar_sft", "ar_rft"))
    assert not set(one) & set(other)
    assert len(one) + len(other) == min(total, first + second)
    assert draw(total, "ingr_rft", sizes, seed) == draw(total, "ingr_sft", sizes, seed)[:5]
    assert sorted(draw(total, "instr_sft", sizes, seed)) == list(range(total))


def test_written_reasoning_is_used_where_there_is_some(choice, actions):
    rows = load_rows(choice, "ar_sft", actions).rows
    cot = [
        CotSample(rows[0].recipe_id, "Seen.", rows[0].labels[:1], 0.9, "m"),
        CotSample("none", "x", ("fry",), 1, "m"),
    ]
    made = load_rows(choice, "ar_sft", actions, cot=cot)
    assert [(row.recipe_id, row.labels) for row in made.rows] == [(rows[0].recipe_id, rows[0].labels[:1])]
    assert made.rows[0].answer.startswith("<think>Seen.</think><answer>")
    assert made.counts["without_reasoning"] == len(rows) - 1
    with pytest.raises(DataMissing):
        load_rows(choice, "ar_sft", actions, cot=[])


def test_a_vocabulary_of_other_recipes_is_refused(choice, actions):
    other = ActionVocabulary(actions.counts, actions.recipes, "kitchen", "sha256:other")
    with pytest.raises(UsageError, match="other recipes"):
        load_rows(choice, "ingr_sft", other)


def test_instructions_and_whole_recipes(choice, actions):
    made = load_rows(choice, "instr_sft", actions, writings=("instructions", "recipe"))
    assert made.rows[1].answer.startswith("Title: ")
    assert made.rows[1].recipe_id == made.rows[0].recipe_id
    assert len({row.question for row in made.rows}) == 2


@pytest.mark.parametrize("stage", ["ar_sft", "ingr_rft"])
def test_rows_as_trl_takes_them(choice, actions, stage):
    rows = load_rows(choice, stage, actions).rows
    small = to_dataset(
        rows, supervised=stage in SUPERVISED, system="Be brief.", prepare=lambda one: one.resize((28, 28))
    )
    assert len(small) == len(rows)
    row = small[3]
    assert [turn["role"] for turn in row["prompt"]] == ["system", "user"]
    assert row["prompt"][1]["content"] == rows[3].question
    if stage in SUPERVISED:
        assert row["completion"] == [{"role": "assistant", "content": rows[3].answer}]
        assert row["images"][0].size == (28, 28)
    else:
        assert json.loads(row["solution"]) == list(rows[3].labels)
        assert row["image"].size == (28, 28)
    with pytest.raises(DataMissing):
        to_dataset([], supervised=True)
