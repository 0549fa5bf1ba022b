"""Every key of the config: a change of it in the tiny run, and the stages that read the key.

The stages named are the first to run again; what follows them is asked of Snakemake's own graph.
"""

import csv
import hashlib
import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import yaml

from tiny import CITIES, COMPANIES, tiny_records

# key | another value | stages that read it
ROWS = """
results | elsewhere | read_facts
seed | 1 | sample_text assign_blocks review train_probes fit_corrections summarise
compute.device | auto | make_templates sample_text score
compute.dtype | float64 | make_templates sample_text score
compute.threads | 2 |
compute.memory_mb | 1500 |
compute.batch_facts | 2 | optimise_values dump_activations score
languages.source | es | translate draw_losses
languages.targets | [es] | translate draw_losses
model.name | tiny-falcon | prepare_model
facts.format | triples | read_facts list_lost
facts.path | resources/cache/tiny/copy.json | read_facts
facts.url | file:///nowhere/facts.json | fetch_facts
facts.sha256 | SHA256 | read_facts
facts.keep_ids | resources/cache/tiny/ids.txt | read_facts
facts.tuning_ids | null | read_facts
facts.reference | resources/cache/tiny/two_record.json | read_facts
facts.bilingual | true | read_facts
facts.neighbours | from_table | read_facts list_lost
facts.contradictions | drop | read_facts
translate.engine | apertium | translate
translate.batch_facts | 5 | translate
translate.shards | 2 | translate
translate.batch_size | 32 | translate
translate.protect_subject | true | translate
translate.apertium.pair | eng-spa |
translate.ctranslate2.model | a/b |
translate.ctranslate2.revision | abc |
translate.ctranslate2.spm | other.model |
translate.ctranslate2.beam_size | 2 |
translate.transformers.model | a/b |
translate.transformers.revision | abc |
translate.transformers.beam_size | 2 |
translate.table.path | resources/cache/tiny/copy.csv | translate
align.model | resources/cache/tiny/tiny-llama | align
align.revision | abc | align
align.layer | 1 | align
align.method | itermax | align
align.batch_size | 8 | align
repair.min_paraphrases | 0 | repair gender draw_funnel
repair.min_neighborhood | 0 | repair gender draw_funnel
repair.corrections | resources/cache/tiny/reviewed.csv | repair gender draw_funnel
review.sample | 2 | review
overlap.same | 0.9 | overlap draw_overlap
overlap.different | 0.4 | overlap draw_overlap
blocks.split | tuning | assign_blocks
blocks.subset | same | assign_blocks
blocks.size | 11 | assign_blocks
blocks.count | 2 | assign_blocks
blocks.donor | 4 | assign_blocks
blocks.tuning | 3 | assign_blocks
templates.count | 1 | make_templates
templates.tokens | 3 | make_templates
covariance.source | text | sample_text estimate_covariance
covariance.path | resources/cache/tiny/ids.txt | sample_text estimate_covariance
covariance.revision | abc | sample_text estimate_covariance
covariance.subset | abc | sample_text estimate_covariance
covariance.tokens | 256 | sample_text estimate_covariance
covariance.sequence_length | 16 | sample_text estimate_covariance
covariance.temperature | 0.9 | sample_text estimate_covariance
covariance.batch_size | 2 | sample_text estimate_covariance
covariance.shard_tokens | 256 | estimate_covariance
edit.layers | [0, 1] | estimate_covariance add_moments optimise_values
values.learning_rate | 0.4 | optimise_values
values.steps | 7 | optimise_values
values.clamp | 1 | optimise_values
values.weight_decay | 0.4 | optimise_values
values.kl_factor | 0.1 | optimise_values
values.stop_loss | 0.1 | optimise_values draw_losses
values.shard_size | 12 | optimise_values
values.pmet.learning_rate | 0.1 |
deltas.covariance_weight | 20 | solve_deltas
deltas.key_templates | grouped | solve_deltas
deltas.residual | frozen | solve_deltas
deltas.alphaedit.null_share | 0.1 |
deltas.alphaedit.delta_weight | 1.0 |
deltas.emmet.least_weight | 0.001 |
activations.refine | true | dump_activations
activations.shard_size | 6 | dump_activations
probes.c | 0.5 | train_probes
probes.train | 0.5 | train_probes
probes.validation | 0.3 | train_probes
probes.group | object | train_probes
probes.standardise | false | train_probes
corrections.k | 4 | fit_corrections draw_head_maps
corrections.learning_rate | 0.01 | fit_corrections
corrections.epochs | 3 | fit_corrections
corrections.batch_size | 5 | fit_corrections
corrections.contexts | 0 | fit_corrections
corrections.norm_weight | 0.1 | fit_corrections
corrections.kl_weight | 0.5 | fit_corrections
corrections.position | all | fit_corrections
corrections.kl_reference | first_fact | fit_corrections
corrections.correction_norm | shared | fit_corrections
corrections.heads_per_layer | last_wins | fit_corrections
iti.alpha | 2.0 |
scores.shard_size | 6 | score
summary.probability | joint | summarise
summary.catalan_pairing | concatenated | score
summary.bootstrap | 200 | summarise
summary.confidence | 0.9 | summarise
paper.heads | [3] |
paper.alphas | [2] |
paper.learning_rates.memit | [0.1] |
paper.learning_rates.pmet | [0.1] |
paper.smallest_edit | 8 |
export.block | 1 | assign_blocks
experiments | [{name: unedited, method: unedited}] | summarise draw_losses
"""
UNEDITED = [{"name": "unedited", "method": "unedited"}]
NO_TUNING = {"facts.tuning_ids": None, "blocks.tuning": 0}
# what must change with a key for the config to stay one that is accepted
WITH = {
    "languages.source": {"experiments": UNEDITED},
    "languages.targets": {"experiments": UNEDITED},
    "facts.format": {"facts.path": "resources/cache/tiny/triples.csv", **NO_TUNING},
    "facts.neighbours": {
        "facts.format": "triples",
        "facts.path": "resources/cache/tiny/triples.csv",
        **NO_TUNING,
    },
    "facts.url": {"facts.path": None},
    "facts.tuning_ids": {"blocks.tuning": 0},
    "facts.bilingual": {"facts.path": "resources/cache/tiny/two_record.json"},
    "covariance.source": {"covariance.path": "resources/cache/tiny/ids.txt"},
    "align.model": {"align.revision": None},
    "blocks.split": {"blocks.size": 3, "blocks.donor": 1, "blocks.tuning": 0},
    "blocks.count": {"blocks.size": 6},
    "export.block": {"blocks.count": 2, "blocks.size": 6},
}
# keys whose change takes rules out of the graph, or brings some in
OTHER_GRAPH = ("languages.source", "languages.targets", "facts.url", "facts.reference")
OTHER_GRAPH += ("facts.bilingual", "experiments")


def leaf_keys(config: dict, above: str = "") -> Iterator[str]:
    """Dotted keys of everything in a config that is no section; a list is one key."""
    for key, value in config.items():
        if isinstance(value, dict):
            yield from leaf_keys(value, f"{above}{key}.")
        else:
            yield f"{above}{key}"


def rows() -> dict[str, tuple[str, set[str]]]:
    """Key → its other value as YAML, and the stages that read it."""
    cells = ([cell.strip() for cell in row.split("|")] for row in ROWS.strip().splitlines())
    return {key: (value, set(stages.split())) for key, value, stages in cells}


def change_of(key: str, folder: Path) -> dict[str, object]:
    """A change of one key as `Project.config` takes it; `folder` holds the tiny facts."""
    value, _ = rows()[key]
    other = _sha256(folder / "facts.json") if value == "SHA256" else yaml.safe_load(value)
    changes = {key: other, **WITH.get(key, {})}
    return {name.replace(".", "__"): content for name, content in changes.items()}


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_other_inputs(folder: Path) -> None:
    """The files that changed configs name, beside the tiny facts."""
    for name in ("facts.json", "translations.csv"):
        copy = folder / name.replace("facts", "copy").replace("translations", "copy")
        copy.write_bytes((folder / name).read_bytes())
    (folder / "ids.txt").write_text("".join(f"{n}\n" for n in range(len(COMPANIES))))
    records, _ = tiny_records()
    (folder / "two_record.json").write_text(json.dumps([_two_record(r) for r in records]))
    _write_csv(
        folder / "triples.csv",
        ("relation", "subject", "target_true", "target_new"),
        [("P740", company, CITIES[n % 4], CITIES[4]) for n, company in enumerate(COMPANIES)],
    )
    templates = {"P740": {"rewrite": "{} was founded in", "paraphrases": ["{} began in"]}}
    (folder / "triples.templates.yaml").write_text(yaml.safe_dump(templates))
    _write_csv(
        folder / "reviewed.csv", ("case_id", "role", "kind", "index", "prompt", "target"), []
    )


def _two_record(record: dict) -> dict:
    own = {key: record[key] for key in ("paraphrase_prompts", "neighborhood_prompts")}
    entry = own | {"requested_rewrite": record["requested_rewrite"]}
    return deepcopy(record) | {"eval_target_new": entry, "eval_target_true": entry}


def _write_csv(path: Path, columns: tuple[str, ...], rows: list[tuple]) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([columns, *rows])
