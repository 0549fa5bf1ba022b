# The edited and corrected model as an ordinary Hugging Face folder.


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
