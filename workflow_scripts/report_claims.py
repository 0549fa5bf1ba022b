"""A study's claims, one line each, and where every table and figure is."""

from pathlib import Path

from memat import io
from memat.report.claims import (
    INTRODUCTION,
    claims_markdown,
    compared_pairs,
    links_to,
    measured_claims,
)
from memat.report.curves import TRANSFER_SCHEMA
from memat.report.tables import measured, paired_differences
from memat.stage import Stage, run_stage


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
    links = links_to(params.targets, Path(outputs.index).parent)
    io.write_text(outputs.index, f"{head}{claims_markdown(claims)}{links}")
    return f"{len(claims)} claims"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
