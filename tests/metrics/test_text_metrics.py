"""ROUGE-L, its word-set namesake and BLEU: against the public packages, tables filled cell by cell, and known texts."""

import json
import math
import random
import subprocess
import sys
from pathlib import Path

import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from foodbench.metrics import bleu, rouge, text

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "text.json").read_text())
CASES = GOLDEN["cases"]
PLAIN, STEMMED = RougeScorer(["rougeL"]), RougeScorer(["rougeL"], use_stemmer=True)

# Few words, so that they repeat; case, stems, stops within numbers, letters whose lower case is longer, lone
# surrogates, line ends that only some functions know, entities and marks that the tokenizers treat specially.
WORDS = [
    *(
        "mix",
        "Mix",
        "mixing",
        "mixed",
        "the",
        "egg",
        "eggs",
        "a",
        "b",
        "1.5",
        "350.5",
        "2-3",
        "U.S.",
        "e.g.",
        "..",
        ".",
    ),
    *(",", "!", "don't", "half-baked", "crème", "creme", "İ", "ß", "ſ", "Σς", "\u212a", "日本", "½", "\ud800", "\x00"),
    *(
        "&amp;",
        "&quot;",
        "<skipped>",
        "-\n",
        "_",
        "",
        " ",
        "\n",
        "\x1c",
        "\u2028",
        "\u00a0",
        "\t",
        "sky",
        "dying",
        "yyyy",
    ),
]
few_words = st.lists(st.sampled_from(WORDS), max_size=30)
joined = st.tuples(st.sampled_from([" ", "  ", ". ", "\n", ".", ""]), few_words).map(lambda pair: pair[0].join(pair[1]))
# Texts of three letters: the hardest for common subsequences, as equal words are everywhere.
letters = st.text("abc .", max_size=60)
texts = joined | letters | st.text(max_size=40)
pairs = st.tuples(texts, texts)


def rouge_by_table(prediction, reference, *, stem=False):
    return (STEMMED if stem else PLAIN).score(reference, prediction)["rougeL"].fmeasure


def set_rouge_by_table(prediction, reference):
    """The package rouge 1.0.1 in plain words: a full table for every pair of sentences, read from its last cell."""
    predicted, true = (
        [" ".join(sentence.split()).split(" ") for sentence in text.split(".") if sentence]
        for text in (prediction, reference)
    )
    if not predicted or not true:
        return 0.0
    union = set()
    for first in true:
        for second in predicted:
            lengths = {}
            for i in range(len(first) + 1):
                for j in range(len(second) + 1):
                    if i == 0 or j == 0:
                        lengths[i, j] = 0
                    elif first[i - 1] == second[j - 1]:
                        lengths[i, j] = lengths[i - 1, j - 1] + 1
                    else:
                        lengths[i, j] = max(lengths[i - 1, j], lengths[i, j - 1])
            i, j = len(first), len(second)
            while i and j:
                if first[i - 1] == second[j - 1]:
                    i, j = i - 1, j - 1
                    union.add(first[i])
                elif lengths[i - 1, j] > lengths[i, j - 1]:
                    i -= 1
                else:
                    j -= 1
    precision = len(union) / len({word for sentence in predicted for word in sentence})
    recall = len(union) / len({word for sentence in true for word in sentence})
    return 2.0 * ((precision * recall) / (precision + recall + 1e-8))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_numbers_of_the_public_packages(case):
    values = text.sample_values(case["prediction"], case["reference"], stem=True)
    assert values["rouge_l"] == case["rouge_l"]
    assert values["rouge_l.stem"] == case["rouge_l_stem"]
    assert values["rouge_l_set"] == case["rouge_l_set"]
    assert values["sacrebleu.sentence"] == case["sentence_bleu"]
    assert [values[key] for key in bleu.LENGTHS] == case["lengths"]
    assert [values[key] for key in bleu.MATCHES] == case["matches"]
    assert [values[key] for key in bleu.TOTALS] == case["totals"]


@pytest.mark.parametrize(
    ("prediction", "reference", "set_based", "of_sequences"),
    [
        ("Mix flour and sugar. Bake it.", "Mix sugar and flour. Bake well.", 0.5, 0.5),
        ("mix flour and sugar. bake it.", "Mix sugar and flour. Bake well.", 1 / 6, 0.5),
        ("Bake well. Mix sugar and flour.", "Mix sugar and flour. Bake well.", 1.0, 2 / 3),
        ("Mix sugar. Mix sugar.", "Mix sugar.", 1.0, 2 / 3),
    ],
)
def test_the_two_rouges_worked_by_hand(prediction, reference, set_based, of_sequences):
    assert rouge.rouge_l_set(prediction, reference) == pytest.approx(set_based, abs=1e-8)
    assert rouge.rouge_l(prediction, reference) == pytest.approx(of_sequences, abs=1e-15)


@given(pairs)
@settings(max_examples=400, deadline=None)
def test_rouge_l_equals_rouge_score_to_the_last_bit(pair):
    assert rouge.rouge_l(*pair) == rouge_by_table(*pair)
    assert rouge.rouge_l(*pair, stem=True) == rouge_by_table(*pair, stem=True)


@given(pairs)
@settings(max_examples=400, deadline=None)
def test_the_set_rouge_equals_tables_filled_cell_by_cell(pair):
    assert rouge.rouge_l_set(*pair) == set_rouge_by_table(*pair)


def test_long_recipes_equal_the_tables():
    rng = random.Random(5)
    vocabulary = [f"word{number}" for number in range(120)]
    for _ in range(6):
        sentences = [" ".join(rng.choices(vocabulary, k=rng.randrange(1, 25))) for _ in range(24)]
        prediction, reference = ". ".join(sentences[:12]), ". ".join(sentences[8:])
        assert rouge.rouge_l(prediction, reference) == rouge_by_table(prediction, reference)
        assert rouge.rouge_l_set(prediction, reference) == set_rouge_by_table(prediction, reference)


@given(st.lists(pairs, min_size=1, max_size=8))
@settings(max_examples=200, deadline=None)
def test_bleu_of_sums_equals_sacrebleu_to_the_last_bit(corpus):
    samples = [bleu.sample_bleu(*pair) for pair in corpus]
    predictions, references = zip(*corpus, strict=True)
    assert bleu.CORPUS_BLEU.of_samples(samples) == sacrebleu.corpus_bleu(predictions, [references]).score
    for values, (prediction, reference) in zip(samples, corpus, strict=True):
        # What Hugging Face's evaluate does with one pair and its defaults, and FIRE's notebook with every recipe.
        assert values["sacrebleu.sentence"] == sacrebleu.corpus_bleu([prediction], [[reference]]).score


def test_effective_order_matters_below_four_words_only():
    for answer, alike in (("Bake well.", False), ("Bake it well.", True), ("Mix it. Bake well.", True)):
        ours = bleu.sample_bleu(answer, "Mix flour. Bake it well.")["sacrebleu.sentence"]
        assert (ours == sacrebleu.sentence_bleu(answer, ["Mix flour. Bake it well."]).score) is alike
    assert bleu.sample_bleu("Bake well.", "Bake well.")["sacrebleu.sentence"] == 0.0


def test_the_golden_corpus_and_its_signature():
    samples = [text.sample_values(case["prediction"], case["reference"]) for case in CASES]
    assert bleu.CORPUS_BLEU.of_samples(samples) == GOLDEN["corpus"]["bleu"]
    package = sacrebleu.BLEU()
    package.corpus_score(["rice"], [["rice"]])
    assert bleu.CORPUS_BLEU.signature == bleu.SENTENCE_BLEU.signature == package.get_signature().format()


@given(st.lists(pairs, min_size=1, max_size=8), st.randoms())
@settings(max_examples=60, deadline=None)
def test_bounds_and_order_of_samples(corpus, rng):
    samples = [text.sample_values(*pair) for pair in corpus]
    shuffled = rng.sample(samples, len(samples))
    for metric in text.METRICS:
        number = metric.of_samples(samples)
        assert number == metric.of_samples(shuffled)
        assert 0.0 <= number <= 100.0 + 1e-9
    for values in samples:
        assert all(math.isfinite(number) and number >= 0 for number in values.values())
        for shorter, longer in zip(bleu.MATCHES, bleu.TOTALS, strict=True):
            assert values[shorter] <= values[longer]


@given(texts)
@settings(max_examples=100, deadline=None)
def test_perfect_and_empty(reference):
    perfect, empty = text.sample_values(reference, reference), text.sample_values("", reference)
    if rouge.words_of(reference):
        assert perfect["rouge_l"] == 1.0
        assert perfect["rouge_l_set"] == pytest.approx(1.0, abs=1e-8)
    if perfect[bleu.TOTALS[-1]]:
        assert perfect["sacrebleu.sentence"] == pytest.approx(100.0)
    assert empty["rouge_l"] == empty["rouge_l_set"] == empty["sacrebleu.sentence"] == 0.0
    # Saying nothing costs brevity: the reference's words count in the corpus.
    assert empty["bleu.reference_length"] == perfect["bleu.reference_length"]
    assert empty["bleu.answer_length"] == 0.0


def test_saying_nothing_lowers_corpus_bleu():
    recipe = "Boil the rice. Fry the egg. Serve warm."
    answered = text.sample_values(recipe, recipe)
    silent = text.sample_values("", recipe)
    assert bleu.CORPUS_BLEU.of_samples([answered]) == pytest.approx(100.0)
    assert bleu.CORPUS_BLEU.of_samples([answered, silent]) == pytest.approx(100.0 * math.exp(-1))
    assert bleu.CORPUS_BLEU.of_samples([silent]) == 0.0
    assert bleu.CORPUS_BLEU.of_samples([]) is None
    assert bleu.corpus_bleu({}) is None


def test_metrics_find_their_values():
    values = text.sample_values("Boil rice.", "Boil the rice.", stem=True)
    metrics = (*text.METRICS, rouge.ROUGE_L_STEM)
    assert text.METRICS[0] is rouge.ROUGE_L
    assert len({metric.id for metric in metrics}) == len(metrics)
    for metric in metrics:
        share = metric.share(values)
        assert set(share) == (set(bleu.KEYS) if metric.kind == "of_sums" else {metric.value})
        assert metric.signature
    assert rouge.ROUGE_L.of_samples([values]) == pytest.approx(80.0)


HOSTILE = {
    "one letter": "a" * 10**6,
    "letters": "a b c d " * 125_000,
    "stops": "." * 10**6,
    "one-word sentences": "a." * 500_000,
    "marks": "!" * 10**6,
    "blanks": " " * 10**6,
    "growing letters": "İ" * 10**6,
    "lines": "-\n" * 500_000,
    "sentences that differ": ".".join(f"a b c a b c k{number} x" for number in range(45_000)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_megabyte_is_scored(name):
    hostile = HOSTILE[name]
    for prediction, reference in (
        (hostile, "x a b c. Boil the rice."),
        (hostile, hostile[3:]),
        ("Boil rice.", hostile),
    ):
        values = text.sample_values(prediction, reference)
        assert values == text.sample_values(prediction[: text.MAX_CHARACTERS], reference[: text.MAX_CHARACTERS])
        assert all(math.isfinite(number) for number in values.values())
        assert values["bleu.answer_length"] <= text.MAX_CHARACTERS


def test_the_bound_on_work_leaves_recipes_alone_and_gives_a_lower_bound(monkeypatch):
    rng = random.Random(2)
    sentences = [" ".join(rng.choices("abcdefghij", k=8)) for _ in range(60)]
    prediction, reference = ". ".join(sentences[:40]), ". ".join(sentences[20:])
    full = rouge.rouge_l_set(prediction, reference)
    monkeypatch.setattr(rouge, "MAX_SET_WORK", 10)
    assert 0.0 < rouge.rouge_l_set(prediction, reference) < full
    monkeypatch.setattr(rouge, "MAX_SET_WORK", 5_000)
    # Texts as long as these, longer than a recipe, stay far below the bound.
    assert rouge.rouge_l_set(prediction, reference) == full


PROBE = """
import sys
from foodbench.metrics import rouge, text
print([name for name in ("sacrebleu", "rouge_score", "nltk", "rapidfuzz", "numpy", "torch") if name in sys.modules])
rouge.MAX_SET_WORK = 30
print(text.sample_values("a b c d e f g h. c a b e. h g f e d", "h b a. d f c e. g a b c d"))
print([name for name in ("rouge_score", "nltk", "torch") if name in sys.modules])
"""


def test_naming_metrics_is_light_and_scores_do_not_depend_on_the_process():
    outputs = {
        subprocess.run(
            [sys.executable, "-c", PROBE],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[2])},
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(outputs) == 1
    before, _, after = outputs.pop().splitlines()
    assert before == after == "[]"


def test_many_texts_are_not_remembered():
    for number in range(600):
        bleu.sample_bleu(f"Boil {number} eggs .", f"Fry {number} eggs .")
    call = type(sacrebleu.BLEU().tokenizer).__call__
    assert call.cache_info().currsize < 300
