"""Loading the model as a stage's `compute` settings ask for."""

import torch

from memat.model.editable import EditableModel
from memat.model.load import load_model


def model_for(manifest: str, compute: dict) -> EditableModel:
    """The model of a manifest on the configured device (`auto`: CUDA if there is one)."""
    device = compute["device"]
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return load_model(manifest, device, compute["dtype"])
