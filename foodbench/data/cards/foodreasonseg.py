"""The card of FoodReasonSeg."""

from __future__ import annotations

from foodbench.data.catalog import DatasetCard

CARD = DatasetCard(
    name="foodreasonseg",
    title="FoodReasonSeg",
    licence="Not stated (the sister dataset FoodDialogues is Apache-2.0)",
    terms="Questions and answers by the FoodLMM authors on photos of FoodSeg103: research only.",
    source="Hugging Face: Yueha0/FoodReasonSeg",
    how_to_get=(
        "Get FoodSeg103 first (foodbench data info foodseg103); this dataset has no pictures of its own.",
        "Download FoodReasonSeg_train.json and FoodReasonSeg_test.json from the Hugging Face dataset and put them "
        "beside category_id.txt.",
        "Register the same folder under this name as well: foodbench data add foodreasonseg PATH/FoodSeg103",
    ),
    download_size="not stated; two JSON files",
    layout=(
        "FoodSeg103/\n"
        "  FoodReasonSeg_train.json FoodReasonSeg_test.json\n"
        "  category_id.txt                                   as in FoodSeg103\n"
        "  Images/{img_dir,ann_dir}/{train,test}/            as in FoodSeg103; photos with dialogues suffice\n"
    ),
    splits={"train": 3_907, "test": 1_620},
    counts={"classes": 104},
    checksums=(),
    archives=(),
    id_sets={},
    facts=(
        "Photos are counted here; the paper also counts dialogues (3,997 and 1,703) and its tables do not agree, so "
        "that `verify` warns about other numbers and does not fail.",
        "An answer points with a name and a token, such as {Steak} [SEG1]; names are free text, and those that are no "
        "FoodSeg103 class are counted and have no mask. FoodLMM's loader drops their dialogues silently.",
        "The mask of a name is its whole class in the photo, not one piece of food.",
        "FoodLMM's published scores were measured with the reference answer as input (teacher forced).",
    ),
    citation=(
        "Y. Yin et al.: FoodLMM: A Versatile Food Assistant Using Large Multi-Modal Model. IEEE Transactions on "
        "Multimedia 2025."
    ),
    used_by=(
        "FoodLMM, Table IX: 1,620 photos or 1,703 dialogues",
        "Policy optimization for food reasoning segmentation: FoodReasonSeg-Single, not published",
    ),
)
