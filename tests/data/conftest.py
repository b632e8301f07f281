"""Small copies of the three datasets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dataset_trees import (
    CAFE1,
    CAFE2,
    CLASSES,
    FOOD101_IDS,
    FOODSEG_NAMES,
    LISTS,
    OVERHEAD,
    STEMS,
    TABLE,
    save_mask,
    save_photo,
    write_text,
)


@pytest.fixture
def food101_root(tmp_path: Path) -> Path:
    root = tmp_path / "somewhere" / "food-101"
    write_text(root / "meta" / "classes.txt", "\n".join(CLASSES) + "\n")
    write_text(root / "meta" / "labels.txt", "\n".join(CLASSES.values()) + "\n")
    for split, ids in FOOD101_IDS.items():
        write_text(root / "meta" / f"{split}.txt", "\n".join(ids))  # no final newline, as in the real test.txt
        by_class = {label: [one for one in ids if one.startswith(f"{label}/")] for label in reversed(CLASSES)}
        write_text(root / "meta" / f"{split}.json", json.dumps(by_class))
        for one in ids:
            save_photo(root / "images" / f"{one}.jpg", mode="L" if one == "apple_pie/103" else "RGB")
    return root


@pytest.fixture
def nutrition5k_root(tmp_path: Path) -> Path:
    root = tmp_path / "somewhere" / "nutrition5k_dataset"
    write_text(root / "metadata" / "ingredients_metadata.csv", TABLE)
    write_text(root / "metadata" / "dish_metadata_cafe1.csv", CAFE1)
    write_text(root / "metadata" / "dish_metadata_cafe2.csv", CAFE2)
    for name, ids in LISTS.items():
        write_text(root / "dish_ids" / "splits" / f"{name}_ids.txt", "\n".join(ids) + "\n")
    for dish_id in OVERHEAD:
        save_photo(root / "imagery" / "realsense_overhead" / dish_id / "rgb.png")
    for camera in "BA":
        frames = root / "imagery" / "side_angles" / "dish_1550000004" / "frames"
        save_photo(frames / f"camera_{camera}_frame_001.jpeg")
    return root


@pytest.fixture
def foodseg103_root(tmp_path: Path) -> Path:
    root = tmp_path / "somewhere" / "FoodSeg103"
    lines = [f"{number}\t{name}" for number, name in enumerate(FOODSEG_NAMES)]
    write_text(root / "category_id.txt", "\n".join(lines) + "\n")
    for split, stems in STEMS.items():
        write_text(root / "ImageSets" / f"{split}.txt", "".join(f"{stem}.jpg\n" for stem in stems))
        for index, stem in enumerate(stems):
            save_photo(root / "Images" / "img_dir" / split / f"{stem}.jpg")
            mask = np.zeros((8, 12), dtype=np.uint8)
            mask[2:5, 3:9] = 48 + index
            mask[0, 0] = 255
            save_mask(root / "Images" / "ann_dir" / split / f"{stem}.png", mask, palette=index == 1)
    return root


@pytest.fixture
def synthesise() -> Callable[[Path, str, dict[str, int], list[str]], None]:
    """Turns a copy into a synthetic one by writing marker and manifest."""

    def write(root: Path, dataset: str, counts: dict[str, int], metadata: list[str]) -> None:
        files = sorted(path for path in root.rglob("*") if path.is_file())
        digests = {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
        manifest = "".join(f"{digest}  {name}\n" for name, digest in digests.items())
        marker = {
            "schema": 1,
            "generator": "hand",
            "version": "1",
            "dataset": dataset,
            "seed": 0,
            "size": 8,
            "counts": counts,
            "metadata_sha256": {name: digests[name] for name in metadata},
            "files_sha256": hashlib.sha256(manifest.encode()).hexdigest(),
        }
        write_text(root / ".foodbench-manifest.txt", manifest)
        write_text(root / ".foodbench-synthetic.json", json.dumps(marker))

    return write


@pytest.fixture(scope="session")
def kitchen_photos(small_kitchen: Path) -> list[Path]:
    return sorted((small_kitchen / "food-101" / "images").rglob("*.jpg"))[:8]


@pytest.fixture
def tables(kitchen_photos: list[Path]) -> dict[str, Any]:
    """The two splits of a small ethz/food101."""
    from hub_folders import LABELS, food101_table

    return {
        "train": food101_table(kitchen_photos[:5], LABELS["train"]),
        "validation": food101_table(kitchen_photos[5:], LABELS["validation"]),
    }


@pytest.fixture(scope="session")
def pairs(small_kitchen: Path) -> dict[str, list[tuple[Path, Path]]]:
    root = small_kitchen / "FoodSeg103" / "Images"
    return {
        hub: [
            (photo, root / "ann_dir" / split / f"{photo.stem}.png")
            for photo in sorted((root / "img_dir" / split).glob("*.jpg"))[:4]
        ]
        for hub, split in (("train", "train"), ("validation", "test"))
    }


@pytest.fixture
def segmented(pairs: dict[str, list[tuple[Path, Path]]]) -> dict[str, Any]:
    """The two splits of a small EduardoPacheco/FoodSeg103."""
    from hub_folders import foodseg103_table
    from PIL import Image

    return {
        split: foodseg103_table(
            [photo for photo, _ in found],
            [mask for _, mask in found],
            [np.unique(np.asarray(Image.open(mask))).tolist() for _, mask in found],
        )
        for split, found in pairs.items()
    }


@pytest.fixture
def official_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The small tables are whole copies."""
    from foodbench.data import hub_mirrors
    from foodbench.data.catalog import CATALOG

    class Shrunk:
        def get(self, name: str) -> Any:
            real = CATALOG.get(name)
            small = {"food101": {"train": 5, "test": 3}, "foodseg103": {"train": 4, "test": 4}}[name]
            return type("Card", (), {"splits": small, "counts": real.counts})

    monkeypatch.setattr(hub_mirrors, "CATALOG", Shrunk())
