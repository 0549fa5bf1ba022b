"""Qwen 3: named as Llama; queries and keys are normalised, which an edit does not touch."""

from memat.model.architecture import Architecture

ARCHITECTURE = Architecture(bias_config=(("attention_bias", True),))
