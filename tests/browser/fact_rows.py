"""A page of facts with as many rows as one wants, and texts that would break a careless page."""

import polars as pl

from memat.report.prompt_table import PROMPT_SCHEMA

EVIL = (
    '</script><script>window.broken = 1</script><!--<img src=x onerror="window.broken=2">\' "&amp;'
)
MODELS = ("unedited", "memit_en", EVIL)


def fact_rows(n_facts: int) -> pl.DataFrame:
    """`PROMPT_SCHEMA`: each fact in two languages, two prompts and three models; the last is lost."""
    rows = [
        {
            "case_id": case,
            "language": language,
            "prompt_type": kind,
            "index": 0,
            "prompt": EVIL if case == 7 else f"Person {case} {kind} plays the",
            "translations": f"{'en' if language == 'ca' else 'ca'}: Persona {case}",
            "wanted": "piano",
            "other": "guitar",
            "model": model,
            "P(wanted)": None if case == 3 else (case * 37 % 1000) / 1000,
            "P(other)": 0.25,
            "says": "Piano." if number else "guitar and so on",
            "status": "scored",
        }
        for case in range(n_facts)
        for language in ("en", "ca")
        for kind in ("rewrite", "neighborhood")
        for number, model in enumerate(MODELS)
    ]
    lost = {"case_id": n_facts, "language": "ca", "prompt_type": "rewrite", "index": 0}
    rows.append(lost | {"wanted": "flute", "status": "lost", "why": "target_not_final: <b>x</b>"})
    return pl.DataFrame(rows, schema=PROMPT_SCHEMA)
