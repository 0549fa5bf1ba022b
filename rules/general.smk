# What an edit costs in general tasks: lm-eval on the exported folders, beside the unedited model.
# Target `general`; no run needs these rules.

from memat.errors import ConfigError
from memat.evaluate import harness
from memat.study.models import EditedModel
from snakemake.settings.types import DeploymentMethod

GENERAL = config["general"]
OWN_TASKS = harness.own_tasks(LANGUAGES)
GENERAL_TASKS = GENERAL["tasks"] or list(OWN_TASKS)
UNEDITED = EditedModel().id
# the rows whose models are asked general tasks: they change a weight
ROWS_ASKED = [
    row
    for row in STUDY.main.rows
    if row.model.edits and (GENERAL["experiments"] is None or row.name in GENERAL["experiments"])
]


def beside_unedited(pattern):
    """A file of the unedited model, then of the model of each row."""
    models = [UNEDITED, *(row.model.id for row in ROWS_ASKED)]
    return [pattern.format(edited=model) for model in models]


def manifest_asked(wildcards):
    """The unedited model, or the export of the first row with an edited one."""
    if wildcards.edited == UNEDITED:
        return MANIFEST
    row = next(row for row in ROWS_ASKED if row.model.id == wildcards.edited)
    return PATHS.export.format(experiment=row.name)


def task_files():
    """Files of the project's tasks that are asked, and everything in the user's folder of tasks."""
    own = [Path(harness.OWN_TASKS, name) for name in OWN_TASKS]
    named = {
        name for path in own for name in (path.with_suffix(".yaml"), path.with_suffix(".json"))
    }
    files = {path for path in named if path.stem in GENERAL_TASKS}
    if files:
        files |= set(Path(harness.OWN_TASKS).glob("_*.yaml"))
    if GENERAL["include"]:
        inside = Path(GENERAL["include"]).rglob("*")
        files |= {path for path in inside if path.is_file() and path.suffix != ".pyc"}
    return sorted(map(str, files))


def requested_general(wildcards):
    """The tables of general tasks, if there is something to ask, and lm-eval to ask it with."""
    if not ROWS_ASKED:
        raise WorkflowError("general: no experiment changes a weight, so there is nothing to ask")
    if not GENERAL_TASKS:
        codes = ", ".join(LANGUAGES)
        raise WorkflowError(f"general.tasks: the project has no task in {codes}; name some")
    if DeploymentMethod.CONDA not in workflow.deployment_settings.deployment_method:
        require_tasks()
    return list(rules.report_general.output)


@cache
def require_tasks():
    """Refuse tasks that there are not before any work; the project's own are known to be there."""
    try:
        harness.require_harness()
        if set(GENERAL_TASKS) - set(OWN_TASKS):
            harness.task_manager(GENERAL_TASKS, GENERAL["include"])
    except ConfigError as error:
        raise WorkflowError(str(error)) from None


rule evaluate_general:
    input:
        manifest=manifest_asked,
        tasks=task_files(),
    output:
        results=PATHS.general_results,
        questions=PATHS.general_questions,
    log:
        log_path("evaluate_general", "{edited}"),
    benchmark:
        benchmark_path("evaluate_general", "{edited}")
    wildcard_constraints:
        edited=one_of([UNEDITED, *(row.model.id for row in ROWS_ASKED)]),
    conda:
        "../envs/general.yaml"
    threads: COMPUTE["threads"]
    resources:
        mem_mb=model_memory,
        runtime=240,
    params:
        cfg=some(GENERAL, "include", "limit", "few_shot", "batch_size"),
        tasks=GENERAL_TASKS,
        compute=LOADING,
        code=code_tag("evaluate_general.py", architecture),
    message:
        "General tasks with {wildcards.edited}: {params.tasks}"
    script:
        "../workflow_scripts/evaluate_general.py"


rule report_general:
    input:
        results=beside_unedited(PATHS.general_results),
        questions=beside_unedited(PATHS.general_questions),
    output:
        csv=f"{RESULTS}/general.csv",
        table=f"{RESULTS}/general.md",
    log:
        log_path("report_general"),
    benchmark:
        benchmark_path("report_general")
    conda:
        "../envs/memat.yaml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=10,
    params:
        cfg=some(config["summary"], "bootstrap", "confidence"),
        experiments=[row.name for row in ROWS_ASKED],
        languages=OWN_TASKS,
        seed=SEED,
        code=code_tag("report_general.py"),
    message:
        "What every edit cost in general tasks"
    script:
        "../workflow_scripts/report_general.py"
