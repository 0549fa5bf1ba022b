# What the rules of dataset.smk and translation.smk need besides: settings, and functions that find inputs.

from memat.study import translation
from memat.text import engine, reader

DATASET = f"{RESULTS}/dataset"
FACTS = f"{DATASET}/facts.parquet"
PROMPTS = f"{DATASET}/prompts.parquet"
FACTS_REJECTED = f"{DATASET}/facts_rejected.parquet"
# of one target language: the facts that survive in it, and what is made on the way
INTO = f"{DATASET}/{{language}}"
REPAIRED = f"{INTO}/repaired.parquet"
REPAIRED_REJECTED = f"{INTO}/repaired_rejected.parquet"
PAIRED = f"{INTO}/paired.parquet"
PAIRED_REJECTED = f"{INTO}/paired_rejected.parquet"
SURPRISAL = f"{INTO}/surprisal.parquet"
REVIEW = f"{INTO}/review.csv"
# of all languages
BILINGUAL = PATHS.bilingual
BLOCKS = PATHS.blocks
BLOCKS_REJECTED = f"{DATASET}/blocks_rejected.parquet"
SUBSET = f"{DATASET}/subset/{config['blocks']['subset']}.parquet"
LOST = f"{DATASET}/lost.csv"

TRANSLATED = not config["facts"]["bilingual"]
MEASURED = bool(config["facts"]["reference"] and TRANSLATED)
# languages whose translations the model reads for the review
SPOKEN = [code for code in TARGETS if TRANSLATED and code in config["review"]["surprisal"]]
# what each stage dropped; the tables are written, and their jobs succeed, if nothing is left
REJECTED = [
    FACTS_REJECTED,
    *(expand(REPAIRED_REJECTED, language=TARGETS) if TRANSLATED else []),
    *expand(PAIRED_REJECTED, language=TARGETS),
]


def reading(language):
    """What a stage that reads the facts file is told of its format."""
    file = Path(f"resources/languages/{language}.yaml")
    return {
        "format": config["facts"]["format"],
        "own": reader.own_settings(config["facts"], file),
    }


READING = reading(SOURCE)


# what a stage that reads the facts file uses of the formats; the same for other languages of the file
FACTS_READER = reader.leaves_of_reader(config["facts"]["format"], "read")
LANGUAGE_READER = reader.leaves_of_reader(config["facts"]["format"], "read_language")
# with which subjects are found that do not stand in a prompt as they are written
SUBJECT_ALIGNMENT = config["align"] if reader.aligns_subjects(config["facts"]["format"]) else {}


def question_templates(wildcards):
    """How facts that are questions are asked in the source and in a target language."""
    own = [reading(language)["own"] for language in (SOURCE, wildcards.language)]
    return [settings["question"] for settings in own] if "question" in own[0] else None


LEAST_PROMPTS = some(config["repair"], "min_paraphrases", "min_neighborhood")
# what `snakemake dataset` makes: everything about the facts, and tables for people
DATASET_OUTPUTS = [
    BILINGUAL,
    BLOCKS,
    f"{DATASET}/overlap.parquet",
    f"{DATASET}/rejected.parquet",
    LOST,
    f"{DATASET}/funnel.csv",
    *(expand(REVIEW, language=TARGETS) if TRANSLATED else []),
    *(expand(f"{INTO}/quality.csv", language=TARGETS) if MEASURED else []),
]


TRANSLATE_SETTINGS = {
    code: translation.used_settings(
        config["translate"],
        *(Path(f"resources/languages/{one}.yaml") for one in (SOURCE, code)),
    )
    for code in (TARGETS if TRANSLATED else ())
}


def translate_settings(wildcards):
    return TRANSLATE_SETTINGS[wildcards.language]


def files_of_engine(wildcards):
    return list(engine.files_of(translate_settings(wildcards)).values())


def translator_memory(wildcards, attempt):
    """What the engine asks for: more where a network translates."""
    return engine.memory_of(translate_settings(wildcards)["engine"]) * attempt


def translation_engine(wildcards):
    """What a job that translates uses of the engines."""
    return engine.leaves_of_engine(translate_settings(wildcards)["engine"])


def surprisal_of_language(wildcards):
    return [SURPRISAL.format(**wildcards)] if wildcards.language in SPOKEN else []


def review_settings(wildcards):
    """A threshold is a setting of languages that the model reads."""
    read = ["surprisal_z"] if wildcards.language in SPOKEN else []
    return some(config["review"], "sample", "wordings", *read)


def corrections_of_language(wildcards):
    path = translation.file_of(config["repair"]["corrections"], wildcards.language)
    return [path] if path else []


def reference_of_language(wildcards):
    return translation.file_of(config["facts"]["reference"], wildcards.language)


def translations_of_language(wildcards):
    shards = range(translate_settings(wildcards)["shards"])
    return [f"{INTO}/translations_{shard}.parquet".format(**wildcards) for shard in shards]
