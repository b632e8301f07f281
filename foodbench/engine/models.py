"""From `--model` to something that lmms-eval can ask, built only when it is needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foodbench.adapters import base
from foodbench.adapters.arguments import without_secrets
from foodbench.adapters.resolve import load_adapter
from foodbench.core.errors import FoodbenchError, UnknownName, UsageError
from foodbench.tasks.base import TaskData

LMMS_PREFIX = "lmms:"


class RunModel:
    """The model of a run.

    Attributes:
        spec: as given to `--model`: an adapter of foodbench, or `lmms:NAME` for one of lmms-eval's own models.
        identity: what its answers depend on.
        chat: whether lmms-eval hands it chat messages.
    """

    def __init__(self, spec: str, arguments: Mapping[str, str], batch_size: int | None) -> None:
        """Build the adapter (cheap: adapters load weights when first asked) or look up lmms-eval's model class.

        Raises:
            UnknownName: no such model.
            UsageError: wrong arguments.
        """
        self.spec = spec
        self._arguments = dict(arguments)
        self._batch_size = batch_size
        self._lmms: Any = None
        self._adapter: Any = None
        self.chat = False
        if spec.startswith(LMMS_PREFIX):
            self._class = _lmms_class(spec.removeprefix(LMMS_PREFIX))
            self.chat = not self._class.is_simple
            shown = ",".join(f"{name}={value}" for name, value in sorted(without_secrets(self._arguments).items()))
            self.identity = f"{spec}({shown})"
        else:
            self._adapter = load_adapter(spec, arguments)
            self.identity = base.identity_of(self._adapter)

    @property
    def chunk_size(self) -> int:
        """Requests per generate call and per journal write."""
        if self._batch_size:
            return self._batch_size
        return 16 if self._adapter is None else base.batch_size_of(self._adapter, 16)

    @property
    def answers_singly(self) -> bool:
        """Whether the adapter says that an answer never depends on what else is in its batch (`answers_singly`)."""
        return bool(getattr(self._adapter, "answers_singly", False))

    def prepare(self, data: TaskData) -> None:
        """Let the adapter prepare for a task.

        Raises:
            UnsupportedTask: it cannot answer such a task by its nature.
            AdapterFailed: it raised.
        """
        if self._adapter is not None:
            base.prepare(self._adapter, data.task, data.choice)

    def usage(self) -> dict[str, float]:
        """Totals that the adapter keeps (requests, tokens, cost)."""
        totals = None if self._adapter is None else base.usage_of(self._adapter)
        return {name: float(value) for name, value in (totals or {}).items() if value is not None}

    def as_lmms(self) -> Any:
        """The lmms-eval model; built on the first call."""
        if self._lmms is None:
            if self._adapter is not None:
                from foodbench.adapters.bridge import AdapterModel

                self._lmms = AdapterModel(self._adapter, self.chunk_size, prepare=False)
            else:
                self._lmms = self._build_lmms()
        return self._lmms

    def _build_lmms(self) -> Any:
        shown = ",".join(f"{name}={value}" for name, value in self._arguments.items())
        try:
            return self._class.create_from_arg_string(shown, {"batch_size": self._batch_size or 1})
        except FoodbenchError:
            raise
        except Exception as error:
            raise UsageError(
                f"lmms-eval's model '{self.spec}' cannot be built: {type(error).__name__}: {str(error)[:300]}.",
                hint="Check --model-args; the weights must be on this machine or downloadable.",
            ) from error


def _lmms_class(name: str) -> Any:
    from foodbench.engine.evaluation import quiet_libraries

    quiet_libraries()
    from lmms_eval.models import get_model, list_available_models

    known = list_available_models(include_aliases=True)
    if name not in known:
        raise UnknownName.of("lmms-eval model", name, known)
    try:
        return get_model(name)
    except ImportError as error:
        raise UsageError(
            f"lmms-eval's model '{name}' cannot be imported: {error}.",
            hint="Many of them need decord: pip install 'foodbench[video]'.",
        ) from error
