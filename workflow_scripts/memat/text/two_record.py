"""The two-record form of the paper's appendix A: one language, two records a fact.

Each entry has `eval_target_new` and `eval_target_true`, each with its own
requested_rewrite, paraphrase and neighborhood prompts, so that a prompt can
agree with its target in gender and article.
"""

from pathlib import Path

import polars as pl

from memat.text.own_answers import answered_prompts
from memat.text.prompts import ANSWER, ROLES
from memat.text.records import Where, load_records, true_target

GIVEN_SCHEMA = {
    "case_id": pl.Int64,
    "relation_id": pl.String,
    "role": pl.String,
    "prompt_type": pl.String,
    "index": pl.Int64,
    "subject": pl.String,
    "template": pl.String,
    "prompt": pl.String,
    "target": pl.String,
    "joined": pl.Boolean,
    "answer": pl.String,
}


def read_two_record(path: str | Path, elided: tuple[str, ...] = ("'", "’")) -> pl.DataFrame:
    """Prompts of a two-record file, one row per (case_id, role, prompt_type, index).

    elided: endings after which a target follows without a space (`l'` + `arpa`). A record that
    holds the source language too, without a true target, needs no `eval_target_true`.
    Raises FactError(file, record, field).
    """
    rows = []
    for where, record in load_records(path):
        both = record.get("requested_rewrite")  # a record that holds the source language too
        relation = record.get(
            "relation_id", both.get("relation_id") if isinstance(both, dict) else None
        )
        relation = where.text(relation, "relation_id")
        for role in _roles(where, record):
            rows += _role_rows(where, record, relation, role, elided)
        rows += _answered_rows(where, record, relation, elided)
    return pl.DataFrame(rows, schema=GIVEN_SCHEMA)


def _roles(where: Where, record: dict) -> tuple[str, ...]:
    both = record.get("requested_rewrite")
    if isinstance(both, dict) and true_target(where, both) is None:
        return ROLES[:1]
    return ROLES


def _role_rows(
    where: Where, record: dict, relation: str, role: str, elided: tuple[str, ...]
) -> list[dict]:
    name = f"eval_{role}"
    if record.get(name) is None:
        raise where.fault(name, "missing; it holds what is asked in the second language")
    entry = where.mapping(record[name], name)
    rewrite = where.mapping(entry.get("requested_rewrite"), f"{name}.requested_rewrite")
    field = f"{name}.requested_rewrite"
    template = where.template(rewrite.get("prompt"), f"{field}.prompt")
    subject = where.subject(rewrite.get("subject"), f"{field}.subject")
    target = where.text(
        where.mapping(rewrite.get(role), f"{field}.{role}").get("str"), f"{field}.{role}.str"
    )
    prompts = [("rewrite", 0, template.replace("{}", subject))]
    for prompt_type in ("paraphrase", "neighborhood"):
        listed = where.prompts(entry.get(f"{prompt_type}_prompts"), f"{name}.{prompt_type}_prompts")
        prompts += [(prompt_type, index, prompt) for index, prompt in enumerate(listed)]
    return [
        {
            "case_id": record["case_id"],
            "relation_id": relation,
            "role": role,
            "prompt_type": prompt_type,
            "index": index,
            "subject": subject if prompt_type != "neighborhood" else None,
            "template": template if prompt_type == "rewrite" else None,
            "prompt": prompt,
            "target": target,
            "joined": prompt.endswith(elided),
            "answer": None,
        }
        for prompt_type, index, prompt in prompts
    ]


def _answered_rows(
    where: Where, record: dict, relation: str, elided: tuple[str, ...]
) -> list[dict]:
    """Rows of prompts with an answer of their own: neighbours twice, after the new target's
    prompts and, in the words of `eval_target_true` where it has them, with their answer."""
    entries = {
        role: where.mapping(record.get(f"eval_{role}") or {}, f"eval_{role}") for role in ROLES
    }
    new = entries[ROLES[0]]
    rewrite = new["requested_rewrite"]  # checked with the rows of its role
    target, subject = rewrite[ROLES[0]]["str"].strip(), rewrite["subject"].strip()
    asked = []
    for role in ROLES:
        entry = entries[role] if entries[role].get("neighborhood") is not None else new
        plain = f"eval_{role}.neighborhood_prompts"
        first = len(where.prompts(entry.get("neighborhood_prompts"), plain))
        field = f"eval_{role}.neighborhood"
        for i, (prompt, answer) in enumerate(
            answered_prompts(where, entry.get("neighborhood"), field)
        ):
            wanted = target if role == ROLES[0] else answer
            asked.append(("neighborhood", first + i, role, prompt, wanted, answer, None))
    field = f"eval_{ROLES[0]}.portability"
    for i, (prompt, answer) in enumerate(answered_prompts(where, new.get("portability"), field)):
        asked.append(("portability", i, ANSWER, prompt, answer, answer, subject))
    return [
        {
            "case_id": record["case_id"],
            "relation_id": relation,
            "role": role,
            "prompt_type": prompt_type,
            "index": index,
            "subject": name,
            "template": None,
            "prompt": prompt,
            "target": wanted,
            "joined": prompt.endswith(elided),
            "answer": answer,
        }
        for prompt_type, index, role, prompt, wanted, answer, name in asked
    ]
