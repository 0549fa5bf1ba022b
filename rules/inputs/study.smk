# What the rules of study.smk need besides: settings, and functions that find inputs.


def of_kind(kind):
    """Names of the study's reports of one kind."""
    return [report.name for report in STUDY.others if report.kind == kind]


def scores_of_report(wildcards):
    rows = STUDY.report(wildcards.report).rows
    if not rows and STUDY.block_size is None:
        raise WorkflowError(
            f"blocks.size is null: {wildcards.report} edits parts of a block, so it needs a number"
        )
    return scores_of_rows(rows)


def labels_of_report(wildcards):
    return labels_of(STUDY.report(wildcards.report).rows)


def panels_of_report(wildcards):
    return [
        {"edit": heads.edit.id, "language": heads.language, "block": block}
        for heads in STUDY.heads(STUDY.report(wildcards.report))
        for block in STUDY.blocks
    ]


def answers_of_table(wildcards):
    return answers_of_rows(STUDY.report(wildcards.report).rows, SUMMARY["metrics"])


def answers_of_report(wildcards):
    measured = settings_of_report(wildcards)["metrics"]
    return answers_of_rows(STUDY.report(wildcards.report).rows, measured)


def settings_of_report(wildcards):
    """How a report with curves is measured: it also has the metrics that it draws."""
    return summary_with(STUDY.report(wildcards.report).drawing["metrics"])


def metrics_of_report(wildcards):
    measured = settings_of_report(wildcards)["metrics"]
    return families.leaves_of_values(measured) + families.leaves_of_labels(measured)


def by_row(pattern):
    """Files on what the rows of a report that change a weight cost on held-out text, by name."""
    return lambda wildcards: damage_files(STUDY.report(wildcards.report).rows, pattern)


def each_once(pattern):
    """The same files without their rows."""
    files = by_row(pattern)
    return lambda wildcards: distinct(path for own in files(wildcards).values() for path in own)
