# Facts in, bilingual dataset out: read, translate, align, repair, pair, measure, cut in blocks.

FACTS = f"{DATASET}/facts.parquet"
FACTS_REJECTED = f"{DATASET}/facts_rejected.parquet"
REPAIRED = f"{DATASET}/repaired.parquet"
REPAIRED_REJECTED = f"{DATASET}/repaired_rejected.parquet"
BILINGUAL_REJECTED = f"{DATASET}/bilingual_rejected.parquet"
# what each stage dropped; the tables are written, and their jobs succeed, if nothing is left
REJECTED = [
    FACTS_REJECTED,
    *([] if config["facts"]["bilingual"] else [REPAIRED_REJECTED]),
    BILINGUAL_REJECTED,
]
LOST = f"{DATASET}/lost.csv"
LEAST_PROMPTS = some(config["repair"], "min_paraphrases", "min_neighborhood")


if config["facts"]["url"]:

    rule fetch_facts:
        output:
            facts=protected(FACTS_FILE),
        log:
            log_path("fetch_facts"),
        benchmark:
            benchmark_path("fetch_facts")
        conda:
            "../envs/memat.yaml"
        threads: 1
        resources:
            mem_mb=growing(500),
            runtime=30,
        params:
            cfg=some(config["facts"], "url", "sha256"),
            code=code_tag("fetch_facts.py"),
        message:
            "Facts from {params.cfg[url]}"
        script:
            "../workflow_scripts/fetch_facts.py"


rule read_facts:
    input:
        **optional_inputs(
            keep_ids=config["facts"]["keep_ids"],
            tuning_ids=config["facts"]["tuning_ids"],
        ),
        facts=FACTS_FILE,
    output:
        facts=FACTS,
        rejected=FACTS_REJECTED,
    log:
        log_path("read_facts"),
    benchmark:
        benchmark_path("read_facts")
    conda:
        "../envs/memat.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=10,
    params:
        cfg=some(config["facts"], "format", "neighbours", "contradictions"),
        code=code_tag("read_facts.py"),
    message:
        "Facts of {input.facts}: read and validate"
    script:
        "../workflow_scripts/read_facts.py"


if config["facts"]["bilingual"]:

    rule import_bilingual:
        input:
            facts=FACTS,
            two_record=FACTS_FILE,
        output:
            bilingual=BILINGUAL,
            rejected=BILINGUAL_REJECTED,
        log:
            log_path("import_bilingual"),
        benchmark:
            benchmark_path("import_bilingual")
        conda:
            "../envs/memat.yaml"
        threads: 1
        resources:
            mem_mb=growing(2000),
            runtime=10,
        params:
            **language_pair("import_bilingual"),
            cfg=LEAST_PROMPTS,
            code=code_tag("import_bilingual.py"),
        message:
            "Bilingual dataset from {input.two_record}"
        script:
            "../workflow_scripts/import_bilingual.py"

else:

    rule translate:
        input:
            **optional_inputs(table=TRANSLATION_TABLE),
            facts=FACTS,
        output:
            translations=f"{DATASET}/translations_{{shard}}.parquet",
        log:
            log_path("translate", "{shard}"),
        benchmark:
            benchmark_path("translate", "{shard}")
        conda:
            "../envs/memat.yaml"
        threads: COMPUTE["threads"]
        resources:
            mem_mb=growing(4000),
            runtime=720,
        params:
            **language_pair("translate"),
            cfg=TRANSLATE_SETTINGS,
            shard=shard_number,
            code=code_tag("translate.py"),
        message:
            "Translation from {SOURCE} to {TARGET} by {params.cfg[engine]}, shard {wildcards.shard}"
        script:
            "../workflow_scripts/translate.py"

    TRANSLATIONS = expand(
        rules.translate.output.translations, shard=range(config["translate"]["shards"])
    )

    rule align:
        input:
            **optional_inputs(manifest=MANIFEST if config["align"]["model"] == "edited" else None),
            translations=TRANSLATIONS,
        output:
            alignments=f"{DATASET}/alignments.parquet",
        log:
            log_path("align"),
        benchmark:
            benchmark_path("align")
        conda:
            "../envs/memat.yaml"
        threads: COMPUTE["threads"]
        resources:
            mem_mb=model_memory,
            runtime=720,
        params:
            cfg=config["align"],
            code=code_tag("align.py"),
        message:
            "Words of both languages aligned by {params.cfg[model]}, layer {params.cfg[layer]}"
        script:
            "../workflow_scripts/align.py"

    rule repair:
        input:
            **optional_inputs(corrections=config["repair"]["corrections"]),
            facts=FACTS,
            translations=TRANSLATIONS,
            alignments=rules.align.output.alignments,
        output:
            repaired=REPAIRED,
            rejected=REPAIRED_REJECTED,
        log:
            log_path("repair"),
        benchmark:
            benchmark_path("repair")
        conda:
            "../envs/memat.yaml"
        threads: 1
        resources:
            mem_mb=growing(4000),
            runtime=60,
        params:
            **language_pair("repair"),
            cfg=LEAST_PROMPTS,
            code=code_tag("repair.py"),
        message:
            "Translations cut into prompt, subject and target"
        script:
            "../workflow_scripts/repair.py"

    rule gender:
        input:
            repaired=REPAIRED,
            facts=FACTS,
        output:
            bilingual=BILINGUAL,
            rejected=BILINGUAL_REJECTED,
        log:
            log_path("gender"),
        benchmark:
            benchmark_path("gender")
        conda:
            "../envs/memat.yaml"
        threads: 1
        resources:
            mem_mb=growing(4000),
            runtime=30,
        params:
            **language_pair("gender"),
            cfg=LEAST_PROMPTS,
            code=code_tag("gender.py"),
        message:
            "Two records a fact, one for each target"
        script:
            "../workflow_scripts/gender.py"

    rule review:
        input:
            facts=FACTS,
            translations=TRANSLATIONS,
            repaired=REPAIRED,
            rejected=REPAIRED_REJECTED,
        output:
            review=f"{DATASET}/review.csv",
            columns=f"{DATASET}/review_columns.csv",
        log:
            log_path("review"),
        benchmark:
            benchmark_path("review")
        conda:
            "../envs/memat.yaml"
        threads: 1
        resources:
            mem_mb=growing(2000),
            runtime=10,
        params:
            **language_pair("review"),
            cfg=config["review"],
            seed=SEED,
            code=code_tag("review.py"),
        message:
            "Prompts for a person to look at"
        script:
            "../workflow_scripts/review.py"

    if config["facts"]["reference"]:

        rule translation_quality:
            input:
                translations=TRANSLATIONS,
                facts=FACTS,
                reference=config["facts"]["reference"],
            output:
                quality=f"{DATASET}/quality.parquet",
                quality_csv=f"{DATASET}/quality.csv",
            log:
                log_path("translation_quality"),
            benchmark:
                benchmark_path("translation_quality")
            conda:
                "../envs/memat.yaml"
            threads: 1
            resources:
                mem_mb=growing(2000),
                runtime=10,
            params:
                **language_pair("translation_quality"),
                code=code_tag("translation_quality.py"),
            message:
                "Translation against {input.reference}"
            script:
                "../workflow_scripts/translation_quality.py"


rule funnel:
    input:
        **optional_inputs(
            repaired_rejected=None if config["facts"]["bilingual"] else REPAIRED_REJECTED
        ),
        facts=FACTS,
        facts_rejected=FACTS_REJECTED,
        bilingual=BILINGUAL,
        bilingual_rejected=BILINGUAL_REJECTED,
        blocks=BLOCKS,
        blocks_rejected=BLOCKS_REJECTED,
    output:
        funnel=f"{DATASET}/funnel.parquet",
        funnel_csv=f"{DATASET}/funnel.csv",
        rejected=f"{DATASET}/rejected.parquet",
    log:
        log_path("funnel"),
    benchmark:
        benchmark_path("funnel")
    conda:
        "../envs/memat.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=10,
    params:
        source=SOURCE,
        code=code_tag("funnel.py"),
    message:
        "Records left after each step"
    script:
        "../workflow_scripts/funnel.py"


rule list_lost:
    input:
        facts=FACTS_FILE,
        rejected=REJECTED,
    output:
        lost=LOST,
    log:
        log_path("list_lost"),
    benchmark:
        benchmark_path("list_lost")
    conda:
        "../envs/memat.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=10,
    params:
        cfg=some(config["facts"], "format", "neighbours"),
        code=code_tag("list_lost.py"),
    message:
        "Lost facts and prompts, with the reason in words"
    script:
        "../workflow_scripts/list_lost.py"


rule overlap:
    input:
        bilingual=BILINGUAL,
        manifest=MANIFEST,
    output:
        overlap=f"{DATASET}/overlap.parquet",
        all=f"{DATASET}/subset/all.parquet",
        same=f"{DATASET}/subset/same.parquet",
        different=f"{DATASET}/subset/different.parquet",
    log:
        log_path("overlap"),
    benchmark:
        benchmark_path("overlap")
    conda:
        "../envs/memat.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=10,
    params:
        cfg=config["overlap"],
        source=SOURCE,
        target=TARGET,
        code=code_tag("overlap.py"),
    message:
        "Token overlap of {SOURCE} and {TARGET}"
    script:
        "../workflow_scripts/overlap.py"


rule assign_blocks:
    input:
        bilingual=BILINGUAL,
        subset=SUBSET,
        rejected=REJECTED,
        # on disk when this stage finds too few facts; a new wording assigns nothing again
        lost=ancient(LOST),
    output:
        blocks=BLOCKS,
        rejected=BLOCKS_REJECTED,
    log:
        log_path("assign_blocks"),
    benchmark:
        benchmark_path("assign_blocks")
    conda:
        "../envs/memat.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=10,
    params:
        cfg=some(config["blocks"], "split", "size", "count", "donor", "tuning"),
        seed=SEED,
        source=SOURCE,
        code=code_tag("assign_blocks.py"),
    message:
        "Facts of the split {params.cfg[split]} in blocks: {params.cfg[count]}"
    script:
        "../workflow_scripts/assign_blocks.py"
