"""Ingredient classes: the spelling rules and the grouping of Inverse Cooking's build_vocab.py, worked out by hand."""

from __future__ import annotations

import pickle

import pytest

from foodbench.data.recipe1m_vocabulary import MAX_CLASSES, IngredientVocabulary, canonical, official_vocabulary


@pytest.fixture(scope="module")
def official() -> IngredientVocabulary:
    return official_vocabulary()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Olive Oil", "olive_oil"),
        ("all - purpose flour", "all_-_purpose_flour"),
        ("1 % low-fat milk", "low-fat_milk"),
        ("salt & pepper", "salt_and_pepper"),
        ("salt 'n pepper", "salt_and_pepper"),
        ("  [sugar], no. 2! ", "sugar_no"),
        ("7-up", "-up"),
        ("", ""),
        ("?", ""),
        ("jalapeño 2²", "jalapeño"),  # superscripts are digits to str.isdigit, as in the authors' code
    ],
)
def test_canonical(text: str, expected: str) -> None:
    assert canonical(text) == expected


def test_the_official_list(official: IngredientVocabulary) -> None:
    assert len(official.names) == len(set(official.names)) == 1486
    assert official.names[:3] == ("macaroni", "cheese", "celery")
    assert {"jar", "aluminum_foil", "-_up", "half_-_and_-_half"} < set(official.names)
    assert not {"<end>", "<pad>"} & set(official.names)


def test_every_name_is_its_own_class(official: IngredientVocabulary) -> None:
    assert [official.class_of(name) for name in official.names] == list(official.names)
    assert [official.class_of(name.replace("_", " ")) for name in official.names] == list(official.names)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cheddar cheese", "cheese"),  # last word
        ("cherry tomatoes", "tomato"),  # last word less its plural before the first word
        ("eggs", "egg"),
        ("molasses", "molasses"),  # a name itself: nothing is taken off
        ("egg whites", "egg"),  # first word
        ("extra virgin olive oil", "oil"),
        ("half - and - half", "half_-_and_-_half"),
        ("light cool whip", "cool_whip"),  # last two words
        ("cool whip topping mixture xyz", "cool_whip"),  # first two words
        ("boneless skinless chicken breasts", "chicken"),  # of the last two, the one that is a name
        ("SALT & PEPPER", "pepper"),
        ("xyzzy", None),
        ("", None),
        ("12", None),
        ("<end>", None),
        ("<pad>", None),
    ],
)
def test_grouping(official: IngredientVocabulary, text: str, expected: str | None) -> None:
    assert official.class_of(text) == expected
    assert official.class_of(text) == expected  # from memory


def test_classes_of_a_recipe_are_sorted_unique_and_at_most_twenty(official: IngredientVocabulary) -> None:
    assert official.classes_of(["salt", "egg whites", "eggs", "xyzzy", "", "cheddar cheese"]) == (
        "cheese",
        "egg",
        "salt",
    )
    many = official.names[:30]
    assert official.classes_of(many) == tuple(sorted(many[:MAX_CLASSES]))


def test_names_with_blanks_are_given_as_they_are() -> None:
    kitchen = IngredientVocabulary(["green beans", "white button mushroom", "sauce"])
    assert kitchen.class_of("green beans") == "green beans"
    assert kitchen.classes_of(["white button mushroom", "sauce"]) == ("sauce", "white button mushroom")


def test_what_is_remembered_is_bounded_and_crosses_processes(
    official: IngredientVocabulary, monkeypatch: pytest.MonkeyPatch
) -> None:
    from foodbench.data import recipe1m_vocabulary

    monkeypatch.setattr(recipe1m_vocabulary, "_REMEMBERED", 10)
    vocabulary = IngredientVocabulary(official.names)
    assert [vocabulary.class_of(f"{name} {number}") for number, name in enumerate(official.names)] == list(
        official.names
    )
    assert len(vocabulary._remembered) <= 10
    copy = pickle.loads(pickle.dumps(vocabulary))
    assert (copy.fingerprint, copy.class_of("eggs")) == (vocabulary.fingerprint, "egg")
