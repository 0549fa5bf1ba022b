"""Loading a model without loading what no stage uses: half of what transformers brings along.

Jobs are many and short, and each is a process of its own: what one of them loads before it
starts counts as often as there are jobs.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import torch

from memat.model.deferred import deferred

# compiling models, and assignment problems
NOT_USED = ("torch._dynamo", "torch.nn.attention.flex_attention", "scipy.optimize")


@contextmanager
def quick_loading() -> Iterator[None]:
    """Around the import of transformers and the loading of a model; what is loaded is the same."""
    with (
        _collector_off(),
        deferred(*NOT_USED),
        # transformers loads what spreads a model over machines only where torch can do that
        patch.object(torch.distributed, "is_available", lambda: False),
    ):
        _models_listed_once()
        yield


@contextmanager
def _collector_off() -> Iterator[None]:
    """Loading makes half a million objects that all stay: looking for garbage finds nothing."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _models_listed_once() -> None:
    """transformers reads the files of all its models for a list of their classes, and reads them
    again for its package `models`, by another name of the same folder."""
    from transformers.utils import import_utils

    listed = import_utils.create_import_structure_from_path

    def by_folder(path):
        return listed(Path(path).parent if Path(path).name == "__init__.py" else path)

    with patch.object(import_utils, "create_import_structure_from_path", by_folder):
        import transformers.models  # noqa: F401
