"""Metrics of every fact, of the families that are asked for (paper, eq. 7, 8 and 13).

A scores table holds one row per prompt and target. Here the two targets of one prompt become
one pair, a family (`memat.evaluate.metrics`) turns pairs into numbers per prompt, and prompts
are averaged within a fact. Means over facts, and the harmonic score of them, come later
(`memat.evaluate.intervals`, `memat.report.tables`). All numbers are fractions.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from memat.errors import ConfigError, DamagedFile, NonFiniteValue
from memat.evaluate.families import ANSWERS, SCORES, fact_metrics_of, load_family
from memat.evaluate.matching import is_contained, is_exact
from memat.evaluate.prompt_types import PROMPT_TYPES, WANTED
from memat.text.languages import Language

FACT_SCHEMA = {
    "case_id": pl.Int64,
    "block": pl.String,
    "language": pl.String,
    "metric": pl.String,
    "value": pl.Float64,
}
PROBABILITIES = ("geometric", "joint")

_FACT = ["case_id", "block", "language"]
_PROMPT = [*_FACT, "prompt_type", "index"]
NEW, TRUE = "target_new", "target_true"


def fact_metrics(
    scores: pl.DataFrame, families: Sequence[str], probability: str = "geometric"
) -> pl.DataFrame:
    """The metrics of some families per fact: case_id, block, language, metric, value (fraction).

    Those that read answers are left to `answer_metrics`.
    scores: case_id, block, language, role, prompt_type, index, nll (sum over the target's
    tokens, nats), n_tokens, is_greedy; both roles of every (case_id, prompt_type, index), but of
    a fact whose true target is unknown target_new alone, and of a portability prompt its answer.
    probability: "geometric" is P = exp(-nll / n_tokens), "joint" is P = exp(-nll).

    A fact without prompts of a type has no row for the metrics of that type, and one without
    a true target none for metrics that compare both targets.
    Raises DamagedFile if a prompt lacks a role or has one twice, NonFiniteValue(case_id).
    """
    return _by_fact(prompt_pairs(scores, probability), families, SCORES)


def answer_metrics(
    answers: pl.DataFrame, families: Sequence[str], languages: Mapping[str, Language]
) -> pl.DataFrame:
    """Those of the families that read answers, as `fact_metrics`.

    answers: `memat.evaluate.asked.ANSWER_SCHEMA`. languages: by code, each with its articles,
    elisions and inflections.
    """
    return _by_fact(matched_answers(answers, languages), families, ANSWERS)


def _by_fact(asked: pl.DataFrame, families: Sequence[str], read: str) -> pl.DataFrame:
    """Means over the prompts of each fact and type. asked: a row per prompt."""
    families = [family for family in families if read == load_family(family).READS]
    if not families:
        return pl.DataFrame(schema=FACT_SCHEMA)
    prompts = asked.with_columns(
        load_family(family).of_prompts(asked).alias(family) for family in families
    )
    facts = prompts.group_by(*_FACT, "prompt_type", maintain_order=True).agg(
        pl.col(*families).mean()
    )
    metrics = fact_metrics_of(families)
    order = pl.Enum([metric.name for metric in metrics])
    names = pl.DataFrame(
        [(metric.prompt_type, metric.family, metric.name) for metric in metrics],
        schema={"prompt_type": pl.String, "family": pl.String, "metric": order},
        orient="row",
    )
    return (
        facts.unpivot(families, index=[*_FACT, "prompt_type"], variable_name="family")
        .drop_nulls("value")
        .join(names, on=["prompt_type", "family"], how="inner")
        .sort("language", "block", "case_id", "metric")
        .select(*_FACT, pl.col("metric").cast(pl.String), "value")
    )


def prompt_pairs(scores: pl.DataFrame, probability: str = "geometric") -> pl.DataFrame:
    """One row per prompt, with what a family reads of it (`memat.evaluate.metrics`).

    case_id, block, language, prompt_type, index; nll and other_nll: −log P of the wanted and of
    the other target, nats, where P is `probability`; is_greedy: of the wanted target. The wanted
    target is target_new on rewrite and paraphrase prompts, target_true on neighborhood prompts.

    The source pairs two targets after one prompt, a target language the same prompt of the two
    records (it may differ in gender or article): both share (case_id, prompt_type, index). Of a
    fact without a true target, other_nll is null.
    """
    if probability not in PROBABILITIES:
        raise ConfigError(f"summary.probability: {probability!r} is none of {PROBABILITIES}")
    _refuse_non_finite(scores)
    _refuse_unpaired(scores)
    tokens = pl.col("n_tokens") if probability == "geometric" else 1
    of_role = scores.select(*_PROMPT, "role", nll=pl.col("nll") / tokens, is_greedy="is_greedy")
    other = {name: asked.other for name, asked in PROMPT_TYPES.items() if asked.other}
    asked = of_role.filter(pl.col("role") == pl.col("prompt_type").replace_strict(WANTED))
    compared = of_role.filter(
        pl.col("role") == pl.col("prompt_type").replace_strict(other, default=None)
    )
    pairs = asked.drop("role").join(
        compared.select(*_PROMPT, other_nll="nll"), on=_PROMPT, how="left"
    )
    return pairs.sort(_PROMPT)  # a mean depends on the order of its terms in the last bit


def matched_answers(answers: pl.DataFrame, languages: Mapping[str, Language]) -> pl.DataFrame:
    """The answers with `contained` and `exact`: whether each gives the target that is wanted."""
    rows = answers.select("answer", "wanted", "language").iter_rows()
    found = [
        (is_contained(answer, wanted, languages[code]), is_exact(answer, wanted, languages[code]))
        for answer, wanted, code in rows
    ]
    matched = pl.DataFrame(
        found, schema={"contained": pl.Boolean, "exact": pl.Boolean}, orient="row"
    )
    return pl.concat([answers, matched], how="horizontal").sort(_PROMPT)


def harmonic_mean(parts: np.ndarray) -> np.ndarray:
    """Harmonic mean over the last axis, (..., 3) → (...); 0 where a part is 0 (its limit)."""
    parts = np.asarray(parts, dtype=np.float64)
    with np.errstate(divide="ignore"):
        return parts.shape[-1] / (1 / parts).sum(axis=-1)


def _refuse_non_finite(scores: pl.DataFrame) -> None:
    bad = scores.filter(~pl.col("nll").is_finite().fill_null(False) | (pl.col("n_tokens") < 1))
    if bad.height:
        row = bad.row(0, named=True)
        raise NonFiniteValue(
            f"scores: fact {row['case_id']}, {row['language']} {row['prompt_type']} prompt "
            f"{row['index']}, {row['role']}: nll {row['nll']} over {row['n_tokens']} tokens"
        )


def _refuse_unpaired(scores: pl.DataFrame) -> None:
    """The targets of each prompt must be those that its fact's prompts have, each once."""
    wants_new = [name for name, wanted in WANTED.items() if wanted == NEW]
    # neighbours with an answer of their own have one whether or not the fact's is known
    known = (pl.col("role") == TRUE) & pl.col("prompt_type").is_in(wants_new)
    known = known.any().over(_FACT)
    roles = scores.with_columns(known=known).group_by(_PROMPT, maintain_order=True)
    roles = roles.agg(pl.col("role").sort().str.join(" "), pl.col("known").first())
    compared = {
        name: " ".join(sorted(filter(None, [asked.wanted, asked.other])))
        for name, asked in PROMPT_TYPES.items()
    }
    # a neighbour wants an answer that is known; the new target can stand alone
    alone = ~pl.col("known") & pl.col("prompt_type").is_in(wants_new)
    wanted = pl.col("prompt_type").replace_strict(compared, return_dtype=pl.String)
    unpaired = roles.filter(pl.col("role") != pl.when(alone).then(pl.lit(NEW)).otherwise(wanted))
    if unpaired.height:
        odd = unpaired.row(0, named=True)
        raise DamagedFile(
            f"scores: fact {odd['case_id']}, {odd['language']} {odd['prompt_type']} prompt"
            f" {odd['index']} has the targets {odd['role']}; each that its type is asked with is"
            " needed exactly once"
        )
