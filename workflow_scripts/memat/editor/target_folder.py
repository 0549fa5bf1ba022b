"""Where an edited model or an adapter may be written: no file of another kind is written over."""

from pathlib import Path

from memat.errors import ConfigError


def require_own_folder(
    folder: str | Path, mark: str | None = None, model_folder: str | Path = ""
) -> None:
    """Raise ConfigError unless `folder` is new, empty, or (with `mark`) of an earlier call.

    mark: name of a file that every such folder has. model_folder: the folder that the model
    was loaded from, whose weights would be lost.
    """
    folder = Path(folder)
    if model_folder and folder.resolve() == Path(model_folder).resolve():
        raise ConfigError(f"{folder}: is the folder that the model was loaded from; name a new one")
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder}: is a file; name a new folder")
    earlier = mark is not None and (folder / mark).is_file()
    if folder.is_dir() and any(folder.iterdir()) and not earlier:
        raise ConfigError(f"{folder}: exists and is not empty; name a new folder")
