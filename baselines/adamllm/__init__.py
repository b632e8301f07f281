"""AdaMLLM: visual instruction synthesis, consistency filter and single-stage post-training data (arXiv 2411.19930)."""
