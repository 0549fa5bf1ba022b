"""A stage reads the keys of a language that are its params: each of them, and no other."""

import re
from dataclasses import fields

import polars as pl
import pytest
from test_text_gender import table
from test_text_tables import reference_of

from memat.errors import FactError
from memat.evaluate.matching import is_exact
from memat.text.gender import LeastPrompts, paired_facts
from memat.text.imported import import_bilingual
from memat.text.language_keys import OF_ANSWERS, READ
from memat.text.languages import Language, language_keys, language_of, load_language
from memat.text.prompts import list_prompts, prompt_id
from memat.text.quality import translation_quality
from memat.text.repair import repair_facts
from memat.text.repaired import REPAIRED_SCHEMA
from memat.text.review import suspicion_table
from memat.text.reviewed import Correction, Reviewed
from memat.text.translate import translate_prompts
from memat.text.two_record import GIVEN_SCHEMA, read_two_record
from text_samples import (
    DEMO,
    REPOSITORY,
    MadeUpEngine,
    alignments_of,
    facts_of,
    record,
    replace_all,
)
from text_samples import INSTRUMENTS as CATALAN

KEYS = {known.name for known in fields(Language)}
LANGUAGES = REPOSITORY / "resources" / "languages"
SCRIPTS = REPOSITORY / "workflow_scripts"


class Asked(Language):
    """A language that keeps what it is asked for."""

    def __getattribute__(self, name):
        if name in KEYS:
            object.__getattribute__(self, "asked").add(name)
        return super().__getattribute__(name)


def language_for(stage, param, code):
    """What the job of a stage gets."""
    language = language_of(language_keys(LANGUAGES / f"{code}.yaml", READ[stage][param]))
    object.__setattr__(language, "asked", set())
    object.__setattr__(language, "__class__", Asked)
    return language


def languages_for(stage):
    codes = {"source_language": "en", "target_language": "ca"}
    return [
        language_for(stage, param, code) for param, code in codes.items() if param in READ[stage]
    ]


def assert_all_asked(stage, languages):
    asked = [language.asked for language in languages]
    assert asked == [set(keys) for keys in READ[stage].values()]


class EngineWithBack(MadeUpEngine):
    """It can look at its own translations, as Apertium can."""

    def back(self):
        return self

    def has_verb(self, sentences):
        return [True for _ in sentences]


def translated(prompts, *languages):
    engine = EngineWithBack(replace_all(CATALAN))
    (engine.name,) = load_language(LANGUAGES / "ca.yaml").rules_for[:1]
    return translate_prompts(prompts, engine, *languages, True)


def test_translate(tmp_path):
    languages = languages_for("translate")
    one = record(1, paraphrases=["Rain. I see Toko Yasuda with the", "A of Toko Yasuda is the"])
    translated(list_prompts(facts_of(tmp_path, one), "en"), *languages)
    assert_all_asked("translate", languages)


def test_repair(tmp_path):
    facts = facts_of(tmp_path, record(1))
    prompts = list_prompts(facts, "en")
    translations = translated(prompts, *languages_for("translate"))
    languages = languages_for("repair_structure")
    row = Correction("De {} és la", "flauta", "Anna", line=2)
    reviewed = Reviewed("mine.csv", {1: {prompt_id(1, "target_new", "rewrite", 0): row}})
    alignments = alignments_of(prompts, translations)
    repair_facts(facts, prompts, translations, alignments, *languages, reviewed)
    assert_all_asked("repair_structure", languages)


def test_review(tmp_path):
    facts = facts_of(tmp_path, record(1))
    prompts = list_prompts(facts, "en")
    translations = translated(prompts, *languages_for("translate"))
    alignments = alignments_of(prompts, translations)
    of_repair = languages_for("repair_structure")
    repaired, _ = repair_facts(facts, prompts, translations, alignments, *of_repair)
    languages = languages_for("list_for_review")
    suspicion_table(prompts, translations, repaired, *languages)
    assert_all_asked("list_for_review", languages)


def two_forms():
    """Prompts of a fact whose target has another ending, with another article, in one of them."""
    rows = [item | {"target": "francès"} for item in table() if item["role"] == "target_new"]
    rows[1] |= {"target": "francesa", "prompt": "Toko Yasuda toca la"}
    return [*rows, *(item for item in table() if item["role"] == "target_true")]


def test_gender(tmp_path):
    facts, languages = facts_of(tmp_path, record(1)), languages_for("duplicate_gender")
    repaired = pl.DataFrame(two_forms(), schema=REPAIRED_SCHEMA)
    bilingual, _ = paired_facts(facts, repaired, *languages, LeastPrompts(1, 1))
    assert "Toko Yasuda toca el" in set(bilingual.filter(target="francès")["prompt"])
    assert_all_asked("duplicate_gender", languages)


def test_import_bilingual(tmp_path):
    facts, languages = facts_of(tmp_path, record(1)), languages_for("import_bilingual")
    rows = [{name: item[name] for name in GIVEN_SCHEMA} for item in two_forms()]
    two_record = pl.DataFrame(rows, schema=GIVEN_SCHEMA)
    import_bilingual(facts, two_record, *languages, LeastPrompts(1, 1))
    with pytest.raises(FactError, match="Catalan"):
        import_bilingual(facts, two_record.clear(), *languages, LeastPrompts(1, 1))
    read_two_record(DEMO / "demo_reference_ca.json", languages[0].elided_endings)
    assert_all_asked("import_bilingual", languages)


def test_translation_quality(tmp_path):
    facts, languages = facts_of(tmp_path, record(1)), languages_for("translation_quality")
    prompts = list_prompts(facts, "en")
    translations = translated(prompts, *languages_for("translate"))
    read_two_record(DEMO / "demo_reference_ca.json", languages[0].elided_endings)
    nothing = reference_of(("target_new", "rewrite", 0, "Toko toca el", "piano", False)).clear()
    with pytest.raises(FactError, match="Catalan"):
        translation_quality(prompts, translations, nothing, *languages)
    assert_all_asked("translation_quality", languages)


def test_matching_answers():
    language = language_of(language_keys(LANGUAGES / "ca.yaml", OF_ANSWERS))
    object.__setattr__(language, "asked", set())
    object.__setattr__(language, "__class__", Asked)
    assert is_exact("les actrius", "l'actor", language)
    assert language.asked == set(OF_ANSWERS)


# stages that hand whole languages to the library, and where their keys are read
TAKES_LANGUAGES = {"edit_step": "memat/edit/step.py"}


@pytest.mark.parametrize(
    "stage", [name for name, params in READ.items() if "language_keys" in params]
)
def test_stages_with_a_model_ask_for_one_key(stage):
    script = (SCRIPTS / TAKES_LANGUAGES.get(stage, f"{stage}.py")).read_text(encoding="utf-8")
    asked = set(re.findall(r"\blanguage(?:_of\(.*?\))?\.(\w+)", script))
    assert asked == set(READ[stage]["language_keys"])


def test_every_stage_with_a_language_has_its_keys_as_params():
    rules = "".join(path.read_text() for path in (REPOSITORY / "rules").glob("*.smk"))
    for path in SCRIPTS.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "load_language" not in text  # the file is no input: the params are
        found = set(re.findall(r"language_of\((?:stage\.)?params\.(\w+)", text))
        if "map(language_of" in text or "for keys in params.language_keys" in text:
            found.add("language_keys")
        assert found == set(READ.get(path.stem, ()))
        if found:
            assert re.search(rf'language_(?:keys|pair)\(\s*"{path.stem}"', rules)


def test_a_language_of_some_keys_knows_no_other(tmp_path):
    path = tmp_path / "xx.yaml"
    path.write_text('{code: xx, name: Test, openers: [The], kl_prompt: "{} is", vowels: ae}')
    language = language_of(language_keys(path, ("vowels", "names")))
    assert (language.vowels, language.names) == ("ae", ())
    for key in KEYS - {"vowels", "names"}:
        with pytest.raises(AttributeError, match=key):
            getattr(language, key)
