"""A study's claims, one line each, and where every table and figure is."""

import os
from pathlib import Path

from memat import io
from memat.report.claims import claims_markdown, compared_pairs, measured_claims
from memat.report.curves import TRANSFER_SCHEMA
from memat.report.tables import measured, paired_differences
from memat.stage import Stage, run_stage

INTRODUCTION = """# Claims of the study `{study}`, on {model}

Verdicts are on this model and these facts ({facts} per table, {confidence:g}% intervals over
facts, differences paired on the same facts). *Reproduced*: every interval the claim rests on
lies on its side; *not reproduced*: at least one lies on the other side; *undecided*: neither.
A claim about *some* needs one interval on its side, and is not reproduced if all are on the other.
Many intervals stand here, so a few leave zero by chance.

"""


def main(stage: Stage) -> str:
    params, inputs, outputs = stage.params, stage.inputs, stage.outputs
    rows, planned = params.rows, params.claims
    metrics, settings = measured(rows, stage.cfg, params.seed)
    pairs, families = compared_pairs(planned), stage.cfg["metrics"]
    differences = paired_differences(metrics, pairs, params.languages, families, settings)
    io.write_csv(outputs.differences, differences)
    transfers = {
        name: io.read_csv(path, schema=TRANSFER_SCHEMA)
        for name, path in zip(params.transfers, inputs.transfers, strict=True)
    }
    peaks = dict(zip(params.peaks, map(io.read_csv, inputs.peaks), strict=True))
    claims = measured_claims(planned, differences, transfers, peaks)
    head = INTRODUCTION.format(
        study=params.study,
        model=params.model,
        facts=metrics["case_id"].n_unique(),
        confidence=100 * settings.confidence,
    )
    folder = Path(outputs.index).parent
    links = "\n".join(_link(name, paths, folder) for name, paths in params.targets.items())
    page = f"{head}{claims_markdown(claims)}\n## Tables and figures\n\n{links}\n"
    io.write_text(outputs.index, page)
    return f"{len(claims)} claims"


def _link(name: str, paths: list[str], folder: Path) -> str:
    """One line of links, relative to the page."""
    shown = ", ".join(
        f"[{Path(path).name}]({Path(os.path.relpath(path, folder)).as_posix()})" for path in paths
    )
    return f"- {name}: {shown}"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
