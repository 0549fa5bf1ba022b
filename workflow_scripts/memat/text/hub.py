"""A model for translation or alignment: a folder as it is, or a hub id at a pinned revision."""

from pathlib import Path

from memat.errors import ModelError
from memat.hub import SAFETENSORS, hub_snapshot

LOCKS = Path("resources/models")


def model_folder(model: str, revision: str | None, key: str, weights: str = SAFETENSORS) -> Path:
    """The folder of a model. Raises ModelError(key) if it is neither local nor, with such files of
    weights, on the hub."""
    if Path(model).is_dir():
        return Path(model)
    try:
        lock = LOCKS / f"{model.replace('/', '--')}.lock.json"
        return hub_snapshot(model, revision, lock, weights=weights)
    except ModelError as error:
        problem = f"{key} {model!r}: no such folder, and not from the hub: {error}"
        raise ModelError(problem) from error
