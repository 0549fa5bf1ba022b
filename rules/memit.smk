# MEMIT: a value per fact, then the update that carries the values into the weights.


rule optimise_values:
    input:
        manifest=MANIFEST,
        bilingual=BILINGUAL,
        blocks=BLOCKS,
        templates=templates_in(value_languages),
    output:
        values=PATHS.values,
    log:
        log_path("optimise_values", "{values}/block_{block}_{shard}"),
    benchmark:
        benchmark_path("optimise_values", "{values}/block_{block}_{shard}")
    wildcard_constraints:
        values=one_of(STUDY.values.keys() - TAUGHT.keys()),
    priority: URGENCY.of
    conda:
        "../envs/memat.yaml"
    threads: COMPUTE["threads"]
    resources:
        mem_mb=model_memory,
        batch_mb=COMPUTE["memory_mb"],
        runtime=120,
    params:
        cfg=lambda wildcards: values_of(STUDY.values[wildcards.values]),
        layers=VALUE_LAYERS,
        solver=lambda wildcards: STUDY.values[wildcards.values].solver,
        languages=value_languages,
        language_keys=language_keys("optimise_values", value_languages),
        block="{block}",
        shard=shard_number,
        together=COMPUTE["batch_facts"],
        compute=LOADING,
        code=code_tag("optimise_values.py", architecture, solver_of_values),
    message:
        "Values of {wildcards.values}, block {wildcards.block}, shard {wildcards.shard}"
    script:
        "../workflow_scripts/optimise_values.py"


rule optimise_taught_values:
    input:
        manifest=MANIFEST,
        bilingual=BILINGUAL,
        blocks=BLOCKS,
        templates=templates_in(value_languages),
    output:
        values=PATHS.values,
    log:
        log_path("optimise_taught_values", "{values}/block_{block}_{shard}"),
    benchmark:
        benchmark_path("optimise_taught_values", "{values}/block_{block}_{shard}")
    wildcard_constraints:
        values=one_of(TAUGHT),
    priority: URGENCY.of
    conda:
        "../envs/memat.yaml"
    threads: COMPUTE["threads"]
    resources:
        mem_mb=model_memory,
        batch_mb=COMPUTE["memory_mb"],
        runtime=120,
    params:
        cfg=taught_settings,
        layers=VALUE_LAYERS,
        solver=lambda wildcards: STUDY.values[wildcards.values].solver,
        read_in=lambda wildcards: TAUGHT[wildcards.values].teacher,
        asked_in=question_language,
        language_keys=language_keys("optimise_taught_values", question_language),
        block="{block}",
        shard=shard_number,
        together=COMPUTE["batch_facts"],
        compute=LOADING,
        code=code_tag("optimise_taught_values.py", architecture, solver_of_values),
    message:
        "Taught values of {wildcards.values}, block {wildcards.block}, shard {wildcards.shard}"
    script:
        "../workflow_scripts/optimise_taught_values.py"


rule choose_protected:
    input:
        bilingual=BILINGUAL,
        blocks=BLOCKS,
        subjects=SUBJECT_LIST,
    output:
        subjects=PATHS.protected,
        left_out=PATHS.unprotected,
    log:
        log_path("choose_protected", "block_{block}"),
    benchmark:
        benchmark_path("choose_protected", "block_{block}")
    priority: NOW
    conda:
        "../envs/memat.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=10,
    params:
        languages=LANGUAGES,
        block="{block}",
        code=code_tag("choose_protected.py"),
    message:
        "Subjects to protect from edits of block {wildcards.block}"
    script:
        "../workflow_scripts/choose_protected.py"


rule read_protected_keys:
    input:
        manifest=MANIFEST,
        subjects=PATHS.protected,
        templates=expand(TEMPLATES, language=LANGUAGES),
    output:
        protected=PATHS.protected_keys,
    log:
        log_path("read_protected_keys", "block_{block}"),
    benchmark:
        benchmark_path("read_protected_keys", "block_{block}")
    priority: NOW
    conda:
        "../envs/memat.yaml"
    threads: COMPUTE["threads"]
    resources:
        mem_mb=model_memory,
        batch_mb=COMPUTE["memory_mb"],
        runtime=30,
    params:
        cfg=some(config["deltas"], "key_templates"),
        layers=config["edit"]["layers"],
        languages=LANGUAGES,
        compute=LOADING,
        code=code_tag("read_protected_keys.py", architecture),
    message:
        "Keys of the subjects to protect from edits of block {wildcards.block}"
    script:
        "../workflow_scripts/read_protected_keys.py"


rule solve_deltas:
    input:
        manifest=MANIFEST,
        bilingual=BILINGUAL,
        blocks=BLOCKS,
        templates=templates_in(edit_languages),
        values=values_of_block,
        covariance=COVARIANCE,
        protected=other_keys_of_edit,
        subjects=other_subjects_of_edit,
    output:
        deltas=PATHS.deltas,
    log:
        log_path("solve_deltas", "{edit}/block_{block}"),
    benchmark:
        benchmark_path("solve_deltas", "{edit}/block_{block}")
    wildcard_constraints:
        edit=one_of(STUDY.solved),
    priority: URGENCY.of
    conda:
        "../envs/memat.yaml"
    threads: COMPUTE["threads"]
    resources:
        mem_mb=model_memory,
        batch_mb=COMPUTE["memory_mb"],
        runtime=120,
    params:
        cfg=lambda wildcards: deltas_of(STUDY.solved[wildcards.edit]),
        layers=config["edit"]["layers"],
        languages=edit_languages,
        stacked=lambda wildcards: STUDY.solved[wildcards.edit].stacked,
        protected=lambda wildcards: STUDY.solved[wildcards.edit].protected,
        transport=transport_of_edit,
        block="{block}",
        compute=LOADING,
        code=code_tag("solve_deltas.py", architecture, solver_of_deltas),
    message:
        "Deltas of {wildcards.edit}, block {wildcards.block}"
    script:
        "../workflow_scripts/solve_deltas.py"


rule edit_step:
    input:
        manifest=MANIFEST,
        bilingual=BILINGUAL,
        blocks=BLOCKS,
        templates=templates_in(step_languages),
        covariance=COVARIANCE,
        protected=lambda wildcards: (
            other_keys(wildcards) if STEPWISE[wildcards.edit].protected else []
        ),
        earlier=earlier_steps,
    output:
        step=PATHS.step,
    log:
        log_path("edit_step", "{edit}/block_{block}_{start}_{end}"),
    benchmark:
        benchmark_path("edit_step", "{edit}/block_{block}_{start}_{end}")
    wildcard_constraints:
        edit=one_of(STEPWISE),
        start=r"\d+",
        end=r"\d+",
    priority: URGENCY.of
    conda:
        "../envs/memat.yaml"
    threads: COMPUTE["threads"]
    resources:
        mem_mb=model_memory,
        batch_mb=COMPUTE["memory_mb"],
        runtime=120,
    params:
        cfg=step_settings,
        combine=lambda wildcards: STEPWISE[wildcards.edit].combine or SUM,
        keep_earlier=lambda wildcards: STEPWISE[wildcards.edit].keep_earlier,
        layers=config["edit"]["layers"],
        languages=step_languages,
        language_keys=language_keys("edit_step", step_languages),
        block="{block}",
        start=lambda wildcards: int(wildcards.start),
        end=lambda wildcards: int(wildcards.end),
        together=COMPUTE["batch_facts"],
        compute=LOADING,
        code=code_tag("edit_step.py", architecture, solver_of_steps),
    message:
        "Facts {wildcards.start} to {wildcards.end} of {wildcards.edit}, block {wildcards.block}"
    script:
        "../workflow_scripts/edit_step.py"


rule add_deltas:
    input:
        deltas=deltas_of_parts,
    output:
        deltas=PATHS.deltas,
    log:
        log_path("add_deltas", "{edit}/block_{block}"),
    benchmark:
        benchmark_path("add_deltas", "{edit}/block_{block}")
    wildcard_constraints:
        edit=one_of(
            edit.id for edit in STUDY.edits.values() if edit.id in STEPWISE or edit.combine == SUM
        ),
    priority: URGENCY.of
    conda:
        "../envs/memat.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=10,
    params:
        code=code_tag("add_deltas.py"),
    message:
        "Deltas of several languages or steps added up, {wildcards.edit}, block {wildcards.block}"
    script:
        "../workflow_scripts/add_deltas.py"
