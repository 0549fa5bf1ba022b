"""What is written from the sections of the configuration is up to date and explains every key."""

import json
import runpy
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from memat.study.config import Config
from memat.study.documents import leaf_keys
from memat.study.sections_study import Claim, Report, StudyRow

REPOSITORY = Path(__file__).resolve().parents[2]
DOCUMENTS = runpy.run_path(str(REPOSITORY / "docs" / "settings.py"))["DOCUMENTS"]


@pytest.mark.parametrize("path", sorted(DOCUMENTS.keys() - {"schemas/config.schema.json"}))
def test_documents_are_those_of_the_sections(path):
    written = (REPOSITORY / path).read_text(encoding="utf-8")
    assert written == DOCUMENTS[path](), "run `make docs`"


def test_the_schema_for_editors_knows_the_sections_and_their_keys():
    schema = json.loads(DOCUMENTS["schemas/config.schema.json"]())
    config = yaml.safe_load((REPOSITORY / "config.yaml").read_text(encoding="utf-8"))
    assert config.keys() <= schema["properties"].keys()
    reference = schema["properties"]["values"]["$ref"].rpartition("/")[2]
    assert schema["$defs"][reference]["properties"]["steps"]["type"] == "integer"


def value_of(content: dict, key: str) -> object:
    for part in key.split("."):
        content = content[part]
    return content


def test_the_config_holds_every_key_with_its_default():
    content = yaml.safe_load((REPOSITORY / "config.yaml").read_text(encoding="utf-8"))
    defaults = Config().model_dump()
    keys = [key for key in leaf_keys() if key != "experiment"]
    assert {k: value_of(content, k) for k in keys} == {k: value_of(defaults, k) for k in keys}


def sections(model: type[BaseModel] = Config):
    yield model
    for field in model.model_fields.values():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from sections(field.annotation)


@pytest.mark.parametrize(
    "section", [*sections(), Claim, Report, StudyRow], ids=lambda section: section.__name__
)
def test_every_key_and_section_is_explained(section):
    assert section.__doc__
    for name, field in section.model_fields.items():
        nested = isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        assert nested or field.description, f"{section.__name__}.{name}"
