"""The manifest of a prepared model: which folder holds it."""

from pathlib import Path

from memat.io import read_json


def model_folder(manifest: str | Path) -> Path:
    """Folder with the model that a manifest describes (relative paths start at the manifest)."""
    return (Path(manifest).parent / read_json(manifest)["folder"]).resolve()
