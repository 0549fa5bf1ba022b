# Figures of the report. Each is drawn from result files only, as PNG and as SVG.

from memat.edit import solver
from memat.study.models import distinct


def labels_of(rows):
    """The solvers that a table or figure of these rows names."""
    names = sorted({edit.solver for row in rows for edit in row.model.edits})
    return [leaf for name in names for leaf in solver.leaves_of_label(name)]


def accuracies(probed):
    """Tables of head accuracies, panel by panel and block by block."""
    return [PATHS.accuracy(heads, block) for heads in probed for block in STUDY.blocks]


def head_panels(probed):
    """One head map per edit and language: its blocks, and how many heads are located."""
    corrections = distinct(c for row in STUDY.main.rows for c in row.model.corrections)
    located = [c for c in corrections if c.select == "located"]
    return [
        {
            "edit": heads.edit.id,
            "language": heads.language,
            "blocks": STUDY.n_blocks,
            "k": max((c.k for c in located if c.heads == heads), default=0),
        }
        for heads in probed
    ]


def value_files():
    """Files of each edit whose values are optimised: they carry the loss curves."""
    solved = [part for row in STUDY.main.rows for edit in row.model.edits for part in edit.parts]
    edits = distinct(values for part in solved for values in part.values)
    size = config["values"]["shard_size"]
    return [
        {
            "edit": edit.id,
            "files": [
                PATHS.values.format(values=edit.id, block=block, shard=shard)
                for block in STUDY.blocks
                for shard in STUDY.shards(block, size)
            ],
        }
        for edit in edits
    ]


def correction_files():
    """Files of each optimised correction, with the sets of facts it was found with."""
    found = {}
    for correction, facts in STUDY.optimised(STUDY.main):
        row = {
            "edit": correction.heads.edit.id,
            "language": correction.heads.language,
            "heads": f"{correction.select}-{correction.k}",
            "files": [],
        }
        found.setdefault(correction, row)["files"].append(PATHS.correction(correction, facts))
    return list(found.values())


def files_in(rows):
    return [path for row in rows for path in row["files"]]


figure_path = PATHS.figure
PROBED = STUDY.heads(STUDY.main)
FIGURE_NAMES = ["funnel", "overlap", "metrics"]
if value_files() or correction_files():  # no loss falls where nothing is optimised
    FIGURE_NAMES += ["losses"]
if PROBED:  # nothing to map where no experiment probes heads
    FIGURE_NAMES += ["head_maps", "head_maps_sorted"]
if any(row.model.edits for row in STUDY.main.rows):
    FIGURE_NAMES += ["language_matrix"]
if DAMAGED:
    FIGURE_NAMES += ["gain_and_damage"]
FIGURES = [figure_path(name, suffix) for name in FIGURE_NAMES for suffix in ("png", "svg")]


def report_outputs():
    """Pages, tables and every figure: the targets of rule report."""
    made = (rules.summarise, rules.list_facts, rules.write_index, rules.advise)
    damage = [rules.report_damage.output.table] if DAMAGED else []
    first = rules.first_table.output if len(STUDY.main.rows) > len(FIRST_ROWS) + 1 else []
    return [*(path for rule in made for path in rule.output), *first, *damage, *FIGURES]


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
