# One target language after the other: translate, align, repair, pair; or read what a bilingual file
# holds. What a person reviews, and how good the translation is.


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
            cfg=lambda wildcards: LEAST_PROMPTS | reading(wildcards.language),
            align=SUBJECT_ALIGNMENT,
            code=code_tag("import_bilingual.py", LANGUAGE_READER),
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
