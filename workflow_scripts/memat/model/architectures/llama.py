"""Llama, and what is built like it (SmolLM, for example)."""

from memat.model.architecture import Architecture

ARCHITECTURE = Architecture(
    blocks="model.layers",
    mlp_output="mlp.down_proj",
    attention_output="self_attn.o_proj",
    bias_config=(("attention_bias", True),),
)
