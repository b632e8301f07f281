"""AdaMLLM: post-trained Qwen2-VL, LLaVA-NeXT and Llama-3.2-Vision, asked in the words of their training."""

from foodbench.models.adamllm.checkpoint import KITCHEN_CHECKPOINT, RELEASED, AskingSettings, checkpoint_of, load_model

__all__ = ["KITCHEN_CHECKPOINT", "RELEASED", "AskingSettings", "checkpoint_of", "load_model"]
