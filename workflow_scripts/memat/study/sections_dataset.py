"""Sections on the dataset: facts, their translation, its repair, and the facts of a run."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from memat.study.section import (
    Count,
    Language,
    Number,
    OptionalText,
    PlainText,
    Positive,
    Section,
    Sha256,
    Share,
    Text,
    unpinned,
    with_leaf_sections,
)
from memat.text.engine import PACKAGE as ENGINES
from memat.text.engine import engine_names, engines_in_words
from memat.text.reader import PACKAGE as FORMATS
from memat.text.reader import bilingual_formats, format_names, formats_in_words


@with_leaf_sections(FORMATS, "facts")
class Facts(Section):
    """Read and validate."""

    format: Annotated[Literal[*format_names()], Field(description=formats_in_words())] = (
        "counterfact"
    )
    path: OptionalText = None
    """a local file; a run needs this or `url`"""
    url: Annotated[PlainText, Field(pattern="^(https?|file)://")] | None = None
    """downloaded once to resources/cache/facts/"""
    sha256: Sha256 | None = None
    """of the file; null: a download is pinned by a lock file at first use"""
    keep_ids: OptionalText = None
    """text file, one case id a line: use only these facts"""
    tuning_ids: OptionalText = None
    """text file as above: facts to choose settings with, never reported"""
    reference: OptionalText = None
    """the facts in both languages, only to measure the translation; of several target languages
    each has its own file: `{language}` in the path stands for its code"""
    bilingual: bool = False
    """true: the file already holds the target languages, nothing is translated"""
    contradictions: Literal["refuse", "drop"] = "refuse"
    """facts that want another target for the relation and subject of an earlier one: refuse
    (name both records) | drop (the first one stands)"""

    def faults(self) -> Iterator[tuple[str, str]]:
        if self.path is None and self.url is None:
            yield (
                "",
                "no facts are named; give facts.path (a file) or facts.url (a download)."
                " configs/own.yaml is an example to copy",
            )
        if self.path is not None and self.url is not None:
            yield "", "both path and url are given; set one of them to null"
        if self.bilingual and self.format not in bilingual_formats():
            yield (
                "bilingual",
                f"records of facts.format: {self.format} hold one language; several are in"
                f" those of {', '.join(bilingual_formats())}",
            )


@with_leaf_sections(ENGINES, "translate")
class TranslateInto(Section):
    """Settings of the translation into one language."""

    engine: Annotated[Literal[*engine_names()], Field(description=engines_in_words())] = "apertium"
    batch_facts: Count = 1000
    """facts whose sentences are translated together"""
    shards: Count = 1
    """jobs; more than facts / batch_facts have nothing to do"""
    batch_size: Count = 64
    """sentences at a time"""
    protect_subject: bool = True
    """put a placeholder in the subject's place, so that no name is translated"""


class Translate(TranslateInto):
    """Each distinct sentence once."""

    by_language: dict[Language, TranslateInto] = {}
    """language → those of the settings above that differ for it: {es: {engine: table, …}}"""


class Align(Section):
    """Words of a sentence with words of its translation (simalign)."""

    model: Text = "edited"
    """edited (the model above) | folder | hub id"""
    revision: OptionalText = None
    """commit id, of a hub id"""
    layer: Number = 12
    """hidden layer whose vectors are compared"""
    method: Literal["itermax", "inter", "mwmf"] = "itermax"
    """itermax | inter | mwmf (simalign's matching methods)"""
    batch_size: Count = 32
    """sentences at a time; the edited model takes as many as begin alike"""

    def faults(self) -> Iterator[tuple[str, str]]:
        if self.model != "edited" and (fault := unpinned(self.model, self.revision)):
            yield "revision", fault


class Repair(Section):
    """Cut translations into prompt and target, one form of the target per record."""

    min_paraphrases: Number = 1
    """a record with fewer surviving prompts is dropped, with its reason; one that was given
    without any is kept"""
    min_neighborhood: Number = 0
    """the same for prompts of neighbouring facts; a table of triples may have none"""
    corrections: OptionalText = None
    """CSV of reviewed prompts (from results/dataset/<language>/review.csv); of several target
    languages each has its own file: `{language}` in the path stands for its code"""


class Review(Section):
    """Rows for a person to look at."""

    wordings: Number = 200
    """one prompt of each wording that several prompts share, of at most so many wordings: what is
    wrong in all of them shows in no comparison"""
    sample: Number = 50
    """other rows drawn beside all suspicious ones"""
    surprisal: list[Language] = []
    """target languages that the model speaks: it reads their translations, and those that surprise
    it more than others of their wording or relation are flagged. It takes minutes, and found few
    bad ones where it was measured (docs/facts.md)"""
    surprisal_z: Positive = 1.0
    """how much more: robust standard deviations above the median of at least 8 sentences"""


class Overlap(Section):
    """Jaccard of subject, relation and target tokens, source and target language."""

    same: Share = 1.0
    """subset `same`: subject overlap at least this, in every target language of the fact"""
    different: Share = 0.5
    """subset `different`: subject overlap at most this, likewise"""

    def faults(self) -> Iterator[tuple[str, str]]:
        if self.different >= self.same:
            yield "different", f"must be below overlap.same ({self.same}), found {self.different}"


class Blocks(Section):
    """Each block of facts edits a fresh copy of the model."""

    split: Literal["report", "tuning"] = "report"
    """report | tuning (choose settings on tuning, report on report)"""
    subset: Literal["all", "same", "different"] = "all"
    """all | same | different"""
    size: Count | None = None
    """facts per block; null: one block of all facts that are left. How many that is shows only
    after translation, so no stage is then cut in jobs (shard_size); a number for thousands of
    facts and the paper's figure 4"""
    count: Count = 1
    """blocks; each is one more full run"""
    donor: Number = 0
    """facts of no block whose corrections are recycled; 0: the next block's are"""
    tuning: Number = 0
    """facts to search settings with (paper's figures 5, 6, 9, 10): of the tuning split, or of
    what no block holds where the file has no such split"""

    def faults(self) -> Iterator[tuple[str, str]]:
        if self.size is None and self.count > 1:
            fault = (
                f"null puts all facts in one block; give a number for blocks.count: {self.count}"
            )
            yield "size", fault
