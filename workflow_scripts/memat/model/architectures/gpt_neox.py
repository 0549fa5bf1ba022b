"""GPT-NeoX, and Pythia with it."""

from memat.model.architecture import Architecture

ARCHITECTURE = Architecture(
    blocks="gpt_neox.layers",
    mlp_output="mlp.dense_4h_to_h",
    attention_output="attention.dense",
    bias_config=(("attention_bias", True),),
)
