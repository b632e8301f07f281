"""`foodbench power`."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click

from foodbench.core.errors import ExitCode, UnknownName, UsageError

if TYPE_CHECKING:
    from foodbench.metrics.aggregate import Metric
    from foodbench.runs.schema import MetricRecord
    from foodbench.tasks.base import FoodTask

ALPHA, POWER = 0.05, 0.80
DISCORDANCES = (
    (0.02, "a refactoring, a new kernel"),
    (0.06, "quantised, a small change of the prompt"),
    (0.12, "a new checkpoint"),
    (0.20, "another model"),
)
CORRELATIONS = (0.95, 0.90, 0.75, 0.50)


@dataclass(frozen=True, slots=True)
class Plan:
    """What one spread means for a task.

    Attributes:
        about: where the spread is from.
        assumed: whether it was assumed, and not observed.
        spread: standard deviation of a cluster's contribution to the difference, in the metric's unit.
        needed: clusters needed to detect the effect.
        detectable: what the task's clusters can detect; None if their number is not known.
        chance: how likely they detect the effect.
    """

    about: str
    assumed: bool
    spread: float
    needed: int
    detectable: float | None
    chance: float | None


@click.command("power")
@click.option("--task", "-t", "task_name", required=True, metavar="TASK", help="The task.")
@click.option(
    "--effect",
    type=float,
    required=True,
    metavar="E",
    help="The change to see: 0.02 is 2 percent points of a metric in percent, 0.02 of an IoU, or 0.02 kcal.",
)
@click.option("--metric", "metric_id", metavar="ID", help="One of the task's metrics. [default: the first]")
@click.option(
    "--baseline", metavar="RUN", help="A run of the task: how many samples there are, and how much they vary."
)
@click.option("--candidate", metavar="RUN", help="A second run: how much the two differ is then observed, not assumed.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    task_name: str, effect: float, metric_id: str | None, baseline: str | None, candidate: str | None, as_json: bool
) -> None:
    """Say how many samples it takes to see a change of EFFECT on a task, and what the task can see.

    Paired comparison, one-sided level 5 %, chance 80 %. Samples are counted in clusters: photos, dishes, recipes. How
    much two runs differ from sample to sample decides; without two runs it is assumed, and the table says so.

    Exit codes: 0; 2 wrong usage; 3 the two runs are not comparable; 5 files of a run missing or damaged.
    """
    from foodbench.tasks import TASKS

    task = TASKS.get(task_name)
    metric = _metric(task, metric_id)
    scaled = _scaled_effect(metric, effect)
    if candidate is not None and baseline is None:
        raise UsageError("--candidate needs --baseline.", hint="Give both runs.")
    record = None if baseline is None else _record(baseline, task, metric)
    clusters, where = _clusters(task, record, baseline)
    if baseline is not None and candidate is not None:
        spreads = [_observed(task, metric, baseline, candidate)]
    elif metric.kind == "proportion":
        spreads = _by_discordance(metric)
    else:
        spreads = _by_correlation(metric, record)
    plans = [_plan(about, assumed, spread, scaled, clusters) for about, assumed, spread in spreads]
    if as_json:
        facts = {"task": task.name, "metric": metric.id, "unit": metric.unit, "effect": scaled, "alpha": ALPHA}
        found = {
            "power": POWER,
            "clusters": clusters,
            "clusters_from": where,
            "plans": [asdict(plan) for plan in plans],
        }
        click.echo(json.dumps({"schema": "foodbench.power/1", **facts, **found}, indent=2, ensure_ascii=False))
        return
    _print(task, metric, scaled, clusters, where, plans)


def _metric(task: FoodTask, metric_id: str | None) -> Metric:
    if metric_id is None:
        return task.metrics[0]
    found = next((metric for metric in task.metrics if metric.id == metric_id), None)
    if found is None:
        raise UnknownName.of(f"metric of {task.name}", metric_id, [metric.id for metric in task.metrics])
    return found


def _scaled_effect(metric: Metric, effect: float) -> float:
    if not (math.isfinite(effect) and effect > 0):
        raise UsageError(f"--effect {effect} is no positive number.", hint="Give e.g. 0.02, for 2 percent points.")
    low, high = metric.bounds
    if math.isfinite(high) and math.isfinite(low) and effect >= high - low:
        raise UsageError(
            f"--effect {effect:g} is the whole range of {metric.id}, or more.",
            hint=f"Give e.g. {0.02 * (high - low):g}{', for 2 percent points' if metric.unit == '%' else ''}.",
        )
    return metric.scale * effect


def _record(run: str, task: FoodTask, metric: Metric) -> MetricRecord:
    from foodbench.cli.finding import find_run

    folder = find_run(run).task(task.versioned_name)
    record = next((each for each in folder.result().metrics if each.id == metric.id), None)
    if record is None or record.n == 0:
        raise UsageError(f"{folder.result_path} has no samples for {metric.id}.", hint="Give a run that has.")
    return record


def _clusters(task: FoodTask, record: MetricRecord | None, run: str | None) -> tuple[int | None, str]:
    if record is not None:
        return record.clusters, f"of {run}"
    from foodbench.data.catalog import CATALOG

    official = CATALOG.get(task.dataset).splits.get(task.split)
    return official, f"records of the official '{task.split}' split"


Spread = tuple[str, bool, float]


def _observed(task: FoodTask, metric: Metric, baseline: str, candidate: str) -> Spread:
    from foodbench.cli.finding import find_run
    from foodbench.runs.differences import metric_difference
    from foodbench.runs.pairs import Unpaired, open_side, paired_tasks

    sides = open_side(find_run(baseline), "baseline"), open_side(find_run(candidate), "candidate")
    (pair,) = paired_tasks(*sides, [task.name])
    if isinstance(pair, Unpaired):
        click.echo(f"{task.name}: {pair.kind.upper()}: {pair.reason}", err=True)
        raise click.exceptions.Exit(ExitCode.INCONCLUSIVE)
    found = metric_difference(pair, metric).difference
    spread = found.spread
    if not spread and found.low is not None and found.high is not None:
        spread = _spread_of(found.low, found.high, found.confidence, found.clusters)
    if not spread:
        raise UsageError(
            f"{baseline} and {candidate} do not differ in {metric.id}: there is no spread to plan with.",
            hint="Leave --candidate out to plan with assumed values.",
        )
    flips = (
        "" if found.only_baseline is None else f", {_flip_share(found.only_baseline, found.only_candidate, found.n)}"
    )
    return f"observed between {baseline} and {candidate}{flips}", False, spread


def _flip_share(lost: int | None, won: int | None, n: int) -> str:
    return f"{100 * ((lost or 0) + (won or 0)) / n:.1f} % of the samples flip"


def _spread_of(low: float, high: float, confidence: float, clusters: int) -> float:
    from statistics import NormalDist

    return (high - low) / (2 * NormalDist().inv_cdf((1 + confidence) / 2)) * math.sqrt(clusters)


def _by_discordance(metric: Metric) -> list[Spread]:
    """As if gains and losses were equal: so many samples also let a change that does nothing pass such a margin."""
    from foodbench.stats.power import binary_spread

    return [
        (f"assumed: {100 * each:g} % of the samples flip ({like})", True, metric.scale * binary_spread(each))
        for each, like in DISCORDANCES
    ]


def _by_correlation(metric: Metric, record: MetricRecord | None) -> list[Spread]:
    """From how much one run varies, for several degrees of likeness of the two."""
    if record is None:
        raise UsageError(
            f"How much {metric.id} varies from sample to sample cannot be guessed.",
            hint="Give a run of the task with --baseline, e.g. a folder of reports.",
        )
    if record.low is None or record.high is None:
        raise UsageError(f"The run has no interval for {metric.id}.", hint="Give two runs, or a larger one.")
    alone = _spread_of(record.low, record.high, record.confidence, record.clusters)
    if alone == 0:
        raise UsageError(f"{metric.id} does not vary in this run.", hint="Give two runs, or another.")
    return [
        (f"assumed: the two runs' samples correlate at {each:g}", True, alone * math.sqrt(2 * (1 - each)))
        for each in CORRELATIONS
    ]


def _plan(about: str, assumed: bool, spread: float, effect: float, clusters: int | None) -> Plan:
    from foodbench.stats.power import chance, detectable, samples_needed

    return Plan(
        about=about,
        assumed=assumed,
        spread=spread,
        needed=samples_needed(effect, spread, alpha=ALPHA, power=POWER),
        detectable=None if clusters is None else detectable(clusters, spread, alpha=ALPHA, power=POWER),
        chance=None if clusters is None or spread == 0 else chance(effect, clusters, spread, alpha=ALPHA),
    )


def _print(task: FoodTask, metric: Metric, effect: float, clusters: int | None, where: str, plans: list[Plan]) -> None:
    from foodbench.cli.tables import print_table
    from foodbench.core.printable import printable
    from foodbench.runs.gate_reports import shown_change

    def change(value: float) -> str:
        return shown_change(value, metric.unit, metric.scale).removeprefix("+")

    click.echo(f"{task.name}: to see a change of {change(effect)} in {metric.id} (one-sided 5 %, chance 80 %)")
    click.echo(printable(f"clusters: {'not known' if clusters is None else f'{clusters:,}'} ({where})", limit=500))
    headers = ("how much the runs differ", "clusters needed", "this task can see", "chance to see the change")
    rows = [
        (
            plan.about,
            f"{plan.needed:,}",
            "–" if plan.detectable is None else change(plan.detectable),
            "–" if plan.chance is None else f"{100 * plan.chance:.0f} %",
        )
        for plan in plans
    ]
    print_table(headers, rows, right=(1, 2, 3))
