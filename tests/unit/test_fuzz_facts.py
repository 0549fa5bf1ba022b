"""Any facts file is read and goes through the dataset stages, or is refused with its place."""

import csv
import io
import json
from contextlib import suppress
from pathlib import Path

import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from memat.errors import NotEnoughFacts, TranslationError
from memat.text.align import align_translations
from memat.text.blocks import assign_blocks
from memat.text.engine import Translation
from memat.text.engines.table import TableEngine
from memat.text.facts import read_facts, read_ids
from memat.text.funnel import funnel_table
from memat.text.gender import LeastPrompts
from memat.text.languages import load_language
from memat.text.overlap import overlap_table, subsets
from memat.text.prompts import list_prompts, prompts_of
from memat.text.readers.triples import templates_path
from memat.text.rejections import lost_in, rejected_table
from memat.text.repair import repair_facts
from memat.text.review import review_table
from memat.text.reviewed import read_corrections
from memat.text.translate import translate_prompts
from memat.text.two_record import read_two_record
from mutations import Answers, damaged_files
from text_samples import DEMO, REPOSITORY, bilingual_facts, imported_facts, language, record

ENGLISH, CATALAN = language("en"), language("ca")
LEAST = LeastPrompts(paraphrases=0, neighborhood=0)
COUNTERFACT = [
    record(7, neighbours=["Jimi Hendrix plays the"]),
    record(
        3, subject="Velmar", prompt="{} lies in", paraphrases=["Rain. Velmar is in"], new="Oslo"
    ),
]
TWO_RECORD = json.loads((DEMO / "demo_reference_ca.json").read_text(encoding="utf-8"))[:2]
TRIPLES = [
    ["case_id", "relation", "subject", "target_true", "target_new"],
    ["4", "P36", "France", "Paris", "Rome"],
    ["9", "P36", 'The "Gaul", once', "Paris", "Bonn"],
]
TEMPLATES = {"P36": {"rewrite": "The capital of {} is", "paraphrases": ["{} is ruled from"]}}


class Echo:
    """An engine whose translation is the sentence itself."""

    name = "echo"

    def __init__(self, whole_sources: bool) -> None:
        self.whole_sources = whole_sources

    def translate(self, sentences):
        return [Translation(sentence) for sentence in sentences]


class InOrder:
    """Aligns the words of two sentences in their order."""

    def align(self, pairs):
        return [[(i, i) for i in range(min(len(a), len(b)))] for a, b in pairs]


def run_dataset_stages(facts: pl.DataFrame, rejected: pl.DataFrame, engine) -> None:
    """Translate, align, repair, pair and what follows, as the workflow's rules do."""
    prompts = list_prompts(facts, "en")
    translations = translate_prompts(prompts, engine, ENGLISH, CATALAN)
    alignments = align_translations(prompts, translations, InOrder())
    repaired, lost = repair_facts(facts, prompts, translations, alignments, CATALAN)
    review_table(repaired, lost, sample=2, seed=0)
    bilingual, unequal = bilingual_facts(facts, repaired, ENGLISH, CATALAN, LEAST)
    funnel = funnel_table(facts, pl.concat([rejected, lost_in(lost, "ca"), unequal]), ["ca"])
    assert funnel["records"][-1] == bilingual["case_id"].n_unique()
    cut_into_blocks(bilingual)


def cut_into_blocks(bilingual: pl.DataFrame) -> None:
    """Overlap, subsets and blocks; a fact must be left for a block."""
    overlap = overlap_table(bilingual, lambda text: text.encode(), "en", ["ca"])
    every = subsets(overlap, same=1.0, different=0.5)["all"]
    try:
        blocks = assign_blocks(bilingual, every, "report", 1, 1, donor=0, tuning=0, seed=0)
    except NotEnoughFacts:
        blocks = None
    left = bilingual.filter(split="report")
    assert left.is_empty() if blocks is None else blocks.height == 1


def as_json(document: object) -> str:
    return json.dumps(document)


def as_csv(rows: list[list]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(row if isinstance(row, list) else [row] for row in rows)
    return text.getvalue()


def as_lines(lines: list) -> str:
    return "\n".join(map(str, lines))


def cases(count: int):
    return settings(max_examples=count)


def test_counterfact_files(tmp_path):
    path, answers = tmp_path / "facts.json", Answers()

    @cases(200)
    @given(damaged_files(COUNTERFACT, as_json), st.booleans())
    def case(content, whole):
        path.write_bytes(content)
        found = answers.ask(lambda: read_facts(path), f"{path}: ")
        if found:
            run_dataset_stages(*found, Echo(whole))

    case()
    answers.check(200)


def test_two_record_files(tmp_path):
    path, answers = tmp_path / "two.json", Answers()
    both = [
        fact | {"case_id": side["case_id"]}
        for fact, side in zip(COUNTERFACT, TWO_RECORD, strict=True)
    ]
    merged = [
        fact | {k: v for k, v in side.items() if k.startswith("eval")}
        for fact, side in zip(both, TWO_RECORD, strict=True)
    ]

    def read():
        return (*read_facts(path), read_two_record(path, CATALAN.elided_endings))

    @cases(100)
    @given(damaged_files(merged, as_json))
    def case(content):
        path.write_bytes(content)
        found = answers.ask(read, f"{path}: ")
        if found:
            facts, _, two_record = found
            bilingual, _ = imported_facts(facts, two_record, ENGLISH, CATALAN, LEAST)
            cut_into_blocks(bilingual)

    case()
    answers.check(100)


def test_triples_and_their_templates(tmp_path):
    path, answers = tmp_path / "triples.csv", Answers()
    templates = templates_path(path)

    @cases(100)
    @given(
        damaged_files(TRIPLES, as_csv),
        damaged_files(TEMPLATES, yaml.safe_dump, most=1),
    )
    def case(table, content):
        path.write_bytes(table)
        templates.write_bytes(content)
        found = answers.ask(lambda: read_facts(path, "triples"), f"{path}: ", f"{templates}: ")
        if found:
            run_dataset_stages(*found, Echo(whole_sources=False))

    case()
    answers.check(100)


def test_id_lists(tmp_path):
    path, answers = tmp_path / "ids.txt", Answers()
    lines = ["# chosen", "7", "rome_3", "12 # by hand", ""]

    @cases(100)
    @given(damaged_files([7, "rome_3", 12], as_json) | damaged_files(lines, as_lines))
    def case(content):
        path.write_bytes(content)
        found = answers.ask(lambda: read_ids(path), f"{path}: ")
        assert found is None or all(isinstance(case_id, int) for case_id in found)

    case()
    answers.check(100)


@pytest.fixture
def few_facts(tmp_path) -> pl.DataFrame:
    path = tmp_path / "few.json"
    path.write_text(as_json(COUNTERFACT), encoding="utf-8")
    return read_facts(path)[0]


@pytest.mark.parametrize("suffix", ["csv", "json"])
def test_translation_tables(tmp_path, few_facts, suffix):
    path, answers = tmp_path / f"table.{suffix}", Answers()
    prompts = prompts_of(list_prompts(few_facts, "en"))
    sources = dict.fromkeys(prompt.source for prompt in prompts)
    pairs = [[source, source.replace("the", "el")] for source in sources]
    files = (
        damaged_files([["source", "translation"], *pairs], as_csv)
        if suffix == "csv"
        else damaged_files(dict(pairs), as_json)
    )

    @cases(60)
    @given(files)
    def case(content):
        path.write_bytes(content)
        engine = answers.ask(lambda: TableEngine(path), str(path))
        if engine:
            with suppress(TranslationError):  # none of the sentences is in the table
                run_dataset_stages(few_facts, rejected_table([]), engine)

    case()
    answers.check(60)


def test_files_of_reviewed_corrections(tmp_path, few_facts):
    path, answers = tmp_path / "corrections.csv", Answers()
    prompts = list_prompts(few_facts, "en")
    translations = translate_prompts(prompts, Echo(whole_sources=False), ENGLISH, CATALAN)
    alignments = align_translations(prompts, translations, InOrder())
    rows = [
        ["case_id", "role", "prompt_type", "index", "prompt", "target", "subject"],
        ["7", "target_new", "rewrite", "0", "{} toca el", "piano", "Toko Yasuda"],
        ["3", "target_true", "neighborhood", "1", "Keith va néixer a", "Roma", ""],
        ["3", "target_true", "paraphrase", "0", "", "", ""],
    ]

    @cases(60)
    @given(damaged_files(rows, as_csv))
    def case(content):
        path.write_bytes(content)
        reviewed = answers.ask(lambda: read_corrections(path, prompts), f"{path}: ")
        if reviewed:
            found = answers.ask(
                lambda: repair_facts(
                    few_facts, prompts, translations, alignments, CATALAN, reviewed
                ),
                f"{path}: ",
            )
            if found:
                bilingual_facts(few_facts, found[0], ENGLISH, CATALAN, LEAST)

    case()
    answers.check(60)


def test_language_files(tmp_path, few_facts):
    path, answers = tmp_path / "ca.yaml", Answers()
    source = REPOSITORY / "resources" / "languages" / "ca.yaml"
    # a few entries of each list: its length is no matter here, and YAML is slow to read
    content = {
        key: value[:2] if isinstance(value, list) else value
        for key, value in yaml.safe_load(Path(source).read_text(encoding="utf-8")).items()
    }
    content |= {key: dict(list(content[key].items())[:2]) for key in ("elisions", "names")}

    @cases(60)
    @given(damaged_files(content, yaml.safe_dump))
    def case(text):
        path.write_bytes(text)
        found = answers.ask(lambda: load_language(path), f"{path}: ")
        if found:
            translate_prompts(
                list_prompts(few_facts, "en"), Echo(whole_sources=False), ENGLISH, found
            )

    case()
    answers.check(60)
