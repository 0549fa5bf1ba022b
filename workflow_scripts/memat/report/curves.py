"""Tables behind the curves of the paper: a summary with a place on an axis, and subsets of facts."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from memat.evaluate.families import fact_metrics_of
from memat.evaluate.intervals import (
    BootstrapSettings,
    bootstrap_means,
    column_means,
    percentile_interval,
)
from memat.report.tables import percent, summary_frame

_TRANSFER = ("experiment", "edit_language", "eval_language", "metric")
TRANSFER_SCHEMA = {
    **dict.fromkeys(_TRANSFER, pl.String),
    **dict.fromkeys(("n_alike", "n_different"), pl.Int64),
    **dict.fromkeys(("difference", "low", "high"), pl.Float64),
}


def curves_frame(
    metrics: pl.DataFrame,
    rows: Sequence[dict],
    languages: Sequence[str],
    families: Sequence[str],
    settings: BootstrapSettings,
) -> pl.DataFrame:
    """`summary_frame` with the columns `series` and `x` (null: a level beside the curves).

    rows: of a study file (`memat.study.rows.Row.described`).
    """
    return _with_places(summary_frame(metrics, rows, languages, families, settings), rows)


def placed(frame: pl.DataFrame, rows: Sequence[dict]) -> pl.DataFrame:
    """A table with a column `experiment`, with `series` and `x` of its rows before the rest."""
    return _with_places(frame, rows).select("series", "x", pl.exclude("series", "x"))


def _with_places(frame: pl.DataFrame, rows: Sequence[dict]) -> pl.DataFrame:
    places = pl.DataFrame(
        [(row["name"], row["series"], row["x"]) for row in rows],
        schema={"experiment": pl.String, "series": pl.String, "x": pl.Float64},
        orient="row",
    )
    return frame.join(places, on="experiment", how="left", maintain_order="left")


def sequence_frame(
    metrics: pl.DataFrame,
    rows: Sequence[dict],
    languages: Sequence[str],
    blocks: pl.DataFrame,
    families: Sequence[str],
    settings: BootstrapSettings,
) -> pl.DataFrame:
    """`curves_frame` of every model on the facts of each of its steps, and on all it holds.

    rows: of a study file; x is the number of facts in the model. blocks: case_id and block, in the
    order in which facts are edited. Column `step`: number of the step, from 1, whose facts are
    asked; null for all of them.
    """
    frames = [curves_frame(metrics, rows, languages, families, settings).with_columns(step=None)]
    order = blocks.with_columns(position=pl.int_range(pl.len()).over("block"))
    for size in sorted({row["step_size"] for row in rows} - {None}):
        own = {row["name"]: row for row in rows if row["step_size"] == size}
        steps = order.select("case_id", step=pl.col("position") // size + 1)
        by_step = metrics.filter(pl.col("experiment").is_in(list(own))).join(steps, on="case_id")
        for (step,), part in sorted(by_step.group_by("step"), key=lambda item: item[0]):
            asked = set(part["experiment"])
            reached = [row for name, row in own.items() if name in asked]
            frame = curves_frame(part.drop("step"), reached, languages, families, settings)
            frames.append(frame.with_columns(step=pl.lit(step)))
    return pl.concat([frame.with_columns(pl.col("step").cast(pl.Int64)) for frame in frames])


def subset_frame(
    metrics: pl.DataFrame,
    rows: Sequence[dict],
    languages: Sequence[str],
    subsets: Mapping[str, Sequence[int]],
    families: Sequence[str],
    settings: BootstrapSettings,
) -> pl.DataFrame:
    """`summary_frame` of every subset of facts, with the column `subset`; empty ones are left out.

    subsets: name → case ids. A row that was asked none of the facts in one of the languages is
    left out of that subset.
    """
    frames = []
    for name, case_ids in subsets.items():
        part = metrics.filter(
            pl.col("case_id").is_in(list(case_ids)), pl.col("eval_language").is_in(languages)
        )
        asked = dict(part.group_by("experiment").agg(pl.col("eval_language").n_unique()).rows())
        there = [row for row in rows if asked.get(row["name"]) == len(languages)]
        if there:
            frame = summary_frame(part, there, languages, families, settings)
            frames.append(frame.with_columns(subset=pl.lit(name)))
    return pl.concat(frames)


def subjects_frame(
    metrics: pl.DataFrame,
    rows: Sequence[dict],
    source: str,
    subsets: Mapping[str, Mapping[str, Sequence[int]]],
    families: Sequence[str],
    settings: BootstrapSettings,
) -> pl.DataFrame:
    """`subset_frame` by the subjects of each target language, in it and in the source.

    subsets: target language → name → case ids, of all facts first. Besides: `overlap_language`.
    """
    frames = []
    for target, named in subsets.items():
        frame = subset_frame(metrics, rows, (source, target), named, families, settings)
        frames.append(frame.with_columns(overlap_language=pl.lit(target)))
    return pl.concat(frames)


def scripts_frame(
    metrics: pl.DataFrame,
    rows: Sequence[dict],
    scripts: Mapping[str, Sequence[str]],
    subsets: Mapping[str, Mapping[str, Sequence[int]]],
    families: Sequence[str],
    settings: BootstrapSettings,
) -> pl.DataFrame:
    """`subset_frame` of the target languages of each script together, the script as `eval_language`.

    scripts: name → its target languages, which stand joined by + in the column `languages`.
    subsets: as in `subjects_frame`. A fact counts once: with the mean over those languages of the
    script in which it is in the subset, so that intervals are over facts.
    """
    frames = []
    for script, languages in scripts.items():
        for name in subsets[languages[0]]:
            asked = [
                metrics.filter(
                    pl.col("case_id").is_in(list(subsets[code][name])), eval_language=code
                )
                for code in languages
            ]
            keys = ("experiment", "block", "case_id", "metric")
            means = pl.concat(asked).group_by(keys, maintain_order=True).agg(pl.col("value").mean())
            part = means.with_columns(eval_language=pl.lit(script))
            if part.height:
                ids = part["case_id"].unique()
                frame = subset_frame(part, rows, (script,), {name: ids}, families, settings)
                frames.append(frame.with_columns(languages=pl.lit("+".join(languages))))
    return pl.concat(frames)


def panels_of_subjects(by_language: pl.DataFrame, by_script: pl.DataFrame) -> pl.DataFrame:
    """Rows of `subjects_frame` and `scripts_frame` with the panel that each is drawn in.

    A script of one target language is that language, and is not drawn again.
    """
    several = by_language["overlap_language"].n_unique() > 1
    subjects = (
        pl.concat_str(pl.lit(", subjects in "), "overlap_language") if several else pl.lit("")
    )
    of_languages = by_language.with_columns(panel=pl.col("eval_language") + subjects)
    pooled = by_script.filter(pl.col("languages").str.contains("+", literal=True)).with_columns(
        panel=pl.format("{} script ({})", "eval_language", "languages")
    )
    drawn = ("panel", "experiment", "subset", "metric", "n_facts", "value", "low", "high")
    return pl.concat([of_languages.select(drawn), pooled.select(drawn)])


def transfer_frame(
    metrics: pl.DataFrame,
    trained: Sequence[tuple[str, str]],
    unedited: str,
    source: str,
    subsets: Mapping[str, tuple[Sequence[int], Sequence[int]]],
    families: Sequence[str],
    settings: BootstrapSettings,
) -> pl.DataFrame:
    """How much more of an edit is lost on the way to another language where subjects differ.

    trained: (training language, experiment) of each edit. subsets: target language → case ids of the facts
    whose subjects are alike there and in the source, and of those whose subjects differ; an edit
    goes from the source to a target or back. The loss of a fact is the change its edit
    makes in the training language minus the change it makes in the other one; `difference` is
    the mean loss where subjects differ minus that where they are alike, in points, from draws
    of both groups on their own. No row where a group is empty.
    """
    rows, names = [], [metric.name for metric in fact_metrics_of(families)]
    ways = [
        (language, experiment, target if language == source else source, subsets[target])
        for language, experiment in trained
        for target in subsets
        if language in (source, target)
    ]
    for language, experiment, other, ids in ways:
        groups = [_losses(metrics, experiment, unedited, language, other, i, names) for i in ids]
        if not all(map(len, groups)):
            continue
        alike, differ = (column_means(group) for group in groups)
        draws = [bootstrap_means(g, np.zeros(len(g)), settings) for g in groups]
        low, high = percentile_interval(draws[1] - draws[0], settings.confidence)
        way = experiment, language, other
        for metric, more, least, most in zip(names, differ - alike, low, high, strict=True):
            numbers = percent(difference=more, low=least, high=most).values()
            rows.append((*way, metric, *map(len, groups), *numbers))
    return pl.DataFrame(rows, schema=TRANSFER_SCHEMA, orient="row")


def _losses(metrics, experiment, unedited, language, other, case_ids, names) -> np.ndarray:
    """(n_facts, m): the change of every metric in `language` minus that in `other`."""

    def change(code: str) -> pl.DataFrame:
        both = metrics.filter(
            pl.col("eval_language") == code,
            pl.col("experiment").is_in([experiment, unedited]),
            pl.col("case_id").is_in(list(case_ids)),
        )
        signed = pl.when(pl.col("experiment") == experiment).then(1.0).otherwise(-1.0)
        return both.group_by("block", "case_id", "metric").agg((pl.col("value") * signed).sum())

    pair = change(language).join(change(other), on=["block", "case_id", "metric"], suffix="_other")
    losses = pair.with_columns(loss=pl.col("value") - pl.col("value_other")).pivot(
        on="metric", on_columns=names, index=["block", "case_id"], values="loss"
    )
    return losses.sort("block", "case_id").select(names).fill_null(float("nan")).to_numpy()
