"""Values of one shard of a block's facts that follow the unedited model, which reads the fact."""

from memat import io
from memat.edit.requests import requests_of_block
from memat.edit.storage import write_values
from memat.edit.taught_values import examples_for_block, optimise_taught_values
from memat.edit.values import ValueSettings, no_values
from memat.model.budget import token_budget
from memat.model.for_stage import model_for
from memat.shards import groups_of_shard
from memat.stage import Stage, run_stage
from memat.text.languages import language_of


def main(stage: Stage) -> str:
    params, cfg = stage.params, dict(stage.cfg)
    shard_size, taught = cfg.pop("shard_size"), cfg.pop("taught")
    model = model_for(stage.inputs.manifest, params.compute)
    bilingual, blocks = io.read_table(stage.inputs.bilingual), io.read_table(stage.inputs.blocks)
    of_block = (bilingual, blocks, params.block, [params.read_in, params.asked_in])
    facts, questions = requests_of_block(*of_block)
    examples = examples_for_block(*of_block, taught["examples"])
    groups = groups_of_shard(len(facts), params.shard, shard_size, params.together)
    found = [
        optimise_taught_values(
            model,
            facts[group],
            questions[group],
            io.read_json(stage.inputs.templates[0])["templates"],
            language_of(params.language_keys).kl_prompt,
            params.layers,
            ValueSettings(**cfg),
            token_budget(model, stage.memory_mb, gradients=True),
            params.solver,
            tokens=taught["tokens"],
            examples=examples,
        )
        for group in groups
    ] or [no_values(1, model.d_model, cfg["steps"])]
    cases = [fact.case_id for group in groups for fact in facts[group]]
    write_values(stage.outputs.values, found, cases, stage.provenance)
    return f"{len(cases)} facts read in {params.read_in}, taught in {params.asked_in}"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
