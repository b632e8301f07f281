"""Models as foodbench sees them: its own, trivial baselines, served models, and a user's own class.

`foodbench.adapters.resolve` turns `--model` into an adapter; `foodbench.adapters.base` says what an adapter is.
"""
