# Every report of the study: a table, curves, a matrix, … (its targets are in claims.smk).


rule report_table:
    input:
        study=PATHS.study_file,
        scores=scores_of_report,
        answers=answers_of_table,
        published="resources/paper/published.csv",
    output:
        summary=PATHS.report("{report}.csv"),
        differences=PATHS.report("{report}_differences.csv"),
        table=report(
            PATHS.report("{report}.md"),
            caption="../report/table.rst",
            category="Study",
            labels={"result": "{report}", "kind": "table"},
        ),
        png=report(
            PATHS.report("{report}.png"),
            caption="../report/metrics.rst",
            category="Study",
            labels={"result": "{report}", "kind": "figure"},
        ),
        svg=PATHS.report("{report}.svg"),
    log:
        log_path("report_table", "{report}"),
    benchmark:
        benchmark_path("report_table", "{report}")
    wildcard_constraints:
        report=one_of(of_kind("table")),
    conda:
        "../envs/memat.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=30,
    params:
        cfg=SUMMARY,
        seed=SEED,
        code=code_tag("report_table.py", labels_of_report, VALUES_OF_METRICS, LABELS_OF_METRICS),
    message:
        "Study: {wildcards.report}"
    script:
        "../workflow_scripts/report_table.py"


rule report_curves:
    input:
        study=PATHS.study_file,
        scores=scores_of_report,
        answers=answers_of_report,
    output:
        table=PATHS.report("{report}.csv"),
        png=report(
            PATHS.report("{report}.png"),
            caption="../report/curves.rst",
            category="Study",
            labels={"result": "{report}", "kind": "figure"},
        ),
        svg=PATHS.report("{report}.svg"),
    log:
        log_path("report_curves", "{report}"),
    benchmark:
        benchmark_path("report_curves", "{report}")
    wildcard_constraints:
        report=one_of(of_kind("curves")),
    conda:
        "../envs/memat.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=30,
    params:
        cfg=settings_of_report,
        seed=SEED,
        code=code_tag("report_curves.py", metrics_of_report),
    message:
        "Study: {wildcards.report}"
    script:
        "../workflow_scripts/report_curves.py"


rule report_matrix:
    input:
        study=PATHS.study_file,
        scores=scores_of_report,
        answers=answers_of_table,
    output:
        table=PATHS.report("{report}.csv"),
        png=report(
            PATHS.report("{report}.png"),
            caption="../report/matrix.rst",
            category="Study",
            labels={"result": "{report}", "kind": "figure"},
        ),
        svg=PATHS.report("{report}.svg"),
    log:
        log_path("report_matrix", "{report}"),
    benchmark:
        benchmark_path("report_matrix", "{report}")
    wildcard_constraints:
        report=one_of(of_kind("matrix")),
    conda:
        "../envs/memat.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=30,
    params:
        cfg=SUMMARY,
        seed=SEED,
        code=code_tag("report_matrix.py", VALUES_OF_METRICS, LABELS_OF_METRICS),
    message:
        "Study: {wildcards.report}"
    script:
        "../workflow_scripts/report_matrix.py"


rule report_subjects:
    input:
        study=PATHS.study_file,
        scores=scores_of_report,
        answers=answers_of_report,
        overlap=f"{DATASET}/overlap.parquet",
    output:
        table=PATHS.report("{report}.csv"),
        transfer=PATHS.report("{report}_transfer.csv"),
        scripts=PATHS.report("{report}_scripts.csv"),
        png=report(
            PATHS.report("{report}.png"),
            caption="../report/subjects.rst",
            category="Study",
            labels={"result": "{report}", "kind": "figure"},
        ),
        svg=PATHS.report("{report}.svg"),
    log:
        log_path("report_subjects", "{report}"),
    benchmark:
        benchmark_path("report_subjects", "{report}")
    wildcard_constraints:
        report=one_of(of_kind("subjects")),
    conda:
        "../envs/memat.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=30,
    params:
        cfg=settings_of_report,
        bounds=some(config["overlap"], "same", "different"),
        language_keys=language_keys("report_subjects", TARGETS),
        seed=SEED,
        code=code_tag("report_subjects.py", metrics_of_report),
    message:
        "Study: {wildcards.report}"
    script:
        "../workflow_scripts/report_subjects.py"


rule report_sequence:
    input:
        study=PATHS.study_file,
        scores=scores_of_report,
        answers=answers_of_report,
        blocks=BLOCKS,
        damage=each_once(PATHS.damage),
        updates=each_once(PATHS.updates),
    output:
        table=PATHS.report("{report}.csv"),
        text=PATHS.report("{report}_text.csv"),
        weights=PATHS.report("{report}_weights.csv"),
        png=report(
            PATHS.report("{report}.png"),
            caption="../report/sequence.rst",
            category="Study",
            labels={"result": "{report}", "kind": "figure"},
        ),
        svg=PATHS.report("{report}.svg"),
    log:
        log_path("report_sequence", "{report}"),
    benchmark:
        benchmark_path("report_sequence", "{report}")
    wildcard_constraints:
        report=one_of(of_kind("sequence")),
    conda:
        "../envs/memat.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=30,
    params:
        cfg=settings_of_report,
        damage=by_row(PATHS.damage),
        updates=by_row(PATHS.updates),
        seed=SEED,
        code=code_tag("report_sequence.py", metrics_of_report),
    message:
        "Study: {wildcards.report}"
    script:
        "../workflow_scripts/report_sequence.py"


rule report_heads:
    input:
        accuracy=lambda wildcards: accuracies(STUDY.heads(STUDY.report(wildcards.report))),
    output:
        table=PATHS.report("{report}.csv"),
        png=report(
            PATHS.report("{report}.png"),
            caption="../report/head_maps_sorted.rst",
            category="Study",
            labels={"result": "{report}", "kind": "figure, sorted within layers"},
        ),
        svg=PATHS.report("{report}.svg"),
        by_index_png=report(
            PATHS.report("{report}_by_index.png"),
            caption="../report/head_maps.rst",
            category="Study",
            labels={"result": "{report}", "kind": "figure, by head"},
        ),
        by_index_svg=PATHS.report("{report}_by_index.svg"),
    log:
        log_path("report_heads", "{report}"),
    benchmark:
        benchmark_path("report_heads", "{report}")
    wildcard_constraints:
        report=one_of(of_kind("head_maps")),
    conda:
        "../envs/memat.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=30,
    params:
        panels=panels_of_report,
        k=config["corrections"]["k"],
        code=code_tag("report_heads.py"),
    message:
        "Study: {wildcards.report}"
    script:
        "../workflow_scripts/report_heads.py"
