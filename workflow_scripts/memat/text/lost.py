"""The lost facts and prompts as a table that a person opens, with each reason in a sentence.

The stages name a reason by its code (`memat.text.rejections`), so a better sentence runs none again.
"""

from collections.abc import Sequence

import polars as pl

from memat.text.rejections import FACT

REASONS = {
    # where the facts are read
    "not_in_keep_ids": "The list of facts to keep (facts.keep_ids) does not name this fact.",
    "subject_not_in_prompt": "The paraphrase does not name the subject, so it asks something else.",
    "no_true_target": "The fact's true target is unknown, and the neighbour has no answer of its own.",
    "answer_is_new_target": "The neighbour's answer is the new target, so nothing can be compared.",
    "contradicts_earlier_fact": "An earlier fact makes the same relation of the subject something else.",
    "no_new_target": "The record has no new answer.",
    "new_target_is_true": "The new answer is the true one, so nothing is edited.",
    "answer_unknown": "The prompt comes without its answer.",
    "repeats_earlier_fact": "An earlier fact says the same of the subject, and it would count twice.",
    # where the translation is cut into prompt, subject and target
    "empty_translation": "The translator gave no text for this sentence.",
    "not_aligned": "No word of the translation could be matched with a word of the source.",
    "target_not_final": "The target does not end the translated sentence, so it cannot be asked for.",
    "subject_not_found": "The subject was not found in the prompt.",
    "subject_ambiguous": "The subject stands in the prompt more than once.",
    "unknown_words": "The translator left words of the prompt in the source language.",
    "dropped_by_correction": "A person emptied this prompt, for one target or both, in the file of corrections.",
    "lost_by_correction": "It would stand but for a correction; the detail names the line.",
    "no_record_in_language": "The file holds this fact in other languages only.",
    # where the prompts of both targets are put together
    "target_form_differs": "The prompt goes with another form of the target than the rewrite prompt.",
    "other_target_lost": "The same prompt was lost with the fact's other target.",
    "prompts_differ": "The prompt is translated differently for the two targets.",
    "rewrite_lost": "The prompt that the edit is made with was lost.",
    "targets_equal": "The new and the true target have the same translation.",
    "too_few_paraphrases": "Fewer paraphrases are left than repair.min_paraphrases asks for.",
    "too_few_neighborhood": "Fewer neighborhood prompts are left than repair.min_neighborhood asks for.",
    # where the facts are drawn
    "neighbour_is_edited": "The subject is edited with the same relation in the same set of facts.",
}
LOST_SCHEMA = {
    "case_id": pl.Int64,
    "what": pl.String,
    "language": pl.String,
    "prompt_type": pl.String,
    "target_role": pl.String,
    "stage": pl.String,
    "reason": pl.String,
    "why": pl.String,
    "sentence": pl.String,
    "detail": pl.String,
    "subject": pl.String,
}


def in_words(reason: str) -> str:
    """The sentence of a reason code; a code without one, its words."""
    return REASONS.get(reason) or f"{reason.replace('_', ' ').capitalize()}."


def lost_table(source: Sequence[dict], rejected: pl.DataFrame) -> pl.DataFrame:
    """`LOST_SCHEMA`: what was lost between the facts file and the dataset, facts before prompts.

    source: every row of the facts file (`memat.text.reader.read_format`). rejected: of all
    stages. language: where it was lost; empty: in all, before the translation. sentence: the prompt
    with its target, in the source language; of a fact, its rewrite prompt with the new target.
    prompt_type is empty for a fact.
    """
    facts = {row["case_id"]: row for row in source}
    rows = [_lost_row(row, facts.get(row["case_id"])) for row in rejected.iter_rows(named=True)]
    rows.sort(key=lambda r: (r["what"] != "fact", r["language"] or "", r["reason"], r["case_id"]))
    return pl.DataFrame(rows, schema=LOST_SCHEMA)


def left_out_neighbours(facts: pl.DataFrame, rejected: pl.DataFrame) -> pl.DataFrame:
    """`LOST_SCHEMA`: the neighbour prompts that a set of the run edits itself.

    facts: of the dataset's first stage. rejected: of `memat.text.edited.edited_neighbours`. They
    are known only once the facts are drawn, so they are not in the table of lost prompts.
    """
    asked = rejected.with_columns(pl.lit("target_true").alias("role"))
    return lost_table(facts.to_dicts(), asked)


def _lost_row(row: dict, fact: dict | None) -> dict:
    prompt_type, role = row["prompt_type"], row["role"]
    return {
        **{name: row.get(name) for name in LOST_SCHEMA},
        "what": "fact" if prompt_type == FACT else "prompt",
        "prompt_type": None if prompt_type == FACT else prompt_type,
        "target_role": role,
        "why": in_words(row["reason"]),
        "sentence": source_sentence(fact, prompt_type, row["index"], role) if fact else None,
        "subject": fact["subject"] if fact else None,
    }


def source_sentence(fact: dict, prompt_type: str, index: int | None, role: str | None) -> str:
    """A prompt of a fact in the source language with one of its targets, the new one by default,
    or the prompt's own answer.

    Types "record" and "rewrite" are the rewrite prompt. A prompt or a target that the fact has
    not is left out.
    """
    if prompt_type in (FACT, "rewrite"):
        prompt = fact["prompt"].replace("{}", fact["subject"])
    else:
        listed = fact[f"{prompt_type}_prompts"] or []
        prompt = listed[index] if index is not None and index < len(listed) else ""
    own = fact.get(f"{prompt_type}_answers") if role != "target_new" else None
    target = own[index] if prompt and own else None
    target = target or fact.get(role or "target_new")
    return f"{' '.join(part for part in (prompt, target) if part)}."
