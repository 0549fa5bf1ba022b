"""The section on the search for settings: what is tried, and what counts as better."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from memat.study.section import Count, Positive, Section, Weight

Tried = Annotated[list[Positive], Field(min_length=1)]
Metric = Literal["S", "ES", "PS", "NS", "EM", "PM", "NM", "EA", "PA", "NA"]
Metrics = Annotated[list[Metric], Field(min_length=1)]
Layers = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]


class TuneEdit(Section):
    """Settings of the edit that are tried, and what is better."""

    layers: Annotated[list[Layers], Field(min_length=1)] | None = None
    """edit.layers; null: windows of a sixth and a quarter of the model's layers, from a sixth of
    its depth to the middle"""
    learning_rate: Tried = [0.5, 1.0]
    """values.learning_rate"""
    clamp: Tried = [1.0, 2.0]
    """values.clamp"""
    steps: Annotated[list[Count], Field(min_length=1)] = [16]
    """values.steps"""
    covariance_weight: Tried = [1000, 3000, 10000, 30000]
    """deltas.covariance_weight"""
    key_templates: Annotated[list[Literal["uniform", "grouped"]], Field(min_length=1)] = ["grouped"]
    """deltas.key_templates"""
    protected_weight: Annotated[list[Weight], Field(min_length=1)] = [0, 30]
    """covariance.protected_subjects.weight, of the donor facts' subjects; 0: none is protected, as
    where there are no donor facts"""
    values_tried: Count = 10
    """combinations of layers, learning rate, clamp and steps, drawn with `seed`, the layers as
    evenly as they come; each with every combination of the other keys, which need no values of
    their own"""
    maximise: Metrics = ["S"]
    """metrics, averaged, of each edit asked in its own language; the mean over edit languages
    counts, and after it that of EM and PM"""

    def faults(self) -> Iterator[tuple[str, str]]:
        for number, layers in enumerate(self.layers or []):
            if sorted(set(layers)) != layers:
                yield f"layers[{number}]", f"must be ascending without repeats, found {layers}"


class TuneCorrections(Section):
    """Settings of the head corrections that are tried on the chosen edit, and what is better."""

    k: list[Count] = [4, 16, 48]
    """corrections.k; more than the model has heads are left out; []: corrections are not tuned"""
    learning_rate: Tried = [0.01, 0.03]
    """corrections.learning_rate"""
    maximise: Metrics = ["S", "EM", "PM"]
    """as for the edit; heads are corrected in the language of the edit"""


class Tune(Section):
    """Target `tune`: the search for a model's settings, on the facts of blocks.tuning only, in
    rounds that drop the worse half. What it chooses goes into resources/models/<name>.settings.yaml."""

    rounds: Count = 3
    """the last has all tuning facts and asks each edited model in every language; each round before
    has half the facts and asks in the language of the edit; the worse half of what is tried is
    dropped between rounds"""
    neighbours_lost: Weight = 5.0
    """points of NS below the unedited model that the chosen settings may cost, at most, for every
    language of an edit and every language asked; where nothing tried keeps to it, the least loss
    is chosen"""
    workers: Count = 2
    """candidates side by side, each in a process of one thread that takes compute.memory_mb"""
    edit: TuneEdit = TuneEdit()
    corrections: TuneCorrections = TuneCorrections()
