# What the rules of models.smk need besides: settings, and functions that find inputs.

from memat.edit.solver import common_settings
from memat.shards import n_shards
from memat.study.paths import decided_by

# a corpus on disk is an input; sampled and downloaded text has none
COVARIANCE_CORPUS = (
    [config["covariance"]["path"]] if config["covariance"]["source"] == "text" else []
)
# how the second moments of a text are cut in jobs does not change the text
TEXT_SETTINGS = {
    key: value
    for key, value in common_settings(config["covariance"]).items()
    if key != "shard_tokens"
}
MOMENT_SHARDS = n_shards(config["covariance"]["tokens"], config["covariance"]["shard_tokens"])

# what belongs to a model and not to a run: every results folder with these settings uses it
MODEL_CACHE = f"resources/cache/models/{config['model']['name']}"
TEMPLATES = f"{MODEL_CACHE}/templates_{decided_by(config['templates'], LOADING)}/{{language}}.json"
_OF_TEXT = (TEXT_SETTINGS, SEED, LANGUAGES, LOADING)
TEXT = f"{MODEL_CACHE}/text_{decided_by(*_OF_TEXT)}.parquet"
_OF_MOMENTS = (*_OF_TEXT, config["covariance"]["shard_tokens"], config["edit"]["layers"])
MOMENTS = f"{MODEL_CACHE}/covariance_{decided_by(*_OF_MOMENTS)}/moments_{{shard}}.safetensors"
COVARIANCE = MOMENTS.replace("moments_{shard}", "covariance")


def local_model_files(wildcards):
    """Files of a local model, so that a changed one is prepared again; else none."""
    return [str(path) for path in model_spec(wildcards.model).local_files()]


def templates_in(languages):
    """Templates in the languages that a function of wildcards gives."""
    return lambda wildcards: [TEMPLATES.format(language=code) for code in languages(wildcards)]
