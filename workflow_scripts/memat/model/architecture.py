"""Where each model type keeps the parts that editing needs.

One entry per `model_type` of a Hugging Face config: the list of blocks, the MLP
output projection (written by MEMIT) and the attention output projection (its
input holds the head activations, eq. 10; its bias takes the corrections, eq. 6).
A new model is one entry here and one row in `tests/unit/test_model_architecture.py`.
"""

from dataclasses import dataclass

from memat.errors import UnsupportedArchitecture


@dataclass(frozen=True)
class Architecture:
    """Module names of one model type, relative to the causal language model or a block.

    transposed: projection weights are stored (in, out), as GPT-2's Conv1D does.
    bias_home: module that can hold the correction W_O·ω in an ordinary folder when the
        attention projection of this type has no bias (GPT-J: attention and MLP are
        parallel, so the MLP output bias adds the same vector to the same place).
    bias_config: config entries that make a freshly loaded model have that bias.
    export_as: model type to export as when only that type can hold the bias.
    """

    blocks: str
    mlp_output: str
    attention_output: str
    transposed: bool = False
    bias_home: str | None = None
    bias_config: tuple[tuple[str, object], ...] = ()
    export_as: str | None = None


_LLAMA = Architecture(
    blocks="model.layers",
    mlp_output="mlp.down_proj",
    attention_output="self_attn.o_proj",
    bias_config=(("attention_bias", True),),
)
_QWEN2 = Architecture(
    blocks="model.layers",
    mlp_output="mlp.down_proj",
    attention_output="self_attn.o_proj",
    bias_config=(("attention_bias", True),),
    export_as="llama",
)

ARCHITECTURES: dict[str, Architecture] = {
    "llama": _LLAMA,
    "mistral": _QWEN2,
    "qwen2": _QWEN2,
    "qwen3": _LLAMA,
    "falcon": Architecture(
        blocks="transformer.h",
        mlp_output="mlp.dense_4h_to_h",
        attention_output="self_attention.dense",
        bias_config=(("bias", True),),
    ),
    "gpt2": Architecture(
        blocks="transformer.h",
        mlp_output="mlp.c_proj",
        attention_output="attn.c_proj",
        transposed=True,
    ),
    "gptj": Architecture(
        blocks="transformer.h",
        mlp_output="mlp.fc_out",
        attention_output="attn.out_proj",
        bias_home="mlp.fc_out",
    ),
    "gpt_neox": Architecture(
        blocks="gpt_neox.layers",
        mlp_output="mlp.dense_4h_to_h",
        attention_output="attention.dense",
        bias_config=(("attention_bias", True),),
    ),
    "opt": Architecture(
        blocks="model.decoder.layers",
        mlp_output="fc2",
        attention_output="self_attn.out_proj",
        bias_config=(("enable_bias", True),),
    ),
}

_NORM_AFTER_MLP = (
    "it normalises the MLP output before adding it to the residual stream, so an update of the "
    "MLP projection does not move the block output by the wanted residual (MEMIT's assumption)"
)
REFUSED: dict[str, str] = {
    "gemma2": _NORM_AFTER_MLP,
    "gemma3": _NORM_AFTER_MLP,
    "gemma3_text": _NORM_AFTER_MLP,
    "olmo2": _NORM_AFTER_MLP,
    "olmo3": _NORM_AFTER_MLP,
    "glm4": _NORM_AFTER_MLP,
}


def architecture_of(config) -> Architecture:
    """Map of a Hugging Face config (object or dict). Raises UnsupportedArchitecture by name."""
    read = (
        config.get
        if isinstance(config, dict)
        else lambda key, default=None: getattr(config, key, default)
    )
    model_type = read("model_type")
    if model_type in REFUSED:
        raise UnsupportedArchitecture(
            f"model type {model_type!r} is not edited: {REFUSED[model_type]}"
        )
    if model_type not in ARCHITECTURES:
        raise UnsupportedArchitecture(
            f"model type {model_type!r} has no architecture map; known: {', '.join(sorted(ARCHITECTURES))}"
        )
    if model_type == "opt" and read("do_layer_norm_before", True) is False:
        raise UnsupportedArchitecture(
            f"this 'opt' model (do_layer_norm_before: false) is not edited: {_NORM_AFTER_MLP}"
        )
    return ARCHITECTURES[model_type]


@dataclass(frozen=True)
class ModelShape:
    """Sizes that settings are checked against before a model is loaded."""

    model_type: str
    n_layers: int
    n_heads: int

    @classmethod
    def from_config(cls, config: dict) -> "ModelShape":
        """Read a `config.json` as a dict; the older Falcon spellings count too."""
        layers = next(
            (config[k] for k in ("num_hidden_layers", "n_layer", "n_layers") if k in config), None
        )
        heads = next(
            (config[k] for k in ("num_attention_heads", "n_head", "n_heads") if k in config), None
        )
        if layers is None or heads is None:
            raise UnsupportedArchitecture(
                f"config.json of model type {config.get('model_type')!r} names no layer or head count"
            )
        return cls(config.get("model_type"), layers, heads)
