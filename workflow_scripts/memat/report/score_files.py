"""Score files of a summary, told apart by the experiments they belong to."""

from collections.abc import Sequence

import polars as pl

from memat import io


def scores_by_experiment(
    paths: Sequence[str], experiments: Sequence[dict]
) -> list[tuple[str, pl.DataFrame]]:
    """(experiment name, scores table) of every file.

    paths: `files` of them for each experiment, in the experiments' order; two experiments
    whose models are the same name the same file.
    """
    names = [row["name"] for row in experiments for _ in range(row["files"])]
    tables = {path: io.read_table(path) for path in dict.fromkeys(paths)}
    return [(name, tables[path]) for name, path in zip(names, paths, strict=True)]
