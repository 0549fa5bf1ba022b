"""Translates the prompts of one shard of the facts, what is equal once."""

import polars as pl

from memat import io
from memat.shards import share
from memat.stage import Stage, run_stage
from memat.text.engine import make_engine
from memat.text.languages import language_of
from memat.text.questions import QuestionEngine
from memat.text.translate import TRANSLATION_SCHEMA, translate_prompts


def main(stage: Stage) -> str:
    cfg, params = stage.cfg, stage.params
    prompts = io.read_table(stage.inputs.prompts)
    engine = make_engine(cfg, stage.threads)
    if params.questions and not engine.whole_sources:
        engine = QuestionEngine(engine, *params.questions)
    languages = language_of(params.source_language), language_of(params.target_language)
    facts = prompts.select("case_id").unique(maintain_order=True)
    tables = [pl.DataFrame(schema=TRANSLATION_SCHEMA)]
    for group in share(list(facts.iter_slices(cfg["batch_facts"])), params.shard, cfg["shards"]):
        of_group = prompts.join(group, on="case_id", how="semi", maintain_order="left")
        tables.append(translate_prompts(of_group, engine, *languages, cfg["protect_subject"]))
    table = pl.concat(tables)
    io.write_table(stage.outputs.translations, table, stage.provenance)
    return f"{table.height} prompts, {table['translation'].n_unique()} distinct translations"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
