"""Finding metric families, which are the leaves of `memat.evaluate.metrics`: nothing else names one.

A family is a measure (success); on each type of prompts it is a metric (ES, PS, NS), and the
harmonic mean of these may be a score (S).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType

from memat.definitions import Leaf
from memat.errors import ConfigError
from memat.evaluate.prompt_types import PROMPT_TYPES, SCORED
from memat.leaves import in_words, leaf_names, leaf_path, load_leaf
from memat.suggest import allowed_values

PACKAGE = "memat.evaluate.metrics"
SCORES, ANSWERS = "scores", "answers"  # what a family reads


@dataclass(frozen=True)
class Metric:
    """One metric of a family. parts: of a score, the metrics whose harmonic mean it is."""

    name: str
    family: str
    prompt_type: str | None = None
    parts: tuple[str, ...] = ()

    @property
    def leaf(self) -> ModuleType:
        """The leaf of its family."""
        return load_family(self.family)

    @property
    def label(self) -> str:
        """`efficacy success`."""
        if self.prompt_type is None:
            return "harmonic score"
        return f"{PROMPT_TYPES[self.prompt_type].label} {self.leaf.LABEL}"

    @property
    def unit(self) -> str:
        """What an axis of it counts."""
        return f"harmonic mean of {', '.join(self.parts)} (%)" if self.parts else self.leaf.UNIT


def family_names() -> tuple[str, ...]:
    """Names of the families there are."""
    return leaf_names(PACKAGE)


def load_family(name: str) -> ModuleType:
    """The leaf of one family. Raises ConfigError naming those there are."""
    return load_leaf(PACKAGE, name)


def families_in_words() -> str:
    """`accuracy (every token …) | …`, from the first line of each leaf."""
    return in_words(PACKAGE)


def metrics_of(families: Sequence[str]) -> tuple[Metric, ...]:
    """Every metric of the families, in the order of the tables: of each family those of its
    prompt types, then its score."""
    found = []
    for family in families:
        leaf = load_family(family)
        found += [Metric(name, family, prompt_type) for prompt_type, name in leaf.NAMES.items()]
        if leaf.SCORE:
            parts = tuple(leaf.NAMES[prompt_type] for prompt_type in SCORED)
            found.append(Metric(leaf.SCORE, family, parts=parts))
    return tuple(found)


def fact_metrics_of(families: Sequence[str]) -> tuple[Metric, ...]:
    """Those that every fact has by itself: all but the scores."""
    return tuple(metric for metric in metrics_of(families) if not metric.parts)


def scores_of(families: Sequence[str]) -> tuple[Metric, ...]:
    """Those that are the harmonic mean of others."""
    return tuple(metric for metric in metrics_of(families) if metric.parts)


def metrics_named(names: Sequence[str]) -> tuple[Metric, ...]:
    """The metrics of these names, whatever their families. Raises ConfigError(name)."""
    known = {metric.name: metric for metric in metrics_of(family_names())}
    for name in names:
        if name not in known:
            raise ConfigError(f"metric: {allowed_values(name, known)}")
    return tuple(known[name] for name in names)


def leaves_of_values(families: Sequence[str]) -> tuple[Leaf, ...]:
    """What a job that measures the families uses of the leaves."""
    return _parts(families, "READS", "NAMES", "SCORE", "RANGE", "of_prompts")


def read_answers(families: Sequence[str]) -> bool:
    """Whether one of the families is about what a model says by itself."""
    return any(load_family(family).READS == ANSWERS for family in families)


def leaves_of_labels(families: Sequence[str]) -> tuple[Leaf, ...]:
    """What a job that shows the families in tables, figures and sentences uses of the leaves."""
    used = ("LABEL", "DESCRIPTION", "UNIT", "NAMES", "SCORE", "RANGE", "CHANCE")
    return _parts(families, *used, "HIGHER_IS_BETTER")


def _parts(families: Sequence[str], *used: str) -> tuple[Leaf, ...]:
    return tuple((leaf_path(PACKAGE, name), used) for name in families)
