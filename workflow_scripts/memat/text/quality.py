"""How good the translation is, against a reference nobody else reads."""

import polars as pl
from sacrebleu.metrics import CHRF

from memat.errors import FactError
from memat.text.languages import Language
from memat.text.prompts import prompt_id
from memat.text.spans import ends_with_word, occurrences
from memat.text.translate import translated

QUALITY_SCHEMA = {
    "relation_id": pl.String,
    "sentences": pl.Int64,
    "chrf": pl.Float64,
    "ends_with_target": pl.Float64,
    "keeps_subject": pl.Float64,
}
ALL = "all"


def translation_quality(
    prompts: pl.DataFrame, translations: pl.DataFrame, reference: pl.DataFrame, language: Language
) -> pl.DataFrame:
    """`QUALITY_SCHEMA`, one row a relation and one for all together.

    chrf: sacrebleu's, 0..100, without the noise in front. ends_with_target: share of
    sentences that end with the reference's target; keeps_subject: share that hold the
    subject in the source's or the other language's form. Raises FactError if the
    reference has none of the facts.
    """
    wanted = {}  # prompt_id → reference sentence and its target
    for row in reference.iter_rows(named=True):
        key = prompt_id(row["case_id"], row["role"], row["prompt_type"], row["index"])
        space = "" if row["joined"] else " "
        wanted[key] = (f"{row['prompt']}{space}{row['target']}.", row["target"])
    measured: dict[str, list[tuple[str, str, bool, bool]]] = {ALL: []}
    for prompt, row, text in translated(prompts, translations):
        if prompt.prompt_id in wanted:
            sentence, target = wanted[prompt.prompt_id]
            names = [name for name in (prompt.subject, row["translated_subject"]) if name]
            kept = any(occurrences(text, name) for name in names)
            found = (text, sentence, ends_with_word(text, target) is not None, kept)
            measured[ALL].append(found)
            measured.setdefault(prompt.relation_id, []).append(found)
    if not measured[ALL]:
        raise FactError(f"the {language.name} reference has none of the facts")
    rows = [_summary(relation, sentences) for relation, sentences in measured.items()]
    return pl.DataFrame(rows, schema=QUALITY_SCHEMA, orient="row")


def _summary(relation: str, rows: list[tuple]) -> tuple:
    texts, references, ends, kept = zip(*rows, strict=True)
    chrf = CHRF().corpus_score(list(texts), [list(references)]).score
    return relation, len(rows), chrf, sum(ends) / len(rows), sum(kept) / len(rows)
