"""How sure a number is: intervals by cluster, from per-sample scores. Pure functions, seeded where they draw.

Modules:
    intervals: Wilson, cluster-robust t, cluster bootstrap of ratios.
    summary: the values of metrics with their intervals from the scores of a task.
"""
