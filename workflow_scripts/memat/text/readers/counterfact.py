"""counterfact: JSON records with a requested_rewrite and prompts (Meng et al. 2022).

With `facts.bilingual` each record holds the two records of the paper's appendix A besides
(`memat.text.two_record`).
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from memat.progress import with_progress
from memat.suggest import likely, shown
from memat.text.languages import Language
from memat.text.own_answers import answer_columns
from memat.text.records import Where, first_record, load_records, true_target
from memat.text.rejections import Rejection
from memat.text.two_record import read_two_record

SETTINGS = {}
ONE_OTHER_LANGUAGE = True
OPTIONAL = ("paraphrase_prompts", "neighborhood_prompts", "neighborhood", "portability")
# of the public file, read by nothing
UNREAD = ("pararel_idx", "attribute_prompts", "generation_prompts")


def recognises(path: str | Path) -> bool:
    return "requested_rewrite" in first_record(path)


def read(path: str | Path, own: Mapping) -> tuple[list[dict], list[Rejection]]:
    records = with_progress(load_records(path), "facts read")
    return [_row(where, record) for where, record in records], []


def notices(path: str | Path, others_read: bool) -> Iterator[str]:
    if not others_read and b'"eval_target_new"' in Path(path).read_bytes():
        yield (
            f"{path}: its records give a second language (eval_target_new), which only"
            " facts.bilingual: true reads; as it is, the facts are translated"
        )
    keys = {key: where for where, record in reversed(load_records(path)) for key in record}
    for key, where in keys.items():
        if key not in (*OPTIONAL, *UNREAD) and (meant := likely(key, OPTIONAL)):
            yield f"{path}: record {where.position}: {shown(key)!r} is not read{meant}"


def read_language(path: str | Path, own: Mapping, language: Language) -> pl.DataFrame:
    return read_two_record(path, language.elided_endings)


def _row(where: Where, record: dict) -> dict:
    rewrite = where.mapping(record.get("requested_rewrite"), "requested_rewrite")
    field = "requested_rewrite.target_new"
    new = where.text(where.mapping(rewrite.get("target_new"), field).get("str"), f"{field}.str")
    true = true_target(where, rewrite)
    if new == true:
        raise where.fault("requested_rewrite", f"target_new and target_true are equal: {new!r}")
    subject = where.subject(rewrite.get("subject"), "requested_rewrite.subject")
    # CounterFact has the relation inside the rewrite, appendix A of the paper beside it
    relation = rewrite.get("relation_id", record.get("relation_id"))
    return {
        "case_id": record["case_id"],
        "relation_id": where.text(relation, "requested_rewrite.relation_id"),
        "subject": subject,
        "prompt": where.template(rewrite.get("prompt"), "requested_rewrite.prompt"),
        "target_new": new,
        "target_true": true,
        "paraphrase_prompts": where.prompts(record.get("paraphrase_prompts"), "paraphrase_prompts"),
        **answer_columns(where, record),
    }
