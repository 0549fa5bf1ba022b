"""An edit as an ordinary PEFT LoRA adapter: what is written here, PEFT and memat both read.

Δ = leftᵀ·right of n facts has rank n, so it is a LoRA pair: B = leftᵀ, A = right, with alpha = r, so
that the scale is 1. A correction of heads is a bias of the attention output projection; LoRA
carries it as the bias of B (`lora_bias`), which PEFT takes only where every module that the
adapter names has a bias itself.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from memat import io
from memat.edit.update import Delta
from memat.editor.layers import Carried
from memat.errors import ConfigError, DamagedFile, UnsupportedArchitecture
from memat.model.editable import EditableModel
from memat.provenance import Provenance
from memat.tensors import raw_bytes
from memat.yaml_files import read_json_object

CONFIG, WEIGHTS, ABOUT = "adapter_config.json", "adapter_model.safetensors", "memat.json"
PREFIX = "base_model.model."


def matrix_checksum(matrix: torch.Tensor) -> str:
    """SHA-256 of a weight in bfloat16, so that a model has the same one in every number format."""
    return hashlib.sha256(raw_bytes(matrix.to(torch.bfloat16))).hexdigest()


def matrix_checksums(model: EditableModel, layers: Iterable[int]) -> dict[str, str]:
    """`matrix_checksum` of the MLP output projections of some layers as they stand, by layer."""
    return {str(n): matrix_checksum(model.mlp_matrix(n)) for n in layers if n < model.n_layers}


def truncated(delta: Delta, rank: int) -> tuple[Delta, float]:
    """The nearest delta of at most this rank, and its relative error ‖Δ − Δ_r‖/‖Δ‖ (Frobenius).

    By singular values: Δ = QₗRₗᵀ… of the thin factors, so no (d_model, d_ff) matrix is made. Both
    factors get the root of the singular values, as a half-precision server may store them.
    """
    left, right = delta.left.double().T, delta.right.double().T
    (q_left, r_left), (q_right, r_right) = torch.linalg.qr(left), torch.linalg.qr(right)
    u, size, v = torch.linalg.svd(r_left @ r_right.T)
    lost = size[rank:].norm() / size.norm() if float(size.norm()) else size.new_zeros(())
    u, size, v = u[:, :rank], size[:rank].sqrt(), v[:rank]
    kept = Delta((q_left @ u * size).T.float(), (size[:, None] * v @ q_right.T).float())
    return kept, float(lost)


def write_adapter(
    model: EditableModel,
    carried: Carried,
    folder: str | Path,
    about: dict,
    provenance: Provenance,
    base: dict | None = None,
    rank: int | None = None,
) -> dict[int, float]:
    """Write `adapter_config.json`, `adapter_model.safetensors` and `memat.json` into a folder.

    model: as it stands without the edit: `memat.json` tells it by checksums of the projections.
    about: plain data on what was edited. base: `repo` and `revision`, or `folder`, of the model.
    rank: deltas of a higher rank are cut to it; returns the relative error of each layer, 0
    where nothing was cut, which `memat.json` states. Raises UnsupportedArchitecture (a correction
    that PEFT cannot carry), ConfigError (no delta), CannotWrite(folder).
    """
    if not carried.deltas:
        raise ConfigError("adapter: the model carries no edit")
    if rank is not None and rank < 1:
        raise ConfigError(f"rank: must be at least 1, found {rank}")
    parts = {
        layer: truncated(delta, rank) if rank and len(delta.left) > rank else (delta, 0.0)
        for layer, delta in carried.deltas.items()
    }
    errors = {layer: error for layer, (_, error) in parts.items()}
    tensors, ranks = {}, {}
    for layer, (delta, _) in parts.items():
        name = _mlp(model, layer)
        tensors[f"{name}.lora_A.weight"] = delta.right
        tensors[f"{name}.lora_B.weight"] = delta.left.T
        ranks[name] = len(delta.right)
    if carried.biases:
        _add_biases(model, carried.biases, tensors, ranks)
    config = _config(model, ranks, bool(carried.biases), base or {})
    content = about | {
        "relative_errors": {str(layer): error for layer, error in errors.items()},
        "ranks": ranks,
        "made_on": {**(base or {}), "checksums": matrix_checksums(model, carried.deltas)},
    }
    with io.atomic_folder(folder) as target:
        (target / CONFIG).write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
        stored = {PREFIX + name: t.float().cpu().contiguous() for name, t in tensors.items()}
        save_file(stored, target / WEIGHTS, metadata={"format": "pt"})
        io.write_json(target / ABOUT, content, provenance)
    return errors


def read_adapter(model: EditableModel, folder: str | Path) -> Carried:
    """The deltas and biases of a LoRA adapter on projections that memat edits.

    Raises DamagedFile(file), UnsupportedArchitecture (another kind of adapter, or module).
    """
    folder = Path(folder)
    config = read_json_object(folder / CONFIG, DamagedFile)
    if config.get("peft_type") != "LORA" or config.get("use_dora") or config.get("use_rslora"):
        raise UnsupportedArchitecture(f"{folder / CONFIG}: is no plain LoRA adapter")
    path = folder / WEIGHTS
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise DamagedFile(f"{path}: is no readable safetensors file ({error})") from error
    deltas, biases = {}, {}
    for layer in range(model.n_layers):
        mlp, attention = (PREFIX + find(model, layer) for find in (_mlp, _attention))
        a, b = (tensors.pop(f"{mlp}.lora_{part}.weight", None) for part in "AB")
        if a is not None and b is not None:
            _check_shape(folder, model, layer, a, b)
            deltas[layer] = Delta(_scale(config, mlp, len(a)) * b.T, a)
        tensors.pop(f"{mlp}.lora_B.bias", None)  # zero: only attention has corrections
        bias = tensors.pop(f"{attention}.lora_B.bias", None)
        if bias is not None:
            biases[layer] = bias.double()
            for part in "AB":
                tensors.pop(f"{attention}.lora_{part}.weight", None)
    if tensors:
        raise UnsupportedArchitecture(
            f"{path}: changes {next(iter(tensors))}, which is no projection that memat"
            f" edits in a '{model.text_config.model_type}' model of {model.n_layers} layers"
        )
    return Carried(deltas, biases)


def _mlp(model: EditableModel, layer: int) -> str:
    return f"{model.architecture.blocks}.{layer}.{model.architecture.mlp_output}"


def _attention(model: EditableModel, layer: int) -> str:
    return f"{model.architecture.blocks}.{layer}.{model.architecture.attention_output}"


def _add_biases(model, biases, tensors: dict, ranks: dict[str, int]) -> None:
    """Corrections as biases of B, beside factors that are zero. Changes tensors and ranks."""
    named = [*ranks, *(_attention(model, layer) for layer in biases)]
    for name in named:
        if getattr(model.network.get_submodule(name), "bias", None) is None:
            raise UnsupportedArchitecture(
                f"the corrections of heads are biases, which a PEFT adapter carries only where the"
                f" model has them, and {name} has none: export the model as a folder instead, or"
                " save the edit without its corrections"
            )
    for name in ranks:
        tensors[f"{name}.lora_B.bias"] = tensors[f"{name}.lora_B.weight"].new_zeros(model.d_model)
    for layer, bias in biases.items():
        name = _attention(model, layer)
        ranks[name] = 1
        in_size = model.attention_matrix(layer).shape[1]
        tensors[f"{name}.lora_A.weight"] = torch.zeros(1, in_size)
        tensors[f"{name}.lora_B.weight"] = torch.zeros(model.d_model, 1)
        tensors[f"{name}.lora_B.bias"] = bias


def _config(model: EditableModel, ranks: dict[str, int], biased: bool, base: dict) -> dict:
    """PEFT's `LoraConfig` as JSON; each module's rank and alpha are equal."""
    most = max(ranks.values())
    others = {name: rank for name, rank in ranks.items() if rank != most}
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base.get("repo") or base.get("folder") or base.get("model"),
        "revision": base.get("revision"),
        "inference_mode": True,
        "target_modules": list(ranks),
        "r": most,
        "lora_alpha": most,
        "rank_pattern": others,
        "alpha_pattern": others,
        "lora_dropout": 0.0,
        "bias": "none",
        "lora_bias": biased,
        "fan_in_fan_out": model.architecture.transposed,
        "init_lora_weights": True,
    }


def _scale(config: dict, name: str, rank: int) -> float:
    """alpha / r of a module; `alpha_pattern` names modules in full, as `write_adapter` does."""
    own = config.get("alpha_pattern") or {}
    return own.get(name.removeprefix(PREFIX), config["lora_alpha"]) / rank


def _check_shape(folder: Path, model, layer: int, a: torch.Tensor, b: torch.Tensor) -> None:
    wanted, found = tuple(model.mlp_matrix(layer).shape), (len(b), a.shape[1])
    if wanted != found:
        raise UnsupportedArchitecture(
            f"{folder}: was made for another model: layer {layer} has a projection of {wanted},"
            f" the adapter's is {found}"
        )
