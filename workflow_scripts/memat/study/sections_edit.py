"""Sections on what is done to the model: contexts, covariance, values, deltas and heads."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from memat.commits import commit_fault
from memat.edit.solver import PACKAGE as SOLVERS
from memat.study.section import (
    Count,
    Number,
    OptionalText,
    Positive,
    Section,
    Share,
    Weight,
    with_leaf_sections,
)


class Templates(Section):
    """Contexts written by the unedited model."""

    count: Number = 1
    """besides the plain one"""
    tokens: Count = 10
    """length of each context"""


class ProtectedSubjects(Section):
    """Their keys K₀ count as old keys besides those of the text: C + (μ/λ)·K₀ᵀK₀."""

    use: bool = False
    """whether edits protect them that do not say so themselves (`protected` of an experiment)"""
    source: Literal["facts", "list"] = "facts"
    """facts (subjects of the donor and tuning facts that the edit does not hold) | list (those of
    a file). Edited subjects and those of evaluated neighbours are left out"""
    path: OptionalText = None
    """source list: a text, one subject a line, or a CSV with the column subject and, as you like,
    template (a prompt with {}) and language"""
    weight: Positive = 30.0
    """μ: how much the key of one subject in one language counts"""

    def faults(self) -> Iterator[tuple[str, str]]:
        if self.source == "list" and self.path is None:
            yield "path", "missing; covariance.protected_subjects.source is list"


class Covariance(Section):
    """Second moments of the keys of the edit layers."""

    source: Literal["model", "text", "hub"] = "model"
    """model (text sampled from it) | text (a local file) | hub (a corpus)"""
    path: OptionalText = None
    """source text: texts with blank lines between them; source hub: id of the corpus"""
    revision: OptionalText = None
    """source hub: commit id"""
    subset: OptionalText = None
    """source hub: how the paths of its files begin"""
    tokens: Count = 6144
    """token vectors; 2 to 10 times the MLP width keep the quality of millions"""
    sequence_length: Annotated[int, Field(ge=2)] = 48
    """tokens of one text"""
    temperature: Positive = 1.0
    """of the sampling, source model"""
    batch_size: Count = 128
    """sequences at a time"""
    shard_tokens: Count = 100000
    """token vectors per job, at least batch_size · sequence_length; each job leaves
    8 bytes · (MLP width)² a layer on disk"""
    protected_subjects: ProtectedSubjects = ProtectedSubjects()

    def faults(self) -> Iterator[tuple[str, str]]:
        if self.source != "model" and self.path is None:
            yield "path", f"missing; covariance.source is {self.source}"
        if self.source == "hub" and not self.revision:
            yield "revision", f"missing; it pins the hub corpus {self.path}"
        if self.source == "hub" and self.revision and (fault := commit_fault(self.revision)):
            yield "revision", fault
        least = self.batch_size * self.sequence_length
        if (found := self.shard_tokens) < least:
            yield "shard_tokens", f"at least batch_size · sequence_length ({least}), found {found}"


class Edit(Section):
    """Which MLP output projections are rewritten; values live at the last."""

    layers: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)] = [6, 7, 8, 9, 10]
    """ascending, counted from 0"""

    def faults(self) -> Iterator[tuple[str, str]]:
        if sorted(set(self.layers)) != self.layers:
            yield "layers", f"must be ascending without repeats, found {self.layers}"


class TaughtValues(Section):
    """Of experiments with `taught`; the rest as above."""

    tokens: Count = 1
    """how many tokens of the teacher's greedy answer are followed, at most; 1: its next token.
    Each more costs about as much as the first"""
    examples: Number = 1
    """how many other facts the teacher reads first, in both languages with their targets: of
    blocks.donor, or of blocks.tuning for an edit of donor facts; 0: the new fact alone"""


@with_leaf_sections(SOLVERS, "values")
class Values(Section):
    """The vector z of each fact, by gradient (Adam)."""

    spread: Literal["auto", "residual", "layerwise"] = "auto"
    """auto (layerwise for models with a norm behind the MLP: Gemma 2 and 3, OLMo 2 and 3, GLM 4;
    residual for all others) | residual (one value at the last edit layer, each layer writes a
    share) | layerwise (a value in every edit layer, each writes its own)"""
    learning_rate: Positive = 1.0
    """of Adam"""
    steps: Count = 16
    """at most"""
    clamp: Positive = 1.0
    """largest norm of the change, in norms of what it is added to"""
    weight_decay: Weight = 0.5
    """weight of the change's norm"""
    kl_factor: Weight = 0.0625
    """weight of staying the same after "{subject} is a\""""
    stop_loss: Weight = 0.15
    """a fact below it is finished"""
    shard_size: Count = 50
    """facts per job; a killed job loses its shard"""
    taught: TaughtValues = TaughtValues()


@with_leaf_sections(SOLVERS, "deltas")
class Deltas(Section):
    """The rank-limited update that carries the values into the weights."""

    covariance_weight: Positive = 3000
    """λ: how much the old keys count"""
    key_templates: Literal["uniform", "grouped"] = "grouped"
    """uniform (the same weight for each) | grouped (plain ½, contexts ½ together)"""


class Activations(Section):
    """Head outputs at the end of true and new sentences."""

    refine: bool = False
    """true: only facts whose new target the edited model predicts (appendix D); across
    languages SmolLM2 predicts none of them, so all are used"""
    shard_size: Count = 500
    """facts per job"""


class Probes(Section):
    """One classifier per head."""

    c: Positive = 1.0
    """inverse L2 strength"""
    train: Share = 0.6
    """share of the facts; the rest after `validation` is the test side"""
    validation: Share = 0.2
    """share that ranks the heads"""
    group: Literal["fact", "object"] = "fact"
    """fact | object: what must not be on two sides of the split"""
    standardise: bool = True
    """features scaled by the training side"""

    def faults(self) -> Iterator[tuple[str, str]]:
        sides = (self.train, self.validation)
        if 0 in sides or sum(sides) > 1:
            yield (
                "",
                f"train ({self.train}) and validation ({self.validation}) must both be above 0"
                " and together at most 1",
            )


class Corrections(Section):
    """Vectors added to the k best heads."""

    k: Count = 16
    """heads; an experiment can set its own"""
    learning_rate: Positive = 0.01
    """of Adam"""
    epochs: Count = 3
    """passes over the facts"""
    batch_size: Count = 20
    """facts per update"""
    contexts: Number = 0
    """context templates besides the plain one; at most templates.count"""
    norm_weight: Weight = 0.1
    """λ_ω: weight of the correction's relative norm"""
    kl_weight: Weight = 1.0
    """weight of staying the same after "{subject} is a\""""
    position: Literal["all", "last"] = "all"
    """all (as deployed) | last (where the target is predicted)"""


class Iti(Section):
    """Vectors read off the activations, to compare corrections with."""

    alpha: Positive = 5.0
    """shift in standard deviations of a head; an experiment can set its own"""
