"""The cards of the eight datasets (see `foodbench.data.catalog`). Data, no code.

Counts and digests were taken from public copies; `warn_only` marks those that no second, independent copy confirms.
"""

from __future__ import annotations

from foodbench.data.catalog import DatasetCard, FileChecksum, IdSet

FOOD101 = DatasetCard(
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
        "The Hugging Face copy calls the test split 'validation'.",
    ),
    citation=(
        "L. Bossard, M. Guillaumin, L. Van Gool: Food-101 - Mining Discriminative Components with Random Forests. "
        "ECCV 2014, pp. 446-461."
    ),
    used_by=("FoodLMM, Table VII: top-1 accuracy on 25,250 test photos", "AdaMLLM, Table 12: the same photos"),
)

VIREO172 = DatasetCard(
    name="vireo172",
    title="VIREO Food-172",
    licence="On request",
    terms="Academic use, after a request to the authors.",
    source="VIREO group (City University of Hong Kong) and Fudan University: VireoFood172",
    how_to_get=(
        "Ask the VIREO group for VIREO Food-172 as its page describes.",
        "Unpack images (ready_chinese_food) and lists (SplitAndIngreLabel) into one folder.",
    ),
    download_size="not stated by the source",
    layout=(
        "VireoFood172/\n"
        "  ready_chinese_food/<1..172>/<a>_<b>.jpg\n"
        "  SplitAndIngreLabel/TR.txt VAL.txt TE.txt IngreLabel.txt FoodList.txt IngredientList.txt\n"
    ),
    splits={"train": 66_071, "val": 11_016, "test": 33_154},
    counts={},
    checksums=(),
    archives=(),
    id_sets={},
    facts=(
        "Class folders are numbered from 1; ingredient labels are 1 or -1 over 353 ingredients.",
        "Names of classes and ingredients are in no public copy: they are read from the user's lists.",
    ),
    citation=(
        "J. Chen, C.-W. Ngo: Deep-based Ingredient Recognition for Cooking Recipe Retrieval. ACM Multimedia 2016, "
        "pp. 32-41."
    ),
    used_by=("FoodLMM, Table VII: ingredient IoU and F1; the split is not named, presumably TE.txt",),
)

RECIPE1M = DatasetCard(
    name="recipe1m",
    title="Recipe1M",
    licence="Research only, after registration",
    terms="Universities and research institutions, through the form of the authors.",
    source="MIT, im2recipe / Recipe1M: recipe1M_layers.tar.gz, det_ingrs.json, image archives by split",
    how_to_get=(
        "Fill in the form of the im2recipe project with an institutional address.",
        "Download recipe1M_layers.tar.gz, det_ingrs.json and the image archive of the split that is needed.",
        "Unpack them into one folder.",
    ),
    download_size="0.76 GB of text; the size of the image archives is not stated",
    layout=(
        "Recipe1M/\n"
        "  layer1.json layer2.json det_ingrs.json\n"
        "  images/{train,val,test}/a/b/c/d/<image id>.jpg    a..d: first four characters of the image id\n"
    ),
    splits={"train": 720_639, "val": 155_036, "test": 154_045},
    counts={},
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
        "Text is damaged in places: '14 cup' stands for '1/4 cup'.",
        "The 1,488 ingredient classes of Inverse Cooking include an end and a padding class: 1,486 are ingredients.",
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

NUTRITION5K = DatasetCard(
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
        "All totals of cafe2 are zero in the files and are summed from the portions; cafe2 is in no split.",
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

FOODSEG103 = DatasetCard(
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
    ),
    citation=("X. Wu et al.: A Large-Scale Benchmark for Food Image Segmentation. ACM Multimedia 2021, pp. 506-515."),
    used_by=(
        "FoodLMM, Table VII: referring segmentation on the test split, classes drawn at random without a seed",
        "AdaMLLM: multi-label recognition on the 2,135 test photos",
    ),
)

UECFOODPIX = DatasetCard(
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

FOODREASONSEG = DatasetCard(
    name="foodreasonseg",
    title="FoodReasonSeg",
    licence="Not stated (the sister dataset FoodDialogues is Apache-2.0)",
    terms="Questions and answers by the FoodLMM authors on photos of FoodSeg103: research only.",
    source="Hugging Face: Yueha0/FoodReasonSeg",
    how_to_get=(
        "Get FoodSeg103 first; this dataset has no pictures of its own.",
        "Download FoodReasonSeg_train.json and FoodReasonSeg_test.json and put them beside category_id.txt.",
    ),
    download_size="not stated; two JSON files",
    layout="FoodSeg103/\n  FoodReasonSeg_train.json FoodReasonSeg_test.json\n",
    splits={"train": 3_907, "test": 1_620},
    counts={},
    checksums=(),
    archives=(),
    id_sets={},
    facts=(
        "Photos are counted here; the paper also counts dialogues (3,997 and 1,703) and its tables do not agree.",
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

FOODDIALOGUES = DatasetCard(
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
