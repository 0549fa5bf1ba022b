"""Mistral: its attention projection cannot have a bias, Llama's can and is otherwise the same."""

from memat.model.architecture import Architecture

ARCHITECTURE = Architecture(
    bias_config=(("attention_bias", True),),
    export_as="llama",
)
