"""The one loader: a prepared model folder, by its manifest, as an `EditableModel`."""

from pathlib import Path

import torch

from memat.errors import ConfigError, ModelError
from memat.io import read_json
from memat.model.editable import EditableModel
from memat.model.manifest import model_folder
from memat.model.quick import quick_loading
from memat.suggest import allowed_values

# auto: that of the files
DTYPES = {
    "auto": "auto",
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float64": torch.float64,
}


def load_model(manifest: str | Path, device: str = "cpu", dtype: str = "float32") -> EditableModel:
    """Load model and tokenizer from the manifest's folder; no hub, no remote code.

    Raises ModelError (missing file or weight, size differs, no usable tokenizer),
    UnsupportedArchitecture.
    """
    folder = model_folder(manifest)
    for name, facts in read_json(manifest)["files"].items():
        path = folder / name
        if not path.is_file():
            raise ModelError(f"{manifest}: {path} is missing; delete the manifest and run again")
        if path.stat().st_size != facts["bytes"]:
            raise ModelError(
                f"{manifest}: {path} has {path.stat().st_size} bytes, {facts['bytes']} are recorded"
            )
    return load_folder(folder, device, dtype)


def load_folder(folder: str | Path, device: str = "cpu", dtype: str = "float32") -> EditableModel:
    """Load a Hugging Face folder for a job. Raises ModelError, UnsupportedArchitecture."""
    with quick_loading():
        return load_with_all(folder, device, dtype)


def load_with_all(folder: str | Path, device: str, dtype: str) -> EditableModel:
    """`load_folder` for a process that may use all of transformers afterwards."""
    # here, where quick loading may have begun
    from transformers import AutoModelForCausalLM, AutoTokenizer

    safe = {"trust_remote_code": False, "local_files_only": True}
    try:
        network, loading = AutoModelForCausalLM.from_pretrained(
            folder, dtype=DTYPES[dtype], output_loading_info=True, **safe
        )
        require_all_weights(folder, loading)
        tokenizer = AutoTokenizer.from_pretrained(folder, **safe)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{folder}: cannot be loaded as a causal language model: {error}"
        ) from error
    return EditableModel.wrap(network.to(device), tokenizer)


def require_loadable(device: str, dtype: str) -> None:
    """Raise ConfigError for a number format or a device that there is not."""
    if dtype not in DTYPES:
        raise ConfigError(f"dtype: {allowed_values(dtype, DTYPES)}")
    try:
        kind = torch.device(device).type
    except RuntimeError as error:
        raise ConfigError(
            f"device: {device!r} is unknown; allowed: auto, cpu, cuda, cuda:0 …"
        ) from error
    if kind == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"device: {device!r} is asked for, but torch finds no CUDA device here")


def require_all_weights(folder: str | Path, loading: dict) -> None:
    """Refuse a network some of whose weights its files do not hold: they are drawn at random.

    loading: what `from_pretrained(output_loading_info=True)` says. Raises ModelError(folder).
    """
    if missing := sorted(loading["missing_keys"]):
        raise ModelError(
            f"{folder}: its files lack {len(missing)} weights of the model, the first: {missing[0]}"
        )
