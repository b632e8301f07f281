"""Tasks about kitchen meals by rule: for tuning a small synthesiser, and for knowing whether its answers are right.

Each family has wordings with named places and a solver. Drawing a task fills the places and solves; checking somebody
else's task finds the wording it follows, reads the places back, and solves again. So the accuracy of synthetic tasks on
the kitchen is known without a judge.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from baselines.adamllm.kitchen_meals import GROUPS, Meal
from baselines.adamllm.records import Triplet, enumerate_words
from foodbench.data.kitchen.dishes import DISHES
from foodbench.data.kitchen.ingredients import INGREDIENT_NAMES, INGREDIENTS
from foodbench.tasks.prompts import is_plural

Places = Mapping[str, str]
Solution = tuple[str, str]
"""The informative and the precise answer."""
_LETTERS = "abc"
_CLOSE = 0.2
"""An estimate of calories may be off by this share."""


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of task.

    Attributes:
        name: of the family.
        task_type: of the paper's list.
        wordings: instructions with places in braces.
        draw: values for the places, None where the meal gives no such task.
        solve: both answers from the values; None where these make no sense for the meal.
        number: the answer is a number, which may be off a little.
        open_ended: it has no single right answer.
    """

    name: str
    task_type: str
    wordings: tuple[str, ...]
    draw: Callable[[Meal, random.Random], Places | None]
    solve: Callable[[Meal, Places], Solution | None]
    number: bool = False
    open_ended: bool = False


def _verb(name: str) -> str:
    return "are" if is_plural(name) else "is"


def _on_plate(meal: Meal) -> str:
    return f"On the plate I see {enumerate_words(meal.names)}."


def _absent(meal: Meal) -> list[str]:
    return [name for name in INGREDIENT_NAMES if name not in meal.grams]


def _nothing(_meal: Meal, _rng: random.Random) -> Places:
    return {}


def _dish(meal: Meal, _places: Places) -> Solution:
    needed = enumerate_words(DISHES[meal.dish].required)
    return f"{_on_plate(meal)} A plate built on {needed} is known as {meal.dish}.", meal.dish


def _count(meal: Meal, _places: Places) -> Solution:
    return f"{_on_plate(meal)} Counting them gives {len(meal.names)}.", str(len(meal.names))


def _draw_presence(meal: Meal, rng: random.Random) -> Places:
    return {"food": rng.choice(meal.names if rng.random() < 0.5 else _absent(meal))}


def _presence(meal: Meal, places: Places) -> Solution | None:
    food = places["food"]
    if food not in INGREDIENTS:
        return None
    there = food in meal.grams
    among = "among them" if there else "not among them"
    return f"{_on_plate(meal)} The {food} {_verb(food)} {among}.", "yes" if there else "no"


def _heaviest(meal: Meal, _places: Places) -> Solution | None:
    order = meal.heaviest_first()
    if len(order) < 2 or meal.grams[order[0]] == meal.grams[order[1]]:
        return None
    amounts = enumerate_words([f"{meal.grams[name]} g of {name}" for name in order])
    return f"By eye there are {amounts}. The largest of these portions is the {order[0]}.", order[0]


def _draw_pair(meal: Meal, rng: random.Random) -> Places | None:
    if len(meal.names) < 2:
        return None
    first, second = rng.sample(meal.names, 2)
    return {"first": first, "second": second}


def _compare(meal: Meal, places: Places) -> Solution | None:
    first, second = places["first"], places["second"]
    if first not in meal.grams or second not in meal.grams or meal.grams[first] == meal.grams[second]:
        return None
    more, less = sorted((first, second), key=lambda name: -meal.grams[name])
    told = f"The {more} weighs about {meal.grams[more]} g and the {less} about {meal.grams[less]} g."
    return f"{told} The larger amount is that of the {more}.", more


def _draw_options(meal: Meal, rng: random.Random) -> Places:
    options = rng.sample([name for name in DISHES if name != meal.dish], 2)
    options.insert(rng.randrange(3), meal.dish)
    return {"options": _options(options)}


def _options(names: Sequence[str]) -> str:
    return " ".join(f"({letter}) {name}" for letter, name in zip(_LETTERS, names, strict=True))


def _read_options(text: str) -> list[str] | None:
    found = re.fullmatch(r"\(a\) (.+) \(b\) (.+) \(c\) (.+)", text)
    return None if found is None else list(found.groups())


def _choose(meal: Meal, places: Places) -> Solution | None:
    options = _read_options(places["options"])
    if options is None or meal.dish not in options:
        return None
    chosen = f"({_LETTERS[options.index(meal.dish)]}) {meal.dish}"
    return f"{_on_plate(meal)} Of the three dishes only one is made like that: {chosen}.", chosen


def _draw_missing(meal: Meal, rng: random.Random) -> Places | None:
    if len(meal.names) < 2:
        return None
    names = [*rng.sample(meal.names, 2), rng.choice(_absent(meal))]
    rng.shuffle(names)
    return {"names": enumerate_words(names)}


def _missing(meal: Meal, places: Places) -> Solution | None:
    names = re.split(r", | and ", places["names"])
    absent = [name for name in names if name in INGREDIENTS and name not in meal.grams]
    if len(absent) != 1:
        return None
    return f"{_on_plate(meal)} Of {places['names']} the only one I cannot find is the {absent[0]}.", absent[0]


def _meatless(meal: Meal, _places: Places) -> Solution:
    animal = [name for name in meal.names if GROUPS[name] in ("meat", "seafood")]
    if animal:
        return f"{_on_plate(meal)} With {enumerate_words(animal)} in it, it is not meatless.", "no"
    return f"{_on_plate(meal)} All of that comes without meat and seafood.", "yes"


def _group(meal: Meal, _places: Places) -> Solution | None:
    weights: dict[str, int] = {}
    for name, grams in meal.grams.items():
        weights[GROUPS[name]] = weights.get(GROUPS[name], 0) + grams
    order = sorted(weights, key=lambda group: -weights[group])
    if len(order) > 1 and weights[order[0]] == weights[order[1]]:
        return None
    told = enumerate_words([f"{weights[group]} g of {group}" for group in order])
    return f"Sorted by group there are {told}. The first of these makes up most of it: {order[0]}.", order[0]


def _draw_step(meal: Meal, rng: random.Random) -> Places:
    return {"step": rng.choice(meal.steps[:-1])}


def _next_step(meal: Meal, places: Places) -> Solution | None:
    steps = list(meal.steps)
    if places["step"] not in steps[:-1]:
        return None
    following = steps[steps.index(places["step"]) + 1]
    told = "; ".join(steps)
    return f"The plate was made in these steps: {told}. The one that comes after is: {following}.", following


def _draw_food(meal: Meal, rng: random.Random) -> Places:
    return {"food": rng.choice(meal.names)}


def _method(meal: Meal, places: Places) -> Solution | None:
    food = places["food"]
    if food not in meal.grams:
        return None
    step = INGREDIENTS[food].step
    return f"The look of the {food} tells how it was treated. The way to do that: {step}.", step


def _draw_kcal(meal: Meal, rng: random.Random) -> Places:
    away = rng.choice((0.5, 0.65, 1.5, 1.8))
    return {"limit": str(max(50, round(meal.total("kcal") * away / 50) * 50))}


def _more_kcal(meal: Meal, places: Places) -> Solution | None:
    if not re.fullmatch(r"[0-9]{1,5}", places["limit"]):
        return None
    limit, total = int(places["limit"]), meal.total("kcal")
    more = total > limit
    parts = enumerate_words([f"{round(meal.part(name, 'kcal'))} kcal in the {name}" for name in meal.heaviest_first()])
    verdict = "above" if more else "not above"
    return f"I reckon with {parts}. Together about {round(total)} kcal, which is {verdict} {limit}.", _yes(more)


def _yes(true: bool) -> str:
    return "yes" if true else "no"


def _kcal(meal: Meal, _places: Places) -> Solution:
    parts = enumerate_words([f"{round(meal.part(name, 'kcal'))} kcal in the {name}" for name in meal.heaviest_first()])
    total = round(meal.total("kcal") / 10) * 10
    return f"I reckon with {parts}. Rounded, that adds up to {total} kcal.", f"{total} kcal"


def _protein(meal: Meal, _places: Places) -> Solution:
    best = max(meal.names, key=lambda name: meal.part(name, "protein"))
    grams = enumerate_words([f"{meal.part(name, 'protein'):.0f} g from the {name}" for name in meal.heaviest_first()])
    return f"The protein is shared out like this: {grams}. The main source of it is the {best}.", best


def _draw_statement(meal: Meal, rng: random.Random) -> Places:
    names = list(meal.names[:2])
    if rng.random() < 0.5:
        names[rng.randrange(len(names))] = rng.choice(_absent(meal))
    return {"statement": f"a plate with {enumerate_words(names)}"}


def _statement(meal: Meal, places: Places) -> Solution | None:
    names = re.split(r", | and ", places["statement"].removeprefix("a plate with "))
    if not all(name in INGREDIENTS for name in names):
        return None
    wrong = [name for name in names if name not in meal.grams]
    if wrong:
        return f"{_on_plate(meal)} Of what the statement names, {enumerate_words(wrong)} cannot be seen.", "no"
    return f"{_on_plate(meal)} Everything that the statement names is there.", "yes"


def _describe(meal: Meal, _places: Places) -> Solution:
    order = meal.heaviest_first()
    told = f"A plate of {meal.dish} on a table, with {enumerate_words(order)} side by side."
    return f"{told} It looks fresh and would please many.", f"a serving of {meal.dish}"


FAMILIES: tuple[Family, ...] = (
    Family(
        "dish", "object recognition", ("What is the dish on this plate called?", "Name this dish."), _nothing, _dish
    ),
    Family(
        "count",
        "attribute and context recognition",
        ("How many different ingredients are on this plate?", "Count the kinds of food on this plate."),
        _nothing,
        _count,
    ),
    Family(
        "presence",
        "attribute and context recognition",
        ("Do you see {food} on this plate?", "Can {food} be seen in this picture?"),
        _draw_presence,
        _presence,
    ),
    Family(
        "heaviest",
        "attribute and context recognition",
        ("Which ingredient weighs the most on this plate?", "Of which ingredient is there the most by weight?"),
        _nothing,
        _heaviest,
    ),
    Family(
        "compare",
        "attribute and context recognition",
        ("Is there more {first} or more {second} on this plate by weight?",),
        _draw_pair,
        _compare,
    ),
    Family(
        "choose",
        "domain classification",
        ("Which dish is shown? {options}", "Classify this meal as one of these: {options}"),
        _draw_options,
        _choose,
    ),
    Family(
        "missing",
        "anomaly detection",
        ("One of {names} is not in the picture. Which one?", "Find the odd one among {names}: it is not on the plate."),
        _draw_missing,
        _missing,
    ),
    Family(
        "meatless",
        "domain classification",
        ("Is this meal free of meat and seafood?", "Would this suit a vegetarian who eats eggs?"),
        _nothing,
        _meatless,
    ),
    Family("group", "domain classification", ("Which group of foods makes up most of this meal?",), _nothing, _group),
    Family(
        "next_step",
        "step-by-step guidance",
        ("This meal is being cooked, and somebody has just done this: {step}. Which step is next?",),
        _draw_step,
        _next_step,
    ),
    Family(
        "method",
        "step-by-step guidance",
        ("How is the {food} of this meal prepared?", "What was done with the {food} before it was served here?"),
        _draw_food,
        _method,
    ),
    Family(
        "more_kcal",
        "task-oriented image recognition",
        ("Does this meal have more than {limit} kcal?",),
        _draw_kcal,
        _more_kcal,
    ),
    Family(
        "kcal",
        "task-oriented image recognition",
        ("About how many calories does this plate hold?", "Estimate the calories of this meal."),
        _nothing,
        _kcal,
        number=True,
    ),
    Family(
        "protein",
        "task-oriented image recognition",
        ("Which ingredient gives this meal most of its protein?",),
        _nothing,
        _protein,
    ),
    Family(
        "statement",
        "image-text matching",
        ("Does this statement match the picture: {statement}?",),
        _draw_statement,
        _statement,
    ),
    Family(
        "describe",
        "caption generation",
        ("Describe this meal in your own words.", "What impression does this plate make?"),
        _nothing,
        _describe,
        open_ended=True,
    ),
)
"""All families; drawn with equal chances."""


def _pattern(wording: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", wording)
    built = [f"(?P<{part}>.+)" if number % 2 else re.escape(part) for number, part in enumerate(parts)]
    return re.compile("".join(built))


_PATTERNS = tuple((family, _pattern(wording)) for family in FAMILIES for wording in family.wordings)
_LONGEST = 500


def draw_task(meal: Meal, rng: random.Random, families: Sequence[Family] = FAMILIES) -> tuple[Family, Triplet]:
    """A task about a meal with both right answers.

    Args:
        meal: what is on the plate.
        rng: randomness.
        families: to draw from; at least one must fit every meal.
    """
    while True:
        family = rng.choice(families)
        places = family.draw(meal, rng)
        solved = None if places is None else family.solve(meal, places)
        if places is not None and solved is not None:
            return family, Triplet(_worded(rng.choice(family.wordings), places), *solved)


def _worded(wording: str, places: Places) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: places[found[1]], wording)


def family_of(instruction: str) -> tuple[Family, Places] | None:
    """The family whose wording an instruction follows, and what it fills in; None if it follows none."""
    text = instruction[:_LONGEST].strip()
    for family, pattern in _PATTERNS:
        found = pattern.fullmatch(text)
        if found is not None:
            return family, found.groupdict()
    return None


def solve(instruction: str, meal: Meal) -> Solution | None:
    """Both right answers to an instruction about a meal; None if it follows no wording or makes no sense."""
    found = family_of(instruction)
    return None if found is None else found[0].solve(meal, found[1])


def is_right(instruction: str, answer: str, meal: Meal) -> bool | None:
    """Whether a precise answer is right; None if the task is open or not one of ours.

    A task of ours that makes no sense for the meal (the next step after one that this meal does not have) has no right
    answer: any is wrong.
    """
    found = family_of(instruction)
    if found is None or found[0].open_ended:
        return None
    family, places = found
    solved = family.solve(meal, places)
    if solved is None:
        return False
    if family.number:
        said, true = _number(answer), _number(solved[1])
        return said is not None and true is not None and abs(said - true) <= _CLOSE * true
    return _plain(answer) == _plain(solved[1])


def _number(text: str) -> float | None:
    found = re.search(r"\d+(?:\.\d+)?", text[:_LONGEST])
    return None if found is None else float(found[0])


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", text[:_LONGEST].lower()))
