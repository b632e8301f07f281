"""`food101.dish`: which of the 101 dishes is it? Top-1 accuracy over the test list.

FoodLMM Table VII and AdaMLLM Table 12 report top-1 on the same 25,250 test images. Under `strict` the class list is not
shown and an unparsed answer is wrong; AdaMLLM's protocol (`food101.dish.adamllm`) shows the list, and replaces an
unparsed answer by a random one.
"""

from __future__ import annotations

from foodbench.tasks.naming import name_dish

TASK = name_dish("food101", version=1)
