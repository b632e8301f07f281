"""Reading free text: from what a model writes to names, actions, amounts and recipes. Pure functions, no judge model.

Every reader takes any string without an error, looks at its first `names.MAX_ANSWER_CHARS` characters, and takes time
linear in them. What is not clear stays unread: nothing is guessed. Where a rule decides what counts, the rule has a
version, which is part of a score's meaning.

Modules:
    names: names of a closed list (dishes, ingredients), as whole words.
    plurals: singular forms of nouns.
    actions: cooking verbs in imperative clauses.
    lexicon: the verbs that count; inflection: their forms.
    quantities: numbers with units.
    recipe_text: title, ingredient lines and steps of a recipe; ingredient_lines: what such a line is about.
    sentences: sentence boundaries and list markers.
    adamllm: how AdaMLLM's evaluation reads answers, for comparison with its numbers; it does guess, and says so.
"""
