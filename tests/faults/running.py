"""Calls of the tiny workflow in folders that the tests break."""

import re
import shutil
from pathlib import Path

from workflow.project import MODEL_CACHE, Outcome, Project

CONFIG = ("--configfile", "configs/tiny.yaml")
SCORES = "results-tiny/scores/memit-ca_en_located-3/block_0/scores_0.parquet"
BLOCKS = "results-tiny/dataset/blocks.parquet"


def run(project: Project, *targets: str, dry: bool = False) -> Outcome:
    return project.snakemake(*CONFIG, *(["--dry-run"] if dry else []), "--", *targets)


def finished(project: Project, *targets: str) -> Project:
    outcome = run(project, *targets)
    assert outcome.code == 0, outcome.text
    return project


def templates(project: Project) -> list[str]:
    """Where the templates will be, as a dry run says it: settings are part of the path."""
    said = run(project, SCORES, dry=True).text
    paths = sorted(set(re.findall(rf"{MODEL_CACHE}/templates_[0-9a-f]+/\w+\.json", said)))
    assert paths, said
    return paths


def copy_of(project: Project, folder: Path) -> Project:
    """Everything with its times and Snakemake's records: nothing there is made again."""
    return Project(Path(shutil.copytree(project.folder, folder / "copy", symlinks=True)))
