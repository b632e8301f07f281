"""When to try again, and after how long."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential back-off with jitter.

    Attributes:
        retries: attempts after the first.
        malformed_retries: the same for answers that are no chat completions: mostly a wrong URL, so worth few.
        first_wait: seconds before the first retry; doubles with each.
        longest_wait: limit of that growth in seconds.
        longest_retry_after: a server that asks for a longer wait (seconds) counts as down.
    """

    retries: int = 6
    malformed_retries: int = 2
    first_wait: float = 1.0
    longest_wait: float = 60.0
    longest_retry_after: float = 120.0

    def wait(self, attempt: int, retry_after: float | None, jitter: float) -> float:
        """Seconds to wait before retry number `attempt` (from 0).

        Args:
            attempt: retries already made.
            retry_after: what the server asked for; never undercut.
            jitter: in [0, 1): spreads many clients over half of the interval, so that they don't come back at once.
        """
        backed_off = min(self.longest_wait, self.first_wait * 2.0 ** min(attempt, 30))
        waiting = backed_off * (0.5 + 0.5 * jitter)
        return waiting if retry_after is None else max(waiting, retry_after * (1.0 + 0.1 * jitter))
