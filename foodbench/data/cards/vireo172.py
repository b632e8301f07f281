"""The card of VIREO Food-172."""

from __future__ import annotations

from foodbench.data.catalog import DatasetCard

CARD = DatasetCard(
    name="vireo172",
    title="VIREO Food-172",
    licence="On request",
    terms="Academic use, after a request to the authors.",
    source="VIREO group (City University of Hong Kong) and Fudan University: VireoFood172",
    how_to_get=(
        "Ask the VIREO group for VIREO Food-172 as its page describes.",
        "Unpack images (ready_chinese_food) and lists (SplitAndIngreLabel) into one folder.",
    ),
    download_size="not stated by the source",
    layout=(
        "VireoFood172/\n"
        "  ready_chinese_food/<1..172>/<a>_<b>.jpg\n"
        "  SplitAndIngreLabel/TR.txt VAL.txt TE.txt IngreLabel.txt FoodList.txt IngredientList.txt\n"
    ),
    splits={"train": 66_071, "val": 11_016, "test": 33_154},
    counts={},
    checksums=(),
    archives=(),
    id_sets={},
    facts=(
        "Class folders are numbered from 1; ingredient labels are 1 or -1 over 353 ingredients.",
        "Names of classes and ingredients are in no public copy: they are read from the user's lists.",
    ),
    citation=(
        "J. Chen, C.-W. Ngo: Deep-based Ingredient Recognition for Cooking Recipe Retrieval. ACM Multimedia 2016, "
        "pp. 32-41."
    ),
    used_by=("FoodLMM, Table VII: ingredient IoU and F1; the split is not named, presumably TE.txt",),
)
