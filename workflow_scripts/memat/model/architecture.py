"""Where each model type keeps the parts that editing needs.

One leaf of `memat.model.architectures` per `model_type` of a Hugging Face config: the list
of blocks, the MLP output projection (written by MEMIT) and the attention output projection
(its input holds the head activations, eq. 10; its bias takes the corrections, eq. 6).
"""

from dataclasses import dataclass
from pathlib import Path

from memat.errors import UnsupportedArchitecture
from memat.leaves import leaf_names, leaf_path, load_leaf

PACKAGE = "memat.model.architectures"


@dataclass(frozen=True)
class Architecture:
    """Module names of one model type, relative to the causal language model or a block.

    blocks, mlp_output, attention_output: Llama's, where a type does not name its own.
    transposed: projection weights are stored (in, out), as GPT-2's Conv1D does.
    bias_home: module that can hold the correction W_O·ω in an ordinary folder when the
        attention projection of this type has no bias (GPT-J: attention and MLP are
        parallel, so the MLP output bias adds the same vector to the same place).
    bias_config: config entries that make a freshly loaded model have that bias; a dot leads
        into the config of the text part.
    value_bias: the projection to the values, whose bias can hold ω itself where the attention
        projection cannot have one: what a head sees is a mean of values, so it shifts by the
        same. Each head needs values of its own for that; the export gives it a copy of those
        that its group shares.
    export_as: model type to export as when only that type can hold the bias.
    attention_norm, mlp_norm: norms of a block that an output of these projections passes before
        it is added to the residual stream; where there is one behind the MLP, values are
        `layerwise` (`memat.edit.spread`).
    """

    blocks: str = "model.layers"
    mlp_output: str = "mlp.down_proj"
    attention_output: str = "self_attn.o_proj"
    transposed: bool = False
    bias_home: str | None = None
    bias_config: tuple[tuple[str, object], ...] = ()
    value_bias: str | None = None
    export_as: str | None = None
    attention_norm: str | None = None
    mlp_norm: str | None = None


def architecture_of(config) -> Architecture:
    """Map of a Hugging Face config (object or dict). Raises UnsupportedArchitecture by name."""
    config = config if isinstance(config, dict) else config.to_dict()
    model_type = config.get("model_type")
    if model_type not in leaf_names(PACKAGE):
        known = ", ".join(editable_types())
        raise UnsupportedArchitecture(
            f"model type {model_type!r} has no architecture map; known: {known}"
        )
    leaf = load_leaf(PACKAGE, model_type)
    reason = leaf.refusal(config) if hasattr(leaf, "refusal") else None
    if reason:
        raise UnsupportedArchitecture(f"model type {model_type!r} is not edited: {reason}")
    return leaf.ARCHITECTURE


def architecture_file(model_type: str) -> Path:
    """The leaf of one model type, which a job that loads such a model uses."""
    return leaf_path(PACKAGE, model_type)


def editable_types() -> tuple[str, ...]:
    """Model types with an architecture map."""
    names = leaf_names(PACKAGE)
    return tuple(name for name in names if hasattr(load_leaf(PACKAGE, name), "ARCHITECTURE"))


def model_shape(config: dict) -> tuple[str, int, int]:
    """Type, number of layers and of heads of a `config.json`; the older Falcon spellings count too,
    and of a model with images its text part. Raises UnsupportedArchitecture."""
    model_type, config = config.get("model_type"), config.get("text_config") or config
    names = (
        ("num_hidden_layers", "n_layer", "n_layers"),
        ("num_attention_heads", "n_head", "n_heads"),
    )
    counts = [next((config[k] for k in of_one if k in config), None) for of_one in names]
    if None in counts:
        raise UnsupportedArchitecture(
            f"config.json of model type {model_type!r} names no layer or head count"
        )
    return model_type, *counts
