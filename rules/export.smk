# The edited and corrected model as an ordinary Hugging Face folder, or its edit as an adapter.


rule export_model:
    input:
        manifest=MANIFEST,
        deltas=deltas_of_model,
        corrections=corrections_of_model,
    output:
        manifest=PATHS.export,
    log:
        log_path("export_model", "{experiment}"),
    benchmark:
        benchmark_path("export_model", "{experiment}")
    wildcard_constraints:
        experiment="[^./]+",
    conda:
        "../envs/memat.yaml"
    threads: COMPUTE["threads"]
    resources:
        mem_mb=model_memory,
        runtime=60,
    params:
        compute=LOADING,
        code=code_tag("export_model.py", architecture),
    message:
        "Export of {wildcards.experiment}"
    script:
        "../workflow_scripts/export_model.py"


rule export_adapter:
    input:
        manifest=MANIFEST,
        deltas=deltas_of_model,
        corrections=corrections_of_model,
    output:
        manifest=PATHS.adapter,
    log:
        log_path("export_adapter", "{experiment}"),
    benchmark:
        benchmark_path("export_adapter", "{experiment}")
    conda:
        "../envs/memat.yaml"
    threads: COMPUTE["threads"]
    resources:
        mem_mb=model_memory,
        runtime=60,
    params:
        cfg=some(config["export"], "rank"),
        compute=LOADING,
        code=code_tag("export_adapter.py", architecture),
    message:
        "Adapter of {wildcards.experiment}"
    script:
        "../workflow_scripts/export_adapter.py"
