"""counterfact_flat: JSON records of prompt, subject, target, locality and portability (as EasyEdit's).

    {"subject", "prompt", "target_new", "ground_truth", "rephrase_prompt",
     "locality": {name: {"prompt", "ground_truth"}}, "portability": the same}

A rephrase may be a list, an entry of locality or portability a list of entries, or two lists; an
answer a list of alike ones, of which the first counts. `locality_prompt` and
`locality_ground_truth` beside each other say the same as one entry. Prompts that end with a
question mark are asked in the template of the language. Fields besides are not read.
"""

from collections.abc import Mapping
from pathlib import Path

from memat.text.asked_facts import (
    Answered,
    AskedFact,
    first_text,
    prompts_with_answers,
    read_asked,
    texts,
)
from memat.text.questions import Questions, asked, with_template
from memat.text.records import Where, first_record
from memat.text.rejections import Rejection

KEYS = ("prompt", "ground_truth")


class CounterFactFlat(Questions):
    """Flat records; prompts that are questions are asked in a template."""


SETTINGS = {"facts": CounterFactFlat}
completed = with_template


def recognises(path: str | Path) -> bool:
    return {"subject", "prompt", "target_new"} <= first_record(path).keys()


def read(path: str | Path, own: Mapping) -> tuple[list[dict], list[Rejection]]:
    return read_asked(path, lambda where, record: _fact(where, record, own["question"]))


def _fact(where: Where, record: dict, template: str) -> AskedFact:
    rephrased = record.get("rephrase_prompt", record.get("rephrase"))
    return AskedFact(
        where.case_id,
        where.position,
        where.subject(record.get("subject"), "subject"),
        asked(where.subject(record.get("prompt"), "prompt"), template),
        first_text(where, record.get("target_new"), "target_new"),
        first_text(where, record.get("ground_truth"), "ground_truth"),
        [asked(text, template) for text in texts(where, rephrased, "rephrase_prompt")],
        _answered(where, record, "locality", template),
        _answered(where, record, "portability", template),
    )


def _answered(where: Where, record: dict, field: str, template: str) -> list[Answered]:
    """Entries of every name, and that of `<field>_prompt` and `<field>_ground_truth`."""
    found = []
    for name, entry in where.mapping(record.get(field) or {}, field).items():
        found += prompts_with_answers(where, entry, f"{field}.{name}", KEYS)
    if record.get(f"{field}_prompt"):
        keys = (f"{field}_prompt", f"{field}_ground_truth")
        found += prompts_with_answers(where, {key: record.get(key) for key in keys}, "record", keys)
    return [(asked(prompt, template), answer) for prompt, answer in found]
