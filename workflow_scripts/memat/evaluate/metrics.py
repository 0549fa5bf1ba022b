"""Success, magnitude and accuracy of every fact (paper, eq. 7, 8 and 13).

A scores table holds one row per prompt and target. Here the two targets of one
prompt become one pair, pairs become numbers per prompt, prompts are averaged
within a fact. Means over facts, and the harmonic score of them, come later
(`memat.evaluate.intervals`, `memat.report.tables`). All numbers are fractions:
success and accuracy in [0, 1], magnitude in [-1, 1].
"""

import numpy as np
import polars as pl

from memat.errors import ConfigError, DamagedFile, NonFiniteValue

PROMPT_TYPES = {"E": "rewrite", "P": "paraphrase", "N": "neighborhood"}
FAMILIES = {"S": "success", "M": "magnitude", "A": "accuracy"}
FACT_METRICS = tuple(letter + family for family in FAMILIES for letter in PROMPT_TYPES)
SCORE = "S"
SCORE_PARTS = ("ES", "PS", "NS")
METRICS = (*SCORE_PARTS, SCORE, *(name for name in FACT_METRICS if name not in SCORE_PARTS))
PROBABILITIES = ("geometric", "joint")

_PROMPT = ["case_id", "block", "language", "prompt_type", "index"]


def fact_metrics(scores: pl.DataFrame, probability: str = "geometric") -> pl.DataFrame:
    """Nine metrics per fact: case_id, block, language, metric, value (fraction).

    scores: case_id, block, language, role, prompt_type, index, nll (sum over the target's
    tokens, nats), n_tokens, is_greedy; both roles of every (case_id, prompt_type, index), but of
    a fact whose true target is unknown target_new alone.
    probability: "geometric" is P = exp(-nll / n_tokens), "joint" is P = exp(-nll).

    The wanted target is target_new on rewrite and paraphrase prompts, target_true on
    neighborhood prompts. Success is strict: equal probabilities are no success. A
    fact without prompts of a type has no row for the metrics of that type, and one without
    a true target none for success and magnitude.
    Raises DamagedFile if a prompt lacks a role or has one twice, NonFiniteValue(case_id).
    """
    pairs = prompt_pairs(scores, probability)
    wanted_new = pl.col("prompt_type") != PROMPT_TYPES["N"]
    wanted, other = (
        pl.when(wanted_new).then(pl.col(f"nll_{a}")).otherwise(pl.col(f"nll_{b}"))
        for a, b in (("target_new", "target_true"), ("target_true", "target_new"))
    )
    greedy = (
        pl.when(wanted_new)
        .then(pl.col("is_greedy_target_new"))
        .otherwise(pl.col("is_greedy_target_true"))
    )
    prompts = pairs.with_columns(
        # compared as NLL: exp() of a long target's joint NLL underflows to 0 = 0
        S=(wanted < other).cast(pl.Float64),
        M=(-wanted).exp() - (-other).exp(),
        A=greedy.cast(pl.Float64),
    )
    facts = prompts.group_by(
        "case_id", "block", "language", "prompt_type", maintain_order=True
    ).agg(pl.col(*FAMILIES).mean())
    letter = {name: letter for letter, name in PROMPT_TYPES.items()}
    order = pl.Enum(FACT_METRICS)
    return (
        facts.unpivot(
            on=list(FAMILIES),
            index=["case_id", "block", "language", "prompt_type"],
            variable_name="family",
            value_name="value",
        )
        .drop_nulls("value")
        .with_columns(
            metric=(pl.col("prompt_type").replace_strict(letter) + pl.col("family")).cast(order)
        )
        .sort("language", "block", "case_id", "metric")
        .select("case_id", "block", "language", pl.col("metric").cast(pl.String), "value")
    )


def prompt_pairs(scores: pl.DataFrame, probability: str = "geometric") -> pl.DataFrame:
    """One row per prompt: nll (-log P, nats) and is_greedy of target_new and target_true.

    P is `probability`: nll is the mean over the target's tokens if geometric, their sum if joint.

    The source pairs two targets after one prompt, a target language the same prompt of the two
    records (it may differ in gender or article): both share (case_id, prompt_type, index). Of a
    fact without a true target, its nll and is_greedy are null.
    """
    if probability not in PROBABILITIES:
        raise ConfigError(f"summary.probability: {probability!r} is none of {PROBABILITIES}")
    _refuse_non_finite(scores)
    tokens = pl.col("n_tokens") if probability == "geometric" else 1
    sides = [
        scores.filter(role=role).select(
            *_PROMPT,
            (pl.col("nll") / tokens).alias(f"nll_{role}"),
            pl.col("is_greedy").alias(f"is_greedy_{role}"),
        )
        for role in ("target_new", "target_true")
    ]
    unpaired = _unpaired(scores)
    if unpaired.height:
        raise DamagedFile(_in_words(unpaired.row(0, named=True)))
    pairs = sides[0].join(sides[1], on=_PROMPT, how="left")
    return pairs.sort(_PROMPT)  # a mean depends on the order of its terms in the last bit


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


def _unpaired(scores: pl.DataFrame) -> pl.DataFrame:
    """Prompts whose targets are not those that their fact's prompts have, each once."""
    known = (pl.col("role") == "target_true").any().over("case_id", "block", "language")
    roles = scores.with_columns(known=known).group_by(_PROMPT, maintain_order=True)
    roles = roles.agg(pl.col("role").sort(), pl.col("known").first())
    # a neighbour's answer is the true target: without one there is none
    alone = ~pl.col("known") & (pl.col("prompt_type") != PROMPT_TYPES["N"])
    wanted = (
        pl.when(alone).then(pl.lit(["target_new"])).otherwise(pl.lit(["target_new", "target_true"]))
    )
    return roles.filter(pl.col("role") != wanted)


def _in_words(odd: dict) -> str:
    return (
        f"scores: fact {odd['case_id']}, {odd['language']} {odd['prompt_type']} prompt "
        f"{odd['index']} has the targets {odd['role']}; exactly one target_new and one target_true are needed"
    )
