"""The edited and corrected model as an ordinary Hugging Face folder.

Deltas are already in the weights. A correction is a bias of the attention output
projection; where a model type has none, its config is asked for one and the other
biases that this brings are zero, or the model is written as a sister type that has
the bias (Qwen2 and Mistral as Llama), or the bias goes where it adds the same
vector (GPT-J: its attention and MLP outputs are summed into the same stream) or
shifts the same head (GLM 4: the bias of its values).
"""

from functools import reduce
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from memat.errors import UnsupportedArchitecture
from memat.io import atomic_folder, sha256_of, write_json
from memat.model.editable import EditableModel
from memat.provenance import Provenance


def export_model(model: EditableModel, folder: Path) -> None:
    """Write a model that carries its edit and corrections; loads with no code of ours.

    Raises UnsupportedArchitecture where the model type has no place for a correction,
    CannotWrite(folder).
    """
    config = model.network.config
    with torch.device("meta"):
        fresh = AutoModelForCausalLM.from_config(config)
    new = dict(model.network.named_parameters()).keys() - dict(fresh.named_parameters()).keys()
    network = _with_biases(model) if new else model.network
    with atomic_folder(folder) as target:
        network.save_pretrained(target)
        model.tokenizer.save_pretrained(target)


def list_files(manifest: Path, provenance: Provenance) -> list[int]:
    """Write the manifest of the folder that it lies in; returns the bytes of each file."""
    files = sorted(p for p in manifest.parent.iterdir() if p.is_file() and p != manifest)
    content = {p.name: {"bytes": p.stat().st_size, "sha256": sha256_of(p)} for p in files}
    write_json(manifest, {"folder": ".", "files": content}, provenance)
    return [entry["bytes"] for entry in content.values()]


def _with_biases(model: EditableModel) -> torch.nn.Module:
    """The model as an architecture that has the biases which its attention projections got."""
    architecture, config = model.architecture, model.network.config
    state = dict(model.network.state_dict())
    if architecture.bias_home:
        return _moved_biases(model, state)
    settings = config.to_dict()
    for key, value in architecture.bias_config:
        *parts, last = key.split(".")
        reduce(dict.__getitem__, parts, settings)[last] = value
    if architecture.value_bias:
        _move_to_values(model, state, settings)
    kind, own = config.model_type, ["model_type"]  # own: keys that are not taken over
    if architecture.export_as:
        _check_sister(config)
        kind, own = architecture.export_as, [*own, "architectures", "layer_types"]
    kept = {key: value for key, value in settings.items() if key not in own}
    return _filled(AutoConfig.for_model(kind, **kept), state, model)


def _move_to_values(model: EditableModel, state: dict, settings: dict) -> None:
    """Give every head keys and values of its own, and its ω to the bias of its values.

    A head's output is a mean of values with weights that add up to 1, so a shift of all values
    is a shift of the head, eq. (6). ω is read off the bias W_O·ω by least squares: any that
    gives the same bias acts alike. Changes state and settings.
    """
    architecture = model.architecture
    copies = model.n_heads // settings["num_key_value_heads"]
    settings["num_key_value_heads"] = model.n_heads
    for layer in range(model.n_layers):
        stem = f"{architecture.blocks}.{layer}"
        values = f"{stem}.{architecture.value_bias}"
        keys = f"{values.rpartition('.')[0]}.k_proj"
        for name in (f"{keys}.weight", f"{keys}.bias", f"{values}.weight", f"{values}.bias"):
            if name in state:
                heads = state[name].unflatten(0, (-1, model.head_dim))
                state[name] = heads.repeat_interleave(copies, 0).flatten(0, 1)
        bias = state.pop(f"{stem}.{architecture.attention_output}.bias", None)
        if bias is not None:
            matrix = model.attention_matrix(layer).double()
            omega = torch.linalg.lstsq(matrix, bias.double()[:, None], driver="gelsd").solution
            old = state.get(f"{values}.bias", torch.zeros((), dtype=bias.dtype))
            state[f"{values}.bias"] = (old.double() + omega[:, 0]).to(bias.dtype)


def _moved_biases(model: EditableModel, state: dict) -> torch.nn.Module:
    architecture = model.architecture
    for layer in range(model.n_layers):
        stem = f"{architecture.blocks}.{layer}"
        bias = state.pop(f"{stem}.{architecture.attention_output}.bias", None)
        if bias is not None:
            home = f"{stem}.{architecture.bias_home}.bias"
            state[home] = (state[home].double() + bias.double()).to(bias.dtype)
    return _filled(model.network.config, state, model)


def _filled(config, state: dict, model: EditableModel) -> torch.nn.Module:
    """A fresh model of `config` with this state; biases it has beyond the state are zero."""
    network = AutoModelForCausalLM.from_config(config, dtype=model.dtype)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name not in state and name.endswith(".bias"):
                parameter.zero_()
    missing, unexpected = network.load_state_dict(state, strict=False)
    tied = set(getattr(network, "_tied_weights_keys", None) or ())
    absent = [name for name in missing if not name.endswith(".bias") and name not in tied]
    if unexpected or absent:
        raise UnsupportedArchitecture(
            f"model type '{config.model_type}' cannot hold the corrections: "
            f"no place for {', '.join([*unexpected, *absent][:3])}"
        )
    network.tie_weights()
    return network.eval()


def _check_sister(config) -> None:
    """Llama has no sliding window; a model that uses one cannot be written as Llama."""
    window = getattr(config, "sliding_window", None)
    if window and getattr(config, "use_sliding_window", True):
        raise UnsupportedArchitecture(
            f"model type '{config.model_type}' uses a sliding window of {window} tokens and has no "
            "attention output bias; its corrections cannot be written as an ordinary folder"
        )
