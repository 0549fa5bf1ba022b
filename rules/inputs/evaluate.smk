# What the rules of evaluate.smk need besides: settings, and functions that find inputs.

import json

from memat.evaluate import families
from memat.fact_sets import TUNING
from memat.study.plan import can_recycle
from memat.text.language_keys import OF_ANSWERS


def model_of(wildcards):
    """The edited model of a job: that of a score file, or of an export by experiment."""
    if hasattr(wildcards, "edited"):
        return STUDY.models[wildcards.edited]
    return STUDY.row(wildcards.experiment).model


def block_of(wildcards):
    """The facts of a job; an export, which has no such wildcard, takes the configured block."""
    return getattr(wildcards, "block", str(config["export"]["block"]))


def deltas_of_model(wildcards):
    """Deltas an edited model carries; none when unedited."""
    return PATHS.deltas_of(model_of(wildcards), block_of(wildcards))


def corrections_of_model(wildcards):
    """Corrections an edited model carries; none without heads."""
    model = model_of(wildcards)
    return PATHS.corrections_of(model, STUDY.corrected_with(model, block_of(wildcards)))


def context_of_model(wildcards):
    """How a model without edits is told the facts: method and language, empty for any other."""
    context = model_of(wildcards).context
    return [context.method, context.language] if context else []


def files_of_row(row, pattern):
    """The files of one row: every set of its facts, shard by shard."""
    return [
        pattern.format(edited=row.model.id, block=block, shard=shard)
        for block in row.facts
        for shard in STUDY.shards(block, config["scores"]["shard_size"])
    ]


def files_of_rows(rows, pattern):
    """The files of some rows, each once."""
    return list(dict.fromkeys(path for row in rows for path in files_of_row(row, pattern)))


def scores_of_rows(rows):
    """The score files of some rows, each once. Refuses rows that the config leaves no facts for."""
    for row in rows:
        if TUNING in row.facts and not STUDY.tuning_size:
            raise WorkflowError("blocks.tuning is 0: this target searches settings on such facts")
        if row.model.recycled and not can_recycle(config["blocks"]):
            raise WorkflowError(
                "blocks.donor is 0 and blocks.count 1: recycled corrections need other facts"
            )
    return files_of_rows(rows, PATHS.scores)


def answers_of_rows(rows, measured):
    """The answers of some rows, each once, where a family of metrics reads them."""
    return files_of_rows(rows, PATHS.answers) if families.read_answers(measured) else []


def described_rows(rows):
    """Rows as plain values, each with its files: what a study file holds."""
    kinds = {"scores": PATHS.scores, "answers": PATHS.answers}
    return [
        row.described() | {name: files_of_row(row, path) for name, path in kinds.items()}
        for row in rows
    ]


def study_of_report(wildcards):
    """What a report is made of, as JSON."""
    found = STUDY.report(wildcards.report)
    return json.dumps(found.described() | {"rows": described_rows(found.rows)})


MAIN_STUDY = PATHS.study_file.format(report=STUDY.main.name)


def of_solvers(section):
    """A section with those of its solvers', and of taught values', own settings that are used."""
    edits = [edit for row in STUDY.main.rows for edit in row.model.edits]
    used = {edit.solver for edit in edits} | {"taught" for edit in edits if edit.taught}
    return {
        key: value for key, value in section.items() if key in used or not isinstance(value, dict)
    }


# the families of metrics that tables measure, and that tables and figures show
VALUES_OF_METRICS = families.leaves_of_values(config["summary"]["metrics"])
LABELS_OF_METRICS = families.leaves_of_labels(config["summary"]["metrics"])


def summary_with(names):
    """How rows are measured: the families that tables show, and those of some metrics."""
    measured = some(config["summary"], "metrics", "probability", "bootstrap", "confidence")
    named = [metric.family for metric in families.metrics_named(names)]
    measured["metrics"] = list(dict.fromkeys([*measured["metrics"], *named]))
    if families.read_answers(measured["metrics"]):
        measured["languages"] = {code: _language_keys(code, OF_ANSWERS) for code in LANGUAGES}
    return measured


SUMMARY = summary_with([])
