"""Conversations about the nutrition of a dish: the text of the kitchen's FoodDialogues.

Every number in an answer is computed from the dish's portions; advice follows fixed rules (stated beside each). Values
that the real dataset would tag are tagged, in both spellings and both positions that occur there. The wordings are the
project's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

MIN_ROUNDS, MAX_ROUNDS = 2, 5

LOW_CARB_GRAMS = 30.0
"""A dish with more carbohydrate is no low-carb dish."""
HIGH_PROTEIN_SHARE = 0.25
"""A dish of which protein gives this share of the energy (4 kcal per gram) is high in protein."""
LOW_FAT_SHARE = 0.30
"""A dish of which fat gives no more than this share of the energy (9 kcal per gram) is low in fat."""
LIGHT_KCAL = 400.0
"""A dish with no more energy is a light meal."""

_MEAT = ("steak", "chicken duck", "fish", "shrimp")
_WHEAT = ("pasta",)


@dataclass(frozen=True, slots=True)
class Share:
    """One portion of a dish: name, grams, kcal, and grams of fat, carbohydrate and protein."""

    name: str
    mass: float
    kcal: float
    fat: float
    carb: float
    protein: float

    @property
    def called(self) -> str:
        """What people call it in a sentence."""
        return "chicken" if self.name == "chicken duck" else self.name


@dataclass(frozen=True, slots=True)
class Meal:
    """A dish by its portions, heaviest first."""

    shares: tuple[Share, ...]

    def total(self, quantity: str) -> float:
        """The sum of a quantity over the portions."""
        return sum(getattr(share, quantity) for share in self.shares)

    def top(self, quantity: str) -> Share:
        """The portion with the most of a quantity."""
        return max(self.shares, key=lambda share: getattr(share, quantity))

    def named(self, names: Sequence[str]) -> tuple[Share, ...]:
        """The portions with one of these names."""
        return tuple(share for share in self.shares if share.name in names)


@dataclass(frozen=True, slots=True)
class Spelling:
    """How a dialogue writes tags.

    Attributes:
        total_first: `[TOTAL_CAL]` instead of `[CAL_TOTAL]`.
        unit_last: `25.3[PRO] grams` instead of `25.3 grams [PRO]`.
        braces: questions put names in braces.
    """

    total_first: bool
    unit_last: bool
    braces: bool

    def part(self, value: float, kind: str) -> str:
        """A tagged value of a portion; `kind` is MASS, CAL, FAT, CARB or PRO."""
        return self._tagged(value, kind, kind)

    def whole(self, value: float, kind: str) -> str:
        """A tagged value of the whole dish."""
        return self._tagged(value, kind, f"TOTAL_{kind}" if self.total_first else f"{kind}_TOTAL")

    def _tagged(self, value: float, kind: str, tag: str) -> str:
        unit = "kcal" if kind == "CAL" else "grams"
        return f"{value:.1f}[{tag}] {unit}" if self.unit_last else f"{value:.1f} {unit} [{tag}]"

    def name(self, share: Share) -> str:
        """A portion's name in a question."""
        return f"{{{share.called}}}" if self.braces else share.called


Round = tuple[str, str]
Teller = Callable[[Meal, Spelling, np.random.Generator], Round]


def _one_of(rng: np.random.Generator, *options: str) -> str:
    return options[int(rng.integers(len(options)))]


def _enumeration(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def _names(shares: Sequence[Share]) -> str:
    return "the " + _enumeration([share.called for share in shares])


def _share_of_energy(meal: Meal, quantity: str) -> float:
    factor = 9.0 if quantity == "fat" else 4.0
    energy = sum(
        {"fat": 9.0, "carb": 4.0, "protein": 4.0}[name] * meal.total(name) for name in ("fat", "carb", "protein")
    )
    return factor * meal.total(quantity) / energy if energy else 0.0


def _energy(meal: Meal, spelling: Spelling, rng: np.random.Generator) -> Round:
    asked = _one_of(
        rng,
        "How many calories does this whole dish have?",
        "What do I take in if I finish everything on the plate?",
        "Could you estimate the energy of this meal?",
    )
    kcal, mass = spelling.whole(meal.total("kcal"), "CAL"), spelling.whole(meal.total("mass"), "MASS")
    told = _one_of(
        rng,
        f"The whole dish comes to about {kcal} and weighs {mass}.",
        f"I estimate {kcal} for the plate, at a weight of {mass}.",
    )
    return asked, f"{told} Most of it is due to the {meal.top('kcal').called}."


def _macronutrients(meal: Meal, spelling: Spelling, rng: np.random.Generator) -> Round:
    asked = _one_of(
        rng,
        "Can you list fat, carbohydrate and protein for the meal?",
        "How do the macronutrients of this plate add up?",
        "What are the totals of fat, carbs and protein?",
    )
    fat, carb, protein = (
        spelling.whole(meal.total(name), kind) for name, kind in (("fat", "FAT"), ("carb", "CARB"), ("protein", "PRO"))
    )
    return asked, _one_of(
        rng,
        f"In total there are {fat} of fat, {carb} of carbohydrate and {protein} of protein.",
        f"The plate holds {protein} of protein, {carb} of carbohydrate and {fat} of fat.",
    )


def _protein_of_part(meal: Meal, spelling: Spelling, rng: np.random.Generator) -> Round:
    share = meal.shares[int(rng.integers(len(meal.shares)))]
    name = spelling.name(share)
    asked = _one_of(
        rng,
        f"How much protein do I get from the {name}?",
        f"What does the {name} add to my protein?",
        f"Is the {name} worth eating for its protein?",
    )
    mass, protein = spelling.part(share.mass, "MASS"), spelling.part(share.protein, "PRO")
    return asked, f"The portion of {share.called} weighs about {mass} and gives you {protein} of protein."


def _richest(meal: Meal, spelling: Spelling, rng: np.random.Generator) -> Round:
    quantity, kind, word = (("fat", "FAT", "fat"), ("carb", "CARB", "carbohydrate"), ("protein", "PRO", "protein"))[
        int(rng.integers(3))
    ]
    asked = _one_of(
        rng,
        f"Which ingredient contributes the most {word}?",
        f"Where does most of the {word} in this dish come from?",
        f"What should I eat less of to get less {word}?",
    )
    share = meal.top(quantity)
    amount, total = spelling.part(getattr(share, quantity), kind), spelling.whole(meal.total(quantity), kind)
    return asked, f"The {share.called}, with {amount} of the {total} of {word} on the plate."


def _breakdown(meal: Meal, spelling: Spelling, rng: np.random.Generator) -> Round:
    asked = _one_of(
        rng,
        "Please break the calories down by ingredient.",
        "What does each part of the meal weigh, and how many calories does it have?",
        "Can you go through the ingredients one by one?",
    )
    lines = [
        f"{share.called.capitalize()}: {spelling.part(share.mass, 'MASS')}, {spelling.part(share.kcal, 'CAL')}"
        for share in meal.shares
    ]
    return asked, "Here is my estimate for each ingredient.\n" + "\n".join(lines)


def _low_carb(meal: Meal, spelling: Spelling, rng: np.random.Generator) -> Round:
    asked = _one_of(
        rng, "Does this fit into a low-carb diet?", "I try to avoid carbohydrate. Is this meal all right for me?"
    )
    carb = spelling.whole(meal.total("carb"), "CARB")
    if meal.total("carb") <= LOW_CARB_GRAMS:
        return asked, f"Yes, it does: there are only {carb} of carbohydrate in the whole dish."
    source = meal.top("carb")
    part = spelling.part(source.carb, "CARB")
    return asked, f"Rather not. It has {carb} of carbohydrate, {part} of them from the {source.called}."


def _high_protein(meal: Meal, spelling: Spelling, rng: np.random.Generator) -> Round:
    asked = _one_of(
        rng, "Is this a good meal after the gym?", "I want a lot of protein. Would you recommend this dish?"
    )
    percent = f"{100 * _share_of_energy(meal, 'protein'):.0f}%"
    protein = spelling.whole(meal.total("protein"), "PRO")
    source = meal.top("protein").called
    if _share_of_energy(meal, "protein") >= HIGH_PROTEIN_SHARE:
        return asked, f"Yes. Its {protein} of protein, mainly from the {source}, give {percent} of the energy."
    return asked, f"Not really: {protein} of protein are no more than {percent} of the energy."


def _low_fat(meal: Meal, spelling: Spelling, rng: np.random.Generator) -> Round:
    asked = _one_of(rng, "Would you call this a low-fat dish?", "My doctor told me to eat less fat. Can I have this?")
    percent = f"{100 * _share_of_energy(meal, 'fat'):.0f}%"
    fat = spelling.whole(meal.total("fat"), "FAT")
    if _share_of_energy(meal, "fat") <= LOW_FAT_SHARE:
        return asked, f"Yes: it holds {fat} of fat, which is {percent} of the energy."
    return asked, f"No. The {fat} of fat give {percent} of the energy; the {meal.top('fat').called} is to blame."


def _vegetarian(meal: Meal, spelling: Spelling, rng: np.random.Generator) -> Round:
    asked = _one_of(rng, "Can I serve this to a vegetarian?", "Is there meat or fish in this dish?")
    meat = meal.named(_MEAT)
    may_serve = asked.startswith("Can")
    if not meat:
        return asked, f"{'Yes' if may_serve else 'No'}, there is neither meat nor fish; a vegetarian can eat all of it."
    protein = spelling.part(sum(share.protein for share in meat), "PRO")
    told = f"{'No' if may_serve else 'Yes'}, because of {_names(meat)}."
    return asked, f"{told} Without that the meal would lose {protein} of protein."


def _gluten(meal: Meal, spelling: Spelling, rng: np.random.Generator) -> Round:
    asked = _one_of(rng, "Is this dish free of gluten?", "I have coeliac disease. May I eat this?")
    wheat = meal.named(_WHEAT)
    if not wheat:
        return asked, "As far as I can see, yes: none of the ingredients is made of wheat, rye or barley."
    mass = spelling.part(sum(share.mass for share in wheat), "MASS")
    return asked, f"No. There are about {mass} of {wheat[0].called}, which is usually made of wheat."


def _lighter(meal: Meal, spelling: Spelling, rng: np.random.Generator) -> Round:
    asked = _one_of(
        rng,
        "How could I make this meal lighter?",
        "What would you leave out to save calories?",
        "Any advice for a diet?",
    )
    heavy = meal.top("kcal")
    half = spelling.part(heavy.kcal / 2, "CAL")
    rest = meal.total("kcal") - heavy.kcal / 2
    told = f"Take only half of the {heavy.called}: that saves {half}"
    return asked, f"{told}, and about {rest:.0f} kcal would be left on the plate."


def _light_enough(meal: Meal, spelling: Spelling, rng: np.random.Generator) -> Round:
    asked = _one_of(rng, "I am losing weight. Is this suitable for dinner?", "Is this a light meal?")
    kcal = spelling.whole(meal.total("kcal"), "CAL")
    if meal.total("kcal") <= LIGHT_KCAL:
        return asked, f"Yes. With {kcal} it is a light meal."
    heavy = meal.top("kcal")
    part = spelling.part(heavy.kcal, "CAL")
    return asked, f"It is filling rather than light: {kcal}, of which the {heavy.called} alone brings {part}."


def _balance(meal: Meal, spelling: Spelling, rng: np.random.Generator) -> Round:
    asked = _one_of(rng, "How balanced is this meal?", "Which macronutrient gives most of the energy?")
    shares = {word: _share_of_energy(meal, name) for word, name in _MACRONUTRIENTS.items()}
    ranked = sorted(shares, key=lambda word: -shares[word])
    told = _enumeration([f"{100 * shares[word]:.0f}% from {word}" for word in ranked])
    return asked, f"The energy comes to {told}, so {ranked[0]} leads."


_MACRONUTRIENTS = {"carbohydrate": "carb", "protein": "protein", "fat": "fat"}

OPENERS: tuple[Teller, ...] = (_energy, _macronutrients, _breakdown)
"""What a dialogue begins with: every one has totals or portions at the start."""

FOLLOW_UPS: tuple[Teller, ...] = (
    _protein_of_part, _richest, _low_carb, _high_protein, _low_fat, _vegetarian, _gluten, _lighter, _light_enough,
    _balance,
)  # fmt: skip


def meal_rounds(meal: Meal, rng: np.random.Generator) -> list[Round]:
    """A dialogue about a dish.

    Args:
        meal: its portions, at least one.
        rng: draws questions, wordings and the spelling of tags.

    Returns:
        Two to five (question, answer) pairs with tags.
    """
    spelling = Spelling(*(bool(rng.random() < 0.5) for _ in range(3)))
    count = int(rng.integers(MIN_ROUNDS, MAX_ROUNDS + 1))
    tellers = [OPENERS[int(rng.integers(len(OPENERS)))]]
    tellers += [FOLLOW_UPS[index] for index in rng.permutation(len(FOLLOW_UPS))[: count - 1]]
    return [teller(meal, spelling, rng) for teller in tellers]
