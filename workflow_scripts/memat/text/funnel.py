"""How many records are left after each step, and why the others are not."""

import json

import polars as pl

STEPS = ("facts", "repair", "gender")
FUNNEL_SCHEMA = {
    "step": pl.String,
    "records": pl.Int64,
    "dropped": pl.Int64,
    "reasons": pl.String,
    "prompts_dropped": pl.Int64,
    "prompt_reasons": pl.String,
}


def funnel_table(facts: pl.DataFrame, rejected: pl.DataFrame) -> pl.DataFrame:
    """`FUNNEL_SCHEMA`: one row a step, from the source's records to the bilingual ones.

    records: left after the step. reasons, prompt_reasons: JSON objects reason → count,
    of dropped records and of single dropped prompts.
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
    return pl.DataFrame(rows, schema=FUNNEL_SCHEMA)


def _counts(rejected: pl.DataFrame) -> str:
    counted = rejected.group_by("reason").len().sort(["len", "reason"], descending=[True, False])
    return json.dumps(dict(counted.iter_rows()), ensure_ascii=False)
