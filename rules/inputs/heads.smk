# What the rules of heads.smk need besides: settings, and functions that find inputs.

# k is part of the path: another default must not touch experiments with their own k
CORRECTION_SETTINGS = {key: value for key, value in config["corrections"].items() if key != "k"}


def activations_of_block(wildcards):
    """Every shard of the activations that probes and shifts are made from."""
    return [
        PATHS.activations.format(**wildcards, shard=shard)
        for shard in STUDY.shards(wildcards.block, config["activations"]["shard_size"])
    ]
