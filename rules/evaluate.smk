# Scores of every prompt, and the summary over facts.


rule write_study:
    output:
        study=PATHS.study_file,
    log:
        log_path("write_study", "{report}"),
    benchmark:
        benchmark_path("write_study", "{report}")
    localrule: True
    conda:
        "../envs/memat.yaml"
    threads: 1
    resources:
        mem_mb=growing(500),
        runtime=5,
    params:
        report=study_of_report,
        code=code_tag("write_study.py"),
    message:
        "Rows of {wildcards.report}: edited models, their facts and files"
    script:
        "../workflow_scripts/write_study.py"


rule score:
    input:
        manifest=MANIFEST,
        bilingual=BILINGUAL,
        blocks=BLOCKS,
        blocks_rejected=BLOCKS_REJECTED,
        deltas=deltas_of_model,
        corrections=corrections_of_model,
    output:
        scores=PATHS.scores,
        answers=PATHS.answers,
    log:
        log_path("score", "{edited}/block_{block}_{shard}"),
    benchmark:
        benchmark_path("score", "{edited}/block_{block}_{shard}")
    priority: URGENCY.of
    conda:
        "../envs/memat.yaml"
    threads: COMPUTE["threads"]
    resources:
        mem_mb=model_memory,
        runtime=60,
    params:
        cfg={
            **config["scores"],
            "pairing": config["summary"]["target_pairing"],
            "generate": config["generate"],
        },
        languages=LANGUAGES,
        # languages that its edits need prompts in: it is asked only the facts that they hold
        edited=lambda wildcards: list(model_of(wildcards).prompted),
        context=context_of_model,
        block="{block}",
        shard=shard_number,
        together=COMPUTE["batch_facts"],
        compute=LOADING,
        code=code_tag("score.py", architecture),
    message:
        "Scores of {wildcards.edited} in {params.languages}, block {wildcards.block}, shard {wildcards.shard}"
    script:
        "../workflow_scripts/score.py"


rule summarise:
    input:
        study=MAIN_STUDY,
        scores=scores_of_rows(STUDY.main.rows),
        answers=answers_of_rows(STUDY.main.rows, SUMMARY["metrics"]),
    output:
        metrics=f"{RESULTS}/metrics.parquet",
        summary=report(
            f"{RESULTS}/summary.csv",
            caption="../report/summary.rst",
            category="Results",
            labels={"result": "summary of all experiments", "kind": "table"},
        ),
        differences=report(
            f"{RESULTS}/differences.csv",
            caption="../report/differences.rst",
            category="Results",
            labels={"result": "paired differences", "kind": "table"},
        ),
        table=f"{RESULTS}/table.md",
    log:
        log_path("summarise"),
    benchmark:
        benchmark_path("summarise")
    priority: SCORED
    conda:
        "../envs/memat.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=30,
    params:
        cfg=SUMMARY,
        names=LANGUAGE_NAMES,
        seed=SEED,
        code=code_tag("summarise.py", VALUES_OF_METRICS, LABELS_OF_METRICS),
    message:
        "Metrics, intervals and paired differences"
    script:
        "../workflow_scripts/summarise.py"


rule first_table:
    input:
        study=MAIN_STUDY,
        scores=scores_of_rows(FIRST_ROWS),
        answers=answers_of_rows(FIRST_ROWS, SUMMARY["metrics"]),
    output:
        table=f"{RESULTS}/first_table.md",
    log:
        log_path("first_table"),
    benchmark:
        benchmark_path("first_table")
    priority: NOW
    conda:
        "../envs/memat.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=30,
    params:
        cfg=SUMMARY,
        rows=[row.name for row in FIRST_ROWS],
        names=LANGUAGE_NAMES,
        seed=SEED,
        code=code_tag("first_table.py", VALUES_OF_METRICS, LABELS_OF_METRICS),
    message:
        "The first rows of the table, while the others are made"
    script:
        "../workflow_scripts/first_table.py"


rule list_facts:
    input:
        source=FACTS_FILE,
        bilingual=BILINGUAL,
        blocks=BLOCKS,
        rejected=REJECTED,
        study=MAIN_STUDY,
        scores=scores_of_rows(STUDY.main.rows),
        answers=[path for row in STUDY.main.rows for path in files_of_row(row, PATHS.answers)],
    output:
        facts=report(
            f"{RESULTS}/facts.csv",
            caption="../report/facts.rst",
            category="Facts",
            labels={"result": "every fact, for a spreadsheet", "kind": "table"},
        ),
        page=report(
            f"{RESULTS}/facts.html",
            caption="../report/facts.rst",
            category="Facts",
            labels={"result": "fact by fact", "kind": "page"},
        ),
    log:
        log_path("list_facts"),
    benchmark:
        benchmark_path("list_facts")
    conda:
        "../envs/memat.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=30,
    params:
        cfg=READING | some(config["summary"], "probability", "target_pairing"),
        languages=LANGUAGES,
        code=code_tag("list_facts.py", FACTS_READER),
    message:
        "Every fact: what each model says, kept or lost and why"
    script:
        "../workflow_scripts/list_facts.py"


# what the first page of the results shows: what can change a number of theirs
NOT_OF_NUMBERS = ("study", "general", "ship", "export", "tune")
SHOWN_SETTINGS = {
    **{key: value for key, value in config.items() if key not in NOT_OF_NUMBERS},
    "values": of_solvers(config["values"]),
    "deltas": of_solvers(config["deltas"]),
    "compute": {key: COMPUTE[key] for key in ("device", "dtype", "batch_facts")},
    "translate": TRANSLATE_SETTINGS,
}


rule write_index:
    input:
        summary=rules.summarise.output.summary,
        differences=rules.summarise.output.differences,
        study=MAIN_STUDY,
        funnel=f"{DATASET}/funnel.parquet",
        manifest=MANIFEST,
    output:
        index=report(
            f"{RESULTS}/index.html",
            caption="../report/index.rst",
            category="At a glance",
            labels={"result": "headlines, table, settings", "kind": "page"},
        ),
        headlines=f"{RESULTS}/headlines.html",
    log:
        log_path("write_index"),
    benchmark:
        benchmark_path("write_index")
    conda:
        "../envs/memat.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=10,
    params:
        cfg=SHOWN_SETTINGS,
        names=LANGUAGE_NAMES,
        from_model=FROM_MODEL_SETTINGS,
        code=code_tag("write_index.py", LABELS_OF_METRICS),
    message:
        "Headlines, table and settings on one page"
    script:
        "../workflow_scripts/write_index.py"
