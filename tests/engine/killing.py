"""Kills a run again and again with SIGKILL, then lets it end. A script, so that lmms-eval is imported once and each
attempt is a fork: `python -m tests.engine.killing OUT KILLS SEED`. Prints the asked batches of each attempt as JSON.
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
    """Kill `KILLS` times at random moments of a run, then finish it; then run once more without interruption."""
    out, kills, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    import lmms_eval.evaluator  # noqa: F401 - imported here, so that the forks need not

    began = time.monotonic()
    assert attempt(out / "whole", out / "whole.log", None)
    whole = time.monotonic() - began
    chance = random.Random(seed)
    logs = []
    done = 0
    while done < kills:
        log = out / f"attempt-{len(logs)}.log"
        logs.append(log)
        if attempt(out / "killed", log, chance.uniform(0.05, 1.0) * whole * 0.5):
            # It ended before the shot: forget it, so that there is something to kill again.
            import shutil

            shutil.rmtree(out / "killed")
            logs.clear()
            continue
        done += 1
    last = out / "last.log"
    assert attempt(out / "killed", last, None)
    print(json.dumps([log.read_text().splitlines() if log.exists() else [] for log in [*logs, last]]))


if __name__ == "__main__":
    main()
