"""How good the translation is, against a reference nobody else reads."""

from collections.abc import Iterable

import polars as pl
from sacrebleu.metrics import CHRF

from memat.errors import FactError
from memat.text.languages import Language
from memat.text.sentences import Sentence, fact_sentences
from memat.text.spans import ends_with_word, occurrences

QUALITY_SCHEMA = {
    "relation_id": pl.String,
    "sentences": pl.Int64,
    "chrf": pl.Float64,
    "ends_with_target": pl.Float64,
    "keeps_subject": pl.Float64,
}
ALL = "all"


def reference_sentences(reference: pl.DataFrame) -> dict[tuple, tuple[str, str]]:
    """(case_id, role, prompt_type, index) → reference sentence and its target."""
    sentences = {}
    for row in reference.iter_rows(named=True):
        key = (row["case_id"], row["role"], row["prompt_type"], row["index"])
        space = "" if row["joined"] else " "
        sentences[key] = (f"{row['prompt']}{space}{row['target']}.", row["target"])
    return sentences


def translation_quality(
    facts: pl.DataFrame,
    translations: pl.DataFrame,
    reference: pl.DataFrame,
    language: Language,
) -> pl.DataFrame:
    """`QUALITY_SCHEMA`, one row a relation and one for all together.

    chrf: sacrebleu's, 0..100, without the noise in front. ends_with_target: share of
    sentences that end with the reference's target; keeps_subject: share that hold the
    subject in the source's or the other language's form. Raises FactError if the
    reference has none of the facts.
    """
    by_source = {(r["source"], r["subject"]): r for r in translations.iter_rows(named=True)}
    wanted = reference_sentences(reference)
    measured: dict[str, list[tuple]] = {ALL: []}
    for fact, sentences in fact_sentences(facts):
        for row in _measured(sentences, by_source, wanted):
            measured[ALL].append(row)
            measured.setdefault(fact["relation_id"], []).append(row)
    if not measured[ALL]:
        raise FactError(f"the {language.name} reference has none of the facts")
    rows = [_summary(relation, sentences) for relation, sentences in measured.items()]
    return pl.DataFrame(rows, schema=QUALITY_SCHEMA)


def _measured(
    sentences: Iterable[Sentence], by_source: dict, wanted: dict
) -> Iterable[tuple[str, str, bool, bool]]:
    """Translation, reference, whether the target ends it, whether the subject is kept."""
    for sentence in sentences:
        prompt = sentence.prompt
        key = (prompt.case_id, sentence.role, prompt.prompt_type, prompt.index)
        row = by_source.get((sentence.source, prompt.subject))
        if key not in wanted or row is None:
            continue
        reference, target = wanted[key]
        text = row["translation"][row["translation_core"] :]
        names = [name for name in (prompt.subject, row["translated_subject"]) if name]
        kept = any(occurrences(text, name) for name in names)
        yield text, reference, ends_with_word(text, target) is not None, kept


def _summary(relation: str, rows: list[tuple]) -> dict:
    texts, references, ends, kept = zip(*rows, strict=True)
    return {
        "relation_id": relation,
        "sentences": len(rows),
        "chrf": CHRF().corpus_score(list(texts), [list(references)]).score,
        "ends_with_target": sum(ends) / len(rows),
        "keeps_subject": sum(kept) / len(rows),
    }
