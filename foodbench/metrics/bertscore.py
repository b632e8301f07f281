"""BERTScore: how well each token of a text finds its like in the other, by a language model's contextual vectors.

An extra, never a default: it needs the weights of a model, and scores by two models, layers or scales have nothing to
do with each other. So the model, the layer, the rescaling and the versions of the libraries are in the metric's
signature.

Source: T. Zhang et al., "BERTScore" (ICLR 2020), equations 1 to 3 without idf weights. Equal, to float32's rounding, to
the package bert-score 0.3.13, which fails on empty texts with transformers 5; special tokens weigh nothing but may be
matched, as there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foodbench.core.errors import UsageError
from foodbench.core.hashing import fingerprint, sha256_file
from foodbench.metrics.aggregate import Metric
from foodbench.metrics.inputs import require_same_length

PARTS: tuple[str, ...] = ("precision", "recall", "f1")
LAYERS: dict[str, int] = {
    "bert-base-uncased": 9,
    "bert-large-uncased": 18,
    "bert-base-multilingual-cased": 9,
    "distilbert-base-uncased": 5,
    "roberta-base": 10,
    "roberta-large": 17,
    "microsoft/deberta-base-mnli": 9,
    "microsoft/deberta-large-mnli": 18,
    "microsoft/deberta-xlarge-mnli": 40,
}
"""The layer that bert-score uses by default: the one that agreed best with people's judgements of translations."""
MAX_TOKENS = 512
"""Longer texts are cut here, or where the model ends if that is sooner."""
_HINT = "Install the libraries with `pip install torch transformers`, and give a model's name or the folder it lies in."
_WEIGHTS = ("*.safetensors", "*.bin")


@dataclass(frozen=True, slots=True)
class Baseline:
    """What unrelated texts score with a model's layer; rescaling maps it to 0 and leaves 1 where it is.

    Attributes:
        precision: baseline of the precision, e.g. from bert-score's tables.
        recall: of the recall.
        f1: of the F1.
    """

    precision: float
    recall: float
    f1: float

    def __post_init__(self) -> None:
        if not all(-1 <= number < 1 for number in self.numbers):
            raise UsageError(f"A BERTScore baseline lies between -1 and 1, not {self.numbers}.")

    @property
    def numbers(self) -> tuple[float, float, float]:
        """In the order of `PARTS`."""
        return self.precision, self.recall, self.f1


class BertScore:
    """A model that scores pairs of texts.

    Attributes:
        signature: model, layer, rescaling, cut, weights and library versions.
    """

    def __init__(
        self,
        model: str | Path,
        *,
        layer: int | None = None,
        baseline: Baseline | None = None,
        batch_size: int = 16,
        device: str = "cpu",
    ) -> None:
        """Load the model.

        Args:
            model: a local folder, or a name that transformers finds or downloads.
            layer: which layer's vectors; None for that of `LAYERS`, by name. 0 is the embedding, 1 the first layer.
            baseline: rescale with it; None for raw scores.
            batch_size: pairs at a time; changes no score beyond float32's rounding.
            device: as torch names it.

        Raises:
            UsageError: the libraries or the model are absent, or the model has no such layer.
        """
        self._layer = _layer_of(str(model), layer)
        self._baseline, self._batch_size, self._device = baseline, batch_size, device
        try:
            import torch
            import transformers

            self._tokenizer: Any = transformers.AutoTokenizer.from_pretrained(str(model))
            self._model: Any = transformers.AutoModel.from_pretrained(str(model), dtype=torch.float32)
        except (ImportError, OSError, ValueError) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise UsageError(f"BERTScore cannot use the model '{model}': {reason}", hint=_HINT) from error
        self._model = self._model.to(device).eval()
        config = self._model.config
        depth = int(config.num_hidden_layers)
        if not 0 <= self._layer <= depth:
            raise UsageError(f"The model '{model}' has layers 0 to {depth}, not {self._layer}.")
        positions = int(getattr(config, "max_position_embeddings", None) or MAX_TOKENS)
        self._max_tokens = min(MAX_TOKENS, positions, int(self._tokenizer.model_max_length))
        # Byte-level tokenizers of these families tell a word at the start of a text from one after a blank.
        self._lead = " " if type(self._tokenizer).__name__.startswith(("Roberta", "GPT2")) else ""
        self.signature = "|".join(
            (
                f"model:{Path(model).name if Path(model).is_dir() else model}",
                f"layer:{self._layer}",
                "idf:no",
                f"rescaled:{'/'.join(map(repr, baseline.numbers)) if baseline else 'no'}",
                f"tokens:{self._max_tokens}",
                f"weights:{_weights_of(Path(model), config)}",
                f"transformers:{transformers.__version__}",
                f"torch:{torch.__version__}",
            )
        )

    def metrics(self) -> tuple[Metric, ...]:
        """The metrics of the values that `sample_values` returns, F1 first."""
        return tuple(
            Metric(
                id=f"bertscore.{part}",
                kind="mean",
                value=f"bertscore.{part}",
                scale=100.0,
                description=f"Mean over samples of BERTScore's {part} x 100; an empty answer or reference counts as 0.",
                signature=self.signature,
            )
            for part in reversed(PARTS)
        )

    def sample_values(self, predictions: Sequence[str], references: Sequence[str]) -> list[dict[str, float]]:
        """Each pair's values `bertscore.precision`, `bertscore.recall` and `bertscore.f1`, raw or rescaled.

        A pair with an empty text scores 0 in each before rescaling.

        Args:
            predictions: shape (n,), the model's texts.
            references: shape (n,), the true texts.

        Raises:
            MetricInputError: different lengths.
        """
        require_same_length("'predictions'", len(predictions), "'references'", len(references))
        tokens = [
            (self._encode(first), self._encode(second)) for first, second in zip(predictions, references, strict=True)
        ]
        # Texts of like length together: less padding.
        order = sorted(range(len(tokens)), key=lambda index: sum(map(len, tokens[index])))
        values: list[dict[str, float]] = [{} for _ in tokens]
        for start in range(0, len(order), self._batch_size):
            batch = order[start : start + self._batch_size]
            for index, parts in zip(batch, self._score([tokens[index] for index in batch]), strict=True):
                values[index] = {f"bertscore.{part}": number for part, number in zip(PARTS, parts, strict=True)}
        return values

    def _encode(self, text: str) -> list[int]:
        """Token numbers with the special ones at both ends; none for an empty text."""
        stripped = text.strip()
        if not stripped:
            return []
        return list(self._tokenizer.encode(self._lead + stripped, truncation=True, max_length=self._max_tokens))

    def _score(self, pairs: Sequence[tuple[list[int], list[int]]]) -> Iterator[tuple[float, float, float]]:
        vectors = iter(self._vectors([tokens for pair in pairs if all(pair) for tokens in pair]))
        for pair in pairs:
            raw = (0.0, 0.0, 0.0)
            if all(pair):
                raw = self._match(pair, next(vectors), next(vectors))
            if self._baseline is None:
                yield raw
            else:
                precision, recall, f1 = (
                    (number - base) / (1 - base) for number, base in zip(raw, self._baseline.numbers, strict=True)
                )
                yield precision, recall, f1

    def _vectors(self, texts: Sequence[list[int]]) -> list[Any]:
        """Unit vectors of each text's tokens, shape (tokens, width)."""
        import torch

        if not texts:
            return []
        longest = max(map(len, texts))
        padding = self._tokenizer.pad_token_id or 0
        padded = torch.tensor([tokens + [padding] * (longest - len(tokens)) for tokens in texts], device=self._device)
        mask = torch.tensor(
            [[1] * len(tokens) + [0] * (longest - len(tokens)) for tokens in texts], device=self._device
        )
        with torch.inference_mode():
            states = self._model(padded, attention_mask=mask, output_hidden_states=True).hidden_states[self._layer]
            states = torch.nn.functional.normalize(states, dim=-1)
        return [state[: len(tokens)] for state, tokens in zip(states, texts, strict=True)]

    def _match(self, pair: tuple[list[int], list[int]], predicted: Any, true: Any) -> tuple[float, float, float]:
        """Greedy matching: each token with the most similar one of the other text."""
        similarity = predicted @ true.T
        precision = self._mean(similarity.amax(dim=1), pair[0])
        recall = self._mean(similarity.amax(dim=0), pair[1])
        return precision, recall, 2 * precision * recall / (precision + recall) if precision + recall else 0.0

    def _mean(self, best: Any, tokens: Sequence[int]) -> float:
        special = {self._tokenizer.cls_token_id, self._tokenizer.sep_token_id}
        counted = [number for number, token in zip(best.tolist(), tokens, strict=True) if token not in special]
        return sum(counted) / len(counted) if counted else 0.0


def _layer_of(model: str, layer: int | None) -> int:
    if layer is not None:
        return layer
    if model not in LAYERS:
        raise UsageError(
            f"No layer is known for the BERTScore model '{model}'.",
            hint=f"State the layer; layers are known for {', '.join(LAYERS)}.",
        )
    return LAYERS[model]


def _weights_of(folder: Path, config: Any) -> str:
    """What tells one set of weights from another: the digest of a folder's files, or the commit of a download."""
    if folder.is_dir():
        files = sorted({path for pattern in _WEIGHTS for path in folder.glob(pattern)})
        return fingerprint([(path.name, sha256_file(path)) for path in files])[: len("sha256:") + 12]
    return str(getattr(config, "_commit_hash", None) or "unknown")[:12]
