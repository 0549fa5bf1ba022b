# What the rules of tune.smk need besides: settings, and functions that find inputs.

from memat.edit.solver import DEFAULT as DEFAULT_SOLVER

_TUNED = model_spec(config["model"]["name"])
MODEL_SETTINGS = str(settings_path(MODELS, config["model"]["name"]))
TUNE = f"{RESULTS}/tune"
# of each section what a search does not try itself
TUNE_SETTINGS = {
    "tune": {
        **{key: value for key, value in config["tune"].items() if key != "workers"},
        "edit": config["tune"]["edit"] | ({} if STUDY.donor_size else {"protected_weight": [0]}),
    },
    "covariance": some(config["covariance"], "tokens", "sequence_length", "batch_size"),
    "refine": config["activations"]["refine"],
    "probes": config["probes"],
    "corrections": {
        key: value
        for key, value in config["corrections"].items()
        if key not in ("k", "learning_rate")
    },
    "fixed": {
        "values": some(config["values"], "weight_decay", "kl_factor", "stop_loss"),
        "deltas": some(config["deltas"], "residual"),
        "spread": SPREAD,
        "pairing": config["summary"]["target_pairing"],
        "probability": config["summary"]["probability"],
    },
}


def tuning_blocks(wildcards):
    """The table of the sets of facts, if there is one to tune on."""
    if not STUDY.tuning_size:
        raise WorkflowError(
            "blocks.tuning is 0: settings are searched on facts that no table reports on; say how"
            " many, 30 for instance"
        )
    return BLOCKS


SOLVER_OF_TUNE = solver.leaves_of_values(DEFAULT_SOLVER) + solver.leaves_of_deltas(DEFAULT_SOLVER)
