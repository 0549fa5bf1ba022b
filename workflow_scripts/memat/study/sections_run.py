"""Sections on the run as a whole: languages, model, jobs, experiments and what is reported."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from memat.evaluate.families import families_in_words, family_names
from memat.evaluate.prompt_types import PROMPT_TYPES, SCORED
from memat.study.section import (
    MACHINE_LIMIT,
    Count,
    Language,
    Number,
    OptionalText,
    PlainText,
    Positive,
    Section,
    Text,
    repeats,
)

_NAME = "^[A-Za-z0-9][A-Za-z0-9._-]*$"  # of a file


class Compute(Section):
    """How models are loaded, in every stage that needs one."""

    device: Annotated[PlainText, Field(pattern="^(auto|cpu|cuda(:[0-9]+)?)$")] = "auto"
    """auto (CUDA if there is one) | cpu | cuda (a free GPU) | cuda:0 …"""
    dtype: Literal["float32", "bfloat16", "float64"] = "float32"
    """float32 | bfloat16 | float64; deltas are always solved in float64"""
    threads: Count = 1
    """of a model job; on a processor two jobs side by side beat two threads"""
    memory_mb: Annotated[int, Field(ge=300)] = 2400
    """what one model job may use; also what it asks of a scheduler"""
    batch_facts: Count = 50
    """facts that may share a batch; shard_size of values, activations and scores must be a
    multiple of it, so that the number of jobs changes no result"""


class Languages(Section):
    """Facts are given in `source` and translated into each of `targets`; edits and heads can use
    any of them. Each code needs a file resources/languages/<code>.yaml."""

    source: Language = "en"
    """the facts are given in it"""
    targets: Annotated[list[Language], Field(min_length=1)] = ["ca"]
    """they are translated into each of them"""

    def faults(self) -> Iterator[tuple[str, str]]:
        if self.source in self.targets:
            yield "targets", f"must differ from languages.source, found {self.targets}"
        yield from repeats(self, "targets")


class Model(Section):
    """Fetch, verify and convert to a Hugging Face folder"""

    name: Annotated[PlainText, Field(pattern=_NAME)] = "smollm2-135m-instruct"
    """resources/models/<name>.yaml says where it comes from"""


class Scores(Section):
    """The prompts of every fact, in all languages, with each edited model"""

    prompt_types: list[Literal[*PROMPT_TYPES]] = [*SCORED, "portability"]
    """those that are asked, as far as the dataset has them: rewrite | paraphrase | neighborhood |
    portability (what follows from the new fact, with an answer of its own) | distracted (each
    neighbour after the new fact)"""
    shard_size: Count = 500
    """facts per job"""

    def faults(self) -> Iterator[tuple[str, str]]:
        yield from repeats(self, "prompt_types")
        if "rewrite" not in self.prompt_types:
            yield "prompt_types", f"must have rewrite, found {self.prompt_types}"


class Generate(Section):
    """What a scored model says by itself after a prompt, to the end of the sentence: in facts.csv,
    and for the metrics of generation"""

    prompt_types: list[Literal[*PROMPT_TYPES]] = ["rewrite"]
    """prompts that are answered, of scores.prompt_types: rewrite | paraphrase | neighborhood |
    portability | distracted"""
    per_fact: Count | None = 3
    """at most so many prompts of each type of a fact; null: all"""
    tokens: Annotated[int, Field(ge=2, le=MACHINE_LIMIT)] = 16
    """of an answer, at most; the last word of one that is cut there does not count"""

    def faults(self) -> Iterator[tuple[str, str]]:
        yield from repeats(self, "prompt_types")


Family = Literal[*family_names()]


class Summary(Section):
    """Metrics, intervals and paired differences"""

    metrics: Annotated[
        list[Family],
        Field(min_length=1, description=f"families of metrics shown: {families_in_words()}"),
    ] = ["success", "magnitude", "accuracy"]
    probability: Literal["geometric", "joint"] = "geometric"
    """geometric (mean per token, as published) | joint (of the whole target)"""
    bootstrap: Annotated[int, Field(ge=100)] = 2000
    """resamples of facts"""
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.95
    """level of every interval"""

    def faults(self) -> Iterator[tuple[str, str]]:
        yield from repeats(self, "metrics")


class Damage(Section):
    """What an edit costs on unrelated text: perplexity, and KL from the unedited model"""

    texts: dict[Language, Text] = {}
    """{language: file}, a paragraph a line; a language that is left out is measured on the
    project's own text resources/texts/<code>.txt, or not at all where there is none"""
    tokens: Annotated[int, Field(ge=2, le=MACHINE_LIMIT)] = 256
    """read of each paragraph, at most"""


class General(Section):
    """Target `general`: tasks of lm-eval on the exported model of each experiment that changes a
    weight, beside the unedited one"""

    tasks: Annotated[list[Text], Field(min_length=1)] | None = None
    """names of lm-eval's tasks or groups of tasks, such as catalan_bench; null: the project's own,
    common_knowledge_<code>, of each language of the run that has one"""
    include: OptionalText = None
    """a folder with tasks of your own, as lm-eval reads them (YAML, and what it names)"""
    experiments: Annotated[list[PlainText], Field(min_length=1)] | None = None
    """names of those that are asked; null: all that change a weight"""
    limit: Count | None = None
    """questions of each task, from its first one; null: all"""
    few_shot: Number | None = None
    """examples before each question; null: as many as the task says"""
    batch_size: Count = 8
    """questions that the model reads at once"""

    def faults(self) -> Iterator[tuple[str, str]]:
        yield from repeats(self, "tasks", "experiments")


Points = Annotated[float, Field(ge=0, le=100)]


class Ship(Section):
    """The bounds of the page ship.html, which says of every edit whether it may be shipped. A
    measure keeps to its bound if its whole interval does, and misses it if its whole interval does;
    between them nothing is shown."""

    edited: Points = 80.0
    """percent of the edited prompts after which the new answer has to be named, at least"""
    paraphrases: Points = 50.0
    """percent of the paraphrases, likewise"""
    neighbours_lost: Points = 5.0
    """points that neighbouring facts may lose against the unedited model, at most"""
    perplexity_ratio: Annotated[float, Field(gt=1)] = 1.05
    """perplexity of unrelated text in that of the unedited model, at most"""
    kl: Positive = 0.05
    """KL from the unedited model's predictions on unrelated text, in nats a token, at most"""
    general_lost: Points = 2.0
    """points that a general task may lose, at most"""
    facts: Count = 20
    """facts that a verdict stands on, at least; with fewer nothing is shown"""
    paragraphs: Count = 10
    """paragraphs of unrelated text, likewise"""


class Export(Section):
    """Target `export`, with --config experiment=<name>"""

    block: Number = 0
    """the model edited with this block is written"""
    adapter: bool = False
    """true: the edit alone, as a PEFT LoRA adapter of a few MB, instead of the whole model"""
    rank: Count | None = None
    """largest rank of an adapter, for engines that take no higher one; null: as many as facts"""
