"""Measure a checkpoint on freshly rendered plates of a stream that training never saw.

    python baselines/foodlmm/evaluate.py --checkpoint foodbench/models/foodlmm/kitchen --split test --count 400

Prints one JSON object to stdout. The benchmark's own numbers come from `foodbench run`; this asks every family of
questions that the model was trained on, also those that no task uses.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from baselines.common.command import command


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, default=None, help="folder (default: the packaged checkpoint)")
    parser.add_argument("--config", type=Path, default=Path(__file__).parent / "kitchen" / "stage1.yaml", help="recipe")
    parser.add_argument("--split", choices=("val", "test"), default="test")
    parser.add_argument("--count", type=int, default=400, help="plates")
    parser.add_argument("--wrong-image", action="store_true", help="show each question another plate: the control")
    return parser.parse_args(argv)


@command
def main(argv: list[str] | None = None) -> None:
    """Entry point; returns the exit code."""
    arguments = _arguments(argv)
    from baselines.foodlmm.settings import load_settings
    from baselines.foodlmm.validation import Examiner, render_plates
    from foodbench.adapters.foodlmm import load_checkpoint
    from foodbench.models.foodlmm import KITCHEN_CHECKPOINT

    model, processor = load_checkpoint(arguments.checkpoint or KITCHEN_CHECKPOINT)
    plates = render_plates(load_settings(arguments.config).data, arguments.split, arguments.count)
    shown = plates[1:] + plates[:1] if arguments.wrong_image else None
    measured = Examiner(plates, shown=shown).measure(model.eval(), processor)
    sys.stdout.write(json.dumps({"split": arguments.split, "plates": len(plates), **measured}, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
