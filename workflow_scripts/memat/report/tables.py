"""The results as tables: per-fact metrics, summary and differences, in percent."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from memat import io
from memat.edit.solver import DEFAULT
from memat.errors import ConfigError, NotEnoughFacts
from memat.evaluate.fact_metrics import answer_metrics, fact_metrics, harmonic_mean
from memat.evaluate.families import (
    Metric,
    fact_metrics_of,
    metrics_of,
    read_answers,
    scores_of,
)
from memat.evaluate.intervals import (
    BootstrapSettings,
    bootstrap_means,
    column_means,
    percentile_interval,
)
from memat.evaluate.prompt_types import SCORED
from memat.text.languages import Language, language_of

DECIMALS = 4  # of a percent, in the CSV files
NOISE = 9  # decimals of a percent that rounding errors of a mean do not reach
_EXPERIMENT = ("experiment", "method", "edit_language", "combine", "head_language")
SUMMARY_SCHEMA = {
    **dict.fromkeys(_EXPERIMENT, pl.String),
    **dict.fromkeys(("heads", "n_facts"), pl.Int64),
    **dict.fromkeys(("eval_language", "metric"), pl.String),
    **dict.fromkeys(("value", "low", "high"), pl.Float64),
}
DIFFERENCES_SCHEMA = {
    **dict.fromkeys(("experiment", "baseline", "eval_language", "metric"), pl.String),
    "n_facts": pl.Int64,
    **dict.fromkeys(("difference", "low", "high"), pl.Float64),
}
_PLACE = ("target", "experiment", "published_as", "eval_language", "metric")
PUBLISHED_SCHEMA = {**dict.fromkeys(_PLACE, pl.String), "value": pl.Float64}


def measured(rows: Sequence[dict], cfg: dict, seed: int) -> tuple[pl.DataFrame, BootstrapSettings]:
    """`metrics_frame` of the rows of a report, and how its intervals are drawn.

    rows: of a study file, each with the paths of its `scores` and its `answers`; two rows whose
    models are the same name the same files. cfg: config section `summary`, and, where a family of
    metrics reads answers, `languages`: code → keys of the language's file.
    """
    answers, languages = [], {}
    if read_answers(cfg["metrics"]):
        answers = _tables(rows, "answers")
        languages = {code: language_of(keys) for code, keys in cfg["languages"].items()}
    scores = _tables(rows, "scores")
    metrics = metrics_frame(scores, rows, cfg["metrics"], cfg["probability"], answers, languages)
    return metrics, BootstrapSettings(cfg["bootstrap"], cfg["confidence"], seed)


def _tables(rows: Sequence[dict], kind: str) -> list[tuple[str, pl.DataFrame]]:
    """(name of the row, table) of every file of the rows, each file read once."""
    paths = dict.fromkeys(path for row in rows for path in row[kind])
    tables = {path: io.read_table(path) for path in paths}
    return [(row["name"], tables[path]) for row in rows for path in row[kind]]


def metrics_frame(
    scores: Sequence[tuple[str, pl.DataFrame]],
    experiments: Sequence[dict],
    families: Sequence[str],
    probability: str,
    answers: Sequence[tuple[str, pl.DataFrame]] = (),
    languages: Mapping[str, Language] | None = None,
) -> pl.DataFrame:
    """experiment, eval_language, block, case_id, metric, value (fraction), in config order.

    scores, answers: (experiment name, table) of every block and language; answers are needed by
    families that read them (`memat.evaluate.metrics`), and so are languages, by code.
    """
    names = [experiment["name"] for experiment in experiments]
    for name, _ in (*scores, *answers):
        if name not in names:
            raise ConfigError(f"scores of experiment {name!r}, which is not one of {names}")
    found = [(name, fact_metrics(table, families, probability)) for name, table in scores]
    found += [(name, answer_metrics(table, families, languages or {})) for name, table in answers]
    frames = [
        frame.select(
            pl.lit(name).alias("experiment"),
            pl.col("language").alias("eval_language"),
            *("block", "case_id", "metric", "value"),
        )
        for experiment in names
        for name, frame in found
        if name == experiment
    ]
    if not frames:
        raise NotEnoughFacts("no score file was given")
    return pl.concat(frames)


def summary_frame(
    metrics: pl.DataFrame,
    experiments: Sequence[dict],
    languages: Sequence[str],
    families: Sequence[str],
    settings: BootstrapSettings,
) -> pl.DataFrame:
    """One row per experiment, language and metric; value, low, high in percent.

    metrics: result of `metrics_frame` with the same families. experiments: rows of a study file
    (`memat.study.rows.Row.described`). Random-heads controls have the method "memat-random"; `heads`
    is the number of corrected heads, 0 without corrections. n_facts counts the facts
    that have the metric; for a harmonic score it is the least of its parts.
    """
    columns, rows = _Columns(families), []
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
            facts = columns.facts(metrics, experiment["name"], language)
            values, blocks = columns.matrix(facts), facts["block"].to_numpy()
            draws = bootstrap_means(values, blocks, settings)
            estimate = columns.with_scores(column_means(values))
            low, high = percentile_interval(columns.with_scores(draws), settings.confidence)
            counts = columns.counts(values)
            rows.extend(
                described
                | {"n_facts": int(counts[n]), "eval_language": language, "metric": metric.name}
                | percent(
                    value=estimate[n],
                    low=np.clip(low[n], *metric.leaf.RANGE),
                    high=np.clip(high[n], *metric.leaf.RANGE),
                )
                for n, metric in columns.in_order
            )
    return without_unasked(pl.DataFrame(rows, schema=SUMMARY_SCHEMA), families)


def differences_frame(
    metrics: pl.DataFrame,
    experiments: Sequence[dict],
    languages: Sequence[str],
    families: Sequence[str],
    settings: BootstrapSettings,
) -> pl.DataFrame:
    """`paired_differences` of each row and its baselines."""
    pairs = [(row["name"], baseline) for row in experiments for baseline in row["baselines"]]
    return paired_differences(metrics, pairs, languages, families, settings)


def paired_differences(
    metrics: pl.DataFrame,
    pairs: Sequence[tuple[str, str]],
    languages: Sequence[str],
    families: Sequence[str],
    settings: BootstrapSettings,
) -> pl.DataFrame:
    """experiment − baseline in percentage points, paired on the facts both have."""
    columns, rows = _Columns(families), []
    for name, baseline in pairs:
        for language in languages:
            ours, theirs, blocks = columns.shared_facts(metrics, name, baseline, language)
            # one call, so that all three averages are over the same drawn facts
            values = np.hstack([ours, theirs, ours - theirs])
            estimate = columns.differences(column_means(values))
            draws = columns.differences(bootstrap_means(values, blocks, settings))
            low, high = percentile_interval(draws, settings.confidence)
            counts = columns.counts(ours)
            rows.extend(
                {"experiment": name, "baseline": baseline, "eval_language": language}
                | {"metric": metric.name, "n_facts": int(counts[n])}
                | percent(difference=estimate[n], low=low[n], high=high[n])
                for n, metric in columns.in_order
            )
    return without_unasked(pl.DataFrame(rows, schema=DIFFERENCES_SCHEMA), families)


def without_unasked(table: pl.DataFrame, families: Sequence[str]) -> pl.DataFrame:
    """The table without metrics on prompts that a dataset need not have, where no fact has them.

    table: metric and n_facts among its columns.
    """
    optional = [m.name for m in fact_metrics_of(families) if m.prompt_type not in SCORED]
    has_facts = (pl.col("n_facts") > 0).any().over("metric")
    return table.filter(has_facts | ~pl.col("metric").is_in(optional))


def metrics_in(table: pl.DataFrame, family: str) -> tuple[Metric, ...]:
    """The metrics of a family that a table with a column `metric` has, in their order."""
    found = set(table["metric"])
    return tuple(metric for metric in metrics_of([family]) if metric.name in found)


def published_rows(published: pl.DataFrame, target: str, languages: list[str]) -> pl.DataFrame:
    """The paper's numbers, another model's, as rows of `summary_frame`, null where not published.

    published: `PUBLISHED_SCHEMA`, percent. Empty for languages that the paper has not.
    """
    rows = published.filter(pl.col("eval_language").is_in(languages), target=target).with_columns(
        experiment="paper: " + pl.col("published_as"), method=pl.lit("published")
    )
    return pl.concat(
        [pl.DataFrame(schema=SUMMARY_SCHEMA), rows.drop("target", "published_as")], how="diagonal"
    )


def method_name(experiment: dict) -> str:
    """Method as the tables name it: a random-heads control is no MEMAT result."""
    random = experiment["select"] == "random"
    name = experiment["method"] + ("-random" if random else "")
    name += "-recycled" if experiment["recycled"] else ""
    solver = experiment["solver"]
    if solver in (None, DEFAULT):
        return name
    return solver if name == "memit" else f"{name}-{solver}"


class _Columns:
    """Metrics of some families as columns: m of the facts first, then s scores of these."""

    def __init__(self, families: Sequence[str]) -> None:
        self._names = [metric.name for metric in fact_metrics_of(families)]
        scores = scores_of(families)
        self._parts = [[self._names.index(part) for part in score.parts] for score in scores]
        places = {name: n for n, name in enumerate([*self._names, *(s.name for s in scores)])}
        # (column, metric) in the order of the tables
        self.in_order = [(places[metric.name], metric) for metric in metrics_of(families)]

    def facts(self, metrics: pl.DataFrame, experiment: str, language: str) -> pl.DataFrame:
        """block, case_id and one column per fact metric (null: the fact lacks it)."""
        rows = metrics.filter(experiment=experiment, eval_language=language)
        if rows.is_empty():
            raise NotEnoughFacts(
                f"experiment {experiment!r} has no scores in language {language!r}"
            )
        return rows.pivot(
            on="metric", on_columns=self._names, index=["block", "case_id"], values="value"
        ).sort("block", "case_id")

    def shared_facts(self, metrics: pl.DataFrame, name: str, baseline: str, language: str):
        """Two (n_facts, m) arrays, NaN where either side is, and the blocks (n_facts,)."""
        facts = self.facts(metrics, name, language).join(
            self.facts(metrics, baseline, language), on=["block", "case_id"], how="inner"
        )
        if facts.is_empty():
            raise NotEnoughFacts(
                f"{name!r} and {baseline!r} share no fact in language {language!r}"
            )
        ours, theirs = self.matrix(facts), self.matrix(facts, "_right")
        missing = np.isnan(ours) | np.isnan(theirs)
        ours[missing], theirs[missing] = np.nan, np.nan
        return ours, theirs, facts["block"].to_numpy()

    def matrix(self, facts: pl.DataFrame, suffix: str = "") -> np.ndarray:
        """(n_facts, m), NaN where a fact lacks the metric."""
        columns = facts.select(pl.col(name + suffix) for name in self._names)
        return columns.fill_null(float("nan")).to_numpy(writable=True)

    def with_scores(self, means: np.ndarray) -> np.ndarray:
        """(…, m) means → (…, m + s), the last being their harmonic scores."""
        scores = [harmonic_mean(np.clip(means[..., parts], 0.0, 1.0)) for parts in self._parts]
        return np.concatenate([means, *(score[..., None] for score in scores)], axis=-1)

    def differences(self, means: np.ndarray) -> np.ndarray:
        """(…, 3m) means of ours, theirs, ours − theirs → (…, m + s) differences."""
        ours, theirs, difference = np.split(means, 3, axis=-1)
        scores = (self.with_scores(ours) - self.with_scores(theirs))[..., len(self._names) :]
        return np.concatenate([difference, scores], axis=-1)

    def counts(self, values: np.ndarray) -> np.ndarray:
        """(m + s,): facts that have the metric; of a score the least of its parts."""
        counts = np.isfinite(values).sum(axis=0)
        return np.append(counts, [counts[parts].min() for parts in self._parts]).astype(int)


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
