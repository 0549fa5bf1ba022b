"""Files of the model hub: a folder as it is, or a hub id at a pinned revision."""

from pathlib import Path

from memat.errors import ModelError


def model_folder(model: str, revision: str | None, key: str) -> Path:
    """The folder of a model. Raises ModelError(key) if it is neither local nor on the hub."""
    if Path(model).is_dir():
        return Path(model)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(model, revision=revision))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise ModelError(
            f"{key} {model!r}: no such folder, and not on the hub ({error})"
        ) from error
