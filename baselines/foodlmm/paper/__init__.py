"""Training of the paper-size FoodLMM: LoRA on LLaMA-7B, real datasets."""
