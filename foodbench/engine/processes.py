"""Several processes that share one run (torchrun): who am I, and how do we exchange answers and failures.

lmms-eval would shard documents itself, but then batches depend on the number of processes, padding requests are asked
twice, samples come back in another order, and a rank that raises leaves the launcher with exit code 0 (measured with
0.7.3). So to lmms-eval every process looks like a single one, and the sharing is done here, at the level of chunks.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from foodbench.core.errors import FoodbenchError, RunIncomplete, UsageError

_HIDDEN = {"RANK": "0", "WORLD_SIZE": "1"}


@dataclass(frozen=True, slots=True)
class Processes:
    """The processes of this run.

    Attributes:
        rank: number of this one, from 0.
        count: how many there are.
    """

    rank: int = 0
    count: int = 1

    @classmethod
    def from_environment(cls) -> Processes:
        """Join the group that torchrun describes in the environment; a single process otherwise."""
        count = int(os.environ.get("WORLD_SIZE", "1"))
        if count <= 1:
            return cls()
        if "RANK" not in os.environ or "MASTER_ADDR" not in os.environ:
            raise UsageError(
                f"WORLD_SIZE is {count}, but RANK and MASTER_ADDR are not set.",
                hint="Start several processes with torchrun, or unset WORLD_SIZE.",
            )
        import torch.distributed as distributed

        if not distributed.is_initialized():
            # Answers are exchanged as Python objects, which only gloo moves without a GPU. A process may be ahead of
            # another by more than the default of half an hour.
            distributed.init_process_group(backend="gloo", timeout=timedelta(days=7))
        return cls(rank=distributed.get_rank(), count=count)

    def share(self, work: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
        """Do this process's part and merge it with everybody's; if one fails, all fail.

        Raises:
            FoodbenchError: what this process raised, otherwise what another one did.
        """
        if self.count == 1:
            return dict(work())
        import torch.distributed as distributed

        part: Mapping[str, Any] = {}
        failure: BaseException | None = None
        try:
            part = work()
        except Exception as error:
            failure = error
        told = None if failure is None else _portable(failure, self.rank)
        gathered: list[Any] = [None] * self.count
        distributed.all_gather_object(gathered, (told, dict(part)))
        if failure is not None:
            raise failure
        for other, _ in gathered:
            if other is not None:
                raise other
        return {key: value for _, theirs in gathered for key, value in theirs.items()}

    def barrier(self) -> None:
        """Wait for the others."""
        self.share(dict)

    def close(self) -> None:
        """Leave the group."""
        if self.count == 1:
            return
        import torch.distributed as distributed

        if distributed.is_initialized():
            distributed.destroy_process_group()


def _portable(error: BaseException, rank: int) -> FoodbenchError:
    if isinstance(error, FoodbenchError):
        return type(error)(f"Process {rank}: {error.message}", hint=error.hint)
    return RunIncomplete(f"Process {rank} failed: {type(error).__name__}: {str(error)[:300]}.")


@contextmanager
def looks_single() -> Iterator[None]:
    """Hide torchrun's variables from lmms-eval."""
    saved = {name: os.environ.get(name) for name in _HIDDEN}
    os.environ.update(_HIDDEN)
    try:
        yield
    finally:
        for name, value in saved.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
