"""The paper's own run: planned whole, and its layout run small (it needs a hub itself)."""

import pytest
import torch
from transformers import AutoModelForCausalLM

from memat.edit.storage import read_deltas
from memat.model.spec import read_model_spec
from workflow.project import REPOSITORY, Project, merged_config


@pytest.fixture(scope="module")
def planned(unstarted):
    return unstarted.snakemake("--dry-run", "--configfile", "configs/aguila.yaml")


def test_dry_run_plans_every_stage(planned):
    assert planned.code == 0, planned.text
    experiments = len(merged_config("configs/aguila.yaml")["experiments"])
    expected = {
        "fetch_facts": 1,
        "read_facts": 1,
        "translate": 4,
        "align": 1,
        "repair": 1,
        "gender": 1,
        "prepare_model": 1,
        "make_templates": 2,
        "estimate_covariance": 1,
        "optimise_values": 2 * 10,
        "solve_deltas": 2,
        "dump_activations": 4,
        "train_probes": 4,
        "fit_corrections": 6,
        "score": experiments * 4,
        "summarise": 1,
    }
    assert planned.jobs.items() >= expected.items()


def test_model_is_native_falcon_of_the_papers_size():
    spec = read_model_spec(REPOSITORY / "resources" / "models", "aguila-7b")
    assert (spec.n_layers, spec.n_heads) == (32, 71)
    assert spec.content["architecture"]["model_type"] == "falcon"
    assert spec.content["revision"].startswith("203f87a9")


def test_aguilas_layout_runs_through_every_stage(tmp_path):
    project = Project.tiny(tmp_path / "falcon")
    config = project.config(
        model__name="tiny-falcon",
        results="results-falcon",
        experiments=[
            {"name": "unedited", "method": "unedited"},
            {"name": "memat_ca_en", "method": "memat", "train": "ca", "heads": "en"},
            {"name": "memat_both_en", "method": "memat", "train": "both", "heads": "en"},
            {"name": "iti_ca_en", "method": "iti", "train": "ca", "heads": "en", "alpha": 2},
            {"name": "alpha_ca", "method": "memit", "train": "ca", "solver": "alphaedit"},
        ],
    )
    outcome = project.snakemake("--configfile", config)
    assert outcome.code == 0, outcome.text
    deltas = project.folder / "results-falcon/edits"
    rows = {
        path.parents[1].name: [len(delta.left) for delta in read_deltas(path).values()]
        for path in deltas.rglob("deltas.*")
    }
    # the sum of both languages' deltas holds the factors of both
    assert rows == {
        name: [n] * 2
        for name, n in {
            "memit-en": 12,
            "memit-ca": 12,
            "memit-both": 24,
            "alphaedit-ca": 12,
        }.items()
    }
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
