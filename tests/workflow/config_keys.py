"""Keys of every section of the config: another value in the tiny run, and the stages that read it.

A section has a row for each set of stages that read keys of it. What any other key does follows
from the params: the workflow's tests fail where a param is not read, and a stage fails that reads
what is no param. The stages named are the first to run again; what follows them is asked of
Snakemake's own graph.
"""

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import yaml

from tiny import COMPANIES, tiny_records

# key | another value | stages that read it
ROWS = """
results | elsewhere | read_facts write_study
seed | 1 | sample_text assign_blocks list_for_review train_probes fit_corrections first_table summarise
compute.dtype | float64 | make_templates sample_text measure_surprisal score
compute.memory_mb | 1500 |
compute.batch_facts | 2 | optimise_values dump_activations score
languages.targets | [es] | translate write_study
model.name | tiny-falcon | prepare_model
facts.url | file:///nowhere/facts.json | fetch_facts
facts.keep_ids | resources/cache/tiny/ids.txt | read_facts
facts.reference | resources/cache/tiny/two_record.json | translation_quality
facts.bilingual | true | read_facts
facts.triples.neighbours | from_table |
translate.apertium.pair | eng-spa |
translate.table.path | resources/cache/tiny/copy.csv | translate
align.method | itermax | align
repair.corrections | resources/cache/tiny/reviewed.csv | repair_structure
review.sample | 2 | list_for_review
review.wordings | 3 | list_for_review
review.surprisal | [] | list_for_review count_funnel
review.surprisal_z | 3.5 | list_for_review
overlap.same | 0.9 | measure_overlap draw_overlap
blocks.subset | same | assign_blocks
templates.count | 1 | make_templates
covariance.temperature | 0.9 | sample_text estimate_covariance
covariance.protected_subjects.use | true | choose_protected write_study
covariance.protected_subjects.weight | 5.0 |
edit.layers | [0, 1] | estimate_covariance add_moments optimise_values
values.steps | 7 | optimise_values
values.pmet.learning_rate | 0.1 |
reproduce | released_code | solve_deltas fit_corrections score list_facts
deltas.alphaedit.null_share | 0.1 |
activations.refine | true | dump_activations
probes.c | 0.5 | train_probes
corrections.k | 4 | fit_corrections draw_head_maps write_study
corrections.epochs | 3 | fit_corrections
iti.alpha | 2.0 |
scores.shard_size | 6 | score write_study
generate.tokens | 3 | score
summary.probability | joint | first_table summarise list_facts
study.axes | {heads: [3]} |
study.file | null |
damage.tokens | 64 | measure_damage
ship.edited | 70.0 | advise
tune.rounds | 2 |
general.limit | 5 |
export.block | 1 | assign_blocks write_study
export.adapter | true |
experiments | [{name: unedited, method: unedited}] | write_study
"""
UNEDITED = [{"name": "unedited", "method": "unedited"}]
# what must change with a key for the config to stay one that is accepted
WITH = {
    "languages.targets": {"experiments": UNEDITED, "review.surprisal": []},
    "facts.url": {"facts.path": None},
    "facts.bilingual": {"facts.path": "resources/cache/tiny/two_record.json"},
    "export.block": {"blocks.count": 2, "blocks.size": 6},
}
# keys whose change takes rules out of the graph, or brings some in
OTHER_GRAPH = ("languages.targets", "facts.url", "facts.reference", "review.surprisal")
OTHER_GRAPH += ("facts.bilingual", "experiments", "covariance.protected_subjects.use")


def leaf_keys(config: dict, above: str = "") -> Iterator[str]:
    """Dotted keys of everything in a config that is no section; a list is one key."""
    for key, value in config.items():
        if isinstance(value, dict) and value:
            yield from leaf_keys(value, f"{above}{key}.")
        else:
            yield f"{above}{key}"


def rows() -> dict[str, tuple[str, set[str]]]:
    """Key → its other value as YAML, and the stages that read it."""
    cells = ([cell.strip() for cell in row.split("|")] for row in ROWS.strip().splitlines())
    return {key: (value, set(stages.split())) for key, value, stages in cells}


def change_of(key: str) -> dict[str, object]:
    """A change of one key as `Project.config` takes it."""
    changes = {key: yaml.safe_load(rows()[key][0]), **WITH.get(key, {})}
    return {name.replace(".", "__"): content for name, content in changes.items()}


def write_other_inputs(folder: Path) -> None:
    """The files that changed configs name, beside the tiny facts."""
    (folder / "copy.csv").write_bytes((folder / "translations.csv").read_bytes())
    (folder / "ids.txt").write_text("".join(f"{n}\n" for n in range(len(COMPANIES))))
    records, _ = tiny_records()
    (folder / "two_record.json").write_text(json.dumps([_two_record(r) for r in records]))
    columns = ("case_id", "role", "prompt_type", "index", "prompt", "target")
    (folder / "reviewed.csv").write_text(",".join(columns) + "\n")


def _two_record(record: dict) -> dict:
    own = {key: record[key] for key in ("paraphrase_prompts", "neighborhood_prompts")}
    entry = own | {"requested_rewrite": record["requested_rewrite"]}
    return deepcopy(record) | {"eval_target_new": entry, "eval_target_true": entry}
