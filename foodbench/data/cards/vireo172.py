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
        "Unpack images (ready_chinese_food) and lists (SplitAndIngreLabel) into one folder VireoFood172.",
        "Register it: foodbench data add vireo172 PATH/VireoFood172",
    ),
    download_size="not stated by the source",
    layout=(
        "VireoFood172/\n"
        "  ready_chinese_food/<1..172>/<a>_<b>.jpg\n"
        "  SplitAndIngreLabel/TR.txt VAL.txt TE.txt IngreLabel.txt FoodList.txt IngredientList.txt\n"
    ),
    splits={"train": 66_071, "val": 11_016, "test": 33_154},
    counts={
        "classes": 172,
        "ingredients": 353,
        "train": 66_071,
        "val": 11_016,
        "test": 33_154,
        "rows": 110_241,
        "photos": 110_241,
    },
    checksums=(),
    archives=(),
    id_sets={},
    facts=(
        "Class folders are numbered from 1; a row of labels has 353 numbers, 1 for yes and -1 (or 0) for no.",
        "Names of classes and ingredients are in no public copy: they are read from the user's FoodList.txt and "
        "IngredientList.txt, of which only the numbers of names are checked. No checksums are known.",
        "Some photos are grey or CMYK, and public loaders report truncated ones: "
        "`foodbench data verify vireo172 --level decode` names them.",
        "A copy with the high-resolution photos has them in ready_chinese_food_ori: register it with "
        "--option photos=original. Its results are not those of the usual photos.",
        "Only the official layout is read, not the files that FoodLMM derived from it (train_id.json, ingre.json, "
        "foodlist.json).",
        "A bare F1 says nothing here: papers average over samples, over labels, or pool all labels.",
    ),
    citation=(
        "J. Chen, C.-W. Ngo: Deep-based Ingredient Recognition for Cooking Recipe Retrieval. ACM Multimedia 2016, "
        "pp. 32-41."
    ),
    used_by=("FoodLMM, Table VII: ingredient IoU and F1; the split is not named, presumably TE.txt",),
)
