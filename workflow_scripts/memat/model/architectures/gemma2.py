"""Gemma 2: norms behind attention and MLP, every other layer sees a window only."""

from memat.model.architecture import Architecture

ARCHITECTURE = Architecture(
    blocks="model.layers",
    mlp_output="mlp.down_proj",
    attention_output="self_attn.o_proj",
    attention_norm="post_attention_layernorm",
    mlp_norm="post_feedforward_layernorm",
    bias_config=(("attention_bias", True),),
)
