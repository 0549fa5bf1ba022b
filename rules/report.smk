# Figures of the report. Each is drawn from result files only, as PNG and as SVG.


rule draw_metrics:
    input:
        summary=rules.summarise.output.summary,
    output:
        png=report(
            figure_path("metrics", "png"),
            caption="../report/metrics.rst",
            category="Results",
            labels={"result": "metrics side by side", "kind": "figure"},
        ),
        svg=figure_path("metrics", "svg"),
    log:
        log_path("draw_metrics"),
    benchmark:
        benchmark_path("draw_metrics")
    conda:
        "../envs/memat.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=10,
    params:
        cfg=some(config["summary"], "metrics", "confidence"),
        code=code_tag("draw_metrics.py", labels_of(STUDY.main.rows), LABELS_OF_METRICS),
    message:
        "Figure: metrics side by side"
    script:
        "../workflow_scripts/draw_metrics.py"


rule draw_head_maps:
    input:
        accuracy=accuracies(PROBED),
    output:
        png=report(
            figure_path("head_maps", "png"),
            caption="../report/head_maps.rst",
            category="Heads",
            labels={"result": "probe accuracy, layer × head", "kind": "figure"},
        ),
        svg=figure_path("head_maps", "svg"),
        sorted_png=report(
            figure_path("head_maps_sorted", "png"),
            caption="../report/head_maps_sorted.rst",
            category="Heads",
            labels={"result": "probe accuracy, heads sorted within layers", "kind": "figure"},
        ),
        sorted_svg=figure_path("head_maps_sorted", "svg"),
    log:
        log_path("draw_head_maps"),
    benchmark:
        benchmark_path("draw_head_maps")
    conda:
        "../envs/memat.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=10,
    params:
        panels=head_panels(PROBED),
        code=code_tag("draw_head_maps.py"),
    message:
        "Figure: accuracy of every head"
    script:
        "../workflow_scripts/draw_head_maps.py"


rule draw_losses:
    input:
        values=files_in(value_files()),
        corrections=files_in(correction_files()),
    output:
        png=report(
            figure_path("losses", "png"),
            caption="../report/losses.rst",
            category="Editing",
            labels={"result": "loss curves", "kind": "figure"},
        ),
        svg=figure_path("losses", "svg"),
    log:
        log_path("draw_losses"),
    benchmark:
        benchmark_path("draw_losses")
    conda:
        "../envs/memat.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=10,
    params:
        cfg={"stop_loss": config["values"]["stop_loss"]},
        values=value_files(),
        corrections=correction_files(),
        code=code_tag("draw_losses.py"),
    message:
        "Figure: loss curves of values and corrections"
    script:
        "../workflow_scripts/draw_losses.py"


rule draw_overlap:
    input:
        overlap=f"{DATASET}/overlap.parquet",
    output:
        png=report(
            figure_path("overlap", "png"),
            caption="../report/overlap.rst",
            category="Dataset",
            labels={"result": "token overlap of the languages", "kind": "figure"},
        ),
        svg=figure_path("overlap", "svg"),
    log:
        log_path("draw_overlap"),
    benchmark:
        benchmark_path("draw_overlap")
    conda:
        "../envs/memat.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=10,
    params:
        cfg=config["overlap"],
        code=code_tag("draw_overlap.py"),
    message:
        "Figure: tokens shared between the languages"
    script:
        "../workflow_scripts/draw_overlap.py"


rule draw_funnel:
    input:
        funnel=f"{DATASET}/funnel.parquet",
        rejected=f"{DATASET}/rejected.parquet",
    output:
        png=report(
            figure_path("funnel", "png"),
            caption="../report/funnel.rst",
            category="Dataset",
            labels={"result": "dataset funnel", "kind": "figure"},
        ),
        svg=figure_path("funnel", "svg"),
    log:
        log_path("draw_funnel"),
    benchmark:
        benchmark_path("draw_funnel")
    conda:
        "../envs/memat.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=10,
    params:
        code=code_tag("draw_funnel.py"),
    message:
        "Figure: records left after each step, and what was dropped"
    script:
        "../workflow_scripts/draw_funnel.py"


rule draw_language_matrix:
    input:
        study=MAIN_STUDY,
        summary=rules.summarise.output.summary,
    output:
        table=f"{RESULTS}/language_matrix.csv",
        png=report(
            figure_path("language_matrix", "png"),
            caption="../report/matrix.rst",
            category="Results",
            labels={"result": "edited in × asked in", "kind": "figure"},
        ),
        svg=figure_path("language_matrix", "svg"),
    log:
        log_path("draw_language_matrix"),
    benchmark:
        benchmark_path("draw_language_matrix")
    conda:
        "../envs/memat.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=10,
    params:
        cfg=some(config["summary"], "metrics"),
        code=code_tag("draw_language_matrix.py", LABELS_OF_METRICS),
    message:
        "Figure: edited in × asked in"
    script:
        "../workflow_scripts/draw_language_matrix.py"
