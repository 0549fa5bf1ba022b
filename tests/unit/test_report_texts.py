"""The texts of the report: every setting they name exists, and docutils has nothing to say."""

import io
from pathlib import Path
from types import SimpleNamespace

import pytest
from docutils.core import publish_string
from jinja2 import Environment, StrictUndefined

from memat.study.config import Config

REPORT = Path(__file__).resolve().parents[2] / "report"


def rendered(name: str, **blocks) -> tuple[str, str]:
    """A text of the report as HTML with the default config, and what docutils complains of."""
    config = Config().model_dump()
    config["blocks"] |= blocks
    template = Environment(undefined=StrictUndefined).from_string((REPORT / name).read_text())
    text = template.render(snakemake=SimpleNamespace(config=config), files=[])
    complaints = io.StringIO()
    settings = {"warning_stream": complaints, "output_encoding": "unicode"}
    return publish_string(text, writer="html", settings_overrides=settings), complaints.getvalue()


@pytest.mark.parametrize("name", sorted(path.name for path in REPORT.glob("*.rst")))
def test_texts_of_the_report_name_settings_that_exist(name):
    _html, complaints = rendered(name)
    assert complaints == ""


@pytest.mark.parametrize(("size", "said"), [(None, "all facts that are left"), (40, "40 facts")])
def test_the_opening_says_how_many_facts_a_block_has(size, said):
    html, _complaints = rendered("workflow.rst", size=size)
    assert f"A block of\n{said} (split" in html
