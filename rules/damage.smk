# What an edit costs: predictions on unrelated text, size of the updates, answers that repeat
# themselves, and a picture. The table needs none of it: what the table waits for has a priority.


rule measure_damage:
    input:
        manifest=MANIFEST,
        texts=list(TEXTS.values()),
        deltas=deltas_of_model,
        corrections=corrections_of_model,
    output:
        damage=PATHS.damage,
        updates=PATHS.updates,
    log:
        log_path("measure_damage", "{edited}/block_{block}"),
    benchmark:
        benchmark_path("measure_damage", "{edited}/block_{block}")
    conda:
        "../envs/memat.yaml"
    threads: COMPUTE["threads"]
    resources:
        mem_mb=model_memory,
        runtime=30,
    params:
        cfg=some(config["damage"], "tokens"),
        languages=list(TEXTS),
        compute=LOADING,
        code=code_tag("measure_damage.py", architecture),
    message:
        "Held-out text with {wildcards.edited}, block {wildcards.block}, in {params.languages}"
    script:
        "../workflow_scripts/measure_damage.py"


rule report_damage:
    input:
        study=MAIN_STUDY,
        summary=rules.summarise.output.summary,
        damage=[path for files in DAMAGED.values() for path in files],
        updates=[path for files in RESIZED.values() for path in files],
        answers=files_of_rows(BESIDE_UNEDITED, PATHS.answers),
    output:
        table=report(
            f"{RESULTS}/damage.csv",
            caption="../report/damage.rst",
            category="Results",
            labels={"result": "cost on unrelated text", "kind": "table"},
        ),
        updates=f"{RESULTS}/updates.csv",
        png=report(
            PATHS.figure("gain_and_damage", "png"),
            caption="../report/damage.rst",
            category="Results",
            labels={"result": "what was learnt, what it cost", "kind": "figure"},
        ),
        svg=PATHS.figure("gain_and_damage", "svg"),
    log:
        log_path("report_damage"),
    benchmark:
        benchmark_path("report_damage")
    conda:
        "../envs/memat.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=30,
    params:
        cfg=some(config["summary"], "bootstrap", "confidence"),
        files=DAMAGED,
        seed=SEED,
        code=code_tag("report_damage.py"),
    message:
        "What was learnt, and what it cost on unrelated text"
    script:
        "../workflow_scripts/report_damage.py"
