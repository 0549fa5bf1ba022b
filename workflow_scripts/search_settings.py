"""Settings for a model, searched on tuning facts: those chosen, and a table of all that were tried."""

from pathlib import Path

from memat import io
from memat.stage import Stage, run_stage
from memat.study.paths import decided_by
from memat.study.settings_file import settings_text
from memat.text.languages import language_of
from memat.tune.bench import TrialSpec
from memat.tune.candidates import as_config
from memat.tune.search import search_settings
from memat.tune.tables import how_found, markdown_of, tried_frame, verdict


def main(stage: Stage) -> str:
    params, inputs, outputs, cfg = stage.params, stage.inputs, stage.outputs, dict(stage.cfg)
    tune, fixed = cfg.pop("tune"), {**cfg.pop("fixed"), "seed": params.seed}
    tables = (inputs.bilingual, inputs.blocks, inputs.blocks_rejected, inputs.text)
    sums = [io.sha256_of(path) for path in (inputs.manifest, *tables, *inputs.templates)]
    key = decided_by(cfg, fixed, params.compute, params.trials, sums)
    folder = Path(outputs.tried).parent / f"trials_{key}"
    prompts = [language_of(keys).kl_prompt for keys in params.language_keys]
    spec = TrialSpec(
        inputs.manifest,
        params.compute,
        *tables,
        *(dict(zip(params.languages, own, strict=True)) for own in (inputs.templates, prompts)),
        **fixed,
        **cfg,
        memory_mb=stage.memory_mb,
        folder=folder,
        provenance=stage.provenance,
    )
    bound = tune["neighbours_lost"]

    def write(searches, tried=folder / "so_far.csv", table=folder / "so_far.md") -> None:
        io.write_csv(tried, tried_frame(searches))
        io.write_text(table, markdown_of(searches, bound))

    searches = search_settings(spec, tune, *params.shape, stage.threads, write)
    write(searches, outputs.tried, outputs.table)
    found = how_found(searches, params.languages, bound)
    chosen = as_config(searches[-1].settings)
    io.write_text(outputs.settings, settings_text(params.model, chosen, found))
    return " ".join(verdict(search, bound) for search in searches)


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
