"""Correction vectors of the chosen heads of an edited model."""

from dataclasses import replace

from memat import io
from memat.edit.requests import NEW, facts_of_block, rewrite_requests
from memat.edit.storage import edited_by
from memat.heads.corrections import CorrectionSettings, fit_corrections
from memat.heads.deployment import write_corrections
from memat.heads.probes import choose_heads
from memat.model.budget import token_budget
from memat.model.for_stage import model_for
from memat.stage import Stage, run_stage
from memat.text.languages import language_of


def told(losses: list[float]) -> str:
    """Mean losses of the epochs in a line, and what to do if they rose."""
    rose = "; it rose: try a smaller corrections.learning_rate" if losses[-1] > losses[0] else ""
    return f"mean loss {losses[0]:.3f} in the first epoch, {losses[-1]:.3f} in the last{rose}"


def main(stage: Stage) -> str:
    params, inputs, cfg = stage.params, stage.inputs, dict(stage.cfg)
    templates = io.read_json(inputs.templates)["templates"][: 1 + cfg.pop("contexts")]
    heads_per_layer = cfg.pop("heads_per_layer")
    model = model_for(inputs.manifest, params.compute)
    bilingual, blocks = io.read_table(inputs.bilingual), io.read_table(inputs.blocks)
    rows = facts_of_block(bilingual, blocks, params.block, params.language, params.edited)
    heads = choose_heads(io.read_table(inputs.accuracy), params.k, params.select, params.seed)
    with edited_by(model, [inputs.deltas]):
        corrections = fit_corrections(
            model,
            rewrite_requests(rows, NEW),
            templates,
            language_of(params.language_keys).kl_prompt,
            heads,
            CorrectionSettings(**cfg),
            token_budget(model, stage.memory_mb, gradients=True),
            params.seed,
        )
    corrections = replace(corrections, heads_per_layer=heads_per_layer)
    write_corrections(stage.outputs.corrections, corrections, stage.provenance)
    return f"{len(heads)} heads, {told(corrections.losses.tolist())}"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
