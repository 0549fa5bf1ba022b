"""Prompts besides rewrites, paraphrases and neighbours: asked, measured, shown where they are."""

from math import exp
from statistics import fmean
from types import SimpleNamespace

import polars as pl
import pytest
from test_text_own_answers import answered

import score
from memat import io
from memat.errors import DamagedFile
from memat.evaluate.distracted import distracted_prompts
from memat.evaluate.fact_metrics import fact_metrics
from memat.evaluate.families import family_names, metrics_of
from memat.evaluate.intervals import BootstrapSettings
from memat.evaluate.pairing import concatenated
from memat.evaluate.prompt_types import PROMPT_TYPES, SCORED
from memat.provenance import Provenance
from memat.report.chance import chance_notes
from memat.report.figure_metrics import draw_metrics
from memat.report.figures import styled
from memat.report.markdown import markdown_table
from memat.report.tables import differences_frame, metrics_frame, summary_frame
from memat.stage import Stage
from memat.study.config import config_faults
from memat.text.facts import read_facts
from memat.text.prompts import ANSWER, BILINGUAL_SCHEMA, ROLES
from memat.text.prompts import PROMPT_TYPES as WRITTEN
from memat.text.rejections import rejected_table
from score_tables import FAMILIES, GENERATE, LANGUAGES, experiment
from small_models import small_model
from text_samples import untranslated, write_records

PROVENANCE = Provenance(stage="test", settings={}, code="0")
SETTINGS = BootstrapSettings(resamples=50)
KNOWN, UNKNOWN = 1, 2
ROWS = [
    experiment("unedited", "unedited"),
    experiment("memit", "memit", "en", baselines=["unedited"]),
]


@pytest.fixture
def bilingual(tmp_path):
    """A fact with every type of prompts, and one whose true target is unknown."""
    other = answered(UNKNOWN, known=False, subject="Miles Davis")
    facts, _ = read_facts(write_records(tmp_path, answered(KNOWN), other))
    return untranslated(facts)[0]


def rows_of(*rows):
    """(prompt_type, role, index, prompt, target, joined) of one fact in one language."""
    place = {"case_id": 7, "relation_id": "P1", "split": "report", "language": "ca"}
    return pl.DataFrame(
        [
            dict.fromkeys(BILINGUAL_SCHEMA)
            | place
            | dict(
                zip(("prompt_type", "role", "index", "prompt", "target", "joined"), r, strict=True)
            )
            for r in rows
        ],
        schema=BILINGUAL_SCHEMA,
    )


def test_the_new_fact_stands_before_a_distracted_neighbour():
    rows = rows_of(
        ("rewrite", "target_new", 0, "Maria toca l'", "orgue", True),
        ("rewrite", "target_true", 0, "Maria toca la", "guitarra", False),
        ("paraphrase", "target_new", 0, "L'instrument de Maria és l'", "orgue", True),
        ("neighborhood", "target_new", 3, "Joan toca l'", "orgue", True),
        ("neighborhood", "target_true", 3, "Joan toca la", "guitarra", False),
    )
    found = distracted_prompts(rows)
    assert found.drop("prompt", "prompt_type").equals(rows[3:].drop("prompt", "prompt_type"))
    # the new target, whichever target the row asks for
    assert found["prompt"].to_list() == [
        "Maria toca l'orgue. Joan toca l'",
        "Maria toca l'orgue. Joan toca la",
    ]
    spaced = rows.with_columns(joined=pl.lit(False))
    assert distracted_prompts(spaced)["prompt"][0] == "Maria toca l' orgue. Joan toca l'"
    assert distracted_prompts(rows[:3]).is_empty()


def scored(bilingual, tmp_path, monkeypatch, prompt_types, pairing="by_prompt", generate=GENERATE):
    """Scores and answers of a small model, asked these types."""
    monkeypatch.setattr(score, "model_for", lambda _manifest, _compute: small_model("llama"))
    tables = {
        "bilingual": bilingual,
        "blocks": pl.DataFrame({"case_id": [KNOWN, UNKNOWN], "block": ["0", "0"]}),
        "blocks_rejected": rejected_table([]),
    }
    inputs = {"manifest": "", "deltas": [], "corrections": []}
    for name, table in tables.items():
        inputs[name] = str(tmp_path / f"{name}.parquet")
        io.write_table(inputs[name], table, PROVENANCE)
    outputs = {name: str(tmp_path / f"{name}.parquet") for name in ("scores", "answers")}
    params = {"languages": LANGUAGES, "block": "0", "shard": 0, "together": 1, "compute": {}}
    cfg = {"pairing": pairing, "shard_size": 2, "generate": generate, "prompt_types": prompt_types}
    score.main(
        Stage(
            "score",
            SimpleNamespace(**inputs),
            SimpleNamespace(**outputs),
            cfg,
            SimpleNamespace(**params, edited=[], context=[]),
            1,
            PROVENANCE,
        )
    )
    return tuple(io.read_table(path) for path in outputs.values())


def by_loop(scores):
    """Every metric of the three families, one prompt after the other."""
    table = {
        (r["case_id"], r["language"], r["prompt_type"], r["index"], r["role"]): r
        for r in scores.iter_rows(named=True)
    }
    roles = {
        "E": ("rewrite", "target_new", "target_true"),
        "P": ("paraphrase", "target_new", "target_true"),
        "N": ("neighborhood", "target_true", "target_new"),
        "D": ("distracted", "target_true", "target_new"),
        "O": ("portability", "answer", None),
    }

    def p(row):
        return exp(-row["nll"] / row["n_tokens"])

    found = {}
    for letter, (prompt_type, wanted, other) in roles.items():
        for case_id, language in {key[:2] for key in table}:
            asked = [
                (row, table.get((*key[:4], other)))
                for key, row in table.items()
                if key[:3] == (case_id, language, prompt_type) and key[4] == wanted
            ]
            compared = [(p(own), p(rival)) for own, rival in asked if rival]
            if asked:
                found[case_id, language, f"{letter}A"] = fmean(r["is_greedy"] for r, _ in asked)
            if compared:
                found[case_id, language, f"{letter}S"] = fmean(a > b for a, b in compared)
                found[case_id, language, f"{letter}M"] = fmean(a - b for a, b in compared)
    return found


def test_every_type_is_measured_as_by_a_plain_loop(bilingual, tmp_path, monkeypatch):
    scores, _ = scored(bilingual, tmp_path, monkeypatch, list(PROMPT_TYPES))
    metrics = fact_metrics(scores, FAMILIES)
    found = {
        (r["case_id"], r["language"], r["metric"]): r["value"]
        for r in metrics.iter_rows(named=True)
    }
    assert found == pytest.approx(by_loop(scores), abs=1e-12)
    names = {name for case_id, _, name in found if case_id == KNOWN}
    assert names == {letter + f for letter in "EPND" for f in "SMA"} | {"OA"}
    # without its true target a fact is compared on neighbours with an answer of their own
    assert {name for case_id, _, name in found if case_id == UNKNOWN} == {
        *("EA", "PA", "NS", "NM", "NA", "DS", "DM", "DA", "OA")
    }
    asked = scores.filter(case_id=UNKNOWN, language="en", prompt_type="distracted")
    assert asked.select("index", "role").rows() == [(2, "target_new"), (2, "target_true")]


def test_the_distracting_fact_changes_scores_and_nothing_else_does(
    bilingual, tmp_path, monkeypatch
):
    everything, _ = scored(bilingual, tmp_path, monkeypatch, list(PROMPT_TYPES))
    least, _ = scored(bilingual, tmp_path, monkeypatch, list(SCORED))
    assert set(least["prompt_type"]) == set(SCORED)
    place = ["case_id", "language", "prompt_type", "role", "index"]
    both = least.join(everything, on=place, suffix="_of_all")
    assert both.height == least.height
    assert (both["nll"] - both["nll_of_all"]).abs().max() < 1e-5
    plain = everything.filter(prompt_type="neighborhood").drop("prompt_type")
    hard = everything.filter(prompt_type="distracted").join(plain, on=["case_id", "language", "role", "index"])  # fmt: skip
    assert hard.height == plain.height
    assert (hard["nll"] - hard["nll_right"]).abs().min() > 1e-4


def test_free_answers_are_given_to_such_prompts_too(bilingual, tmp_path, monkeypatch):
    generate = GENERATE | {"prompt_types": ["portability", "distracted"]}
    _, answers = scored(bilingual, tmp_path, monkeypatch, list(PROMPT_TYPES), generate=generate)
    found = answers.filter(case_id=KNOWN, language="ca").sort("prompt_type", "index")
    assert found.select("prompt_type", "index", "wanted").rows() == [
        ("distracted", 0, "guitar"),
        ("distracted", 1, "guitar"),
        ("distracted", 2, "harp"),
        ("portability", 0, "keys"),
        ("portability", 1, "Steinway"),
    ]


def test_the_released_pairing_leaves_answers_of_their_own_where_they_are(bilingual):
    rows = bilingual.filter(language="ca")
    paired = concatenated(rows)
    for kept in (
        pl.col("prompt_type") == "portability",
        pl.col("case_id") == UNKNOWN,
    ):
        assert paired.filter(kept).sort(rows.columns).equals(rows.filter(kept).sort(rows.columns))
    assert paired.height == rows.height


@pytest.mark.parametrize("change", ["without", "twice"])
def test_a_prompt_without_its_answer_is_damage(bilingual, tmp_path, monkeypatch, change):
    scores, _ = scored(bilingual, tmp_path, monkeypatch, list(PROMPT_TYPES))
    own = scores.filter(case_id=UNKNOWN, prompt_type="neighborhood", role="target_true")
    question = scores.filter(case_id=KNOWN, prompt_type="portability", index=0)
    if change == "twice":
        bad = pl.concat([scores, question])
    else:
        bad = scores.join(own, on=scores.columns, how="anti")
    with pytest.raises(DamagedFile, match="each that its type is asked with is needed exactly"):
        fact_metrics(bad, FAMILIES)


def frames(scores):
    metrics = metrics_frame([(r["name"], scores) for r in ROWS], ROWS, FAMILIES, "geometric")
    return [
        frame(metrics, ROWS, LANGUAGES, FAMILIES, SETTINGS)
        for frame in (summary_frame, differences_frame)
    ]


def test_tables_and_figures_show_what_was_asked(bilingual, tmp_path, monkeypatch):
    summary, differences = frames(scored(bilingual, tmp_path, monkeypatch, list(PROMPT_TYPES))[0])
    names = ["ES", "PS", "NS", "DS", "S", "EM", "PM", "NM", "DM", "EA", "PA", "NA", "DA", "OA"]
    for frame in (summary, differences):
        assert frame["metric"].unique(maintain_order=True).to_list() == names
    table = markdown_table(summary, FAMILIES, 0.95)
    assert "| DA en | DA ca | OA en | OA ca |".replace(" ", "") in table.replace(" ", "")
    assert "D: neighbours after the new fact; O: portability (one step away)" in table
    with styled():
        titles = {axes.get_title(loc="left") for axes in draw_metrics(summary, FAMILIES, 0.95).axes}
    assert {"DS  distracted success", "OA  portability accuracy"} <= titles


def test_nothing_is_shown_of_prompts_that_were_not_asked(bilingual, tmp_path, monkeypatch):
    summary, differences = frames(scored(bilingual, tmp_path, monkeypatch, list(SCORED))[0])
    for frame in (summary, differences):
        assert {name[0] for name in frame["metric"]} == {"E", "P", "N", "S"}
    table = markdown_table(summary, FAMILIES, 0.95)
    assert "portability" not in table
    assert "EA, PA, NA: share" in table


def test_a_language_at_chance_is_told_by_the_other_prompts():
    """A distracting sentence leads a model that does not know the language too."""
    at_chance = {name: (50.0, 45.0, 55.0) for name in ("ES", "PS", "NS")}
    shown = at_chance | {"DS": (5.0, 1.0, 9.0), "NA": (0.0, 0.0, 0.0)}
    rows = [
        {"method": "unedited", "eval_language": "xx", "metric": name, "n_facts": 100}
        | dict(zip(("value", "low", "high"), values, strict=True))
        for name, values in shown.items()
    ]
    (note,) = chance_notes(pl.DataFrame(rows), FAMILIES, {"xx": "Xish"})
    assert note.startswith("The unedited model is at chance in Xish on 100 facts (ES 50.0")


def test_the_table_of_types_agrees_with_the_dataset_and_the_names():
    """Every type that is written has its row, and letters and names clash with none."""
    assert set(PROMPT_TYPES) - {"distracted"} == set(WRITTEN)
    asked = {of.wanted for of in PROMPT_TYPES.values()} | {of.other for of in PROMPT_TYPES.values()}
    assert asked == {*ROLES, ANSWER, None}
    letters = [of.letter for of in PROMPT_TYPES.values()]
    assert len(set(letters)) == len(letters)
    for metric in metrics_of(family_names()):
        if metric.family in FAMILIES and metric.prompt_type:
            assert metric.name[0] == PROMPT_TYPES[metric.prompt_type].letter


@pytest.mark.parametrize(
    ("section", "value", "problem"),
    [
        ("scores", ["paraphrase"], "must have rewrite"),
        ("scores", ["rewrite", "rewrite"], "must have no repeats"),
        ("scores", ["rewrite", "portable"], "portability"),
        ("generate", ["distracted"], "distracted is not asked: scores.prompt_types has rewrite"),
    ],
)
def test_impossible_types_are_refused(section, value, problem):
    config = {"facts": {"path": "facts.json"}, section: {"prompt_types": value}}
    faults = [str(fault) for fault in config_faults(config)]
    assert any(problem in fault and f"{section}.prompt_types" in fault for fault in faults), faults
