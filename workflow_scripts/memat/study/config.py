"""The configuration of a run: every section, and what no single section can see.

The classes of `sections_*.py` are the only home of a key. A config is a plain dict, as
Snakemake merges it; `config_faults` says everything that is wrong with one.
"""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from memat.errors import ConfigError
from memat.evaluate.families import read_answers
from memat.study import sections_dataset as of_dataset
from memat.study import sections_edit as of_edit
from memat.study import sections_run as of_run
from memat.study import sections_study as of_study
from memat.study import sections_tune as of_tune
from memat.study import translation
from memat.study.faults import fault_lines
from memat.study.section import PlainText, Section
from memat.study.sections_study import StudyFile
from memat.text.reader import holds_one_language
from memat.yaml_files import read_yaml

CUT_BY_FACTS = ("values", "activations", "scores")  # sections of stages whose jobs share the facts
# where the equations and the code that was released with the paper differ, in the words of the stages
SWITCHES = {
    ("deltas", "residual"): {"equations": "updated", "released_code": "frozen"},
    ("corrections", "kl_reference"): {"equations": "own", "released_code": "first_fact"},
    ("corrections", "correction_norm"): {"equations": "own", "released_code": "shared"},
    ("corrections", "heads_per_layer"): {"equations": "add_up", "released_code": "last_wins"},
    ("summary", "target_pairing"): {"equations": "by_prompt", "released_code": "concatenated"},
}


class Config(Section):
    """Configuration of a MEMAT run."""

    results: Annotated[PlainText, Field(min_length=1, pattern="^[^{}]+$")] = "results"
    """Where everything made goes. Two configurations need two folders."""
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 0
    """One seed for everything drawn at random: blocks, sampled text, splits, random heads,
    bootstrap."""
    reproduce: Literal["equations", "released_code"] = "equations"
    """equations (the paper's) | released_code (where the code that was published with it does
    otherwise: the residual of all edit layers is measured once; corrections are held to the first
    fact's distribution and norm; of several heads of a layer the last one counts; the two records
    of a fact in a target language are one list, targets in turn)."""
    compute: of_run.Compute = of_run.Compute()
    languages: of_run.Languages = of_run.Languages()
    model: of_run.Model = of_run.Model()
    facts: of_dataset.Facts = of_dataset.Facts()
    translate: of_dataset.Translate = of_dataset.Translate()
    align: of_dataset.Align = of_dataset.Align()
    repair: of_dataset.Repair = of_dataset.Repair()
    review: of_dataset.Review = of_dataset.Review()
    overlap: of_dataset.Overlap = of_dataset.Overlap()
    blocks: of_dataset.Blocks = of_dataset.Blocks()
    templates: of_edit.Templates = of_edit.Templates()
    covariance: of_edit.Covariance = of_edit.Covariance()
    edit: of_edit.Edit = of_edit.Edit()
    values: of_edit.Values = of_edit.Values()
    deltas: of_edit.Deltas = of_edit.Deltas()
    activations: of_edit.Activations = of_edit.Activations()
    probes: of_edit.Probes = of_edit.Probes()
    corrections: of_edit.Corrections = of_edit.Corrections()
    iti: of_edit.Iti = of_edit.Iti()
    scores: of_run.Scores = of_run.Scores()
    generate: of_run.Generate = of_run.Generate()
    summary: of_run.Summary = of_run.Summary()
    damage: of_run.Damage = of_run.Damage()
    general: of_run.General = of_run.General()
    ship: of_run.Ship = of_run.Ship()
    export: of_run.Export = of_run.Export()
    tune: of_tune.Tune = of_tune.Tune()
    experiments: Annotated[list[of_study.Experiment], Field(min_length=1)] | None = None
    """unedited, then memit in each language, then memat with edit and heads in each"""
    study: of_study.Study = of_study.Study()
    experiment: PlainText | None = None
    """experiment to export, given with --config experiment=<name>"""

    def faults(self) -> Iterator[tuple[str, str]]:
        yield from self._translation_faults()
        contexts, templates = self.corrections.contexts, self.templates.count
        if contexts > templates:
            fault = f"at most templates.count ({templates}), found {contexts}"
            yield "corrections.contexts", fault
        together = self.compute.batch_facts
        for name in CUT_BY_FACTS:
            size = getattr(self, name).shard_size
            if size % together:
                fault = f"must be a multiple of compute.batch_facts ({together}), found {size}"
                yield f"{name}.shard_size", fault
        if read_answers(self.summary.metrics) and not self.generate.prompt_types:
            yield (
                "generate.prompt_types",
                f"summary.metrics has {', '.join(self.summary.metrics)}: without prompts that are"
                " answered freely nothing of generation can be measured",
            )
        languages = [self.languages.source, *self.languages.targets]
        for code in self.damage.texts.keys() - set(languages):
            fault = f"'{code}' is no language of the run; allowed: {', '.join(languages)}"
            yield "damage.texts", fault
        asked = self.scores.prompt_types
        for name in self.generate.prompt_types:
            if name not in asked:
                fault = f"{name} is not asked: scores.prompt_types has {', '.join(asked)}"
                yield "generate.prompt_types", fault
        if self.export.block >= self.blocks.count:
            yield (
                "export.block",
                f"{self.export.block} does not exist; blocks.count is {self.blocks.count}, the"
                " first block is 0",
            )

    def _translation_faults(self) -> Iterator[tuple[str, str]]:
        targets = self.languages.targets
        if self.facts.bilingual:  # such a file needs no engine
            if len(targets) > 1 and holds_one_language(self.facts.format):
                yield (
                    "facts.bilingual",
                    f"a file of facts.format: {self.facts.format} holds one language besides the"
                    f" source; languages.targets names {len(targets)}: {', '.join(targets)}",
                )
            if self.repair.corrections:
                yield (
                    "repair.corrections",
                    "facts.bilingual: true translates nothing, so nothing would be corrected; mend"
                    " the prompts in the file of the facts",
                )
            return
        files = {
            "facts.reference": self.facts.reference,
            "repair.corrections": self.repair.corrections,
        }
        yield from translation.language_faults(self.translate, targets, files)
        for place, settings in translation.sections_by_place(self.translate, targets).items():
            own = getattr(settings, settings.engine, None)
            for key, fault in own.faults() if own else ():
                yield f"{place}.{settings.engine}.{key}", fault


def config_faults(config: dict) -> Iterator[str]:
    """One line per fault: `values.stepss: unknown key; allowed: …; did you mean 'steps'?`

    Values that contradict each other are looked for where each is allowed by itself.
    """
    if theirs := sorted(config.keys() & {"claims", "reports"}):
        yield (
            f"{', '.join(theirs)}: belong to a study's file, which is no config: name it in"
            " study.file of a config, and ask for its reports by name"
        )
        return
    try:
        typed = Config.model_validate(config)
    except ValidationError as error:
        yield from fault_lines(error, Config)
        return
    yield from _section_faults(typed, "")
    if typed.study.file is not None:
        yield from _study_file_faults(typed.study.file)


def completed(config: dict) -> dict:
    """A config without faults, with the default of every key it leaves out, as plain values, and
    what `reproduce` means in the sections of the stages.

    Numbers have the kind of their key: params are compared as text, and 1 is not 1.0. Without
    blocks.size no stage is cut, because how many facts are left shows only after translation:
    each shard_size is null.
    """
    typed = Config.model_validate(config)
    plain = typed.model_dump() | {"translate": translation.plain_section(typed.translate)}
    if typed.experiments is not None:
        plain["experiments"] = [row.model_dump(exclude_none=True) for row in typed.experiments]
    file = _study_file(typed.study.file) if typed.study.file else StudyFile().model_dump()
    plain["study"] = file | plain["study"] | {"axes": file["axes"] | typed.study.axes}
    for (section, key), meaning in SWITCHES.items():
        plain[section][key] = meaning[typed.reproduce]
    if typed.blocks.size is None:
        for section in CUT_BY_FACTS:
            plain[section]["shard_size"] = None
    if typed.experiment is None:
        del plain["experiment"]
    return plain


def _section_faults(section: Section, place: str) -> Iterator[str]:
    for key, fault in section.faults():
        yield f"{'.'.join(filter(None, (place, key)))}: {fault}"
    for name in type(section).model_fields:
        value = getattr(section, name)
        # settings of an engine that is not chosen may be incomplete
        if isinstance(value, Section) and not isinstance(value, of_dataset.Translate):
            yield from _section_faults(value, f"{place}.{name}".removeprefix("."))


def _study_file_faults(path: str) -> Iterator[str]:
    """Faults of what a study's file reports and claims, each with the file's name."""
    try:
        content = read_yaml(path, ConfigError)
    except ConfigError as error:
        yield f"study.file: {error}"
        return
    try:
        typed = StudyFile.model_validate(content)
    except ValidationError as error:
        yield from (f"{path}: {line}" for line in fault_lines(error, StudyFile))
        return
    yield from (f"{path}: {key}: {fault}" for key, fault in typed.faults())


def _study_file(path: str) -> dict:
    typed = StudyFile.model_validate(read_yaml(path, ConfigError))
    plain = typed.model_dump()
    for report, section in zip(plain["reports"], typed.reports, strict=True):
        report["rows"] = [row.model_dump(exclude_none=True) for row in section.rows]
    return plain
