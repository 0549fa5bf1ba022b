# What the rules of memit.smk need besides: settings, and functions that find inputs.

from memat.edit import solver
from memat.edit.spread import LAYERWISE
from memat.study.models import STACKED, SUM
from memat.study.plan import can_protect

PROTECTED = config["covariance"]["protected_subjects"]
# a user's own list is an input; subjects of facts are in the dataset
SUBJECT_LIST = [PROTECTED["path"]] if PROTECTED["source"] == "list" else []


def value_layers(wildcards):
    """Layers with a value: all edit layers, or the value layer alone."""
    return config["edit"]["layers"] if SPREAD == LAYERWISE else config["edit"]["layers"][-1:]


def value_languages(wildcards):
    """Languages whose sentences the values of a job are optimised on."""
    return list(STUDY.values[wildcards.values].languages)


def edit_languages(wildcards):
    return list(STUDY.solved[wildcards.edit].languages)


def templates_of_values(wildcards):
    return [TEMPLATES.format(language=code) for code in value_languages(wildcards)]


def templates_of_edit(wildcards):
    return [TEMPLATES.format(language=code) for code in edit_languages(wildcards)]


def value_settings(wildcards):
    """Settings of one solver's values: those of another must not rerun it."""
    edit = STUDY.values[wildcards.values]
    own = common_settings(config["values"]) | {"spread": SPREAD}
    own |= config["values"].get(edit.solver, {})
    return own if edit.learning_rate is None else own | {"learning_rate": edit.learning_rate}


def value_solver(wildcards):
    return STUDY.values[wildcards.values].solver


def delta_settings(wildcards):
    """Settings of one solver: those of another must not rerun it."""
    edit = STUDY.solved[wildcards.edit]
    own = config["deltas"].get(edit.solver, {})
    used = {"solver": edit.solver, "own": own, "spread": SPREAD}
    if edit.protected:
        used["protected_weight"] = PROTECTED["weight"]
    return common_settings(config["deltas"]) | used


def is_protected(wildcards):
    return STUDY.solved[wildcards.edit].protected


def transport_of_edit(wildcards):
    """Languages that the keys of an edit are transported to."""
    return list(STUDY.solved[wildcards.edit].transport)


def key_languages_of_edit(wildcards):
    """The languages in whose order other subjects' keys stand, for an edit that transports keys."""
    return LANGUAGES if transport_of_edit(wildcards) else []


def other_subjects_of_edit(wildcards):
    """The subjects of the keys that transported keys are guessed from."""
    whole, _size = fact_sets.whole_and_size(wildcards.block)
    return [PATHS.protected.format(block=whole)] if transport_of_edit(wildcards) else []


def other_keys_of_edit(wildcards):
    """Keys of other subjects, to protect or to transport keys with; none of a plain edit."""
    if not (is_protected(wildcards) or transport_of_edit(wildcards)):
        return []
    whole, _size = fact_sets.whole_and_size(wildcards.block)
    if not can_protect(config, whole):
        raise WorkflowError(
            f"{wildcards.edit} with the facts {whole}: the subjects it protects, or transports keys"
            " with, are those of other donor and tuning facts, but there are none; set blocks.donor"
            " and blocks.tuning, or covariance.protected_subjects.source: list"
        )
    return [PATHS.protected_keys.format(block=whole)]


def solver_of_values(wildcards):
    return solver.leaves_of_values(STUDY.values[wildcards.values].solver)


def solver_of_deltas(wildcards):
    return solver.leaves_of_deltas(STUDY.solved[wildcards.edit].solver)


def deltas_of_parts(wildcards):
    """The deltas that a sum is made of."""
    parts = STUDY.edits[wildcards.edit].parts
    return [PATHS.deltas.format(edit=part.id, block=wildcards.block) for part in parts]


def values_of_block(wildcards):
    """The shards of values that a set's deltas are solved from: its own, or its whole set's.

    Of stacked languages one after another.
    """
    whole, _size = fact_sets.whole_and_size(wildcards.block)
    return [
        PATHS.values.format(values=values.id, block=whole, shard=shard)
        for values in STUDY.solved[wildcards.edit].values
        for shard in STUDY.shards(wildcards.block, config["values"]["shard_size"])
    ]


def is_stacked(wildcards):
    """Whether each language of an edit has values of its own."""
    return STUDY.solved[wildcards.edit].combine == STACKED
