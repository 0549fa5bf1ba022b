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
from os.path import isfile
from pathlib import Path

from memat.errors import ModelError
from memat.model.architecture import ModelShape, architecture_of
from memat.suggest import allowed_values, shown
from memat.yaml_files import read_yaml

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
    """A model's source (as its kind needs it), type and sizes."""

    name: str
    path: Path
    content: dict
    model_type: str
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
    if not isfile(path):
        known = sorted(p.stem for p in folder.glob("*.yaml"))
        raise ModelError(f"model.name: {allowed_values(name, known)} ({path} does not exist)")
    content = read_yaml(path, ModelError)
    _check_keys(path, content)
    place, facts = _architecture_facts(path, content)
    if not isinstance(facts.get("model_type"), str):
        raise ModelError(f"{place}: model_type: must be a text, found {facts.get('model_type')!r}")
    architecture_of(facts)
    shape = ModelShape.from_config(facts)
    for what, count in (("layers", shape.n_layers), ("heads", shape.n_heads)):
        if type(count) is not int or count < 1:
            raise ModelError(f"{place}: number of {what}: must be 1 or more, found {count!r}")
    return ModelSpec(name, path, content, shape.model_type, shape.n_layers, shape.n_heads)


def _check_keys(path: Path, content: object) -> None:
    if not isinstance(content, dict):
        raise ModelError(f"{path}: must be a mapping with the key 'kind'")
    kind = content.get("kind")
    if not isinstance(kind, str) or kind not in _REQUIRED:
        raise ModelError(f"{path}: kind: {allowed_values(kind, _REQUIRED)}")
    for key in _REQUIRED[kind]:
        if key not in content:
            raise ModelError(f"{path}: {key}: missing; a spec of kind {kind} needs it")
    known = (*_ALWAYS, *_REQUIRED[kind], *_OPTIONAL[kind])
    for key in content:
        if key not in known:
            raise ModelError(f"{path}: unknown key; {allowed_values(key, known)}")
        _check_value(path, key, content[key])


def _check_value(path: Path, key: str, value: object) -> None:
    """`architecture` and `files` are mappings, everything else is a text."""
    kind, wanted = (dict, "a mapping") if key in ("architecture", "files") else (str, "a text")
    if not isinstance(value, kind) or not value:
        raise ModelError(f"{path}: {key}: must be {wanted}, found {value!r}")
    if key == "files":
        for name, checksum in value.items():
            if not isinstance(name, str) or not isinstance(checksum, str):
                raise ModelError(f"{path}: files: {name!r}: must be a text: its SHA-256")


def _architecture_facts(path: Path, content: dict) -> tuple[str, dict]:
    """Sizes and type of the model, and the place they are read from."""
    if content["kind"] != "local":
        return f"{path}: architecture", content["architecture"]
    config = Path(content["path"]) / "config.json"
    if not isfile(config):
        raise ModelError(f"{path}: path: no model there ({shown(config)} does not exist)")
    try:
        facts = json.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{config}: is not readable JSON ({error})") from error
    if not isinstance(facts, dict):
        raise ModelError(f"{config}: must be an object")
    return str(config), facts
