"""The rows of the bilingual table that one stage works on, as requests for an edit."""

from collections.abc import Sequence

import polars as pl
import torch

from memat.errors import NotEnoughFacts
from memat.fact_sets import first, whole_and_size
from memat.model.sentences import EditRequest, Sentence

NEW, TRUE = "target_new", "target_true"


def facts_of_block(
    bilingual: pl.DataFrame,
    blocks: pl.DataFrame,
    block: str,
    language: str,
    held: Sequence[str] = (),
) -> pl.DataFrame:
    """All rows of one set of facts (`memat.fact_sets`) in one language, in the order of `blocks`.

    held: languages that a fact must have besides, those of an edit: it holds no others.
    Raises NotEnoughFacts(block) if there are none.
    """
    whole, size = whole_and_size(block)
    members = blocks.filter(block=whole).head(size or blocks.height)
    cases = members.select("case_id").with_row_index("order")
    for code in held:
        having = bilingual.filter(language=code)
        cases = cases.join(having, on="case_id", how="semi", maintain_order="left")
    rows = bilingual.filter(language=language).join(cases, on="case_id")
    if rows.is_empty():
        needed = "', '".join(dict.fromkeys([language, *held]))
        raise NotEnoughFacts(f"block {block} has no fact in language '{needed}'")
    return rows.sort("order", "role", "prompt_type", "index", maintain_order=True).drop("order")


def without_prompts(rows: pl.DataFrame, rejected: pl.DataFrame) -> pl.DataFrame:
    """The rows but for prompts of the rejected table, with whatever target, in their order."""
    return rows.join(
        rejected, on=["case_id", "prompt_type", "index"], how="anti", maintain_order="left"
    )


def asked_of_block(
    bilingual: pl.DataFrame,
    blocks: pl.DataFrame,
    block: str,
    languages: Sequence[str],
    held: Sequence[str],
) -> pl.DataFrame:
    """What a model is asked on one set: the facts that its edit holds, in every language they have.

    languages: of the run, one after another in the result. held: those of the edit, none of the
    unedited model. Raises NotEnoughFacts(block) for a language without any fact.
    """
    return pl.concat(
        facts_of_block(bilingual, blocks, block, language, held) for language in languages
    )


def with_both_targets(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of the facts whose true target is known, in their order."""
    # neighbours with an answer of their own have one whether or not it is known
    known = (pl.col("role") == TRUE) & (pl.col("prompt_type") == "rewrite")
    return rows.filter(known.any().over("case_id"))


def rewrite_requests(rows: pl.DataFrame, role: str) -> list[EditRequest]:
    """One `EditRequest` per fact, from its rewrite prompt with the target of `role`."""
    wanted = rows.filter(prompt_type="rewrite", role=role)
    columns = ("case_id", "template", "subject", "target", "joined")
    return [EditRequest(*row) for row in wanted.select(columns).iter_rows()]


def requests_of_block(
    bilingual: pl.DataFrame, blocks: pl.DataFrame, block: str, languages: Sequence[str]
) -> list[list[EditRequest]]:
    """The wanted facts of one block, (n_languages, n_facts): what an edit is asked to store.

    Only facts that have all of the languages.
    """
    rows = [facts_of_block(bilingual, blocks, block, language, languages) for language in languages]
    return [rewrite_requests(of_language, NEW) for of_language in rows]


def requests_of_step(
    bilingual: pl.DataFrame,
    blocks: pl.DataFrame,
    block: str,
    start: int,
    end: int,
    languages: Sequence[str],
) -> list[list[EditRequest]]:
    """As `requests_of_block`, of the facts of a whole set from number `start` to before `end`.

    Raises NotEnoughFacts(step) where none of these has all of the languages.
    """
    until = requests_of_block(bilingual, blocks, first(block, end), languages)
    done = 0
    if start:
        done = len(requests_of_block(bilingual, blocks, first(block, start), languages)[0])
    if done == len(until[0]):
        known = "', '".join(languages)
        raise NotEnoughFacts(
            f"block {block}, facts {start} to {end - 1}: none has a text in '{known}'; take fewer steps"
        )
    return [of_language[done:] for of_language in until]


def edit_position(sentence: Sentence) -> int:
    """Where an edit acts: at the subject's last token, or one earlier if that is the target's."""
    return min(sentence.subject_last, sentence.target_start - 1)


def named_cases(requests: Sequence[EditRequest], bad: torch.Tensor) -> str:
    """Case ids of the first few requests where `bad`, (n,) bool, for an error message."""
    return ", ".join(str(requests[i].case_id) for i in bad.nonzero()[:5, 0].tolist())
