"""Llama, and what is built like it (SmolLM, for example)."""

from memat.model.architecture import Architecture

ARCHITECTURE = Architecture(bias_config=(("attention_bias", True),))
