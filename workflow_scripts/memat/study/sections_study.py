"""Sections on what is compared and reported: experiments, reports over them, and claims."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from memat.edit.solver import solver_names, solvers_in_words
from memat.evaluate.families import family_names, metrics_of
from memat.study.section import Count, OptionalText, PlainText, Positive, Section, Text

Name = Annotated[PlainText, Field(pattern="^[A-Za-z0-9][A-Za-z0-9_+-]*$")]
# folders of the results, and targets and rules of the workflow
_TAKEN = """
benchmarks corrections damage dataset edits export figures general heads logs protected results
scores study align all count_funnel duplicate_gender list_for_review measure_overlap
repair_structure report score summarise translate tune
"""
TAKEN = frozenset(_TAKEN.split())
MetricName = Literal[*(metric.name for metric in metrics_of(family_names()))]
LanguageWord = Annotated[PlainText, Field(pattern="^(source|target|[a-z]{2,3})$")]


class Experiment(Section):
    """One row of the results table."""

    name: Name | None = None
    """of the row in tables and figures, distinct; left out, it is made of the method and the
    languages"""
    method: Literal["unedited", "memit", "memat", "iti", "in_context", "retrieval"]
    """unedited | memit (weights edited in `train`) | memat (and heads corrected in `heads`)
    | iti (and heads shifted without optimisation) | in_context (no edit: each prompt is asked
    behind its new fact, said in `train`) | retrieval (no edit: behind the new fact it is nearest
    to, if any)"""
    train: LanguageWord | Annotated[list[LanguageWord], Field(min_length=1)] | None = None
    """language of the edit (a code, or source, or target), or a list of them"""
    combine: Literal["sum", "joint", "stacked"] | None = None
    """several languages: joint (values optimised on the prompts of all, one update; the default) |
    sum (each solved alone, the deltas added; the default of pmet, whose values cannot be joint) |
    stacked (values of each language, one update from the keys of all)"""
    transport: LanguageWord | Annotated[list[LanguageWord], Field(min_length=1)] | None = None
    """of an edit in one language: languages whose keys are guessed and written too, without a
    prompt in them: k + mean key there − mean key here, over other subjects"""
    taught: LanguageWord | Annotated[list[LanguageWord], Field(min_length=1)] | None = None
    """of an edit in one language: languages that it is taught in, without a target in them: values
    that make what the model says after a question there follow what it says, unedited, where it
    reads the fact in `train` before; one update from the keys of all"""
    solver: Annotated[Literal[*solver_names()] | None, Field(description=solvers_in_words())] = None
    learning_rate: Positive | None = None
    """overrides values.learning_rate"""
    protected: bool | None = None
    """overrides covariance.protected_subjects.use"""
    steps: Count | None = None
    """the facts are edited in so many steps, in their order: each is found on the model with those
    before it, the keys of earlier facts being a term of its solve; null: all facts at once"""
    keep_earlier: bool | None = None
    """of an edit in steps: false solves without that term; the default is true"""
    heads: LanguageWord | None = None
    """language in which heads are located and corrected"""
    select: Literal["located", "random"] | None = None
    """located (best probes, the default) | random (the control)"""
    k: Count | None = None
    """overrides corrections.k"""
    alpha: Positive | None = None
    """overrides iti.alpha"""
    recycled: bool | None = None
    """true takes the corrections of other facts (blocks.donor)"""


class StudyRow(Experiment):
    """A row of a report."""

    facts: Literal["blocks", "tuning"] | None = None
    """blocks (the default) | tuning (the facts of blocks.tuning)"""
    first: Count | None = None
    """only so many facts of each block"""
    series: Text | None = None
    """the curve it is a point of; {key} is that key of the row"""
    x: float | None = None
    """place on the axis"""


class Report(Section):
    """A table or figure: a target of its own."""

    name: Name
    """of the target and its files"""
    kind: Literal["table", "curves", "head_maps", "subjects", "overlap", "matrix", "sequence"]
    """table | curves | head_maps | subjects (facts by token overlap) | overlap | matrix (edited
    in × asked in) | sequence (what is kept along the steps of rows with `steps`, beside the same
    facts at once in rows without)"""
    after: Annotated[list[Count], Field(min_length=1)] | None = None
    """of a sequence: steps after which the model is looked at; null: 1, 2, 5, 10, 20, … and the
    last"""
    title: Text | None = None
    """of the figure"""
    axis: Text | None = None
    """what x is"""
    logarithmic: bool = True
    """scale of the axis"""
    by_metric: bool = False
    """one curve a metric, in one panel; else one a series, in a panel for each metric"""
    asked_in: list[LanguageWord] | None = None
    """evaluation languages; null: all"""
    metrics: Annotated[list[MetricName], Field(min_length=1)] = ["ES", "PS", "NS", "EM", "PM", "NM"]
    """drawn by curves, subjects and sequences; tables and matrices have those of summary.metrics"""
    rows: list[StudyRow] = []
    """as experiments, with facts, first, series, x"""
    grid: list[dict[str, object]] = []
    """rows whose lists are choices: one row for each combination. `$name` is a list of `axes`,
    or $languages, $targets, $sizes (of figure 4). x may name a key of the row."""


class Claim(Section):
    """What a text claims of the numbers."""

    text: Text
    """the claim"""
    place: Text
    """where it stands"""
    evidence: Literal["paired", "transfer", "peaks"] = "paired"
    """paired (rows against the same rows with the keys of `against`) | transfer (of reports of
    kind subjects) | peaks (of reports of kind head_maps)"""
    of: list[Name] = []
    """reports that transfer and peaks are taken from"""
    rows: list[dict[str, object]] = []
    """grids of rows, as in a report"""
    against: dict[str, object] | None = None
    """keys in which the row it is compared with differs"""
    asked_in: Literal["all", "trained", "untrained", "heads"] = "all"
    """evaluation languages: all | those edited in | the others | that of the heads"""
    metrics: Annotated[list[MetricName], Field(min_length=1)] = ["ES", "PS", "NS", "EM", "PM", "NM"]
    """metrics whose differences are looked at"""
    above: float = 0.0
    """points that the difference is claimed to exceed"""
    any_of: bool = False
    """true: one interval is enough"""


class StudyFile(Section):
    """Reports besides the results table, each a target, and claims that are held against them."""

    name: Name = "reports"
    """target that makes all of them, and their folder in the results"""
    axes: dict[str, list] = {}
    """named lists for grids; a config may replace them (study.axes)"""
    reports: list[Report] = []
    """tables and figures"""
    claims: list[Claim] = []
    """sentences with the numbers they rest on"""

    def faults(self) -> Iterator[tuple[str, str]]:
        seen: dict[str, int] = {}
        if self.name in TAKEN:
            yield "name", f"{self.name!r} is a folder of the results or a target already"
        for place, report in enumerate(self.reports):
            if report.name in TAKEN:
                yield f"reports[{place}].name", f"{report.name!r} is a target already"
            if report.name in seen:
                yield f"reports[{place}].name", f"already used by reports[{seen[report.name]}]"
            seen.setdefault(report.name, place)
        for place, claim in enumerate(self.claims):
            for name in claim.of:
                if name not in seen:
                    known = ", ".join(seen) or "none"
                    yield f"claims[{place}].of", f"{name!r} is no report; known: {known}"


class Study(Section):
    """Tables, figures and claims besides the results table: a file of their own."""

    file: OptionalText = "configs/paper.yaml"
    """what is reported: the paper's tables and figures, or a study of your own; null: nothing more"""
    axes: dict[str, list] = {}
    """lists that replace those of the file: settings that its searches try"""
    smallest_edit: Count = 10
    """least of $sizes, which are exp(ln(blocks.size)·i/16)"""
