"""Gemma 3 with images, of which only the text part is run and edited."""

from memat.model.architecture import Architecture

ARCHITECTURE = Architecture(
    blocks="model.language_model.layers",
    attention_norm="post_attention_layernorm",
    mlp_norm="post_feedforward_layernorm",
    bias_config=(("text_config.attention_bias", True),),
)
