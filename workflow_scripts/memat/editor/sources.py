"""Finding a model by what a user calls it: a folder, a model that comes prepared, or a hub id."""

import json
import logging
import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from memat.errors import ModelError
from memat.resource_folders import resource_folder
from memat.suggest import likely
from memat.yaml_files import read_yaml

log = logging.getLogger("memat")
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


@dataclass(frozen=True)
class FoundModel:
    """A model folder. name: by which settings are looked for. origin: plain data that says
    where the model comes from, for the provenance."""

    folder: Path
    name: str
    origin: dict


def find_model(path_or_id: str | Path, revision: str | None, cache: Path) -> FoundModel:
    """A folder; else one of the models whose sources are listed here; else a hub repository.

    A hub repository without a revision is taken at its newest commit, which is logged and
    recorded. Raises ModelError.
    """
    if Path(path_or_id).is_dir():
        folder = Path(path_or_id).resolve()
        return FoundModel(folder, folder.name, {"folder": folder.name})
    specs = _specs()
    name = str(path_or_id)
    if name in specs:
        return FoundModel(_prepared(name, specs[name], cache), name, {"model": name})
    if HUB_ID.fullmatch(name):
        return _from_hub(name, revision, specs, cache)
    raise ModelError(
        f"{name}: is no folder, no hub id (owner/name), and none of the models listed here:"
        f" {', '.join(specs)}{likely(name, specs)}"
    )


def _specs() -> dict[str, dict]:
    """Model specs (`memat.model.spec`) of models that can be fetched, by name."""
    files = sorted(resource_folder("models").glob("*.yaml"))
    specs = [path for path in files if not path.stem.endswith(".settings")]
    found = {path.stem: read_yaml(path, ModelError) for path in specs}
    return {name: spec for name, spec in found.items() if spec["kind"] != "local"}


def _prepared(name: str, spec: dict, cache: Path) -> Path:
    """Folder of a listed model, made once in the cache; another spec makes another folder."""
    from memat import io  # loads polars
    from memat.model.prepare import prepare_model
    from memat.provenance import Provenance

    key = sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:16]
    folder = cache / "models" / f"{name}-{key}"
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        lock = folder.with_name(f"{folder.name}.lock.json")  # names of models have dots in them
        content = prepare_model(spec, folder, lock)
        io.write_json(manifest, content, Provenance("memat.Editor", {}, ""))
    return folder


def _from_hub(repo: str, revision: str | None, specs: dict[str, dict], cache: Path) -> FoundModel:
    from memat.hub import hub_snapshot

    listed = next((name for name, spec in specs.items() if spec.get("repo") == repo), None)
    if revision is None:
        revision = specs[listed]["revision"] if listed else _newest_commit(repo)
    lock = cache / "models" / f"{repo.replace('/', '--')}-{revision}.lock.json"
    folder = hub_snapshot(repo, revision, lock)
    name = listed or repo.rpartition("/")[2].lower()
    return FoundModel(folder, name, {"repo": repo, "revision": revision})


def _newest_commit(repo: str) -> str:
    """Commit id of a repository's main branch, so that what is downloaded has a name."""
    from huggingface_hub import HfApi

    try:
        commit = HfApi().model_info(repo).sha
    except Exception as error:  # of the network, the hub and its validation: no common base
        raise ModelError(
            f"{repo}: its newest commit cannot be asked for ({error}); give a folder, or a"
            " revision= that has been downloaded before"
        ) from error
    log.warning("%s: at its newest commit; to get the same again: revision=%r", repo, commit)
    return commit
