"""How sure a number is, and how sure a difference: by cluster, from per-sample scores. Pure functions, seeded.

Modules:
    intervals: Wilson, cluster-robust t, cluster bootstrap of ratios.
    summary: the values of metrics with their intervals from the scores of a task.
    paired: how much two runs on the same samples differ.
    binary: Tango's interval and McNemar's mid-p, of paired proportions.
    resampling: the jackknife and the bootstrap of a pair of runs.
    holm: correction for several tests at once.
    power: samples needed, and the smallest change that is detected.
    verdict: from differences to PASS, FAIL and the others.
"""
