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
        deltas=DELTAS.replace("{edit}", "{solver}-{language}"),
    log:
        log_path("solve_deltas", "{solver}-{language}/block_{block}"),
    benchmark:
        benchmark_path("solve_deltas", "{solver}-{language}/block_{block}")
    conda:
        "../envs/memat.yaml"
    threads: COMPUTE["threads"]
    resources:
        mem_mb=model_memory,
        runtime=120,
    params:
        cfg=delta_settings,
        layers=config["edit"]["layers"],
        language="{language}",
        block=block_number,
        compute=COMPUTE,
        code=code_tag("solve_deltas.py"),
    message:
        "Deltas of {wildcards.solver} in {wildcards.language}, block {wildcards.block}"
    script:
        "../workflow_scripts/solve_deltas.py"


rule add_deltas:
    input:
        deltas=deltas_of_both,
    output:
        deltas=DELTAS.replace("{edit}", f"{{solver}}-{BOTH}"),
    log:
        log_path("add_deltas", "{solver}/block_{block}"),
    benchmark:
        benchmark_path("add_deltas", "{solver}/block_{block}")
    conda:
        "../envs/memat.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        cfg=config["edit"],
        code=code_tag("add_deltas.py"),
    message:
        "Deltas of {wildcards.solver} in both languages added up, block {wildcards.block}"
    script:
        "../workflow_scripts/add_deltas.py"
