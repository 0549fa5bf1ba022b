"""Solvers: how values become deltas. Each is a leaf (`memat.leaves`). Its docstring begins
"NAME: what it does (source).", and it has these names:

LABEL     its name in tables and figures
VALUES    the solver whose values it carries into the weights: its own name, or another's
SETTINGS  "deltas" or "values" → the Section (`memat.study.section`) that stands in the config
          as `deltas.<solver>` or `values.<solver>`
share(residual, layers_left)
          the part of the residual, (n_facts, d_model), that goes into a layer; layers_left
          counts this layer and the edit layers above it
solve(keys, moment, settings, layer)
          the right factor of the layer's delta, (n_facts, d_ff). keys: K with facts as rows,
          (n_facts, d_ff); moment: C, (d_ff, d_ff); both float64, on one device.
          settings: `memat.edit.update.DeltaSettings`, the solver's own under `settings.own`.
          Raises NonFiniteValue(layer)

A solver with values of its own also has

JOINT     whether one value may serve the prompts of several languages
value_places(model, layer)
          the `memat.edit.places.ValuePlaces` of the value layer
"""

from pathlib import Path
from types import ModuleType

from memat.leaves import leaf_names, leaf_path, load_leaf

PACKAGE = "memat.edit.solvers"
DEFAULT = "memit"  # of an experiment that names no solver; the others are compared with it


def solver_names() -> tuple[str, ...]:
    """Names of the solvers there are."""
    return leaf_names(PACKAGE)


def solvers_in_words() -> str:
    """`memit (least squares …; the default) | …`, from the first line of each leaf."""
    words = {}
    for name in sorted(solver_names(), key=lambda name: name != DEFAULT):
        first_line = load_solver(name).__doc__.splitlines()[0]
        does = first_line.partition(": ")[2].partition(" (")[0].rstrip(".")
        words[name] = does + ("; the default" if name == DEFAULT else "")
    return " | ".join(f"{name} ({does})" for name, does in words.items())


def load_solver(name: str) -> ModuleType:
    """The leaf of one solver. Raises ConfigError naming those there are."""
    return load_leaf(PACKAGE, name)


def values_solver(name: str) -> str:
    """The solver whose values `name` carries into the weights."""
    return load_solver(name).VALUES


def load_values_solver(name: str) -> ModuleType:
    """The leaf whose values the solver `name` carries into the weights."""
    return load_solver(values_solver(name))


def can_be_joint(name: str) -> bool:
    """Whether one value of the solver may serve the prompts of several languages."""
    return load_values_solver(name).JOINT


def solver_files(name: str) -> tuple[Path, ...]:
    """The leaves that an edit by one solver uses: its own, and that of its values."""
    return tuple(leaf_path(PACKAGE, leaf) for leaf in dict.fromkeys((name, values_solver(name))))
