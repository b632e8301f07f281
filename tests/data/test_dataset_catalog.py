"""The catalog: complete, light, and true to the lists that are at hand."""

from __future__ import annotations

import dataclasses
import hashlib
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest

from foodbench.core.errors import UnknownName
from foodbench.data.catalog import CATALOG, READERS, DatasetCard, cards
from foodbench.data.inspection import INSPECTORS
from foodbench.data.inspection.base import id_set_sha256

NAMES = [
    "food101",
    "vireo172",
    "recipe1m",
    "nutrition5k",
    "foodseg103",
    "uecfoodpix",
    "foodreasonseg",
    "fooddialogues",
]
FOLDERS = {"food101": "food-101", "nutrition5k": "nutrition5k_dataset"}


def test_all_eight_datasets_have_a_card() -> None:
    assert CATALOG.names() == [card.name for card in cards()] == NAMES
    assert set(READERS.names()) <= set(NAMES)
    assert set(READERS.names()) == set(INSPECTORS.names())
    assert [card.name for card in cards() if card.readable] == [name for name in NAMES if name in READERS]


def test_nothing_on_a_card_is_left_unsaid() -> None:
    assert not [
        field.name
        for field in dataclasses.fields(DatasetCard)
        if field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
    ]
    for card in cards():
        assert all(
            (
                card.title,
                card.licence,
                card.terms,
                card.source,
                card.how_to_get,
                card.layout,
                card.splits,
                card.citation,
            )
        )
        assert card.used_by
        assert card.download_size
        for checksum in (*card.checksums, *card.archives):
            assert re.fullmatch(r"[0-9a-f]{64}", checksum.sha256)
        for split, ids in card.id_sets.items():
            assert ids.count == card.splits[split]
    assert pickle.loads(pickle.dumps(cards()[0])) == cards()[0]


def test_readable_datasets_say_how_to_register_them() -> None:
    for card in cards():
        if card.readable:
            assert f"foodbench data add {card.name}" in card.how_to_get_text()
            assert card.counts


def test_unknown_names_get_a_suggestion() -> None:
    with pytest.raises(UnknownName) as caught:
        CATALOG.get("foodseg")
    assert "foodseg103" in caught.value.hint


def test_importing_the_catalog_is_light() -> None:
    code = (
        "import sys, foodbench.data.catalog as catalog; catalog.cards()\n"
        "heavy = {'numpy', 'PIL', 'torch', 'pandas', 'scipy', 'pycocotools', 'pydantic'} & set(sys.modules)\n"
        "print(sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_importing_a_reader_loads_no_decoder() -> None:
    code = (
        "import sys, foodbench.data.food101, foodbench.data.nutrition5k, foodbench.data.foodseg103\n"
        "import foodbench.data.vireo172, foodbench.data.uecfoodpix\n"
        "print(sorted({'PIL', 'torch', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.parametrize("name", sorted(FOLDERS))
def test_the_real_metadata_has_the_digests_of_the_card(realdata: Path, name: str) -> None:
    for checksum in CATALOG.get(name).checksums:
        data = (realdata / FOLDERS[name] / checksum.path).read_bytes()
        assert (hashlib.sha256(data).hexdigest(), len(data)) == (checksum.sha256, checksum.size)


def test_the_real_id_lists_have_the_digests_of_the_card(realdata: Path) -> None:
    meta = realdata / "food-101" / "meta"
    for split, ids in CATALOG.get("food101").id_sets.items():
        assert id_set_sha256((meta / f"{split}.txt").read_text().split()) == ids.sha256
    splits = realdata / "nutrition5k_dataset" / "dish_ids" / "splits"
    for split, ids in CATALOG.get("nutrition5k").id_sets.items():
        assert id_set_sha256((splits / f"{split}_ids.txt").read_text().split()) == ids.sha256


def test_the_foodseg103_split_is_the_known_one() -> None:
    numbers = {48, 263, 1977, 2106, *range(4401, 6281), *range(6867, 7118)}
    test = [f"{number:08d}" for number in numbers]
    train = [f"{number:08d}" for number in range(7118) if number not in numbers]
    ids = CATALOG.get("foodseg103").id_sets
    assert (len(train), len(test)) == (ids["train"].count, ids["test"].count)
    assert id_set_sha256(test) == ids["test"].sha256
    assert id_set_sha256(train) == ids["train"].sha256
