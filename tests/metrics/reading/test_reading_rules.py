"""The tables and rules behind the readers."""

from __future__ import annotations

import random
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foodbench.core.errors import UsageError
from foodbench.metrics.reading import adamllm
from foodbench.metrics.reading.actions import ACTIONS_VERSION, find_actions
from foodbench.metrics.reading.inflection import inflect
from foodbench.metrics.reading.lexicon import ActionLexicon, default_lexicon
from foodbench.metrics.reading.names import (
    INGREDIENT_READING_VERSION,
    NameFinder,
    Synonym,
    ingredient_synonyms,
    parse_synonyms,
)
from foodbench.metrics.reading.plurals import singular
from foodbench.metrics.reading.quantities import value_of
from foodbench.metrics.reading.sentences import protect_abbreviations, sentences, without_marker

FOODS = ("rice", "spring onion", "onion", "egg tart", "egg", "tomato", "fish")


@pytest.mark.parametrize(
    ("plural", "one"),
    [
        ("tomatoes", "tomato"), ("potatoes", "potato"), ("leaves", "leaf"), ("loaves", "loaf"), ("berries", "berry"),
        ("cookies", "cookie"), ("olives", "olive"), ("peaches", "peach"), ("dishes", "dish"), ("boxes", "box"),
        ("cheeses", "cheese"), ("sauces", "sauce"), ("eggs", "egg"), ("geese", "goose"), ("quiches", "quiche"),
        ("asparagus", "asparagus"), ("couscous", "couscous"), ("swiss", "swiss"), ("pastis", "pastis"),
        ("fries", "fries"), ("greens", "greens"), ("gas", "gas"), ("rice", "rice"), ("peas", "pea"), ("tacos", "taco"),
        ("s", "s"), ("", ""),
    ],
)  # fmt: skip
def test_singular(plural: str, one: str) -> None:
    assert singular(plural) == one
    assert singular(one) == one


@pytest.mark.parametrize(
    ("lemma", "forms"),
    [
        ("chop", ("chops", "chopped", "chopped", "chopping")),
        ("bake", ("bakes", "baked", "baked", "baking")),
        ("stir-fry", ("stir-fries", "stir-fried", "stir-fried", "stir-frying")),
        ("simmer", ("simmers", "simmered", "simmered", "simmering")),
        ("mix", ("mixes", "mixed", "mixed", "mixing")),
        ("steam", ("steams", "steamed", "steamed", "steaming")),
        ("grind", ("grinds", "ground", "ground", "grinding")),
        ("freeze", ("freezes", "froze", "frozen", "freezing")),
        ("tie", ("ties", "tied", "tied", "tying")),
        ("saute", ("sautes", "sauteed", "sauteed", "sauteing")),
        ("transfer", ("transfers", "transferred", "transferred", "transferring")),
        ("open", ("opens", "opened", "opened", "opening")),
        ("whip", ("whips", "whipped", "whipped", "whipping")),
        ("puree", ("purees", "pureed", "pureed", "pureeing")),
        ("wash", ("washes", "washed", "washed", "washing")),
        ("lay", ("lays", "laid", "laid", "laying")),
    ],
)
def test_inflection(lemma: str, forms: tuple[str, ...]) -> None:
    assert tuple(inflect(lemma)) == forms


def test_the_lexicon_knows_all_forms_and_spellings() -> None:
    lexicon = default_lexicon()
    assert lexicon.version == ACTIONS_VERSION
    assert len(lexicon.verbs) > 400
    for form, lemma in {
        "chopped": "chop", "caramelising": "caramelize", "stir-fried": "stir-fry", "stirfry": "stir-fry",
        "bbq": "barbecue", "moulded": "mold", "ground": "grind", "diced": "dice",
    }.items():  # fmt: skip
        assert lexicon.lemma(form) == lemma
    assert lexicon.lemma("rice") == "rice"  # to rice potatoes
    assert lexicon.lemma("quickly") is None
    for light in ("use", "make", "start", "keep", "put", "let", "continue", "gather", "enjoy"):
        assert lexicon.lemma(light) is None


def test_every_verb_is_found_as_a_command() -> None:
    for verb in default_lexicon().verbs:
        assert find_actions(f"{verb.lemma.capitalize()} the food.") == [verb.lemma]
        assert find_actions(f"Carefully {verb.lemma.replace('-', ' ')} it.") == [verb.lemma]
        assert find_actions(f"The {verb.lemma} of it is there.") == []


@settings(deadline=None)
@given(st.lists(st.sampled_from([verb.lemma for verb in default_lexicon().verbs]), max_size=8))
def test_sentences_add_up(lemmas: list[str]) -> None:
    text = "\n".join(f"{number}. {lemma} the food." for number, lemma in enumerate(lemmas, start=1))
    assert find_actions(text) == list(dict.fromkeys(lemmas))
    assert find_actions(text + text) == find_actions(text)
    assert find_actions(text.upper()) == find_actions(text)


def test_a_lexicon_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "verbs.txt"
    path.write_text("# mine\nstir\nflamber  # French\nsalt\noil verb\n\n", encoding="utf-8")
    lexicon = ActionLexicon.load(path)
    assert [verb.lemma for verb in lexicon.verbs] == ["flamber", "oil", "salt", "stir"]
    assert find_actions("Stir, boil and flamber. Season with pepper, salt.", lexicon) == ["stir", "flamber"]
    assert lexicon.version.startswith("actions:")
    again = tmp_path / "again.txt"
    again.write_text("stir\nflamber\nsalt\noil\n", encoding="utf-8")
    assert ActionLexicon.load(again).version == lexicon.version
    again.write_text("stir\nflamber\nsalt\n", encoding="utf-8")
    assert ActionLexicon.load(again).version != lexicon.version


@pytest.mark.parametrize(
    "content", [b"", b"# nothing\n", b"stir fry it\n*\n", b"\xff\xfe\x00", b"12\n", b"stir mixed ***\n"]
)
def test_a_bad_lexicon_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "verbs.txt"
    path.write_bytes(content)
    with pytest.raises(UsageError):
        ActionLexicon.load(path)
    with pytest.raises(UsageError):
        ActionLexicon.load(tmp_path / "missing.txt")


def test_resources_are_packaged_and_well_formed() -> None:
    resources = files("foodbench.metrics") / "resources"
    assert (resources / f"{ACTIONS_VERSION}.txt").is_file()
    assert (resources / f"{INGREDIENT_READING_VERSION}.txt").is_file()
    for synonym in ingredient_synonyms():
        assert all(synonym.members), synonym
        assert len(synonym.members) == {"own": 1, "part": 2}.get(synonym.kind, len(synonym.members))
        assert synonym.kind != "same" or len(synonym.members) >= 2


def test_no_name_is_in_two_groups_of_synonyms() -> None:
    seen: dict[str, tuple[str, ...]] = {}
    for synonym in ingredient_synonyms():
        if synonym.kind == "same":
            for member in synonym.members:
                assert seen.setdefault(member, synonym.members) == synonym.members, member


def test_synonyms_need_their_target_and_no_place_of_their_own() -> None:
    table = parse_synonyms("scallion = green onion\nmint > cilantro mint # comment\n\nrice paper !\n")
    assert table == (
        Synonym("same", ("scallion", "green onion")),
        Synonym("part", ("mint", "cilantro mint")),
        Synonym("own", ("rice paper",)),
    )
    assert NameFinder(["scallion"], table).find("green onions").names == ("scallion",)
    assert NameFinder(["scallion", "green onion"], table).find("green onions").names == ("green onion",)
    assert NameFinder(["onion"], table).find("green onions").names == ("onion",)
    assert NameFinder(["cilantro_mint"], table).find("mint").names == ("cilantro_mint",)
    assert NameFinder(["cilantro mint", "mint"], table).find("mint").names == ("mint",)
    assert NameFinder(["rice", "paper"], table).find("rice papers").names == ("paper",)
    assert NameFinder(["rice", "rice paper"], table).find("rice paper").names == ("rice paper",)
    assert NameFinder(["scallion"], ()).find("green onions").names == ()


def test_plurals_can_be_left_out() -> None:
    assert NameFinder(["tomato"], plurals=False).find("tomatoes").names == ()
    assert NameFinder(["tomato"], plurals=False).find("a tomato").names == ("tomato",)


def test_names_without_a_word_are_never_found() -> None:
    finder = NameFinder(["", "-_up", "!!", "rice", "rice"])
    assert finder.names == ("", "-_up", "!!", "rice")
    assert finder.find("up !! - rice").names == ("rice",)


def test_positions_are_those_of_the_text() -> None:
    text = "½ of the Crème Brûlées, no e\u0301gg"
    first, second = NameFinder(["creme_brulee", "egg"]).occurrences(text)
    assert (first.name, text[first.start : first.end], first.negated) == ("creme_brulee", "Crème Brûlées", False)
    assert (second.name, text[second.start : second.end], second.negated) == ("egg", "e\u0301gg", True)


@settings(deadline=None)
@given(st.lists(st.sampled_from(FOODS), max_size=12))
def test_a_list_of_names_is_read_as_it_stands(names: list[str]) -> None:
    finder = NameFinder(FOODS)
    assert finder.find(", ".join(names)).names == tuple(dict.fromkeys(names))
    assert finder.find("\n".join(f"- {name.upper()}s" for name in names)).names == tuple(dict.fromkeys(names))


def test_the_number_of_names_does_not_change_what_is_found() -> None:
    many = [f"dish number{number} x" for number in range(5_000)]
    assert NameFinder([*many, *FOODS]).find("spring onion and rice").names == ("spring onion", "rice")


@settings(deadline=None)
@given(st.floats(min_value=0, max_value=1e9).map(lambda value: round(value, 3)))
def test_numbers_in_english_notation_are_read(value: float) -> None:
    assert value_of(f"{value:.3f}") == value
    assert value_of(f"{value:,.3f}") == value


@pytest.mark.parametrize("text", ["", ".", "1.2.3", "1,2,3", "1,23,456", "01,234", "1e999", "1" * 400, "1.234.567"])
def test_what_is_no_clear_number_is_none(text: str) -> None:
    assert value_of(text) is None


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Add 2 tbsp. oil. Mix.", "Add 2 tbsp oil. Mix."),
        ("Add 2 tbsp. Mix.", "Add 2 tbsp. Mix."),
        ("Put it in. 2 minutes", "Put it in. 2 minutes"),
        ("A 9 in. pan", "A 9 in pan"),
        ("e.g. rice", "e.g rice"),
    ],
)
def test_abbreviations_end_no_sentence(text: str, plain: str) -> None:
    assert protect_abbreviations(text) == plain


@pytest.mark.parametrize(
    "marker",
    ["-", "--", "*", "+", "[-]", "[+]", "1.", "1)", "1).", "(1).", "[1].", "A).",  "(a).", "[A].", "(i).", "I.", "•",
     "Step 3:"],
)  # fmt: skip
def test_list_markers_are_taken_off(marker: str) -> None:
    assert without_marker(f"  {marker} rice and peas") == "rice and peas"


def test_what_looks_like_a_marker_stays() -> None:
    for line in ("1.5 cups rice", "2 eggs", "-", "A cup", "I like rice"):
        assert without_marker(line) == line
    assert sentences("Mix (well). Bake at 3.5. \n\n Eat!") == ["Mix (well).", "Bake at 3.5.", "Eat!"]


def test_substrings_are_found_as_in_the_original() -> None:
    names = ["oil", "eel", "rice", "ham", "champagne", "rice", "French beans", ""]
    text = "Boiled eel, peel; licorice with champagne and french beans"
    assert adamllm.find_ingredients(text, names) == ["French beans", "champagne", "rice", "oil", "eel"]
    assert adamllm.find_ingredients("", names) == []
    assert adamllm.find_ingredients("rcorne", ["corn", "re"]) == ["corn", "re"]  # found across the seam


def test_a_draw_depends_on_the_example_alone() -> None:
    names = ["a pie", "b pie", "c pie", "d pie"]
    state = random.getstate()
    draws = [adamllm.read_choice("none", names, example) for example in range(400)]
    assert random.getstate() == state
    assert draws == [adamllm.read_choice("something else", names, example) for example in range(400)]
    assert all(choice.random for choice in draws)
    counts = [sum(choice.index == index for choice in draws) for index in range(4)]
    assert min(counts) > 60  # uniform: 100 each


def test_options_can_have_letters() -> None:
    names = ["cat", "dog"]
    assert adamllm.read_choice("The answer is (B).", names, 0, keys="AB").index == 1
    assert adamllm.read_choice("A dog", names, 0, keys="AB").index == 0  # an article is a choice
    assert adamllm.read_choice("the dog", names, 0, keys="AB").index == 1
    with pytest.raises(ValueError, match="one key for each option"):
        adamllm.read_choice("x", names, 0, keys="ABC")
    with pytest.raises(ValueError, match="option"):
        adamllm.read_choice("x", [], 0)
