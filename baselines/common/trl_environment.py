"""Environment of commands that train with TRL; imported by them before anything imports torch."""

from __future__ import annotations

import os

# Idle threads that spin take the core from the thread that has work.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("GOMP_SPINCOUNT", "0")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
