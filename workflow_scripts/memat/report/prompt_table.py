"""Every prompt of every fact beside each model: the rows of the page of facts."""

from collections.abc import Mapping, Sequence

import polars as pl

from memat.evaluate.distracted import prompts_of_types
from memat.evaluate.fact_metrics import prompt_pairs
from memat.evaluate.pairing import rows_to_score
from memat.evaluate.prompt_types import PROMPT_TYPES, WANTED

FACT = ["case_id", "language"]
PROMPT = [*FACT, "prompt_type", "index"]
OTHER = {name: kind.other for name, kind in PROMPT_TYPES.items()}
PROMPT_SCHEMA = {
    "case_id": pl.Int64,
    **dict.fromkeys(("language", "prompt_type"), pl.String),
    "index": pl.Int64,
    **dict.fromkeys(("prompt", "translations", "wanted", "other", "model"), pl.String),
    **dict.fromkeys(("P(wanted)", "P(other)"), pl.Float64),
    **dict.fromkeys(("says", "status", "why"), pl.String),
}


def prompt_table(
    facts: pl.DataFrame, asked: Sequence[pl.DataFrame], languages: Sequence[str]
) -> pl.DataFrame:
    """`PROMPT_SCHEMA`: what every model was asked, fact by fact in the order of `facts`.

    facts: of `memat.report.fact_table.fact_table`. asked: of each model, as `asked_prompts` gives
    it. A fact that no model was asked has one row without a model, with its edited prompt.
    `translations` are the prompt and its wanted target in the other languages of the run.
    """
    edited = facts.with_row_index("place").rename({"true": "other"})
    edited = edited.with_columns(prompt_type=pl.lit("rewrite"), index=pl.lit(0, pl.Int64))
    rows = pl.concat(asked).join(edited.select(*FACT, "place", "status", "why"), on=FACT)
    unasked = edited.join(rows, on=FACT, how="anti")
    rows = pl.concat(
        [rows, unasked.select(c for c in unasked.columns if c in rows.columns)], how="diagonal"
    )
    types = {name: number for number, name in enumerate(PROMPT_TYPES)}
    rows = _with_translations(rows, languages).sort(
        "place", pl.col("prompt_type").replace_strict(types), "index", maintain_order=True
    )
    return rows.select(pl.col(name).cast(kind) for name, kind in PROMPT_SCHEMA.items())


def asked_prompts(
    bilingual: pl.DataFrame,
    experiment: str,
    scores: pl.DataFrame,
    answers: pl.DataFrame,
    probability: str,
    pairing: str,
    targets: Sequence[str],
) -> pl.DataFrame:
    """The prompts that one model was asked: `PROMPT`, prompt, wanted, other, model, P(wanted),
    P(other), says (None: not answered freely).

    scores, answers: of the experiment, all blocks together. probability: config key
    `summary.probability`. pairing: how targets are put to prompts (`reproduce`). targets: the target
    languages. Where both targets have prompts of their own, `prompt` is that of the wanted one.
    Raises DamagedFile.
    """
    known = prompts_of_types(bilingual, sorted(scores["prompt_type"].unique()))
    rows = rows_to_score(known, targets, pairing)
    wanted = _of_roles(rows, WANTED).select(*PROMPT, "prompt", wanted="target")
    other = _of_roles(rows, OTHER).select(*PROMPT, other="target")
    pairs = prompt_pairs(scores, probability).select(
        *PROMPT,
        (-pl.col("nll")).exp().alias("P(wanted)"),
        (-pl.col("other_nll")).exp().alias("P(other)"),
    )
    # scores may be paired in another order than the prompts that were answered have
    same = [*FACT, "prompt_type", "prompt"]
    said = answers.join(_of_roles(known, WANTED), on=PROMPT).select(*same, says="answer")
    return (
        wanted.join(other, on=PROMPT, how="left", maintain_order="left")
        .join(pairs, on=PROMPT, maintain_order="left")
        .with_columns(model=pl.lit(experiment))
        .join(said.unique(same, keep="first"), on=same, how="left", maintain_order="left")
    )


def _of_roles(rows: pl.DataFrame, roles: Mapping[str, str | None]) -> pl.DataFrame:
    """The rows whose target has the role that belongs to their type of prompts."""
    return rows.filter(
        pl.col("role") == pl.col("prompt_type").replace_strict(roles, return_dtype=pl.String)
    )


def _with_translations(rows: pl.DataFrame, languages: Sequence[str]) -> pl.DataFrame:
    same = ["case_id", "prompt_type", "index"]
    sentence = pl.concat_str("prompt", pl.lit(" | "), "wanted")
    for code in languages:
        said = rows.filter(language=code).unique(same, keep="first")
        said = said.select(*same, pl.concat_str(pl.lit(f"{code}: "), sentence).alias(code))
        rows = rows.join(said, on=same, how="left", maintain_order="left")
    of_others = [pl.when(pl.col("language") != code).then(pl.col(code)) for code in languages]
    return rows.with_columns(
        translations=pl.concat_str(of_others, separator="; ", ignore_nulls=True)
    ).drop(*languages)
