# MEMAT: facts in, an edited model and its report out. See README.md and config.yaml.

import os
import sys
from copy import deepcopy
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from snakemake.utils import min_version

min_version("9.27")

REPOSITORY = Path(workflow.basedir).resolve()
LIBRARY = REPOSITORY / "workflow_scripts"
sys.path.insert(0, str(LIBRARY))

from memat.caches import use_own_caches
from memat.errors import MematError
from memat.study.config import completed
from memat.study.settings_file import settings_path, with_model_settings

use_own_caches(REPOSITORY / "resources/cache", os.environ)  # jobs inherit them


GIVEN = deepcopy(config)  # what the user's own config says, before the defaults


configfile: "config.yaml"


MODELS = Path("resources/models")
try:
    merged, FROM_MODEL_SETTINGS = with_model_settings(config, GIVEN, MODELS)
    if workflow.is_main_process:  # jobs read this file again; once is enough
        from memat.check import check_config

        for notice in check_config(merged, FROM_MODEL_SETTINGS):
            logger.warning(notice)
except MematError as error:
    raise WorkflowError(str(error)) from None

complete = completed(merged)
config.clear()  # so that its keys stand in the order of the sections, whatever file named them
config.update(complete)


onstart:
    from memat.io import require_writable  # loads polars, so not in every job

    try:  # a dry run may look at a folder that it could not write to
        require_writable(config["results"])
    except MematError as error:
        raise WorkflowError(str(error)) from None


report: "report/workflow.rst"


include: "rules/common.smk"
include: "rules/inputs/languages.smk"
include: "rules/inputs/models.smk"
include: "rules/models.smk"
include: "rules/inputs/dataset.smk"
include: "rules/dataset.smk"
include: "rules/translation.smk"
include: "rules/inputs/memit.smk"
include: "rules/memit.smk"
include: "rules/inputs/heads.smk"
include: "rules/heads.smk"
include: "rules/inputs/evaluate.smk"
include: "rules/evaluate.smk"
include: "rules/inputs/tune.smk"
include: "rules/tune.smk"
include: "rules/inputs/export.smk"
include: "rules/export.smk"
include: "rules/inputs/general.smk"
include: "rules/general.smk"
include: "rules/inputs/damage.smk"
include: "rules/damage.smk"
include: "rules/advice.smk"
include: "rules/inputs/report.smk"
include: "rules/report.smk"
include: "rules/inputs/study.smk"
include: "rules/study.smk"
include: "rules/claims.smk"
include: "rules/slurm.smk"


localrules:
    all,
    dataset,
    report,
    export,
    general,
    tune,


rule all:
    default_target: True
    input:
        DATASET_OUTPUTS,
        report_outputs(),


rule dataset:
    input:
        DATASET_OUTPUTS,


rule report:
    input:
        report_outputs(),


rule export:
    input:
        requested_export,


rule general:
    input:
        requested_general,


rule tune:
    input:
        MODEL_SETTINGS,
        TUNE_OUTPUTS,
