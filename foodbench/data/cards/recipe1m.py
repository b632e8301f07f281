"""The card of Recipe1M."""

from __future__ import annotations

from foodbench.data.catalog import DatasetCard, FileChecksum

CARD = DatasetCard(
    name="recipe1m",
    title="Recipe1M",
    licence="Research only, after registration",
    terms="Universities and research institutions, through the form of the authors.",
    source="MIT, im2recipe / Recipe1M: recipe1M_layers.tar.gz, det_ingrs.json, image archives by split",
    how_to_get=(
        "Fill in the form of the im2recipe project with an institutional address.",
        "Download recipe1M_layers.tar.gz, det_ingrs.json and the image archive of the split that is needed.",
        "Unpack them into one folder; put remove1M.txt of the project's repository beside them to drop its duplicates.",
        "Register it: foodbench data add recipe1m PATH/Recipe1M (the first time this makes an index, about a minute).",
    ),
    download_size="0.76 GB of text; the size of the image archives is not stated",
    layout=(
        "Recipe1M/\n"
        "  layer1.json layer2.json det_ingrs.json\n"
        "  images/{train,val,test}/a/b/c/d/<image id>.jpg    a..d: first four characters of the image id\n"
        "  remove1M.txt                                      optional: ids to drop\n"
    ),
    splits={"train": 720_639, "val": 155_036, "test": 154_045},
    counts={"recipes": 1_029_720, "train": 720_639, "val": 155_036, "test": 154_045, "with_images": 402_760},
    checksums=(
        FileChecksum(
            "det_ingrs.json", "e1399c338b004f83f3dd9d85a8479dd04f120666e35f4d67c4b6947fae07aa50", 361_085_654, True
        ),
    ),
    archives=(
        FileChecksum(
            "recipe1M_layers.tar.gz",
            "e180260dcd438be96e63c1c68b5f09a6415d1d1c51b1f2c2bc0b08079cb5d6c3",
            399_115_593,
            True,
        ),
    ),
    id_sets={},
    facts=(
        "402,760 of the 1,029,720 recipes have images; recipe ids and image ids are different hashes.",
        "By default foodbench uses the recipes that Inverse Cooking uses (252,547, 54,255 and 54,506 of train, val and "
        "test): 2 to 19 ingredient classes, 2 to 19 steps, at least 20 characters of steps.",
        "Validation and test recipes are asked about their first photo; a training recipe may have another.",
        "remove1M.txt lists recipes that are in several splits; foodbench drops them if the file is in the folder.",
        "The test photo 393efa5963.jpg shows no food. Hardly any copy has all the photos.",
        "Text is damaged in places: '14 cup' stands for '1/4 cup'.",
        "The 1,488 ingredient classes of Inverse Cooking include an end and a padding class: 1,486 are ingredients. "
        "Which spellings belong to a class was never released; foodbench follows the authors' rules.",
    ),
    citation=(
        "A. Salvador et al.: Learning Cross-modal Embeddings for Cooking Recipes and Food Images. CVPR 2017, "
        "pp. 3020-3028."
    ),
    used_by=(
        "FoodLMM, Tables VII and X: test items not stated",
        "Semantically grounded recipe generation: 1,444 test recipes, ids not published",
        "AdaMLLM: 1,000 recipes",
    ),
)
