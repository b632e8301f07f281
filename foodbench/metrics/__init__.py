"""Answers and references to numbers: pure functions on arrays, masks and strings; no files, no torch.

Every metric is a mean or a ratio of sums of per-sample numbers (`aggregate.Metric`), so that any score can be
recomputed from stored samples, in any order, and resampled by `foodbench.stats`.

Modules:
    aggregate: `Metric` and `MetricValue`.
    masks: run-length coded masks: checking, encoding, intersection and union, cIoU and gIoU.
    boundary: boundary IoU; semantic: class maps, for mIoU.
    segmentation: the metrics of masks and class maps.
    classification: top-1 accuracy.
    labels: sets of labels: F1, IoU, precision and recall by sample, pooled, and by label.
    nutrition: absolute errors, their mean, and their mean in percent of the mean true value; correlation.
    energy: whether stated energy agrees with the macronutrients, and parts with the total.
    reading: from free text to names, actions, amounts and recipes.
    inputs: the checks that these modules share.
"""
