"""Rows of a report: from a line of YAML to an edited model on sets of facts.

A row names its languages by code or by the words `source`, `target` (the first target
language). A grid is a row whose lists are choices; a text `$name` stands for the list of
that name in `study.axes`, or for the run's `$languages` or `$targets`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import exp, log

from memat.edit import solver as solvers
from memat.errors import ConfigError
from memat.fact_sets import TUNING, first
from memat.study.models import (
    CONTEXT_METHODS,
    Context,
    Correction,
    Edit,
    EditedModel,
    Heads,
    default_combine,
)
from memat.study.steps import facts_edited, step_size

NEEDED_KEYS = {
    "unedited": (),
    "memit": ("train",),
    "memat": ("train", "heads"),
    "iti": ("train", "heads"),
    **dict.fromkeys(CONTEXT_METHODS, ("train",)),
}
_EDIT_KEYS = ("train", "combine", "transport", "taught", "solver", "learning_rate", "protected")
_EDIT_KEYS += ("steps", "keep_earlier")
ALLOWED_KEYS = {
    "unedited": (),
    "memit": _EDIT_KEYS,
    "memat": (*_EDIT_KEYS, "heads", "select", "k", "recycled"),
    "iti": (*_EDIT_KEYS, "heads", "select", "k", "recycled", "alpha"),
    **dict.fromkeys(CONTEXT_METHODS, ("train",)),
}
PLACE_KEYS = ("name", "method", "facts", "first", "series", "x")
SCALING_POINTS = 16  # n_i = exp(ln(n_max) · i / 16)


@dataclass(frozen=True)
class Defaults:
    """What a row leaves to the rest of the config."""

    languages: tuple[str, ...]
    k: int
    alpha: float
    learning_rates: dict[str, float]
    protected: bool
    blocks: tuple[str, ...]
    block_size: int | None
    tuning_size: int
    axes: dict[str, list]


def all_languages(config: dict) -> tuple[str, ...]:
    """Codes of the source language and of every target language."""
    return (config["languages"]["source"], *config["languages"]["targets"])


def defaults_of(config: dict) -> Defaults:
    """What the rows of a config's study leave to the rest of it."""
    languages = all_languages(config)
    study, values, size = config["study"], config["values"], config["blocks"]["size"]
    own = {
        "languages": list(languages),
        "targets": list(languages[1:]),
        "sizes": scaling_sizes(size, study["smallest_edit"]) if size else [],
    }
    return Defaults(
        languages=languages,
        k=config["corrections"]["k"],
        alpha=config["iti"]["alpha"],
        learning_rates={
            name: values.get(name, {}).get("learning_rate", values["learning_rate"])
            for name in solvers.solver_names()
        },
        protected=config["covariance"]["protected_subjects"]["use"],
        blocks=tuple(str(number) for number in range(config["blocks"]["count"])),
        block_size=size,
        tuning_size=config["blocks"]["tuning"],
        axes={**study["axes"], **own},
    )


@dataclass(frozen=True)
class Row:
    """One edited model on sets of facts: a line of a table, a point of a curve.

    spec: the resolved line of YAML, with every key its method takes. series, x: its curve and
    its place on the axis (None: a level beside the curves). baselines: names of the rows it
    is compared with, paired on the same facts.
    """

    name: str
    spec: dict
    model: EditedModel
    facts: tuple[str, ...]
    series: str | None = None
    x: float | None = None
    baselines: tuple[str, ...] = ()

    def described(self) -> dict:
        """Plain values for tables; None of what its model has none of."""
        edit = next(iter(self.model.edits), None)
        correction = next(iter(self.model.corrections), None)
        return {
            "name": self.name,
            "method": self.spec["method"],
            "model": self.model.id,
            "solver": edit.solver if edit else None,
            "edit_language": "+".join(self.model.languages) or None,
            "edit_languages": list(self.model.languages),
            "combine": edit.combine if edit else None,
            "protected": edit.protected if edit else None,
            "transport": "+".join(edit.transport) or None if edit else None,
            "taught": "+".join(edit.taught) or None if edit else None,
            "step_size": edit.step_size if edit else None,
            "head_language": correction.heads.language if correction else None,
            **{key: getattr(correction, key, None) for key in ("select", "k", "alpha")},
            "recycled": self.model.recycled,
            "series": self.series,
            "x": self.x,
            "facts": list(self.facts),
            "baselines": list(self.baselines),
        }


def expanded(grid: dict, axes: dict[str, list]) -> Iterator[dict]:
    """Every row of a grid without its keys that are null, the last key running fastest."""
    choices = {key: _choices(value, axes) for key, value in grid.items()}
    for values in product(*choices.values()):
        row = zip(choices, values, strict=True)
        yield {key: value for key, value in row if value is not None}


def _choices(value: object, axes: dict[str, list]) -> list:
    if isinstance(value, str) and value.startswith("$"):
        if value[1:] not in axes:
            raise ConfigError(f"study: {value} names no axis; known: {', '.join(sorted(axes))}")
        return axes[value[1:]]
    return value if isinstance(value, list) else [value]


def resolved(spec: dict, defaults: Defaults) -> dict:
    """The row with language words as codes, steps as their size, and without keys that are null."""
    row = {key: value for key, value in spec.items() if value is not None}
    n_facts = facts_edited(row, defaults.block_size, defaults.tuning_size)
    if (steps := row.pop("steps", 1)) > 1 and n_facts and n_facts > 1:
        row["step_size"] = step_size(n_facts, steps)
    if "step_size" not in row or row.get("keep_earlier"):
        row.pop("keep_earlier", None)
    for key in ("train", "transport", "taught"):
        if key in row:
            row[key] = language_codes(row[key], defaults.languages)
    if "heads" in row:
        row["heads"] = language_code(row["heads"], defaults.languages)
    solver = row.get("solver", solvers.DEFAULT)
    if len(row.get("train", ())) > 1:
        row.setdefault("combine", default_combine(solver))
    # what is configured is the edit that other reports have
    if row.get("learning_rate") == defaults.learning_rates[solver]:
        row.pop("learning_rate", None)
    if row.get("protected") == defaults.protected:
        row.pop("protected", None)
    return row


def language_code(word: str, languages: Sequence[str]) -> str:
    """`source` and `target` (the first one) as codes; codes as they are."""
    return {"source": languages[0], "target": languages[1]}.get(word, word)


def language_codes(words: str | Sequence[str], languages: Sequence[str]) -> tuple[str, ...]:
    """One word for a language, or several, as codes."""
    return tuple(language_code(word, languages) for word in one_or_several(words))


def one_or_several(words: str | Sequence[str]) -> Sequence[str]:
    """A key of a row that may be one word or a list."""
    return [words] if isinstance(words, str) else words


def edited_model(row: dict, defaults: Defaults) -> EditedModel:
    """The model of a resolved row."""
    if row["method"] == "unedited":
        return EditedModel()
    if row["method"] in CONTEXT_METHODS:
        return EditedModel(context=Context(row["method"], row["train"][0]))
    own = ("learning_rate", "transport", "taught", "step_size", "keep_earlier")
    edit = Edit(
        row.get("solver", solvers.DEFAULT),
        row["train"],
        row.get("combine") if len(row["train"]) > 1 else None,
        protected=row.get("protected", defaults.protected),
        **{key: row[key] for key in own if key in row},
    )
    if "heads" not in row:
        return EditedModel((edit,))
    correction = Correction(
        heads=Heads(edit, row["heads"]),
        select=row.get("select", "located"),
        k=row.get("k", defaults.k),
        alpha=float(row.get("alpha", defaults.alpha)) if row["method"] == "iti" else None,
    )
    return EditedModel((edit,), (correction,), row.get("recycled", False))


def automatic_name(row: dict) -> str:
    """`memat_ca_en_recycled`: method (or solver, or random), languages, and what is set apart."""
    method, solver = row["method"], row.get("solver", solvers.DEFAULT)
    if method == "unedited":
        return method
    own_solver = solver != solvers.DEFAULT
    first_word = "random" if row.get("select") == "random" else method
    if method == "memit" and own_solver:
        first_word, own_solver = solver, False
    parts = [
        first_word,
        "+".join(row["train"]),
        row.get("combine"),
        "transport" in row and f"to-{'+'.join(row['transport'])}",
        "taught" in row and f"taught-{'+'.join(row['taught'])}",
        row.get("heads"),
        own_solver and solver,
        row.get("recycled") and "recycled",
        {True: "protected", False: "plain"}.get(row.get("protected")),
        "step_size" in row and f"by{row['step_size']}",
        not row.get("keep_earlier", True) and "free",
    ]
    for key, letters in (("k", "k"), ("alpha", "alpha"), ("learning_rate", "lr"), ("first", "n")):
        parts.append(key in row and f"{letters}{row[key]:g}")
    return "_".join(filter(None, parts))


def made_row(spec: dict, defaults: Defaults) -> Row:
    """A row of a report, its baselines still to be found."""
    row = resolved(spec, defaults)
    name = row.get("name") or automatic_name(row)
    return Row(
        name=name,
        spec=row,
        model=edited_model(row, defaults),
        facts=_facts(row, defaults),
        series=row.get("series"),
        x=row.get("x"),
    )


def _facts(row: dict, defaults: Defaults) -> tuple[str, ...]:
    if row.get("facts") == TUNING:
        return (TUNING,)
    size = row.get("first")
    if size is None or size == defaults.block_size:
        return defaults.blocks
    return tuple(first(block, size) for block in defaults.blocks)


def scaling_sizes(largest: int, least: int) -> list[int]:
    """n_i = exp(ln(largest)·i/16), rounded, from `least` on, without repeats."""
    sizes = (round(exp(log(largest) * i / SCALING_POINTS)) for i in range(SCALING_POINTS + 1))
    return sorted({size for size in sizes if size >= min(least, largest)})
