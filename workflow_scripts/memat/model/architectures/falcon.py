"""Falcon: attention and MLP of its first models stand side by side; one switch gives all biases."""

from memat.model.architecture import Architecture

ARCHITECTURE = Architecture(
    blocks="transformer.h",
    mlp_output="mlp.dense_4h_to_h",
    attention_output="self_attention.dense",
    bias_config=(("bias", True),),
)
