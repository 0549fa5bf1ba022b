"""How many records are left after each step, and why the others are not."""

import json
from collections.abc import Mapping, Sequence

import polars as pl

from memat.text import edited
from memat.text.rejections import READING

# the step that a person reads, by the stage after which its records are counted
OF_A_LANGUAGE = {"repair_structure": "translated", "duplicate_gender": "paired"}
NONE_READ: Mapping[str, int] = {}
FUNNEL_SCHEMA = {
    "step": pl.String,
    "language": pl.String,
    "records": pl.Int64,
    "dropped": pl.Int64,
    "reasons": pl.String,
    "prompts_dropped": pl.Int64,
    "prompt_reasons": pl.String,
    "neighbours": pl.Int64,
    "portability": pl.Int64,
    "surprising": pl.Int64,
}


def funnel_table(
    facts: pl.DataFrame,
    rejected: pl.DataFrame,
    targets: Sequence[str],
    drawn: Sequence[dict] = (),
    surprising: Mapping[str, int] = NONE_READ,
) -> pl.DataFrame:
    """`FUNNEL_SCHEMA`: one row a step, from the source's records to the bilingual ones.

    Steps: given (in the file), accepted (valid, and asked for by `facts`), translated (and cut into
    prompt and target), paired (a record for each target), used (in a set of facts of the run).
    Those of the translation have a row for each target language; `language` is null where a
    step is the same in all. records: left after the step. reasons, prompt_reasons: JSON objects
    reason → count, of dropped records and of single dropped prompts. drawn: last rows, as
    `drawn_rows` gives them. surprising: of each language that a model has read, the prompts that
    are left after translation and surprise it; null in all other rows.
    """
    read = len(facts) + len(rejected.filter(stage=READING, prompt_type="record"))
    rows = [
        _step_row("given", None, read, rejected.clear()),
        _step_row("accepted", None, read, rejected.filter(stage=READING)),
    ]
    for language in targets:
        left = len(facts)
        for stage, step in OF_A_LANGUAGE.items():
            at_step = rejected.filter(stage=stage, language=language)
            row = _step_row(step, language, left, at_step)
            left = row["records"]
            if step == "translated":
                row["surprising"] = surprising.get(language)
            rows.append(row)
    return pl.DataFrame([*rows, *drawn], schema=FUNNEL_SCHEMA)


def drawn_rows(
    bilingual: pl.DataFrame,
    blocks: pl.DataFrame,
    rejected: pl.DataFrame,
    source: str,
    targets: Sequence[str],
) -> list[dict]:
    """Last rows of the funnel: the facts that the run uses, and how many each of several target
    languages has. `neighbours`, `portability`: prompts of that type that are left to them."""
    drawn = []
    for language in (None, *(targets if len(targets) > 1 else ())):
        rows = bilingual.filter(language=language or source)
        used = rows.join(blocks, on="case_id", how="semi")
        prompts = rejected.filter(stage=edited.STAGE).join(used, on="case_id", how="semi")
        unused = rows["case_id"].n_unique() - used["case_id"].n_unique()
        drawn.append(
            {
                "step": "used",
                "language": language,
                "records": used["case_id"].n_unique(),
                "dropped": unused,
                "reasons": json.dumps({"in_no_set": unused} if unused else {}),
                "prompts_dropped": prompts.height,
                "prompt_reasons": _counts(prompts),
                "neighbours": edited.neighbour_prompts(used).height - prompts.height,
                "portability": used.filter(prompt_type="portability").height,
            }
        )
    return drawn


def _step_row(step: str, language: str | None, before: int, at_step: pl.DataFrame) -> dict:
    records = at_step.filter(prompt_type="record")
    prompts = at_step.filter(pl.col("prompt_type") != "record")
    return {
        "step": step,
        "language": language,
        "records": before - len(records),
        "dropped": len(records),
        "reasons": _counts(records),
        "prompts_dropped": len(prompts),
        "prompt_reasons": _counts(prompts),
    }


def _counts(rejected: pl.DataFrame) -> str:
    counted = rejected.group_by("reason").len().sort(["len", "reason"], descending=[True, False])
    return json.dumps(dict(counted.iter_rows()), ensure_ascii=False)
