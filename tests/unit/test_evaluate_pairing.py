"""Catalan prompts paired as in the released code: equal to its list, written as a plain loop."""

from math import exp
from statistics import fmean
from types import SimpleNamespace

import polars as pl
import pytest

import score
import summarise
from memat import io
from memat.errors import DamagedFile
from memat.evaluate.metrics import fact_metrics
from memat.evaluate.pairing import ROLES, concatenated, with_crossed_targets
from memat.provenance import Provenance
from memat.stage import Stage
from oracles import oracle_nll
from score_tables import PROMPTS, experiment, random_scores
from small_models import small_model

PROVENANCE = Provenance(stage="test", settings={}, code="0")


def stage(inputs, outputs, cfg, **params):
    spaces = (SimpleNamespace(**given) for given in (inputs, outputs))
    return Stage("test", *spaces, cfg, SimpleNamespace(**params), 1, PROVENANCE)


def metrics_by_list(scores):
    """One list of both records' prompts, o* and o^c in turn, neighbours compared."""
    table = {
        (r["case_id"], r["kind"], r["index"], *ROLES[r["role"]]): r
        for r in scores.iter_rows(named=True)
    }
    found = {}
    for case_id in scores["case_id"].unique():
        for letter, kind in {"E": "rewrite", "P": "paraphrase", "N": "neighborhood"}.items():
            places = sorted({k[2] for k in table if k[:2] == (case_id, kind)})
            prompts = [(i, "target_true") for i in places] + [(i, "target_new") for i in places]
            scored = [
                table[case_id, kind, i, ("target_new", "target_true")[place % 2], record]
                for place, (i, record) in enumerate(prompts)
            ]
            p = [exp(-row["nll"] / row["n_tokens"]) for row in scored]
            wanted, sign = (1, -1) if kind == "neighborhood" else (0, 1)
            differences = [sign * (p[j] - p[j + 1]) for j in range(0, len(p), 2)]
            hits = [scored[j + wanted]["hit"] for j in range(0, len(p), 2)]
            found[case_id, f"{letter}S"] = fmean(d > 0 for d in differences)
            found[case_id, f"{letter}M"] = fmean(differences)
            found[case_id, f"{letter}A"] = fmean(hits)
    return found


def as_dict(metrics):
    return {(r["case_id"], r["metric"]): r["value"] for r in metrics.iter_rows(named=True)}


@pytest.mark.parametrize("prompts", [PROMPTS, {"rewrite": 1, "paraphrase": 3, "neighborhood": 4}])
def test_concatenated_is_the_released_list_and_not_prompt_by_prompt(prompts):
    scores = random_scores(language="ca", prompts=prompts, roles=tuple(ROLES))
    # a dropped translation leaves a gap in the numbers of the prompts
    gap = (pl.col("kind") == "neighborhood") & (pl.col("index") == 1) & (pl.col("case_id") < 5)
    scores = scores.filter(~gap)
    found = as_dict(fact_metrics(concatenated(scores, "ca")))
    expected = metrics_by_list(scores)
    assert found.keys() == expected.keys()
    assert all(found[key] == pytest.approx(expected[key], abs=1e-12) for key in expected)
    own = scores.filter(pl.col("role").is_in(["target_new", "target_true"]))
    by_prompt = as_dict(fact_metrics(own))
    assert any(abs(by_prompt[key] - found[key]) > 0.05 for key in found)


def test_other_languages_keep_their_pairs():
    english, catalan = random_scores(), random_scores(language="ca", roles=tuple(ROLES))
    both = fact_metrics(concatenated(pl.concat([english, catalan]), "ca"))
    assert both.filter(language="en").equals(fact_metrics(english))
    assert both.filter(language="ca").equals(fact_metrics(concatenated(catalan, "ca")))


def test_blocks_in_one_table_do_not_mix():
    parts = [random_scores(seed=b, language="ca", block=b, roles=tuple(ROLES)) for b in (0, 1)]
    together = concatenated(pl.concat(parts), "ca")
    for block, part in enumerate(parts):
        assert together.filter(block=block).equals(concatenated(part, "ca"))


def test_scores_without_the_crossed_targets_cannot_be_concatenated():
    with pytest.raises(DamagedFile, match="in ca: no targets of the roles new_after_true, true"):
        concatenated(random_scores(language="ca"), "ca")


PIANO = ("Toko Yasuda toca el", "piano", False)
ORGAN = ("Toko Yasuda toca l'", "orgue", True)


def bilingual():
    """One fact with one prompt: alike in English, of two forms in Catalan."""
    rows = {
        ("en", "target_new"): ("Toko Yasuda plays the", "piano", False),
        ("en", "target_true"): ("Toko Yasuda plays the", "organ", False),
        ("ca", "target_new"): PIANO,
        ("ca", "target_true"): ORGAN,
    }
    return pl.DataFrame(
        [
            {"case_id": 1, "language": language, "role": role, "kind": "rewrite", "index": 0}
            | {"prompt": prompt, "target": target, "joined": joined}
            for (language, role), (prompt, target, joined) in rows.items()
        ]
    )


def test_a_crossed_target_follows_the_other_prompt_in_the_prompts_own_way():
    rows = with_crossed_targets(bilingual().filter(language="ca"))
    found = {r["role"]: (r["prompt"], r["target"], r["joined"]) for r in rows.to_dicts()}
    assert found == {
        "target_new": PIANO,
        "target_true": ORGAN,
        "new_after_true": ("Toko Yasuda toca l'", "piano", True),
        "true_after_new": ("Toko Yasuda toca el", "orgue", False),
    }


@pytest.mark.parametrize(
    ("pairing", "catalan"),
    [
        ("by_prompt", (PIANO, ORGAN)),
        ("concatenated", ((ORGAN[0], "piano", True), (PIANO[0], "orgue", False))),
    ],
)
def test_the_scripts_score_and_compare_as_the_setting_says(pairing, catalan, tmp_path, monkeypatch):
    model = small_model("llama")
    monkeypatch.setattr(score, "model_for", lambda _manifest, _compute: model)
    blocks = pl.DataFrame({"case_id": [1], "block": [0]})
    inputs = {"manifest": "", "deltas": [], "corrections": []}
    for name, table in {"bilingual": bilingual(), "blocks": blocks}.items():
        inputs[name] = str(tmp_path / f"{name}.parquet")
        io.write_table(inputs[name], table, PROVENANCE)
    scores = str(tmp_path / "unedited" / "block_0.parquet")
    settings = {"languages": ["en", "ca"], "block": 0, "compute": {}}
    score.main(stage(inputs, {"scores": scores}, {"pairing": pairing}, **settings))
    names = {"metrics": "parquet", "summary": "csv", "differences": "csv", "table": "md"}
    outputs = {name: str(tmp_path / f"{name}.{suffix}") for name, suffix in names.items()}
    cfg = {"probability": "geometric", "catalan_pairing": pairing, "bootstrap": 50}
    params = {"experiments": [experiment("unedited", "unedited")], "languages": ["en", "ca"]}
    cfg, params = cfg | {"confidence": 0.95}, params | {"seed": 0}
    summarise.main(stage({"scores": [scores]}, outputs, cfg, **params))
    english = [row for row in bilingual().filter(language="en").iter_rows()]
    for language, pair in {"en": [row[5:] for row in english], "ca": catalan}.items():
        new, true = (
            exp(-nll / n_tokens) for nll, n_tokens, _ in (oracle_nll(model, *row) for row in pair)
        )
        written = io.read_table(outputs["metrics"]).filter(eval_language=language, metric="EM")
        assert written["value"].item() == pytest.approx(new - true)
