from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from pydantic import ValidationError

from baselines.adamllm import conversations as c
from baselines.adamllm import export
from baselines.adamllm.chat import FORMATS, render
from baselines.adamllm.consistency import Judgement, all_consistent
from baselines.adamllm.recipe_texts import FAMILIES, RECIPE_QUESTIONS, recipe_caption, rule_task
from baselines.adamllm.records import Conversation, Pair, RecipeText, Triplet
from foodbench.data.images import ImageFile

RECIPE = RecipeText("egg soup", ("2 eggs", "1 l broth", "salt", "chives"), ("Boil the broth.", "Stir in the eggs."))


def pair(name: str, recipe: RecipeText | None = RECIPE) -> Pair:
    return Pair(name, ImageFile(Path(f"/pictures/{name}.png")), f"Caption of {name}.", recipe)


PAIRS = [pair(f"p{number}") for number in range(40)]
TASKS = {one.pair_id: c.TaskText(f"Ask {one.pair_id}?", "Told.", "reasoned.forward") for one in PAIRS[:30]}


def settings(**changes: object) -> c.AssemblySettings:
    return c.AssemblySettings(**changes)  # type: ignore[arg-type]


def test_a_single_stage_sample_has_caption_and_task_in_random_order() -> None:
    made = c.assemble(PAIRS, TASKS, settings())
    samples = made.stages["single"]
    assert [one.conversation_id for one in samples] == [one.pair_id for one in PAIRS]
    orders = Counter(one.parts for one in samples)
    assert orders[("caption",)] == 10
    assert orders[("caption", "task")] + orders[("task", "caption")] == 30
    assert min(orders[("caption", "task")], orders[("task", "caption")]) >= 8
    for one in samples:
        rendered = render(one, FORMATS["chatml"])
        expected = {"caption": f"Caption of {one.conversation_id}.<|im_end|>", "task": "Told.<|im_end|>"}
        assert rendered.learnt() == tuple(expected[part] for part in one.parts)
        assert [message.role for message in one.messages] == ["user", "assistant"] * len(one.parts)
    assert made.counts["samples.single"] == 40


def test_two_stages_have_the_same_turns_one_after_the_other() -> None:
    made = c.assemble(PAIRS, TASKS, settings(pipeline="two_stage"))
    assert list(made.stages) == ["captions", "tasks"]
    assert (len(made.stages["captions"]), len(made.stages["tasks"])) == (40, 30)
    single = c.assemble(PAIRS, TASKS, settings()).stages["single"]

    def turns(samples: object) -> Counter[tuple[str, str]]:
        return Counter(
            (one.messages[place].text, one.messages[place + 1].text)
            for one in samples  # type: ignore[attr-defined]
            for place in range(0, len(one.messages), 2)
        )

    assert turns([*made.stages["captions"], *made.stages["tasks"]]) == turns(single)


def test_the_ablations_leave_out_what_they_name() -> None:
    only_captions = c.assemble(PAIRS, TASKS, settings(task=False)).stages["single"]
    assert {one.parts for one in only_captions} == {("caption",)}
    only_tasks = c.assemble(PAIRS, TASKS, settings(caption_task=False))
    assert {one.parts for one in only_tasks.stages["single"]} == {("task",)}
    assert only_tasks.counts["nothing_left"] == 10
    with pytest.raises(ValidationError, match="neither"):
        settings(task=False, caption_task=False)


def test_pictures_whose_triplet_was_not_read_keep_their_caption_in_the_paper_and_not_in_the_code() -> None:
    unread = frozenset({"p35", "p36"})
    assert len(c.assemble(PAIRS, TASKS, c.PAPER, unread=unread).stages["single"]) == 40
    made = c.assemble(PAIRS, TASKS, c.RELEASED, unread=unread)
    assert (len(made.stages["single"]), made.counts["dropped"]) == (38, 2)


def test_fixed_orders_and_pools() -> None:
    first = c.assemble(PAIRS, TASKS, settings(order="caption_first")).stages["single"]
    assert {one.parts for one in first} == {("caption", "task"), ("caption",)}
    asked = c.assemble(PAIRS, {}, settings(caption_questions="recipe")).stages["single"]
    known = {question.replace("{name}", name) for question in RECIPE_QUESTIONS for name in ("food", "dish")}
    assert {one.messages[0].text for one in asked} <= known


def test_only_consistent_triplets_become_tasks() -> None:
    triplets = {name: Triplet("How many?", "I count three.", "three") for name in "abcd"}
    judgements = {"a": Judgement("consistent"), "b": Judgement("inconsistent"), "c": Judgement(None, "hm")}
    assert list(c.synthetic_tasks(triplets, judgements, c.PAPER)) == ["a"]
    everything = c.synthetic_tasks(triplets, all_consistent(list(triplets)), settings(responses="precise"))
    assert len(everything) == 4
    assert {task.kind for task in everything.values()} == {"precise.forward"}


def test_the_five_families_of_rules() -> None:
    tasks = {str(number): rule_task(RECIPE, str(number)) for number in range(400)}
    families = Counter(task.family for task in tasks.values() if task)
    assert set(families) == set(FAMILIES)
    assert min(families.values()) > 50
    for task in tasks.values():
        assert task is not None
        steps, lines = "1. Boil the broth.\n2. Stir in the eggs.", "\n".join(RECIPE.ingredients)
        expected = {
            "instructions_from_ingredients": f"instructions:\n{steps}",
            "instructions_from_picture": f"instructions:\n{steps}",
            "title": "title: egg soup",
            "ingredients": f"ingredients:\n{lines}",
            "recipe": f"title: egg soup\ningredients:\n{lines}\ninstructions:\n{steps}",
        }
        assert task.response == expected[task.family]
        assert "{" not in task.question
        told = [line for line in RECIPE.ingredients if line in task.question]
        if task.family == "instructions_from_ingredients":
            assert told == list(RECIPE.ingredients)
        elif task.family == "title":
            assert "egg soup" not in task.question
            assert len(told) in (0, 2, 3)
        else:
            assert not told
    assert tasks["1"] == rule_task(RECIPE, "1")
    assert rule_task(RecipeText("t", (), ("Boil.",)), "x") is None
    one = {rule_task(RecipeText("t", ("salt",), ("Boil.",)), str(number)) for number in range(50)}
    assert all("salt" not in task.question for task in one if task and task.family == "title")


def test_captions_of_recipes_say_everything() -> None:
    plain = recipe_caption(RECIPE, "a", style="plain")
    assert plain == (
        "Title: egg soup\nIngredients:\n2 eggs\n1 l broth\nsalt\nchives\nSteps:\n1. Boil the broth.\n"
        "2. Stir in the eggs."
    )
    wrapped = [recipe_caption(RECIPE, str(number)) for number in range(100)]
    for caption in wrapped:
        assert all(text in caption for text in (RECIPE.title, *RECIPE.ingredients, *RECIPE.steps))
    assert {caption.index("2 eggs") < caption.index("Boil") for caption in wrapped} == {True, False}
    assert len(set(wrapped)) > 80
    many = RecipeText("t", tuple(f"thing {number}" for number in range(60)), ("Boil.",))
    assert "thing 59" in recipe_caption(many, "a")


def test_rules_need_recipes() -> None:
    assert c.rule_tasks([pair("a"), pair("b", None)]).keys() == {"a"}


def test_exports_can_be_read_back(tmp_path: Path) -> None:
    samples = c.assemble(PAIRS[:3], TASKS, settings(order="task_first")).stages["single"]
    path = tmp_path / "single.jsonl"
    assert export.write_conversations(path, samples) == 3
    assert export.read_conversations(path).kept == list(samples)
    with path.open("a") as stream:
        stream.write('{"id": 3}\nnot json\n')
    damaged = export.read_conversations(path)
    assert damaged.counts() == {"kept": 3, "bad_field": 1, "not_json": 1}


def test_sharegpt_has_one_mark_for_the_picture(tmp_path: Path) -> None:
    samples = c.assemble(PAIRS[:2], TASKS, settings(order="task_first")).stages["single"]
    export.write_sharegpt(tmp_path / "single.sharegpt.json", samples, Path("/pictures"))
    export.write_sharegpt(tmp_path / "other.json", [], Path("/pictures"))
    written = json.loads((tmp_path / "single.sharegpt.json").read_text())
    assert written[0]["images"] == ["p0.png"]
    assert written[0]["messages"][0] == {"role": "user", "content": "<image>Ask p0?"}
    assert sum(message["content"].count("<image>") for message in written[0]["messages"]) == 1
    assert [message["role"] for message in written[0]["messages"]] == ["user", "assistant", "user", "assistant"]
    assert json.loads((tmp_path / "other.json").read_text()) == []
    registry = json.loads((tmp_path / "dataset_info.json").read_text())
    assert {name: entry["file_name"] for name, entry in registry.items()} == {
        "single.sharegpt": "single.sharegpt.json",
        "other": "other.json",
    }


def test_the_order_of_training_depends_on_ids_alone() -> None:
    samples: list[Conversation] = list(c.assemble(PAIRS, {}, c.PAPER).stages["single"])
    ordered = c.order_of_training(samples, 1)
    assert c.order_of_training(samples[::-1], 1) == ordered
    assert ordered != samples
    assert c.order_of_training(samples, 2) != ordered
