"""The paper's claims, one line each, and where every table and figure is."""

import os
from pathlib import Path

import polars as pl

from memat import io
from memat.report.claims import claims_markdown, compared_pairs, paper_claims
from memat.report.curves import TRANSFER_SCHEMA
from memat.report.score_files import measured
from memat.report.tables import paired_differences
from memat.stage import Stage, run_stage

INTRODUCTION = """# The paper's experiments on {model}

Verdicts are on this model and these facts ({facts} per table, {confidence:g}% intervals over
facts, differences paired on the same facts). *Reproduced*: every interval the claim rests on
lies on its side; *not reproduced*: at least one lies on the other side; *undecided*: neither.
A claim about *some* needs one interval on its side, and is not reproduced if all are on the other.
Many intervals stand here, so a few leave zero by chance.

"""


def main(stage: Stage) -> str:
    params, inputs, outputs = stage.params, stage.inputs, stage.outputs
    metrics, settings = measured(inputs.scores, params.rows, stage.cfg, params.seed)
    differences = paired_differences(
        metrics, compared_pairs(params.languages), params.languages, settings
    )
    io.write_csv(outputs.differences, differences)
    transfer = io.read_csv(inputs.transfer, schema=TRANSFER_SCHEMA)
    peaks = pl.concat(io.read_csv(path) for path in inputs.peaks)
    claims = paper_claims(differences, transfer, peaks, params.languages)
    head = INTRODUCTION.format(
        model=params.model,
        facts=metrics["case_id"].n_unique(),
        confidence=100 * settings.confidence,
    )
    folder = Path(outputs.index).parent
    links = "\n".join(_link(name, paths, folder) for name, paths in params.targets.items())
    io.write_text(
        outputs.index,
        f"{head}{claims_markdown(claims)}\n## Tables and figures\n\n{links}\n",
    )
    return f"{len(claims)} claims"


def _link(name: str, paths: list[str], folder: Path) -> str:
    """One line of links, relative to the page."""
    shown = ", ".join(
        f"[{Path(path).name}]({Path(os.path.relpath(path, folder)).as_posix()})" for path in paths
    )
    return f"- {name}: {shown}"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
