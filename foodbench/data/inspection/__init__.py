"""How `verify` looks at each dataset, one module per dataset."""

from __future__ import annotations

from pathlib import Path

from foodbench.core.registry import Registry
from foodbench.data.hub_files import is_hub_folder
from foodbench.data.inspection.base import Inspector
from foodbench.data.layout import absent_paths

INSPECTORS: Registry[Inspector] = Registry("inspector")
"""The inspector of each dataset that has a reader."""

for _name in (
    "food101",
    "nutrition5k",
    "foodseg103",
    "vireo172",
    "uecfoodpix",
    "recipe1m",
    "foodreasonseg",
    "fooddialogues",
):
    INSPECTORS.register(_name, f"foodbench.data.inspection.{_name}:INSPECTOR")


def inspector_for(name: str, root: Path) -> Inspector:
    """The inspector of a dataset's folder: of the official layout, or of a Hugging Face copy.

    Raises:
        UnknownName: the dataset has none.
    """
    official = INSPECTORS.get(name)
    if absent_paths(root, official.required) and is_hub_folder(root):
        from foodbench.data.inspection.hub import HUB_INSPECTORS

        return HUB_INSPECTORS.get(name, official)
    return official


__all__ = ["INSPECTORS", "inspector_for"]
