"""Edited models: which edits and head corrections each carries, and the work that needs.

Plain values without tensors. Two models that need the same work hold equal objects, hence
the same id, hence the same path and one job.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from memat.edit import solver as solvers

SUM, JOINT, STACKED = "sum", "joint", "stacked"
# the facts stand in the prompt, not in the weights
IN_CONTEXT, RETRIEVAL = CONTEXT_METHODS = ("in_context", "retrieval")

Item = TypeVar("Item")


def default_combine(solver: str) -> str:
    """How an edit in several languages becomes one where nothing is said: `joint`, which leaves
    every language what an edit in it alone would have; `sum` where values cannot be shared."""
    return JOINT if solvers.can_be_joint(solver) else SUM


@dataclass(frozen=True)
class Edit:
    """MLP weights rewritten by one solver with the sentences of its languages (L1).

    combine: of several languages, `sum` (each solved alone, the deltas added), `joint` (one value
    for the prompts of all) or `stacked` (values of each, one solve). learning_rate: of the values, where it is not the configured one.
    protected: keys of subjects that are neither edited nor evaluated count as old keys.
    transport: languages that the keys of an edit in one language are transported to.
    taught: languages in which an edit in one language has values that follow the unedited model
    where it reads the fact in the edit language; they are solved for with its own, as stacked ones.
    teacher: of such values, the language that the fact is read in.
    step_size: of an edit in steps, facts of each: a step is found on the model with those before
    it. keep_earlier: the keys of the facts of earlier steps are a term of its solve.
    """

    solver: str
    languages: tuple[str, ...]
    combine: str | None = None
    learning_rate: float | None = None
    protected: bool = False
    transport: tuple[str, ...] = ()
    taught: tuple[str, ...] = ()
    teacher: str | None = None
    step_size: int | None = None
    keep_earlier: bool = True

    @property
    def id(self) -> str:
        rate = "" if self.learning_rate is None else f"-lr{self.learning_rate:g}"
        carried = f"-to-{'+'.join(self.transport)}" if self.transport else ""
        carried += f"-taught-{'+'.join(self.taught)}" if self.taught else ""
        carried += f"-teacher-{self.teacher}" if self.teacher else ""
        protected = "-protected" if self.protected else ""
        steps = "" if self.step_size is None else f"-by{self.step_size}"
        free = "" if self.keep_earlier else "-free"
        return f"{self.solver}-{self.where}{rate}{carried}{protected}{steps}{free}"

    @property
    def where(self) -> str:
        """`ca`, or `en+ca-sum`: the languages, and how several are combined."""
        return "-".join(filter(None, ("+".join(self.languages), self.combine)))

    @property
    def prompted(self) -> tuple[str, ...]:
        """Languages whose prompts it needs of each fact: its own, and those it is taught in."""
        return (*self.languages, *self.taught)

    @property
    def values(self) -> tuple["Edit", ...]:
        """The edits whose values this one carries into the weights; of stacked languages one each."""
        solver = solvers.values_solver(self.solver)
        found = replace(self, solver=solver, protected=False, transport=(), taught=())
        if self.taught:
            (read,) = self.languages
            return (found, *(replace(found, languages=(c,), teacher=read) for c in self.taught))
        return found._by_language if self.combine == STACKED else (found,)

    @property
    def stacked(self) -> bool:
        """Whether each of the languages whose prompts it needs has values of its own."""
        return self.combine == STACKED or bool(self.taught)

    @property
    def parts(self) -> tuple["Edit", ...]:
        """The edits that are solved for: of a sum, its terms; an edit in steps is none of them."""
        if self.step_size is not None:
            return ()
        return self._by_language if self.combine == SUM else (self,)

    @property
    def _by_language(self) -> tuple["Edit", ...]:
        return tuple(replace(self, languages=(code,), combine=None) for code in self.languages)


@dataclass(frozen=True)
class Heads:
    """Head activations and probes of an edited model on sentences of one language (L2)."""

    edit: Edit
    language: str


@dataclass(frozen=True)
class Correction:
    """Vectors added to `k` heads of an edited model, selected and found in L2.

    alpha: strength of ITI's shift; None where the vectors are optimised (MEMAT).
    """

    heads: Heads
    select: str
    k: int
    alpha: float | None = None

    @property
    def id(self) -> str:
        optimised = f"{self.heads.edit.id}_{self.heads.language}_{self.select}-{self.k}"
        return optimised if self.alpha is None else f"{optimised}_iti-{self.alpha:g}"


@dataclass(frozen=True)
class Context:
    """New facts that stand in the prompt instead of in the weights (`memat.evaluate.context`).

    method: `in_context` or `retrieval`. language: that the facts are said in.
    """

    method: str
    language: str

    @property
    def id(self) -> str:
        return f"{self.method}-{self.language}"


@dataclass(frozen=True)
class EditedModel:
    """What a model carries; without edits the unedited one.

    recycled: its corrections were found with other facts than those it is edited with.
    context: of a model without edits, how it is told the facts instead.
    """

    edits: tuple[Edit, ...] = ()
    corrections: tuple[Correction, ...] = ()
    recycled: bool = False
    context: Context | None = None

    @property
    def id(self) -> str:
        if self.context:
            return self.context.id
        carried = [c.id for c in self.corrections] or [e.id for e in self.edits] or ["unedited"]
        return "_".join([*carried, *(["recycled"] if self.recycled else [])])

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages whose facts it is given, in its weights or before the prompt."""
        if self.context:
            return (self.context.language,)
        return distinct(code for edit in self.edits for code in edit.languages)

    @property
    def prompted(self) -> tuple[str, ...]:
        """Languages that each fact it is given has a prompt in."""
        return distinct((*self.languages, *(c for edit in self.edits for c in edit.taught)))


def distinct(items: Iterable[Item]) -> tuple[Item, ...]:
    """The items without repeats, in order."""
    return tuple(dict.fromkeys(items))
