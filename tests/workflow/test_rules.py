"""Every rule tags its own script, and gives it the params that it names, no more and no fewer.

What of a section is read, a run says (`unread_params`): here only names are compared, of every
rule, whether the tiny runs need it or not.
"""

import ast
import re

import pytest

from memat.text.language_keys import READ
from workflow.project import REPOSITORY

SCRIPTS = {path.stem: path for path in (REPOSITORY / "workflow_scripts").glob("*.py")}
TEXT = "\n".join(path.read_text(encoding="utf-8") for path in (REPOSITORY / "rules").glob("*.smk"))
BODIES = dict(re.findall(r"^ *rule (\w+):\n(.*?)(?=^ *rule |\Z)", TEXT, re.MULTILINE | re.DOTALL))
RULES = {
    name: body for name, body in BODIES.items() if re.search(r"^ *script:", body, re.MULTILINE)
}
# what every job has and `run_stage` takes for itself
OF_EVERY_JOB = {"code"}


def given(rule: str) -> set[str]:
    """Names of the params of a rule."""
    params = re.search(r"^( *)params:\n(.*?)^\1\w+:", RULES[rule], re.MULTILINE | re.DOTALL)
    call = ast.parse(f"f({params[2].strip()})".replace("\n", "\n "), mode="eval").body
    names = {keyword.arg for keyword in call.keywords if keyword.arg}
    of_languages = READ[rule].keys() if "**language_pair" in params[2] else set()
    return (names | of_languages) - OF_EVERY_JOB


def read(rule: str) -> set[str]:
    """Names that a script reads off `stage.params` or a local `params`, and `cfg` if it does."""
    found = set()
    for node in ast.walk(ast.parse(SCRIPTS[rule].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            of = ast.unparse(node.value)
            if of in ("params", "stage.params"):
                found.add(node.attr)
            elif (of, node.attr) == ("stage", "cfg"):
                found.add("cfg")
    return found


def test_every_script_is_the_script_of_one_rule_of_its_name():
    assert RULES.keys() == SCRIPTS.keys()


@pytest.mark.parametrize("rule", sorted(RULES))
def test_a_rule_tags_the_script_that_it_runs(rule):
    assert re.findall(r'code_tag\(\s*"(\w+)\.py"', RULES[rule]) == [rule]
    assert re.findall(r'^ *"\.\./workflow_scripts/(\w+)\.py"', RULES[rule], re.MULTILINE) == [rule]


@pytest.mark.parametrize("rule", sorted(RULES))
def test_the_params_of_a_rule_are_those_that_its_script_reads(rule):
    assert given(rule) == read(rule)
