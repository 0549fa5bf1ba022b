"""Transported keys: an edit in one language also writes where another language's keys would lie.

A fact's key in L2 is guessed as its key in L1 plus the mean difference of both languages' keys at
the last token of other subjects: k + mean k(L2) − mean k(L1). No prompt in L2 about the fact is
needed. The solve gets each guessed key with the residual of its fact; as the shift is the same for
all facts, that also asks that the update changes nothing along the shift.
"""

from collections.abc import Mapping, Sequence

import polars as pl
import torch

from memat.errors import NotEnoughFacts


def key_shifts(
    subjects: pl.DataFrame,
    keys: Mapping[int, torch.Tensor],
    languages: Sequence[str],
    source: str,
    targets: Sequence[str],
) -> dict[int, torch.Tensor]:
    """mean k(L2) − mean k(L1) of each edit layer, {layer: (n_targets, d_ff) float64}.

    subjects: other subjects (`memat.edit.protected_subjects.PROTECTED_SCHEMA`). keys: theirs,
    {layer: (n_subjects, d_ff)}, in the order of `languages`. Both means are over the subjects that
    both languages have.
    Raises NotEnoughFacts (no such subject).
    """
    ordered = pl.concat([subjects.filter(language=code) for code in languages])
    numbered = ordered.select("origin", "number", "language").with_row_index("row")
    rows = {code: numbered.filter(language=code) for code in (source, *targets)}
    pairs = {}
    for code in targets:
        pairs[code] = rows[source].join(rows[code], on=["origin", "number"], suffix="_target")
        if pairs[code].is_empty():
            raise NotEnoughFacts(
                f"transport of {source} to {code}: no other subject is known in both languages"
            )
    return {
        layer: torch.stack(
            [
                found.double()[pairs[code]["row_target"].to_list()].mean(0)
                - found.double()[pairs[code]["row"].to_list()].mean(0)
                for code in targets
            ]
        )
        for layer, found in keys.items()
    }


def with_transported(
    keys: torch.Tensor, residual: torch.Tensor, shifts: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Keys and residuals with the transported ones behind them, language by language.

    keys: (n_facts, d_ff). residual: (n_facts, d_model). shifts: (n_targets, d_ff), float64.
    Returns ((1 + n_targets) · n_facts, …) of both.
    """
    moved = (keys + shifts[:, None]).flatten(0, 1)
    return torch.cat([keys, moved]), residual.repeat(1 + len(shifts), 1)
