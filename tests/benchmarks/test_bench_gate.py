"""`foodbench gate` and `foodbench compare` on two runs of 25,000 samples, from the start of the process to its end.

    pytest tests/benchmarks/test_bench_gate.py --benchmark-only

Three kinds of run: names (`food101.dish`, of the size of Food-101's test split), masks (`foodseg103.refer1`, whose
first metric is a ratio of sums), and masks of which every answer is equal. `extra_info` holds the peak memory and the
processor seconds of the process, and for the names the seconds of a naive reference in one process: two `json.loads`
per line and scipy's paired t-test of the differences. Nothing is asserted about time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.runs.gate_runs import DISH, REFER, Line, dish_lines, refer_lines, write_run

SAMPLES = 25_000
MASK = "TPi0?Q73L4M3M3M2N3N2M2O1N2O00001N101O001O000001O0000001O00001O0O100O2O001O1N2O1O1N2N3M4K3M4K5KiSe0"

# Not getrusage: that counts what the parent held before the program was started.
PEAK = """
import sys, time
from pathlib import Path
from foodbench.cli.main import run_command
code = run_command(sys.argv[1:])
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(int(peak.split()[1]) // 1024, round(time.process_time(), 2), code, file=sys.stderr)
"""


def harmed(lines: list[Line], generator: np.random.Generator) -> list[Line]:
    """6 % of the names flip, a few more of them to wrong."""
    moved = []
    for line, chance in zip(lines, generator.random(len(lines)), strict=True):
        right = line.values["correct"] == 1
        moved.append(
            replace(line, values={"correct": float(not right)}, answer="something else")
            if chance < (0.05 if right else 0.07)
            else line
        )
    return moved


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs `names-a`, `names-b`, `masks-a`, `masks-b`."""
    folder = tmp_path_factory.mktemp("runs")
    generator = np.random.default_rng(5)
    names = dish_lines((generator.random(SAMPLES) < 0.7).tolist())
    overlaps = generator.uniform(0.4, 1.0, SAMPLES)
    near = np.clip(overlaps + generator.normal(0, 0.02, SAMPLES), 0, 1)

    def masks(values: np.ndarray) -> list[Line]:
        envelope = '{"foodbench_answer":1,"text":"%s","masks":[{"size":[241,241],"counts":"%s","label":"rice"}]}'
        detail = {"masks": {"rice": [0]}, "given": 1}
        return [
            replace(line, answer=envelope % (line.answer, MASK), detail=detail) for line in refer_lines(values.tolist())
        ]

    write_run(folder / "names-a", {DISH: names}, packed=True)
    write_run(folder / "names-b", {DISH: harmed(names, generator)})
    write_run(folder / "masks-a", {REFER: masks(overlaps)}, packed=True)
    write_run(folder / "masks-b", {REFER: masks(near)})
    return folder


def call(folder: Path, *arguments: str) -> tuple[int, float, int]:
    """Peak memory in MiB, processor seconds and exit code of a command in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", PEAK, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "FOODBENCH_RUNS": str(folder), "OMP_NUM_THREADS": "2"},
    )
    peak, seconds, code = done.stderr.split()[-3:]
    return int(peak), float(seconds), int(code)


def naive(folder: Path) -> float:
    """Seconds to read both runs with a parse for the check and one for the use, and to test the mean difference."""
    from scipy.stats import ttest_rel

    paths = sorted(folder.glob("names-b/*@*/samples.jsonl"))
    started = time.perf_counter()
    columns = []
    for path in [*paths, *paths]:
        rows = []
        for line in path.read_text().splitlines():
            json.loads(line)
            rows.append(json.loads(line)["values"]["correct"])
        columns.append(rows)
    ttest_rel(columns[0], [1 - value for value in columns[1]])
    return time.perf_counter() - started


@pytest.mark.parametrize("verb", ["gate", "compare"])
@pytest.mark.parametrize(("kind", "equal"), [("names", False), ("masks", False), ("masks", True)])
def test_two_runs(benchmark, stored: Path, verb: str, kind: str, equal: bool) -> None:
    sides = [str(stored / f"{kind}-a"), str(stored / (f"{kind}-a" if equal else f"{kind}-b"))]
    arguments = ["gate", "--baseline", sides[0], "--candidate", sides[1]] if verb == "gate" else ["compare", *sides]
    peak, seconds, code = benchmark.pedantic(call, args=(stored, *arguments), rounds=3, warmup_rounds=1)
    assert code in (0, 1), "one percent point less, at 25,000 samples, is a regression"
    benchmark.extra_info.update(samples=SAMPLES, peak_mib=peak, processor_seconds=seconds)
    if kind == "names":
        benchmark.extra_info["naive_seconds"] = naive(stored)
