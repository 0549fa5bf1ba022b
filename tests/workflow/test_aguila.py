"""The paper's own run planned whole, and its model's layout run small with another pair.

The small run is also the one of what configs/tiny.yaml leaves out: Spanish by configuration and
a language file alone, facts by url, a reference for the translations, a block without a size,
edits in both languages, ITI, another solver.
"""

import polars as pl
import pytest
import torch
from transformers import AutoModelForCausalLM

from memat.edit.storage import read_deltas
from memat.model.spec import read_model_spec
from workflow.config_keys import write_other_inputs
from workflow.project import REPOSITORY, Project, merged_config, unread_params

SPANISH = {
    "es va fundar a": "se fundó en",
    "va començar a": "empezó en",
    "té la seu a": "tiene su sede en",
    "es troba a": "se encuentra en",
}
N_FACTS = 13  # all that the donor and the tuning facts leave


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
        "repair_structure": 1,
        "duplicate_gender": 1,
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


@pytest.fixture(scope="module")
def falcon(tmp_path_factory):
    """The results of the small run, its export beside them."""
    project = Project.tiny(tmp_path_factory.mktemp("falcon"))
    tiny = project.folder / "resources/cache/tiny"
    write_other_inputs(tiny)
    table = tiny / "translations.csv"
    text = table.read_text(encoding="utf-8")
    for catalan, spanish in SPANISH.items():
        text = text.replace(catalan, spanish)
    table.write_text(text, encoding="utf-8")
    config = project.config(
        model__name="tiny-falcon",
        results="results-falcon",
        languages__targets=["es"],
        review__surprisal=["es"],
        facts__path=None,
        facts__url=(tiny / "facts.json").as_uri(),
        facts__reference="resources/cache/tiny/two_record.json",
        blocks__size=None,
        experiments=[
            {"name": "unedited", "method": "unedited"},
            {"name": "memit_es", "method": "memit", "train": "es"},
            {"name": "memat_es_en", "method": "memat", "train": "es", "heads": "en"},
            {
                **{"name": "memat_both_en", "method": "memat", "train": ["en", "es"]},
                **{"combine": "sum", "heads": "en"},
            },
            {"name": "iti_es_en", "method": "iti", "train": "es", "heads": "en", "alpha": 2},
            {"name": "alpha_es", "method": "memit", "train": "es", "solver": "alphaedit"},
        ],
    )
    outcome = project.snakemake("--configfile", config)
    assert outcome.code == 0, outcome.text
    export = ("export", "--configfile", config, "--config", "experiment=memat_es_en")
    outcome = project.snakemake(*export)
    assert outcome.code == 0, outcome.text
    return project.folder / "results-falcon"


def test_aguilas_layout_runs_through_every_stage(falcon):
    rows = {
        path.parents[1].name: [len(delta.left) for delta in read_deltas(path).values()]
        for path in (falcon / "edits").rglob("deltas.*")
    }
    # the sum of both languages' deltas holds the factors of both
    single = ("memit-en", "memit-es", "alphaedit-es")
    assert rows == {
        **{name: [N_FACTS] * 2 for name in single},
        "memit-en+es-sum": [2 * N_FACTS] * 2,
    }


def test_its_export_is_a_native_falcon(falcon):
    folder = falcon / "export/memat_es_en"
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    assert model.config.model_type == "falcon"
    assert model.config.multi_query
    assert model.config.parallel_attn
    assert not model.config.new_decoder_architecture


def test_the_workflow_edits_in_spanish(falcon):
    facts = pl.read_parquet(falcon / "dataset/bilingual.parquet").filter(language="es")
    assert facts["prompt"].str.contains("|".join(SPANISH.values())).all()
    # all facts that donor and tuning facts leave are one block, uncut
    assert pl.read_parquet(falcon / "dataset/blocks.parquet").filter(block="0").height == N_FACTS
    nll = {
        model: pl.read_parquet(falcon / f"scores/{model}/block_0/scores_0.parquet")
        .filter(language="es", role="target_new", prompt_type="rewrite")["nll"]
        .mean()
        for model in ("unedited", "memit-es")
    }
    assert nll["memit-es"] < nll["unedited"] - 0.1
    assert "memit_es" in (falcon / "table.md").read_text(encoding="utf-8")


def test_every_param_of_a_rule_is_read_by_its_script(falcon):
    assert unread_params(falcon) == {}
