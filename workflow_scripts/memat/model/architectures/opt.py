"""OPT; its 350m model has norms after attention and MLP, and is refused."""

from memat.model.architecture import NORM_AFTER_MLP, Architecture

ARCHITECTURE = Architecture(
    blocks="model.decoder.layers",
    mlp_output="fc2",
    attention_output="self_attn.out_proj",
    bias_config=(("enable_bias", True),),
)


def refusal(config):
    if config.get("do_layer_norm_before") is False:
        return f"do_layer_norm_before is false: {NORM_AFTER_MLP}"
    return None
