"""OPT; its 350m model normalises the stream after attention and MLP, and is refused."""

from memat.model.architecture import Architecture

ARCHITECTURE = Architecture(
    blocks="model.decoder.layers",
    mlp_output="fc2",
    attention_output="self_attn.out_proj",
    bias_config=(("enable_bias", True),),
)


def refusal(config):
    if config.get("do_layer_norm_before") is False:
        return (
            "do_layer_norm_before is false: it normalises the residual stream itself, after the"
            " MLP output is added"
        )
    return None
