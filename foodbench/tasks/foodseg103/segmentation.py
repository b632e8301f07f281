"""The segmentation tasks of FoodSeg103; see `foodbench.tasks.segmentation`."""

from __future__ import annotations

from foodbench.tasks import segmentation

DATASET = "foodseg103"

REFER1 = segmentation.refer(DATASET, 1, version=2)
REFER3 = segmentation.refer(DATASET, 3, version=1)
REFER5 = segmentation.refer(DATASET, 5, version=1)
REFER1_TEACHER_FORCED = segmentation.refer(DATASET, 1, version=2, teacher_forced=True)
REFER3_TEACHER_FORCED = segmentation.refer(DATASET, 3, version=1, teacher_forced=True)
REFER5_TEACHER_FORCED = segmentation.refer(DATASET, 5, version=1, teacher_forced=True)
ABSENT1 = segmentation.absent(DATASET, 1, version=1)
ABSENT3 = segmentation.absent(DATASET, 3, version=1)
EVERYTHING = segmentation.everything(DATASET, version=1)
