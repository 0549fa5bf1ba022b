"""A stage as a script gets it, without Snakemake."""

from types import SimpleNamespace

from memat.provenance import Provenance
from memat.stage import Stage

PROVENANCE = Provenance(stage="test", settings={}, code="0")


def stage(inputs: dict, outputs: dict, cfg: dict, **params: object) -> Stage:
    """Named files and settings as the stage's, with one thread."""
    spaces = (SimpleNamespace(**part) for part in (inputs, outputs))
    return Stage("test", *spaces, cfg, SimpleNamespace(**params), 1, PROVENANCE)
