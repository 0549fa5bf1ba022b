"""Head activations as a tensor file."""

import torch

from memat.heads.activations import HeadActivations
from memat.heads.probes import refined
from memat.tensors import read_tensors


def read_activations(path: str, group: str) -> tuple[HeadActivations, torch.Tensor]:
    """Activations that probes are trained on, and the group of each sentence.

    group: `fact` or `object`. With `refine` in the file, only the facts whose o* the edited
    model predicts (appendix D).
    """
    tensors, notes = read_tensors(path)
    activations = HeadActivations(
        tensors["values"], tensors["labels"], tensors["case_ids"], tensors["predicted"]
    )
    groups = tensors["case_ids" if group == "fact" else "objects"]
    return refined(activations, groups) if notes["refine"] else (activations, groups)
