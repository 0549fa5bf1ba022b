"""The results as tables: per-fact metrics, summary and differences, in percent."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from memat.edit.solver import DEFAULT
from memat.errors import ConfigError, NotEnoughFacts
from memat.evaluate.intervals import (
    BootstrapSettings,
    bootstrap_means,
    column_means,
    percentile_interval,
)
from memat.evaluate.metrics import (
    FACT_METRICS,
    METRICS,
    SCORE,
    SCORE_PARTS,
    fact_metrics,
    harmonic_mean,
)

DECIMALS = 4  # of a percent, in the CSV files
NOISE = 9  # decimals of a percent that rounding errors of a mean do not reach
_PARTS = [FACT_METRICS.index(name) for name in SCORE_PARTS]
_ORDER = [(*FACT_METRICS, SCORE).index(name) for name in METRICS]


def metrics_frame(
    scores: Sequence[tuple[str, pl.DataFrame]], experiments: Sequence[dict], probability: str
) -> pl.DataFrame:
    """experiment, eval_language, block, case_id, metric, value (fraction), in config order.

    scores: (experiment name, scores table) of every block and language.
    """
    names = [experiment["name"] for experiment in experiments]
    for name, _ in scores:
        if name not in names:
            raise ConfigError(f"scores of experiment {name!r}, which is not one of {names}")
    frames = [
        fact_metrics(table, probability).select(
            pl.lit(name).alias("experiment"),
            pl.col("language").alias("eval_language"),
            "block",
            "case_id",
            "metric",
            "value",
        )
        for experiment in names
        for name, table in scores
        if name == experiment
    ]
    if not frames:
        raise NotEnoughFacts("no score file was given")
    return pl.concat(frames)


def summary_frame(
    metrics: pl.DataFrame,
    experiments: Sequence[dict],
    languages: Sequence[str],
    settings: BootstrapSettings,
) -> pl.DataFrame:
    """One row per experiment, language and metric; value, low, high in percent.

    metrics: result of `metrics_frame`. experiments: rows of a study file
    (`memat.study.rows.Row.described`). Random-heads controls have the method "memat-random"; `heads`
    is the number of corrected heads, 0 without corrections. n_facts counts the facts
    that have the metric; for the harmonic score S it is the least of ES, PS, NS.
    """
    rows = []
    for experiment in experiments:
        described = {
            "experiment": experiment["name"],
            "method": method_name(experiment),
            "edit_language": experiment["edit_language"],
            "combine": experiment["combine"],
            "head_language": experiment["head_language"],
            "heads": experiment["k"] or 0,
        }
        for language in languages:
            facts = _facts_by_metric(metrics, experiment["name"], language)
            values, blocks = _matrix(facts), facts["block"].to_numpy()
            draws = bootstrap_means(values, blocks, settings)
            estimate = _with_score(column_means(values))
            low, high = percentile_interval(_with_score(draws), settings.confidence)
            counts = _counts(values)
            for place in _ORDER:
                name = (*FACT_METRICS, SCORE)[place]
                floor = -1.0 if name.endswith("M") else 0.0
                rows.append(
                    described
                    | {"n_facts": int(counts[place]), "eval_language": language, "metric": name}
                    | percent(
                        value=estimate[place],
                        low=np.clip(low[place], floor, 1.0),
                        high=np.clip(high[place], floor, 1.0),
                    )
                )
    return pl.DataFrame(rows, schema=SUMMARY_SCHEMA)


def differences_frame(
    metrics: pl.DataFrame,
    experiments: Sequence[dict],
    languages: Sequence[str],
    settings: BootstrapSettings,
) -> pl.DataFrame:
    """`paired_differences` of each row and its baselines."""
    pairs = [(row["name"], baseline) for row in experiments for baseline in row["baselines"]]
    return paired_differences(metrics, pairs, languages, settings)


def paired_differences(
    metrics: pl.DataFrame,
    pairs: Sequence[tuple[str, str]],
    languages: Sequence[str],
    settings: BootstrapSettings,
) -> pl.DataFrame:
    """experiment − baseline in percentage points, paired on the facts both have."""
    rows = []
    for name, baseline in pairs:
        for language in languages:
            ours, theirs, blocks = _shared_facts(metrics, name, baseline, language)
            # one call, so that all three averages are over the same drawn facts
            values = np.hstack([ours, theirs, ours - theirs])
            estimate = _with_score_difference(column_means(values))
            draws = _with_score_difference(bootstrap_means(values, blocks, settings))
            low, high = percentile_interval(draws, settings.confidence)
            counts = _counts(ours)
            rows.extend(
                {"experiment": name, "baseline": baseline, "eval_language": language}
                | {"metric": (*FACT_METRICS, SCORE)[place], "n_facts": int(counts[place])}
                | percent(difference=estimate[place], low=low[place], high=high[place])
                for place in _ORDER
            )
    return pl.DataFrame(rows, schema=DIFFERENCES_SCHEMA)


def method_name(experiment: dict) -> str:
    """Method as the tables name it: a random-heads control is no MEMAT result."""
    random = experiment["select"] == "random"
    name = experiment["method"] + ("-random" if random else "")
    name += "-recycled" if experiment["recycled"] else ""
    solver = experiment["solver"]
    if solver in (None, DEFAULT):
        return name
    return solver if name == "memit" else f"{name}-{solver}"


SUMMARY_SCHEMA = {
    "experiment": pl.String,
    "method": pl.String,
    "edit_language": pl.String,
    "combine": pl.String,
    "head_language": pl.String,
    "heads": pl.Int64,
    "n_facts": pl.Int64,
    "eval_language": pl.String,
    "metric": pl.String,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}
DIFFERENCES_SCHEMA = {
    "experiment": pl.String,
    "baseline": pl.String,
    "eval_language": pl.String,
    "metric": pl.String,
    "n_facts": pl.Int64,
    "difference": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}


def _facts_by_metric(metrics: pl.DataFrame, experiment: str, language: str) -> pl.DataFrame:
    """block, case_id and one column per fact metric (null: the fact lacks it)."""
    rows = metrics.filter(experiment=experiment, eval_language=language)
    if rows.is_empty():
        raise NotEnoughFacts(f"experiment {experiment!r} has no scores in language {language!r}")
    return rows.pivot(
        on="metric", on_columns=FACT_METRICS, index=["block", "case_id"], values="value"
    ).sort("block", "case_id")


def _shared_facts(metrics: pl.DataFrame, name: str, baseline: str, language: str):
    """Two (n_facts, 9) arrays, NaN where either side is, and the blocks (n_facts,)."""
    facts = _facts_by_metric(metrics, name, language).join(
        _facts_by_metric(metrics, baseline, language), on=["block", "case_id"], how="inner"
    )
    if facts.is_empty():
        raise NotEnoughFacts(f"{name!r} and {baseline!r} share no fact in language {language!r}")
    ours, theirs = _matrix(facts), _matrix(facts, "_right")
    missing = np.isnan(ours) | np.isnan(theirs)
    ours[missing], theirs[missing] = np.nan, np.nan
    return ours, theirs, facts["block"].to_numpy()


def _matrix(facts: pl.DataFrame, suffix: str = "") -> np.ndarray:
    columns = facts.select(pl.col(name + suffix) for name in FACT_METRICS)
    return columns.fill_null(float("nan")).to_numpy(writable=True)


def _with_score(means: np.ndarray) -> np.ndarray:
    """(…, 9) means → (…, 10), the last being their harmonic score."""
    score = harmonic_mean(np.clip(means[..., _PARTS], 0.0, 1.0))
    return np.concatenate([means, score[..., None]], axis=-1)


def _with_score_difference(means: np.ndarray) -> np.ndarray:
    """(…, 27) means of ours, theirs, ours − theirs → (…, 10) differences."""
    ours, theirs, difference = np.split(means, 3, axis=-1)
    score = _with_score(ours)[..., -1:] - _with_score(theirs)[..., -1:]
    return np.concatenate([difference, score], axis=-1)


def _counts(values: np.ndarray) -> np.ndarray:
    counts = np.isfinite(values).sum(axis=0)
    return np.append(counts, counts[_PARTS].min())


def percent(**fractions: float) -> dict[str, float | None]:
    """Fractions in percent, rounded; None for those that no fact has."""
    return {
        # the sums of equal draws differ in the last bits from call to call: such noise is taken
        # off first, or a number halfway between two printed ones would fall to either side
        name: round(round(100 * float(value), NOISE), DECIMALS) + 0.0
        if np.isfinite(value)
        else None
        for name, value in fractions.items()
    }
