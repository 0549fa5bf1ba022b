# Paths, code tags and the inputs that depend on the plan. Rules files hold nothing
# of that kind themselves: a path is written once, here.

import hashlib
import json
import re
from functools import cache, partial

from memat import definitions, fact_sets
from memat.edit import solver
from memat.model.architecture import architecture_file
from memat.model.spec import read_model_spec
from memat.paper import HEAD_MAPS, SWEEPS, TABLES, Paper
from memat.plan import BOTH, can_recycle, plan_experiments
from memat.shards import n_shards
from memat.text import languages as language_files
from memat.text.language_keys import READ

RESULTS = str(Path(config["results"]))  # without a slash at its end
SEED = config["seed"]
COMPUTE = config["compute"]
# threads and memory change how a job runs, not what it makes: they are no parameters
LOADING = {key: COMPUTE[key] for key in ("device", "dtype")}
SOURCE, TARGETS = config["languages"]["source"], config["languages"]["targets"]
LANGUAGES = [SOURCE, *TARGETS]
PLAN = plan_experiments(config)
PAPER = Paper(config, PLAN)
# every edited model by the name it has in paths, for the run's experiments and the paper's
MODELS = {
    experiment.model: experiment
    for experiment in (*(row.experiment for row in PAPER.rows), *PLAN.experiments)
}
EDITS = {edit.id: edit for model in MODELS.values() for edit in model.edits}
SOLVED = {part.id: part for edit in EDITS.values() for part in edit.parts(PLAN.languages)}
VALUE_RUNS = {edit.values.id: edit.values for edit in SOLVED.values()}

MODEL_SPEC = f"resources/models/{config['model']['name']}.yaml"
MANIFEST = f"resources/models/{config['model']['name']}/manifest.json"
# facts given by url are downloaded once to this place (rule fetch_facts)
FACTS_FILE = config["facts"]["path"] or f"resources/cache/facts/{Path(config['facts']['url']).name}"

# a corpus on disk is an input; sampled and downloaded text has none
COVARIANCE_CORPUS = (
    [config["covariance"]["path"]] if config["covariance"]["source"] == "text" else []
)


def of_solvers(section):
    """A section with those of its solvers' own settings that the run's experiments use."""
    used = {edit.solver for experiment in PLAN.experiments for edit in experiment.edits}
    return {
        key: value for key, value in section.items() if key in used or not isinstance(value, dict)
    }


# k is part of the path: another default must not touch experiments with their own k
CORRECTION_SETTINGS = {key: value for key, value in config["corrections"].items() if key != "k"}

# how the second moments of a text are cut in jobs does not change the text
TEXT_SETTINGS = {key: value for key, value in config["covariance"].items() if key != "shard_tokens"}
MOMENT_SHARDS = n_shards(config["covariance"]["tokens"], config["covariance"]["shard_tokens"])


def decided_by(*settings):
    """Part of a path: a hash of the settings that decide what the file holds."""
    text = json.dumps(settings, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


# what belongs to a model and not to a run: every results folder with these settings uses it
MODEL_CACHE = f"resources/cache/models/{config['model']['name']}"
TEMPLATES = f"{MODEL_CACHE}/templates_{decided_by(config['templates'], LOADING)}/{{language}}.json"
_OF_TEXT = (TEXT_SETTINGS, SEED, LANGUAGES, LOADING)
TEXT = f"{MODEL_CACHE}/text_{decided_by(*_OF_TEXT)}.parquet"
_OF_MOMENTS = (*_OF_TEXT, config["covariance"]["shard_tokens"], config["edit"]["layers"])
MOMENTS = f"{MODEL_CACHE}/covariance_{decided_by(*_OF_MOMENTS)}/moments_{{shard}}.safetensors"
COVARIANCE = MOMENTS.replace("moments_{shard}", "covariance")

VALUES = f"{RESULTS}/edits/{{values}}/block_{{block}}/values_{{shard}}.safetensors"
DELTAS = f"{RESULTS}/edits/{{edit}}/block_{{block}}/deltas.safetensors"
HEADS = f"{RESULTS}/heads/{{edit}}/{{language}}/block_{{block}}"
ACTIVATIONS = f"{HEADS}/activations_{{shard}}.safetensors"
CORRECTIONS = (
    f"{RESULTS}/corrections/{{edit}}_{{language}}_{{select}}-{{k}}/block_{{block}}.safetensors"
)
SHIFTS = CORRECTIONS.replace("{k}/", "{k}_iti-{alpha}/")
SCORES = f"{RESULTS}/scores/{{edited}}/block_{{block}}/scores_{{shard}}.parquet"
ANSWERS = f"{RESULTS}/scores/{{edited}}/block_{{block}}/answers_{{shard}}.parquet"
HEADLINES = f"{RESULTS}/headlines.html"
EXPORT = f"{RESULTS}/export/{{experiment}}/manifest.json"


def one_of(names):
    """A pattern that matches exactly these names."""
    return "|".join(re.escape(name) for name in names)


wildcard_constraints:
    values=one_of(VALUE_RUNS),
    edit=one_of({**EDITS, **SOLVED}),
    edited=one_of(MODELS),
    language=one_of(LANGUAGES),
    block=fact_sets.PATTERN,
    shard=r"\d+",
    select="located|random",
    k=r"\d+",
    alpha=r"[\d.e+-]+",
    experiment=one_of(experiment.name for experiment in PLAN.experiments),


def code_tag(script, *leaves):
    """Hash of every definition that a script in workflow_scripts/ reaches, comments aside.

    leaves: functions of the wildcards that give what a job loads by name (memat.leaves)
    The tag is a function, so that a job works out its own rule's only.
    """
    tag = cache(partial(definitions.code_tag, LIBRARY / script, LIBRARY))
    return lambda wildcards: tag(*(leaf for found in leaves for leaf in found(wildcards)))


def some(section, *keys):
    """The settings of a section that a script reads."""
    return {key: section[key] for key in keys}


def optional_inputs(**paths):
    """Named inputs without those the config leaves at null."""
    return {name: path for name, path in paths.items() if path}


def language_keys(stage, languages, param="language_keys"):
    """The keys that a stage reads in the file of a language, or of each of several.

    A change of any other key, or of a comment, is no reason to run the stage again.
    languages: a code, a list of codes, or a function of wildcards that gives one
    """

    def keys(wildcards):
        codes = languages(wildcards) if callable(languages) else languages
        if isinstance(codes, str):
            return _language_keys(codes, READ[stage][param])
        return [_language_keys(code, READ[stage][param]) for code in codes]

    return keys


@cache
def _language_keys(code, keys):
    return language_files.language_keys(f"resources/languages/{code}.yaml", keys)


def language_pair(stage):
    """The language params of a stage that works on one target language, as far as it reads them."""
    codes = {
        "source_language": SOURCE,
        "target_language": TARGETS[0] if config["facts"]["bilingual"] else job_language,
    }
    return {param: language_keys(stage, codes[param], param) for param in READ[stage]}


LANGUAGE_NAMES = {
    code: language_files.load_language(f"resources/languages/{code}.yaml").name
    for code in LANGUAGES
}


def log_path(rule, wildcards=""):
    """log_path("train_probes", "{edit}/{language}/block_{block}")."""
    return f"{RESULTS}/logs/{_job(rule, wildcards)}.log"


def benchmark_path(rule, wildcards=""):
    """Time and memory of each job of a rule, as TSV."""
    return f"{RESULTS}/benchmarks/{_job(rule, wildcards)}.tsv"


def model_memory(wildcards, attempt):
    """Memory of a job that loads the model; more when a scheduler tries it again.

    Its batches are made for `batch_mb`, the memory of the first attempt.
    """
    return COMPUTE["memory_mb"] * attempt


def growing(mem_mb):
    """Memory of a job without the model; more when a scheduler tries it again."""
    return lambda wildcards, attempt: mem_mb * attempt


def shard_number(wildcards):
    return int(wildcards.shard)


def strength(wildcards):
    return float(wildcards.alpha)


def number_of_heads(wildcards):
    return int(wildcards.k)


@cache
def model_spec(name):
    return read_model_spec(Path("resources/models"), name)


def local_model_files(wildcards):
    """Files of a local model, so that a changed one is prepared again; else none."""
    return [str(path) for path in model_spec(wildcards.model).local_files()]


def value_languages(wildcards):
    """Languages whose sentences the values of a job are optimised on."""
    return list(VALUE_RUNS[wildcards.values].sentences(PLAN.languages))


def edit_languages(wildcards):
    return list(SOLVED[wildcards.edit].sentences(PLAN.languages))


def held_languages(edits):
    """Languages that a fact must have for all of these edits to hold it."""
    parts = [part for edit in edits for part in edit.parts(PLAN.languages)]
    codes = (code for part in parts for code in part.sentences(PLAN.languages))
    return list(dict.fromkeys(codes))


def languages_of_edit(wildcards):
    return held_languages([EDITS[wildcards.edit]])


def languages_of_model(wildcards):
    """Those of the model's edits: it is asked only the facts that they hold."""
    return held_languages(_model(wildcards).edits)


def templates_of_values(wildcards):
    return [TEMPLATES.format(language=code) for code in value_languages(wildcards)]


def templates_of_edit(wildcards):
    return [TEMPLATES.format(language=code) for code in edit_languages(wildcards)]


def templates_of(wildcards):
    return TEMPLATES.format(language=wildcards.language)


def job_language(wildcards):
    return wildcards.language


def common_settings(section):
    """Settings of a section that are no single solver's."""
    return {key: value for key, value in section.items() if not isinstance(value, dict)}


def value_settings(wildcards):
    """Settings of one solver's values: those of another must not rerun it."""
    edit = VALUE_RUNS[wildcards.values]
    own = common_settings(config["values"]) | config["values"].get(edit.solver, {})
    return own if edit.learning_rate is None else own | {"learning_rate": edit.learning_rate}


def value_solver(wildcards):
    return VALUE_RUNS[wildcards.values].solver


def delta_settings(wildcards):
    """Settings of one solver: those of another must not rerun it."""
    name = SOLVED[wildcards.edit].solver
    own = config["deltas"].get(name, {})
    return common_settings(config["deltas"]) | {"solver": name, "own": own}


def architecture(wildcards):
    """The map of the model that a job loads."""
    name = getattr(wildcards, "model", config["model"]["name"])
    return [architecture_file(model_spec(name).model_type)]


def solver_of_values(wildcards):
    return solver.leaves_of_values(VALUE_RUNS[wildcards.values].solver)


def solver_of_deltas(wildcards):
    return solver.leaves_of_deltas(SOLVED[wildcards.edit].solver)


def labels_of(experiments):
    """The solvers that a table or figure of these experiments names."""
    names = sorted({edit.solver for experiment in experiments for edit in experiment.edits})
    return [leaf for name in names for leaf in solver.leaves_of_label(name)]


def labels_of_plan(wildcards):
    return labels_of(PLAN.experiments)


def deltas_of_both(wildcards):
    """The deltas that a sum is made of."""
    parts = EDITS[wildcards.edit].parts(PLAN.languages)
    return [DELTAS.format(edit=part.id, block=wildcards.block) for part in parts]


def values_of_block(wildcards):
    """The shards of values that a set's deltas are solved from: its own, or its whole set's."""
    whole, _size = fact_sets.whole_and_size(wildcards.block)
    values = SOLVED[wildcards.edit].values.id
    return [
        VALUES.format(values=values, block=whole, shard=shard)
        for shard in PLAN.shards(wildcards.block, config["values"]["shard_size"])
    ]


def activations_of_block(wildcards):
    """Every shard of the activations that probes and shifts are made from."""
    return [
        ACTIVATIONS.format(**wildcards, shard=shard)
        for shard in PLAN.shards(wildcards.block, config["activations"]["shard_size"])
    ]


def deltas_of_model(wildcards):
    """Deltas an edited model carries; none when unedited."""
    edits = _model(wildcards).edits
    return [DELTAS.format(edit=edit.id, block=_block(wildcards)) for edit in edits]


def corrections_of_model(wildcards):
    """Corrections an edited model carries; none without heads."""
    experiment = _model(wildcards)
    facts = PLAN.corrected_with(experiment, _block(wildcards))
    return [corrections_path(correction, facts) for correction in experiment.corrections]


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


def scores_of_model(model, blocks):
    """The score files of one edited model on some sets of facts."""
    return [
        SCORES.format(edited=model, block=block, shard=shard)
        for block in blocks
        for shard in PLAN.shards(block, config["scores"]["shard_size"])
    ]


def all_scores():
    """Every score file of the run's experiments, in config order."""
    models = [experiment.model for experiment in PLAN.experiments]
    return [path for model in models for path in scores_of_model(model, PLAN.blocks)]


def all_answers():
    """Every file of answers of the run's experiments, in the order of `all_scores`."""
    return [path.replace("/scores_", "/answers_") for path in all_scores()]


def is_listed(wildcards):
    """Whether `list_facts` shows what a model says: answers take as long as a part of the scores."""
    listed = {experiment.model for experiment in PLAN.experiments}
    return wildcards.edited in listed and wildcards.block in PLAN.blocks


def measured_experiments():
    """The run's experiments with the number of score files of each."""
    files = len(scores_of_model("", PLAN.blocks))
    return [{**row, "files": files} for row in PLAN.rows()]


def scores_of_rows(rows):
    """The score files of a target of the paper, row by row."""
    return [path for row in rows for path in scores_of_model(row.experiment.model, row.facts)]


def measured_rows(rows):
    """Rows of the paper with the number of score files of each."""
    return [{**row.as_row(), "files": len(scores_of_rows([row]))} for row in rows]


def report_outputs():
    """Pages, tables and every figure: the targets of rule report."""
    made = (rules.summarise, rules.list_facts, rules.write_index)
    return [*(path for rule in made for path in rule.output), *FIGURES]


def figure_path(name, suffix):
    return f"{RESULTS}/figures/{name}.{suffix}"


def head_panels(probed):
    """One head map per edit and language: its blocks, and how many heads are located."""
    located = [c for c in PLAN.corrections if c.select == "located"]
    return [
        {
            "edit": heads.edit.id,
            "language": heads.language,
            "blocks": PLAN.n_blocks,
            "k": max((c.k for c in located if c.heads == heads), default=0),
        }
        for heads in probed
    ]


def all_values():
    """Every shard of values of the run (they carry the loss curves)."""
    return [
        VALUES.format(values=edit.id, block=block, shard=shard)
        for edit in PLAN.values
        for block in PLAN.blocks
        for shard in PLAN.shards(block, config["values"]["shard_size"])
    ]


def all_corrections():
    """Every correction file of the run (they carry the loss curves)."""
    return [corrections_path(correction, facts) for correction, facts in PLAN.optimised]


def accuracies(probed):
    """Tables of head accuracies, panel by panel and block by block."""
    return [heads_path(h, block, "accuracy.parquet") for h in probed for block in PLAN.blocks]


def paper_path(name):
    return f"{RESULTS}/paper/{name}"


def with_facts(rows):
    """The rows, unless the config leaves no facts for them."""
    if not rows:
        raise WorkflowError(
            "blocks.size is null: figure4 edits parts of a block, so it needs a number there"
        )
    for row in rows:
        if fact_sets.TUNING in row.facts and not PLAN.tuning_size:
            raise WorkflowError("blocks.tuning is 0: this target searches settings on such facts")
        if row.experiment.recycled and not can_recycle(config["blocks"]):
            raise WorkflowError(
                "blocks.donor is 0 and blocks.count 1: recycled corrections need other facts"
            )
    return rows


def rows_of_table(wildcards):
    return measured_rows(PAPER.table(wildcards.table))


def labels_of_table(wildcards):
    return labels_of(row.experiment for row in PAPER.table(wildcards.table))


def scores_of_table(wildcards):
    return scores_of_rows(with_facts(PAPER.table(wildcards.table)))


def rows_of_curves(wildcards):
    return measured_rows(PAPER.sweep(wildcards.curves)[1])


def scores_of_curves(wildcards):
    return scores_of_rows(with_facts(PAPER.sweep(wildcards.curves)[1]))


def drawing_of_curves(wildcards):
    sweep = PAPER.sweep(wildcards.curves)[0]
    return {
        "title": sweep.title,
        "axis": sweep.axis,
        "languages": list(sweep.languages),
        "logarithmic": sweep.logarithmic,
        "by_metric": sweep.by_metric,
    }


def accuracies_of_maps(wildcards):
    return accuracies(PAPER.heads(wildcards.maps))


def panels_of_maps(wildcards):
    return [
        {"edit": heads.edit.id, "language": heads.language, "block": block}
        for heads in PAPER.heads(wildcards.maps)
        for block in PLAN.blocks
    ]


def claimed_scores(wildcards):
    return scores_of_rows(with_facts(PAPER.claimed()))


def requested_export(wildcards):
    """The export that --config experiment=<name> asks for."""
    if "experiment" not in config:
        names = ", ".join(experiment.name for experiment in PLAN.experiments)
        raise WorkflowError(f"export needs --config experiment=<name>, one of: {names}")
    return EXPORT.format(experiment=config["experiment"])


def _job(rule, wildcards):
    return str(Path(rule, wildcards))


def _model(wildcards):
    """The edited model of a job: that of a score file, or of an export by experiment."""
    if hasattr(wildcards, "edited"):
        return MODELS[wildcards.edited]
    return PLAN.experiment(wildcards.experiment)


def _block(wildcards):
    """The facts of a job; an export, which has no such wildcard, takes the configured block."""
    return getattr(wildcards, "block", str(config["export"]["block"]))
