"""Counting tokens and money over a run, and stopping before the money is spent."""

from __future__ import annotations

import threading

from foodbench.core.errors import AdapterFailed, RunIncomplete, UsageError


class Meter:
    """Totals of requests, tokens and cost, kept from several threads.

    With a limit, a request is let through only if it and those under way, each taken as the dearest so far, stay within
    it. The first ones have nothing to be judged by: the limit can be passed by what the first `concurrency` requests
    cost.
    """

    def __init__(self, price_in: float | None, price_out: float | None, max_cost: float | None) -> None:
        """Make a meter.

        Args:
            price_in: dollars per million input tokens.
            price_out: dollars per million output tokens.
            max_cost: dollars that this process may spend.

        Raises:
            UsageError: negative values, one price without the other, or a limit without prices.
        """
        if any(value is not None and value < 0 for value in (price_in, price_out, max_cost)):
            raise UsageError("A price or cost limit is negative.", hint="Give dollars per million tokens, and dollars.")
        if (price_in is None) != (price_out is None):
            raise UsageError("Only one of price_in and price_out is given.", hint="Give both; 0 is a price too.")
        if max_cost is not None and price_in is None:
            raise UsageError(
                "max_cost needs prices.", hint="Add price_in=... and price_out=..., dollars per million tokens."
            )
        self._prices = None if price_in is None or price_out is None else (price_in, price_out)
        self._max_cost = max_cost
        self._lock = threading.Lock()
        self._requests = self._retries = self._input_tokens = self._output_tokens = self._unmetered = 0
        self._under_way = 0
        self._cost = self._dearest = 0.0

    def begin(self) -> None:
        """Note that a request starts.

        Raises:
            RunIncomplete: it could pass the limit.
            AdapterFailed: there is a limit, and the server does not say how many tokens it uses.
        """
        with self._lock:
            if self._max_cost is not None:
                if self._unmetered:
                    raise AdapterFailed(
                        "The server does not report token counts, so max_cost cannot be kept.",
                        hint="Leave max_cost out.",
                    )
                expected = self._cost + self._dearest * (self._under_way + 1)
                if self._cost >= self._max_cost or expected > self._max_cost:
                    raise RunIncomplete(
                        f"The cost limit of ${self._max_cost:g} is reached: ${self._cost:.4g} for {self._requests} "
                        "answers in this process.",
                        hint="Answers so far are saved; the same command continues with a fresh limit.",
                    )
            self._under_way += 1

    def end(self, answered: bool, input_tokens: int | None, output_tokens: int | None) -> None:
        """Note that a request ended."""
        with self._lock:
            self._under_way -= 1
            if not answered:
                return
            self._requests += 1
            if input_tokens is None or output_tokens is None:
                self._unmetered += 1
            self._input_tokens += input_tokens or 0
            self._output_tokens += output_tokens or 0
            if self._prices is not None:
                cost = ((input_tokens or 0) * self._prices[0] + (output_tokens or 0) * self._prices[1]) / 1e6
                self._cost += cost
                self._dearest = max(self._dearest, cost)

    def count_retry(self) -> None:
        """Note one more attempt at a request."""
        with self._lock:
            self._retries += 1

    def totals(self) -> dict[str, int | float | None]:
        """Answered requests, tokens, retries, dollars (None without prices, or if some token counts are missing)."""
        with self._lock:
            return {
                "requests": self._requests,
                "input_tokens": self._input_tokens,
                "output_tokens": self._output_tokens,
                "retries": self._retries,
                "cost_usd": None if self._prices is None or self._unmetered else round(self._cost, 9),
            }
