"""Facts in three languages: one lost in a language stays in the others and is asked there."""

import json
from types import SimpleNamespace

import polars as pl
import pytest

import optimise_values
import score
from memat import io
from memat.edit.requests import asked_of_block, facts_of_block, requests_of_block
from memat.errors import LanguageError, NotEnoughFacts
from memat.evaluate.pairing import rows_to_score
from memat.provenance import Provenance
from memat.report.curves import subjects_frame, transfer_frame
from memat.report.fact_table import fact_table
from memat.report.figure_dataset import draw_funnel, draw_overlap, step_names
from memat.report.tables import metrics_frame, paired_differences
from memat.stage import Stage
from memat.study.config import completed, config_faults
from memat.study.translation import file_of, used_settings
from memat.text.blocks import assign_blocks
from memat.text.funnel import drawn_rows, funnel_table
from memat.text.languages import apertium_pair
from memat.text.lost import lost_table
from memat.text.overlap import overlap_table, subsets
from memat.text.prompts import BILINGUAL_SCHEMA, facts_by_language, join_languages, list_prompts
from memat.text.rejections import Rejection, losses_in_words, lost_in, rejected_table
from score_tables import FAMILIES, GENERATE, PROMPTS, experiment, random_scores
from small_models import small_model
from text_samples import REPOSITORY, facts_of, record

CODES = ("en", "ca", "es")
PROVENANCE = Provenance(stage="test", settings={}, code="0")
# fact → target languages it survives in
SURVIVES = {1: ("ca", "es"), 2: ("ca",), 3: ("es",), 4: ()}
REJECTED = rejected_table(
    [
        Rejection(2, "duplicate_gender", "record", "too_few_paraphrases", language="es"),
        Rejection(3, "repair_structure", "record", "target_not_final", language="ca"),
        Rejection(4, "repair_structure", "record", "target_not_final", language="ca"),
        Rejection(4, "duplicate_gender", "record", "targets_equal", language="es"),
    ]
)


@pytest.fixture
def facts(tmp_path):
    return facts_of(tmp_path, *(record(n, subject=f"Person {n}") for n in SURVIVES))


@pytest.fixture
def bilingual(facts):
    return join_languages(
        list_prompts(facts, "en"), [translated(facts, code) for code in CODES[1:]]
    )


def translated(facts, code):
    """Rows of the facts that survive in a language, whose prompts begin with its code."""
    survivors = [case_id for case_id, codes in SURVIVES.items() if code in codes]
    prompts = list_prompts(facts, "en").filter(pl.col("case_id").is_in(survivors))
    return prompts.select(*BILINGUAL_SCHEMA).with_columns(
        language=pl.lit(code),
        prompt=pl.format(code + " {}", "prompt"),
        template=pl.format(code + " {}", "template"),
        target=pl.format("{}" + code, "target"),
    )


@pytest.fixture
def blocks():
    return pl.DataFrame({"case_id": [3, 1, 2], "block": ["0"] * 3})


def cases(rows):
    return rows["case_id"].unique(maintain_order=True).to_list()


def test_a_fact_is_there_in_the_source_and_in_the_languages_it_survives_in(bilingual):
    found = bilingual.select("case_id", "language").unique(maintain_order=True).rows()
    assert found == [
        *((1, "en"), (1, "ca"), (1, "es")),
        *((2, "en"), (2, "ca"), (3, "en"), (3, "es")),
    ]
    assert facts_by_language(bilingual) == {"en": 3, "ca": 2, "es": 2}
    # the source's rows once, with both targets of each of its five prompts
    assert bilingual.filter(language="en").height == 3 * 2 * 5
    assert bilingual.columns == list(BILINGUAL_SCHEMA)


def test_the_funnel_has_a_row_for_each_step_and_language(facts, bilingual, blocks):
    drawn = drawn_rows(bilingual, blocks, REJECTED, "en", CODES[1:])
    funnel = funnel_table(facts, REJECTED, CODES[1:], drawn)
    assert funnel.select("step", "language", "records").rows() == [
        *(("given", None, 4), ("accepted", None, 4)),
        *(("translated", "ca", 2), ("paired", "ca", 2)),
        *(("translated", "es", 4), ("paired", "es", 2)),
        *(("used", None, 3), ("used", "ca", 2), ("used", "es", 2)),
    ]
    assert funnel["neighbours"].to_list()[-3:] == [6, 4, 4]
    assert json.loads(funnel["reasons"][5]) == {"targets_equal": 1, "too_few_paraphrases": 1}
    of_languages = ["translated ca", "paired ca", "translated es", "paired es"]
    assert step_names(funnel)[2:7] == [*of_languages, "used"]
    draw_funnel(funnel, REJECTED)


def test_losses_say_in_which_language(bilingual):
    assert losses_in_words(bilingual, REJECTED, "lost.csv") == (
        "3 of 4 facts left: 2 target_not_final in ca, 1 targets_equal in es,"
        " 1 too_few_paraphrases in es; see lost.csv"
    )
    lost = lost_table([], REJECTED)
    assert lost.select("case_id", "language").rows() == [(3, "ca"), (4, "ca"), (4, "es"), (2, "es")]
    assert lost_in(REJECTED.head(1), "fr")["language"].to_list() == ["fr"]


def test_every_fact_has_its_own_status_in_each_language(bilingual, blocks):
    source = [
        {"case_id": n, "relation_id": "P1", "subject": f"Person {n}", "prompt": "{} plays the"}
        | {"target_new": "piano", "target_true": "guitar"}
        for n in SURVIVES
    ]
    table = fact_table(source, bilingual, blocks, REJECTED, CODES)
    status = {row[:2]: row[2] for row in table.select("case_id", "language", "status").rows()}
    assert [status[1, code] for code in CODES] == ["scored"] * 3
    assert [status[2, code] for code in CODES] == ["scored", "scored", "lost"]
    assert [status[3, code] for code in CODES] == ["scored", "lost", "scored"]
    assert [status[4, code] for code in CODES] == ["lost"] * 3
    why = {row[:2]: row[2] for row in table.select("case_id", "language", "why").rows()}
    assert "target_not_final" in why[4, "en"]
    assert "targets_equal" in why[4, "en"]
    assert "target_not_final" not in why[4, "es"]


def test_overlap_stands_for_each_target_and_a_subset_for_all_of_them(bilingual):
    # in Spanish the subject of fact 1 is another; in Catalan it is the source's
    spelled = pl.when(case_id=1, language="es").then(pl.lit("Otro")).otherwise("subject")
    changed = bilingual.with_columns(subject=spelled)
    overlap = overlap_table(changed, lambda text: text.encode(), "en", CODES[1:])
    assert overlap.select("case_id", "language").rows() == [
        *((1, "ca"), (2, "ca"), (1, "es"), (3, "es"))
    ]
    found = {k: f["case_id"].to_list() for k, f in subsets(overlap, 1.0, 0.5).items()}
    assert found == {"all": [1, 2, 3], "same": [2, 3], "different": []}
    assert len(draw_overlap(overlap, 1.0, 0.5).axes) == 2 * 3


def test_facts_are_drawn_from_all_that_survive_somewhere(bilingual):
    every = pl.DataFrame({"case_id": [1, 2, 3]})
    drawn = assign_blocks(bilingual, every, "report", None, 1, donor=0, tuning=0, seed=0)
    assert sorted(drawn["case_id"]) == [1, 2, 3]


def test_an_edit_holds_the_facts_that_have_all_of_its_languages(bilingual, blocks):
    def edited(*languages):
        requests = requests_of_block(bilingual, blocks, "0", languages)
        return [[request.case_id for request in of_language] for of_language in requests]

    assert edited("en") == [[3, 1, 2]]
    assert edited("es") == [[3, 1]]
    assert edited("en", "ca") == [[1, 2], [1, 2]]
    assert edited("en", "ca", "es") == [[1], [1], [1]]
    # heads in Spanish of a model that is edited in Catalan
    assert cases(facts_of_block(bilingual, blocks, "0", "es", ["ca"])) == [1]
    alone = bilingual.filter(pl.col("case_id") != 1)
    with pytest.raises(NotEnoughFacts, match="block 0 has no fact in language 'es', 'ca'"):
        facts_of_block(alone, blocks, "0", "es", ["ca"])


def test_a_model_is_asked_what_its_edit_holds_in_every_language_of_the_fact(bilingual, blocks):
    def asked(*held):
        rows = asked_of_block(bilingual, blocks, "0", CODES, held)
        return {code: cases(rows.filter(language=code)) for code in CODES}

    assert asked() == {"en": [3, 1, 2], "ca": [1, 2], "es": [3, 1]}
    assert asked("es") == {"en": [3, 1], "ca": [1], "es": [3, 1]}


def test_every_target_language_is_paired_as_the_setting_says(bilingual, blocks):
    rows = asked_of_block(bilingual, blocks, "0", CODES, [])
    assert rows_to_score(rows, CODES[1:], "by_prompt").equals(rows)
    paired = rows_to_score(rows, CODES[1:], "concatenated")
    assert paired.filter(language="en").equals(rows.filter(language="en"))
    for code in CODES[1:]:
        paraphrases = paired.filter(language=code, prompt_type="paraphrase", case_id=1)
        assert paraphrases["index"].value_counts().sort("index").rows() == [(0, 2), (1, 2)]
        assert set(paraphrases["target"]) == {f"piano{code}", f"guitar{code}"}
    assert paired.height == rows.height


@pytest.fixture
def stage_of(bilingual, blocks, tmp_path):
    files = {"manifest": "", "deltas": [], "corrections": []}
    tables = {"bilingual": bilingual, "blocks": blocks, "blocks_rejected": rejected_table([])}
    for name, table in tables.items():
        files[name] = str(tmp_path / f"{name}.parquet")
        io.write_table(files[name], table, PROVENANCE)

    def stage(outputs, cfg, more=(), **params):
        common = {"block": "0", "together": 1, "compute": {}}
        spaces = (SimpleNamespace(**part) for part in (files | dict(more), outputs))
        held = SimpleNamespace(**(common | params))
        return Stage("test", *spaces, cfg, held, 1, PROVENANCE, memory_mb=500)

    return stage


def test_a_shard_behind_the_last_fact_of_an_edit_is_empty(stage_of, tmp_path, monkeypatch):
    for script in (score, optimise_values):
        monkeypatch.setattr(script, "model_for", lambda _manifest, _compute: small_model("llama"))
    frames = []
    for shard in range(3):  # of three facts, two are Spanish
        outputs = {name: str(tmp_path / f"{name}_{shard}") for name in ("scores", "answers")}
        params = {"languages": CODES, "edited": ["es"], "context": [], "shard": shard}
        cfg = {
            "pairing": "by_prompt",
            "shard_size": 1,
            "generate": GENERATE,
            "prompt_types": list(PROMPTS),
        }
        score.main(stage_of(outputs, cfg, **params))
        frames.append(io.read_table(outputs["scores"]))
        assert io.read_table(outputs["answers"])["case_id"].n_unique() == (shard < 2)
    assert [cases(frame) for frame in frames] == [[3], [1], []]
    assert pl.concat(frames).filter(language="ca")["case_id"].unique().to_list() == [1]
    path = str(tmp_path / "templates.json")
    io.write_json(path, {"templates": ["{}"]}, PROVENANCE)
    cfg = dict(learning_rate=0.5, steps=2, clamp=1.0, weight_decay=0.5, kl_factor=0.1)
    cfg |= {"stop_loss": 0.1, "shard_size": 1}
    params = {"languages": ["es"], "language_keys": [{"kl_prompt": "{} es"}], "value_layer": 0}
    outputs = {"values": str(tmp_path / "values.safetensors")}
    job = stage_of(outputs, cfg, {"templates": [path]}, shard=2, solver="memit", **params)
    assert optimise_values.main(job).startswith("0 facts")


def test_numbers_stand_on_the_facts_both_models_were_asked():
    """One model holds facts 0 to 7, the other 0 to 11."""
    rows = [experiment("memit_en", "memit", "en"), experiment("memit_es", "memit", "es")]
    scores = [
        (row["name"], random_scores(n, seed, "es", "0"))
        for seed, (row, n) in enumerate(zip(rows, (12, 8), strict=True))
    ]
    metrics = metrics_frame(scores, rows, FAMILIES, "geometric")
    settings = SimpleNamespace(resamples=100, confidence=0.95, seed=0)
    pair = [("memit_es", "memit_en")]
    differences = paired_differences(metrics, pair, ["es"], FAMILIES, settings)
    assert set(differences["n_facts"]) == {8}


def test_subjects_are_told_apart_in_each_target_language():
    rows = [experiment("unedited", "unedited"), experiment("memit_en", "memit", "en")]
    scores = [
        (row["name"], random_scores(12, 3 * place + seed, code, "0"))
        for place, row in enumerate(rows)
        for seed, code in enumerate(CODES)
    ]
    metrics = metrics_frame(scores, rows, FAMILIES, "geometric")
    settings = SimpleNamespace(resamples=100, confidence=0.95, seed=0)
    named = {
        "ca": {"all": range(12), "like": range(6), "other": range(6, 12)},
        "es": {"all": range(12), "like": range(9), "other": range(9, 12)},
    }
    frame = subjects_frame(metrics, rows, "en", named, FAMILIES, settings)
    sizes = frame.filter(experiment="memit_en", metric="ES", subset="like")
    found = sizes.select("overlap_language", "eval_language", "n_facts").rows()
    assert found == [("ca", "en", 6), ("ca", "ca", 6), ("es", "en", 9), ("es", "es", 9)]
    groups = {code: (sets["like"], sets["other"]) for code, sets in named.items()}
    trained = [("en", "memit_en"), ("es", "memit_en")]
    ways = transfer_frame(metrics, trained, "unedited", "en", groups, FAMILIES, settings)
    found = ways.filter(metric="ES").select("edit_language", "eval_language", "n_alike").rows()
    assert found == [("en", "ca", 6), ("en", "es", 9), ("es", "en", 9)]


def config(**sections):
    return {"languages": {"source": "en", "targets": ["ca", "es"]}, **sections} | {
        "facts": {"path": "facts.json"} | sections.get("facts", {})
    }


def files(code):
    """The files of the source and of one target language."""
    return [REPOSITORY / f"resources/languages/{one}.yaml" for one in ("en", code)]


def test_a_language_may_have_settings_of_its_own():
    given = config(translate={"batch_size": 8, "by_language": {"es": {"engine": "table", "table": {"path": "es.csv"}}}})  # fmt: skip
    assert list(config_faults(given)) == []
    translate = completed(given)["translate"]
    assert completed(given | {"translate": translate})["translate"] == translate
    assert used_settings(translate, *files("ca")) == {
        "engine": "apertium", "batch_facts": 1000, "shards": 1, "batch_size": 8,
        "protect_subject": True, "apertium": {"pair": "eng-cat"},
    }  # fmt: skip
    spanish = used_settings(translate, *files("es"))
    assert (spanish["engine"], spanish["table"], spanish["batch_size"]) == (
        *("table", {"path": "es.csv"}),
        8,
    )
    named = {"translate": {"apertium": {"pair": "eng-xxx"}}}
    own = completed({"facts": {"path": "f"}, **named})["translate"]
    assert used_settings(own, *files("ca"))["apertium"] == {"pair": "eng-xxx"}


@pytest.mark.parametrize(
    ("sections", "fault"),
    [
        ({"translate": {"apertium": {"pair": "eng-cat"}}}, "translate.apertium.pair: 'eng-cat' would translate into each of ca, es; leave it at null"),
        ({"translate": {"by_language": {"fr": {}}}}, "translate.by_language.fr: is none of languages.targets (ca, es)"),
        ({"translate": {"by_language": {"es": {"engin": "table"}}}}, "translate.by_language.es.engin: unknown key; 'engin' is unknown; allowed: engine, "),
        ({"translate": {"by_language": {"es": {"by_language": {}}}}}, "translate.by_language.es.by_language: unknown key"),
        ({"translate": {"by_language": {"es": {"engine": "table"}}}}, "translate.by_language.es.table.path: missing; translate.engine is table"),
        ({"translate": {"engine": "table"}}, "translate.table.path: missing; translate.engine is table"),
        ({"facts": {"bilingual": True}}, "facts.bilingual: a file of facts.format: counterfact holds one language besides the source; languages.targets names 2: ca, es"),
        ({"facts": {"reference": "r.json"}}, "facts.reference: 'r.json' is one file for 2 target languages (ca, es); write {language}"),
        ({"repair": {"corrections": "c.csv"}}, "repair.corrections: 'c.csv' is one file for 2"),
    ],
)  # fmt: skip
def test_what_does_not_go_with_several_languages_is_refused(sections, fault):
    (found,) = config_faults(config(**sections))
    assert found.startswith(fault)


def test_files_and_pairs_follow_from_the_language(tmp_path):
    assert file_of("a/{language}.csv", "es") == "a/es.csv"
    assert file_of(None, "es") is None
    folder = REPOSITORY / "resources/languages"
    assert apertium_pair(folder / "en.yaml", folder / "es.yaml") == "eng-spa"
    text = (folder / "es.yaml").read_text(encoding="utf-8").replace("iso639_3: spa\n", "")
    (tmp_path / "es.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(LanguageError, match=r"es.yaml: the key 'iso639_3' is missing"):
        apertium_pair(folder / "en.yaml", tmp_path / "es.yaml")
