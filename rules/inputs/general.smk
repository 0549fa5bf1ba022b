# What the rules of general.smk need besides: settings, and functions that find inputs.

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
