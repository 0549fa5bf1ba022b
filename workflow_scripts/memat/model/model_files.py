"""The files of a model folder, tried before a manifest vouches for them."""

from pathlib import Path

from safetensors import SafetensorError, safe_open
from transformers import AutoTokenizer

from memat.errors import ModelError
from memat.model.tokenizer_fault import tokenizer_fault
from memat.yaml_files import read_json, read_json_object


def check_model_files(folder: Path, words: int | None) -> None:
    """Read every tensor's header, the shards' index and the tokenizer; no tensor is loaded.

    words: size of the model's vocabulary, None where its config does not say it.
    Raises ModelError(file) for a file that is damaged, cut or missing.
    """
    held = {path.name: set(_tensor_names(path)) for path in sorted(folder.glob("*.safetensors"))}
    for index in sorted(folder.glob("*.safetensors.index.json")):
        for tensor, name in _weight_map(index).items():
            if tensor not in held.get(name, ()):
                raise ModelError(f"{folder / name}: has no tensor {tensor}, which {index} lists")
    for path in sorted(folder.glob("*.json")):
        read_json(path, ModelError)
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder, trust_remote_code=False, local_files_only=True
        )
    except Exception as error:  # the tokenizers library raises plain Exception
        files = ", ".join(path.name for path in sorted(folder.glob("*token*")))
        raise ModelError(
            f"{folder}: its tokenizer cannot be loaded (files: {files or 'none'}): {error}"
        ) from error
    if fault := tokenizer_fault(tokenizer, words):
        raise ModelError(f"{folder}: its tokenizer {fault}")


def _tensor_names(path: Path) -> list[str]:
    """Names in a safetensors file, whose header must fit its length."""
    try:
        with safe_open(path, framework="pt") as file:
            names = list(file.keys())
            for name in names:
                file.get_slice(name).get_shape()
            return names
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(f"{path}: is no whole safetensors file ({error})") from error


def _weight_map(index: Path) -> dict:
    names = read_json_object(index, ModelError).get("weight_map")
    if not isinstance(names, dict):
        raise ModelError(f"{index}: has no weight_map")
    return names
