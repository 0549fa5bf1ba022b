# What the rules of memit.smk need besides: settings, and functions that find inputs.

from memat.edit import solver
from memat.edit.spread import LAYERWISE
from memat.study.models import SUM
from memat.study.plan import can_protect
from memat.study.steps import step_bounds

PROTECTED = config["covariance"]["protected_subjects"]
# a user's own list is an input; subjects of facts are in the dataset
SUBJECT_LIST = [PROTECTED["path"]] if PROTECTED["source"] == "list" else []


FIRST_ROWS = first_rows(STUDY.main.rows)
URGENCY = Urgency(STUDY.main.rows)
# layers with a value: all edit layers, or the value layer alone
VALUE_LAYERS = config["edit"]["layers"] if SPREAD == LAYERWISE else config["edit"]["layers"][-1:]


def value_languages(wildcards):
    """Languages whose sentences the values of a job are optimised on."""
    return list(STUDY.values[wildcards.values].languages)


def edit_languages(wildcards):
    """Languages whose prompts' keys are solved for."""
    return list(STUDY.solved[wildcards.edit].prompted)


# Values that follow the unedited model, which reads the fact in another language, have a rule of
# their own.
TAUGHT = {name: edit for name, edit in STUDY.values.items() if edit.teacher}


def taught_settings(wildcards):
    """Settings of taught values: those of values, and of what is followed."""
    return values_of(TAUGHT[wildcards.values]) | {"taught": config["values"]["taught"]}


def question_language(wildcards):
    """The language in which the edited model is taught."""
    (code,) = TAUGHT[wildcards.values].languages
    return code


def values_of(edit):
    """Settings of the values of an edit whose solver has values of its own.

    Those of another solver are left out: they must not rerun it.
    """
    own = solver.value_settings(config["values"], edit.solver, SPREAD)
    return own if edit.learning_rate is None else own | {"learning_rate": edit.learning_rate}


def deltas_of(edit):
    """Settings of the solve of an edit, without those of other solvers."""
    used = solver.delta_settings(config["deltas"], edit.solver, SPREAD)
    return used | ({"protected_weight": PROTECTED["weight"]} if edit.protected else {})


def transport_of_edit(wildcards):
    """From which language to which an edit's keys are transported; of others nothing.

    languages: the order in which other subjects' keys stand.
    """
    edit = STUDY.solved[wildcards.edit]
    if not edit.transport:
        return {}
    (source,) = edit.languages
    return {"languages": LANGUAGES, "source": source, "targets": list(edit.transport)}


def other_subjects_of_edit(wildcards):
    """The subjects of the keys that transported keys are guessed from."""
    whole, _size = fact_sets.whole_and_size(wildcards.block)
    return [PATHS.protected.format(block=whole)] if STUDY.solved[wildcards.edit].transport else []


def other_keys_of_edit(wildcards):
    """Keys of other subjects, to protect or to transport keys with; none of a plain edit."""
    edit = STUDY.solved[wildcards.edit]
    return other_keys(wildcards) if edit.protected or edit.transport else []


def other_keys(wildcards):
    """Keys of the subjects that are neither edited nor evaluated. Refuses a run without any."""
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
    """The deltas that a sum is made of: those of its languages, or of its steps."""
    edit = STUDY.edits[wildcards.edit]
    if edit.step_size is not None:
        whole, _size = fact_sets.whole_and_size(wildcards.block)
        return step_files(edit, whole, STUDY.n_facts(wildcards.block))
    return [PATHS.deltas.format(edit=part.id, block=wildcards.block) for part in edit.parts]


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


# Edits in steps: a step is a job of its own, found on the model with the steps before it.
STEPWISE = {edit.id: edit for edit in STUDY.edits.values() if edit.step_size is not None}


def step_files(edit, block, n_facts):
    """The steps of an edit that hold the first facts of a block."""
    return [
        PATHS.step.format(edit=edit.id, block=block, start=start, end=end)
        for start, end in step_bounds(n_facts, edit.step_size)
    ]


def earlier_steps(wildcards):
    return step_files(STEPWISE[wildcards.edit], wildcards.block, int(wildcards.start))


def step_languages(wildcards):
    return list(STEPWISE[wildcards.edit].languages)


def step_settings(wildcards):
    """Settings of the values and of the solve of a step."""
    edit = STEPWISE[wildcards.edit]
    values, *_others = edit.values
    found = {key: value for key, value in values_of(values).items() if key != "shard_size"}
    return {"values": found, "deltas": deltas_of(edit)}


def solver_of_steps(wildcards):
    return solver.leaves_of_steps(STEPWISE[wildcards.edit].solver)
