# What the rules of export.smk need besides: settings, and functions that find inputs.


def requested_export(wildcards):
    """The export that --config experiment=<name> asks for."""
    if "experiment" not in config:
        names = ", ".join(row.name for row in STUDY.main.rows)
        raise WorkflowError(f"export needs --config experiment=<name>, one of: {names}")
    return PATHS.export.format(experiment=config["experiment"])
