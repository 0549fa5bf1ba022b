"""The claims of the paper's text, each held against intervals of our own measurements.

A claim is `reproduced` if every interval it rests on lies on the claimed side, `not
reproduced` if any lies on the other side, `undecided` otherwise. A claim of "in some"
needs one interval, and is refused only if all lie on the other side.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

import polars as pl

REPRODUCED, REFUSED, UNDECIDED = "reproduced", "not reproduced", "undecided"
INTRODUCTION = """# Claims of the study `{study}`, on {model}

Verdicts are on this model and these facts ({facts} per table, {confidence:g}% intervals over
facts, differences paired on the same facts). *Reproduced*: every interval the claim rests on
lies on its side; *not reproduced*: at least one lies on the other side; *undecided*: neither.
A claim about *some* needs one interval on its side, and is not reproduced if all are on the other.
Many intervals stand here, so a few leave zero by chance.

"""


@dataclass(frozen=True)
class Evidence:
    """One number with its interval, claimed to lie above `bound`; percent or points."""

    what: str
    value: float
    low: float
    high: float
    bound: float = 0.0

    @property
    def side(self) -> int:
        """1: the interval lies above the bound, -1: below it, 0: it holds it."""
        return (self.low > self.bound) - (self.high < self.bound)


@dataclass(frozen=True)
class Claim:
    """What the paper says, where, and what we measured. any_of: one of the evidence is enough."""

    text: str
    place: str
    evidence: tuple[Evidence, ...]
    any_of: bool = False

    @property
    def verdict(self) -> str:
        """`reproduced`, `not reproduced` or `undecided`; without evidence undecided."""
        decides = max if self.any_of else min
        side = decides((item.side for item in self.evidence), default=0)
        return {1: REPRODUCED, 0: UNDECIDED, -1: REFUSED}[side]


def measured_claims(
    planned: Sequence[dict],
    differences: pl.DataFrame,
    transfers: Mapping[str, pl.DataFrame],
    peaks: Mapping[str, pl.DataFrame],
) -> list[Claim]:
    """The claims of a study with what was measured.

    planned: as `memat.study.claims.PlannedClaim.described`. differences: as
    `memat.report.tables.paired_differences` over `compared_pairs`. transfers, peaks: by report,
    as `memat.report.curves.transfer_frame` and `peaks_frame`.
    """
    return [
        Claim(
            claim["text"],
            claim["place"],
            tuple(_evidence(claim, differences, transfers, peaks)),
            claim["any_of"],
        )
        for claim in planned
    ]


def compared_pairs(planned: Sequence[dict]) -> list[tuple[str, str]]:
    """(row, baseline) of every paired difference that a claim rests on, once."""
    pairs = ((c["row"], c["baseline"]) for claim in planned for c in claim["comparisons"])
    return list(dict.fromkeys(pairs))


def _evidence(claim: dict, differences, transfers, peaks) -> Iterator[Evidence]:
    if claim["evidence"] == "paired":
        yield from _paired(claim, differences)
    for name in claim["of"]:
        if claim["evidence"] == "transfer":
            yield from _transfer(transfers[name].filter(pl.col("metric").is_in(claim["metrics"])))
        else:
            yield from _peak_evidence(peaks[name])


def _paired(claim: dict, differences: pl.DataFrame) -> Iterator[Evidence]:
    for compared in claim["comparisons"]:
        rows = differences.filter(
            pl.col("metric").is_in(claim["metrics"]),
            pl.col("eval_language").is_in(compared["asked_in"]),
            pl.col("difference").is_not_null(),
            experiment=compared["row"],
            baseline=compared["baseline"],
        )
        for row in rows.iter_rows(named=True):
            asked = f"{row['metric']} {row['eval_language']}"
            what = f"{row['experiment']} − {row['baseline']}, {asked}"
            yield Evidence(what, row["difference"], row["low"], row["high"], claim["above"])


def _transfer(losses: pl.DataFrame) -> Iterator[Evidence]:
    for row in losses.drop_nulls("difference").iter_rows(named=True):
        what = f"loss of {row['experiment']} on the way to {row['eval_language']}, {row['metric']}"
        yield Evidence(what, row["difference"], row["low"], row["high"])


def peaks_frame(panels: Sequence[dict], tables: Sequence[pl.DataFrame], k: int) -> pl.DataFrame:
    """Best validation accuracy of each edit, language and block, in percent.

    panels: edit, language, block of each table. tables: rankings with the numbers of sentences.
    test: held-out accuracy of the k located heads, averaged. facts: validation facts.
    """
    rows = []
    for panel, table in zip(panels, tables, strict=True):
        located = table.sort("rank").head(k)
        rows.append(
            panel
            | {
                "peak": 100 * table["accuracy"].max(),
                "shuffled_peak": 100 * table["shuffled_accuracy"].max(),
                "test": 100 * located["test_accuracy"].mean(),
                "facts": table["n_validation"][0] // 2,
            }
        )
    return pl.DataFrame(rows)


def _peak_evidence(peaks: pl.DataFrame) -> Iterator[Evidence]:
    """Peak minus that of shuffled labels; interval of two proportions of facts (Newcombe)."""
    for row in peaks.iter_rows(named=True):
        ours, control = row["peak"] / 100, row["shuffled_peak"] / 100
        (low, high), (low0, high0) = (wilson(share, row["facts"]) for share in (ours, control))
        below = sqrt((ours - low) ** 2 + (high0 - control) ** 2)
        above = sqrt((high - ours) ** 2 + (control - low0) ** 2)
        yield Evidence(
            f"{row['edit']}, heads in {row['language']}: best {row['peak']:.1f}%, shuffled labels "
            f"{row['shuffled_peak']:.1f}%, test {row['test']:.1f}%",
            100 * (ours - control),
            100 * (ours - control - below),
            100 * (ours - control + above),
        )


def wilson(share: float, n: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's 95% interval of a proportion of n."""
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def claims_markdown(claims: Sequence[Claim], shown: int = 6) -> str:
    """One row a claim: verdict and the evidence that decides it, most telling first."""
    lines = ["| claim | in the paper | verdict | measured |", "|---|---|---|---|"]
    for claim in claims:
        evidence = "<br>".join(map(_worded, _telling(claim)[:shown]))
        hidden = len(claim.evidence) - shown
        more = f"<br>and {hidden} more" if hidden > 0 else ""
        measured = f"{_counts(claim)}{evidence}{more}"
        lines.append(f"| {claim.text} | {claim.place} | **{claim.verdict}** | {measured} |")
    return "\n".join(lines) + "\n"


def _telling(claim: Claim) -> list[Evidence]:
    """Evidence against the claim first, then what supports it, then what decides nothing; where
    one piece is enough, the strongest first."""
    if claim.any_of:
        return sorted(claim.evidence, key=lambda item: -item.low)
    return sorted(claim.evidence, key=lambda item: (-1, 1, 0).index(item.side))


def _counts(claim: Claim) -> str:
    if len(claim.evidence) < 2:
        return ""
    above, below, within = (sum(e.side == side for e in claim.evidence) for side in (1, -1, 0))
    return f"intervals for it: {above}, against: {below}, undecided: {within}<br>"


def _worded(item: Evidence) -> str:
    bound = f" (claimed: above {item.bound:g})" if item.bound else ""
    # adding zero turns −0.0 into 0.0
    value, low, high = (round(x, 1) + 0.0 for x in (item.value, item.low, item.high))
    return f"{item.what}: {value:+.1f} [{low:+.1f}, {high:+.1f}]{bound}"


def links_to(targets: Mapping[str, Sequence[str]], folder: Path) -> str:
    """The files of each table and figure by name, as links relative to the page's folder."""
    lines = ["\n## Tables and figures\n"]
    for name, paths in targets.items():
        links = [
            (Path(path).name, Path(os.path.relpath(path, folder)).as_posix()) for path in paths
        ]
        lines.append(f"- {name}: {', '.join(f'[{text}]({link})' for text, link in links)}")
    return "\n".join(lines) + "\n"
