"""General tasks: every edited model beside the unedited one, on the same questions."""

from collections.abc import Mapping
from math import isclose

import numpy as np
import polars as pl

from memat.cells import markdown_cell
from memat.evaluate.intervals import BootstrapSettings, bootstrap_means, percentile_interval
from memat.report.markdown import MISSING, aligned_table

GENERAL_SCHEMA = {
    **dict.fromkeys(("experiment", "task", "language", "metric"), pl.String),
    "n_questions": pl.Int64,
    **dict.fromkeys(("value", "stderr", "unedited", "difference", "low", "high"), pl.Float64),
}
HEADER = ["Experiment", "Task", "Metric", "Questions", "Unedited", "Edited", "Difference"]
_METRIC = ["task", "metric"]
Asked = tuple[pl.DataFrame, pl.DataFrame]


def general_frame(
    edited: Mapping[str, Asked],
    unedited: Asked,
    settings: BootstrapSettings,
    languages: Mapping[str, str],
) -> pl.DataFrame:
    """`GENERAL_SCHEMA`: value of the edited model with lm-eval's standard error, and the difference
    edited − unedited with its interval, bootstrapped over questions that both were asked.

    edited, unedited: both tables of `memat.evaluate.general.general_results`, by experiment.
    languages: of the tasks whose language is known. A metric that is no mean over questions has no
    interval.
    """
    rows = []
    for experiment, (results, questions) in edited.items():
        both = results.join(unedited[0].select(*_METRIC, unedited="value"), on=_METRIC)
        pairs = questions.join(
            unedited[1].rename({"value": "unedited"}), on=[*_METRIC, "question"]
        ).sort(*_METRIC, "question")
        for row in both.sort(_METRIC).iter_rows(named=True):
            own = pairs.filter(task=row["task"], metric=row["metric"])
            ends = _interval(row, own, settings)
            task, *numbers = row.values()
            change = row["value"] - row["unedited"]
            rows.append((experiment, task, languages.get(task), *numbers, change, *ends))
    return pl.DataFrame(rows, schema=GENERAL_SCHEMA, orient="row")


def _interval(
    row: Mapping, pairs: pl.DataFrame, settings: BootstrapSettings
) -> tuple[float | None, float | None]:
    """Of the mean difference; none where the value of one of the two is no mean over questions."""
    means = ((row[name], pairs[name].mean()) for name in ("value", "unedited"))
    if not pairs.height or not all(isclose(*both, abs_tol=1e-9) for both in means):
        return None, None
    changes = (pairs["value"] - pairs["unedited"]).to_numpy()[:, None]
    draws = bootstrap_means(changes, np.zeros(len(changes)), settings)
    low, high = percentile_interval(draws, settings.confidence)
    return float(low[0]), float(high[0])


def general_markdown(table: pl.DataFrame, confidence: float) -> str:
    """The table to read: values with three decimals, as lm-eval scales them."""
    rows = [
        [
            *(markdown_cell(row[name]) for name in ("experiment", "task", "metric")),
            MISSING if row["n_questions"] is None else str(row["n_questions"]),
            f"{row['unedited']:.3f}",
            _with(f"{row['value']:.3f}", "± {:.3f}", row["stderr"]),
            _with(f"{row['difference']:+.3f}", "[{:+.3f}, {:+.3f}]", row["low"], row["high"]),
        ]
        for row in table.iter_rows(named=True)
    ]
    return (
        f"### General tasks\n\n{aligned_table(HEADER, rows)}\n"
        "Values are lm-eval's, ± its standard error. Difference: edited − unedited on the same"
        f" questions, with its {100 * confidence:g}% bootstrap\ninterval over them, where the metric"
        " is a mean over questions.\n"
    )


def _with(number: str, form: str, *more: float | None) -> str:
    """A number, and behind it what is known of its spread."""
    return number if None in more else f"{number} {form.format(*more)}"
