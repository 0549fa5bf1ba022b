# Figures of the report. Each is drawn from result files only, as PNG and as SVG.

FIGURE_NAMES = ["funnel", "overlap", "metrics"]
if PLAN.values or PLAN.optimised:  # no loss falls where nothing is optimised
    FIGURE_NAMES += ["losses"]
if PLAN.heads:  # nothing to map where no experiment probes heads
    FIGURE_NAMES += ["head_maps", "head_maps_sorted"]
FIGURES = [figure_path(name, suffix) for name in FIGURE_NAMES for suffix in ("png", "svg")]


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
        cfg=some(config["summary"], "confidence"),
        code=code_tag("draw_metrics.py", labels_of_plan),
    message:
        "Figure: metrics side by side"
    script:
        "../workflow_scripts/draw_metrics.py"


rule draw_head_maps:
    input:
        accuracy=accuracies(PLAN.heads),
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
        panels=head_panels(PLAN.heads),
        code=code_tag("draw_head_maps.py"),
    message:
        "Figure: accuracy of every head"
    script:
        "../workflow_scripts/draw_head_maps.py"


rule draw_losses:
    input:
        values=all_values(),
        corrections=all_corrections(),
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
