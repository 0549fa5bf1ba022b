"""The claims of the paper's text, each held against intervals of our own measurements.

A claim is `reproduced` if every interval it rests on lies on the claimed side, `not
reproduced` if any lies on the other side, `undecided` otherwise. A claim of "in some"
needs one interval, and is refused only if all lie on the other side.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt

import polars as pl

REPRODUCED, REFUSED, UNDECIDED = "reproduced", "not reproduced", "undecided"
SHOWN = ("ES", "PS", "NS", "EM", "PM", "NM")


@dataclass(frozen=True)
class Evidence:
    """One number with its interval, claimed to lie above `bound`; percent or points."""

    what: str
    value: float
    low: float
    high: float
    bound: float = 0.0


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
        above = [item.low > item.bound for item in self.evidence]
        below = [item.high < item.bound for item in self.evidence]
        held, refused = (any(above), all(below)) if self.any_of else (all(above), any(below))
        if not self.evidence:
            return UNDECIDED
        return REPRODUCED if held else REFUSED if refused else UNDECIDED


def paper_claims(
    differences: pl.DataFrame, transfer: pl.DataFrame, peaks: pl.DataFrame, languages: Sequence[str]
) -> list[Claim]:
    """All claims, from paired differences, the losses of transfer and the peaks of the probes.

    differences: as `memat.report.tables.paired_differences` over `compared_pairs`.
    transfer: as `memat.report.curves.transfer_frame`. peaks: as `peaks_frame`.
    languages: source and target.
    """
    source, target = languages

    def paired(experiment, baseline, evaluated=languages, metrics=SHOWN, bound=0.0):
        rows = differences.filter(
            pl.col("metric").is_in(list(metrics)),
            pl.col("eval_language").is_in(list(evaluated)),
            experiment=experiment,
            baseline=baseline,
        )
        return [
            Evidence(
                f"{experiment} − {baseline}, {row['metric']} {row['eval_language']}",
                *(row[key] for key in ("difference", "low", "high")),
                bound,
            )
            for row in rows.iter_rows(named=True)
            if row["difference"] is not None
        ]

    ahead = [
        item for train, heads in _pairs(languages)
        for item in paired(f"memat_{train}_{heads}", f"memit_{train}")
    ]  # fmt: skip
    untrained = [
        item for train, heads in _pairs(languages)
        for item in paired(
            f"memat_{train}_{heads}", f"memit_{train}", [_other(train, languages)],
            ("ES", "PS", "EM", "PM"),
        )
    ]  # fmt: skip
    portable = [
        item for train, heads in _pairs(languages)
        for item in paired(f"memat_{train}_{heads}_recycled", f"memit_{train}")
    ]  # fmt: skip
    located = [
        _turned(item) for code in languages
        for item in paired(
            f"random_{code}_{code}", f"memat_{code}_{code}", [code], ("ES", "PS", "EM", "PM")
        )
    ]  # fmt: skip
    lost = [
        Evidence(
            f"loss of {row['experiment']} on the way to {row['eval_language']}, {row['metric']}",
            *(row[key] for key in ("difference", "low", "high")),
        )
        for row in transfer.iter_rows(named=True)
        if row["metric"] in ("ES", "PS", "EM", "PM") and row["difference"] is not None
    ]
    return [
        Claim("across languages an edit loses more where subjects share few tokens",
              "section 5.1, figure 1", tuple(lost)),
        Claim("the best heads tell new from true in about 80%, whatever the languages; "
              "more than with shuffled labels",
              "section 5.2, figures 2 and 8", tuple(_peak_evidence(peaks))),
        Claim("MEMAT is ahead of MEMIT in all metrics", "section 6, tables 1 and 2", tuple(ahead)),
        Claim("… in some of them by more than 10 points", "section 6, tables 1 and 2",
              tuple(Evidence(e.what, e.value, e.low, e.high, 10.0) for e in ahead), any_of=True),
        Claim("MEMAT also gains in the language that was not trained", "section 6",
              tuple(untrained)),
        Claim("corrections found on other facts (recycled) are ahead of MEMIT", "section 6",
              tuple(portable)),
        Claim("located heads are ahead of random ones", "section 6", tuple(located)),
        Claim("optimised corrections are ahead of ITI's shifts", "appendix I",
              tuple(paired(f"memat_{target}_{source}", f"iti_{target}_{source}", [source],
                           ("ES", "PS", "EM", "PM")))),
        Claim("the sum of both languages' deltas is ahead of one joint delta", "appendix H",
              tuple(paired("memit_both", "memit_joint", metrics=("ES", "PS", "EM", "PM")))),
    ]  # fmt: skip


def compared_pairs(languages: Sequence[str]) -> list[tuple[str, str]]:
    """(experiment, baseline) of every paired difference that a claim rests on."""
    source, target = languages
    pairs = [
        (f"memat_{train}_{heads}{end}", f"memit_{train}")
        for end in ("", "_recycled")
        for train, heads in _pairs(languages)
    ]
    pairs += [(f"random_{code}_{code}", f"memat_{code}_{code}") for code in languages]
    pairs += [(f"memat_{target}_{source}", f"iti_{target}_{source}")]
    return [*pairs, ("memit_both", "memit_joint")]


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


def _turned(item: Evidence) -> Evidence:
    """The same difference, baseline minus experiment."""
    experiment, rest = item.what.split(" − ")
    baseline, metric = rest.split(", ")
    what = f"{baseline} − {experiment}, {metric}"
    return Evidence(what, -item.value, -item.high, -item.low, item.bound)


def _pairs(languages: Sequence[str]) -> list[tuple[str, str]]:
    return [(train, heads) for train in reversed(languages) for heads in reversed(languages)]


def _other(code: str, languages: Sequence[str]) -> str:
    return next(language for language in languages if language != code)


def claims_markdown(claims: Sequence[Claim], shown: int = 6) -> str:
    """One row a claim: verdict and the evidence that decides it, most telling first."""
    lines = ["| claim | in the paper | verdict | measured |", "|---|---|---|---|"]
    for claim in claims:
        evidence = "<br>".join(map(_worded, _telling(claim)[:shown]))
        hidden = len(claim.evidence) - shown
        more = f"<br>and {hidden} more" if hidden > 0 else ""
        counts = _counts(claim)
        lines.append(
            f"| {claim.text} | {claim.place} | **{claim.verdict}** | {counts}{evidence}{more} |"
        )
    return "\n".join(lines) + "\n"


def _telling(claim: Claim) -> list[Evidence]:
    """Evidence against the claim first, then what supports it, then what decides nothing; where
    one piece is enough, the strongest first."""

    def order(item: Evidence) -> float:
        against, supports = item.high < item.bound, item.low > item.bound
        return -item.low if claim.any_of else 0 if against else 1 if supports else 2

    return sorted(claim.evidence, key=order)


def _counts(claim: Claim) -> str:
    if len(claim.evidence) < 2:
        return ""
    above = sum(item.low > item.bound for item in claim.evidence)
    below = sum(item.high < item.bound for item in claim.evidence)
    within = len(claim.evidence) - above - below
    return f"intervals for it: {above}, against: {below}, undecided: {within}<br>"


def _worded(item: Evidence) -> str:
    bound = f" (claimed: above {item.bound:g})" if item.bound else ""
    # adding zero turns −0.0 into 0.0
    value, low, high = (round(x, 1) + 0.0 for x in (item.value, item.low, item.high))
    return f"{item.what}: {value:+.1f} [{low:+.1f}, {high:+.1f}]{bound}"
