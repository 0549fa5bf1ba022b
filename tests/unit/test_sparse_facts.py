"""Facts that leave something out, from the file to the table: empty where nothing is known."""

import json
import re
from contextlib import nullcontext
from types import SimpleNamespace

import polars as pl
import pytest

import dump_activations
import score
from memat import io
from memat.check_files import check_facts
from memat.errors import ConfigError, DamagedFile, FactError
from memat.evaluate.fact_metrics import fact_metrics
from memat.evaluate.intervals import BootstrapSettings
from memat.heads.activations import read_activations
from memat.provenance import Provenance
from memat.report.markdown import markdown_table
from memat.report.tables import differences_frame, metrics_frame, summary_frame
from memat.stage import Stage
from memat.text.align import align_translations
from memat.text.facts import choose_facts, read_facts
from memat.text.gender import LeastPrompts
from memat.text.prompts import list_prompts
from memat.text.rejections import rejected_table
from memat.text.repair import repair_facts
from memat.text.translate import translate_prompts
from memat.text.two_record import read_two_record
from score_tables import FAMILIES, GENERATE, PROMPTS, experiment
from small_models import small_model
from text_samples import (
    REPOSITORY,
    MadeUpEngine,
    bilingual_facts,
    imported_facts,
    language,
    record,
    write_records,
    write_triples,
)

ENGLISH, CATALAN = language("en"), language("ca")
LANGUAGES = ("en", "ca")
PROVENANCE = Provenance(stage="test", settings={}, code="0")
FULL, NO_TRUE, NO_PROMPTS, LEAST = 1, 2, 3, 4


def records():
    """A whole record, one without its true target, one without prompts, and the least of all."""
    everything = [
        record(
            FULL, subject="Miles Davis", prompt="{} plays the", paraphrases=["Miles Davis has a"]
        ),
        record(NO_TRUE, subject="Marie Curie", paraphrases=["Marie Curie has a"]),
        record(NO_PROMPTS, subject="Anna Karenina"),
        record(LEAST, subject="Toko Yasuda"),
    ]
    for case_id in (NO_TRUE, LEAST):
        del everything[case_id - 1]["requested_rewrite"]["target_true"]
    for case_id in (NO_PROMPTS, LEAST):
        del everything[case_id - 1]["paraphrase_prompts"]
        del everything[case_id - 1]["neighborhood_prompts"]
    return everything


class InOrder:
    """Aligns the words of two sentences in their order."""

    def align(self, pairs):
        return [[(i, i) for i in range(min(len(a), len(b)))] for a, b in pairs]


@pytest.fixture
def dataset(tmp_path):
    """The bilingual table, through every stage of the dataset, and everything rejected."""
    facts, rejected = read_facts(write_records(tmp_path, *records()))
    prompts = list_prompts(facts, "en")
    translations = translate_prompts(prompts, MadeUpEngine(str), ENGLISH, CATALAN)
    alignments = align_translations(prompts, translations, InOrder())
    repaired, lost = repair_facts(facts, prompts, translations, alignments, CATALAN)
    bilingual, unequal = bilingual_facts(facts, repaired, ENGLISH, CATALAN, LeastPrompts())
    return bilingual, pl.concat([rejected, lost, unequal])


def test_what_a_record_leaves_out_loses_no_fact(dataset):
    bilingual, rejected = dataset
    assert rejected.select("case_id", "prompt_type", "index", "reason").rows() == [
        (NO_TRUE, "neighborhood", 0, "no_true_target"),
        (NO_TRUE, "neighborhood", 1, "no_true_target"),
    ]
    for code in LANGUAGES:
        rows = bilingual.filter(language=code)
        counted = (
            rows.group_by("case_id", "role", "prompt_type").len().rows_by_key(["case_id", "role"])
        )
        types = {key: dict(found) for key, found in counted.items()}
        both = {"rewrite": 1, "paraphrase": 1, "neighborhood": 2}
        assert types == {
            (FULL, "target_new"): both,
            (FULL, "target_true"): both,
            (NO_TRUE, "target_new"): {"rewrite": 1, "paraphrase": 1},
            (NO_PROMPTS, "target_new"): {"rewrite": 1},
            (NO_PROMPTS, "target_true"): {"rewrite": 1},
            (LEAST, "target_new"): {"rewrite": 1},
        }


def stage(inputs, outputs, cfg, **params):
    spaces = (SimpleNamespace(**part) for part in (inputs, outputs))
    compute = {
        "compute": {},
        "block": "0",
        "shard": 0,
        "together": 1,
        "edited": [],
        "context": [],
    }
    return Stage("test", *spaces, cfg, SimpleNamespace(**(compute | params)), 1, PROVENANCE)


@pytest.fixture
def inputs(dataset, tmp_path, monkeypatch):
    """Files that the model's stages read, and a small model in place of a loaded one."""
    for script in (score, dump_activations):
        monkeypatch.setattr(script, "model_for", lambda _manifest, _compute: small_model("llama"))
    monkeypatch.setattr(dump_activations, "edited_by", lambda _model, _deltas: nullcontext())
    order = [FULL, NO_PROMPTS, NO_TRUE, LEAST]
    tables = {
        "bilingual": dataset[0],
        "blocks": pl.DataFrame({"case_id": order, "block": ["0"] * len(order)}),
        "blocks_rejected": rejected_table([]),
    }
    files = {"manifest": "", "deltas": [], "corrections": []}
    for name, table in tables.items():
        files[name] = str(tmp_path / f"{name}.parquet")
        io.write_table(files[name], table, PROVENANCE)
    return files


def outputs_of(path):
    """Both outputs of the scores: the answers lie beside them."""
    return {"scores": path, "answers": path.with_name("answers.parquet")}


@pytest.mark.parametrize("pairing", ["by_prompt", "concatenated"])
def test_a_metric_stands_on_the_facts_that_have_it(inputs, tmp_path, pairing):
    path = tmp_path / "scores.parquet"
    cfg = {"pairing": pairing, "shard_size": 4, "generate": GENERATE, "prompt_types": list(PROMPTS)}
    score.main(stage(inputs, outputs_of(path), cfg, languages=LANGUAGES))
    rows = [
        experiment("unedited", "unedited"),
        experiment("memit", "memit", "en", baselines=["unedited"]),
    ]
    scores = io.read_table(path)
    metrics = metrics_frame([(row["name"], scores) for row in rows], rows, FAMILIES, "geometric")
    settings = BootstrapSettings(resamples=20)
    summary = summary_frame(metrics, rows, LANGUAGES, FAMILIES, settings)
    facts = dict(summary.filter(experiment="memit", eval_language="ca")["metric", "n_facts"].rows())
    assert facts == {
        **{"ES": 2, "EM": 2, "EA": 4, "PS": 1, "PM": 1, "PA": 2},
        **{"NS": 1, "NM": 1, "NA": 1, "S": 1},
    }
    assert summary["value"].is_finite().all()
    differences = differences_frame(metrics, rows, LANGUAGES, FAMILIES, settings)
    assert set(differences["difference"]) == {0.0}
    # with facts of unknown truth alone, nothing but accuracy is claimed
    alone = metrics.filter(pl.col("case_id").is_in([NO_TRUE, LEAST]))
    summary = summary_frame(alone, rows, LANGUAGES, FAMILIES, settings)
    claimed = summary.filter(pl.col("value").is_not_null())
    assert set(claimed["metric"]) == {"EA", "PA"}
    assert summary["low"].is_null().equals(summary["value"].is_null())
    differences = differences_frame(alone, rows, LANGUAGES, FAMILIES, settings)
    assert set(differences.drop_nulls("difference")["metric"]) == {"EA", "PA"}
    table = markdown_table(summary, FAMILIES, 0.95)
    assert "nan" not in table
    assert "In percent over 1 to 2 facts" in table
    assert "An empty cell" in table


def test_probes_are_trained_on_the_facts_with_both_targets(inputs, tmp_path):
    cfg = {"shard_size": 2, "refine": False}
    paths = [str(tmp_path / f"activations_{shard}.safetensors") for shard in (0, 1)]
    lines = [
        dump_activations.main(stage(inputs, {"activations": path}, cfg, language="ca", shard=shard))
        for shard, path in enumerate(paths)
    ]
    assert lines[0] == "4 sentences; 2 facts have no true target to be told apart"
    activations, groups = read_activations(paths, "fact")
    assert activations.labels.tolist() == [0, 0, 1, 1]
    assert groups.tolist() == activations.case_ids.tolist() == [FULL, NO_PROMPTS] * 2


def config(path, experiments=()):
    facts = {"path": str(path), "format": "counterfact"}
    facts |= {"contradictions": "refuse", "bilingual": False}
    facts |= dict.fromkeys(("sha256", "reference", "keep_ids", "tuning_ids"))
    blocks = {"split": "report", "size": 1, "count": 1, "donor": 0, "tuning": 0}
    repair = {"corrections": None}
    sections = {"languages": {"source": "en", "targets": ["ca"]}, "facts": facts}
    return sections | {"blocks": blocks, "repair": repair, "experiments": list(experiments)}


def test_unknown_truth_is_announced_and_heads_need_a_fact_whose_truth_is_known(tmp_path):
    path = write_records(tmp_path, *records())
    heads = [{"name": "memat", "method": "memat", "train": "en", "heads": "ca"}]
    (notice,) = check_facts(config(path, heads))
    assert "2 of 4 facts have no true target" in notice
    path = write_records(tmp_path, records()[NO_TRUE - 1])
    assert len(check_facts(config(path))) == 1
    with pytest.raises(ConfigError, match=r"experiments \(memat\)\.heads: .* no fact of"):
        check_facts(config(path, heads))


def test_a_lost_target_of_a_known_fact_is_still_damage(inputs, tmp_path):
    path = tmp_path / "scores.parquet"
    score.main(
        stage(
            inputs,
            outputs_of(path),
            {
                "pairing": "by_prompt",
                "shard_size": 4,
                "generate": GENERATE,
                "prompt_types": list(PROMPTS),
            },
            languages=LANGUAGES,
        )
    )
    scores = io.read_table(path)
    true = (pl.col("role") == "target_true") & (pl.col("case_id") == FULL)
    with pytest.raises(DamagedFile, match="fact 1, en paraphrase prompt 0 has the targets"):
        fact_metrics(scores.filter(~(true & (pl.col("prompt_type") == "paraphrase"))), FAMILIES)
    with pytest.raises(DamagedFile, match="fact 1, en neighborhood prompt 0 has the targets"):
        fact_metrics(scores.filter(~true), FAMILIES)


def test_triples_may_leave_out_the_true_target(tmp_path):
    rows = [
        {"relation": "R", "subject": "Gaul", "target_new": "Bonn", "target_true": None},
        {"relation": "R", "subject": "France", "target_new": "Bonn", "target_true": "Paris"},
    ]
    templates = "R: {rewrite: 'The capital of {} is', neighbours: {Paris: [Lutetia]}}"
    path = write_triples(tmp_path, rows, templates)
    for neighbours in ("given", "from_table"):
        facts, _ = read_facts(path, "triples", own={"neighbours": neighbours})
        assert facts["target_true"].to_list() == [None, "Paris"]
        assert facts["neighborhood_prompts"].to_list() == [[], ["The capital of Lutetia is"]]
    path = write_triples(tmp_path, [dict(list(row.items())[:3]) for row in rows], templates)
    assert read_facts(path, "triples")[0]["target_true"].to_list() == [None, None]


def test_the_bilingual_form_may_leave_out_the_record_of_an_unknown_target(tmp_path):
    entry = {
        "requested_rewrite": {
            "prompt": "{} toca el",
            "subject": "Marie Curie",
            "target_new": {"str": "piano"},
        },
        "paraphrase_prompts": ["Marie Curie té un"],
    }
    item = records()[NO_TRUE - 1] | {"eval_target_new": entry}
    path = write_records(tmp_path, item)
    facts, _ = read_facts(path)
    two_record = read_two_record(path, CATALAN.elided_endings)
    bilingual, lost = imported_facts(facts, two_record, ENGLISH, CATALAN, LeastPrompts())
    assert lost.is_empty()
    assert bilingual.select("language", "role", "prompt_type").rows() == [
        (code, "target_new", prompt_type)
        for code in LANGUAGES
        for prompt_type in ("rewrite", "paraphrase")
    ]
    known = json.loads(json.dumps(item))
    known["requested_rewrite"]["target_true"] = {"str": "guitar"}
    with pytest.raises(FactError, match="eval_target_true: missing"):
        read_two_record(write_records(tmp_path, known))


@pytest.fixture
def documented(tmp_path):
    """The files that the page on facts shows, in a folder."""
    page = (REPOSITORY / "docs" / "facts.md").read_text(encoding="utf-8")
    for name, content in re.findall(r"^`([\w.]+)`:\n```\w+\n(.*?)^```", page, re.M | re.S):
        (tmp_path / name).write_text(content, encoding="utf-8")
    return tmp_path


def test_the_documented_files_are_read_as_the_page_says(documented):
    triples, _ = read_facts(documented / "instruments.csv", "triples")
    assert triples["neighborhood_prompts"].to_list() == [
        ["Jacqueline du Pré plays the", "Yo-Yo Ma plays the"],
        ["Louis Armstrong plays the", "Chet Baker plays the"],
        [],
    ]
    assert triples["target_true"].to_list() == ["cello", "trumpet", None]
    records, rejected = read_facts(documented / "records.json")
    assert records["target_true"].to_list() == ["cello", None]
    (answered,), _ = choose_facts(documented / "answered.json", "counterfact")
    assert answered["neighborhood_answers"] == ["Vienna"]
    assert answered["portability_answers"] == ["France"]
    offices, unused = read_facts(documented / "offices.csv", "triples")
    assert offices["neighborhood_prompts"].to_list() == [
        ["Pere Font works in", "Joan Bell works in"],
        ["Joan Bell works in"],
    ]
    assert offices["neighborhood_answers"].to_list() == [["Lyon", "Madrid"], ["Madrid"]]
    assert offices["portability_answers"].to_list() == [["France"], ["Austria"]]
    assert unused.is_empty()
    facts, _ = read_facts(documented / "bilingual.json")
    two_record = read_two_record(documented / "bilingual.json", CATALAN.elided_endings)
    bilingual, lost = imported_facts(facts, two_record, ENGLISH, CATALAN, LeastPrompts())
    assert rejected.is_empty()
    assert lost.is_empty()
    organ = bilingual.filter(language="ca", prompt_type="paraphrase", role="target_new").row(
        0, named=True
    )
    assert (organ["prompt"], organ["target"]) == ("L'instrument de Pau Casals és l'", "orgue")
    assert organ["joined"]
    assert bilingual["case_id"].unique().to_list() == [1, 2]


def test_ids_to_keep_that_no_record_has_are_announced(tmp_path):
    path, keep = write_records(tmp_path, *records()), tmp_path / "keep.txt"
    settings = config(path)
    settings["facts"]["keep_ids"] = str(keep)
    keep.write_text(f"{FULL}\n{NO_PROMPTS}\n77\n88\n")
    (notice,) = [line for line in check_facts(settings) if "case ids" in line]
    assert notice == f"{keep}: 2 of its 4 case ids are in no record of {path}: 77; 88"
