"""Reinforcement learning of Qwen2.5-VL as a segmenter: the RL paper's recipes, and a kitchen-sized model."""
