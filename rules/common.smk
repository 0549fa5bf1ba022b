# Paths, code tags and the inputs that depend on the plan. Rules files hold nothing
# of that kind themselves: a path is written once, here.

import re

from memat import provenance
from memat.model.spec import read_model_spec
from memat.plan import BOTH, SOLVERS, plan_experiments


def in_order(value):
    """The same settings with sorted keys: params are compared as text."""
    if isinstance(value, dict):
        return {key: in_order(value[key]) for key in sorted(value)}
    return [in_order(item) for item in value] if isinstance(value, list) else value


config.update(in_order(config))

RESULTS = config["results"]
SEED = config["seed"]
COMPUTE = config["compute"]
SOURCE, TARGET = config["languages"]["source"], config["languages"]["target"]
LANGUAGES = [SOURCE, TARGET]
PLAN = plan_experiments(config)

MODEL_SPEC = f"resources/models/{config['model']['name']}.yaml"
MANIFEST = f"resources/models/{config['model']['name']}/manifest.json"
# facts given by url are downloaded once to this place (rule fetch_facts)
FACTS_FILE = config["facts"]["path"] or f"resources/cache/facts/{Path(config['facts']['url']).name}"

# given translations are an input of the engine that looks them up
TRANSLATION_TABLE = (
    config["translate"]["table"]["path"] if config["translate"]["engine"] == "table" else None
)
# a corpus on disk is an input; sampled and downloaded text has none
COVARIANCE_CORPUS = (
    [config["covariance"]["path"]] if config["covariance"]["source"] == "text" else []
)
# k is part of the path: another default must not touch experiments with their own k
CORRECTION_SETTINGS = {key: value for key, value in config["corrections"].items() if key != "k"}

MEASURES_TRANSLATION = bool(config["facts"]["reference"] and not config["facts"]["bilingual"])

DATASET = f"{RESULTS}/dataset"
# what `snakemake dataset` makes: everything about the facts, and tables for people
DATASET_OUTPUTS = [
    f"{DATASET}/{name}"
    for name in (
        "bilingual.parquet",
        "blocks.parquet",
        "overlap.parquet",
        "rejected.parquet",
        "funnel.csv",
        *([] if config["facts"]["bilingual"] else ["review.csv"]),
        *(["quality.csv"] if MEASURES_TRANSLATION else []),
    )
]
BILINGUAL = f"{DATASET}/bilingual.parquet"
BLOCKS = f"{DATASET}/blocks.parquet"
SUBSET = f"{DATASET}/subset/{config['blocks']['subset']}.parquet"

TEMPLATES = f"{RESULTS}/model/templates_{{language}}.json"
COVARIANCE = f"{RESULTS}/model/covariance.safetensors"
VALUES = f"{RESULTS}/edits/memit-{{language}}/block_{{block}}/values_{{shard}}.safetensors"
DELTAS = f"{RESULTS}/edits/{{edit}}/block_{{block}}/deltas.safetensors"
HEADS = f"{RESULTS}/heads/{{edit}}/{{language}}/block_{{block}}"
CORRECTIONS = (
    f"{RESULTS}/corrections/{{edit}}_{{language}}_{{select}}-{{k}}/block_{{block}}.safetensors"
)
SHIFTS = CORRECTIONS.replace("{k}/", "{k}_iti-{alpha}/")
SCORES = f"{RESULTS}/scores/{{experiment}}/block_{{block}}.parquet"
EXPORT = f"{RESULTS}/export/{{experiment}}/manifest.json"


wildcard_constraints:
    edit=r"[a-z]+-[a-z]+",
    language="|".join(LANGUAGES),
    block=r"\d+",
    shard=r"\d+",
    solver="|".join(SOLVERS),
    select="located|random",
    k=r"\d+",
    alpha=r"[\d.e+-]+",
    experiment="|".join(re.escape(experiment.name) for experiment in PLAN.experiments),


def code_tag(script):
    """Hash of what a script in workflow_scripts/ and its imports do, comments aside."""
    return provenance.code_tag(LIBRARY / script, LIBRARY)


def optional_inputs(**paths):
    """Named inputs without those the config leaves at null."""
    return {name: path for name, path in paths.items() if path}


def language_file(code):
    """Openers, articles and KL prompt of one language."""
    return f"resources/languages/{code}.yaml"


def log_path(rule, wildcards=""):
    """log_path("train_probes", "{edit}/{language}/block_{block}")."""
    return f"{RESULTS}/logs/{_job(rule, wildcards)}.log"


def benchmark_path(rule, wildcards=""):
    """Time and memory of each job of a rule, as TSV."""
    return f"{RESULTS}/benchmarks/{_job(rule, wildcards)}.tsv"


def model_memory(wildcards, attempt):
    """Memory of a job that loads the model; more when a scheduler tries it again."""
    return COMPUTE["memory_mb"] * attempt


def block_number(wildcards):
    return int(wildcards.block)


def shard_number(wildcards):
    return int(wildcards.shard)


def strength(wildcards):
    return float(wildcards.alpha)


def number_of_heads(wildcards):
    return int(wildcards.k)


def local_model_files(wildcards):
    """Files of a local model, so that a changed one is prepared again; else none."""
    spec = read_model_spec(Path("resources/models"), wildcards.model)
    return [str(path) for path in spec.local_files()]


def templates_of(wildcards):
    return TEMPLATES.format(language=wildcards.language)


def language_file_of(wildcards):
    return language_file(wildcards.language)


def delta_settings(wildcards):
    """Settings of one solver: those of another must not rerun it."""
    own = {key: value for key, value in config["deltas"].items() if key != "alphaedit"}
    if wildcards.solver == "alphaedit":
        own |= config["deltas"]["alphaedit"] | {"solver": "alphaedit"}
    return own


def deltas_of_both(wildcards):
    """The deltas of one solver in each language."""
    return [
        DELTAS.format(edit=f"{wildcards.solver}-{language}", block=wildcards.block)
        for language in LANGUAGES
    ]


def values_of_block(wildcards):
    """All shards of the values that one block's deltas are solved from."""
    return [
        VALUES.format(language=wildcards.language, block=wildcards.block, shard=shard)
        for shard in PLAN.shards
    ]


def deltas_of_experiment(wildcards):
    """Deltas an experiment's model carries in one block; none when unedited."""
    edits = PLAN.experiment(wildcards.experiment).edits
    return [DELTAS.format(edit=edit.id, block=_block(wildcards)) for edit in edits]


def corrections_of_experiment(wildcards):
    """Corrections an experiment's model carries in one block; none without heads."""
    experiment = PLAN.experiment(wildcards.experiment)
    block = int(_block(wildcards))
    if experiment.recycled:
        block = (block + 1) % PLAN.n_blocks
    return [corrections_path(correction, block) for correction in experiment.corrections]


def corrections_path(correction, block):
    return (CORRECTIONS if correction.alpha is None else SHIFTS).format(
        edit=correction.heads.edit.id,
        language=correction.heads.language,
        select=correction.select,
        k=correction.k,
        alpha=f"{correction.alpha or 0:g}",
        block=block,
    )


def heads_path(heads, block, name):
    """Path of `name` (accuracy.parquet, …) of probed heads in one block."""
    return f"{HEADS.format(edit=heads.edit.id, language=heads.language, block=block)}/{name}"


def scores_path(score):
    return SCORES.format(experiment=score.experiment, block=score.block)


def all_scores():
    """Every score file of the run, experiments in config order."""
    return [scores_path(score) for score in PLAN.scores]


def report_outputs():
    """Table, summary and every figure: the targets of rule report."""
    return [*rules.summarise.output, *FIGURES]


def figure_path(name, suffix):
    return f"{RESULTS}/figures/{name}.{suffix}"


def head_panels():
    """One head map per edit and language: how many blocks it has, how many heads are located."""
    located = [c for c in PLAN.corrections if c.select == "located"]
    return [
        {
            "edit": heads.edit.id,
            "language": heads.language,
            "blocks": PLAN.n_blocks,
            "k": max((c.k for c in located if c.heads == heads), default=0),
        }
        for heads in PLAN.heads
    ]


def all_values():
    """Every shard of values of the run (they carry the loss curves)."""
    return [
        VALUES.format(language=language, block=block, shard=shard)
        for language in PLAN.trained
        for block in PLAN.blocks
        for shard in PLAN.shards
    ]


def all_corrections():
    """Every correction file of the run (they carry the loss curves)."""
    return [corrections_path(c, block) for c in PLAN.optimised for block in PLAN.blocks]


def all_accuracies():
    """Every table of head accuracies of the run."""
    return [heads_path(h, block, "accuracy.parquet") for h in PLAN.heads for block in PLAN.blocks]


def requested_export(wildcards):
    """The export that --config experiment=<name> asks for."""
    if "experiment" not in config:
        names = ", ".join(experiment.name for experiment in PLAN.experiments)
        raise WorkflowError(f"export needs --config experiment=<name>, one of: {names}")
    return EXPORT.format(experiment=config["experiment"])


def _job(rule, wildcards):
    return str(Path(rule, wildcards))


def _block(wildcards):
    """The block of a job; an export, which has no such wildcard, takes the configured one."""
    return getattr(wildcards, "block", config["export"]["block"])
