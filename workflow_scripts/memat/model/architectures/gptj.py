"""GPT-J: the attention projection has no bias, but attention and MLP are added to the same
stream, so the MLP output bias can hold the corrections."""

from memat.model.architecture import Architecture

ARCHITECTURE = Architecture(
    blocks="transformer.h",
    mlp_output="mlp.fc_out",
    attention_output="attn.out_proj",
    bias_home="mlp.fc_out",
)
