"""GPT-2: projections are Conv1D, which stores (in, out), and have biases."""

from memat.model.architecture import Architecture

ARCHITECTURE = Architecture(
    blocks="transformer.h",
    mlp_output="mlp.c_proj",
    attention_output="attn.c_proj",
    transposed=True,
)
