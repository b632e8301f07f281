"""Patterns of the kinds that AdaMLLM's released set also has, beside those that its paper describes.

Nearly half of that set gives the model the answer or the reasoning and wants the question or the rest back; some give
the answer before the reasoning. The kinds and their shares are reproduced here (counted in the released set), the
wordings are this project's own.
"""

from __future__ import annotations

from baselines.adamllm.templates import Pattern

INVERTED: tuple[Pattern, ...] = (
    ("The answer is {answer}. What was the question?", "{question}"),
    ("Answer: {answer}\nWrite the question and the reasoning.", "Question: {question}\nReasoning: {reasoning}"),
    ("Reasoning: {reasoning}\nAnswer: {answer}\nWhich question was asked?", "{question}"),
    ("Think of a question about this picture whose answer is: {answer}", "{question}"),
    ("Somebody thought about this picture: {reasoning} What had they been asked?", "{question}"),
    ("Here is a line of thought: {reasoning}\nGive the question and the answer.", "{question}\nAnswer: {answer}"),
    ("Write a question with its explanation that ends in: {answer}", "{question}\n{reasoning}"),
    ("Make up a task about this picture and solve it.", "{question}\n\n{reasoning} Thus: {answer}"),
    ("Ask something about this picture that takes reasoning.", "{question}"),
    ("Ask a question about this picture, reason about it, and answer.", "{question}\n{reasoning}\n{answer}"),
    ("Q: {question}\nA: {answer}\nWhy?", "{reasoning}"),
    ("{question} I am told that it is this: {answer}. Explain.", "{reasoning}"),
    ("Question: {question}\nAnswer: {answer}\nFill in the reasoning.", "{reasoning}"),
    ("Reasoning: {reasoning}\nQuestion: {question}\nFinish with the answer.", "{answer}"),
    ("{reasoning}\nGiven this: {question}", "{answer}"),
    ("Turn this into a question and an answer: {reasoning}", "{question}\n{answer}"),
    ("What might a teacher ask about this picture if {answer} is what they want to hear?", "{question}"),
    ("Guess the question. Its answer is {answer}, for this reason: {reasoning}", "{question}"),
    ("I know the outcome: {answer}. Give me a question and a way to get there.", "{question}\n{reasoning}"),
    ("Explain why somebody would say '{answer}' to the question '{question}'.", "{reasoning}"),
    ("Write an exercise for this picture, with its solution.", "Exercise: {question}\nSolution: {reasoning} {answer}"),
    ("The explanation is there, the question got lost: {reasoning}", "{question}"),
    ("Which question does this settle? {reasoning} So: {answer}", "{question}"),
    ("Justify the answer {answer} to this question: {question}", "{reasoning}"),
)
"""The answer or the reasoning in, the question or the rest out."""

ANSWER_FIRST: tuple[Pattern, ...] = (
    ("{question}", "{answer}. {reasoning}"),
    ("{question}\nAnswer first, then explain.", "{answer}\nExplanation: {reasoning}"),
    ("Question: {question}", "Answer: {answer}\nReasoning: {reasoning}"),
    ("{question} And why?", "{answer}, for this reason: {reasoning}"),
    ("Q: {question}\nA:", "{answer}\n{reasoning}"),
    ("{question}\nStart with the bottom line.", "Bottom line: {answer}\n{reasoning}"),
)

REASONING_ONLY: tuple[Pattern, ...] = (("{question}\nDescribe only how you would find out.", "{reasoning}"),)

PLAIN_INVERTED: tuple[Pattern, ...] = (
    ("The reply was: {answer}\nWhat was the question?", "{question}"),
    ("Ask a question about this picture.", "{question}"),
    ("Ask and answer a question about this picture.", "{question}\n{answer}"),
    ("Write a question that this answers: {answer}", "{question}"),
    ("Response: {answer}\nInstruction:", "{question}"),
    ("What could somebody have asked to be told this? {answer}", "{question}"),
)

REASONED_SHARES = {"forward": 104, "answer_first": 15, "reasoning_only": 1, "inverted": 90}
"""Of the 210 reasoned patterns of the released set, how many are of which kind."""
PLAIN_SHARES = {"forward": 64, "inverted": 15}
"""Of its 79 plain ones."""
