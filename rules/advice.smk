# Whether an edit may be shipped: one page over the tables of the run, which measures nothing.

# results of `snakemake general`, where that was called
GENERAL_RESULTS = [path for path in [f"{RESULTS}/general.csv"] if Path(path).exists()]


rule advise:
    input:
        summary=rules.summarise.output.summary,
        differences=rules.summarise.output.differences,
        damage=[rules.report_damage.output.table] if DAMAGED else [],
        picture=[rules.report_damage.output.png] if DAMAGED else [],
        general=GENERAL_RESULTS,
    output:
        page=report(
            f"{RESULTS}/ship.html",
            caption="../report/ship.rst",
            category="At a glance",
            labels={"result": "should I ship this edit?", "kind": "page"},
        ),
        text=f"{RESULTS}/ship.md",
    log:
        log_path("advise"),
    benchmark:
        benchmark_path("advise")
    conda:
        "../envs/memat.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=10,
    params:
        cfg={"ship": config["ship"], **some(config["summary"], "metrics", "confidence")},
        names=LANGUAGE_NAMES,
        model=config["model"]["name"],
        code=code_tag("advise.py", LABELS_OF_METRICS),
    message:
        "Should I ship this edit?"
    script:
        "../workflow_scripts/advise.py"
