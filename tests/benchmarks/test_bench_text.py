"""Scoring recipe-sized texts beside the public packages, in one run.

    pytest tests/benchmarks --benchmark-only

133 words against 149 is an answer and a reference of average length. `extra_info` holds the other package's time in
the same process and the ratio; nothing is asserted about time.
"""

import timeit

import numpy as np
import pytest

from foodbench.metrics import bleu, rouge, text

PAIRS = 50


@pytest.fixture(scope="module")
def recipes():
    """Answers and references in sentences of about ten words, common words common, two thirds of them shared."""
    rng = np.random.default_rng(0)
    vocabulary = np.array([f"{rng.choice(list('bcdfgkmprst'))}{'aeiou'[n % 5]}word{n}" for n in range(2_000)])
    frequency = 1 / np.arange(1, vocabulary.size + 1)

    def write(words):
        sentences = [" ".join(part) for part in np.array_split(words, max(1, len(words) // 10))]
        return ". ".join(sentence.capitalize() for sentence in sentences) + "."

    made = []
    for _ in range(PAIRS):
        true = rng.choice(vocabulary, 149, p=frequency / frequency.sum())
        answer = true[:133].copy()
        changed = rng.random(answer.size) < 1 / 3
        answer[changed] = rng.choice(vocabulary, int(changed.sum()))
        made.append((write(answer), write(true)))
    return made


def per_pair(function, repeat=5):
    """Microseconds per pair: the best of a few rounds."""
    return min(timeit.repeat(function, number=1, repeat=repeat)) / PAIRS * 1e6


@pytest.mark.parametrize("stem", [False, True], ids=["words", "stems"])
def test_rouge_l_beside_rouge_score(benchmark, recipes, stem):
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"], use_stemmer=stem)

    def by_rouge_score():
        return [scorer.score(true, answer)["rougeL"].fmeasure for answer, true in recipes]

    def score():
        return [rouge.rouge_l(answer, true, stem=stem) for answer, true in recipes]

    assert benchmark(score) == by_rouge_score()
    ours, theirs = per_pair(score, repeat=40), per_pair(by_rouge_score)
    benchmark.extra_info.update(us_per_pair=ours, rouge_score_us_per_pair=theirs, times_faster=theirs / ours)


def test_all_text_metrics_of_a_batch(benchmark, recipes):
    """`sample_values` beside what it replaces: rouge-score, and sacrebleu for each text and for the corpus."""
    import sacrebleu
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"])
    answers, references = zip(*recipes, strict=True)

    def forget():
        for tokenizer in (sacrebleu.BLEU().tokenizer, sacrebleu.BLEU().tokenizer._post_tokenizer):
            type(tokenizer).__call__.cache_clear()

    def naive():
        forget()
        rouges = [scorer.score(true, answer)["rougeL"].fmeasure for answer, true in recipes]
        sentences = [sacrebleu.corpus_bleu([answer], [[true]]).score for answer, true in recipes]
        return rouges, sentences, sacrebleu.corpus_bleu(answers, [references]).score

    def score():
        forget()
        samples = [text.sample_values(answer, true) for answer, true in recipes]
        corpus = bleu.CORPUS_BLEU.of_samples(samples)
        return [one["rouge_l"] for one in samples], [one["sacrebleu.sentence"] for one in samples], corpus

    assert benchmark(score) == naive()
    ours, theirs = per_pair(score, repeat=20), per_pair(naive)
    parts = {
        "rouge_l_us": per_pair(lambda: [rouge.rouge_l(*pair) for pair in recipes], repeat=20),
        "rouge_l_set_us": per_pair(lambda: [rouge.rouge_l_set(*pair) for pair in recipes], repeat=20),
        "bleu_us": per_pair(lambda: (forget(), [bleu.sample_bleu(*pair) for pair in recipes]), repeat=20),
    }
    benchmark.extra_info.update(us_per_pair=ours, packages_us_per_pair=theirs, times_faster=theirs / ours, **parts)
