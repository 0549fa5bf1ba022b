"""Head activations as tensor files, one a shard of facts."""

from collections.abc import Sequence

import torch

from memat.heads.activations import HeadActivations, refined
from memat.provenance import Provenance
from memat.tensors import read_tensors, write_tensors

COLUMNS = ("values", "labels", "case_ids", "predicted")


def write_activations(
    path: str,
    parts: Sequence[HeadActivations],
    objects: torch.Tensor,
    refine: bool,
    provenance: Provenance,
) -> None:
    """One shard's activations, part after part. objects: (n_sentences,) number of each target."""
    tensors = {name: torch.cat([getattr(part, name) for part in parts]) for name in COLUMNS}
    write_tensors(path, tensors | {"objects": objects}, provenance, refine=refine)


def read_activations(paths: Sequence[str], group: str) -> tuple[HeadActivations, torch.Tensor]:
    """Activations that probes are trained on, and the group of each sentence.

    paths: every shard. group: `fact` or `object`. All sentences with o^c come first, then those
    with o*, so that shards make no difference to sums over sentences. With `refine` in the
    files, only the facts whose o* the edited model predicts (appendix D).
    """
    parts, notes = zip(*(read_tensors(path) for path in paths), strict=True)
    order = torch.cat([part["labels"] for part in parts]).argsort(stable=True)
    tensors = {name: torch.cat([part[name] for part in parts])[order] for name in parts[0]}
    activations = HeadActivations(*(tensors[name] for name in COLUMNS))
    groups = tensors["case_ids" if group == "fact" else "objects"]
    return refined(activations, groups) if notes[0]["refine"] else (activations, groups)
