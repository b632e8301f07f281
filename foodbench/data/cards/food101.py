"""The card of Food-101."""

from __future__ import annotations

from foodbench.data.catalog import DatasetCard, FileChecksum, IdSet

CARD = DatasetCard(
    name="food101",
    title="Food-101",
    licence="None granted for the photos",
    terms=(
        "The photos come from Foodspotting and do not belong to ETH Zurich. Scientific fair use; anything beyond must "
        "be agreed with the owners of the pictures (license_agreement.txt in the archive)."
    ),
    source="ETH Zurich, Computer Vision Lab: archive food-101.tar.gz",
    how_to_get=(
        "Open the Food-101 page of the Computer Vision Lab of ETH Zurich and download food-101.tar.gz.",
        "Unpack it: tar xzf food-101.tar.gz.",
        "Register it: foodbench data add food101 PATH/food-101",
    ),
    download_size="about 5 GB",
    layout=(
        "food-101/\n"
        "  images/<class>/<number>.jpg          1,000 per class\n"
        "  meta/classes.txt labels.txt train.txt test.txt train.json test.json\n"
    ),
    splits={"train": 75_750, "test": 25_250},
    counts={"classes": 101, "train": 75_750, "test": 25_250, "images": 101_000},
    checksums=(
        FileChecksum(
            "meta/classes.txt", "eb6b396455a281445a698d8af22b2142be9a6eb9401520ee702746545f1c8820", 1_184, True
        ),
        FileChecksum(
            "meta/labels.txt", "9760abad507139d89e4662b89a26a2b43f1e9d19be41a0a5ee22ebe70e47bb9b", 1_184, True
        ),
        FileChecksum(
            "meta/train.txt", "2920f7d55473974492b41a01241ccfd71df1b74d29d27b617337f840f58f77ab", 1_468_812, True
        ),
        FileChecksum(
            "meta/test.txt", "101fc179791da7574cb32dc1c5f16ab1f060d22ee516e476e848de014daf8ff1", 489_428, True
        ),
        FileChecksum(
            "meta/train.json", "203df9e8f6935a97929356a5353d046708d26f01bbd2797a224f49371c2947f5", 1_697_751, False
        ),
        FileChecksum(
            "meta/test.json", "4c8977721ce1efe10085ef1be227dc39c4c374b578d6f08614253e46f0750594", 566_868, False
        ),
    ),
    archives=(
        FileChecksum(
            "food-101.tar.gz", "d97d15e438b7f4498f96086a4f7e2fa42a32f2712e87d3295441b2b6314053a4", None, False
        ),
    ),
    id_sets={
        "train": IdSet(75_750, "ee0f050d846bcac0c2d8831c85444847c7774205b10654fb3372691b2f19199a", False),
        "test": IdSet(25_250, "51be960f674fdea857d9d5f3301de8d08819cc22eae110345ca44b56a28a8e6b", False),
    },
    facts=(
        "Class numbers differ between loaders (classes.txt is not sorted: cheesecake before cheese_plate); foodbench "
        "uses names only.",
        "Training labels are noisy by design; the test split was reviewed by hand.",
        "The Hugging Face copy ethz/food101 can be registered instead (a snapshot with data/*.parquet, or what "
        "save_to_disk wrote). It calls the test split 'validation' and carries no file ids: its items are called "
        "'validation/<row>', in another order, so results on it cannot be joined by id with results on the archive, "
        "and the dataset fingerprint is another one.",
    ),
    citation=(
        "L. Bossard, M. Guillaumin, L. Van Gool: Food-101 - Mining Discriminative Components with Random Forests. "
        "ECCV 2014, pp. 446-461."
    ),
    used_by=("FoodLMM, Table VII: top-1 accuracy on 25,250 test photos", "AdaMLLM, Table 12: the same photos"),
)
