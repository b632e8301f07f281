"""Answers and references to numbers: pure functions on arrays, masks and strings; no files, no torch.

Every metric is a mean or a ratio of sums of per-sample numbers (`aggregate.Metric`), so that any score can be
recomputed from stored samples, in any order, and resampled by `foodbench.stats`.

Modules:
    aggregate: `Metric` and `MetricValue`.
    masks: run-length coded masks: checking, encoding, intersection and union, cIoU and gIoU.
    classification: top-1 accuracy.
    nutrition: absolute errors, their mean, and their mean in percent of the mean true value.
    inputs: the checks that these modules share.
"""
