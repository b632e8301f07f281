"""The card of each dataset (see `foodbench.data.catalog`), one module per dataset. Data, no code.

Counts and digests were taken from public copies; `warn_only` marks those that no second, independent copy confirms.
"""
