"""How often the gate raises an alarm, rightly and wrongly, beside two simpler rules: a table and a plot for the docs.

    python -m tests.stats.simulations

simulates (two minutes on one core), writes the numbers to tests/stats/simulations.json, draws
docs/images/gate-simulations.png and puts the table into docs/statistics.md. `--draw` does the last two only.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np

from foodbench.core.files import atomic_write
from foodbench.core.hashing import stable_seed
from foodbench.core.types import Score
from foodbench.metrics.aggregate import Metric
from foodbench.stats.paired import paired_difference
from foodbench.stats.resampling import FunctionPair, RatioPair
from foodbench.stats.verdict import Verdict, judge
from tests.conftest import REPOSITORY
from tests.stats import simulated

NUMBERS = Path(__file__).with_suffix(".json")
PAGE = REPOSITORY / "docs" / "statistics.md"
PICTURE = REPOSITORY / "docs" / "images" / "gate-simulations.png"
BEGIN, END = "<!-- simulations: begin -->", "<!-- simulations: end -->"

# Many without a loss, where a rate of 5 % is to be told from 6; fewer with one.
REPEATS = {True: 2_000, False: 400}
ONE_SIDED = 1.6448536269514722
JUDGED = (Verdict.FAIL, Verdict.PASS, Verdict.IMPROVED, Verdict.INCONCLUSIVE)


@dataclass(frozen=True)
class Setting:
    """One kind of metric: how runs are made, what may be lost, and which losses are tried.

    Attributes:
        title: for the table.
        metric: the metric.
        make: from a generator and a loss the scores of both sides.
        margin: what may be lost, in the metric's unit.
        losses: as `make` takes them; the first is 0.
        sizes: what is compared, for people.
        unit: of the losses, for people.
        scale: from a loss as `make` takes it to the metric's unit; None where it takes a simulation to know.
    """

    title: str
    metric: Metric
    make: Callable[[np.random.Generator, float], simulated.Sides]
    margin: float
    losses: tuple[float, ...]
    sizes: str
    unit: str
    scale: float | None = None


SETTINGS = (
    Setting(
        "binary",
        simulated.ACCURACY,
        lambda rng, loss: simulated.binary(rng, 500, loss),
        1.0,
        (0, 0.01, 0.02, 0.03, 0.04, 0.05),
        "500 photos, 6 % of the answers flip",
        "points",
        100.0,
    ),
    Setting(
        "binary, clustered",
        simulated.ACCURACY,
        lambda rng, loss: simulated.binary(rng, 100, loss, size=5, discordance=0.12, correlation=0.3),
        1.0,
        (0, 0.01, 0.025, 0.05, 0.075, 0.1),
        "5 questions on each of 100 photos, correlation 0.3, 12 % flip",
        "points",
        100.0,
    ),
    Setting(
        "heavy-tailed",
        simulated.ENERGY,
        lambda rng, loss: simulated.energy_errors(rng, 500, loss),
        1.0,
        (0, 1, 2, 4, 6, 8),
        "energy error of 500 dishes, lognormal",
        "kcal",
        1.0,
    ),
    Setting(
        "ratio of sums",
        simulated.CIOU,
        lambda rng, loss: simulated.masks(rng, 200, loss),
        1.0,
        (0, 0.01, 0.02, 0.03, 0.04, 0.05),
        "cIoU of 200 photos, a third of the masks differ",
        "points",
    ),
    Setting(
        "corpus",
        simulated.BLEU,
        lambda rng, loss: simulated.recipes(rng, 100, loss),
        1.0,
        (0, 0.028, 0.056, 0.085, 0.113, 0.14),
        "BLEU of 100 recipes, a third written anew",
        "BLEU",
    ),
)


def _value(metric: Metric, scores: Sequence[Score]) -> float:
    number = metric.of_samples([score.values for score in scores])
    assert number is not None
    return number


def _own_error(metric: Metric, scores: Sequence[Score]) -> float:
    """Standard error of one run's own value, by the cluster jackknife."""
    numbers: dict[str, int] = {}
    rows = np.array([numbers.setdefault(score.cluster, len(numbers)) for score in scores])
    shares = [metric.share(score.values) for score in scores]
    pair: FunctionPair | RatioPair
    if metric.kind == "of_sums":
        pair = FunctionPair.of(metric.statistic(), [{}] * len(shares), shares, rows, len(numbers))
    else:
        values = np.array([share[metric.value] for share in shares])
        over = np.ones_like(values) if metric.over is None else np.array([share[metric.over] for share in shares])
        pair = RatioPair.of((np.zeros_like(values), over), (values, over), rows, len(numbers))
    left_out = pair.left_out()
    return metric.scale * sqrt((len(numbers) - 1) * float(left_out.var()))


def _worse_by(setting: Setting, before: Sequence[Score], after: Sequence[Score]) -> float:
    """How much the candidate's value is worse, in the metric's unit."""
    numbers = [setting.metric.of_samples([score.values for score in side]) for side in (before, after)]
    assert numbers[0] is not None
    assert numbers[1] is not None
    return numbers[0] - numbers[1] if setting.metric.higher_is_better else numbers[1] - numbers[0]


def _true_loss(setting: Setting, loss: float) -> float:
    """In the metric's unit; where it is not known, that of many runs put together."""
    if loss == 0 or setting.scale is not None:
        return loss * (setting.scale or 1)
    before, after = [], []
    for side, value in ((before, 0.0), (after, loss)):
        rng = np.random.default_rng(stable_seed("truth", setting.title))
        for _ in range(400):
            side.extend(setting.make(rng, value)[1])
    return _worse_by(setting, before, after)


def simulate(setting: Setting, loss: float) -> dict[str, Any]:
    """Rates, in percent of the pairs of runs, at one true loss."""
    metric, repeats = setting.metric, REPEATS[loss == 0]
    rng = np.random.default_rng(stable_seed("gate", setting.title, str(loss)))
    counts = dict.fromkeys([*JUDGED, "point", "unpaired"], 0)
    for _ in range(repeats):
        before, after = setting.make(rng, loss)
        difference = paired_difference(metric, before, after)
        judged = judge({"it": difference}, {"it": setting.margin}, {"it": metric.higher_is_better})
        counts[judged["it"].verdict] += 1
        worse = _worse_by(setting, before, after)
        counts["point"] += worse > setting.margin
        error = sqrt(_own_error(metric, before) ** 2 + _own_error(metric, after) ** 2)
        counts["unpaired"] += worse > ONE_SIDED * error
    rates = {str(name): round(100 * number / repeats, 2) for name, number in counts.items()}
    return {"setting": setting.title, "loss": round(_true_loss(setting, loss), 2), "repeats": repeats, **rates}


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The rows of the docs: no loss, then three losses of each kind of metric."""
    lines = [
        "| compared | true loss | gate: FAIL | PASS or IMPROVED | INCONCLUSIVE | point threshold | unpaired test |",
        "|---|---|---|---|---|---|---|",
    ]
    for setting in SETTINGS:
        own = [row for row in rows if row["setting"] == setting.title]
        for row in own[:4]:
            cells = (row["fail"], row["pass"] + row["improved"], row["inconclusive"], row["point"], row["unpaired"])
            what = f"**{setting.title}**: {setting.sizes}" if row is own[0] else ""
            loss = f"{row['loss']:.1f} {setting.unit}" if row["loss"] else "none"
            lines.append(f"| {what} | {loss} | {' | '.join(f'{cell:.1f}' for cell in cells)} |")
    return "\n".join(lines)


LINES = (
    ("fail", "the gate", "#1f5fa8", "-", "o"),
    ("point", "a threshold of 1 on the values", "#c2571a", "--", "s"),
    ("unpaired", "an unpaired test", "#6b7280", ":", "^"),
)


def draw(rows: Sequence[dict[str, Any]]) -> bytes:
    """The share of runs that each rule flags, by true loss, as PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(SETTINGS), figsize=(13, 3.4), sharey=True, layout="constrained")
    for setting, axis in zip(SETTINGS, axes, strict=True):
        own = [row for row in rows if row["setting"] == setting.title]
        for key, label, colour, style, marker in LINES:
            losses, rates = [row["loss"] for row in own], [row[key] for row in own]
            axis.plot(losses, rates, style, color=colour, marker=marker, markersize=4, label=label)
        axis.axhline(5, color="#b0b0b0", linewidth=0.8, zorder=0)
        axis.set_title(setting.title, fontsize=10)
        axis.set_xlabel(f"true loss ({setting.unit})", fontsize=9)
        axis.spines[["top", "right"]].set_visible(False)
        axis.set_xlim(left=-0.02 * own[-1]["loss"])
        axis.set_ylim(0, 102)
    axes[0].set_ylabel("flagged as worse, % of runs", fontsize=9)
    axes[0].annotate("5 %", (axes[0].get_xlim()[1], 5), ha="right", va="bottom", fontsize=8, color="#808080")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    pyplot.close(figure)
    return buffer.getvalue()


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draw", action="store_true", help="from the numbers that are there")
    if not parser.parse_args().draw:
        rows = [simulate(setting, loss) for setting in SETTINGS for loss in setting.losses]
        atomic_write(NUMBERS, json.dumps(rows, indent=1) + "\n")
    rows = json.loads(NUMBERS.read_text(encoding="utf-8"))
    atomic_write(PICTURE, draw(rows))
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    atomic_write(PAGE, f"{before}{BEGIN}\n{table(rows)}\n{END}{rest.split(END)[1]}")


if __name__ == "__main__":
    main()
