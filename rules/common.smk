# What several rules files need: the study, its paths, code tags, and what a job may use.

import re
from functools import cache, partial

from memat import definitions, fact_sets
from memat.edit.spread import spread_of
from memat.model.architecture import architecture_file
from memat.model.spec import read_model_spec
from memat.study.paths import Paths
from memat.study.plan import plan_study
from memat.study.urgency import NOW, SCORED, Urgency, first_rows


@cache
def model_spec(name):
    return read_model_spec(Path("resources/models"), name)


# how values reach the edit layers of the model under edit
SPREAD = spread_of(config["values"]["spread"], model_spec(config["model"]["name"]).architecture)
STUDY = plan_study(config, SPREAD)
PATHS = Paths(config["results"], config["study"]["name"])
RESULTS = PATHS.results
SEED = config["seed"]
COMPUTE = config["compute"]
# threads and memory change how a job runs, not what it makes: they are no parameters
LOADING = {key: COMPUTE[key] for key in ("device", "dtype")}
LANGUAGES = list(STUDY.languages)
SOURCE, *TARGETS = LANGUAGES

MANIFEST = f"resources/models/{config['model']['name']}/manifest.json"
# facts given by url are downloaded once to this place (rule fetch_facts)
FACTS_FILE = config["facts"]["path"] or f"resources/cache/facts/{Path(config['facts']['url']).name}"

log_path, benchmark_path = PATHS.log, PATHS.benchmark


def one_of(names):
    """A pattern that matches exactly these names; none at all where there are none."""
    return "|".join(re.escape(name) for name in names) or "(?!)"


wildcard_constraints:
    values=one_of(STUDY.values),
    edit=one_of({**STUDY.edits, **STUDY.solved}),
    edited=one_of(STUDY.models),
    language=one_of(LANGUAGES),
    block=fact_sets.PATTERN,
    shard=r"\d+",
    select="located|random",
    k=r"\d+",
    alpha=r"[\d.e+-]+",
    experiment=one_of(row.name for row in STUDY.main.rows),
    report=one_of(report.name for report in STUDY.reports),


_SOURCES = {}  # the library as this call of Snakemake found it


def code_tag(script, *leaves):
    """Hash of every definition that a script in workflow_scripts/ reaches, comments aside.

    leaves: what a job loads by name (memat.leaves), or functions of the wildcards that give it
    The tag is a function, so that a job works out its own rule's only.
    """
    tag = cache(partial(definitions.code_tag, LIBRARY / script, LIBRARY, sources=_SOURCES))
    return lambda wildcards: tag(
        *(leaf for of in leaves for leaf in (of(wildcards) if callable(of) else of))
    )


def some(section, *keys):
    """The settings of a section that a script reads."""
    return {key: section[key] for key in keys}


def optional_inputs(**paths):
    """Named inputs without those the config leaves at null."""
    return {name: path for name, path in paths.items() if path}


def growing(mem_mb):
    """Memory of a job; more when a scheduler tries it again."""
    return lambda wildcards, attempt: mem_mb * attempt


# of a job that loads the model; its batches are made for `batch_mb`, the memory of the first attempt
model_memory = growing(COMPUTE["memory_mb"])


def shard_number(wildcards):
    return int(wildcards.shard)


def architecture(wildcards):
    """The map of the model that a job loads."""
    name = getattr(wildcards, "model", config["model"]["name"])
    return [architecture_file(model_spec(name).model_type)]
