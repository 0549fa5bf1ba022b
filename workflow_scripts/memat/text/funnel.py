"""How many records are left after each step, and why the others are not."""

import json

import polars as pl

from memat.text import edited

STEPS = ("facts", "repair", "gender")
FUNNEL_SCHEMA = {
    "step": pl.String,
    "records": pl.Int64,
    "dropped": pl.Int64,
    "reasons": pl.String,
    "prompts_dropped": pl.Int64,
    "prompt_reasons": pl.String,
    "neighbours": pl.Int64,
}


def funnel_table(
    facts: pl.DataFrame, rejected: pl.DataFrame, drawn: pl.DataFrame | None = None
) -> pl.DataFrame:
    """`FUNNEL_SCHEMA`: one row a step, from the source's records to the bilingual ones.

    records: left after the step. reasons, prompt_reasons: JSON objects reason → count,
    of dropped records and of single dropped prompts. drawn: as `drawn_facts` gives it, for
    a last step with the facts that the run uses; its `neighbours` are the neighbour
    prompts that are left to them.
    """
    of_records = rejected.filter(pl.col("kind") == "record")
    read = len(facts) + len(of_records.filter(pl.col("stage") == STEPS[0]))
    rows = [{"step": "source", "records": read, "dropped": 0, "reasons": "{}"}]
    rows[0] |= {"prompts_dropped": 0, "prompt_reasons": "{}"}
    for step in STEPS:
        at_step = rejected.filter(pl.col("stage") == step)
        records = at_step.filter(pl.col("kind") == "record")
        prompts = at_step.filter(pl.col("kind") != "record")
        rows.append(
            {
                "step": step,
                "records": rows[-1]["records"] - len(records),
                "dropped": len(records),
                "reasons": _counts(records),
                "prompts_dropped": len(prompts),
                "prompt_reasons": _counts(prompts),
            }
        )
    if drawn is not None:
        rows.append(_drawn_row(drawn, rows[-1]["records"], rejected))
    return pl.DataFrame(rows, schema=FUNNEL_SCHEMA)


def drawn_facts(bilingual: pl.DataFrame, blocks: pl.DataFrame, source: str) -> pl.DataFrame:
    """case_id and neighbours (a number of prompts) of every fact in one of the run's sets."""
    rows = bilingual.filter(pl.col("language") == source).join(blocks, on="case_id", how="semi")
    prompts = edited.neighbour_prompts(rows).group_by("case_id").len("neighbours")
    facts = blocks.select("case_id").join(prompts, on="case_id", how="left")
    return facts.with_columns(pl.col("neighbours").cast(pl.Int64).fill_null(0))


def _drawn_row(drawn: pl.DataFrame, before: int, rejected: pl.DataFrame) -> dict:
    prompts = rejected.filter(pl.col("stage") == edited.STAGE)
    unused = before - drawn.height
    return {
        "step": edited.STAGE,
        "records": drawn.height,
        "dropped": unused,
        "reasons": json.dumps({"in_no_set": unused} if unused else {}),
        "prompts_dropped": prompts.height,
        "prompt_reasons": _counts(prompts),
        "neighbours": drawn["neighbours"].sum() - prompts.height,
    }


def _counts(rejected: pl.DataFrame) -> str:
    counted = rejected.group_by("reason").len().sort(["len", "reason"], descending=[True, False])
    return json.dumps(dict(counted.iter_rows()), ensure_ascii=False)
