"""Where a model comes from and its sizes, known before anything is downloaded.

A spec is a file resources/models/<name>.yaml of one of three kinds:

    kind: hub | local | wheel-gguf
    hub         repo, revision, files (checksums by name, optional), dtype (optional)
    local       path, files (optional)
    wheel-gguf  package, version, wheel_sha256, file, file_sha256
    architecture: {model_type, num_hidden_layers, num_attention_heads, …}   of a local model: from its config.json
"""

import json
from dataclasses import dataclass
from pathlib import Path

import yaml

from memat.errors import ModelError
from memat.model.architecture import ModelShape, architecture_of
from memat.suggest import allowed_values

_REQUIRED = {
    "hub": ("repo", "revision", "architecture"),
    "local": ("path",),
    "wheel-gguf": (
        "package",
        "version",
        "wheel_sha256",
        "file",
        "file_sha256",
        "architecture",
    ),
}
_OPTIONAL = {
    "hub": ("files", "dtype"),
    "local": ("files", "architecture"),
    "wheel-gguf": (),
}
_ALWAYS = ("kind", "description", "licence")


@dataclass(frozen=True)
class ModelSpec:
    """A model's source (as its kind needs it) and sizes."""

    name: str
    path: Path
    content: dict
    n_layers: int
    n_heads: int

    @property
    def kind(self) -> str:
        return self.content["kind"]

    @property
    def manifest(self) -> Path:
        return self.path.with_suffix("") / "manifest.json"

    def local_files(self) -> list[Path]:
        """Files that a local model consists of; none for other kinds."""
        if self.kind != "local":
            return []
        return sorted(p for p in Path(self.content["path"]).iterdir() if p.is_file())


def read_model_spec(folder: Path, name: str) -> ModelSpec:
    """Spec and sizes of a model. Raises ModelError (with the key), UnsupportedArchitecture."""
    path = folder / f"{name}.yaml"
    if not path.is_file():
        known = sorted(p.stem for p in folder.glob("*.yaml"))
        raise ModelError(f"model.name: {allowed_values(name, known)} ({path} does not exist)")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: is not readable YAML ({error})") from error
    _check_keys(path, content)
    facts = _architecture_facts(path, content)
    architecture_of(facts)
    shape = ModelShape.from_config(facts)
    return ModelSpec(name, path, content, shape.n_layers, shape.n_heads)


def _check_keys(path: Path, content: object) -> None:
    if not isinstance(content, dict):
        raise ModelError(f"{path}: must be a mapping with the key 'kind'")
    kind = content.get("kind")
    if kind not in _REQUIRED:
        raise ModelError(f"{path}: kind: {allowed_values(kind, _REQUIRED)}")
    for key in _REQUIRED[kind]:
        if key not in content:
            raise ModelError(f"{path}: {key}: missing; a spec of kind {kind} needs it")
    known = (*_ALWAYS, *_REQUIRED[kind], *_OPTIONAL[kind])
    for key in content:
        if key not in known:
            raise ModelError(f"{path}: unknown key; {allowed_values(key, known)}")


def _architecture_facts(path: Path, content: dict) -> dict:
    if content["kind"] != "local":
        return content["architecture"]
    config = Path(content["path"]) / "config.json"
    if not config.is_file():
        raise ModelError(f"{path}: path: no model there ({config} does not exist)")
    try:
        return json.loads(config.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{config}: is not readable JSON ({error})") from error
