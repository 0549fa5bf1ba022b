# The claims of the study, each with its verdict, and a target for each of its reports: with
# configs/paper.yaml `snakemake table1`, `snakemake figure9`, …; `snakemake paper` is all of them.

from memat.study.claims import claimed_rows

REPORT_RULES = {
    "table": rules.report_table,
    "curves": rules.report_curves,
    "matrix": rules.report_matrix,
    "subjects": rules.report_subjects,
    "sequence": rules.report_sequence,
    "head_maps": rules.report_heads,
}
OVERLAP_OUTPUTS = [*rules.draw_overlap.output, f"{DATASET}/overlap.parquet"]
REPORT_OUTPUTS = {
    found.name: (
        OVERLAP_OUTPUTS
        if found.kind == "overlap"
        else expand(REPORT_RULES[found.kind].output, report=found.name)
    )
    for found in STUDY.others
}
CLAIMS_REST_ON = {
    kind: list(
        dict.fromkeys(n for claim in STUDY.claims for n in claim.of if claim.evidence == kind)
    )
    for kind in ("transfer", "peaks")
}
CLAIMED = claimed_rows(STUDY.claims)
CLAIMS_SUMMARY = summary_with(dict.fromkeys(n for claim in STUDY.claims for n in claim.metrics))


rule report_claims:
    input:
        scores=lambda wildcards: scores_of_rows(CLAIMED),
        answers=answers_of_rows(CLAIMED, CLAIMS_SUMMARY["metrics"]),
        transfers=expand(rules.report_subjects.output.transfer, report=CLAIMS_REST_ON["transfer"]),
        peaks=expand(rules.report_heads.output.table, report=CLAIMS_REST_ON["peaks"]),
    output:
        index=report(
            PATHS.report("index.md"),
            caption="../report/claims.rst",
            category="Study",
            labels={"result": "claims", "kind": "table"},
        ),
        differences=PATHS.report("claims.csv"),
    log:
        log_path("report_claims"),
    benchmark:
        benchmark_path("report_claims")
    conda:
        "../envs/memat.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=30,
    params:
        cfg=CLAIMS_SUMMARY,
        rows=described_rows(CLAIMED),
        claims=[claim.described() for claim in STUDY.claims],
        transfers=CLAIMS_REST_ON["transfer"],
        peaks=CLAIMS_REST_ON["peaks"],
        targets={name: list(map(str, paths)) for name, paths in REPORT_OUTPUTS.items()},
        study=config["study"]["name"],
        model=config["model"]["name"],
        languages=LANGUAGES,
        seed=SEED,
        code=code_tag("report_claims.py", families.leaves_of_values(CLAIMS_SUMMARY["metrics"])),
    message:
        "Study: every claim and its verdict"
    script:
        "../workflow_scripts/report_claims.py"


for target, outputs in REPORT_OUTPUTS.items():

    rule:
        name:
            target
        input:
            outputs,
        localrule: True


rule:
    name:
        config["study"]["name"]
    input:
        rules.report_claims.output if STUDY.claims else [],
        list(REPORT_OUTPUTS.values()),
    localrule: True
