"""Kills a run again and again with SIGKILL, then lets it end. A script, so that lmms-eval is imported once and each
attempt is a fork: `python -m tests.engine.killing OUT KILLS SEED`. Prints the rounds, with their kills, as JSON.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from foodbench.cli.main import run_command

COMMAND = ["run", "--model", "py:tests.engine.models_for_tests:Steady", "--quiet", "--tasks", "all"]


def attempt(out: Path, log: Path, after: float | None) -> bool:
    """Run once in a child.

    Returns:
        whether it came to its end before it was killed.
    """
    os.environ["ASKED_LOG"] = str(log)
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os._exit(run_command([*COMMAND, "--model-args", "seconds=0.03", "--out", str(out)]))
    if after is not None:
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status):
        assert os.WEXITSTATUS(status) == 0, f"exit {os.WEXITSTATUS(status)}"
        return True
    return False


def main() -> None:
    """Run once without interruption; then kill at `KILLS` random moments, in as many runs as that takes."""
    out, kills, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    import lmms_eval.evaluator  # noqa: F401 - imported here, so that the forks need not

    began = time.monotonic()
    assert attempt(out / "whole", out / "whole.log", None)
    whole = time.monotonic() - began
    chance = random.Random(seed)
    rounds: list[dict[str, int | str]] = []
    while kills:
        name = f"round-{len(rounds)}"
        shots = 0
        while kills and not attempt(out / name, out / f"{name}.log", chance.uniform(0.02, 0.8) * whole):
            shots, kills = shots + 1, kills - 1
        assert attempt(out / name, out / f"{name}.log", None)
        rounds.append({"name": name, "kills": shots})
    print(json.dumps(rounds))


if __name__ == "__main__":
    main()
