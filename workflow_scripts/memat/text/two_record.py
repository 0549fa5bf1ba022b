"""The two-record form of the paper's appendix A: one language, two records a fact.

Each entry has `eval_target_new` and `eval_target_true`, each with its own
requested_rewrite, paraphrase and neighborhood prompts, so that a prompt can
agree with its target in gender and article.
"""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from memat.text.own_answers import answered_prompts
from memat.text.prompts import ANSWER, PROMPT_SCHEMA, ROLES
from memat.text.records import Where, load_records, true_target

_FACT, _ASKED = ("case_id", "relation_id", "joined"), ("role", "prompt_type", "index", "prompt")
_ASKED += ("target", "subject", "template", "answer")
GIVEN_SCHEMA = {name: PROMPT_SCHEMA[name] for name in (*_FACT, *_ASKED)}


def read_two_record(path: str | Path, elided: tuple[str, ...] = ("'", "’")) -> pl.DataFrame:
    """Prompts of a two-record file, one row per (case_id, role, prompt_type, index).

    elided: endings after which a target follows without a space (`l'` + `arpa`). A record that
    holds the source language too, without a true target, needs no `eval_target_true`.
    Raises FactError(file, record, field).
    """
    rows = []
    for where, record in load_records(path):
        both = record.get("requested_rewrite")  # a record that holds the source language too
        both = both if isinstance(both, dict) else None
        relation = record.get("relation_id", (both or {}).get("relation_id"))
        relation = where.text(relation, "relation_id")
        roles = ROLES[:1] if both is not None and true_target(where, both) is None else ROLES
        asked = [row for role in roles for row in _role_rows(where, record, role)]
        for row in (*asked, *_answered_rows(where, record)):
            prompt = row[_ASKED.index("prompt")]
            rows.append((where.case_id, relation, prompt.endswith(elided), *row))
    return pl.DataFrame(rows, schema=GIVEN_SCHEMA, orient="row")


def _role_rows(where: Where, record: dict, role: str) -> Iterator[tuple]:
    """The values of `_ASKED` of the prompts with one of the targets."""
    name = f"eval_{role}"
    if record.get(name) is None:
        raise where.fault(name, "missing; it holds what is asked in the second language")
    entry = where.mapping(record[name], name)
    field = f"{name}.requested_rewrite"
    rewrite = where.mapping(entry.get("requested_rewrite"), field)
    template = where.template(rewrite.get("prompt"), f"{field}.prompt")
    subject = where.subject(rewrite.get("subject"), f"{field}.subject")
    target = where.text(
        where.mapping(rewrite.get(role), f"{field}.{role}").get("str"), f"{field}.{role}.str"
    )
    prompt = template.replace("{}", subject)
    yield role, "rewrite", 0, prompt, target, subject, template, None
    for prompt_type, named in (("paraphrase", subject), ("neighborhood", None)):
        listed = where.prompts(entry.get(f"{prompt_type}_prompts"), f"{name}.{prompt_type}_prompts")
        for index, prompt in enumerate(listed):
            yield role, prompt_type, index, prompt, target, named, None, None


def _answered_rows(where: Where, record: dict) -> Iterator[tuple]:
    """Of prompts with an answer of their own: neighbours twice, after the new target's
    prompts and, in the words of `eval_target_true` where it has them, with their answer."""
    entries = {
        role: where.mapping(record.get(f"eval_{role}") or {}, f"eval_{role}") for role in ROLES
    }
    new = entries[ROLES[0]]
    rewrite = new["requested_rewrite"]  # checked with the rows of its role
    target, subject = rewrite[ROLES[0]]["str"].strip(), rewrite["subject"].strip()
    for role in ROLES:
        entry = entries[role] if entries[role].get("neighborhood") is not None else new
        plain = f"eval_{role}.neighborhood_prompts"
        first = len(where.prompts(entry.get("neighborhood_prompts"), plain))
        own = answered_prompts(where, entry.get("neighborhood"), f"eval_{role}.neighborhood")
        for index, (prompt, answer) in enumerate(own, first):
            wanted = target if role == ROLES[0] else answer
            yield role, "neighborhood", index, prompt, wanted, None, None, answer
    asked = answered_prompts(where, new.get("portability"), f"eval_{ROLES[0]}.portability")
    for index, (prompt, answer) in enumerate(asked):
        yield ANSWER, "portability", index, prompt, answer, subject, None, answer
