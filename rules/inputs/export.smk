# What the rules of export.smk need besides: settings, and functions that find inputs.


def requested_export(wildcards):
    """The export that --config experiment=<name> asks for."""
    if "experiment" not in config:
        names = ", ".join(row.name for row in STUDY.main.rows)
        raise WorkflowError(f"export needs --config experiment=<name>, one of: {names}")
    row = STUDY.row(config["experiment"])
    if row.model.context:
        raise WorkflowError(
            f"experiment {row.name}: method {row.spec['method']} changes no weight, so there is no"
            " model to export"
        )
    path = PATHS.adapter if config["export"]["adapter"] else PATHS.export
    return path.format(experiment=config["experiment"])
