"""Architectures in Hugging Face style: one folder each with `configuration_`, `modeling_` and `processing_` modules."""
