"""What a model edited in steps keeps of earlier facts, and what the steps cost: tables, a figure."""

from memat import io
from memat.report.curves import placed, sequence_frame
from memat.report.damage import damage_frame, updates_frame
from memat.report.figure_curves import draw_sequence
from memat.report.figures import write_figure
from memat.report.tables import measured
from memat.stage import Stage, run_stage


def main(stage: Stage) -> str:
    outputs, params = stage.outputs, stage.params
    study = io.read_json(stage.inputs.study)
    rows, drawing = study["rows"], study["drawing"]
    metrics, settings = measured(rows, stage.cfg, params.seed)
    blocks = io.read_table(stage.inputs.blocks).select("case_id", "block")
    kept = sequence_frame(metrics, rows, study["languages"], blocks, stage.cfg["metrics"], settings)
    damage = {name: [io.read_table(path) for path in own] for name, own in params.damage.items()}
    sizes = {name: [io.read_table(path) for path in own] for name, own in params.updates.items()}
    text = placed(damage_frame(damage, settings), rows)
    weights = placed(updates_frame(sizes), rows)
    io.write_csv(outputs.table, kept)
    io.write_csv(outputs.text, text)
    io.write_csv(outputs.weights, weights)
    write_figure(stage, draw_sequence, kept, text, weights, drawing["title"], drawing["metrics"])
    return f"{len(rows)} edited models"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
