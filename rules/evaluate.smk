# Scores of every prompt, and the summary over facts.


rule score:
    input:
        manifest=MANIFEST,
        bilingual=BILINGUAL,
        blocks=BLOCKS,
        blocks_rejected=BLOCKS_REJECTED,
        deltas=deltas_of_model,
        corrections=corrections_of_model,
    output:
        scores=SCORES,
    log:
        log_path("score", "{edited}/block_{block}_{shard}"),
    benchmark:
        benchmark_path("score", "{edited}/block_{block}_{shard}")
    conda:
        "../envs/memat.yaml"
    threads: COMPUTE["threads"]
    resources:
        mem_mb=model_memory,
        runtime=60,
    params:
        cfg={**config["scores"], "pairing": config["summary"]["catalan_pairing"]},
        languages=LANGUAGES,
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
        scores=all_scores(),
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
        table=report(
            f"{RESULTS}/table.md",
            caption="../report/table.rst",
            category="Results",
            labels={"result": "results table", "kind": "table"},
        ),
    log:
        log_path("summarise"),
    benchmark:
        benchmark_path("summarise")
    conda:
        "../envs/memat.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=30,
    params:
        cfg=config["summary"],
        experiments=measured_experiments(),
        languages=LANGUAGES,
        seed=SEED,
        code=code_tag("summarise.py"),
    message:
        "Metrics, intervals and paired differences"
    script:
        "../workflow_scripts/summarise.py"
