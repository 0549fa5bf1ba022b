"""Qwen 2 and 2.5: biases at queries, keys and values only; Llama has that of the projection too."""

from memat.model.architecture import Architecture

ARCHITECTURE = Architecture(
    bias_config=(("attention_bias", True),),
    export_as="llama",
)
