# The model under edit, and what is computed once per model: templates and covariance.


rule prepare_model:
    input:
        spec="resources/models/{model}.yaml",
        files=local_model_files,
    output:
        manifest="resources/models/{model}/manifest.json",
    log:
        log_path("prepare_model", "{model}"),
    benchmark:
        benchmark_path("prepare_model", "{model}")
    conda:
        "../envs/memat.yaml"
    threads: COMPUTE["threads"]
    resources:
        mem_mb=model_memory,
        runtime=60,
    params:
        code=code_tag("prepare_model.py", architecture),
    message:
        "Model {wildcards.model}: fetch, verify, convert"
    script:
        "../workflow_scripts/prepare_model.py"


rule make_templates:
    input:
        manifest=MANIFEST,
    output:
        templates=TEMPLATES,
    log:
        log_path("make_templates", "{language}"),
    benchmark:
        benchmark_path("make_templates", "{language}")
    priority: NOW
    conda:
        "../envs/memat.yaml"
    threads: COMPUTE["threads"]
    resources:
        mem_mb=model_memory,
        runtime=30,
    params:
        cfg=config["templates"],
        language_keys=language_keys("make_templates", job_language),
        compute=LOADING,
        code=code_tag("make_templates.py", architecture),
    message:
        "Context templates in {wildcards.language}"
    script:
        "../workflow_scripts/make_templates.py"


# of the sources of text, the settings of the chosen one
SAMPLE_SETTINGS = some(
    config["covariance"],
    "source",
    *{
        "model": ("tokens", "sequence_length", "temperature", "batch_size"),
        "hub": ("path", "revision", "subset", "tokens"),
        "text": (),
    }[config["covariance"]["source"]],
)


rule sample_text:
    input:
        manifest=MANIFEST,
        corpus=COVARIANCE_CORPUS,
    output:
        text=TEXT,
    log:
        log_path("sample_text"),
    benchmark:
        benchmark_path("sample_text")
    priority: NOW
    conda:
        "../envs/memat.yaml"
    threads: COMPUTE["threads"]
    resources:
        mem_mb=model_memory,
        runtime=240,
    params:
        cfg=SAMPLE_SETTINGS,
        language_keys=language_keys(
            "sample_text", LANGUAGES if SAMPLE_SETTINGS["source"] == "model" else []
        ),
        compute=LOADING,
        seed=SEED,
        code=code_tag("sample_text.py", architecture),
    message:
        "Text for the covariance, from: {params.cfg[source]}"
    script:
        "../workflow_scripts/sample_text.py"


rule estimate_covariance:
    input:
        manifest=MANIFEST,
        text=rules.sample_text.output.text,
    output:
        moments=MOMENTS,
    log:
        log_path("estimate_covariance", "{shard}"),
    benchmark:
        benchmark_path("estimate_covariance", "{shard}")
    priority: NOW
    conda:
        "../envs/memat.yaml"
    threads: COMPUTE["threads"]
    resources:
        mem_mb=model_memory,
        batch_mb=COMPUTE["memory_mb"],
        runtime=240,
    params:
        cfg=some(config["covariance"], "tokens", "sequence_length", "batch_size"),
        layers=config["edit"]["layers"],
        shard=shard_number,
        shards=MOMENT_SHARDS,
        compute=LOADING,
        code=code_tag("estimate_covariance.py", architecture),
    message:
        "Second moments of the keys in layers {params.layers}, shard {wildcards.shard}"
    script:
        "../workflow_scripts/estimate_covariance.py"


rule add_moments:
    input:
        moments=expand(MOMENTS, shard=range(MOMENT_SHARDS)),
    output:
        covariance=COVARIANCE,
    log:
        log_path("add_moments"),
    benchmark:
        benchmark_path("add_moments")
    priority: NOW
    conda:
        "../envs/memat.yaml"
    threads: 1
    resources:
        mem_mb=model_memory,
        runtime=60,
    params:
        code=code_tag("add_moments.py"),
    message:
        "Covariance of the keys"
    script:
        "../workflow_scripts/add_moments.py"
