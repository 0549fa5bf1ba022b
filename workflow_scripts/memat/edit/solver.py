"""Finding solvers, which are the leaves of `memat.edit.solvers`: nothing else names one."""

from collections.abc import Mapping
from types import ModuleType

from memat.definitions import Leaf
from memat.leaves import in_words, leaf_names, leaf_path, load_leaf

PACKAGE = "memat.edit.solvers"
DEFAULT = "memit"  # of an experiment that names no solver; the others are compared with it


def solver_names() -> tuple[str, ...]:
    """Names of the solvers there are."""
    return leaf_names(PACKAGE)


def solvers_in_words() -> str:
    """`memit (least squares …; the default) | …`, from the first line of each leaf."""
    return in_words(PACKAGE, DEFAULT)


def load_solver(name: str) -> ModuleType:
    """The leaf of one solver. Raises ConfigError naming those there are."""
    return load_leaf(PACKAGE, name)


def values_solver(name: str) -> str:
    """The solver whose values `name` carries into the weights."""
    return load_solver(name).VALUES


def can_be_joint(name: str) -> bool:
    """Whether one value of the solver may serve the prompts of several languages."""
    return load_solver(values_solver(name)).JOINT


def can_be_stepwise(name: str) -> bool:
    """Whether the solver has a term for the keys of earlier edits (`solve_after`)."""
    return hasattr(load_solver(name), "solve_after")


def stepwise_fault(name: str) -> str | None:
    """Why the solver cannot edit in steps, or None."""
    if can_be_stepwise(name):
        return None
    able = ", ".join(other for other in solver_names() if can_be_stepwise(other))
    return (
        f"{name} has no term for the keys of earlier edits (solve_after); those that have: {able}"
    )


def common_settings(section: Mapping) -> dict:
    """Settings of a section that are no single solver's: each solver's own are a section below."""
    return {key: value for key, value in section.items() if not isinstance(value, Mapping)}


def value_settings(section: Mapping, solver: str, spread: str) -> dict:
    """What of the section `values` is used for values that the solver carries into the weights."""
    return common_settings(section) | {"spread": spread} | section.get(values_solver(solver), {})


def delta_settings(section: Mapping, solver: str, spread: str) -> dict:
    """What of the section `deltas` is used for a solve: that of one solver, no other's."""
    own = section.get(solver, {})
    return common_settings(section) | {"solver": solver, "own": own, "spread": spread}


def leaves_of_values(name: str) -> tuple[Leaf, ...]:
    """What a job that optimises the solver's values uses of the leaves."""
    return (_part(values_solver(name), "VALUES", "JOINT", "value_hook_points"),)


def leaves_of_deltas(name: str) -> tuple[Leaf, ...]:
    """What a job that solves for the solver's deltas uses of the leaves."""
    return (
        _part(name, "VALUES", "share", "solve"),
        _part(values_solver(name), "VALUES", "value_hook_points"),
    )


def leaves_of_steps(name: str) -> tuple[Leaf, ...]:
    """What a job that edits a model in steps uses of the leaves."""
    return (
        _part(name, "VALUES", "share", "solve", "solve_after"),
        *leaves_of_values(name),
    )


def leaves_of_label(name: str) -> tuple[Leaf, ...]:
    """What a table or figure that names the solver uses of the leaves."""
    return (_part(name, "LABEL", "VALUES"),)


def _part(name: str, *used: str) -> Leaf:
    return leaf_path(PACKAGE, name), used
