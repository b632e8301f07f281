"""How `verify` looks at each dataset, one module per dataset."""

from __future__ import annotations

from foodbench.core.registry import Registry
from foodbench.data.inspection.base import Inspector

INSPECTORS: Registry[Inspector] = Registry("inspector")
"""The inspector of each dataset that has a reader."""

for _name in ("food101", "nutrition5k", "foodseg103"):
    INSPECTORS.register(_name, f"foodbench.data.inspection.{_name}:INSPECTOR")

__all__ = ["INSPECTORS"]
