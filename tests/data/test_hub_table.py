"""Question tables: AdaMLLM's benchmark in every form in which people have it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import pytest
from hub_folders import embedded, save, snapshot

from foodbench.core.errors import DataCorrupt, DataMissing, UnknownName
from foodbench.data.hub_table import ADAPT_COUNTS, ADAPT_FOLDERS, AdaptEval, QuestionTable, TableColumns
from foodbench.data.images import ImageFile


@pytest.fixture(scope="session")
def photos(small_kitchen: Path) -> list[Path]:
    return sorted((small_kitchen / "food-101" / "images").rglob("*.jpg"))[:2]


@pytest.fixture
def tables(photos: list[Path]) -> dict[str, Any]:
    """One table per configuration: texts or lists of names, as in the hub's columns."""
    labels: dict[str, list[Any]] = {
        "Recipe1M": ["Rice bowl. Cook the rice.", "Steak. Fry it."],
        "Nutrition5K": [["rice", "egg"], ["beef"]],
        "Food101": ["apple pie", "french fries"],
        "FoodSeg103": [["rice"], []],
    }
    made = {}
    for config, label in labels.items():
        text = datasets.Value("string")
        kind = text if isinstance(label[0], str) else datasets.Sequence(text)
        features = datasets.Features({"image": datasets.Image(), "input": text, "label": kind})
        rows = {"image": [embedded(one) for one in photos], "input": [f"{config} 1?", f"{config} 2?"], "label": label}
        made[config] = datasets.Dataset.from_dict(rows, features=features)
    return made


def folders(tables: dict[str, Any], root: Path, *, official: bool = True) -> Path:
    """One folder of save_to_disk per configuration, as on the hub."""
    for config, table in tables.items():
        table.save_to_disk(str(root / (ADAPT_FOLDERS[config] if official else config)), num_shards=2)
    return root


def bare_shards(tables: dict[str, Any], root: Path) -> Path:
    """Only the data-*.arrow files, as somebody downloads them by hand."""
    for path in folders(tables, root).rglob("*.json"):
        path.unlink()
    return root


def splits(tables: dict[str, Any], root: Path) -> Path:
    """One revision keeps the configurations as splits of one dataset."""
    return save({ADAPT_FOLDERS[config]: table for config, table in tables.items()}, root)


def dictionaries(tables: dict[str, Any], root: Path) -> Path:
    """Each folder saved as a DatasetDict with the split `test`."""
    for config, table in tables.items():
        save({"test": table}, root / ADAPT_FOLDERS[config])
    return root


def parquet(tables: dict[str, Any], root: Path) -> Path:
    """The hub's automatic conversion, by configuration."""
    for config, table in tables.items():
        snapshot({"test": table}, root / config)
    return root


FORMS = [
    folders,
    lambda tables, root: folders(tables, root, official=False),
    bare_shards,
    splits,
    dictionaries,
    parquet,
]


@pytest.mark.parametrize("write", FORMS)
def test_all_forms_give_the_same_rows(tables: dict[str, Any], photos: list[Path], tmp_path: Path, write: Any) -> None:
    reader = AdaptEval(write(tables, tmp_path / "food-VQA-benchmark"))
    assert reader.available() == tuple(ADAPT_FOLDERS) == tuple(ADAPT_COUNTS)
    recipes = reader.records("Recipe1M")
    assert [row.label for row in recipes] == ["Rice bowl. Cook the rice.", "Steak. Fry it."]
    assert [row.input for row in recipes] == ["Recipe1M 1?", "Recipe1M 2?"]
    assert [row.row_id for row in recipes] == [0, 1]
    assert [row.label for row in reader.records("Nutrition5K")] == [("rice", "egg"), ("beef",)]
    assert [row.label for row in reader.records("FoodSeg103")] == [("rice",), ()]
    assert [row.label for row in reader.records("Food101")] == ["apple pie", "french fries"]
    for config in reader.configs:
        for row, photo in zip(reader.records(config), photos, strict=True):
            assert row.image.fingerprint() == ImageFile(photo).fingerprint()
            assert row.image.open().mode == "RGB"


def test_the_fingerprint_is_of_the_rows_and_not_of_their_form(tables: dict[str, Any], tmp_path: Path) -> None:
    one, other = (AdaptEval(write(tables, tmp_path / write.__name__)) for write in (folders, parquet))
    assert one.table("Food101").fingerprint() == other.table("Food101").fingerprint()
    assert one.table("Food101").fingerprint() != one.table("Nutrition5K").fingerprint()
    assert len(one.table("Food101")) == 2


def test_what_is_absent_is_told(tables: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(DataMissing, match="none of the tables") as caught:
        AdaptEval(tmp_path)
    assert "AdaptLLM/food-VQA-benchmark" in caught.value.hint
    del tables["Recipe1M"]
    reader = AdaptEval(folders(tables, tmp_path))
    assert reader.available() == ("Nutrition5K", "Food101", "FoodSeg103")
    with pytest.raises(DataMissing, match="food_eval_multitask_v2"):
        reader.records("Recipe1M")
    with pytest.raises(UnknownName) as unknown:
        reader.records("Food-101")
    assert "Food101" in unknown.value.hint


def test_other_column_names(tables: dict[str, Any], tmp_path: Path) -> None:
    renamed = tables["Food101"].rename_columns({"input": "question", "label": "answer"})
    renamed.save_to_disk(str(tmp_path / "table"))
    with pytest.raises(DataCorrupt, match="lacks the columns input, label; it has image, question, answer"):
        QuestionTable(tmp_path / "table")
    table = QuestionTable(tmp_path / "table", columns=TableColumns(input="question", label="answer"))
    assert [row.label for row in table.records()] == ["apple pie", "french fries"]


def test_rows_without_question_or_label_are_refused(photos: list[Path], tmp_path: Path) -> None:
    features = datasets.Features(
        {"image": datasets.Image(), "input": datasets.Value("string"), "label": datasets.Value("string")}
    )
    rows = {"image": [embedded(photos[0])], "input": ["What?"], "label": [None]}
    datasets.Dataset.from_dict(rows, features=features).save_to_disk(str(tmp_path / "table"))
    with pytest.raises(DataCorrupt, match="Row 0"):
        QuestionTable(tmp_path / "table").records()
