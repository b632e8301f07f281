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
    ),
    download_size="about 0.7 GB",
    layout=(
        "UECFOODPIXCOMPLETE/data/\n"
        "  category.txt train9000.txt test1000.txt\n"
        "  UECFoodPIXCOMPLETE/{train,test}/{img/<id>.jpg,mask/<id>.png}\n"
    ),
    splits={"train": 9_000, "test": 1_000},
    counts={},
    checksums=(),
    archives=(),
    id_sets={},
    facts=(
        "The class id is in the red channel of the mask; 101 is 'others' and 102 'beverage'.",
        "Some photos carry an EXIF rotation: masks fit the pixels as stored.",
    ),
    citation=(
        "K. Okamoto, K. Yanai: UEC-FoodPIX Complete: A Large-scale Food Image Segmentation Dataset. ICPR Workshops "
        "2021, pp. 647-659."
    ),
    used_by=("FoodLMM, Table VII: referring segmentation on 1,000 test photos",),
)
