"""The card of Nutrition5k."""

from __future__ import annotations

from foodbench.data.catalog import DatasetCard, FileChecksum, IdSet

CARD = DatasetCard(
    name="nutrition5k",
    title="Nutrition5k",
    licence="CC BY 4.0",
    terms="Any use, with attribution.",
    source="Google Research: Google Cloud Storage bucket nutrition5k_dataset",
    how_to_get=(
        "From the bucket nutrition5k_dataset copy metadata, dish_ids and imagery/realsense_overhead (gsutil -m cp -r); "
        "the tar of everything is 181 GB, mostly side videos that are not needed.",
        "Keep these three folders under one folder nutrition5k_dataset.",
        "Register it: foodbench data add nutrition5k PATH/nutrition5k_dataset",
    ),
    download_size="181 GB in full; metadata and lists 2.5 MB, overhead pictures a small part of the rest",
    layout=(
        "nutrition5k_dataset/\n"
        "  metadata/dish_metadata_cafe1.csv dish_metadata_cafe2.csv ingredients_metadata.csv\n"
        "  dish_ids/splits/{rgb,depth}_{train,test}_ids.txt\n"
        "  imagery/realsense_overhead/dish_<10 digits>/rgb.png\n"
        "  imagery/side_angles/dish_<10 digits>/frames/camera_A_frame_001.jpeg     optional\n"
    ),
    splits={"rgb_train": 4_059, "rgb_test": 709, "depth_train": 2_758, "depth_test": 507},
    counts={
        "cafe1": 4_768,
        "cafe2": 238,
        "ingredients": 555,
        "rgb_train": 4_059,
        "rgb_test": 709,
        "depth_train": 2_758,
        "depth_test": 507,
        "overhead_images": 3_490,
    },
    checksums=(
        FileChecksum(
            "metadata/dish_metadata_cafe1.csv",
            "881df31f27c2343d0ce219964527e0796f6ddadd60701ce6840fa801e8c2a960",
            2_206_282,
            True,
        ),
        FileChecksum(
            "metadata/dish_metadata_cafe2.csv",
            "ef9f800d7b9c2e7e9a9e7cda5cbb4cfe51c760a8c1af4c05786ccf051bf5d77d",
            101_817,
            True,
        ),
        FileChecksum(
            "metadata/ingredients_metadata.csv",
            "87a9bbd1fd2e28f09f16305a04946ddbe31eb7d9d03686d7e2fb3d8f19f3effb",
            21_540,
            False,
        ),
        FileChecksum(
            "dish_ids/splits/rgb_train_ids.txt",
            "efd34a682b5483b01e6bd0a7c1267efec28440a8194985f9d3817d8ebc8169bd",
            64_944,
            False,
        ),
        FileChecksum(
            "dish_ids/splits/rgb_test_ids.txt",
            "560ff0eedb1a2027c21f5da3a4c38a53fa201c87d108e76b11cceaa1d956ac8e",
            11_344,
            False,
        ),
        FileChecksum(
            "dish_ids/splits/depth_train_ids.txt",
            "d9702b71ade32b012fcb272f1f58b1d19178acd4536eccc651857760eab4bc30",
            44_128,
            False,
        ),
        FileChecksum(
            "dish_ids/splits/depth_test_ids.txt",
            "6e43a5334a72bd06fa9c0d4b3bc86e2f57e5342b0b260d3fa003a76f7e39eca2",
            8_112,
            False,
        ),
    ),
    archives=(),
    id_sets={
        "rgb_train": IdSet(4_059, "65c582216387476fbcc53b3248377dd324a1559da47024ed838a3c44c8efb6fc", False),
        "rgb_test": IdSet(709, "28f5558450e697877c9293cd0ae1815a98a74c5206936443c351e91c75c79dc9", False),
        "depth_train": IdSet(2_758, "1664a6ac16f160906c623cef4536ab574807110fcd3e981c901193ee87bc8e17", False),
        "depth_test": IdSet(507, "6f7ef81c7225b514da6e4652e2d1584d83111cc84091591b43854541bd56487e", False),
    },
    facts=(
        "202 of the 709 rgb_test dishes have no overhead picture in any copy; the other 507 are depth_test.",
        "The totals of cafe2 are zero in the files, but for the mass, and summed from the portions; it is in no split.",
        "rgb_test contains a dish of 7,974 g and 9,170 kcal; removal lists exist (n5k-11, n5k-5), none is official.",
        "65 of the 709 rgb_test dishes have a near-duplicate in the training list, scanned within two minutes of it.",
        "31 dishes have an ingredient called 'deprecated'.",
    ),
    citation=(
        "Q. Thames et al.: Nutrition5k: Towards Automatic Nutritional Understanding of Generic Food. CVPR 2021, "
        "pp. 8903-8911."
    ),
    used_by=(
        "FoodLMM, Table VII: totals on the 709 dishes of rgb_test (its denominators agree with that list)",
        "AdaMLLM: ingredients on the 507 dishes of depth_test",
    ),
)
