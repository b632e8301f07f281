"""The card of UEC-FoodPIX Complete."""

from __future__ import annotations

from foodbench.data.catalog import DatasetCard

CARD = DatasetCard(
    name="uecfoodpix",
    title="UEC-FoodPIX Complete",
    licence="Non-commercial research",
    terms="Non-commercial research only.",
    source="University of Electro-Communications, Yanai lab (mm.cs.uec.ac.jp): UECFOODPIXCOMPLETE.tar",
    how_to_get=(
        "Download UECFOODPIXCOMPLETE.tar from the page of the Yanai lab.",
        "Unpack it; the older UEC-FoodPIX has the same tree with rougher masks and is another dataset.",
        "Register the folder that has `data`: foodbench data add uecfoodpix PATH/UECFOODPIXCOMPLETE",
    ),
    download_size="about 0.7 GB",
    layout=(
        "UECFOODPIXCOMPLETE/data/\n"
        "  category.txt                                      header, then number, tab, name\n"
        "  train9000.txt test1000.txt                        one id per line\n"
        "  UECFoodPIXCOMPLETE/{train,test}/img/<id>.jpg\n"
        "  UECFoodPIXCOMPLETE/{train,test}/mask/<id>.png     red channel = class id\n"
    ),
    splits={"train": 9_000, "test": 1_000},
    counts={
        "classes": 102,
        "train": 9_000,
        "test": 1_000,
        "photos_train": 9_000,
        "photos_test": 1_000,
        "masks_train": 9_000,
        "masks_test": 1_000,
    },
    checksums=(),
    archives=(),
    id_sets={},
    facts=(
        "The class id is in the red channel of an RGB or RGBA mask, and nowhere else; copies whose masks were "
        "converted to one channel are not read.",
        "0 is the background, 101 'others' and 102 'beverage'. FoodLMM asks for neither of the first two, but for 102.",
        "Some photos carry an EXIF rotation: masks fit the pixels as stored. Masks that do not fit, which public "
        "validators list, are errors and are never resized: `foodbench data verify uecfoodpix --level decode`.",
        "Code spells the folder inside `data` in different ways (UECFOODPIXCOMPLETE): any case is accepted.",
        "The class names are those that four public repositories agree on; no checksums are known.",
        "Published mIoU (65.61 for DeepLabV3+) counts 103 classes, the background included.",
    ),
    citation=(
        "K. Okamoto, K. Yanai: UEC-FoodPIX Complete: A Large-scale Food Image Segmentation Dataset. ICPR Workshops "
        "2021, pp. 647-659."
    ),
    used_by=("FoodLMM, Table VII: referring segmentation on 1,000 test photos",),
)
