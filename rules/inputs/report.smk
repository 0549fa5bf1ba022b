# What the rules of report.smk need besides: settings, and functions that find inputs.

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
