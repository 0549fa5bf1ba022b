# MEMIT: a value per fact, then the update that carries the values into the weights.


rule optimise_values:
    input:
        manifest=MANIFEST,
        bilingual=BILINGUAL,
        blocks=BLOCKS,
        templates=templates_of,
        language_file=language_file_of,
    output:
        values=VALUES,
    log:
        log_path("optimise_values", "memit-{language}/block_{block}_{shard}"),
    benchmark:
        benchmark_path("optimise_values", "memit-{language}/block_{block}_{shard}")
    conda:
        "../envs/memat.yaml"
    threads: COMPUTE["threads"]
    resources:
        mem_mb=model_memory,
        runtime=120,
    params:
        cfg=config["values"],
        value_layer=config["edit"]["layers"][-1],
        language="{language}",
        block=block_number,
        shard=shard_number,
        compute=COMPUTE,
        code=code_tag("optimise_values.py"),
    message:
        "Values in {wildcards.language}, block {wildcards.block}, shard {wildcards.shard}"
    script:
        "../workflow_scripts/optimise_values.py"


rule solve_deltas:
    input:
        manifest=MANIFEST,
        bilingual=BILINGUAL,
        blocks=BLOCKS,
        templates=templates_of,
        values=values_of_block,
        covariance=COVARIANCE,
    output:
        deltas=DELTAS.replace("{edit}", "memit-{language}"),
    log:
        log_path("solve_deltas", "memit-{language}/block_{block}"),
    benchmark:
        benchmark_path("solve_deltas", "memit-{language}/block_{block}")
    conda:
        "../envs/memat.yaml"
    threads: COMPUTE["threads"]
    resources:
        mem_mb=model_memory,
        runtime=120,
    params:
        cfg=config["deltas"],
        layers=config["edit"]["layers"],
        language="{language}",
        block=block_number,
        compute=COMPUTE,
        code=code_tag("solve_deltas.py"),
    message:
        "Deltas in {wildcards.language}, block {wildcards.block}"
    script:
        "../workflow_scripts/solve_deltas.py"
