"""The spine: a prompt is identified once, whatever stands around it, and in every language."""

import polars as pl
import pytest

import translate
from memat import io
from memat.text.align import align_translations
from memat.text.facts import read_facts
from memat.text.gender import LeastPrompts, paired_facts
from memat.text.imported import import_bilingual
from memat.text.prompts import (
    BILINGUAL_SCHEMA,
    PROMPT_SCHEMA,
    Prompt,
    columns_of,
    join_languages,
    list_prompts,
    prompts_of,
)
from memat.text.quality import translation_quality
from memat.text.repair import repair_facts
from memat.text.review import suspicion_table
from memat.text.translate import translate_prompts
from memat.text.two_record import read_two_record
from stages import PROVENANCE, stage
from text_samples import (
    COUNTERFACT_SHAPED,
    DEMO,
    DEMO_FACTS,
    INSTRUMENTS,
    MadeUpEngine,
    alignments_of,
    facts_of,
    language,
    record,
    replace_all,
)

ENGLISH, CATALAN = language("en"), language("ca")
PLACE = ["case_id", "role", "prompt_type", "index"]


def test_the_written_out_schema_is_that_of_a_prompt():
    assert columns_of(Prompt) == PROMPT_SCHEMA


@pytest.mark.parametrize("path", [COUNTERFACT_SHAPED, DEMO_FACTS], ids=["noisy", "demo"])
def test_an_id_names_one_prompt_with_one_answer(path):
    prompts = list_prompts(read_facts(path)[0], "en")
    assert dict(prompts.schema) == PROMPT_SCHEMA
    assert prompts["prompt_id"].n_unique() == prompts.select(PLACE).n_unique() == prompts.height
    assert prompts["prompt_id"].null_count() == 0


def test_an_id_stays_when_facts_are_added_dropped_or_reordered():
    facts = read_facts(DEMO_FACTS)[0]

    def ids(part):
        return list_prompts(part, "en").select("prompt_id", *PLACE, "prompt", "target")

    all_ids = ids(facts).sort("prompt_id")
    assert ids(facts.reverse()).sort("prompt_id").equals(all_ids)
    for part in (facts.tail(7), facts.sample(20, seed=0)):
        of_part = ids(part)
        assert of_part.join(all_ids, on=all_ids.columns, how="semi").height == of_part.height


def test_a_prompt_of_the_table_is_its_row():
    prompts = list_prompts(read_facts(COUNTERFACT_SHAPED)[0], "en")
    assert pl.DataFrame(list(map(vars, prompts_of(prompts))), schema=PROMPT_SCHEMA).equals(prompts)


def noisy_and_alike(tmp_path):
    """Facts that share sentences, and whose prompts differ in noise and subject."""
    plain = [record(1), record(2), record(3, subject="Jimi Page", new="organ")]
    other = record(4, subject="Jimi Page", neighbours=["Toko Yasuda plays the"])
    return facts_of(tmp_path, *plain, other)


def stages(facts):
    """Prompts, translations and alignments of the facts."""
    prompts = list_prompts(facts, "en")
    engine = MadeUpEngine(replace_all(INSTRUMENTS))
    translations = translate_prompts(prompts, engine, ENGLISH, CATALAN)
    return prompts, translations, alignments_of(prompts, translations)


def test_a_prompt_has_one_id_in_every_language(tmp_path):
    facts = noisy_and_alike(tmp_path)
    prompts, *found = stages(facts)
    repaired, rejected = repair_facts(facts, prompts, *found, CATALAN)
    assert rejected.is_empty()
    paired, _ = paired_facts(facts, repaired, CATALAN, LeastPrompts())
    bilingual = join_languages(prompts, [paired])
    english, catalan = (bilingual.filter(language=code) for code in ("en", "ca"))
    assert english.drop("language").equals(prompts.select(*BILINGUAL_SCHEMA).drop("language"))
    assert catalan["prompt_id"].to_list() == english["prompt_id"].to_list()
    # the id is that of the same prompt: what it asks, of whom and with what, in other words
    both = english.join(catalan, on="prompt_id")
    for name in PLACE:
        assert both[name].equals(both[f"{name}_right"], check_names=False)
    assert both["subject"].equals(both["subject_right"], check_names=False)
    words = {"piano": "piano", "guitar": "guitarra", "organ": "orgue"}
    assert both["target"].replace_strict(words).to_list() == both["target_right"].to_list()


def test_other_languages_of_a_file_have_the_ids_of_its_source():
    facts = read_facts(DEMO_FACTS)[0]
    prompts = list_prompts(facts, "en")
    given = read_two_record(DEMO / "demo_reference_ca.json")
    imported, _ = import_bilingual(facts, given, CATALAN, LeastPrompts())
    both = imported.join(prompts, on="prompt_id")
    assert both.height == imported.height > 0
    for name in PLACE:
        assert both[name].equals(both[f"{name}_right"], check_names=False)


def test_what_is_found_of_a_prompt_is_looked_up_by_its_id(tmp_path):
    """Neither the order of the rows nor an equal text decides what belongs together."""
    facts = noisy_and_alike(tmp_path)
    prompts, translations, alignments = stages(facts)
    repaired, _ = repair_facts(facts, prompts, translations, alignments, CATALAN)
    shuffled = (
        table.sample(fraction=1, shuffle=True, seed=0) for table in (translations, alignments)
    )
    assert repair_facts(facts, prompts, *shuffled, CATALAN)[0].equals(repaired)
    # two facts have the same sentence; a translation that only one of them has stays with it
    ids = [f"{case_id}/rewrite/0/target_new" for case_id in (1, 2)]
    assert prompts.filter(pl.col("prompt_id").is_in(ids))["prompt"].n_unique() == 1
    own = pl.when(prompt_id=ids[1]).then(pl.lit("Toko Yasuda sona el piano."))
    changed = translations.with_columns(translation=own.otherwise("translation"))
    again, _ = repair_facts(facts, prompts, changed, alignments_of(prompts, changed), CATALAN)
    differ = again.join(repaired, on="prompt_id").filter(pl.col("prompt") != pl.col("prompt_right"))
    assert differ.select("prompt_id", "prompt").rows() == [(ids[1], "Toko Yasuda sona el")]
    # without its translation, or its alignment, a prompt is lost, though others have an equal one
    gone = pl.col("prompt_id") != "2/paraphrase/0/target_true"
    for left, reason in (
        ((translations.filter(gone), alignments), "empty_translation"),
        ((translations, alignments.filter(gone)), "not_aligned"),
    ):
        _, rejected = repair_facts(facts, prompts, *left, CATALAN)
        assert rejected.select(*PLACE, "reason").rows() == [
            (2, "target_true", "paraphrase", 0, reason)
        ]


def test_no_prompt_is_lost_because_facts_are_translated_in_groups(tmp_path, monkeypatch):
    """The subject of a neighbour is told by the template of a fact in another group."""
    engine = MadeUpEngine(replace_all(INSTRUMENTS))
    monkeypatch.setattr(translate, "make_engine", lambda _cfg, _threads: engine)
    monkeypatch.setattr(translate, "language_of", language)
    known = record(1, paraphrases=["nobody on earth hears Toko Yasuda with the"])
    other = record(2, neighbours=["nobody on earth hears the band of Bob Hart with the"])
    facts = facts_of(tmp_path, known, other, record(3, neighbours=[]))
    alone, together = (list_prompts(part, "en") for part in (facts.filter(case_id=2), facts))
    key = "2/neighborhood/0/target_new"
    subjects = [table.filter(prompt_id=key)["subject"].item() for table in (alone, together)]
    assert subjects == ["Bob Hart", "the band of Bob Hart"]
    io.write_table(tmp_path / "prompts.parquet", together, PROVENANCE)
    inputs = {"prompts": tmp_path / "prompts.parquet"}
    cfg = {"batch_facts": 1, "shards": 2, "protect_subject": True}
    languages = {"source_language": "en", "target_language": "ca"}
    paths = [tmp_path / f"translations_{shard}.parquet" for shard in range(2)]
    for shard, path in enumerate(paths):
        outputs = {"translations": path}
        translate.main(stage(inputs, outputs, cfg, questions=None, shard=shard, **languages))
    translations = io.read_tables(paths)
    assert translations["prompt_id"].to_list() == together["prompt_id"].to_list()
    found = translations.filter(prompt_id=key)["translated_subject"].item()
    assert found == "the band of Bob Hart"
    alignments = alignments_of(together, translations)
    repaired, rejected = repair_facts(facts, together, translations, alignments, CATALAN)
    assert rejected.is_empty()
    assert repaired["prompt_id"].to_list() == together["prompt_id"].to_list()


def test_signs_of_a_translation_stay_with_its_prompt(tmp_path):
    facts = noisy_and_alike(tmp_path)
    prompts, translations, alignments = stages(facts)
    repaired, _ = repair_facts(facts, prompts, translations, alignments, CATALAN)
    odd = "3/neighborhood/1/target_true"
    verbless = translations.with_columns(verb=pl.col("prompt_id") != odd).reverse()
    table = suspicion_table(prompts, verbless, repaired, ENGLISH, CATALAN)
    assert table["prompt_id"].to_list() == prompts["prompt_id"].to_list()
    assert table.filter(pl.col("why").str.contains("no_verb"))["prompt_id"].to_list() == [odd]


def test_a_translation_is_compared_with_the_reference_of_its_prompt(tmp_path):
    facts = noisy_and_alike(tmp_path)
    prompts, translations, alignments = stages(facts)
    repaired, _ = repair_facts(facts, prompts, translations, alignments, CATALAN)
    # noise is no part of what is compared
    reference = repaired.filter(pl.col("prompt_type") != "paraphrase").reverse()
    everything, *_ = translation_quality(prompts, translations, reference, CATALAN).to_dicts()
    assert everything["sentences"] == reference.height > 20
    assert everything["ends_with_target"] == everything["keeps_subject"] == 1
    assert everything["chrf"] == pytest.approx(100)


def test_alignments_are_those_of_their_prompts_whatever_the_order_of_translations(tmp_path):
    prompts, translations, _ = stages(noisy_and_alike(tmp_path))

    class InOrder:
        def align(self, pairs):
            return [[(i, i) for i in range(min(map(len, pair)))] for pair in pairs]

    aligned = align_translations(prompts, translations, InOrder())
    assert aligned.equals(align_translations(prompts, translations.reverse(), InOrder()))
    assert aligned["prompt_id"].to_list() == prompts["prompt_id"].to_list()
