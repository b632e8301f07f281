"""Patterns that ask the question and get reasoning and then the answer, or one plain response."""

from __future__ import annotations

from baselines.adamllm.templates import Pattern

REASONED: tuple[Pattern, ...] = (
    ("{question}", "{reasoning} So the answer is {answer}."),
    ("{question}", "{reasoning}\nAnswer: {answer}"),
    ("{question}", "{reasoning} In short: {answer}"),
    ("{question}\nThink it through before you answer.", "{reasoning} That makes it {answer}."),
    ("{question}\nExplain first, answer last.", "{reasoning}\n\nMy answer: {answer}"),
    ("{question}\nGive your reasons, then your answer.", "Reasons: {reasoning}\nAnswer: {answer}"),
    ("{question}\nShow how you get there.", "{reasoning} From this I conclude: {answer}"),
    ("{question}\nTake it slowly.", "{reasoning} Hence: {answer}"),
    ("{question}\nWhat do you see, and what follows?", "{reasoning} What follows is: {answer}"),
    ("{question}\nPlease reason in full sentences.", "{reasoning} Therefore: {answer}"),
    ("Question: {question}", "Reasoning: {reasoning}\nAnswer: {answer}"),
    ("Question: {question}\nReasoning and answer:", "{reasoning}\n{answer}"),
    ("Q: {question}\nA:", "{reasoning} The answer: {answer}"),
    ("Look at the picture and answer with an explanation.\n{question}", "{reasoning} All in all: {answer}"),
    ("Study the picture closely.\n{question}", "{reasoning} This points to: {answer}"),
    ("Here is something to work out from the picture: {question}", "{reasoning} The result is: {answer}"),
    ("I would like an answer that I can follow. {question}", "{reasoning} And so: {answer}"),
    ("Help me with this, and let me see your thoughts: {question}", "{reasoning} My conclusion: {answer}"),
    ("Let us go through this together. {question}", "{reasoning} That leaves us with: {answer}"),
    ("Tell me why before you tell me what. {question}", "Why: {reasoning}\nWhat: {answer}"),
    ("{question} Back it up.", "{reasoning} This backs up: {answer}"),
    ("{question} I need both the reasoning and the result.", "The reasoning: {reasoning}\nThe result: {answer}"),
    ("{question} Do not jump to the answer.", "{reasoning} Only now the answer: {answer}"),
    ("{question} Begin with what can be seen.", "{reasoning} Seen that way, it is this: {answer}"),
    ("Consider the evidence in the picture, then decide.\n\n{question}", "{reasoning}\n\nDecision: {answer}"),
    ("Write down your train of thought and end with the answer.\n\n{question}", "{reasoning}\n\n{answer}"),
    ("Task: {question}\nFirst the explanation, then the solution.", "Explanation: {reasoning}\nSolution: {answer}"),
    ("Picture question. {question}", "{reasoning} Answering the question: {answer}"),
    ("Could you work this out? {question}", "Gladly. {reasoning} It comes to this: {answer}"),
    ("A friend asks about this picture: {question} What should I say, and why?", "{reasoning} You can say: {answer}"),
    ("Solve this with care.\n{question}", "{reasoning}\nSolved: {answer}"),
    ("{question}\n\nAnswer like a careful teacher.", "{reasoning} Remember the outcome: {answer}"),
    ("{question}\n\nYour last line should hold the answer alone.", "{reasoning}\n{answer}"),
    ("Put your observations together and answer.\n{question}", "Observations: {reasoning}\nPut together: {answer}"),
    ("What would an expert say? {question}", "{reasoning} An expert would settle on: {answer}"),
    ("{question}\nLet the picture guide you to the answer.", "{reasoning} The picture guides us to: {answer}"),
)
"""The question in, reasoning and then the answer out."""

PLAIN: tuple[Pattern, ...] = (
    ("{question}", "{answer}"),
    ("Question: {question}", "{answer}"),
    ("Q: {question}\nA:", "{answer}"),
    ("{question}\nAnswer from the picture.", "{answer}"),
    ("Look at the picture. {question}", "{answer}"),
    ("Please answer: {question}", "{answer}"),
    ("I have a question about this picture. {question}", "{answer}"),
    ("Here is a question: {question}\nWhat is your answer?", "{answer}"),
    ("{question} Tell me what you find.", "{answer}"),
    ("Use the picture to respond.\n{question}", "{answer}"),
    ("Respond to this: {question}", "Response: {answer}"),
    ("Picture question: {question}", "Answer: {answer}"),
    ("Can you help me with this? {question}", "Sure. {answer}"),
    ("{question}", "Here is what I see. {answer}"),
    ("Task: {question}", "{answer}"),
    ("What do you say to this? {question}", "{answer}"),
)
"""The question in, one response out; `{answer}` is the whole response."""
