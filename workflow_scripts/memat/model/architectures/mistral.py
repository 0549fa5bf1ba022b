"""Mistral: its attention projection cannot have a bias, Llama's can and is otherwise the same."""

from memat.model.architecture import Architecture

ARCHITECTURE = Architecture(
    blocks="model.layers",
    mlp_output="mlp.down_proj",
    attention_output="self_attn.o_proj",
    bias_config=(("attention_bias", True),),
    export_as="llama",
)
