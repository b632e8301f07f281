"""What papers published, beside what runs measure: tables as data, rebuilt in the paper's shape, and their arithmetic.

`data/<paper>.csv` has every published number with the task and metric that stand beside it; `data/<paper>.toml` says
what the tables are, what to mind in comparing, and which relations must hold between the numbers.
"""
