"""Every stage on untrained models of a few layers, from facts to an exported model."""

import polars as pl
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from workflow.project import Project

N_FACTS = 12
EXPERIMENTS = ("unedited", "memit_ca", "memat_ca_en", "random_ca_en")


@pytest.mark.xdist_group("tiny")
def test_tables_hold_every_experiment_language_and_fact(finished):
    results = finished.folder / "results-tiny"
    summary = pl.read_csv(results / "summary.csv")
    assert summary.columns == [
        *("experiment", "method", "train_language", "head_language", "heads", "n_facts"),
        *("eval_language", "metric", "value", "low", "high"),
    ]
    assert set(summary["experiment"]) == set(EXPERIMENTS)
    assert set(summary["eval_language"]) == {"en", "ca"}
    assert set(summary["n_facts"]) == {N_FACTS}
    for name in EXPERIMENTS:
        for language in ("en", "ca"):
            scores = pl.read_parquet(results / f"scores/{name}/block_0_{language}.parquet")
            assert scores["case_id"].n_unique() == N_FACTS
            assert scores["nll"].is_finite().all()


@pytest.mark.xdist_group("tiny")
def test_edit_raises_the_probability_of_the_new_targets(finished):
    summary = pl.read_csv(finished.folder / "results-tiny" / "summary.csv")
    magnitude = {
        row["experiment"]: row["value"]
        for row in summary.filter(metric="EM", eval_language="ca").iter_rows(named=True)
    }
    assert magnitude["memit_ca"] > magnitude["unedited"]


@pytest.mark.xdist_group("tiny")
def test_every_job_left_a_log_and_a_benchmark(finished):
    results = finished.folder / "results-tiny"
    logs = {p.relative_to(results / "logs").with_suffix("") for p in results.rglob("*.log")}
    times = {p.relative_to(results / "benchmarks").with_suffix("") for p in results.rglob("*.tsv")}
    assert logs == times
    assert logs


@pytest.mark.xdist_group("tiny")
def test_report_and_table_exist(finished):
    outcome = finished.snakemake(
        "--configfile", "configs/tiny.yaml", "--report", "results-tiny/report.html"
    )
    assert outcome.code == 0, outcome.text
    assert (finished.folder / "results-tiny/report.html").stat().st_size > 10_000
    assert "memat_ca_en" in (finished.folder / "results-tiny/table.md").read_text()


@pytest.mark.xdist_group("tiny")
def test_export_loads_without_our_code(finished):
    outcome = finished.snakemake(
        *("export", "--configfile", "configs/tiny.yaml", "--config", "experiment=memat_ca_en")
    )
    assert outcome.code == 0, outcome.text
    folder = finished.folder / "results-tiny/export/memat_ca_en"
    _, loading = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    assert not loading["missing_keys"]
    assert not loading["unexpected_keys"]
    assert AutoTokenizer.from_pretrained(folder).is_fast


@pytest.mark.xdist_group("falcon")
def test_aguilas_layout_runs_through_every_stage(tmp_path):
    project = Project.tiny(tmp_path / "falcon")
    config = project.config(
        model__name="tiny-falcon",
        results="results-falcon",
        experiments=[
            {"name": "unedited", "method": "unedited"},
            {"name": "memat_ca_en", "method": "memat", "train": "ca", "heads": "en"},
        ],
    )
    outcome = project.snakemake("--configfile", config)
    assert outcome.code == 0, outcome.text
    outcome = project.snakemake(
        "export", "--configfile", config, "--config", "experiment=memat_ca_en"
    )
    assert outcome.code == 0, outcome.text
    folder = project.folder / "results-falcon/export/memat_ca_en"
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    assert model.config.model_type == "falcon"
    assert model.config.multi_query
    assert model.config.parallel_attn
    assert not model.config.new_decoder_architecture
