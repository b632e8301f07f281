"""Small tables with the schemas of the Hugging Face copies, written by the `datasets` library itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import datasets

from foodbench.data.layout import resource_lines

FOOD101_NAMES = list(resource_lines("food101.txt"))
FOODSEG_NAMES = list(resource_lines("foodseg103.txt"))
LABELS = {
    "train": ["cheesecake", "apple_pie", "cheese_plate", "waffles", "apple_pie"],
    "validation": ["waffles", "cheese_plate", "baklava"],
}


def embedded(path: Path) -> dict[str, Any]:
    """A picture as the hub's tables hold it: the bytes of the file and its name."""
    return {"bytes": path.read_bytes(), "path": path.name}


def food101_table(photos: Sequence[Path], labels: Sequence[str], names: Sequence[str] | None = None) -> Any:
    names = list(FOOD101_NAMES if names is None else names)
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=names)})
    rows = {"image": [embedded(path) for path in photos], "label": [names.index(label) for label in labels]}
    return datasets.Dataset.from_dict(rows, features=features)


def foodseg103_table(photos: Sequence[Path], masks: Sequence[Path], classes: Sequence[Sequence[int]]) -> Any:
    features = datasets.Features(
        {
            "image": datasets.Image(),
            "label": datasets.Image(),
            "classes_on_image": datasets.Sequence(datasets.Value("int64")),
            "id": datasets.Value("int64"),
        }
    )
    rows = {
        "image": [embedded(path) for path in photos],
        "label": [embedded(path) for path in masks],
        "classes_on_image": [list(one) for one in classes],
        "id": list(range(len(photos))),
    }
    return datasets.Dataset.from_dict(rows, features=features)


def save(splits: dict[str, Any], folder: Path, *, shards: int = 1) -> Path:
    """As `DatasetDict.save_to_disk`."""
    datasets.DatasetDict(splits).save_to_disk(str(folder), num_shards=dict.fromkeys(splits, shards))
    return folder


def snapshot(splits: dict[str, Any], folder: Path, *, shards: int = 1) -> Path:
    """As a downloaded repository: data/<split>-00000-of-00002.parquet with small row groups."""
    (folder / "data").mkdir(parents=True)
    for split, table in splits.items():
        for index in range(shards):
            path = folder / "data" / f"{split}-{index:05d}-of-{shards:05d}.parquet"
            table.shard(shards, index, contiguous=True).to_parquet(str(path), batch_size=2)
    return folder


def write_id_list(folder: Path, names: Sequence[str]) -> None:
    (folder / "id2label.json").write_text(json.dumps({str(number): name for number, name in enumerate(names)}))
