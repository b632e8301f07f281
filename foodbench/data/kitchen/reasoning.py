"""What can be asked about a plate so that the answer points at ingredients: dialogues for the kitchen's FoodReasonSeg.

Every answer follows from the ingredients on the plate and the table of nutrition per gram. A comparison is asked only
where it is clear (the first is ahead of the next by `MARGIN`), a selection only where one to three ingredients are
meant. The wordings are the project's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from string import Template

import numpy as np

from foodbench.data.kitchen.ingredients import INGREDIENT_NAMES, INGREDIENTS

MASK_REQUEST = "Please output segmentation mask."
MARGIN = 1.15
MAX_POINTED = 3
MIN_ROUNDS, MAX_ROUNDS = 2, 4

_PLURALS = {
    "egg": "Eggs",
    "carrot": "Carrots",
    "tomato": "Tomatoes",
    "cucumber": "Cucumbers",
    "white button mushroom": "White button mushrooms",
    "avocado": "Avocados",
}
_ALWAYS_PLURAL = {"green beans", "red beans", "french fries"}
# Names that people use and FoodSeg103 does not; with whether they are plural.
_STRANGE = {
    "rice": ("Basmati", False),
    "pasta": ("Penne", False),
    "fish": ("Salmon", False),
    "steak": ("Beef", False),
    "chicken duck": ("Poultry", False),
    "shrimp": ("Prawns", True),
    "egg": ("Sunny side up", False),
    "tofu": ("Bean curd", False),
    "broccoli": ("Green florets", True),
    "carrot": ("Carrot coins", True),
    "tomato": ("Tomato slices", True),
    "lettuce": ("Salad leaves", True),
    "cucumber": ("Cucumber slices", True),
    "green beans": ("Haricots verts", True),
    "corn": ("Sweetcorn", False),
    "red beans": ("Kidney beans", True),
    "french fries": ("Chips", True),
    "white button mushroom": ("Champignons", True),
    "sauce": ("Curry", False),
    "avocado": ("Avocado half", False),
}

_CALLED: dict[str, str] = {
    **{name.capitalize(): name for name in INGREDIENT_NAMES},
    **{plural: name for name, plural in _PLURALS.items()},
    **{strange: name for name, (strange, _) in _STRANGE.items()},
    "Chicken": "chicken duck",
}

Finder = Callable[[Sequence[str]], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Question:
    """One thing to ask about a plate.

    Attributes:
        kind: short name of it, unique.
        wordings: of the question, without the request for masks.
        answers: templates with `$found` (the names and their tokens), `$is`, `$has` and `$amount`.
        find: from the ingredients on a plate to those that the answer points at; none if it cannot be asked.
        amount: what `$amount` says about the first ingredient found.
    """

    kind: str
    wordings: tuple[str, ...]
    answers: tuple[str, ...]
    find: Finder
    amount: Callable[[str], str] = lambda _: ""


@dataclass(frozen=True, slots=True)
class Style:
    """How a dialogue is told.

    Attributes:
        plural: name countable ingredients in the plural, always or never; None: as it comes.
        strange: call the first ingredient by a name that is no FoodSeg103 class.
        must: kinds to ask first, as far as they can be asked.
        open_question: ask one question whose answer points at nothing; None: as it comes.
    """

    plural: bool | None = None
    strange: bool = False
    must: tuple[str, ...] = ()
    open_question: bool | None = None


def _per_gram(name: str, nutrient: str) -> float:
    return getattr(INGREDIENTS[name].per_gram, nutrient) or 0.0


def _most(nutrient: str, count: int = 1, least: float = 0.02) -> Finder:
    """The ingredients with the most of a nutrient per gram, if the next one has clearly less."""

    def find(names: Sequence[str]) -> tuple[str, ...]:
        ranked = sorted(names, key=lambda name: -_per_gram(name, nutrient))
        if len(ranked) <= count or _per_gram(ranked[count - 1], nutrient) < least:
            return ()
        clear = _per_gram(ranked[count - 1], nutrient) >= MARGIN * _per_gram(ranked[count], nutrient)
        return tuple(ranked[:count]) if clear else ()

    return find


def _leanest(names: Sequence[str]) -> tuple[str, ...]:
    """The ingredient with the fewest calories per gram, if the next one has clearly more."""
    ranked = sorted(names, key=lambda name: _per_gram(name, "kcal"))
    clear = len(ranked) > 1 and MARGIN * _per_gram(ranked[0], "kcal") <= _per_gram(ranked[1], "kcal")
    return (ranked[0],) if clear else ()


def _among(*wanted: str) -> Finder:
    """All ingredients of a group, in the order of their numbers."""

    def find(names: Sequence[str]) -> tuple[str, ...]:
        found = tuple(name for name in INGREDIENT_NAMES if name in wanted and name in names)
        return found if len(found) <= MAX_POINTED else ()

    return find


def _grams(nutrient: str) -> Callable[[str], str]:
    return lambda name: f"{100 * _per_gram(name, nutrient):.0f} g"


def _kcal(name: str) -> str:
    return f"{100 * _per_gram(name, 'kcal'):.0f} kcal"


QUESTIONS: tuple[Question, ...] = (
    Question(
        "protein",
        (
            "Which food on this plate gives the most protein for its weight?",
            "I train a lot and look for protein. What should I eat first here?",
            "What is the densest source of protein in this meal?",
        ),
        (
            "$found $is the best choice, with about $amount of protein in 100 g.",
            "Gram for gram, $found $has the most protein here: about $amount in 100 g.",
        ),
        _most("protein"),
        _grams("protein"),
    ),
    Question(
        "fat",
        (
            "Which part of the dish is the richest in fat?",
            "My doctor wants me to cut down on fat. What should worry me most on this plate?",
            "Where does the fat sit in this meal, compared by weight?",
        ),
        (
            "$found $has the most fat for the weight, around $amount in 100 g.",
            "That would be $found, with roughly $amount of fat in every 100 g.",
        ),
        _most("fat"),
        _grams("fat"),
    ),
    Question(
        "carbohydrate",
        (
            "What is the most concentrated source of carbohydrate in the picture?",
            "I need quick fuel before a run. Which food here holds the most carbohydrate per bite?",
            "Which ingredient would raise my blood sugar the most, for the same weight?",
        ),
        (
            "$found $has by far the most carbohydrate, about $amount in 100 g.",
            "With some $amount of carbohydrate in 100 g, $found $is ahead of everything else.",
        ),
        _most("carb", least=0.15),
        _grams("carb"),
    ),
    Question(
        "two carbohydrates",
        (
            "Which two foods bring the most carbohydrate for their weight?",
            "If I had to name the two starchiest things here, which would they be?",
        ),
        (
            "$found $is the two with the most carbohydrate per gram.",
            "Look at $found: nothing else on the plate is as starchy.",
        ),
        _most("carb", count=2, least=0.2),
    ),
    Question(
        "lightest",
        (
            "Which food here could I eat a lot of without many calories?",
            "What has the fewest calories for its weight?",
            "I want to fill up on something light. What do you suggest on this plate?",
        ),
        (
            "$found $is the lightest, at about $amount in 100 g.",
            "Take $found: 100 g come to only about $amount.",
        ),
        _leanest,
        _kcal,
    ),
    Question(
        "heaviest",
        (
            "Which ingredient is the most calorie-dense?",
            "Leaving out one bite of what would save me the most calories?",
            "Which part of the meal packs the most energy into each gram?",
        ),
        (
            "$found $has the highest energy density, about $amount in 100 g.",
            "That would be $found, at roughly $amount in 100 g.",
        ),
        _most("kcal", least=0.5),
        _kcal,
    ),
    Question(
        "plant protein",
        (
            "What is the plant source of protein here?",
            "What on this plate would give a vegan plenty of protein?",
        ),
        (
            "$found $is rich in protein and comes from a plant.",
            "A vegan would get the protein from $found.",
        ),
        _among("tofu", "red beans"),
    ),
    Question(
        "animal protein",
        (
            "Which foods here supply animal protein?",
            "Where does the animal protein of this meal come from?",
        ),
        ("It comes from $found.", "$found $is of animal origin and rich in protein."),
        _among("fish", "steak", "chicken duck", "shrimp", "egg"),
    ),
    Question(
        "vegetable",
        (
            "What on this plate counts as a vegetable?",
            "My child should eat more vegetables. Which are in this meal?",
        ),
        ("Count $found as vegetables.", "The vegetables on this plate: $found."),
        _among("broccoli", "carrot", "tomato", "lettuce", "cucumber", "green beans"),
    ),
    Question(
        "low carb",
        (
            "What would somebody on a low-carb diet leave on this plate?",
            "I am on a ketogenic diet. Which foods should I push aside?",
        ),
        (
            "A low-carb eater would leave $found.",
            "Push $found aside; the starch there does not fit into a ketogenic day.",
        ),
        _among("rice", "pasta", "corn", "red beans", "french fries"),
    ),
    Question(
        "vegetarian",
        (
            "I invited a vegetarian. What must come off this plate?",
            "What here would a vegetarian not eat?",
        ),
        ("A vegetarian would not touch $found.", "$found $is what has to go for a vegetarian guest."),
        _among("fish", "steak", "chicken duck", "shrimp"),
    ),
    Question(
        "crustacean",
        ("My friend is allergic to crustaceans. What is dangerous here?", "Where is the shellfish in this meal?"),
        (
            "Careful with $found, which belongs to the crustaceans.",
            "Look at $found, a shellfish that many are allergic to.",
        ),
        _among("shrimp"),
    ),
    Question(
        "gluten",
        ("What should somebody with coeliac disease avoid?", "Where is the gluten on this plate?"),
        ("$found $is usually made of wheat and so holds gluten.", "The gluten sits in $found, made from wheat."),
        _among("pasta"),
    ),
    Question(
        "omega",
        ("Which food provides omega-3 fatty acids?", "What on the plate is good for the heart because of its oils?"),
        ("$found $is known for omega-3 fatty acids.", "Eat $found for the omega-3 fatty acids."),
        _among("fish"),
    ),
    Question(
        "carotene",
        ("Which ingredient is famous for beta-carotene?", "What here helps the body to make vitamin A?"),
        ("$found $has plenty of beta-carotene.", "The body makes vitamin A from the beta-carotene in $found."),
        _among("carrot"),
    ),
    Question(
        "plant fat",
        (
            "Which food here has fat that is mostly unsaturated, and from a plant?",
            "Where is the creamy plant fat in this dish?",
        ),
        ("$found $is the one: creamy, and mostly monounsaturated.", "Look at $found for unsaturated plant fat."),
        _among("avocado"),
    ),
    Question(
        "deep fried",
        ("What on the plate came out of the fryer?", "Which food was cooked in a lot of hot oil?"),
        ("$found came out of the fryer.", "The oil was for $found."),
        _among("french fries"),
    ),
    Question(
        "raw",
        ("What is served raw here?", "Which foods on this plate need no cooking at all?"),
        ("$found $is served raw.", "Nobody has to cook $found."),
        _among("lettuce", "cucumber", "tomato", "avocado"),
    ),
)
"""What is answered by pointing, as far as it can be asked about a plate."""

_EVERYTHING = Question(
    "everything",
    ("What is there to eat on this plate?", "Which foods can you make out?"),
    ("There $is $found.", "I can make out $found."),
    tuple,  # asked only where nothing else can be: on some crowded plates, or with a single food
)

_OPEN_QUESTIONS = (
    "How could I make this plate a little lighter?",
    "What would you change about this meal to save some calories?",
    "Do you have a tip for making this dish less heavy?",
)
_OPEN_ANSWERS = (
    "Serve less of the $heavy and add more $light: that saves energy and still fills the plate.",
    "I would take a smaller portion of $heavy and a larger one of $light.",
)


def ingredient_of(mention: str) -> str:
    """The ingredient that an answer calls so.

    Raises:
        KeyError: no answer calls anything so.
    """
    return _CALLED[mention]


def askable(names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """What can be asked about a plate (never nothing): by kind of question, the ingredients to point at."""
    found = {question.kind: question.find(names) for question in QUESTIONS}
    return {kind: pointed for kind, pointed in found.items() if pointed} or {_EVERYTHING.kind: tuple(names)}


def reasoning_rounds(names: Sequence[str], rng: np.random.Generator, style: Style) -> list[tuple[str, str]]:
    """A dialogue about a plate.

    Args:
        names: the ingredients on it, at least one.
        rng: draws questions and wordings.
        style: how it is told.

    Returns:
        Two to four (question, answer) pairs; at least one answer points at something.
    """
    pointed = askable(names)
    kinds = [kind for kind in style.must if kind in pointed]
    others = [kind for kind in pointed if kind not in kinds]
    kinds += [others[index] for index in rng.permutation(len(others))]
    count = max(int(rng.integers(MIN_ROUNDS, MAX_ROUNDS + 1)), min(len(style.must), MAX_ROUNDS))
    has_open = rng.random() < 0.3
    if style.open_question is not None:
        has_open = style.open_question
    kinds = kinds[: max(1, count - has_open)]
    table = {question.kind: question for question in (*QUESTIONS, _EVERYTHING)}
    strange = style.strange
    rounds = []
    for kind in kinds:
        rounds.append(_pointing_round(table[kind], pointed[kind], rng, style, strange))
        strange = False
    # Also where too little can be asked: a dialogue has two rounds at least.
    if has_open or len(rounds) < MIN_ROUNDS:
        rounds.insert(int(rng.integers(1, len(rounds) + 1)), _open_round(names, rng))
    return rounds


def _one_of(rng: np.random.Generator, options: Sequence[str]) -> str:
    return options[int(rng.integers(len(options)))]


def _pointing_round(
    question: Question, pointed: Sequence[str], rng: np.random.Generator, style: Style, strange: bool
) -> tuple[str, str]:
    asked = f"{_one_of(rng, question.wordings)} {MASK_REQUEST}"
    template = Template(_one_of(rng, question.answers))
    marks: list[str] = []
    plural = len(pointed) > 1
    for number, name in enumerate(pointed, start=1):
        text, several = _mention(name, rng, style, strange and number == 1)
        marks.append(f"{{{text}}} [SEG{number}]")
        plural = plural or several
    answer = template.substitute(
        {
            "found": _enumeration(marks),
            "is": "are" if plural else "is",
            "has": "have" if plural else "has",
            "amount": question.amount(pointed[0]),
        }
    )
    return asked, answer


def _mention(name: str, rng: np.random.Generator, style: Style, strange: bool) -> tuple[str, bool]:
    """How an answer calls an ingredient, and whether that is a plural."""
    plural = rng.random() < 0.5 if style.plural is None else style.plural
    if strange:
        return _STRANGE[name]
    if name in _PLURALS and plural:
        return _PLURALS[name], True
    text = "Chicken" if name == "chicken duck" else name.capitalize()
    return text, name in _ALWAYS_PLURAL


def _enumeration(parts: Sequence[str]) -> str:
    if len(parts) == 1:
        return parts[0]
    return ", ".join(parts[:-1]) + " and " + parts[-1]


def _open_round(names: Sequence[str], rng: np.random.Generator) -> tuple[str, str]:
    ranked = sorted(names, key=lambda name: _per_gram(name, "kcal"))
    words = {"heavy": _in_words(ranked[-1]), "light": _in_words(ranked[0])}
    return _one_of(rng, _OPEN_QUESTIONS), Template(_one_of(rng, _OPEN_ANSWERS)).substitute(words)


def _in_words(name: str) -> str:
    return "chicken" if name == "chicken duck" else name
