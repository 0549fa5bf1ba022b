# What an edit costs in general tasks: lm-eval on the exported folders, beside the unedited model.
# Target `general`; no run needs these rules.


rule evaluate_general:
    input:
        manifest=manifest_asked,
        tasks=task_files(),
    output:
        results=PATHS.general_results,
        questions=PATHS.general_questions,
    log:
        log_path("evaluate_general", "{edited}"),
    benchmark:
        benchmark_path("evaluate_general", "{edited}")
    wildcard_constraints:
        edited=one_of([UNEDITED, *(row.model.id for row in ROWS_ASKED)]),
    conda:
        "../envs/general.yaml"
    threads: COMPUTE["threads"]
    resources:
        mem_mb=model_memory,
        runtime=240,
    params:
        cfg=some(GENERAL, "include", "limit", "few_shot", "batch_size"),
        tasks=GENERAL_TASKS,
        compute=LOADING,
        code=code_tag("evaluate_general.py", architecture),
    message:
        "General tasks with {wildcards.edited}: {params.tasks}"
    script:
        "../workflow_scripts/evaluate_general.py"


rule report_general:
    input:
        results=beside_unedited(PATHS.general_results),
        questions=beside_unedited(PATHS.general_questions),
    output:
        csv=f"{RESULTS}/general.csv",
        table=f"{RESULTS}/general.md",
    log:
        log_path("report_general"),
    benchmark:
        benchmark_path("report_general")
    conda:
        "../envs/memat.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=10,
    params:
        cfg=some(config["summary"], "bootstrap", "confidence"),
        experiments=[row.name for row in ROWS_ASKED],
        languages=OWN_TASKS,
        seed=SEED,
        code=code_tag("report_general.py"),
    message:
        "What every edit cost in general tasks"
    script:
        "../workflow_scripts/report_general.py"
