"""foodbench: benchmark and evaluation harness for food multimodal models."""

__version__ = "0.1.0"
