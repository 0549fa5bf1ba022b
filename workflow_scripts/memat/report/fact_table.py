"""Every fact of the source, one row per language: what each model says, kept or lost and why."""

from collections.abc import Sequence

import polars as pl

from memat.fact_sets import DONOR, TUNING
from memat.text.lost import in_words
from memat.text.rejections import FACT

SCORED, UNUSED, LOST = "scored", "not used", "lost"
FACT_SCHEMA = {
    "case_id": pl.Int64,
    **dict.fromkeys(("language", "relation", "subject", "prompt", "wanted"), pl.String),
    **dict.fromkeys(("true", "status", "why"), pl.String),
}
WHY_NOT_SCORED = {
    DONOR: "One of the facts whose corrections other facts are given (blocks.donor).",
    TUNING: "One of the facts to search settings with (blocks.tuning).",
    None: "In no set of this run (blocks).",
}
KEY = ["case_id", "language"]


def fact_table(
    source: Sequence[dict],
    bilingual: pl.DataFrame,
    blocks: pl.DataFrame,
    rejected: pl.DataFrame,
    languages: Sequence[str],
) -> pl.DataFrame:
    """`FACT_SCHEMA`: scored facts first, then lost ones, then those that the run does not use.

    source: every row of the facts file (`memat.text.reader.read_format`). bilingual, blocks,
    rejected: of the dataset. languages: the source's first. A fact that is lost in one target
    language is there in the others; in the source's it is lost if it is in all of them, with
    every reason. The prompt of a lost fact is known in the source's language only; where the
    targets have prompts of their own, that of the new one.
    """
    sets = dict(blocks.select("case_id", "block").iter_rows())
    # (case id, language) → why a fact is lost there; language None: in all
    of_facts = rejected.filter(prompt_type=FACT).select("case_id", "language", "reason")
    lost = {(case_id, language): reason for case_id, language, reason in of_facts.iter_rows()}
    asked = {
        (row["case_id"], row["language"], row["role"]): row
        for row in bilingual.filter(prompt_type="rewrite").iter_rows(named=True)
    }
    rows = [
        _fact_row(fact, language, asked, place == 0)
        | _status(_why_lost(fact["case_id"], language, languages, lost), sets.get(fact["case_id"]))
        for fact in source
        for place, language in enumerate(languages)
    ]
    order = {SCORED: 0, LOST: 1}
    rows.sort(key=lambda row: order.get(row["status"], 2))
    return pl.DataFrame(rows, schema=FACT_SCHEMA)


def _fact_row(fact: dict, language: str, asked: dict, is_source: bool) -> dict:
    new = asked.get((fact["case_id"], language, "target_new"))
    true = asked.get((fact["case_id"], language, "target_true"))
    given = fact if is_source else {}
    prompt = given["prompt"].replace("{}", given["subject"]) if given else None
    return {
        "case_id": fact["case_id"],
        "language": language,
        "relation": fact["relation_id"],
        "subject": (new or {}).get("subject") or fact["subject"],
        "prompt": new["prompt"] if new else prompt,
        "wanted": new["target"] if new else given.get("target_new"),
        "true": true["target"] if true else given.get("target_true"),
    }


def _why_lost(case_id: int, language: str, languages: Sequence[str], lost: dict) -> list[str]:
    """Reason codes of a fact that is lost in one language, each once; none if it is there."""
    everywhere = lost.get((case_id, None))
    if everywhere is not None:
        return [everywhere]
    source, *targets = languages
    asked = targets if language == source else [language]
    reasons = [lost.get((case_id, code)) for code in asked]
    return list(dict.fromkeys(reasons)) if None not in reasons else []


def _status(reasons: Sequence[str], block: str | None) -> dict:
    if reasons:
        told = (f"{reason}: {in_words(reason)}" for reason in reasons)
        return {"status": LOST, "why": " ".join(told)}
    if block in WHY_NOT_SCORED:
        return {"status": block or UNUSED, "why": WHY_NOT_SCORED[block]}
    return {"status": SCORED, "why": None}


def with_models(
    facts: pl.DataFrame,
    experiments: Sequence[str],
    scores: Sequence[pl.DataFrame],
    answers: Sequence[pl.DataFrame],
    probability: str,
) -> pl.DataFrame:
    """The facts with three columns for each experiment; empty where its model was not asked.

    They are called `<experiment> says`, `… P(wanted)` and `… P(true)`. scores, answers: of each
    experiment, all blocks together. probability: as in `memat.evaluate.metrics.fact_metrics`.
    """
    tokens = pl.col("n_tokens") if probability == "geometric" else 1
    chance = (-pl.col("nll") / tokens).exp()
    for name, scored, answered in zip(experiments, scores, answers, strict=True):
        rewrites, said = (table.filter(prompt_type="rewrite") for table in (scored, answered))
        columns = [
            said.select(*KEY, pl.col("answer").alias(f"{name} says")),
            rewrites.filter(role="target_new").select(*KEY, chance.alias(f"{name} P(wanted)")),
            rewrites.filter(role="target_true").select(*KEY, chance.alias(f"{name} P(true)")),
        ]
        for column in columns:
            facts = facts.join(column, on=KEY, how="left", maintain_order="left")
    return facts
