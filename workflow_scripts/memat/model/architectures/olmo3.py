"""OLMo 3: as OLMo 2, with layers that see a window only."""

from memat.model.architecture import Architecture

ARCHITECTURE = Architecture(
    attention_norm="post_attention_layernorm",
    mlp_norm="post_feedforward_layernorm",
    bias_config=(("attention_bias", True),),
)
