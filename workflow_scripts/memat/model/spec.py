"""Where a model comes from and its sizes, known before anything is downloaded.

A spec is a file resources/models/<name>.yaml of one of three kinds:

    kind: hub | local | wheel
    hub         repo, revision (a commit id), files (checksums by name, optional), dtype (optional)
    local       path, files (optional)
    wheel       file, file_sha256: a GGUF file, whole. wheels: a list of those that hold it or
                its parts, in the order they are joined, each with package, version, sha256 (of
                the wheel), part (its file inside) and part_sha256 (optional)
    architecture: {model_type, num_hidden_layers, num_attention_heads, …}   of a local model: from its config.json
    license, license_url: the name of the model's license, and where it is to be read
"""

from dataclasses import dataclass
from os.path import isfile
from pathlib import Path

from memat.commits import commit_fault
from memat.errors import ModelError, UnsupportedArchitecture
from memat.model.architecture import Architecture, architecture_of, model_shape
from memat.suggest import allowed_values, shown
from memat.yaml_files import read_json_object, read_yaml

_REQUIRED = {
    "hub": ("repo", "revision", "architecture"),
    "local": ("path",),
    "wheel": ("wheels", "file", "file_sha256", "architecture"),
}
_OPTIONAL = {
    "hub": ("files", "dtype"),
    "local": ("files", "architecture"),
    "wheel": (),
}
_ALWAYS = ("kind", "description", "license", "license_url")
_OF_WHEEL = ("package", "version", "sha256", "part")


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
    def architecture(self) -> Architecture:
        """Names of its parts."""
        return architecture_of({"model_type": self.model_type})

    @property
    def manifest(self) -> Path:
        return self.path.with_suffix("") / "manifest.json"

    def license_notice(self) -> str | None:
        """What a user should know of the license before a first preparation; None afterwards,
        for a model of one's own, or where the spec names none."""
        if self.kind == "local" or self.manifest.is_file() or "license" not in self.content:
            return None
        return f"model {self.name} comes under its license: {license_in_words(self.content)}"

    def local_files(self) -> list[Path]:
        """Files that a local model consists of; none for other kinds."""
        if self.kind != "local":
            return []
        return sorted(p for p in Path(self.content["path"]).iterdir() if p.is_file())


def license_in_words(content: dict) -> str:
    """The license of a spec that names one, with its link where it has one."""
    link = content.get("license_url")
    return f"{content['license']} ({link})" if link else content["license"]


def read_model_spec(folder: Path, name: str) -> ModelSpec:
    """Spec and sizes of a model. Raises ModelError (with the key), UnsupportedArchitecture."""
    path = folder / f"{name}.yaml"
    if not isfile(path):
        known = sorted(p.stem for p in folder.glob("*.yaml") if not p.match("*.settings.yaml"))
        raise ModelError(f"model.name: {allowed_values(name, known)} ({path} does not exist)")
    content = read_yaml(path, ModelError)
    _check_keys(path, content)
    place, facts = _architecture_facts(path, content)
    if not isinstance(facts.get("model_type"), str):
        raise ModelError(f"{place}: model_type: must be a text, found {facts.get('model_type')!r}")
    try:
        architecture_of(facts)
    except UnsupportedArchitecture as error:
        raise UnsupportedArchitecture(f"{place}: {error}") from None
    _, *counts = shape = model_shape(facts)
    for what, count in zip(("layers", "heads"), counts, strict=True):
        if type(count) is not int or count < 1:
            raise ModelError(f"{place}: number of {what}: must be 1 or more, found {count!r}")
    return ModelSpec(name, path, content, *shape)


def _check_keys(path: Path, content: object) -> None:
    if not isinstance(content, dict):
        raise ModelError(f"{path}: must be a mapping with the key 'kind'")
    kind = content.get("kind")
    if not isinstance(kind, str) or kind not in _REQUIRED:
        raise ModelError(f"{path}: kind: {allowed_values(kind, _REQUIRED)}")
    for key in _REQUIRED[kind]:
        if key not in content:
            needed = f"a spec of kind {kind} needs it"
            if key == "revision":
                commits = f"https://huggingface.co/{content['repo']}/commits/main"
                needed = f"a commit id of 40 digits, from {commits}"
            raise ModelError(f"{path}: {key}: missing; {needed}")
    known = (*_ALWAYS, *_REQUIRED[kind], *_OPTIONAL[kind])
    for key in content:
        if key not in known:
            raise ModelError(f"{path}: unknown key; {allowed_values(key, known)}")
        _check_value(path, key, content[key])


def _check_value(path: Path, key: str, value: object) -> None:
    """`architecture` and `files` are mappings, `wheels` is a list, everything else is a text."""
    kinds = {"architecture": (dict, "a mapping"), "files": (dict, "a mapping")}
    kind, wanted = (kinds | {"wheels": (list, "a list")}).get(key, (str, "a text"))
    if not isinstance(value, kind) or not value:
        raise ModelError(f"{path}: {key}: must be {wanted}, found {value!r}")
    if key == "revision" and (fault := commit_fault(value)):
        raise ModelError(f"{path}: revision: {fault}")
    if key == "wheels":
        for number, wheel in enumerate(value):
            _check_wheel(f"{path}: wheels[{number}]", wheel)
    if key == "files":
        for name, checksum in value.items():
            if not isinstance(name, str) or not isinstance(checksum, str):
                raise ModelError(f"{path}: files: {name!r}: must be a text: its SHA-256")


def _check_wheel(place: str, wheel: object) -> None:
    if not isinstance(wheel, dict):
        raise ModelError(f"{place}: must be a mapping, found {wheel!r}")
    for key in _OF_WHEEL:
        if key not in wheel:
            raise ModelError(f"{place}.{key}: missing; a wheel needs it")
    for key, value in wheel.items():
        if key not in (*_OF_WHEEL, "part_sha256"):
            raise ModelError(
                f"{place}: unknown key; {allowed_values(key, (*_OF_WHEEL, 'part_sha256'))}"
            )
        if not isinstance(value, str) or not value:
            raise ModelError(f"{place}.{key}: must be a text, found {value!r}")


def _architecture_facts(path: Path, content: dict) -> tuple[str, dict]:
    """Sizes and type of the model, and the file or key they are read from."""
    if content["kind"] != "local":
        return f"{path}: architecture", content["architecture"]
    config = Path(content["path"]) / "config.json"
    if not isfile(config):
        raise ModelError(f"{path}: path: no model there ({shown(config)} does not exist)")
    return str(config), read_json_object(config, ModelError)
