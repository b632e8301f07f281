"""Whether a candidate run may replace a baseline: one verdict per gated metric, the hard rules, one verdict on all.

Infrastructure is not regression: a task without a result is NOT MEASURED, one that cannot be compared NOT COMPARABLE,
and neither passes nor fails. Where every raw answer is the same nothing is computed: IDENTICAL. Everything else follows
`foodbench.stats.verdict`, with the margins of the policy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from foodbench.core.errors import ExitCode
from foodbench.core.hashing import fingerprint
from foodbench.metrics.aggregate import Metric
from foodbench.runs.differences import MetricDifference, mean_seconds, metric_difference
from foodbench.runs.gate_policy import Budgets, GatePolicy, LoadedAck, LoadedPolicy, default_margin, gated_metrics
from foodbench.runs.gate_schema import (
    Acknowledged,
    DifferenceRecord,
    GateInvariant,
    GateReport,
    GateRow,
    MismatchRecord,
    SideRecord,
)
from foodbench.runs.pairs import RunSide, TaskPair, Unpaired, paired_tasks
from foodbench.stats.paired import Difference
from foodbench.stats.verdict import Judgement, Verdict, judge, overall
from foodbench.tasks import in_order

_PLATFORM = ("torch", "torchvision", "transformers", "numpy", "pillow")
_ACKNOWLEDGEABLE = (Verdict.FAIL, Verdict.INCONCLUSIVE)
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class _About:
    """What a row says of its task; the samples themselves are let go of before the next task is read."""

    task: str
    digests: tuple[str, str]
    changed: int

    @classmethod
    def of(cls, pair: TaskPair) -> _About:
        digests = (pair.baseline.samples_sha256, pair.candidate.samples_sha256)
        return cls(pair.name, digests, len(pair.changed))


@dataclass(frozen=True, slots=True)
class _Gated:
    """A metric on its way to a verdict."""

    about: _About
    difference: MetricDifference
    margin: float


@dataclass(slots=True)
class _Findings:
    """What has been found so far, task by task."""

    rows: list[GateRow | str] = field(default_factory=list)
    gated: dict[str, _Gated] = field(default_factory=dict)
    invariants: list[GateInvariant] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    parse_rates: list[tuple[float, float, str]] = field(default_factory=list)
    declared: list[str] = field(default_factory=list)
    compared: int = 0


def run_gate(
    baseline: RunSide,
    candidate: RunSide,
    loaded: LoadedPolicy,
    *,
    strict: bool = False,
    intersect: bool = False,
    today: date | None = None,
) -> GateReport:
    """Gate a candidate against a baseline.

    Args:
        baseline: the run to be as good as.
        candidate: the run in question.
        loaded: margins, hard rules and acknowledgements.
        strict: INCONCLUSIVE ends with exit code 3 instead of 0.
        intersect: as `paired_tasks`.
        today: the day on which acknowledgements must still count.

    Raises:
        DataMissing, DataCorrupt: files of a run are absent or damaged.
        UsageError: the policy gates by a metric that does not exist.
    """
    policy = loaded.policy
    names = [name for name in in_order(baseline.tasks | candidate.tasks) if policy.gates(name)]
    findings = _Findings()
    declared = {change.task: (change.baseline, change.candidate) for change in policy.prompt_changes}
    for found in paired_tasks(baseline, candidate, names, intersect=intersect, declared=declared):
        if isinstance(found, Unpaired):
            _note_unpaired(found, candidate, findings, policy)
        else:
            _measure(found, findings, policy, found.name in declared)
    rows = _judged(findings, policy)
    invariants = [*findings.invariants, *_that_hold(findings)]
    invariants += _acknowledge(rows, invariants, loaded.acks, today or date.today())
    verdict = _verdict(rows, invariants)
    return GateReport(
        verdict=verdict.value,
        exit_code=exit_code(verdict, strict=strict),
        strict=strict,
        policy=None if loaded.path is None else str(loaded.path),
        alpha=policy.alpha,
        baseline=side_record(baseline),
        candidate=side_record(candidate),
        rows=rows,
        invariants=invariants,
        new_tasks=findings.new,
        ungated_tasks=[name for name in in_order(baseline.tasks | candidate.tasks) if name not in names],
        notes=list(dict.fromkeys(findings.notes)),
    )


def exit_code(verdict: Verdict, *, strict: bool) -> int:
    """The exit code that goes with the verdict on all."""
    codes = {
        Verdict.FAIL: ExitCode.REGRESSION,
        Verdict.NOT_COMPARABLE: ExitCode.INCONCLUSIVE,
        Verdict.NOT_MEASURED: ExitCode.INCOMPLETE,
        Verdict.INCONCLUSIVE: ExitCode.INCONCLUSIVE if strict else ExitCode.OK,
    }
    return int(codes.get(verdict, ExitCode.OK))


def side_record(side: RunSide) -> SideRecord:
    """A run as a report names it."""
    git = side.run.provenance.get("git") or {}
    return SideRecord(
        run_id=side.run.run_id,
        path=str(side.folder.path),
        model=side.run.model.spec,
        identity=side.run.model.identity,
        foodbench=str(side.run.provenance.get("foodbench", "")),
        commit=git.get("commit"),
    )


def difference_record(difference: Difference) -> DifferenceRecord:
    """A difference as a report holds it."""
    return DifferenceRecord(**{name: getattr(difference, name) for name in DifferenceRecord.model_fields})


def _note_unpaired(found: Unpaired, candidate: RunSide, findings: _Findings, policy: GatePolicy) -> None:
    if found.kind == "new":
        findings.new.append(found.name)
        return
    if found.kind == "gone":
        text = f"{found.name} is in the baseline, and the candidate has not been asked it"
        findings.invariants.append(_broken("tasks", found.name, text, candidate.run.model.identity))
        return
    findings.compared += 1
    verdict, reason = Verdict(found.kind), found.reason
    missing = next((each for each in found.mismatches if each.what == "samples without an answer"), None)
    if missing is not None:
        result = candidate.finished[found.name][max(candidate.finished[found.name])].result()
        if result.n_missing > policy.missing * result.n:
            verdict = Verdict.NOT_MEASURED
            reason = (
                f"candidate: {100 * result.n_missing / result.n:.1f} % of its samples have no answer "
                f"(limit {100 * policy.missing:g} %)"
            )
    findings.rows.append(
        GateRow(
            task=found.name,
            metric=None,
            verdict=verdict.value,
            note=reason,
            mismatches=[
                MismatchRecord(what=each.what, baseline=str(each.baseline), candidate=str(each.candidate))
                for each in found.mismatches
            ],
        )
    )


def _measure(pair: TaskPair, findings: _Findings, policy: GatePolicy, declared: bool) -> None:
    findings.compared += 1
    findings.notes += [f"{pair.name}: {note}" for note in pair.notes]
    missing = pair.candidate.n_missing / pair.candidate.n
    if missing > policy.missing:
        reason = f"{100 * missing:.1f} % of the samples have no answer in either run (limit {100 * policy.missing:g} %)"
        findings.rows.append(GateRow(task=pair.name, metric=None, verdict="not measured", note=reason))
        return
    _check_invariants(pair, findings, policy, declared)
    stated, about = gated_metrics(policy, pair.task), _About.of(pair)
    comparable = {metric.id for metric in pair.metrics("all")}
    for metric in pair.task.metrics:
        if metric.id not in stated:
            continue
        if metric.id not in comparable:
            note = "ratings by different raters do not compare, or there are none"
            findings.rows.append(_row(about, metric, Verdict.NOT_MEASURED, note=note))
        elif pair.identical:
            findings.rows.append(_identical(pair, metric))
        else:
            margin, difference = stated[metric.id], metric_difference(pair, metric, confidence=1 - 2 * policy.alpha)
            key = f"{pair.name}:{metric.id}"
            chosen = default_margin(metric, difference.baseline or 0.0) if margin is None else margin
            findings.gated[key] = _Gated(about, difference, chosen)
            findings.rows.append(key)


def _row(about: _About, metric: Metric, verdict: Verdict, **more: Any) -> GateRow:
    judged = [about.task, metric.id, verdict.value, *about.digests]
    return GateRow(
        task=about.task,
        metric=metric.id,
        unit=metric.unit,
        higher_is_better=metric.higher_is_better,
        verdict=verdict.value,
        changed_answers=about.changed,
        digest=fingerprint(judged) if verdict in _ACKNOWLEDGEABLE else None,
        **more,
    )


def _identical(pair: TaskPair, metric: Metric) -> GateRow:
    found = metric_difference(pair, metric)
    note = f"all {len(pair.baseline_samples):,} answers are the same"
    if pair.rounded:
        note += f" ({len(pair.rounded):,} of them but for rounding)"
    return _row(
        _About.of(pair), metric, Verdict.IDENTICAL, baseline=found.baseline, candidate=found.candidate, note=note
    )


def _judged(findings: _Findings, policy: GatePolicy) -> list[GateRow]:
    """The rows with the verdicts, which are found together (Holm's correction is over all of them)."""
    gated = findings.gated
    judgements = judge(
        {key: each.difference.difference for key, each in gated.items()},
        {key: each.margin for key, each in gated.items()},
        {key: each.difference.metric.higher_is_better for key, each in gated.items()},
        alpha=policy.alpha,
    )
    return [_judged_row(gated[each], judgements[each]) if isinstance(each, str) else each for each in findings.rows]


def _judged_row(gated: _Gated, judgement: Judgement) -> GateRow:
    found = gated.difference
    return _row(
        gated.about,
        found.metric,
        judgement.verdict,
        baseline=found.baseline,
        candidate=found.candidate,
        difference=difference_record(found.difference),
        margin=gated.margin,
        adjusted_p=judgement.adjusted_p,
        detectable=judgement.detectable,
        needed=judgement.needed,
        note=judgement.note,
    )


# Hard rules


def _broken(name: Any, task: str | None, text: str, *identity: str) -> GateInvariant:
    digest = fingerprint([name, task, *identity])
    return GateInvariant(name=name, task=task, holds=False, text=text, digest=digest)


def _check_invariants(pair: TaskPair, findings: _Findings, policy: GatePolicy, declared: bool) -> None:
    identities = (pair.baseline.model.identity, pair.candidate.model.identity)
    before, after = pair.baseline.parse_rate, pair.candidate.parse_rate
    floor = min(policy.parse_rate_for(pair.name), before)
    findings.parse_rates.append((after - before, after, f"{pair.name} {before:.3f} -> {after:.3f}"))
    if after < floor - _ROUNDING:
        text = f"{pair.name}: only {after:.3f} of the answers can be read (baseline {before:.3f}, floor {floor:g})"
        findings.invariants.append(_broken("parse_rate", pair.name, text, *identities))
    if declared:
        findings.declared.append(pair.name)
    findings.invariants += [
        _broken("budgets", pair.name, f"{pair.name}: {text}", *identities)
        for text in _over_budget(pair, policy.budgets_for(pair.name))
    ]
    if policy.exact == "never" or not pair.changed:
        return
    differs = [] if policy.exact == "always" else other_circumstances(pair)
    if differs:
        findings.notes.append(f"equal answers are not demanded: {'; '.join(differs)}")
        return
    first = pair.candidate_samples[pair.changed[0]].score.sample_id
    where = " of the same model on the same platform" if policy.exact == "same-platform" else ""
    count = f"{len(pair.changed):,} of {len(pair.candidate_samples):,} answers"
    text = f"{pair.name}: {count} differ{where}, the first to {first}"
    findings.invariants.append(_broken("exact", pair.name, text, *identities))


def other_circumstances(pair: TaskPair) -> list[str]:
    """Why two runs may differ in their answers: another model, or what decides about the last bits of its numbers."""
    facts = []
    for result in (pair.baseline, pair.candidate):
        packages = result.provenance.get("packages") or {}
        threads = result.provenance.get("omp_num_threads") or result.provenance.get("cores")
        facts.append(
            {
                "model": result.model.identity,
                **{name: packages.get(name) for name in _PLATFORM},
                "cpu": result.provenance.get("cpu"),
                "threads": None if threads is None else str(threads),
                "gpus": result.provenance.get("gpus") or [],
            }
        )
    old, new = facts
    return [f"{name}: baseline {old[name]}, candidate {new[name]}" for name in old if old[name] != new[name]]


def _over_budget(pair: TaskPair, budgets: Budgets) -> list[str]:
    """Each budget that is passed, or cannot be checked."""
    found = []
    before, after = mean_seconds(pair.baseline_samples), mean_seconds(pair.candidate_samples)
    if budgets.seconds_per_sample is not None:
        if after is None:
            found.append("the candidate does not say how long each answer took")
        elif after > budgets.seconds_per_sample:
            found.append(f"{after:.3g} seconds per sample, budget {budgets.seconds_per_sample:g}")
    if budgets.seconds_ratio is not None:
        if after is None or not before:
            found.append("one of the runs does not say how long each answer took")
        elif after > budgets.seconds_ratio * before:
            found.append(
                f"{after:.3g} seconds per sample, {after / before:.2f} times the baseline's {before:.3g}, "
                f"budget {budgets.seconds_ratio:g} times"
            )
    for name, limit in budgets.usage_per_sample.items():
        used = pair.candidate.usage.get(name)
        if used is None:
            known = ", ".join(sorted(pair.candidate.usage)) or "nothing"
            found.append(f"the candidate does not report '{name}' (it reports {known})")
        elif used > limit * pair.candidate.n:
            found.append(f"{used / pair.candidate.n:.4g} {name} per sample, budget {limit:g}")
    return found


def _that_hold(findings: _Findings) -> list[GateInvariant]:
    """One line for each rule that no task breaks."""
    broken = {each.name for each in findings.invariants}
    held = []
    if "tasks" not in broken:
        held.append(GateInvariant(name="tasks", holds=True, text=f"{findings.compared} gated, none has vanished"))
    if "parse_rate" not in broken and findings.parse_rates:
        held.append(GateInvariant(name="parse_rate", holds=True, text=f"lowest change: {min(findings.parse_rates)[2]}"))
    declared = f"declared changes: {', '.join(findings.declared)}" if findings.declared else "identical"
    # Prompts that differ without a declaration make a task not comparable; that is a row of its own.
    if findings.parse_rates:
        held.append(GateInvariant(name="prompts", holds=True, text=declared))
    return held


# Acknowledgements and the verdict on all


def _acknowledge(
    rows: list[GateRow], invariants: Sequence[GateInvariant], acks: Sequence[LoadedAck], today: date
) -> list[GateInvariant]:
    """Put acknowledgements to what they are about; those that are expired or about nothing break a rule themselves."""
    open_verdicts: list[GateRow | GateInvariant] = [
        *(row for row in rows if row.digest is not None),
        *(each for each in invariants if not each.holds),
    ]
    complaints = []
    for loaded in acks:
        ack, where = loaded.ack, f"{loaded.path.name} ({ack_subject(loaded)})"
        matching = [each for each in open_verdicts if _subject(each) == (ack.task, ack.metric)]
        found = next((each for each in matching if each.digest == ack.verdict), None)
        if ack.expires < today:
            complaints.append(f"{where} expired on {ack.expires}")
        elif found is None and matching:
            complaints.append(f"{where} is about another verdict: it says {ack.verdict}, found {matching[0].digest}")
        elif found is None:
            complaints.append(f"{where} is about nothing that was found; delete it")
        else:
            found.acknowledged = Acknowledged(
                author=ack.author, reason=ack.reason, expires=ack.expires, file=str(loaded.path)
            )
    return [GateInvariant(name="acknowledgements", holds=False, text=text) for text in complaints]


def ack_subject(loaded: LoadedAck) -> str:
    """What an acknowledgement is about."""
    return f"{loaded.ack.task}, {loaded.ack.metric}"


def _subject(found: GateRow | GateInvariant) -> tuple[str | None, str | None]:
    return (found.task, found.metric if isinstance(found, GateRow) else found.name)


def _verdict(rows: Sequence[GateRow], invariants: Sequence[GateInvariant]) -> Verdict:
    verdicts = [Verdict(row.verdict) if row.acknowledged is None else Verdict.PASS for row in rows]
    verdicts += [Verdict.FAIL for each in invariants if not each.holds and each.acknowledged is None]
    return overall(verdicts)
