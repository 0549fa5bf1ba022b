# The facts as rows: read, list prompts, join the languages, count what is left, measure overlap,
# make blocks. What is done for each target language is in translation.smk.


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
        code=code_tag("read_facts.py", FACTS_READER),
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
        code=code_tag("list_lost.py", FACTS_READER),
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
