"""BERTScore on a tiny BERT whose weights a generator makes: against the package's numbers and the formula by loops."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from foodbench.core.errors import UsageError
from foodbench.metrics.bertscore import LAYERS, Baseline, BertScore
from foodbench.metrics.inputs import MetricInputError

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "text.json").read_text())["bertscore"]
WORDS = "mix mixing flour and sugar bake it well the rice egg boil until tender serve warm . , ! ; 1 2 ##s ##ed ##ing"
PAIRS = [(case["prediction"], case["reference"]) for case in GOLDEN["cases"]]


def write_tiny_bert(folder):
    """A BERT of two layers and 24 numbers per token, 32 tokens long, in the format of transformers."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizer

    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS.split()]
    tokenizer = BertTokenizer(vocab={token: number for number, token in enumerate(tokens)}, model_max_length=32)
    tokenizer.save_pretrained(folder)
    model = BertModel(
        BertConfig(
            vocab_size=len(tokens),
            hidden_size=24,
            num_hidden_layers=2,
            num_attention_heads=3,
            intermediate_size=40,
            max_position_embeddings=32,
        )
    )
    rng = np.random.default_rng(11)
    state = model.state_dict()
    for name in sorted(state):
        if state[name].is_floating_point():
            scale = 1.0 if "LayerNorm.weight" in name else 0.0
            numbers = scale + 0.3 * rng.standard_normal(tuple(state[name].shape))
            state[name] = torch.from_numpy(numbers.astype(np.float32))
    model.load_state_dict(state)
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def tiny_bert(tmp_path_factory):
    return write_tiny_bert(tmp_path_factory.mktemp("models") / "tiny-bert")


@pytest.fixture(scope="module")
def scorer(tiny_bert):
    return BertScore(tiny_bert, layer=1, batch_size=2)


def columns(values):
    return [[sample[f"bertscore.{part}"] for sample in values] for part in ("precision", "recall", "f1")]


def pair(index):
    return [PAIRS[index][0]], [PAIRS[index][1]]


def test_numbers_of_the_package(scorer):
    values = scorer.sample_values(*zip(*PAIRS, strict=True))
    for part, column in zip(("precision", "recall", "f1"), columns(values), strict=True):
        assert column == pytest.approx([case[part] for case in GOLDEN["cases"]], abs=2e-6)


def test_the_papers_formula_by_loops(tiny_bert, scorer):
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(tiny_bert), AutoModel.from_pretrained(tiny_bert).eval()

    def vectors(text):
        tokens = tokenizer.encode(text)
        with torch.no_grad():
            states = model(torch.tensor([tokens]), output_hidden_states=True).hidden_states[1][0].double().numpy()
        return states / np.linalg.norm(states, axis=1, keepdims=True)

    prediction, reference = PAIRS[0]
    first, second = vectors(prediction), vectors(reference)
    # The ends, [CLS] and [SEP], are found but do not look for their like.
    precision = np.mean([max(float(one @ other) for other in second) for one in first[1:-1]])
    recall = np.mean([max(float(one @ other) for other in first) for one in second[1:-1]])
    expected = [precision, recall, 2 * precision * recall / (precision + recall)]
    (values,) = scorer.sample_values([prediction], [reference])
    assert list(values.values()) == pytest.approx(expected, abs=1e-6)


def test_perfect_is_one_and_empty_is_zero(scorer):
    perfect, *empty = scorer.sample_values(
        ["boil the rice", "", "boil the rice", " \n", ""], ["boil the rice", "boil the rice", " ", "egg", ""]
    )
    assert list(perfect.values()) == pytest.approx([1.0, 1.0, 1.0], abs=1e-6)
    assert all(set(values.values()) == {0.0} for values in empty)
    assert scorer.sample_values([], []) == []


def test_batches_and_order_change_nothing_but_rounding(tiny_bert, scorer):
    together = BertScore(tiny_bert, layer=1, batch_size=64).sample_values(*zip(*PAIRS, strict=True))
    reversed_pairs = scorer.sample_values(*zip(*reversed(PAIRS), strict=True))[::-1]
    for first, second in zip(columns(together), columns(reversed_pairs), strict=True):
        assert first == pytest.approx(second, abs=1e-6)


def test_swapping_the_texts_swaps_precision_and_recall(scorer):
    (there,), (back,) = scorer.sample_values(*pair(0)), scorer.sample_values(*reversed(pair(0)))
    assert there["bertscore.precision"] == pytest.approx(back["bertscore.recall"], abs=1e-6)
    assert there["bertscore.f1"] == pytest.approx(back["bertscore.f1"], abs=1e-6)


def test_long_texts_are_cut_where_the_model_ends(scorer):
    (values,) = scorer.sample_values(["rice " * 20_000], ["rice " * 40])
    assert values["bertscore.f1"] == pytest.approx(1.0, abs=1e-6)


def test_rescaling_maps_the_baseline_to_zero_and_keeps_one(tiny_bert, scorer):
    baseline = Baseline(0.4, 0.5, 0.45)
    rescaled = BertScore(tiny_bert, layer=1, baseline=baseline)
    raw = columns(scorer.sample_values(*pair(0)))
    found = columns(rescaled.sample_values(*pair(0)))
    for number, raw_number, base in zip(found, raw, baseline.numbers, strict=True):
        assert number == pytest.approx([(raw_number[0] - base) / (1 - base)], abs=1e-5)
    assert "rescaled:0.4/0.5/0.45" in rescaled.signature
    with pytest.raises(UsageError, match="between -1 and 1"):
        Baseline(0.4, math.nan, 0.4)
    with pytest.raises(UsageError, match="between -1 and 1"):
        Baseline(1.0, 0.5, 0.5)


def test_the_signature_tells_models_layers_and_versions_apart(tiny_bert, scorer, tmp_path):
    import torch
    import transformers

    parts = dict(part.split(":", 1) for part in scorer.signature.split("|"))
    assert parts["model"] == "tiny-bert"
    assert parts["layer"] == "1"
    assert parts["idf"] == parts["rescaled"] == "no"
    assert parts["tokens"] == "32"
    assert parts["transformers"] == transformers.__version__
    assert parts["torch"] == torch.__version__
    assert str(tiny_bert.parent) not in scorer.signature
    other_layer = BertScore(tiny_bert, layer=2)
    assert other_layer.signature != scorer.signature
    assert other_layer.sample_values(*pair(0)) != scorer.sample_values(*pair(0))

    from transformers import AutoModel, AutoTokenizer

    changed = AutoModel.from_pretrained(tiny_bert)
    with torch.no_grad():
        changed.embeddings.word_embeddings.weight += 1e-3
    folder = tmp_path / "tiny-bert"
    changed.save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_bert).save_pretrained(folder)
    assert BertScore(folder, layer=1).signature != scorer.signature


def test_metrics_carry_the_signature_and_average_the_samples(scorer):
    values = scorer.sample_values(*zip(*PAIRS, strict=True))
    metrics = scorer.metrics()
    assert [metric.id for metric in metrics] == ["bertscore.f1", "bertscore.recall", "bertscore.precision"]
    assert all(metric.signature == scorer.signature for metric in metrics)
    assert metrics[0].of_samples(values) == pytest.approx(100 * np.mean(columns(values)[2]))


def test_what_cannot_be_loaded_is_said_with_a_hint(tiny_bert, tmp_path):
    with pytest.raises(UsageError, match="nowhere") as absent:
        BertScore(tmp_path / "nowhere", layer=1)
    assert "pip install" in absent.value.hint
    with pytest.raises(UsageError, match="layers 0 to 2, not 3"):
        BertScore(tiny_bert, layer=3)
    with pytest.raises(UsageError, match="No layer is known") as unknown:
        BertScore(tiny_bert)
    assert "roberta-large" in unknown.value.hint
    assert LAYERS["roberta-large"] == 17


def test_absent_libraries_are_said_with_a_hint(tiny_bert, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UsageError, match="transformers") as absent:
        BertScore(tiny_bert, layer=1)
    assert "pip install" in absent.value.hint


def test_columns_of_two_lengths_are_refused(scorer):
    with pytest.raises(MetricInputError, match="2 values but .* 1"):
        scorer.sample_values(["rice", "egg"], ["rice"])


def test_the_first_word_is_encoded_as_one_after_a_blank(tmp_path):
    """RoBERTa's tokenizer would give the word "egg" another token at the start of a text; bert-score forbids that."""
    from transformers import RobertaConfig, RobertaModel, RobertaTokenizer

    tokens = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "e", "g", "Ġ", "eg", "egg", "Ġegg"]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    merges = [("e", "g"), ("eg", "g"), ("Ġ", "egg")]
    RobertaTokenizer(vocab=vocabulary, merges=merges, model_max_length=30).save_pretrained(tmp_path)
    sizes = {"hidden_size": 12, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    RobertaModel(RobertaConfig(vocab_size=len(tokens), max_position_embeddings=32, **sizes)).save_pretrained(tmp_path)
    assert BertScore(tmp_path, layer=0)._encode(" egg egg") == [0, vocabulary["Ġegg"], vocabulary["Ġegg"], 2]
