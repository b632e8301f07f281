"""A served model as what `foodbench.models.recipe_grounded.asking` asks: each reply is handed on as it comes in."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from foodbench.adapters.arguments import convert_arguments, with_spec_argument
from foodbench.adapters.endpoint import Endpoint
from foodbench.core.errors import UsageError
from foodbench.core.types import Request
from foodbench.models.recipe_grounded.asking import Keep, PictureQuestion

SPEC = "endpoint"


class ReportingEndpoint(Endpoint):
    """`Endpoint` that hands on each reply at once, not with its batch; settings, retries and limits are the same."""

    _keep: Keep | None = None
    _numbers: Mapping[str, int] = {}

    def ask(self, questions: Sequence[PictureQuestion], keep: Keep) -> None:
        """Ask questions side by side.

        Args:
            questions: about pictures.
            keep: told every reply when it comes in, from the thread that asked.

        Raises:
            ProviderDown, AdapterFailed, RunIncomplete, DataMissing, DataCorrupt: as `Endpoint.answer`.
            FoodbenchError: as `keep` raises; nothing further is asked then.
        """
        requests = [
            Request(
                task="question",
                sample_id=f"{number}:{question.name}",
                image=question.image,
                question=question.prompt,
                generation=question.generation,
            )
            for number, question in enumerate(questions)
        ]
        self._numbers = {request.sample_id: number for number, request in enumerate(requests)}
        self._keep = keep
        try:
            self.answer(requests)
        finally:
            self._keep = None

    def _ask(self, request: Request, stopping: threading.Event) -> str:
        keep = self._keep
        text = super()._ask(request, stopping)
        if keep is not None:
            keep(self._numbers[request.sample_id], text)
        return text


def load_endpoint(spec: str, arguments: Mapping[str, str]) -> ReportingEndpoint:
    """The served model that a spec names.

    Args:
        spec: `endpoint:NAME`, or `endpoint` where the server serves one model only.
        arguments: its settings, as text.

    Raises:
        UsageError: it names something else, or an argument is wrong.
        ProviderDown: no name was given and the server could not be asked for its models.
    """
    head, _, name = spec.strip().partition(":")
    if head != SPEC:
        raise UsageError(f"'{spec}' is not a served model.", hint="Write endpoint:NAME, with base_url=... beside it.")
    given = with_spec_argument(spec, "model", name, arguments, "its settings") if name else arguments
    return ReportingEndpoint(**convert_arguments(spec, Endpoint, given))


__all__ = ["ReportingEndpoint", "load_endpoint"]
