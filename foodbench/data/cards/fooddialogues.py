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
        "Download the files of the Hugging Face dataset into one folder FoodDialogues.",
        "Join the parts of the pictures and unpack them there: cat images.tar.gz.00? | tar xz; the result is a folder "
        "images with one folder per dish.",
        "Register it: foodbench data add fooddialogues PATH/FoodDialogues (the folder Nutrition5k of FoodLMM's own "
        "tree works as well)",
    ),
    download_size="22 MB of text and 58 GB of pictures",
    layout=(
        "FoodDialogues/\n"
        "  FoodDialogues_train.json FoodDialogues_test.json\n"
        "  images/dish_<10 digits>/rgb.png                  overhead, where there is one\n"
        "  images/dish_<10 digits>/<frame>.jpg              frames of the side videos\n"
        "  train_id.json test_id.json                       optional\n"
        "  dish_metadata_cafe1.csv dish_metadata_cafe2.csv ingredients_metadata.csv     optional\n"
    ),
    splits={"train": 6_428, "test": 1_094},
    counts={"dialogues_train": 6_428, "dialogues_test": 1_094, "dishes_train": 4_047, "dishes_test": 709},
    checksums=(),
    archives=(),
    id_sets={},
    facts=(
        "Dialogues are counted here; the test dialogues are about the 709 dishes of Nutrition5k's rgb_test.",
        "12 dishes of rgb_train have no dialogue.",
        "The overhead picture is used where there is one, otherwise the first frame by name; FoodLMM drew at random.",
        "Answers carry nutrition values with tags such as [MASS] and [TOTAL_CAL] (or [CAL_TOTAL]).",
    ),
    citation=(
        "Y. Yin et al.: FoodLMM: A Versatile Food Assistant Using Large Multi-Modal Model. IEEE Transactions on "
        "Multimedia 2025."
    ),
    used_by=("FoodLMM: 1,094 dialogues about 709 dishes",),
)
