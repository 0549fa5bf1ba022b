"""A facts file whose records hold the target languages too: nothing is translated.

Each format says what its records hold in a language (`memat.text.readers`, `read_language`). Where
the subject of a record does not stand in the rewrite prompt as it is written, the words of the
prompt that align with the source's subject are taken for it.
"""

from collections.abc import Callable, Sequence

import polars as pl

from memat.errors import FactError
from memat.text.gender import STAGE, LeastPrompts, paired_facts
from memat.text.languages import Language
from memat.text.placed import NOT_FOUND, place_subject
from memat.text.prompts import BILINGUAL_SCHEMA, prompt_id
from memat.text.rejections import FACT, Rejection, lost_in, rejected_table
from memat.text.repaired import REPAIRED_SCHEMA
from memat.text.spans import AlignedSentence, occurrences, sure_subject
from memat.text.words import words_of

# (source words, words of the other language) of some sentences → aligned positions of each
Align = Callable[[Sequence[tuple[list[str], list[str]]]], list[list[tuple[int, int]]]]


def import_bilingual(
    facts: pl.DataFrame,
    given: pl.DataFrame,
    language: Language,
    least: LeastPrompts,
    align: Align | None = None,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`BILINGUAL_SCHEMA` in a target language and rejected rows, of facts that hold it.

    given: `memat.text.two_record.GIVEN_SCHEMA`; a rewrite prompt whose subject is not found has
    no template. align: called once, where there are such prompts.
    Raises FactError where no fact has a record in the language.
    """
    held = facts.join(given, on="case_id", how="semi")
    if held.is_empty() and not facts.is_empty():
        raise FactError(f"no fact has a record in {language.name}")
    missing = facts.join(given, on="case_id", how="anti")["case_id"]
    lost = [Rejection(case_id, STAGE, FACT, "no_record_in_language") for case_id in missing]
    rows = given.drop("relation_id").join(
        facts.select("case_id", "relation_id", "split"), on="case_id", how="inner"
    )
    templates, unplaced = _aligned_templates(held, rows, align)
    lost += unplaced
    left_out = {rejection.case_id for rejection in unplaced}
    prepared = [
        _as_repaired(
            row | templates.get(row["case_id"], {}) if row["prompt_type"] == "rewrite" else row
        )
        for row in rows.iter_rows(named=True)
        if row["case_id"] not in left_out
    ]
    repaired = pl.DataFrame(prepared, schema=REPAIRED_SCHEMA)
    paired, rejected = paired_facts(facts, repaired, language, least)
    return paired, pl.concat([lost_in(rejected_table(lost), language.code), rejected])


def _aligned_templates(
    facts: pl.DataFrame, rows: pl.DataFrame, align: Align | None
) -> tuple[dict[int, dict], list[Rejection]]:
    """Case id → template and subject of each rewrite prompt that has none, and rejections of
    those for which none is found."""
    unplaced = rows.filter((pl.col("prompt_type") == "rewrite") & pl.col("template").is_null())
    unplaced = unplaced.unique("case_id", maintain_order=True)
    asked = unplaced.select("case_id", "prompt").join(
        facts.select("case_id", "subject", source="prompt"), on="case_id", maintain_order="left"
    )
    if asked.is_empty():
        return {}, []
    words = [
        (words_of(source.replace("{}", subject)), words_of(prompt))
        for prompt, subject, source in asked.select("prompt", "subject", "source").iter_rows()
    ]
    aligned = align(words) if align else [[]] * len(words)
    templates, lost = {}, []
    for row, pairs, (source, other) in zip(
        asked.iter_rows(named=True), aligned, words, strict=True
    ):
        sentence = AlignedSentence.of(row["prompt"], source, other, pairs)
        placed = place_subject(row["prompt"], sure_subject(sentence, row["subject"]) or "")
        if placed.template is None:
            place = (row["case_id"], STAGE, FACT, placed.reason or NOT_FOUND)
            lost.append(Rejection(*place, detail=row["prompt"]))
        else:
            templates[row["case_id"]] = {"template": placed.template, "subject": placed.subject}
    return templates, lost


def _as_repaired(row: dict) -> dict:
    """A prompt in the shape that the gender stage reads; a person wrote its target."""
    subject = row["subject"]
    if row["prompt_type"] != "rewrite" and not occurrences(row["prompt"], subject or ""):
        subject = None
    return {name: row.get(name) for name in BILINGUAL_SCHEMA if name != "language"} | {
        "prompt_id": prompt_id(
            *(row[name] for name in ("case_id", "role", "prompt_type", "index"))
        ),
        "subject": subject,
        "source": row["prompt"],
        "plain_target": row["target"],
        "answer": row["answer"],
        "flags": ["reviewed"],
    }
