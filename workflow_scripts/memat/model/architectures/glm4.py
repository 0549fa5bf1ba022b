"""GLM 4: norms behind attention and MLP; its attention projection cannot have a bias,
those to queries, keys and values can."""

from memat.model.architecture import Architecture

ARCHITECTURE = Architecture(
    attention_norm="post_self_attn_layernorm",
    mlp_norm="post_mlp_layernorm",
    bias_config=(("attention_bias", True),),
    value_bias="self_attn.v_proj",
)
