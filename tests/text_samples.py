"""Small facts, languages and a made-up translator, shared by the tests of memat.text."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import polars as pl

from memat.text.align import ALIGNMENT_SCHEMA
from memat.text.engine import Translation
from memat.text.facts import FACT_SCHEMA, read_facts
from memat.text.gender import LeastPrompts, paired_facts
from memat.text.imported import import_bilingual
from memat.text.languages import Language, load_language
from memat.text.prompts import join_languages, list_prompts, prompts_of
from memat.text.reader import read_format
from memat.text.repair import repair_facts
from memat.text.repaired import REPAIRED_SCHEMA, RepairedPrompt
from memat.text.spans import occurrences, without_final_punctuation
from memat.text.translate import translate_prompts, translated
from memat.text.two_record import read_two_record
from memat.text.words import words_of

REPOSITORY = Path(__file__).resolve().parents[1]
DEMO = REPOSITORY / "resources" / "facts"
DEMO_FACTS = DEMO / "demo.json"
# as CounterFact's: noise before the paraphrases, with abbreviations, line ends, no full stop
COUNTERFACT_SHAPED = REPOSITORY / "tests" / "data" / "counterfact_shaped.json"


def language(code: str) -> Language:
    return load_language(REPOSITORY / "resources" / "languages" / f"{code}.yaml")


def record(case_id: int = 0, **changes) -> dict:
    """A CounterFact record.

    changes: subject, prompt, relation, new, true, paraphrases, neighbours.
    """
    subject = changes.get("subject", "Toko Yasuda")
    return {
        "case_id": case_id,
        "requested_rewrite": {
            "prompt": changes.get("prompt", "{} plays the"),
            "relation_id": changes.get("relation", "P1303"),
            "target_new": {"str": changes.get("new", "piano")},
            "target_true": {"str": changes.get("true", "guitar")},
            "subject": subject,
        },
        "paraphrase_prompts": changes.get(
            "paraphrases", [f"It rained. {subject} performs on the", f"{subject} is good at the"]
        ),
        "neighborhood_prompts": changes.get(
            "neighbours", ["Jimi Hendrix plays the", "Keith Richards plays the"]
        ),
    }


def write_records(folder: Path, *records: dict) -> Path:
    path = folder / "facts.json"
    path.write_text(json.dumps(list(records)), encoding="utf-8")
    return path


def facts_of(folder: Path, *records: dict) -> pl.DataFrame:
    """Facts of records as they are, alike ones too."""
    rows, _ = read_format(write_records(folder, *records), "counterfact")
    return pl.DataFrame([row | {"split": "report"} for row in rows], schema=FACT_SCHEMA)


def write_triples(folder: Path, rows: list[dict], templates: str) -> Path:
    """A table of triples with its templates (YAML) beside it."""
    path = folder / "triples.csv"
    pl.DataFrame(rows, infer_schema_length=None).write_csv(path)
    (folder / "triples.templates.yaml").write_text(templates, encoding="utf-8")
    return path


def bilingual_facts(facts, repaired, source: Language, target: Language, least: LeastPrompts):
    """The bilingual table of one target language, and what pairing rejects."""
    paired, rejected = paired_facts(facts, repaired, target, least)
    return join_languages(list_prompts(facts, source.code), [paired]), rejected


def imported_facts(facts, two_record, source: Language, target: Language, least: LeastPrompts):
    """As `bilingual_facts`, of facts in the two-record form."""
    paired, rejected = import_bilingual(facts, two_record, target, least)
    return join_languages(list_prompts(facts, source.code), [paired]), rejected


def untranslated(facts: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The bilingual table and rejected rows of facts whose translation is the sentence itself."""
    rows = [
        RepairedPrompt.of(
            prompt,
            translation=prompt.source,
            plain_target=prompt.target,
            **{
                n: getattr(prompt, n) for n in ("template", "subject", "prompt", "target", "joined")
            },
        )
        for prompt in prompts_of(list_prompts(facts, "en"))
    ]
    repaired = pl.DataFrame(list(map(asdict, rows)), schema=REPAIRED_SCHEMA)
    return bilingual_facts(facts, repaired, language("en"), language("ca"), LeastPrompts())


def demo_pairs(count: int) -> list[tuple[str, str]]:
    """English rewrite sentences of the demo with their reference translation."""
    facts, _ = read_facts(DEMO / "demo.json")
    reference = read_two_record(DEMO / "demo_reference_ca.json")
    prompts = {
        (r["case_id"], r["role"]): r for r in reference.filter(prompt_type="rewrite").to_dicts()
    }
    pairs = []
    for fact in facts.head(count).to_dicts():
        other = prompts[fact["case_id"], "target_true"]
        space = "" if other["joined"] else " "
        source = f"{fact['prompt'].replace('{}', fact['subject'])} {fact['target_true']}."
        pairs.append((source, f"{other['prompt']}{space}{other['target']}."))
    return pairs


class MadeUpEngine:
    """Translates by a function; counts what it was asked."""

    name = "made_up"
    whole_sources = False

    def __init__(self, translate: Callable[[str], str]) -> None:
        self.function, self.asked = translate, []

    def translate(self, sentences: Sequence[str]) -> list[Translation]:
        self.asked += sentences
        return [Translation(self.function(sentence)) for sentence in sentences]


def replace_all(replacements: dict[str, str]) -> Callable[[str], str]:
    def translate(text: str) -> str:
        for word, other in replacements.items():
            text = text.replace(word, other)
        return text

    return translate


INSTRUMENTS = {"plays the": "toca el", "performs on the": "actua al", "is good at the": "domina el"}
INSTRUMENTS |= {
    "el guitar": "la guitarra",
    "al guitar": "a la guitarra",
    "It rained.": "Ha plogut.",
}
INSTRUMENTS |= {"el organ": "l'orgue", "al organ": "a l'orgue", "guitar.": "guitarra."}
INSTRUMENTS |= {"organ.": "orgue."}
DICTIONARY = {"guitar": "guitarra", "organ": "orgue", "piano": "piano"}


def alignments_of(prompts, translations, wrong=()):
    """A perfect aligner for this little language; pairs of `wrong` sources point elsewhere."""
    rows = []
    for prompt, _, text in translated(prompts, translations):
        source = prompt.sentence
        source_words, words = words_of(source), words_of(text)
        pairs = []
        for s, word in enumerate(source_words):
            wanted = DICTIONARY.get(word, word)
            pairs += [{"s": s, "t": t} for t, other in enumerate(words) if other == wanted][:1]
        if any(part in source for part in wrong):
            pairs = [{"s": pair["s"], "t": 0} for pair in pairs]
        rows.append([prompt.prompt_id, source_words, words, pairs])
    return pl.DataFrame(rows, schema=ALIGNMENT_SCHEMA, orient="row")


def repaired(tmp_path, *records, catalan=INSTRUMENTS, wrong=(), reviewed=None):
    facts = facts_of(tmp_path, *records)
    prompts = list_prompts(facts, "en")
    translations = translate_prompts(
        prompts, MadeUpEngine(replace_all(catalan)), language("en"), language("ca")
    )
    alignments = alignments_of(prompts, translations, wrong)
    return repair_facts(facts, prompts, translations, alignments, language("ca"), reviewed)


def check_invariants(prompts, rejected, facts_height=None):
    for row in prompts.iter_rows(named=True):
        space = "" if row["joined"] else " "
        sentence = row["prompt"] + space + row["target"]
        if "reviewed" not in row["flags"]:
            assert sentence == without_final_punctuation(row["translation"]), row
        assert row["prompt"] == row["prompt"].rstrip()
        assert (row["prompt_type"] == "rewrite") == (row["template"] is not None)
        if row["template"] is not None:
            assert row["template"].count("{}") == 1
            assert row["template"].replace("{}", row["subject"]) == row["prompt"]
            assert len(occurrences(row["prompt"], row["subject"])) == 1
    assert prompts.select("case_id", "role", "prompt_type", "index").is_duplicated().sum() == 0
    assert rejected["reason"].null_count() == 0
    assert rejected.filter(pl.col("reason") == "").is_empty()
