"""The scripts behind the report: files in, files out, nothing lost between."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

import draw_head_maps
import draw_losses
import draw_metrics
import first_table
import fit_corrections
import summarise
from memat import io
from memat.evaluate.intervals import BootstrapSettings
from memat.report.tables import (
    DIFFERENCES_SCHEMA,
    SUMMARY_SCHEMA,
    differences_frame,
    metrics_frame,
    summary_frame,
)
from memat.tensors import write_tensors
from score_tables import EXPERIMENTS, FAMILIES, LANGUAGES, random_run
from stages import PROVENANCE, stage

SUMMARY = {"metrics": FAMILIES, "probability": "geometric", "bootstrap": 50, "confidence": 0.95}


def write_study(folder, rows, **more):
    """A study file with these rows; `more` replaces other entries of it."""
    path = str(folder / "study.json")
    content = {"name": "results", "languages": list(LANGUAGES), "rows": rows, **more}
    io.write_json(path, content, PROVENANCE)
    return path


def tables_by_file():
    """A random run of two blocks: (experiment, scores of one block in both languages)."""
    by_file = {}
    for name, table in random_run(blocks=(0, 1)):
        by_file.setdefault((name, table["block"][0]), []).append(table)
    return [(name, pl.concat(tables)) for (name, _block), tables in by_file.items()]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Score files of a run of two blocks, summarised by the script."""
    folder = tmp_path_factory.mktemp("results")
    scores = {}
    for name, table in tables_by_file():
        path = folder / "scores" / name / f"block_{table['block'][0]}.parquet"
        io.write_table(path, table, PROVENANCE)
        scores.setdefault(name, []).append(str(path))
    names = {"metrics": "parquet", "summary": "csv", "differences": "csv", "table": "md"}
    outputs = {name: str(folder / f"{name}.{suffix}") for name, suffix in names.items()}
    study = write_study(folder, [{**row, "scores": scores[row["name"]]} for row in EXPERIMENTS])
    summarise.main(stage({"study": study}, outputs, SUMMARY, names={}, seed=3))
    return outputs | {"study": study}


def test_the_summary_script_writes_what_the_library_computes(results):
    metrics = metrics_frame(tables_by_file(), EXPERIMENTS, FAMILIES, "geometric")
    settings = BootstrapSettings(50, 0.95, 3)
    assert io.read_table(results["metrics"]).equals(metrics)
    for name, schema, frame in (
        ("summary", SUMMARY_SCHEMA, summary_frame),
        ("differences", DIFFERENCES_SCHEMA, differences_frame),
    ):
        written = pl.read_csv(results[name], schema=schema)
        assert written.equals(frame(metrics, EXPERIMENTS, LANGUAGES, FAMILIES, settings))


def test_the_first_rows_are_those_of_the_table(results, tmp_path):
    rows, first = ["unedited", "memit-ca"], tmp_path / "first_table.md"
    files = {"study": results["study"]}, {"table": str(first)}
    first_table.main(stage(*files, SUMMARY, rows=rows, names={}, seed=3))

    def lines(text):
        lines = [line.replace("*", "").replace(" ", "") for line in text.splitlines()]
        return [line for line in lines if line.startswith("|")]

    found, whole = (
        lines(Path(path).read_text(encoding="utf-8")) for path in (first, results["table"])
    )
    assert [line for line in found if not line.startswith("|-")] == [
        line for line in whole if line.startswith(("|Experiment", *(f"|{name}|" for name in rows)))
    ]
    assert len(found) == len(FAMILIES) * (len(rows) + 2)


def test_the_metrics_script_draws_from_the_csv(results, tmp_path):
    outputs = {kind: str(tmp_path / f"metrics.{kind}") for kind in ("png", "svg")}
    draw_metrics.main(stage({"summary": results["summary"]}, outputs, SUMMARY))
    svg = (tmp_path / "metrics.svg").read_text(encoding="utf-8")
    # matplotlib draws text as paths and keeps it as comments
    assert all(f"<!-- {experiment['name']} -->" in svg for experiment in EXPERIMENTS)


def test_the_head_map_script_gives_every_panel_its_own_files(tmp_path, monkeypatch):
    paths, panels = [], []
    for number, (edit, language) in enumerate([("memit-ca", "ca"), ("memit-ca", "en")]):
        for block in range(2):
            table = pl.DataFrame(
                {"layer": [0, 0], "head": [0, 1], "accuracy": [0.5, 0.6 + number / 10 + block / 50]}
                | {"shuffled_accuracy": [0.5, 0.5]}
            ).with_columns(rank=pl.Series([2, 1]))
            path = tmp_path / edit / language / f"block_{block}" / "accuracy.parquet"
            io.write_table(path, table, PROVENANCE)
            paths.append(str(path))
        panels.append({"edit": edit, "language": language, "blocks": 2, "k": 1})
    drawn = []
    original = draw_head_maps.draw_head_maps
    monkeypatch.setattr(
        draw_head_maps, "draw_head_maps", lambda *given: drawn.append(given) or original(*given)
    )
    outputs = {name: str(tmp_path / name) for name in ("png", "svg", "sorted_png", "sorted_svg")}
    draw_head_maps.main(stage({"accuracy": paths}, outputs, {}, panels=panels))
    assert [sort_heads for _, sort_heads in drawn] == [False, True]
    best = [panel.accuracy["accuracy"].max() for panel in drawn[0][0]]
    assert best == pytest.approx([0.62, 0.72])
    assert all((tmp_path / name).stat().st_size > 1000 for name in outputs)


def test_the_loss_script_joins_shards_and_blocks(tmp_path, monkeypatch):
    values, corrections = [], []
    for block in range(2):
        for shard, n_facts in enumerate((3, 2)):
            path = tmp_path / "memit-ca" / f"block_{block}" / f"values_{shard}.safetensors"
            losses = torch.full((n_facts, 4), 10.0 * block + shard, dtype=torch.float64)
            write_tensors(path, {"losses": losses}, PROVENANCE)
            values.append(str(path))
        path = tmp_path / "memit-ca_en_located-16" / f"block_{block}.safetensors"
        write_tensors(path, {"losses": torch.tensor([2.0, 1.0 + block])}, PROVENANCE)
        corrections.append(str(path))
    given = {}
    original = draw_losses.draw_losses

    def spy(value_losses, correction_losses, stop_loss):
        given.update(values=value_losses, corrections=correction_losses)
        return original(value_losses, correction_losses, stop_loss)

    monkeypatch.setattr(draw_losses, "draw_losses", spy)
    rows = {
        "values": [{"edit": "memit-ca", "files": values}],
        "corrections": [
            {"edit": "memit-ca", "language": "en", "heads": "located-16", "files": corrections}
        ],
    }
    outputs = {kind: str(tmp_path / f"losses.{kind}") for kind in ("png", "svg")}
    draw_losses.main(stage({}, outputs, {"stop_loss": 0.05}, **rows))
    assert given["values"]["memit-ca"][:, 0].tolist() == [0, 0, 0, 1, 1, 10, 10, 10, 11, 11]
    assert np.array_equal(
        given["corrections"]["memit-ca", "en", "located-16"], [[2.0, 1.0], [2.0, 2.0]]
    )


@pytest.mark.parametrize(("losses", "rose"), [([5.0, 6.0, 4.0], False), ([5.0, 4.0, 5.5], True)])
def test_a_loss_of_corrections_that_rose_is_said_so_when_they_are_fitted(losses, rose):
    line = fit_corrections.told(losses)
    assert f"{losses[0]:.3f}" in line
    assert f"{losses[-1]:.3f}" in line
    assert ("corrections.learning_rate" in line) == rose
