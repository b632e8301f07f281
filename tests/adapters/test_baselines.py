"""The trivial baselines, against values worked out by hand, and the ceiling on the real tasks."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from stub_tasks import (
    CHOICE,
    StubTask,
    label_sample,
    labels_sample,
    mask_sample,
    nutrition_sample,
    save_image,
    text_sample,
)

from foodbench.adapters.base import ask, prepare
from foodbench.adapters.baselines import (
    Blind,
    Majority,
    Mean,
    Oracle,
    RandomDraw,
    Refuse,
    Usual,
    best_set,
    naming_text,
    usual_labels,
)
from foodbench.adapters.location import best_region, foreground_map, image_size, stretch
from foodbench.adapters.resolve import load_adapter
from foodbench.core.errors import UnsupportedTask, UsageError
from foodbench.core.types import Nutrition
from foodbench.data.roots import resolve
from foodbench.metrics import masks
from foodbench.metrics.labels import label_metrics
from foodbench.metrics.reading.actions import default_lexicon, find_actions
from foodbench.metrics.reading.names import NameFinder
from foodbench.metrics.reading.recipe_text import read_recipe
from foodbench.stats.summary import point_values
from foodbench.tasks import TASKS
from foodbench.tasks.recipe1m.texts import listed_classes


def answers_of(adapter, task, samples):
    prepare(adapter, task, CHOICE)
    return ask(adapter, [task.request(sample) for sample in samples])


def labels(*dishes):
    return [label_sample(number, dish) for number, dish in enumerate(dishes)]


def dense(answer):
    (mask,) = answer.masks
    return masks.decode(mask)


def test_majority_takes_the_most_frequent_label():
    task = StubTask("label", labels("a_pie", "soup", "soup", "rice"))
    assert [answer.text for answer in answers_of(Majority(), task, labels("x", "y"))] == ["soup", "soup"]


def test_majority_breaks_ties_by_name():
    task = StubTask("label", labels("soup", "apple_pie", "soup", "apple_pie", "zucchini"))
    assert answers_of(Majority(), task, labels("x"))[0].text == "apple pie"


DISHES = [
    nutrition_sample(0, kcal=100.0, mass=10.0, fat=1.0, carb=0.0, protein=4.0),
    nutrition_sample(1, kcal=200.0, mass=20.0, fat=1.0, carb=0.0, protein=5.0),
    nutrition_sample(2, kcal=900.0, mass=60.0, fat=4.0, carb=3.0, protein=6.0),
]


def test_mean_and_median_nutrition():
    task = StubTask("nutrition", DISHES)
    assert answers_of(Mean(), task, DISHES[:1])[0].nutrition == Nutrition(400.0, 30.0, 2.0, 1.0, 5.0)
    assert answers_of(Blind(), task, DISHES[:1])[0].nutrition == Nutrition(200.0, 20.0, 1.0, 0.0, 5.0)


def test_unknown_train_values_are_left_out_of_the_mean():
    task = StubTask("nutrition", [nutrition_sample(0, kcal=100.0), nutrition_sample(1, kcal=300.0, fat=7.0)])
    assert answers_of(Mean(), task, DISHES[:1])[0].nutrition == Nutrition(kcal=200.0, fat=7.0)


@pytest.fixture
def plate(tmp_path):
    return save_image(tmp_path / "plate.png", np.zeros((96, 128, 3)))


def half(side, shape=(64, 64)):
    mask = np.zeros(shape, dtype=bool)
    middle = shape[1] // 2
    mask[:, slice(0, middle) if side == "left" else slice(middle, None)] = True
    return mask


def test_mean_mask_has_the_pictures_size(plate):
    task = StubTask("masks", [mask_sample(n, "rice", half("left", (64 * (n + 1), 128))) for n in range(3)])
    (answer,) = answers_of(Mean(), task, [mask_sample(9, "rice", half("left"), plate)])
    assert np.array_equal(dense(answer), half("left", (96, 128)))
    assert answer.masks[0].label == "rice"


def test_blind_masks_depend_on_the_ingredient_only(plate):
    train = [mask_sample(n, "rice", half("left")) for n in range(40)]
    train += [mask_sample(40 + n, "corn", half("right")) for n in range(50)]
    task = StubTask("masks", train)
    asked = [mask_sample(n, name, half("left"), plate) for n, name in enumerate(("rice", "corn", "eel"))]
    rice, corn, eel = answers_of(Blind(), task, asked)
    assert np.array_equal(dense(rice), half("left", (96, 128)))
    assert np.array_equal(dense(corn), half("right", (96, 128)))
    assert eel.masks[0].label == "eel"
    assert dense(eel).any()  # an ingredient never seen gets the overall prior


def test_best_region_is_best_among_all_regions():
    rng = np.random.default_rng(0)
    for _ in range(20):
        probability = rng.random((2, 4)) ** 2
        total = probability.sum()
        scores = []
        for size in range(1, 9):
            for chosen in combinations(range(8), size):
                covered = probability.ravel()[list(chosen)].sum()
                scores.append(covered / (size + total - covered))
        region = best_region(probability)
        covered = probability[region].sum()
        assert covered / (region.sum() + total - covered) == pytest.approx(max(scores))


def test_region_of_nothing_is_empty():
    assert not best_region(np.zeros((4, 4))).any()
    task = StubTask("masks", [mask_sample(0, "rice", np.zeros((8, 8), dtype=bool))])
    assert task.train  # an empty train mask must not divide by zero either
    assert not best_region(foreground_map(np.zeros((8, 8), dtype=bool))).any()


def test_grids_keep_proportions():
    mask = np.zeros((10, 20), dtype=bool)
    mask[:5, :5] = True
    grid = foreground_map(mask, 4)
    assert grid.shape == (4, 4)
    assert grid.mean() == pytest.approx(0.125, abs=0.005)
    assert stretch(np.array([[1, 2]]), (2, 5)).tolist() == [[1, 1, 1, 2, 2]] * 2


def test_image_size_is_height_and_width(plate):
    class Bare:
        def open(self):
            return plate.open()

    assert image_size(plate) == (96, 128)
    assert image_size(Bare()) == (96, 128)


def test_random_labels_cover_all_labels_evenly_whatever_their_frequency():
    task = StubTask("label", labels(*["soup"] * 50, "pie", "rice"))
    texts = [answer.text for answer in answers_of(RandomDraw(), task, labels(*["x"] * 600))]
    counts = {text: texts.count(text) for text in set(texts)}
    assert set(counts) == {"soup", "pie", "rice"}
    assert all(150 < count < 250 for count in counts.values())


def test_random_nutrition_is_a_train_dish():
    task = StubTask("nutrition", DISHES)
    known = {Nutrition.from_mapping(dish.reference) for dish in DISHES}
    drawn = {answer.nutrition for answer in answers_of(RandomDraw(), task, labels(*["x"] * 40))}
    assert drawn == known


def test_random_mask_is_a_train_mask_resized(plate):
    task = StubTask("masks", [mask_sample(0, "rice", half("left")), mask_sample(1, "corn", half("right"))])
    asked = [mask_sample(number, "eel", half("left"), plate) for number in range(20)]
    drawn = {dense(answer).tobytes() for answer in answers_of(RandomDraw(), task, asked)}
    assert drawn == {half("left", (96, 128)).tobytes(), half("right", (96, 128)).tobytes()}


def test_random_draws_depend_on_seed_and_sample_only():
    task = StubTask("label", labels(*(f"dish{n}" for n in range(30))))
    asked = labels(*["x"] * 25)
    first = answers_of(RandomDraw(seed=1), task, asked)
    assert answers_of(RandomDraw(seed=1), task, asked[::-1]) == first[::-1]
    assert answers_of(RandomDraw(seed=2), task, asked) != first
    assert RandomDraw(seed=1).identity != RandomDraw(seed=2).identity


@pytest.mark.parametrize(("baseline", "kind"), [("majority", "nutrition"), ("majority", "masks"), ("mean", "label")])
def test_tasks_of_another_kind_are_not_measured(baseline, kind):
    task = StubTask(kind, labels("a"))
    with pytest.raises(UnsupportedTask, match=f"baseline:{baseline} answers .* tasks only; stub.task is a {kind} task"):
        prepare(load_adapter(f"baseline:{baseline}"), task, CHOICE)


@pytest.mark.parametrize("name", ["majority", "random", "blind", "colour"])
def test_empty_train_split_is_not_measured(name):
    with pytest.raises(UnsupportedTask, match="nothing to be fitted on"):
        prepare(load_adapter(f"baseline:{name}"), StubTask("label", []), CHOICE)


@pytest.mark.parametrize("name", ["majority", "random", "blind", "oracle"])
def test_asking_before_fitting_is_explained(name):
    with pytest.raises(UsageError, match="before it was fitted"):
        ask(load_adapter(f"baseline:{name}"), [StubTask("label", []).request(label_sample(0, "x"))])


def test_oracle_can_be_told_the_samples_and_knows_no_others():
    task = StubTask("label", [])
    oracle = Oracle()
    oracle.reveal(task, labels("apple_pie"))
    assert ask(oracle, [task.request(label_sample(0, "?"))])[0].text == "apple pie"
    with pytest.raises(UsageError, match="does not know s7"):
        ask(oracle, [task.request(label_sample(7, "?"))])


def test_the_usual_labels_have_the_best_mean_f1():
    train = [labels_sample(n, "rice", "egg") for n in range(3)] + [labels_sample(9, "rice", "tofu")]
    assert usual_labels(train) == ("rice", "egg")
    by_hand = {("rice",): 2 / 3, ("rice", "egg"): (3 + 0.5) / 4, ("rice", "egg", "tofu"): 0.8}
    assert max(by_hand, key=by_hand.__getitem__) == ("rice", "egg")
    (answer,) = answers_of(Blind(), StubTask("labels", train), train[:1])
    assert answer.text == "rice, egg"
    assert usual_labels([labels_sample(0)]) == ()


def test_the_best_set_pooled_and_by_sample_are_two():
    sets = [{"rice"}] * 3 + [{"rice", "egg", "corn", "tofu"}] * 2
    # Pooled: 2 * 5 / (11 + 5) for rice, 2 * 7 / (11 + 10) with corn, 2 * 9 / (11 + 15), 2 * 11 / (11 + 20) with all.
    assert best_set(sets, pooled=True) == ("rice", "corn", "egg", "tofu")
    # By sample: (3 * 1 + 2 * 2 / 5) / 5 for rice, (3 * 2 / 3 + 2 * 4 / 6) / 5 with corn, and less with more.
    assert best_set(sets, pooled=False) == ("rice",)
    assert best_set([[], ["rice"]], pooled=True) == ("rice",)
    assert best_set([[], []], pooled=True) == ()


def set_text(number, key, *names):
    sample = text_sample(number, f"recipe {number}")
    return replace(sample, reference={**sample.reference, key: list(names)})


@pytest.mark.parametrize(("key", "kind"), [("classes", "micro"), ("actions", "sample")])
def test_usual_texts_name_the_set_of_the_f1_that_comes_first(key, kind):
    train = [set_text(n, key, "red_rice") for n in range(3)]
    train += [set_text(3 + n, key, "red_rice", "egg", "corn", "tofu") for n in range(2)]
    metrics = [metric for metric in label_metrics() if metric.id == f"f1.{kind}"]
    (answer,) = answers_of(Usual(), StubTask("text", train, metrics=metrics), train[:1])
    more = ["corn", "egg", "tofu"] if kind == "micro" else []
    assert answer.text == naming_text(["red rice", *more])


def test_usual_labels_have_the_best_pooled_f1():
    train = [labels_sample(n, "rice") for n in range(3)]
    train += [labels_sample(3 + n, "rice", "egg", "corn", "tofu") for n in range(2)]
    assert answers_of(Usual(), StubTask("labels", train), train[:1])[0].text == "rice, corn, egg, tofu"
    assert answers_of(Blind(), StubTask("labels", train), train[:1])[0].text == "rice"


def test_usual_needs_a_set_to_count():
    with pytest.raises(UnsupportedTask, match="stub.task: its references hold no set"):
        prepare(Usual(), StubTask("text", [text_sample(0, "a recipe")]), CHOICE)


def test_a_text_that_names_is_read_as_what_it_names():
    actions = [verb.lemma for verb in default_lexicon().verbs]
    recipe = read_recipe(naming_text(actions))
    assert set(find_actions("\n".join(recipe.steps))) == set(actions)
    foods = ["rice", "olive oil", "butter", "red bell pepper"]
    recipe = read_recipe(naming_text(foods))
    assert listed_classes(recipe.ingredients, tuple(foods)) == foods
    assert list(NameFinder(foods).find("\n".join(recipe.steps)).names) == foods


@pytest.mark.parametrize("task_name", ["recipe1m.recipe", "recipe1m.instructions"])
def test_naming_what_is_usual_beats_the_most_typical_text(kitchen, task_name):
    task = TASKS.get(task_name)
    data = task.load(resolve(task.dataset, "kitchen"))
    of_sets = next(metric.id for metric in task.metrics if "f1." in metric.id)
    assert "baseline:usual" in task.floors
    assert measure(task, data, "usual")[of_sets] > measure(task, data, "blind")[of_sets]


def test_every_task_with_a_set_has_what_is_usual_among_its_floors():
    text_tasks = [TASKS.get(name) for name in TASKS.names() if TASKS.get(name).answer_kind in ("text", "labels")]
    with_sets = {task.name for task in text_tasks if any("f1." in metric.id for metric in task.metrics)}
    with_usual = {task.name for task in text_tasks if "baseline:usual" in task.floors}
    assert {"recipe1m.recipe", "recipe1m.actions", "vireo172.ingredients"} <= with_sets <= with_usual


def plate_of(number, kcal, **masses):
    parts = {name: {"kcal": 1.0, "mass": mass} for name, mass in masses.items()}
    return nutrition_sample(number, kcal=kcal, mass=sum(masses.values()), parts=parts)


def test_one_part_stands_for_the_plate_where_parts_are_asked_for():
    train = [
        plate_of(0, 100.0, rice=50.0, oil=1.0),
        plate_of(1, 200.0, rice=60.0, oil=1.0),
        plate_of(2, 900.0, fish=80.0, oil=1.0),
    ]
    heard = []

    class Listening(StubTask):
        def oracle(self, sample):
            heard.append(sample.reference)
            return super().oracle(replace(sample, reference={"kcal": sample.reference["kcal"]}))

    answers_of(Blind(), Listening("nutrition", train), train[:1])
    assert heard == [{"kcal": 200.0, "mass": 61.0, "parts": {"oil": {"kcal": 200.0, "mass": 61.0}}}]
    heard.clear()
    answers_of(Mean(), Listening("nutrition", train), train[:1])
    assert heard == [{"kcal": 400.0, "mass": 193 / 3, "parts": {"rice": {"kcal": 400.0, "mass": 193 / 3}}}]


def test_the_most_typical_text_is_the_one_closest_to_the_others():
    texts = ["boil rice then serve", "boil rice then add egg then serve", "fry the steak", "boil rice then add tofu"]
    train = [text_sample(number, text) for number, text in enumerate(texts)]
    (answer,) = answers_of(Blind(), StubTask("text", train), train[:1])
    assert answer.text == texts[1]


def test_random_texts_and_sets_are_shuffled_references():
    train = [text_sample(number, f"recipe {number}") for number in range(5)]
    asked = [text_sample(100 + number, "?") for number in range(30)]
    said = {answer.text for answer in answers_of(RandomDraw(), StubTask("text", train), asked)}
    assert said == {f"recipe {number}" for number in range(5)}


def test_medians_are_those_of_the_asked_ingredient():
    def portion(number, ingredient, kcal):
        return replace(nutrition_sample(number, kcal=kcal), slots={"ingredient": ingredient})

    train = [portion(n, "rice", 100.0 + n) for n in range(5)] + [portion(9, "steak", 900.0)]
    rice, steak = answers_of(
        Blind(), StubTask("nutrition", train), [portion(20, "rice", 0.0), portion(21, "steak", 0.0)]
    )
    assert rice.nutrition.kcal == 102.0
    assert steak.nutrition.kcal == 102.5, "one steak is too few: the median of all"


def test_refuse_denies_every_name(plate):
    sample = mask_sample(0, "rice", half("left"), plate)
    (answer,) = answers_of(Refuse(), StubTask("masks", [sample]), [sample])
    assert answer.text == "The rice is not found in this picture."
    assert answer.masks == ()


def measure(task, data, name):
    adapter = load_adapter(f"baseline:{name}")
    prepare(adapter, task, data.choice)
    requests = [task.request(sample) for sample in data.samples]
    together = ask(adapter, requests)
    singly = [ask(adapter, [request])[0] for request in reversed(requests[:8])][::-1]
    assert singly == together[:8]  # neither the batch nor the order matters
    scores = [
        task.score(sample, answer.to_text(), data.vocabulary)
        for sample, answer in zip(data.samples, together, strict=True)
    ]
    assert all(score.error is None for score in scores)
    return point_values(task.metrics, scores)


@pytest.mark.parametrize("task_name", TASKS.names())
def test_random_answers_are_no_better_than_the_floor_and_the_floor_is_below_the_ceiling(kitchen, task_name):
    task = TASKS.get(task_name)
    data = task.load(resolve(task.dataset, "kitchen"))
    primary = task.metrics[0]
    sign = 1 if primary.higher_is_better else -1
    ceiling = measure(task, data, "oracle")[primary.id]
    floor = max(sign * measure(task, data, name.removeprefix("baseline:"))[primary.id] for name in task.floors)
    chance = sign * measure(task, data, "random")[primary.id]
    assert floor < sign * ceiling
    # A random draw is a draw: two standard errors of a proportion of 24 answers, in the metric's scale.
    spread = 0.2 * primary.scale if primary.bounds == (0.0, 1.0) else 0.25 * abs(floor)
    assert chance <= floor + spread
