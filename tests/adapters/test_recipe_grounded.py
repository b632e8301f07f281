"""Context prompting around any adapter, with a judge behind a real server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from endpoint_server import FAST, Response, completion, serving

from foodbench.adapters import base
from foodbench.adapters.recipe_grounded import GroundedSettings, RecipeGrounded
from foodbench.adapters.recipe_parts import nested_arguments, read_prediction
from foodbench.adapters.resolve import describe_models, load_adapter
from foodbench.core.errors import AdapterFailed, ProviderDown, RunIncomplete, UnsupportedTask, UsageError
from foodbench.core.types import Answer, Request
from foodbench.data.roots import resolve
from foodbench.engine.rated import USAGE_PREFIX
from foodbench.models.recipe_grounded.asking import Asker, ReplyStore
from foodbench.models.recipe_grounded.context import ACTIONS_QUESTION, PAPER_DECODING, PAPER_QUESTION
from foodbench.models.recipe_grounded.judging import CachedJudge
from foodbench.models.recipe_grounded.labels import action_vocabulary, format_labels, ingredient_vocabulary
from foodbench.tasks import TASKS

pytestmark = pytest.mark.usefixtures("endpoint_key")
TASK_NAMES = ("actions", "ingredients", "instructions", "recipe")


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch):
    monkeypatch.setattr("foodbench.adapters.endpoint.RetryPolicy", lambda retries: FAST)


class Says:
    """Answers every request with the same text, or with what a function makes of it."""

    def __init__(self, text="", identity: str = "says", batch_size: int | None = None, singly: bool = True) -> None:
        self.identity, self.batch_size, self.answers_singly = identity, batch_size, singly
        self.batches: list[list[Request]] = []
        self.prepared: list[str] = []
        self._text = text

    def prepare(self, task, choice) -> None:
        self.prepared.append(task.name)

    def answer(self, requests):
        self.batches.append(list(requests))
        return [self._text(request) if callable(self._text) else self._text for request in requests]

    @property
    def asked(self) -> list[Request]:
        return [request for batch in self.batches for request in batch]


class Echo(Says):
    def __init__(self) -> None:
        super().__init__(lambda request: request.question, identity="echo")


class FromSettings:
    """Made by name, with settings from text."""

    def __init__(self, text: str = "rice", times: int = 1) -> None:
        self._said = ", ".join([text] * times)

    def answer(self, requests):
        return [self._said for _ in requests]


ACTIONS = format_labels("I see it.", ["chop", "simmer"])
INGREDIENTS = format_labels("", ["rice", "egg"])


@pytest.fixture
def choice(kitchen):
    return resolve("recipe1m", "kitchen")


def loaded(name: str, choice, limit: int = 3):
    task = TASKS.get(f"recipe1m.{name}")
    data = task.load(choice, limit=limit)
    return task, data, [task.request(sample) for sample in data.samples]


def ask(adapter, name: str, choice, limit: int = 3) -> list[str]:
    task, _, requests = loaded(name, choice, limit)
    base.prepare(adapter, task, choice)
    return [answer.text for answer in base.ask(adapter, requests)]


def reply(initial, rectified) -> str:
    lists = {"initial": initial, "rectified": rectified}
    return json.dumps({name: [{"label": a, "confidence": c} for a, c in pairs] for name, pairs in lists.items()})


def test_the_writer_is_told_the_predictions(choice):
    writer, actions = Echo(), Says(ACTIONS)
    adapter = RecipeGrounded.of(actions=actions, ingredients=Says(INGREDIENTS), writer=writer)
    task, _, requests = loaded("recipe", choice)
    texts = ask(adapter, "recipe", choice)
    told = f"Here are the cooking actions: [chop, simmer]. The ingredients are [rice, egg]. {requests[0].question}"
    assert texts == [told] * 3
    assert writer.prepared == ["recipe1m.recipe"]
    assert actions.prepared == ["recipe1m.actions"]
    assert writer.asked[0].generation == task.generation
    assert {(one.task, one.question) for one in actions.asked} == {("recipe1m.actions", ACTIONS_QUESTION)}


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"actions": ACTIONS}, "Here are the cooking actions: [chop, simmer]. "),
        ({"ingredients": INGREDIENTS}, "The ingredients are [rice, egg]. "),
        ({}, ""),
    ],
)
def test_parts_may_be_missing(choice, parts, told):
    adapter = RecipeGrounded.of(writer=Echo(), **{name: Says(text) for name, text in parts.items()})
    question = TASKS.get("recipe1m.instructions").questions[0]
    assert ask(adapter, "instructions", choice) == [told + question] * 3


def test_the_papers_wording_and_decoding(choice):
    writer = Echo()
    settings = GroundedSettings(wording="paper", decoding="paper")
    adapter = RecipeGrounded.of(actions=Says(ACTIONS), writer=writer, settings=settings)
    assert ask(adapter, "instructions", choice)[0].endswith(PAPER_QUESTION)
    assert PAPER_DECODING.items() <= writer.asked[0].generation.items()
    assert writer.asked[0].generation["max_new_tokens"] == 512
    # That question asks for instructions only.
    assert TASKS.get("recipe1m.recipe").questions[0] in ask(adapter, "recipe", choice)[0]


def test_the_tasks_of_labels_get_the_predictors_own_answers(choice):
    writer = Echo()
    adapter = RecipeGrounded.of(actions=Says(ACTIONS), ingredients=Says(INGREDIENTS), writer=writer)
    assert ask(adapter, "actions", choice) == ["Chop it. Simmer it."] * 3
    assert ask(adapter, "ingredients", choice) == ["rice, egg"] * 3
    assert not writer.asked
    written = RecipeGrounded.of(actions=Says(ACTIONS), writer=writer, settings=GroundedSettings(answers="written"))
    assert ask(written, "actions", choice)[0].startswith("Here are the cooking actions: [chop, simmer].")
    assert written.identity != adapter.identity


def test_perfect_predictors_are_scored_as_perfect(choice):
    for name in ("actions", "ingredients"):
        task, data, requests = loaded(name, choice, limit=24)
        key = "actions" if name == "actions" else "labels"
        right = {sample.sample_id: sample.reference[key] for sample in data.samples}
        predictor = Says(lambda request, right=right: format_labels("", right[request.sample_id]))
        adapter = RecipeGrounded.of(**{name: predictor})
        base.prepare(adapter, task, choice)
        answers = base.ask(adapter, requests)
        scores = [
            task.score(*pair, data.vocabulary) for pair in zip(data.samples, [a.text for a in answers], strict=True)
        ]
        assert all(score.parsed and score.values["f1"] == 1 for score in scores)


@pytest.mark.parametrize(
    ("kind", "text", "labels"),
    [
        ("actions", ACTIONS, ("chop", "simmer")),
        ("actions", "Here is how: Chop the egg. Then simmer it, and serve.", ("chop", "simmer", "serve")),
        ("actions", "<think>fry</think>chop, boil", ("chop", "boil")),
        ("actions", "<think>never ends", ()),
        ("ingredients", "I can see rice and a fried egg on the plate, no tofu.", ("rice", "egg")),
        ("ingredients", "There is nothing on the plate.", ()),
        ("ingredients", "rice, eggs, granite", ("rice", "egg")),
    ],
)
def test_predictions_are_lists_or_sentences(kind, text, labels):
    lists = {"actions": action_vocabulary, "ingredients": ingredient_vocabulary}
    names = {"actions": ["chop", "simmer", "serve", "fry", "boil"], "ingredients": ["rice", "egg", "tofu"]}
    assert read_prediction(kind, text, lists[kind](names[kind])).labels == labels


def test_labels_in_no_list_are_left_out_and_counted(choice):
    said = format_labels("", ["rice", "moon rock", "rice", "granite"])
    adapter = RecipeGrounded.of(ingredients=Says(said), actions=Says("<answer>"), writer=Echo())
    assert "[rice]" in ask(adapter, "recipe", choice)[0]
    usage = adapter.usage()
    assert (usage["ingredients.predictions"], usage["ingredients.unknown"]) == (3, 6)
    assert usage["actions.empty"] == 3


def test_a_picture_is_predicted_once_for_all_tasks(choice):
    predictor = Says(INGREDIENTS)
    adapter = RecipeGrounded.of(ingredients=predictor, writer=Echo())
    for name in TASK_NAMES:
        ask(adapter, name, choice)
    assert len(predictor.asked) == 3


def test_a_predictor_that_sees_batches_sees_whole_ones(choice):
    predictor = Says(INGREDIENTS, batch_size=2, singly=False)
    adapter = RecipeGrounded.of(ingredients=predictor, writer=Echo())
    assert not adapter.answers_singly
    ask(adapter, "recipe", choice)
    ask(adapter, "instructions", choice)
    assert [len(batch) for batch in predictor.batches] == [2, 1]
    ask(adapter, "instructions", choice, limit=2)
    assert [len(batch) for batch in predictor.batches] == [2, 1, 2]


def test_each_part_gets_batches_of_its_own_size(choice):
    predictor, writer = Says(INGREDIENTS, batch_size=1), Says("x", batch_size=2)
    adapter = RecipeGrounded.of(ingredients=predictor, writer=writer)
    assert adapter.batch_size == 2
    ask(adapter, "recipe", choice)
    assert [len(batch) for batch in predictor.batches] == [1, 1, 1]
    assert [len(batch) for batch in writer.batches] == [2, 1]


def test_tasks_that_no_part_can_answer(choice, kitchen):
    adapter = RecipeGrounded.of(ingredients=Says(INGREDIENTS))
    with pytest.raises(UnsupportedTask, match="needs a writer"):
        ask(adapter, "recipe", choice)
    with pytest.raises(UnsupportedTask, match="food101"):
        base.prepare(adapter, TASKS.get("food101.dish"), resolve("food101", "kitchen"))
    with pytest.raises(UnsupportedTask):
        adapter.answer(loaded("recipe", choice)[2])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"judge": "endpoint:j", "writer": "baseline:blind"}, "no predictor"),
        ({"actions_args": "a=1", "writer": "baseline:blind"}, "without actions"),
        ({"writer": "baseline:blind", "writer_args": "x"}, "not name=value"),
        ({"writer": "baseline:blind", "judge_args": "a=1"}, "without judge"),
        ({"actions": "baseline:usual", "judge": "file:"}, "replier"),
        ({"actions": "baseline:usual", "judge": "baseline:usual"}, "not a served model"),
        ({"actions": "baseline:usual", "answers": "guessed"}, "answers=guessed"),
        ({"actions": "baseline:usual", "n": "-1", "judge": "endpoint:j"}, "negative"),
    ],
)
def test_wrong_settings(arguments, words):
    with pytest.raises(UsageError, match=words):
        load_adapter("recipe_grounded", arguments)


def test_nothing_is_made_of_nothing():
    with pytest.raises(UsageError, match="no parts"):
        RecipeGrounded.of()


def test_it_is_made_from_text(choice, kitchen, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    spec = f"py:{Path(__file__).stem}:FromSettings"
    arguments = {"ingredients": spec, "ingredients_args": "text=egg;times=2", "writer": "baseline:blind"}
    adapter = load_adapter("recipe_grounded", arguments)
    assert ask(adapter, "ingredients", choice) == ["egg"] * 3
    assert ask(adapter, "instructions", choice)[0]
    assert "times=2" in base.identity_of(adapter)
    assert "recipe_grounded" in [info.name for info in describe_models()]
    assert nested_arguments("x", " a = b=c ; d= ;") == {"a": "b=c", "d": ""}


GOOD = reply([("rice", 0.9), ("egg", 0.1)], [("rice", 0.9), ("tofu", 0.7), ("moon", 1)])


def judged(server, tmp_path, **arguments) -> RecipeGrounded:
    settings = f"base_url={server.url};timeout=5;concurrency=1;price_in=1;price_out=1"
    given = {
        "ingredients": "py:test_recipe_grounded:Rice",
        "writer": "py:test_recipe_grounded:Echo",
        "judge": "endpoint:j",
        "judge_args": settings,
        "replies": str(tmp_path / "replies.jsonl"),
    }
    return load_adapter("recipe_grounded", {**given, **arguments})


class Rice(Says):
    def __init__(self) -> None:
        super().__init__(INGREDIENTS, identity="rice")


@pytest.fixture
def here(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


@pytest.mark.usefixtures("here")
def test_a_served_judge_sees_the_picture_and_is_paid_once(choice, tmp_path):
    with serving(lambda _: completion(GOOD)) as server:
        adapter = judged(server, tmp_path)
        # rice 0.9, tofu 0.7, egg 0.1: one label in common, so the three loudest.
        assert "[rice, tofu, egg]" in ask(adapter, "recipe", choice)[0]
        assert ask(adapter, "ingredients", choice) == ["rice, egg"] * 3
        assert len(server.received) == 3
        assert all(got.image_url.startswith("data:image/") for got in server.received)
        assert '["rice", "egg"]' in server.received[0].question
        usage = adapter.usage()
        wanted = {"scsr.judged": 3, "scsr.fallbacks": 3, "scsr.failures": 0, "scsr.unknown": 3, "requests": 3}
        assert wanted.items() <= usage.items()
        # A result takes keys of that beginning from the judge that rates answers, and drops the model's own.
        assert not any(name.startswith(USAGE_PREFIX) for name in usage)
        assert usage["cost_usd"] == pytest.approx(3 * 110 / 1e6)
        again = judged(server, tmp_path, answers="rectified")
        assert ask(again, "ingredients", choice) == ["rice, tofu, egg"] * 3
        assert len(server.received) == 3
        assert again.identity != adapter.identity
        other = judged(server, tmp_path, n="1")
        assert "[rice]" in ask(other, "recipe", choice)[0]
        assert len(server.received) == 3
    # And without any server, from the file.
    replayed = judged(server, tmp_path, judge=f"file:{tmp_path / 'replies.jsonl'}", judge_args="")
    assert "[rice, tofu, egg]" in ask(replayed, "recipe", choice)[0]


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("trouble", [503, 400])
def test_a_judge_that_fails_midway_costs_nothing_twice(choice, tmp_path, trouble):
    def respond(got) -> Response:
        working = len(server.received) <= 2 or mended
        return completion(GOOD) if working else Response({"error": {"message": "no"}}, trouble)

    mended = False
    with serving(respond) as server:
        with pytest.raises((ProviderDown, AdapterFailed)):
            ask(judged(server, tmp_path), "recipe", choice, limit=5)
        assert len((tmp_path / "replies.jsonl").read_text().splitlines()) == 2
        mended, before = True, len(server.received)
        assert len(ask(judged(server, tmp_path), "recipe", choice, limit=5)) == 5
        assert len(server.received) - before == 3


@pytest.mark.usefixtures("here")
def test_the_cost_limit_stops_and_the_same_command_goes_on(choice, tmp_path):
    with serving(lambda _: completion(GOOD)) as server:
        limit = f"base_url={server.url};concurrency=1;price_in=1;price_out=1;max_cost=0.00023"
        with pytest.raises(RunIncomplete, match="cost limit"):
            ask(judged(server, tmp_path, judge_args=limit), "recipe", choice, limit=4)
        assert len(server.received) == 2
        assert len(ask(judged(server, tmp_path, judge_args=limit), "recipe", choice, limit=4)) == 4
        assert len(server.received) == 4


@pytest.mark.usefixtures("here")
def test_a_judge_that_talks_nonsense_changes_nothing(choice, tmp_path):
    with serving(lambda _: completion("As a language model I")) as server:
        adapter = judged(server, tmp_path)
        assert "[rice, egg]" in ask(adapter, "recipe", choice)[0]
        assert adapter.usage()["scsr.failures"] == 3
        assert "[rice, egg]" in ask(judged(server, tmp_path), "recipe", choice)[0]
        assert len(server.received) == 3


@pytest.mark.usefixtures("here")
def test_a_served_predictor_is_paid_once_also_if_the_writer_fails(choice, tmp_path):
    with serving(lambda _: completion(INGREDIENTS)) as server:
        settings = f"base_url={server.url};concurrency=2"
        arguments = {
            "ingredients": "endpoint:p",
            "ingredients_args": settings,
            "replies": str(tmp_path / "replies.jsonl"),
        }
        broken = load_adapter("recipe_grounded", {**arguments, "writer": "py:test_recipe_grounded:Broken"})
        with pytest.raises(AdapterFailed):
            ask(broken, "recipe", choice)
        mended = load_adapter("recipe_grounded", {**arguments, "writer": "py:test_recipe_grounded:Echo"})
        assert "[rice, egg]" in ask(mended, "recipe", choice)[0]
        assert len(server.received) == 3
        assert mended.usage()["ingredients.remembered"] == 3


class Broken:
    def answer(self, requests):
        raise ValueError("no")


def test_answers_that_arrived_before_a_failure_reach_the_engine(choice):
    class Half(Says):
        def answer(self, requests):
            error = ProviderDown("gone", hint="later")
            base.attach_received(error, {requests[0].sample_id: Answer("done")})
            raise error

    adapter = RecipeGrounded.of(ingredients=Says(INGREDIENTS), writer=Half())
    with pytest.raises(ProviderDown) as caught:
        ask(adapter, "recipe", choice)
    assert [answer.text for answer in base.received(caught.value).values()] == ["done"]


def test_an_empty_prediction_is_judged_too(choice):
    def ask_judge(questions, keep):
        for number, _ in enumerate(questions):
            keep(number, reply([], [("rice", 0.4), ("egg", 0.9)]))

    judge = CachedJudge(Asker("j", ask_judge, ReplyStore()))
    adapter = RecipeGrounded.of(ingredients=Says("<answer></answer>"), writer=Echo(), judge=judge)
    assert "The ingredients are [egg, rice]. " in ask(adapter, "recipe", choice)[0]
