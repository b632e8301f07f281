"""The card of FoodSeg103."""

from __future__ import annotations

from foodbench.data.catalog import DatasetCard, IdSet

CARD = DatasetCard(
    name="foodseg103",
    title="FoodSeg103",
    licence="Apache-2.0 for code and annotations",
    terms="The photos come from Recipe1M and keep its terms: research only.",
    source="LARC, Singapore Management University: FoodSeg103 zip; its password is in the project's README",
    how_to_get=(
        "Open the FoodSeg103 benchmark repository of LARC (SMU), download FoodSeg103.zip and take the password from "
        "its README.",
        "Unpack it. Copies in other annotation formats (Dataset Ninja, Supervisely) number the classes differently "
        "and do not work.",
        "Register it: foodbench data add foodseg103 PATH/FoodSeg103",
    ),
    download_size="about 1.3 GB",
    layout=(
        "FoodSeg103/\n"
        "  category_id.txt                                   number, tab, name\n"
        "  ImageSets/train.txt test.txt                      lines such as 00000048.jpg\n"
        "  Images/img_dir/{train,test}/<8 digits>.jpg\n"
        "  Images/ann_dir/{train,test}/<8 digits>.png        pixel value = class id\n"
    ),
    splits={"train": 4_983, "test": 2_135},
    counts={
        "classes": 104,
        "train": 4_983,
        "test": 2_135,
        "photos_train": 4_983,
        "photos_test": 2_135,
        "masks_train": 4_983,
        "masks_test": 2_135,
    },
    checksums=(),
    archives=(),
    id_sets={
        "train": IdSet(4_983, "bc1e5ef627f00aead30122db825c21870905ba2dc2cf05ed5113dfce2e4859c7", True),
        "test": IdSet(2_135, "c021df8abf99078ba3a07edd3fc7426f6be4616bff16ad1d0385f74d5edfa59f", True),
    },
    facts=(
        "Class 0 is the background and 103 'other ingredients'; neither is asked for.",
        "Photos are Recipe1M photos: the test split overlaps what recipe models were trained on.",
        "'egg tart', 'pudding' and 'hamburg' are in one test photo each.",
        "The Hugging Face copy EduardoPacheco/FoodSeg103 can be registered instead (a snapshot with data/*.parquet, or "
        "what save_to_disk wrote). It calls the test split 'validation'; its items are called 'validation/<row>', so "
        "results on it cannot be joined by id with results on the archive, and the dataset fingerprint is another one.",
    ),
    citation=("X. Wu et al.: A Large-Scale Benchmark for Food Image Segmentation. ACM Multimedia 2021, pp. 506-515."),
    used_by=(
        "FoodLMM, Table VII: referring segmentation on the test split, classes drawn at random without a seed",
        "AdaMLLM: multi-label recognition on the 2,135 test photos",
    ),
)
