"""A study's file: what is reported and claimed, checked like the config."""

from collections.abc import Iterator
from functools import cache

from pydantic import ValidationError

from memat.errors import ConfigError
from memat.study.faults import fault_lines
from memat.study.sections_study import StudyFile
from memat.yaml_files import read_yaml


def study_file_faults(study: dict) -> Iterator[str]:
    """Faults of the file that the config section `study` names, each with the file's name."""
    path = study["file"]
    if path is None:
        return
    try:
        content = read_yaml(path, ConfigError)
    except ConfigError as error:
        yield f"study.file: {error}"
        return
    try:
        typed = StudyFile.model_validate(content)
    except ValidationError as error:
        yield from (f"{path}: {line}" for line in fault_lines(error, StudyFile))
        return
    yield from (f"{path}: {key}: {fault}" for key, fault in typed.faults())


def whole_study(study: dict) -> dict:
    """The config section `study` with the content of its file: name, axes, reports, claims."""
    content = _read(study["file"]) if study["file"] else StudyFile().model_dump()
    return {**content, **study, "axes": {**content["axes"], **study["axes"]}}


@cache
def _read(path: str) -> dict:
    typed = StudyFile.model_validate(read_yaml(path, ConfigError))
    plain = typed.model_dump()
    for report, section in zip(plain["reports"], typed.reports, strict=True):
        report["rows"] = [row.model_dump(exclude_none=True) for row in section.rows]
    return plain
