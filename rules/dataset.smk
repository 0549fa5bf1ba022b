# Facts in, dataset in all languages out: read, list prompts, translate, align, repair, pair, measure,
# make blocks.


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
        cfg=READING | some(config["facts"], "contradictions"),
        code=code_tag("read_facts.py", facts_reader),
    message:
        "Facts of {input.facts}: read and validate"
    script:
        "../workflow_scripts/read_facts.py"


rule list_prompts:
    input:
        facts=FACTS,
    output:
        prompts=PROMPTS,
    log:
        log_path("list_prompts"),
    benchmark:
        benchmark_path("list_prompts")
    conda:
        "../envs/memat.yaml"
    threads: 1
    resources:
        mem_mb=growing(1500),
        runtime=10,
    params:
        language=SOURCE,
        code=code_tag("list_prompts.py"),
    message:
        "Prompts of the facts in {SOURCE}, each with an id for every language"
    script:
        "../workflow_scripts/list_prompts.py"


if config["facts"]["bilingual"]:

    rule import_bilingual:
        input:
            **optional_inputs(
                manifest=MANIFEST if SUBJECT_ALIGNMENT.get("model") == "edited" else None
            ),
            facts=FACTS,
            source=FACTS_FILE,
        output:
            paired=PAIRED,
            rejected=PAIRED_REJECTED,
        log:
            log_path("import_bilingual", "{language}"),
        benchmark:
            benchmark_path("import_bilingual", "{language}")
        wildcard_constraints:
            language=one_of(TARGETS),
        conda:
            "../envs/memat.yaml"
        threads: 1
        resources:
            mem_mb=model_memory if SUBJECT_ALIGNMENT else growing(2000),
            runtime=60,
        params:
            **language_pair("import_bilingual"),
            cfg=imported_settings,
            align=SUBJECT_ALIGNMENT,
            code=code_tag("import_bilingual.py", language_reader),
        message:
            "What {input.source} holds in {wildcards.language}"
        script:
            "../workflow_scripts/import_bilingual.py"

else:

    rule translate:
        input:
            files=files_of_engine,
            prompts=PROMPTS,
        output:
            translations=f"{INTO}/translations_{{shard}}.parquet",
        log:
            log_path("translate", "{language}/{shard}"),
        benchmark:
            benchmark_path("translate", "{language}/{shard}")
        wildcard_constraints:
            language=one_of(TARGETS),
        conda:
            "../envs/memat.yaml"
        threads: COMPUTE["threads"]
        resources:
            mem_mb=translator_memory,
            runtime=720,
        params:
            **language_pair("translate"),
            cfg=translate_settings,
            questions=question_templates,
            shard=shard_number,
            code=code_tag("translate.py", translation_engine),
        message:
            "Translation from {SOURCE} to {wildcards.language} by {params.cfg[engine]}, shard {wildcards.shard}"
        script:
            "../workflow_scripts/translate.py"

    rule align:
        input:
            **optional_inputs(manifest=MANIFEST if config["align"]["model"] == "edited" else None),
            prompts=PROMPTS,
            translations=translations_of_language,
        output:
            alignments=f"{INTO}/alignments.parquet",
        log:
            log_path("align", "{language}"),
        benchmark:
            benchmark_path("align", "{language}")
        wildcard_constraints:
            language=one_of(TARGETS),
        priority: NOW
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
            "Words of {SOURCE} and {wildcards.language} aligned by {params.cfg[model]}, layer {params.cfg[layer]}"
        script:
            "../workflow_scripts/align.py"

    rule repair_structure:
        input:
            corrections=corrections_of_language,
            facts=FACTS,
            prompts=PROMPTS,
            translations=translations_of_language,
            alignments=rules.align.output.alignments,
        output:
            repaired=REPAIRED,
            rejected=REPAIRED_REJECTED,
        log:
            log_path("repair_structure", "{language}"),
        benchmark:
            benchmark_path("repair_structure", "{language}")
        wildcard_constraints:
            language=one_of(TARGETS),
        priority: NOW
        conda:
            "../envs/memat.yaml"
        threads: 1
        resources:
            mem_mb=growing(2500),
            runtime=60,
        params:
            **language_pair("repair_structure"),
            language="{language}",
            cfg=LEAST_PROMPTS,
            code=code_tag("repair_structure.py"),
        message:
            "Translations into {wildcards.language} cut into prompt, subject and target"
        script:
            "../workflow_scripts/repair_structure.py"

    rule duplicate_gender:
        input:
            repaired=REPAIRED,
            facts=FACTS,
        output:
            paired=PAIRED,
            rejected=PAIRED_REJECTED,
        log:
            log_path("duplicate_gender", "{language}"),
        benchmark:
            benchmark_path("duplicate_gender", "{language}")
        wildcard_constraints:
            language=one_of(TARGETS),
        priority: NOW
        conda:
            "../envs/memat.yaml"
        threads: 1
        resources:
            mem_mb=growing(2500),
            runtime=30,
        params:
            **language_pair("duplicate_gender"),
            cfg=LEAST_PROMPTS,
            code=code_tag("duplicate_gender.py"),
        message:
            "Two records a fact in {wildcards.language}, one for each target"
        script:
            "../workflow_scripts/duplicate_gender.py"

    if SPOKEN:

        # the table needs none of it: what the table waits for has a priority
        rule measure_surprisal:
            input:
                manifest=MANIFEST,
                translations=translations_of_language,
            output:
                surprisal=SURPRISAL,
            log:
                log_path("measure_surprisal", "{language}"),
            benchmark:
                benchmark_path("measure_surprisal", "{language}")
            wildcard_constraints:
                language=one_of(SPOKEN),
            conda:
                "../envs/memat.yaml"
            threads: COMPUTE["threads"]
            resources:
                mem_mb=model_memory,
                runtime=240,
            params:
                compute=LOADING,
                code=code_tag("measure_surprisal.py", architecture),
            message:
                "Translations into {wildcards.language} read by the model, for those that surprise it"
            script:
                "../workflow_scripts/measure_surprisal.py"

    rule list_for_review:
        input:
            prompts=PROMPTS,
            translations=translations_of_language,
            repaired=REPAIRED,
            rejected=REPAIRED_REJECTED,
            surprisal=surprisal_of_language,
        output:
            review=REVIEW,
            columns=f"{INTO}/review_columns.csv",
        log:
            log_path("list_for_review", "{language}"),
        benchmark:
            benchmark_path("list_for_review", "{language}")
        wildcard_constraints:
            language=one_of(TARGETS),
        conda:
            "../envs/memat.yaml"
        threads: 1
        resources:
            mem_mb=growing(2000),
            runtime=10,
        params:
            **language_pair("list_for_review"),
            cfg=review_settings,
            seed=SEED,
            code=code_tag("list_for_review.py"),
        message:
            "Prompts in {wildcards.language} for a person to look at"
        script:
            "../workflow_scripts/list_for_review.py"

    if MEASURED:

        rule translation_quality:
            input:
                translations=translations_of_language,
                prompts=PROMPTS,
                reference=reference_of_language,
            output:
                quality=f"{INTO}/quality.parquet",
                quality_csv=f"{INTO}/quality.csv",
            log:
                log_path("translation_quality", "{language}"),
            benchmark:
                benchmark_path("translation_quality", "{language}")
            wildcard_constraints:
                language=one_of(TARGETS),
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
                "Translation into {wildcards.language} against {input.reference}"
            script:
                "../workflow_scripts/translation_quality.py"


rule join_languages:
    input:
        prompts=PROMPTS,
        paired=expand(PAIRED, language=TARGETS),
    output:
        bilingual=BILINGUAL,
    log:
        log_path("join_languages"),
    benchmark:
        benchmark_path("join_languages")
    priority: NOW
    conda:
        "../envs/memat.yaml"
    threads: 1
    resources:
        mem_mb=growing(2500),
        runtime=10,
    params:
        code=code_tag("join_languages.py"),
    message:
        "All languages in one table: {LANGUAGES}"
    script:
        "../workflow_scripts/join_languages.py"


rule count_funnel:
    input:
        facts=FACTS,
        bilingual=BILINGUAL,
        blocks=BLOCKS,
        rejected=[*REJECTED, BLOCKS_REJECTED],
        reviews=expand(REVIEW, language=SPOKEN),
    output:
        funnel=f"{DATASET}/funnel.parquet",
        funnel_csv=f"{DATASET}/funnel.csv",
        edited_neighbours=f"{DATASET}/edited_neighbours.csv",
        rejected=f"{DATASET}/rejected.parquet",
    log:
        log_path("count_funnel"),
    benchmark:
        benchmark_path("count_funnel")
    conda:
        "../envs/memat.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=10,
    params:
        source=SOURCE,
        targets=TARGETS,
        reviewed=SPOKEN,
        code=code_tag("count_funnel.py"),
    message:
        "Records left after each step"
    script:
        "../workflow_scripts/count_funnel.py"


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
        cfg=READING,
        code=code_tag("list_lost.py", facts_reader),
    message:
        "Lost facts and prompts, with the reason in words"
    script:
        "../workflow_scripts/list_lost.py"


rule measure_overlap:
    input:
        bilingual=BILINGUAL,
        manifest=MANIFEST,
    output:
        overlap=f"{DATASET}/overlap.parquet",
        all=f"{DATASET}/subset/all.parquet",
        same=f"{DATASET}/subset/same.parquet",
        different=f"{DATASET}/subset/different.parquet",
    log:
        log_path("measure_overlap"),
    benchmark:
        benchmark_path("measure_overlap")
    priority: NOW
    conda:
        "../envs/memat.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=10,
    params:
        cfg=config["overlap"],
        source=SOURCE,
        targets=TARGETS,
        code=code_tag("measure_overlap.py"),
    message:
        "Token overlap of {SOURCE} with {TARGETS}"
    script:
        "../workflow_scripts/measure_overlap.py"


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
    priority: NOW
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
