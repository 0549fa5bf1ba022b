# Settings for a model, searched on the tuning facts: `snakemake tune`. No run needs these rules;
# what they choose is a file of the model, which the Snakefile reads with the config.


rule search_settings:
    input:
        manifest=MANIFEST,
        bilingual=BILINGUAL,
        blocks=tuning_blocks,
        blocks_rejected=BLOCKS_REJECTED,
        text=TEXT,
        templates=expand(TEMPLATES, language=LANGUAGES),
    output:
        settings=f"{TUNE}/settings.yaml",
        tried=f"{TUNE}/tried.csv",
        table=f"{TUNE}/tried.md",
    log:
        log_path("search_settings"),
    benchmark:
        benchmark_path("search_settings")
    conda:
        "../envs/memat.yaml"
    threads: config["tune"]["workers"]
    resources:
        mem_mb=growing(COMPUTE["memory_mb"] * config["tune"]["workers"]),
        batch_mb=COMPUTE["memory_mb"],
        runtime=240,
    params:
        cfg=TUNE_SETTINGS,
        model=config["model"]["name"],
        shape=[_TUNED.n_layers, _TUNED.n_layers * _TUNED.n_heads],
        languages=LANGUAGES,
        language_keys=language_keys("search_settings", LANGUAGES),
        seed=SEED,
        compute=LOADING,
        trials=code_tag("memat/tune/trials.py", architecture, SOLVER_OF_TUNE),
        code=code_tag("search_settings.py", architecture, SOLVER_OF_TUNE),
    message:
        "Settings for {params.model}, searched on the tuning facts"
    script:
        "../workflow_scripts/search_settings.py"


rule draw_tune:
    input:
        tried=rules.search_settings.output.tried,
    output:
        png=f"{TUNE}/tried.png",
        svg=f"{TUNE}/tried.svg",
    log:
        log_path("draw_tune"),
    benchmark:
        benchmark_path("draw_tune")
    conda:
        "../envs/memat.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=10,
    params:
        languages=LANGUAGES,
        bound=config["tune"]["neighbours_lost"],
        code=code_tag("draw_tune.py"),
    message:
        "Figure: settings that were tried"
    script:
        "../workflow_scripts/draw_tune.py"


rule keep_settings:
    input:
        rules.search_settings.output.settings,
    output:
        MODEL_SETTINGS,
    log:
        log_path("keep_settings"),
    localrule: True
    conda:
        "../envs/memat.yaml"
    threads: 1
    message:
        "Runs of the model take {output} from now on"
    shell:
        "cp {input:q} {output:q} 2> {log:q}"


TUNE_OUTPUTS = [*rules.search_settings.output, *rules.draw_tune.output]
