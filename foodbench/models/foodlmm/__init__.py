"""FoodLMM for transformers' Auto classes: importing this package registers them."""

from __future__ import annotations

from pathlib import Path

from transformers import AutoConfig, AutoImageProcessor, AutoModelForImageTextToText, AutoProcessor, AutoTokenizer

from foodbench.models.foodlmm.configuration_foodlmm import FoodLMMConfig
from foodbench.models.foodlmm.image_processing_foodlmm import FoodLMMImageProcessor
from foodbench.models.foodlmm.modeling_foodlmm import FoodLMMForConditionalGeneration, GeneratedAnswer
from foodbench.models.foodlmm.processing_foodlmm import FoodLMMProcessor, LabelledMask, RenderedAnswer
from foodbench.models.foodlmm.tokenization_legacy import LegacyLlamaTokenizer

KITCHEN_CHECKPOINT = Path(__file__).parent / "kitchen"
"""The small checkpoint that the package carries, trained on rendered plates (`baselines/foodlmm`)."""

AutoConfig.register("foodlmm", FoodLMMConfig, exist_ok=True)
AutoModelForImageTextToText.register(FoodLMMConfig, FoodLMMForConditionalGeneration, exist_ok=True)
AutoImageProcessor.register(FoodLMMConfig, slow_image_processor_class=FoodLMMImageProcessor, exist_ok=True)
AutoTokenizer.register(FoodLMMConfig, LegacyLlamaTokenizer, exist_ok=True)
AutoProcessor.register(FoodLMMConfig, FoodLMMProcessor, exist_ok=True)

__all__ = [
    "KITCHEN_CHECKPOINT",
    "FoodLMMConfig",
    "FoodLMMForConditionalGeneration",
    "FoodLMMImageProcessor",
    "FoodLMMProcessor",
    "GeneratedAnswer",
    "LabelledMask",
    "LegacyLlamaTokenizer",
    "RenderedAnswer",
]
