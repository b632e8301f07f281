"""Question tables of the Hugging Face hub: rows of picture, input text and reference, as AdaMLLM's benchmarks are.

`AdaptLLM/food-VQA-benchmark` keeps four test sets whose questions were written into the table: the rows that AdaMLLM
was scored on, which are not always those of the official test lists. A row has no id but its number. The hub's card
declares no licence, so the tables are read from a folder of the user's and never passed on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from foodbench.core.errors import DataCorrupt, DataMissing, UnknownName
from foodbench.core.hashing import fingerprint
from foodbench.data.hub import HubImage, HubTable, open_table
from foodbench.data.hub_files import find_splits, hub_root, is_hub_folder


@dataclass(frozen=True, slots=True)
class TableColumns:
    """Which columns of a table hold what."""

    image: str = "image"
    input: str = "input"
    label: str = "label"


@dataclass(frozen=True, slots=True)
class TableRow:
    """One question of a table.

    Attributes:
        row_id: the row's number in the split, from 0.
        image: the picture.
        input: the whole prompt, as the table has it.
        label: the reference: a text, or a list of names.
    """

    row_id: int
    image: HubImage
    input: str
    label: str | tuple[str, ...]


class QuestionTable:
    """Reader of one table.

    Attributes:
        folder: its folder.
        split: the split's name there; empty if the table does not say.
    """

    def __init__(self, folder: Path, split: str = "test", columns: TableColumns | None = None) -> None:
        """Open the table; no picture is read.

        Args:
            folder: what `save_to_disk` wrote, or a snapshot with shards.
            split: the split's name; a folder with a single table that does not say its split is taken for it.
            columns: the columns' names.

        Raises:
            DataMissing: no table or no such split.
            DataCorrupt: the files are damaged, or a column is absent.
            UsageError: the package `datasets` is not installed.
        """
        self.folder = hub_root(Path(folder).expanduser().absolute())
        self.columns = columns or TableColumns()
        present = find_splits(self.folder)
        self.split = "" if split not in present and list(present) == [""] else split
        self._table: HubTable = open_table(self.folder, self.split)
        absent = {self.columns.image, self.columns.input, self.columns.label} - set(self._table.columns)
        if absent or not self._table.is_image(self.columns.image):
            raise DataCorrupt(
                f"{self.folder} lacks the columns {', '.join(sorted(absent)) or 'with pictures'}; it has "
                f"{', '.join(self._table.columns)}.",
                hint="This is another table, or its columns have other names.",
            )

    def __len__(self) -> int:
        return self._table.rows

    def records(self) -> tuple[TableRow, ...]:
        """All rows in their order.

        Raises:
            DataCorrupt: an input is no text, or a label neither a text nor a list of texts.
        """
        inputs, labels = self._table.values(self.columns.input), self._table.values(self.columns.label)
        names = self._table.class_names(self.columns.label)
        rows = []
        for row, (question, label) in enumerate(zip(inputs, labels, strict=True)):
            if names is not None and isinstance(label, int) and 0 <= label < len(names):
                label = names[label]
            if not isinstance(question, str) or not _is_label(label):
                raise DataCorrupt(
                    f"Row {row:,} of {self.folder} has no proper question or label.",
                    hint="A label is a text or a list of texts. This is another table, or a damaged one.",
                )
            image = HubImage(self.folder, self.split, row, self.columns.image)
            rows.append(TableRow(row, image, question, label if isinstance(label, str) else tuple(label)))
        return tuple(rows)

    def fingerprint(self) -> str:
        """Digest of the ordered (row, input, label) triples.

        Raises:
            DataCorrupt: as `records`.
        """
        facts = [
            [row.row_id, row.input, row.label if isinstance(row.label, str) else list(row.label)]
            for row in self.records()
        ]
        return fingerprint({"table": facts})


def _is_label(label: Any) -> bool:
    return isinstance(label, str) or (isinstance(label, list) and all(isinstance(name, str) for name in label))


ADAPT_FOLDERS: Mapping[str, str] = MappingProxyType(
    {
        "Recipe1M": "food_eval_multitask_v2",
        "Nutrition5K": "nutrition50k",
        "Food101": "food101",
        "FoodSeg103": "foodseg103",
    }
)
"""Configuration of `AdaptLLM/food-VQA-benchmark` -> the folder (or split, in one revision) that holds its rows."""

ADAPT_COUNTS: Mapping[str, int] = MappingProxyType(
    {"Recipe1M": 1_000, "Nutrition5K": 507, "Food101": 25_250, "FoodSeg103": 2_135}
)
"""Rows of each configuration in AdaMLLM's table of results."""


class AdaptEval:
    """Reader of a local copy of `AdaptLLM/food-VQA-benchmark`.

    Attributes:
        root: its folder.
        configs: names of the four configurations.
    """

    source = "AdaptLLM/food-VQA-benchmark"
    configs = tuple(ADAPT_FOLDERS)

    def __init__(self, root: Path) -> None:
        """Find the folder; no table is opened.

        Args:
            root: the snapshot, or what `save_to_disk` wrote of it. Each configuration may be a folder of its own or a
                split, by its own name or by that of the hub's folder.

        Raises:
            DataMissing: it is no folder, or has none of the configurations.
        """
        self.root = hub_root(Path(root).expanduser().absolute())
        if not self.available():
            raise DataMissing(
                f"{self.root} has none of the tables of {self.source} ({', '.join(ADAPT_FOLDERS.values())}).",
                hint=f"Download it: hf download {self.source} --repo-type dataset --local-dir FOLDER",
            )

    def available(self) -> tuple[str, ...]:
        """The configurations that are there."""
        return tuple(config for config in self.configs if self._place(config) is not None)

    def _place(self, config: str) -> tuple[Path, str] | None:
        """Folder and split of a configuration."""
        names = (ADAPT_FOLDERS[config], config)
        for name in names:
            folder = self.root / name
            if not (self.root / "dataset_dict.json").is_file() and is_hub_folder(folder):
                return folder, "test"
        if is_hub_folder(self.root):
            splits = find_splits(self.root)
            return next(((self.root, name) for name in names if name in splits), None)
        return None

    def table(self, config: str) -> QuestionTable:
        """The table of a configuration.

        Raises:
            UnknownName: no such configuration.
            DataMissing, DataCorrupt, UsageError: as `QuestionTable`; or this copy does not have it.
        """
        if config not in ADAPT_FOLDERS:
            raise UnknownName.of("configuration", config, self.configs)
        place = self._place(config)
        if place is None:
            raise DataMissing(
                f"{self.root} lacks the configuration {config} (folder '{ADAPT_FOLDERS[config]}').",
                hint=f"It has: {', '.join(self.available())}.",
            )
        folder, split = place
        present = find_splits(folder)
        # Saved tables of single splits say 'train' where nobody told the library otherwise.
        if split not in present and len(present) == 1:
            split = next(iter(present))
        return QuestionTable(folder, split)

    def records(self, config: str) -> tuple[TableRow, ...]:
        """All rows of a configuration in their order.

        Raises:
            UnknownName, DataMissing, DataCorrupt, UsageError: as `table` and `QuestionTable.records`.
        """
        return self.table(config).records()
