# MEMAT: find the heads of an edited model that tell true from new, and correct them.


rule dump_activations:
    input:
        manifest=MANIFEST,
        bilingual=BILINGUAL,
        blocks=BLOCKS,
        deltas=PATHS.deltas,
    output:
        activations=PATHS.activations,
    log:
        log_path("dump_activations", "{edit}/{language}/block_{block}_{shard}"),
    benchmark:
        benchmark_path("dump_activations", "{edit}/{language}/block_{block}_{shard}")
    priority: URGENCY.of_heads
    conda:
        "../envs/memat.yaml"
    threads: COMPUTE["threads"]
    resources:
        mem_mb=model_memory,
        runtime=60,
    params:
        cfg=config["activations"],
        language="{language}",
        edited=lambda wildcards: list(STUDY.edits[wildcards.edit].prompted),
        block="{block}",
        shard=shard_number,
        together=COMPUTE["batch_facts"],
        compute=LOADING,
        code=code_tag("dump_activations.py", architecture),
    message:
        "Head activations of {wildcards.edit}, sentences in {wildcards.language}, block {wildcards.block}, shard {wildcards.shard}"
    script:
        "../workflow_scripts/dump_activations.py"


rule train_probes:
    input:
        activations=activations_of_block,
    output:
        accuracy=f"{PATHS.heads}/accuracy.parquet",
        probes=f"{PATHS.heads}/probes.safetensors",
    log:
        log_path("train_probes", "{edit}/{language}/block_{block}"),
    benchmark:
        benchmark_path("train_probes", "{edit}/{language}/block_{block}")
    priority: URGENCY.of_heads
    conda:
        "../envs/memat.yaml"
    threads: COMPUTE["threads"]
    resources:
        mem_mb=model_memory,
        runtime=60,
    params:
        cfg=config["probes"],
        seed=SEED,
        code=code_tag("train_probes.py"),
    message:
        "Probes on the heads of {wildcards.edit}, sentences in {wildcards.language}, block {wildcards.block}"
    script:
        "../workflow_scripts/train_probes.py"


rule fit_corrections:
    input:
        manifest=MANIFEST,
        bilingual=BILINGUAL,
        blocks=BLOCKS,
        templates=TEMPLATES,
        deltas=PATHS.deltas,
        accuracy=rules.train_probes.output.accuracy,
    output:
        corrections=PATHS.corrections,
    log:
        log_path("fit_corrections", "{edit}_{language}_{select}-{k}/block_{block}"),
    benchmark:
        benchmark_path("fit_corrections", "{edit}_{language}_{select}-{k}/block_{block}")
    priority: URGENCY.of_heads
    conda:
        "../envs/memat.yaml"
    threads: COMPUTE["threads"]
    resources:
        mem_mb=model_memory,
        batch_mb=COMPUTE["memory_mb"],
        runtime=120,
    params:
        cfg=CORRECTION_SETTINGS,
        language="{language}",
        edited=lambda wildcards: list(STUDY.edits[wildcards.edit].prompted),
        language_keys=language_keys("fit_corrections", job_language),
        select="{select}",
        k=lambda wildcards: int(wildcards.k),
        block="{block}",
        seed=SEED,
        compute=LOADING,
        code=code_tag("fit_corrections.py", architecture),
    message:
        "Corrections of {wildcards.k} {wildcards.select} heads of {wildcards.edit} in {wildcards.language}, block {wildcards.block}"
    script:
        "../workflow_scripts/fit_corrections.py"


rule shift_heads:
    input:
        activations=activations_of_block,
        accuracy=rules.train_probes.output.accuracy,
    output:
        corrections=PATHS.shifts,
    log:
        log_path("shift_heads", "{edit}_{language}_{select}-{k}_iti-{alpha}/block_{block}"),
    benchmark:
        benchmark_path("shift_heads", "{edit}_{language}_{select}-{k}_iti-{alpha}/block_{block}")
    priority: URGENCY.of_heads
    conda:
        "../envs/memat.yaml"
    threads: 1
    resources:
        mem_mb=model_memory,
        runtime=10,
    params:
        cfg=config["probes"],
        select="{select}",
        k=lambda wildcards: int(wildcards.k),
        alpha=lambda wildcards: float(wildcards.alpha),
        seed=SEED,
        code=code_tag("shift_heads.py"),
    message:
        "Shifts of {wildcards.k} {wildcards.select} heads of {wildcards.edit} in {wildcards.language}, alpha {wildcards.alpha}, block {wildcards.block}"
    script:
        "../workflow_scripts/shift_heads.py"
