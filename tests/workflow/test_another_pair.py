"""English to Spanish by configuration and a language file alone: dataset and a small edit."""

import polars as pl

from workflow.project import Project

SPANISH = {
    "es va fundar a": "se fundó en",
    "va començar a": "empezó en",
    "té la seu a": "tiene su sede en",
    "es troba a": "se encuentra en",
}


def test_the_workflow_edits_in_spanish(tmp_path):
    project = Project.tiny(tmp_path / "spanish")
    table = project.folder / "resources/cache/tiny/translations.csv"
    text = table.read_text(encoding="utf-8")
    for catalan, spanish in SPANISH.items():
        text = text.replace(catalan, spanish)
    table.write_text(text, encoding="utf-8")
    experiments = [
        {"name": "unedited", "method": "unedited"},
        {"name": "memit_es", "method": "memit", "train": "es"},
    ]
    # all facts that donor and tuning facts leave are one block, uncut
    config = project.config(languages__targets=["es"], experiments=experiments, blocks__size=None)
    outcome = project.snakemake("--configfile", config)
    assert outcome.code == 0, outcome.text
    results = project.folder / "results-tiny"
    facts = pl.read_parquet(results / "dataset/bilingual.parquet").filter(language="es")
    assert facts["prompt"].str.contains("|".join(SPANISH.values())).all()
    assert pl.read_parquet(results / "dataset/blocks.parquet").filter(block="0").height == 13
    surprise = {
        model: pl.read_parquet(results / f"scores/{model}/block_0/scores_0.parquet")
        .filter(language="es", role="target_new", kind="rewrite")["nll"]
        .mean()
        for model in ("unedited", "memit-es")
    }
    assert surprise["memit-es"] < surprise["unedited"] - 0.1
    assert "memit_es" in (results / "table.md").read_text(encoding="utf-8")
