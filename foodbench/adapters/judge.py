"""A judge: a served model that rates texts. Asked like any served model, with instructions and without a picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foodbench.adapters.arguments import convert_arguments, with_spec_argument
from foodbench.adapters.endpoint import Endpoint
from foodbench.core.errors import UsageError
from foodbench.core.types import Request

SPEC = "endpoint"
INSTRUCTIONS = "instructions"
"""The slot of a request that holds the system message."""
_OF_PICTURES = ("max_side", "detail")


class Judge(Endpoint):
    """Asks a served model about texts; settings, retries, limits and costs are those of `Endpoint`."""

    def __init__(self, **settings: Any) -> None:
        """Prepare to ask; takes the settings of `Endpoint` but those of pictures.

        Raises:
            UsageError: a setting is wrong.
            ProviderDown: as `Endpoint`.
        """
        for name in _OF_PICTURES:
            if settings.get(name) is not None:
                raise UsageError(f"A judge is shown no picture: it has no '{name}'.", hint="Leave it out.")
        super().__init__(**settings)
        self._prices = (settings.get("price_in"), settings.get("price_out"))

    def usage_of(self, task: str, sample_id: str) -> dict[str, float]:
        """What one reply took: requests (1), retries, and where known tokens and dollars."""
        cost = self.costs[task, sample_id]
        usage = {"requests": 1.0, "retries": float(cost.retries)}
        if cost.input_tokens is not None and cost.output_tokens is not None:
            usage |= {"input_tokens": float(cost.input_tokens), "output_tokens": float(cost.output_tokens)}
            price_in, price_out = self._prices
            if price_in is not None and price_out is not None:
                usage["cost_usd"] = round((cost.input_tokens * price_in + cost.output_tokens * price_out) / 1e6, 9)
        return usage

    def _messages(self, request: Request) -> list[dict[str, Any]]:
        """Instructions as the system's message; what is to be rated as the user's, and nothing else there."""
        return [
            {"role": "system", "content": str(request.slots[INSTRUCTIONS])},
            {"role": "user", "content": request.question},
        ]


def load_judge(spec: str, arguments: Mapping[str, str]) -> Judge:
    """The judge that `--model` names.

    Args:
        spec: `endpoint:NAME`, or `endpoint` where the server serves one model only.
        arguments: from `--model-args`.

    Raises:
        UsageError: it names something else than a served model, or an argument is wrong.
        ProviderDown: no name was given and the server could not be asked for its models.
    """
    head, _, name = spec.strip().partition(":")
    if head != SPEC:
        raise UsageError(
            f"A judge is a served model; '{spec}' is not.",
            hint="Write --model endpoint:NAME --model-args base_url=http://HOST:PORT/v1",
        )
    given = with_spec_argument(spec, "model", name, arguments) if name else arguments
    return Judge(**convert_arguments(spec, Endpoint, given))
