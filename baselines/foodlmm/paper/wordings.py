"""The questions and answers of the training data, as data.

How many of each kind there are, and what each must hold, follows FoodLMM (TMM 2025, supplement and released code); the
sentences are this project's own, with the benchmark's strict prompts among them where one fits. What stands in braces
is filled in:

    {names}               names as in running text: "a, b and c"
    {verb} {Verb}         is or are, for these names
    {lines} {blocks}      the ingredient lines, or the ingredient blocks, each on lines of its own
    {total}               the total calories' token, or the block of the totals
    {macro}               fat, carbohydrate or protein; {first}, {second}, {third}: these by their amounts
"""

from __future__ import annotations

from foodbench.tasks import prompts

DISH_QUESTIONS = (
    prompts.DISH,
    "Which dish has been photographed here?",
    "How would a menu list this dish?",
    "Tell me what this food is called.",
    "I would like to know the name of this meal.",
    "Please put a name to the dish in the photo.",
    "What did the cook make here?",
    "Do you recognise this dish?",
    "Say which dish this is.",
    "If I wanted to order this, what would I ask for?",
)
"""VIREO's first questions, and Food-101's."""

INGREDIENT_QUESTIONS = (
    prompts.INGREDIENTS,
    "Which ingredients went into this dish?",
    "Tell me what this food is made from.",
    "What do you see in this dish, ingredient by ingredient?",
    "Please name the ingredients of the meal in the photo.",
    "I need a list of everything this dish contains.",
    "Looking at the picture, what are the ingredients?",
    "What would I have to buy for this dish?",
)

RECIPE_QUESTIONS = (
    prompts.RECIPE,
    "How is the food in this photo made? Give me the whole recipe.",
    "I want to cook this at home: what is it, what do I need and what do I do?",
    "Please write down the recipe that leads to this dish.",
    "Turn this picture into a recipe with a title, an ingredient list and instructions.",
    "Could you work out a recipe for what you see here?",
    "What is this dish, what is in it and how is it prepared?",
    "Imagine you are the cook of this meal and share your recipe.",
    "Describe from the shopping list to the last step how this is made.",
    "I took this photo in a restaurant; which recipe would give me the same dish?",
    "Name the dish, list its ingredients and explain its preparation.",
)

CALORIE_QUESTIONS = (
    "What is in this meal, and how many calories does it add up to?",
    "Tell me the ingredients of this dish and its total calories.",
    "How much energy do I take in if I empty this plate? Go through the ingredients.",
    "Please count the calories of this food, ingredient by ingredient.",
    "I keep a food diary: what is on my plate and how many calories is that?",
    "Estimate the calories of each ingredient and of the dish as a whole.",
    "Which ingredients do you see, and what do they sum up to in kcal?",
    "Give me a calorie count for this picture, with the parts it is made of.",
    "How many kcal does this dish have, and where do they come from?",
    "Break the calories of this meal down for me.",
    "What does this portion contain, and what is its energy in total?",
    "Work out the energy of this food from its ingredients.",
    "Could you weigh the ingredients by eye and tell me the calories of the dish?",
    "I must watch my calories. What is in here and how much is it altogether?",
    "List what this meal is made of together with its calories, and the sum.",
    "From this photo, what would you say are the ingredients and the total calories?",
)
"""Q0: the calories of the dish, and its ingredients."""

CALORIE_ANSWERS_ONE = (
    "There is one ingredient in this dish:{lines}\nSo it has about {total} kcal.",
    "I see a single ingredient:{lines}\nThat makes roughly {total} kcal for the meal.",
    "Only one thing is on the plate:{lines}\nIts energy, and that of the dish, is near {total} kcal.",
    "The meal is made of one ingredient alone:{lines}\nIn total I count {total} kcal.",
    "One ingredient is all I can find:{lines}\nThe dish comes to approximately {total} kcal.",
    "This is the whole content of the dish:{lines}\nEating it gives you some {total} kcal.",
    "Here is the only ingredient:{lines}\nMy estimate for the dish is {total} kcal.",
    "The picture shows just this:{lines}\nHence the total is close to {total} kcal.",
    "It is a simple meal of one ingredient:{lines}\nAltogether that is {total} kcal or so.",
    "Nothing but one ingredient is visible:{lines}\nThe energy of the whole is about {total} kcal.",
    "I would note down this one ingredient:{lines}\nand for the dish {total} kcal.",
)
CALORIE_ANSWERS_SEVERAL = (
    "These are the ingredients of the dish:{lines}\nTogether they have about {total} kcal.",
    "I see the following on the plate:{lines}\nThat makes roughly {total} kcal for the meal.",
    "The meal consists of several things:{lines}\nTheir energy adds up to some {total} kcal.",
    "Here is what I can find, the heaviest first:{lines}\nIn total I count {total} kcal.",
    "By eye I would split the dish like this:{lines}\nIt comes to approximately {total} kcal.",
    "Several ingredients make up this food:{lines}\nEating all of it gives you around {total} kcal.",
    "Part by part:{lines}\nMy estimate for the whole dish is {total} kcal.",
    "The picture shows these ingredients:{lines}\nHence the total is close to {total} kcal.",
    "For your diary:{lines}\nAltogether that is {total} kcal or so.",
    "This is how the calories are spread:{lines}\nThe sum of them is about {total} kcal.",
    "I would note down these ingredients:{lines}\nand for the dish {total} kcal.",
)

NAMED_CALORIE_QUESTIONS = (
    "How many calories come from the {names}?",
    "What do the mass and the calories of the {names} amount to?",
    "Please estimate the energy of the {names} on this plate.",
    "I only want to know about the {names}: how much is there, and how many kcal?",
    "Tell me the kcal that the {names} would give me.",
    "If I ate nothing but the {names}, what would I take in?",
    "Weigh the {names} by eye and count the calories.",
    "Give me a calorie estimate for the {names} in the photo.",
)
"""Q1: the calories of named ingredients."""

BREAKDOWN_QUESTIONS = (
    "Give me a full nutrition report of this dish, ingredient by ingredient and in total.",
    "What are the calories, fat, carbohydrate and protein of every part of this meal and of all of it?",
    "Please make a nutrition table of what you see, with the totals at the end.",
    "Analyse the nutrition of each ingredient here, then sum it up.",
    "How do the macronutrients spread over the ingredients of this food?",
    "I would like mass, energy and macronutrients for everything on the plate.",
    "Take this meal apart for me: which ingredient has how much of what?",
    "Describe the nutrition of the dish in detail, its parts first.",
    "What would the nutrition label of this meal say, split by ingredient?",
    "Estimate the weight and the nutrients of all ingredients and of the meal.",
)
"""Q2: everything about every ingredient, and the totals."""

BREAKDOWN_ANSWERS_ONE = (
    "The dish has one ingredient:{blocks}\nSo much for the whole dish:{total}",
    "There is a single ingredient to report:{blocks}\nThe totals are the dish's:{total}",
    "I find only one ingredient:{blocks}\nAs a meal this gives:{total}",
    "One ingredient makes the meal:{blocks}\nIn total:{total}",
    "This is the one part that I see:{blocks}\nFor the dish I estimate:{total}",
    "Here are the values of the only ingredient:{blocks}\nand those of the meal:{total}",
    "The report is short, with one ingredient:{blocks}\nSummed up:{total}",
    "All that is on the plate is this:{blocks}\nThe whole portion has:{total}",
    "My estimate for the single ingredient:{blocks}\nMy estimate for the dish:{total}",
    "Just one thing can be seen:{blocks}\nThe label of the dish would say:{total}",
    "A meal of one ingredient:{blocks}\nOverall:{total}",
)
BREAKDOWN_ANSWERS_SEVERAL = (
    "The dish has these ingredients:{blocks}\nSo much for the whole dish:{total}",
    "There are several ingredients to report:{blocks}\nTheir totals:{total}",
    "I find the following ingredients:{blocks}\nAs a meal this gives:{total}",
    "Ingredient by ingredient:{blocks}\nIn total:{total}",
    "These are the parts that I see:{blocks}\nFor the dish I estimate:{total}",
    "Here are the values of the ingredients, heaviest first:{blocks}\nand those of the meal:{total}",
    "The report, part by part:{blocks}\nSummed up:{total}",
    "What is on the plate is this:{blocks}\nThe whole portion has:{total}",
    "My estimates for the ingredients:{blocks}\nMy estimate for the dish:{total}",
    "Several things can be seen:{blocks}\nThe label of the dish would say:{total}",
    "A meal of several ingredients:{blocks}\nOverall:{total}",
)

NAMED_NUTRITION_QUESTIONS = (
    prompts.PORTION_NUTRITION.replace("{ingredient}", "{names}"),
    "What does the nutrition of the {names} look like?",
    "How much fat, carbohydrate and protein is there in the {names}?",
    "Please report on the {names} only: weight, energy and macronutrients.",
    "I am interested in the nutrients of the {names}.",
    "Analyse the {names} on this plate.",
    "Tell me all nutrition values of the {names}.",
    "What would I get out of the {names}, nutrient by nutrient?",
    "Estimate mass, kcal, fat, carbohydrate and protein of the {names}.",
    "Fill in a nutrition label for the {names} in this picture.",
)
"""Q3: everything about named ingredients."""

TOTAL_QUESTIONS = (prompts.TOTAL_NUTRITION,)
"""Q4: the totals and nothing else; the answer is `TOTAL_BLOCK`."""

RICHEST_QUESTIONS = (
    "Which macronutrient does this dish have most of?",
    "Is this meal mainly fat, carbohydrate or protein?",
    "Analyse the food and tell me its leading macronutrient.",
    "What is this plate richest in: fat, carbohydrate or protein?",
    "Of the three macronutrients, which one is ahead in this meal? Show me how you know.",
    "Work through the ingredients and find the macronutrient that weighs most.",
    "I want to know what I mostly eat here: fat, carbohydrate or protein.",
    "Does fat, carbohydrate or protein dominate this dish?",
    "Estimate the nutrition and name the main macronutrient.",
    "Which of fat, carbohydrate and protein is there the most grams of?",
)
"""Q5: the macronutrient with the most grams; the answer is that to Q2 with one of these behind it."""

RICHEST_ANSWERS = (
    "So there is more {macro} in it than any other macronutrient.",
    "The leading macronutrient is {macro}.",
    "By grams, {macro} comes first.",
    "That makes {macro} the main macronutrient of this meal.",
    "Compared with the other two, {macro} weighs most.",
    "The dish is therefore richest in {macro}.",
    "What you mostly eat here is {macro}.",
    "Of the three, {macro} is ahead.",
    "It follows that {macro} dominates.",
    "No other macronutrient reaches the amount of {macro}.",
    "In short: mainly {macro}.",
)

RANKING_QUESTIONS = (
    "Put fat, carbohydrate and protein of this dish in order, the most first.",
    "How do the three macronutrients of this meal rank?",
    "Analyse the food and sort its macronutrients by weight.",
    "From most to least: which macronutrients does this plate offer?",
    "Which macronutrient comes first here, which second, which third?",
    "Estimate the nutrition and give me the order of the macronutrients.",
    "Arrange fat, carbohydrate and protein by their grams in this meal.",
    "I need the macronutrients of this food as a ranking.",
    "Work through the ingredients, then list the macronutrients in falling order.",
)
"""Q6: the macronutrients by their grams; the answer is that to Q2 with one of these behind it."""

RANKING_ANSWERS = (
    "So the order is {first}, {second}, {third}.",
    "By grams {first} comes first, {second} second and {third} third.",
    "From most to least: {first}, {second}, {third}.",
    "There is most {first}, less {second} and least {third}.",
    "Ranked by weight they are {first}, then {second}, then {third}.",
    "The list is led by {first}; {second} follows, and {third} is last.",
    "In falling order that is {first}, {second} and {third}.",
    "That puts {first} ahead of {second}, and {second} ahead of {third}.",
    "The ranking reads {first}, {second}, {third}.",
    "First {first}, next {second}, at the end {third}.",
)

INGREDIENT_LINES = (
    "\n\t{name}: about {mass} grams, roughly {cal} kcal",
    "\n\t{name}: some {mass} grams with an energy of {cal} kcal",
)
"""An ingredient in answers about calories."""

INGREDIENT_BLOCK = (
    "\n\t{name} (about {mass} g):\n\t\tCalories {cal} kcal\n\t\tFat {fat} g\n\t\tCarbohydrate {carb} g"
    "\n\t\tProtein {pro} g"
)
"""An ingredient in answers about all nutrients."""

TOTAL_BLOCK = "\n\tWeight {mass} g\n\tCalories {cal} kcal\n\tFat {fat} g\n\tCarbohydrate {carb} g\n\tProtein {pro} g"

REFER_QUESTIONS = (
    prompts.REFER_SEVERAL[1].replace("{ingredients}", "{names}"),
    prompts.REFER_SEVERAL[2].replace("{ingredients}", "{names}"),
    prompts.REFER[3].replace("{ingredient}", "{names}"),
    "I need to see where on the picture I find the {names}.",
    "Find the {names} and return the segmentation mask.",
    "Where {verb} the {names}? Draw what belongs to each.",
    "What part of the photo {verb} the {names}? Show it as a mask.",
    "{Verb} there {names} on the plate? If so, show me by a segmentation.",
    "{Verb} there {names} to be seen here? If so, point with a mask for each.",
)
"""For named classes: five plain ones, two with a verb, two that ask whether they are there at all."""

EVERYTHING_QUESTIONS = (
    *prompts.EVERYTHING,
    "Give me a mask for each kind of food in the photo.",
    "Take the dish apart into its ingredients and segment every one.",
    "Which foods are there, and where? Answer with a mask for each.",
    "Please outline all the foods that you recognise.",
    "Detect what there is to eat and draw its masks.",
    "I want every ingredient of this meal segmented.",
    "Label the whole picture: one mask per ingredient.",
    "Show me where each ingredient lies.",
)

MASK_ANSWERS = (
    "The {masks}.",
    "Sure, the {masks}.",
    "Here is what you asked for: the {masks}.",
)
"""Before "rice is masked as [SEG1], egg as [SEG2] and corn as [SEG3]"; the benchmark reads the noun of each mask."""

ONE_QUESTIONS = tuple(question.replace("{ingredient}", "{names}") for question in prompts.REFER)
"""LISA's: for one class that is there. The benchmark's strict ones, as many as LISA has for names."""

ONE_ANSWERS = (
    "Sure, [SEG].",
    "It is [SEG].",
    "Here it is: [SEG].",
    "This is the mask: [SEG].",
    "The mask that you ask for is [SEG].",
)
"""LISA's: one mask, and no word that says of what. As many as LISA has, in its form."""

ABSENT_ANSWER = "The {names} {verb} not found in this picture."
"""What is said of things that are not there: alone, or behind the masks."""
