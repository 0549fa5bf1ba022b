"""Translates each distinct sentence of one shard of the facts once."""

from memat import io
from memat.shards import share
from memat.stage import Stage, run_stage
from memat.text.engine import make_engine
from memat.text.languages import language_of
from memat.text.questions import QuestionEngine
from memat.text.translate import join_translations, translate_facts


def main(stage: Stage) -> str:
    cfg, params = stage.cfg, stage.params
    facts = io.read_table(stage.inputs.facts)
    engine = make_engine(cfg, stage.threads)
    if params.questions and not engine.whole_sources:
        engine = QuestionEngine(engine, *params.questions)
    source_language = language_of(stage.params.source_language)
    target_language = language_of(stage.params.target_language)
    groups = list(facts.iter_slices(cfg["batch_facts"]))
    tables = [
        translate_facts(group, engine, source_language, target_language, cfg["protect_subject"])
        for group in share(groups, params.shard, cfg["shards"])
    ]
    table = join_translations(tables)
    io.write_table(stage.outputs.translations, table, stage.provenance)
    return f"{table.height} distinct sentences"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
