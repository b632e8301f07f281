"""The card of FoodDialogues."""

from __future__ import annotations

from foodbench.data.catalog import DatasetCard

CARD = DatasetCard(
    name="fooddialogues",
    title="FoodDialogues",
    licence="Apache-2.0; pictures of Nutrition5k are CC BY 4.0",
    terms="Any use, with attribution of Nutrition5k.",
    source="Hugging Face: Yueha0/FoodDialogues",
    how_to_get=(
        "Download FoodDialogues_train.json, FoodDialogues_test.json and the id lists.",
        "Join the parts of images.tar.gz with cat and unpack the result, or use a Nutrition5k folder.",
    ),
    download_size="22 MB of text and 58 GB of pictures",
    layout=(
        "FoodDialogues/\n"
        "  FoodDialogues_train.json FoodDialogues_test.json train_id.json test_id.json\n"
        "  images.tar.gz.001 .002 .003\n"
    ),
    splits={"train": 6_428, "test": 1_094},
    counts={},
    checksums=(),
    archives=(),
    id_sets={},
    facts=("Dialogues are counted here; the test dialogues are about the 709 dishes of Nutrition5k's rgb_test.",),
    citation=(
        "Y. Yin et al.: FoodLMM: A Versatile Food Assistant Using Large Multi-Modal Model. IEEE Transactions on "
        "Multimedia 2025."
    ),
    used_by=("FoodLMM: 1,094 dialogues about 709 dishes",),
)
