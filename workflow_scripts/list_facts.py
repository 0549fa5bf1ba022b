"""Lists every fact of the source: what each model says to it, kept or lost and why."""

from memat import io
from memat.report.fact_page import fact_page
from memat.report.fact_table import fact_table, with_models
from memat.report.prompt_table import asked_prompts, prompt_table
from memat.stage import Stage, run_stage
from memat.text.reader import read_format


def main(stage: Stage) -> str:
    inputs, params = stage.inputs, stage.params
    source, _ = read_format(inputs.source, stage.cfg["format"], stage.cfg["own"])
    bilingual = io.read_table(inputs.bilingual)
    facts = fact_table(
        source,
        bilingual,
        io.read_table(inputs.blocks),
        io.read_tables(inputs.rejected),
        params.languages,
    )
    rows = io.read_json(inputs.study)["rows"]
    names = [row["name"] for row in rows]
    scores, answers = (
        [io.read_tables(row[kind]) for row in rows] for kind in ("scores", "answers")
    )
    probability, pairing = stage.cfg["probability"], stage.cfg["target_pairing"]
    of_models = zip(names, scores, answers, strict=True)
    asked = [
        asked_prompts(bilingual, *model, probability, pairing, params.languages[1:])
        for model in of_models
    ]
    prompts = prompt_table(facts, asked, params.languages)
    io.write_csv(stage.outputs.facts, with_models(facts, names, scores, answers, probability))
    io.write_text(stage.outputs.page, fact_page(prompts))
    return f"{facts['case_id'].n_unique()} facts, {len(names)} models"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
