"""The study of a run: every report with its rows, every edited model, and the sizes of the facts.

`plan_study` is pure Python on a config that has passed `memat.check`; the rules turn what
it says into paths.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from memat.edit.solver import DEFAULT
from memat.edit.spread import RESIDUAL, solver_fault
from memat.errors import ConfigError
from memat.fact_sets import DONOR, TUNING, whole_and_size
from memat.shards import n_shards
from memat.study.baselines import with_baselines
from memat.study.claims import PlannedClaim, claimed_rows, planned_claim
from memat.study.models import Correction, Edit, EditedModel, Heads, distinct
from memat.study.rows import (
    Defaults,
    Row,
    all_languages,
    defaults_of,
    expanded,
    language_code,
    language_codes,
    made_row,
)
from memat.study.steps import sequence_lines
from memat.suggest import allowed_values

MAIN = "results"  # the report of the config's own experiments
SEQUENCE = "sequence"  # kind of report: models after some of their steps


@dataclass(frozen=True)
class Report:
    """A table, curves or maps over rows. drawing: what only its figure needs."""

    name: str
    kind: str
    languages: tuple[str, ...]
    drawing: dict
    rows: tuple[Row, ...]

    def described(self) -> dict:
        """Plain values, the rows' too."""
        rows = [row.described() for row in self.rows]
        return vars(self) | {"languages": list(self.languages), "rows": rows}


@dataclass(frozen=True)
class Study:
    """All reports of a config and the sizes of its sets of facts (`memat.fact_sets`).

    block_size: None where the one block holds all facts that are left after translation.
    left_out: reports, and solvers of some of their rows that the model cannot be edited with.
    """

    reports: tuple[Report, ...]
    claims: tuple[PlannedClaim, ...]
    languages: tuple[str, ...]
    n_blocks: int
    block_size: int | None
    donor_size: int
    tuning_size: int
    left_out: tuple[tuple[str, str], ...] = ()

    @property
    def blocks(self) -> tuple[str, ...]:
        """Names of the blocks that are reported on."""
        return tuple(str(number) for number in range(self.n_blocks))

    @property
    def main(self) -> Report:
        """The report of the config's own experiments."""
        return self.report(MAIN)

    @property
    def others(self) -> tuple[Report, ...]:
        """The reports that `study.reports` asks for."""
        return tuple(report for report in self.reports if report.name != MAIN)

    def report(self, name: str) -> Report:
        return next(report for report in self.reports if report.name == name)

    def n_facts(self, facts: str) -> int | None:
        """How many facts a set holds; None: as many as are left after translation."""
        whole, size = whole_and_size(facts)
        sizes = {DONOR: self.donor_size, TUNING: self.tuning_size}
        return size or sizes.get(whole, self.block_size)

    def shards(self, facts: str, shard_size: int) -> range:
        """Shards of a stage that takes `shard_size` facts of a set in one job.

        A run whose block has no planned size is not cut: every set is one shard.
        """
        if self.block_size is None:
            return range(1)
        return range(n_shards(self.n_facts(facts), shard_size))

    def corrected_with(self, model: EditedModel, facts: str) -> str:
        """The set of facts whose corrections a model edited with `facts` carries.

        Of recycled corrections the donor set, or the next block where there is none.
        """
        if not model.recycled:
            return facts
        if self.donor_size:
            return DONOR
        return str((int(whole_and_size(facts)[0]) + 1) % self.n_blocks)

    @property
    def models(self) -> dict[str, EditedModel]:
        """Every edited model of every report, by id."""
        rows = [row for report in self.reports for row in report.rows]
        return {row.model.id: row.model for row in (*rows, *claimed_rows(self.claims))}

    @property
    def edits(self) -> dict[str, Edit]:
        """Edits that models carry, by id."""
        return {edit.id: edit for model in self.models.values() for edit in model.edits}

    @property
    def solved(self) -> dict[str, Edit]:
        """Edits that are solved for: those carried, and the terms of their sums."""
        return {part.id: part for edit in self.edits.values() for part in edit.parts}

    @property
    def values(self) -> dict[str, Edit]:
        """Edits whose values are optimised, by id."""
        return {found.id: found for edit in self.solved.values() for found in edit.values}

    def optimised(self, report: Report) -> tuple[tuple[Correction, str], ...]:
        """Corrections of a report that are optimised, and so have a loss curve, with their facts."""
        return distinct(
            (correction, self.corrected_with(row.model, facts))
            for row in report.rows
            for correction in row.model.corrections
            for facts in row.facts
            if correction.alpha is None
        )

    def heads(self, report: Report) -> tuple[Heads, ...]:
        """Probed heads of a report on the blocks that are reported on."""
        return distinct(
            correction.heads
            for row in report.rows
            for correction in row.model.corrections
            if not (row.model.recycled and self.donor_size)
        )

    def row(self, name: str) -> Row:
        """The row of the main report called `name`. Raises ConfigError naming those that exist."""
        rows = {row.name: row for row in self.main.rows}
        if name not in rows:
            raise ConfigError(f"experiment: {allowed_values(name, rows)}")
        return rows[name]


def plan_study(config: dict, spread: str = RESIDUAL) -> Study:
    """The study of a config. Raises ConfigError where a row of a report cannot be planned.

    spread: that of the run's model (`memat.edit.spread`). Rows of the study whose solver is not
    for it are left out, and reports that have no other; those of `experiments` are a fault
    (`memat.check`).
    """
    blocks, defaults = config["blocks"], defaults_of(config)
    languages, axes = defaults.languages, defaults.axes
    main = _rows(experiment_rows(config), defaults)
    reports, left_out = [Report(MAIN, "table", languages, {}, main)], []
    for spec in config["study"]["reports"]:
        lines = [*spec["rows"], *(line for grid in spec["grid"] for line in expanded(grid, axes))]
        fitting = [line for line in lines if _fits(line, spread)]
        solvers = {line["solver"] for line in lines if not _fits(line, spread)}
        left_out += [(spec["name"], solver) for solver in sorted(solvers)]
        if spec["kind"] == SEQUENCE:
            # without a size the report is a fault, told with its place (`row_faults`)
            fitting = list(sequence_lines(fitting, spec["after"], defaults.block_size or 1))
        if fitting or not lines:
            reports.append(_report(spec, fitting, defaults))
    planned = (planned_claim(spec, axes, defaults) for spec in config["study"]["claims"])
    return Study(
        reports=tuple(reports),
        claims=tuple(_fitting(claim, spread, reports) for claim in planned),
        languages=languages,
        n_blocks=blocks["count"],
        block_size=blocks["size"],
        donor_size=blocks["donor"],
        tuning_size=blocks["tuning"],
        left_out=tuple(left_out),
    )


def experiment_rows(config: dict) -> list[dict]:
    """The rows of `experiments`; of null: unedited, then memit and memat in each language."""
    if config["experiments"] is not None:
        return config["experiments"]
    languages = all_languages(config)
    edited = [{"method": "memit", "train": code} for code in languages]
    corrected = [{"method": "memat", "train": code, "heads": code} for code in languages]
    return [{"method": "unedited"}, *edited, *corrected]


def can_recycle(blocks: dict) -> bool:
    """Whether the config section `blocks` leaves other facts to take corrections from."""
    return blocks["donor"] > 0 or blocks["count"] > 1


def can_protect(config: dict, facts: str) -> bool:
    """Whether there are subjects to protect from an edit that holds a set of facts."""
    if config["covariance"]["protected_subjects"]["source"] != "facts":
        return True
    whole, _size = whole_and_size(facts)
    return any(config["blocks"][name] for name in {DONOR, TUNING} - {whole})


def _fits(line: dict, spread: str) -> bool:
    """Whether the solver of a row can be used with the spread of the model."""
    return solver_fault(spread, line.get("solver", DEFAULT)) is None


def _fitting(claim: PlannedClaim, spread: str, reports: Sequence[Report]) -> PlannedClaim:
    """A claim on the rows and reports that there are."""
    names = {report.name for report in reports}
    return replace(
        claim,
        of=[name for name in claim.of if name in names],
        comparisons=tuple(
            both
            for both in claim.comparisons
            if _fits(both.row.spec, spread) and _fits(both.baseline.spec, spread)
        ),
    )


def _report(spec: dict, lines: Sequence[dict], defaults: Defaults) -> Report:
    asked = language_codes(spec["asked_in"] or defaults.languages, defaults.languages)
    drawing = {"title": spec["title"] or spec["name"], "axis": spec["axis"] or ""}
    drawing |= {key: spec[key] for key in ("logarithmic", "by_metric", "metrics")}
    return Report(spec["name"], spec["kind"], asked, drawing, _rows(lines, defaults))


def _rows(lines: Sequence[dict], defaults: Defaults) -> tuple[Row, ...]:
    """Planned rows; the same row is there once."""
    made = [made_row(_placed(line, defaults), defaults) for line in lines]
    return tuple(with_baselines(list({row.name: row for row in made}.values())))


def _placed(line: dict, defaults: Defaults) -> dict:
    """A line whose `x` may name one of its keys, and whose `series` may hold {keys}."""
    shown = {
        key: language_code(value, defaults.languages) if isinstance(value, str) else value
        for key, value in line.items()
    }
    placed = dict(line)
    if isinstance(line.get("x"), str):
        placed["x"] = float(line[line["x"]])
    if line.get("series"):
        placed["series"] = line["series"].format(**shown)
    return placed
