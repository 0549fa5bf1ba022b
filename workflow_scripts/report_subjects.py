"""One figure of a study: edits across languages, by how alike the subjects are in both."""

from memat import io
from memat.report.curves import panels_of_subjects, scripts_frame, subjects_frame, transfer_frame
from memat.report.figure_curves import draw_subjects
from memat.report.figures import write_figure
from memat.report.tables import measured
from memat.stage import Stage, run_stage
from memat.text.languages import language_of
from memat.text.overlap import bins


def main(stage: Stage) -> str:
    params, outputs, study = stage.params, stage.outputs, io.read_json(stage.inputs.study)
    rows, (source, *targets) = study["rows"], study["languages"]
    families = stage.cfg["metrics"]
    metrics, settings = measured(rows, stage.cfg, params.seed)
    overlap = io.read_table(stage.inputs.overlap)
    same, different = params.bounds["same"], params.bounds["different"]
    subsets = {code: bins(overlap.filter(language=code), same, different) for code in targets}
    frame = subjects_frame(metrics, rows, source, subsets, families, settings)
    io.write_csv(outputs.table, frame)
    scripts = {}
    for code, language in zip(targets, map(language_of, params.language_keys), strict=True):
        scripts.setdefault(language.script or "no script given", []).append(code)
    pooled = scripts_frame(metrics, rows, scripts, subsets, families, settings)
    io.write_csv(outputs.scripts, pooled)
    trained = [(r["edit_language"], r["name"]) for r in rows if len(r["edit_languages"]) == 1]
    unedited = next(row["name"] for row in rows if not row["edit_languages"])
    groups = {}
    for code, (_, alike, *_, other) in ((code, named.values()) for code, named in subsets.items()):
        groups[code] = alike, other
    transfer = transfer_frame(metrics, trained, unedited, source, groups, families, settings)
    io.write_csv(outputs.transfer, transfer)
    panels, drawing = panels_of_subjects(frame, pooled), study["drawing"]
    shown = drawing["title"], drawing["metrics"]
    write_figure(stage, draw_subjects, panels, *shown)
    counts = (f"{code} {len(alike)} and {len(other)}" for code, (alike, other) in groups.items())
    return f"facts with like and with different subjects: {', '.join(counts)}"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
