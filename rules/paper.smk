# Every table and figure of the paper as a target of its own, and a page of its claims.
# `snakemake table1`, `snakemake figure9`, …; `snakemake paper` is all of them.


rule paper_table:
    input:
        scores=scores_of_table,
        published="resources/paper/published.csv",
    output:
        summary=paper_path("{table}.csv"),
        differences=paper_path("{table}_differences.csv"),
        table=report(
            paper_path("{table}.md"),
            caption="../report/table.rst",
            category="Paper",
            labels={"result": "{table}", "kind": "table"},
        ),
        png=report(
            paper_path("{table}.png"),
            caption="../report/metrics.rst",
            category="Paper",
            labels={"result": "{table}", "kind": "figure"},
        ),
        svg=paper_path("{table}.svg"),
    log:
        log_path("paper_table", "{table}"),
    benchmark:
        benchmark_path("paper_table", "{table}")
    wildcard_constraints:
        table=one_of(TABLES),
    conda:
        "../envs/memat.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=30,
    params:
        cfg=config["summary"],
        rows=rows_of_table,
        target="{table}",
        languages=LANGUAGES,
        seed=SEED,
        code=code_tag("paper_table.py", labels_of_table),
    message:
        "Paper: {wildcards.table}"
    script:
        "../workflow_scripts/paper_table.py"


rule paper_curves:
    input:
        scores=scores_of_curves,
    output:
        table=paper_path("{curves}.csv"),
        png=report(
            paper_path("{curves}.png"),
            caption="../report/curves.rst",
            category="Paper",
            labels={"result": "{curves}", "kind": "figure"},
        ),
        svg=paper_path("{curves}.svg"),
    log:
        log_path("paper_curves", "{curves}"),
    benchmark:
        benchmark_path("paper_curves", "{curves}")
    wildcard_constraints:
        curves=one_of(SWEEPS),
    conda:
        "../envs/memat.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=30,
    params:
        cfg=config["summary"],
        rows=rows_of_curves,
        drawing=drawing_of_curves,
        seed=SEED,
        code=code_tag("paper_curves.py"),
    message:
        "Paper: {wildcards.curves}"
    script:
        "../workflow_scripts/paper_curves.py"


rule paper_subjects:
    input:
        scores=scores_of_rows(PAPER.subjects()),
        overlap=f"{DATASET}/overlap.parquet",
    output:
        table=paper_path("figure1.csv"),
        transfer=paper_path("figure1_transfer.csv"),
        png=report(
            paper_path("figure1.png"),
            caption="../report/subjects.rst",
            category="Paper",
            labels={"result": "figure1", "kind": "figure"},
        ),
        svg=paper_path("figure1.svg"),
    log:
        log_path("paper_subjects"),
    benchmark:
        benchmark_path("paper_subjects")
    conda:
        "../envs/memat.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=30,
    params:
        cfg=config["summary"],
        rows=measured_rows(PAPER.subjects()),
        bounds=config["overlap"],
        languages=LANGUAGES,
        seed=SEED,
        code=code_tag("paper_subjects.py"),
    message:
        "Paper: figure1"
    script:
        "../workflow_scripts/paper_subjects.py"


rule paper_heads:
    input:
        accuracy=accuracies_of_maps,
    output:
        table=paper_path("{maps}.csv"),
        png=report(
            paper_path("{maps}.png"),
            caption="../report/head_maps_sorted.rst",
            category="Paper",
            labels={"result": "{maps}", "kind": "figure, sorted within layers"},
        ),
        svg=paper_path("{maps}.svg"),
        by_index_png=report(
            paper_path("{maps}_by_index.png"),
            caption="../report/head_maps.rst",
            category="Paper",
            labels={"result": "{maps}", "kind": "figure, by head"},
        ),
        by_index_svg=paper_path("{maps}_by_index.svg"),
    log:
        log_path("paper_heads", "{maps}"),
    benchmark:
        benchmark_path("paper_heads", "{maps}")
    wildcard_constraints:
        maps=one_of(HEAD_MAPS),
    conda:
        "../envs/memat.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=30,
    params:
        panels=panels_of_maps,
        k=config["corrections"]["k"],
        code=code_tag("paper_heads.py"),
    message:
        "Paper: {wildcards.maps}"
    script:
        "../workflow_scripts/paper_heads.py"


PAPER_OUTPUTS = {
    **{name: expand(rules.paper_table.output, table=name) for name in TABLES},
    "figure1": list(rules.paper_subjects.output),
    "figure7": [*rules.draw_overlap.output, f"{DATASET}/overlap.parquet"],
    **{name: expand(rules.paper_heads.output, maps=name) for name in HEAD_MAPS},
    **{name: expand(rules.paper_curves.output, curves=name) for name in SWEEPS},
}


rule paper_index:
    input:
        scores=claimed_scores,
        transfer=rules.paper_subjects.output.transfer,
        peaks=expand(rules.paper_heads.output.table, maps=HEAD_MAPS),
    output:
        index=report(
            paper_path("index.md"),
            caption="../report/claims.rst",
            category="Paper",
            labels={"result": "claims", "kind": "table"},
        ),
        differences=paper_path("claims.csv"),
    log:
        log_path("paper_index"),
    benchmark:
        benchmark_path("paper_index")
    conda:
        "../envs/memat.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=30,
    params:
        cfg=config["summary"],
        rows=measured_rows(PAPER.claimed()),
        targets={name: list(map(str, paths)) for name, paths in PAPER_OUTPUTS.items()},
        model=config["model"]["name"],
        languages=LANGUAGES,
        seed=SEED,
        code=code_tag("paper_index.py"),
    message:
        "Paper: every claim and its verdict"
    script:
        "../workflow_scripts/paper_index.py"


for target, outputs in PAPER_OUTPUTS.items():

    rule:
        name:
            target
        input:
            outputs,
        localrule: True


rule paper:
    input:
        rules.paper_index.output,
        list(PAPER_OUTPUTS.values()),
    localrule: True
