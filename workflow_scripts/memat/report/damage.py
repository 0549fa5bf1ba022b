"""What was learnt against what it cost: unrelated text and own words, in every language, for every edit."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from memat.evaluate.entropy import text_entropy, tokens_of
from memat.evaluate.intervals import BootstrapSettings, bootstrap_means, percentile_interval
from memat.report.figures import colors_of, empty_panel, new_figure

DAMAGE_SCHEMA = {
    **dict.fromkeys(("experiment", "eval_language", "measure"), pl.String),
    **dict.fromkeys(("value", "low", "high"), pl.Float64),
    **dict.fromkeys(("n_texts", "n_tokens"), pl.Int64),
}
MEASURES = ("perplexity_unedited", "perplexity", "perplexity_ratio", "kl")
SUMS = ("nll_unedited", "nll", "kl", "n_tokens")
OF_ANSWERS = ("entropy_unedited", "entropy", "entropy_difference")
_PROMPT = ["case_id", "block", "prompt_type", "index"]
UPDATES_SCHEMA = {
    "experiment": pl.String,
    **dict.fromkeys(("block", "layer"), pl.Int64),
    **dict.fromkeys(("update_norm", "weight_norm", "ratio", "edited_norm"), pl.Float64),
}
GAINS = ("GA", "EA", "ES")  # the strictest that was measured is drawn


def damage_frame(
    damage: Mapping[str, Sequence[pl.DataFrame]], settings: BootstrapSettings
) -> pl.DataFrame:
    """`DAMAGE_SCHEMA`: perplexities, their ratio (edited / unedited, paired) and KL in nats a token.

    damage: tables of `memat.evaluate.damage.text_damage` by experiment, one a block. Sums over
    paragraphs are divided by their tokens; intervals are bootstrapped over paragraphs.
    """
    rows = []
    for experiment, parts in damage.items():
        whole = pl.concat(
            part.with_columns(block=pl.lit(place)) for place, part in enumerate(parts)
        )
        for (language,), own in whole.group_by("language", maintain_order=True):
            sums = own.select(SUMS).to_numpy().astype(np.float64)
            draws = _measures(bootstrap_means(sums, own["block"].to_numpy(), settings))
            ends = percentile_interval(draws, settings.confidence)
            sizes = own.height, int(own["n_tokens"].sum())
            rows += [
                (experiment, language, name, *numbers, *sizes)
                for name, *numbers in zip(
                    MEASURES, _measures(sums.mean(axis=0)), *ends, strict=True
                )
            ]
    return pl.DataFrame(rows, schema=DAMAGE_SCHEMA, orient="row")


def _measures(sums: np.ndarray) -> np.ndarray:
    """Means of `SUMS` over paragraphs, (…, 4), as `MEASURES`, (…, 4)."""
    before, after, kl, tokens = np.moveaxis(sums, -1, 0)
    perplexities = np.exp(before / tokens), np.exp(after / tokens)
    return np.stack([*perplexities, np.exp((after - before) / tokens), kl / tokens], axis=-1)


def entropy_frame(
    answers: Mapping[str, pl.DataFrame], unedited: pl.DataFrame | None, settings: BootstrapSettings
) -> pl.DataFrame:
    """`DAMAGE_SCHEMA`: entropy of the free answers in bits, of the edited model and of the unedited
    one, and the first minus the second.

    answers: `memat.evaluate.asked.ANSWER_SCHEMA` by experiment; unedited: the same of the unedited
    model, None where the study does not ask it. Answers that are too short for
    `memat.evaluate.entropy.text_entropy` are left out, with that of the other model to the same
    prompt. Means over the prompts of a fact, then over facts, which intervals are bootstrapped over.
    n_texts: answers of the edited model that count; n_tokens: their tokens, of `tokens_of`.
    """
    rows, key = [], [*_PROMPT, "language"]
    before, measures = None, OF_ANSWERS[1:2]
    if unedited is not None:
        before = _with_entropy(unedited).select(*key, entropy_unedited="entropy")
        measures = OF_ANSWERS
    for experiment, asked in answers.items():
        found = _with_entropy(asked)
        if before is not None:
            change = pl.col("entropy") - pl.col("entropy_unedited")
            found = found.join(before, on=key).with_columns(entropy_difference=change)
        for (language,), own in found.sort(_PROMPT, maintain_order=True).group_by(
            "language", maintain_order=True
        ):
            facts = own.group_by("block", "case_id", maintain_order=True).agg(
                pl.col(*measures).mean()
            )
            values = facts.select(measures).to_numpy()
            draws = bootstrap_means(values, facts["block"].to_numpy(), settings)
            ends = percentile_interval(draws, settings.confidence)
            sizes = own.height, own["tokens"].sum()
            rows += [
                (experiment, language, name, *numbers, *sizes)
                for name, *numbers in zip(measures, values.mean(axis=0), *ends, strict=True)
            ]
    return pl.DataFrame(rows, schema=DAMAGE_SCHEMA, orient="row")


def _with_entropy(answers: pl.DataFrame) -> pl.DataFrame:
    """The answers that have an entropy, with it and their number of tokens."""
    texts = answers["answer"].to_list()
    return answers.with_columns(
        pl.Series("entropy", list(map(text_entropy, texts)), dtype=pl.Float64),
        pl.Series("tokens", [len(tokens_of(text)) for text in texts], dtype=pl.Int64),
    ).drop_nulls("entropy")


def updates_frame(updates: Mapping[str, Sequence[pl.DataFrame]]) -> pl.DataFrame:
    """`UPDATES_SCHEMA`: Frobenius norms of each update and of the weight it is added to."""
    frames = [
        part.select(pl.lit(name).alias("experiment"), pl.lit(block).alias("block"), pl.all())
        for name, parts in updates.items()
        for block, part in enumerate(parts)
    ]
    return pl.concat(
        [pl.DataFrame(schema=UPDATES_SCHEMA), *(f.cast(UPDATES_SCHEMA) for f in frames)]
    )


def draw_gain_and_damage(
    summary: pl.DataFrame, damage: pl.DataFrame, rows: Sequence[dict], confidence: float
) -> Figure:
    """One panel a language: what was learnt over how much the predictions on its text moved.

    summary: as made by `memat.report.tables.summary_frame`. rows: of the same study file. A
    model whose weights are as they were, the facts in its prompt or not, has KL 0.
    """
    languages = summary["eval_language"].unique(maintain_order=True).to_list()
    gain = next((name for name in GAINS if (summary["metric"] == name).any()), GAINS[-1])
    figure = new_figure(4.6 * len(languages) + 2.2, 4.2, "What was learnt, and what it cost")
    panels = figure.subplots(1, len(languages), squeeze=False, sharey=True)[0]
    colors = colors_of(row["name"] for row in rows)
    for axes, language in zip(panels, languages, strict=True):
        learnt = summary.filter(metric=gain, eval_language=language)
        _draw_panel(axes, learnt, damage.filter(measure="kl", eval_language=language), colors)
        axes.set_title(f"asked in {language}")
        axes.set_xlabel("KL from the unedited model on unrelated text (nats a token)")
    panels[0].set_ylabel(f"{gain} (% of edited prompts)")
    handles, names = panels[0].get_legend_handles_labels()
    title = f"{100 * confidence:g}% intervals"
    figure.legend(handles, names, loc="outside right center", title=title)
    return figure


def _draw_panel(
    axes: Axes, gains: pl.DataFrame, damage: pl.DataFrame, colors: Mapping[str, str]
) -> None:
    if damage.is_empty():
        empty_panel(axes, "no text in this language")
        return
    costs = {row["experiment"]: row for row in damage.iter_rows(named=True)}
    for row in gains.iter_rows(named=True):
        name = row["experiment"]
        if row["value"] is None or name not in colors:
            continue
        cost = costs.get(name, {"value": 0.0, "low": 0.0, "high": 0.0})
        axes.errorbar(
            cost["value"],
            row["value"],
            xerr=_arms(cost),
            yerr=None if row["low"] is None else _arms(row),
            fmt="o",
            markersize=5,
            linewidth=1.2,
            color=colors[name],
            label=name,
        )
    axes.set_xlim(left=min(-0.02, -0.02 * axes.get_xlim()[1]))
    axes.set_ylim(-3, 103)


def _arms(row: dict) -> list[list[float]]:
    """Lengths of an interval's two sides, as matplotlib wants them."""
    return [[max(0.0, row["value"] - row["low"])], [max(0.0, row["high"] - row["value"])]]
