"""The code tag changes with the definitions that a script reaches, and with nothing else."""

import re
import shutil
import time

import pytest

from memat.definitions import code_tag, reached
from memat.edit.solver import leaves_of_deltas, leaves_of_values, solver_names
from memat.evaluate import families
from memat.text.engine import engine_names, leaves_of_engine
from memat.text.reader import format_names, leaves_of_reader
from workflow.project import REPOSITORY

SCRIPTS = REPOSITORY / "workflow_scripts"

# two scripts of a small library: one greets, the other counts
LIBRARY = {
    "hello.py": '''"""Says hello."""

from memat.words import Greeter as Voice
from memat import marks


def main():
    return Voice("you").greet() + marks.MARK
''',
    "count.py": '''"""Counts."""

import memat.numbers.many as many
from memat.words import LIMIT


def main():
    return many.double(LIMIT)
''',
    "memat/__init__.py": "",
    "memat/words.py": '''"""Words."""

from dataclasses import dataclass
from functools import cache

from memat.base import Base, polite
from memat.settings import Settings

LIMIT = 3
UNUSED = 1


class Greeter(Base):
    """Greets."""

    def greet(self, settings=Settings()):
        """A greeting."""
        return polite(f"hello {self.name}", settings.loud)

    @cache
    def other(self):
        return bye()


def bye():
    return "bye"


def unused():
    return UNUSED
''',
    "memat/base.py": """from memat.helpers import shout as polite


class Base:
    def __init__(self, name):
        self.name = name


def wrap(function):
    return function
""",
    "memat/helpers.py": """def shout(text, loud, times=2):
    def again(text):
        return text * times

    from memat.late import LATE

    return again(text) + LATE
""",
    "memat/late.py": "LATE = 5\nEARLY = 4\n",
    "memat/settings.py": """from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    loud: bool = True
""",
    "memat/marks.py": 'MARK = "!"\nOTHER = "?"\n',
    "memat/numbers/__init__.py": "",
    "memat/numbers/many.py": """import memat.numbers.tables
from memat.numbers.parts import *


def double(n):
    return memat.numbers.tables.TABLE[n] * TWO


def triple(n):
    return 3 * n
""",
    "memat/numbers/tables.py": "TABLE = {3: 1}\nTABLE |= {4: 2}\nROWS = 1\n",
    "memat/numbers/parts.py": "TWO = 2\nTHREE = 3\n",
    "memat/unused.py": "X = 1\n",
}

# file | old | new | scripts whose tag changes
CHANGES = {
    "script docstring": ("hello.py", '"""Says hello."""', '"""Greets."""', ""),
    "docstring removed": ("memat/words.py", '        """A greeting."""\n', "", ""),
    "comment": ("memat/words.py", "    def greet", "    # politely\n    def greet", ""),
    "layout": ("memat/words.py", "(self, settings=", "(\n        self,\n        settings=", ""),
    "module not imported": ("memat/unused.py", "X = 1", "X = 2", ""),
    "function that is not used": ("memat/words.py", "return UNUSED", "return 2", ""),
    "constant that is not used": ("memat/marks.py", '"?"', '"."', ""),
    "new class": ("memat/base.py", "def wrap", "class New(Base):\n    pass\n\n\ndef wrap", ""),
    "unused import": (
        "memat/words.py",
        "from functools",
        "from memat.late import EARLY\nfrom functools",
        "",
    ),
    "script": ("hello.py", '"you"', '"me"', "hello"),
    "method reached through an instance": ("memat/words.py", "hello", "good day", "hello"),
    "other method of a named class": ("memat/words.py", "return bye()", "return 1", "hello"),
    "what another method uses": ("memat/words.py", '"bye"', '"good bye"', "hello"),
    "decorator of a method": ("memat/words.py", "    @cache\n", "", "hello"),
    "meaning of a decorator": (
        "memat/words.py",
        "import cache",
        "import lru_cache as cache",
        "hello",
    ),
    "base class": ("memat/base.py", "self.name = name", 'self.name = name + " "', "hello"),
    "default argument": ("memat/helpers.py", "times=2", "times=3", "hello"),
    "nested function": ("memat/helpers.py", "text * times", "times * text", "hello"),
    "import in a function": ("memat/late.py", "LATE = 5", "LATE = 6", "hello"),
    "beside an import in a function": ("memat/late.py", "EARLY = 4", "EARLY = 6", ""),
    "dataclass field": ("memat/settings.py", "bool = True", "bool = False", "hello"),
    "type of a dataclass field": ("memat/settings.py", "loud: bool", "loud: int", "hello"),
    "decorator of a class": ("memat/settings.py", "frozen=True", "frozen=False", "hello"),
    "re-export from elsewhere": (
        "memat/base.py",
        "from memat.helpers import shout as polite",
        "def polite(text, loud):\n    return text",
        "hello",
    ),
    "attribute of a module": ("memat/marks.py", '"!"', '"!!"', "hello"),
    "constant": ("memat/words.py", "LIMIT = 3", "LIMIT = 4", "count"),
    "function of a module by alias": ("memat/numbers/many.py", "* TWO", "+ TWO", "count"),
    "dotted module": ("memat/numbers/tables.py", "{3: 1}", "{3: 2}", "count"),
    "added to a constant": ("memat/numbers/tables.py", "{4: 2}", "{4: 3}", "count"),
    "beside a dotted name": ("memat/numbers/tables.py", "ROWS = 1", "ROWS = 2", ""),
    "star import": ("memat/numbers/parts.py", "THREE = 3", "THREE = 4", "count"),
    "module with a star import": ("memat/numbers/many.py", "3 * n", "n * 3", "count"),
    "definition in a package": ("memat/numbers/__init__.py", "", "Y = 1\n", ""),
    "code in a package": ("memat/numbers/__init__.py", "", "print(1)\n", "count"),
    "code in the package of all": ("memat/__init__.py", "", "print(1)\n", "hello count"),
}
# what a module may do besides binding names: text to put before its code | the same, changed
DOINGS = {
    "call": ("print(1)\n", "print(2)\n"),
    "condition": ("if True:\n    Z = 1\n", "if True:\n    Z = 2\n"),
    "try": (
        "try:\n    Z = 1\nexcept OSError:\n    pass\n",
        "try:\n    Z = 2\nfinally:\n    pass\n",
    ),
    "item of another object": (
        "import os\n\nos.environ['A'] = '1'\n",
        "import os\n\nos.environ['A'] = '2'\n",
    ),
    "call of the library": (
        "def register(x):\n    return x\n\n\nZ = register(1)\n",
        "def register(x):\n    return x\n\n\nZ = register(2)\n",
    ),
    "decorator of the library": (
        "from memat.base import wrap\n\n\n@wrap\ndef f():\n    return 1\n",
        "from memat.base import wrap\n\n\n@wrap\ndef f():\n    return 2\n",
    ),
}


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.fixture
def library(tmp_path):
    return write(tmp_path, LIBRARY)


def tags(folder):
    """Script → tag, as one call of Snakemake finds them all."""
    paths, sources = sorted(folder.glob("*.py")), {}
    return {path.stem: code_tag(path, folder, sources=sources) for path in paths}


def changed_by(folder, name, old, new):
    """The scripts whose tag another text of one file changes; the file is put back."""
    path = folder / name
    text, before = path.read_text(), tags(folder)
    assert not old or old in text
    path.write_text(text.replace(old, new, 1) if old else new + text)
    after = tags(folder)
    path.write_text(text)
    return {script for script, tag in before.items() if after[script] != tag}


@pytest.mark.parametrize(("name", "old", "new", "scripts"), CHANGES.values(), ids=CHANGES)
def test_a_change_counts_for_the_scripts_that_reach_it(library, name, old, new, scripts):
    assert changed_by(library, name, old, new) == set(scripts.split())


@pytest.mark.parametrize(("doing", "other"), DOINGS.values(), ids=DOINGS)
def test_what_a_module_does_on_import_counts_for_all_who_import_it(library, doing, other):
    """`hello` uses the module in a function; `count` only imports one that imports … it."""
    path = library / "memat/late.py"
    path.write_text(doing + path.read_text())
    assert changed_by(library, "memat/late.py", doing, other) == {"hello", "count"}


def test_imports_for_type_checkers_do_nothing(library):
    path = library / "memat/late.py"
    unread = "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    import memat.unused\n"
    path.write_text(unread + path.read_text())
    assert changed_by(library, "memat/late.py", "memat.unused", "memat.marks") == set()


@pytest.mark.parametrize(
    "use",
    [
        "getattr(marks, 'OTHER')",
        "vars(marks)",
        "marks.made_while_it_runs",
        "__import__('memat.marks')",
        "exec('import memat.marks')",
    ],
)
def test_code_found_while_running_counts_whole(library, use):
    path = library / "hello.py"
    path.write_text(path.read_text().replace("marks.MARK", use))
    assert changed_by(library, "memat/marks.py", '"?"', '"."') == {"hello"}


def test_loaded_modules_count_with_the_whole_library(library):
    path = library / "memat/helpers.py"
    path.write_text(
        "import importlib\n\nM = importlib.import_module('memat.unused')\n" + path.read_text()
    )
    assert changed_by(library, "memat/unused.py", "X = 1", "X = 2") == {"hello", "count"}


def test_leaves_count_whole_with_what_they_import_by_definition(library):
    leaf = "memat/solvers/plain.py"
    files = {
        leaf: "from memat.marks import OTHER\n\n\ndef solve():\n    return OTHER\n",
        "memat/solvers/second.py": "def solve():\n    return 2\n",
        "memat/leaves.py": "import importlib\n\n\ndef load_leaf(p, n):\n    return importlib.import_module(p + n)\n",
        "solve.py": 'from memat.leaves import load_leaf\n\nload_leaf("memat.solvers", "plain").solve()\n',
    }
    write(library, files)

    def tag():
        return code_tag(library / "solve.py", library, library / leaf)

    before = tag()
    write(
        library, {"memat/solvers/second.py": "X = 1\n", "memat/marks.py": 'MARK = 1\nOTHER = "?"\n'}
    )
    assert tag() == before
    write(library, {"memat/marks.py": 'MARK = "!"\nOTHER = "."\n'})
    other = tag()
    assert other != before
    write(library, {leaf: files[leaf] + "\n\nLABEL = 1\n"})
    assert tag() not in (before, other)
    assert code_tag(library / "solve.py", library) not in (before, other)


def test_exchanged_aliases_and_moved_definitions_count(library):
    both = "from memat.late import EARLY as a, LATE as b\n\nX = a - b\n"
    exchanged = "from memat.late import LATE as a, EARLY as b\n\nX = a - b\n"
    write(library, {"use.py": "from memat.two import X\n", "memat/two.py": both})
    write(library, {"use.py": "from memat.two import X\n\nprint(X)\n"})
    assert changed_by(library, "memat/two.py", both, exchanged) == {"use"}
    before = code_tag(library / "hello.py", library)
    (library / "memat/marks.py").rename(library / "memat/signs.py")
    path = library / "hello.py"
    path.write_text(path.read_text().replace("import marks", "import signs as marks"))
    assert code_tag(path, library) != before


def test_tag_does_not_depend_on_the_place(library, tmp_path_factory):
    assert tags(write(tmp_path_factory.mktemp("elsewhere"), LIBRARY)) == tags(library)


def test_tags_do_not_depend_on_what_was_read_for_others():
    alone = {path.stem: code_tag(path, SCRIPTS) for path in SCRIPTS.glob("*.py")}
    assert tags(SCRIPTS) == alone


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """The real scripts and library, to be changed."""
    folder = tmp_path_factory.mktemp("copied") / "workflow_scripts"
    return shutil.copytree(SCRIPTS, folder, ignore=shutil.ignore_patterns("__pycache__"))


# the stages that load a model, by hand from rules/*.smk: those with an input `manifest`
WITH_MODEL = {
    *("make_templates", "sample_text", "estimate_covariance", "optimise_values", "solve_deltas"),
    *("read_protected_keys", "dump_activations", "fit_corrections", "score", "export_model"),
    *("optimise_taught_values", "measure_surprisal"),
    *("measure_damage", "search_settings", "export_adapter", "evaluate_general", "edit_step"),
}
# file | old | new | scripts, named by hand from what each stage does
REAL_CHANGES = {
    "new error class": (
        "memat/errors.py",
        "",
        "class NewError(Exception):\n    pass\n\n\n",
        set(),
    ),
    "new function": ("memat/edit/update.py", "", "def new():\n    return 1\n\n\n", set()),
    "comment": ("memat/io.py", "", "# a comment\n", set()),
    "models held by a job": (
        "memat/model/for_stage.py",
        "_held: list[TextIO] = []",
        "_held: list[TextIO] = [*()]",
        WITH_MODEL,
    ),
    "sides of a split": (
        "memat/heads/probes.py",
        "distinct = np.unique(",
        "distinct = 0 + np.unique(",
        {"train_probes", "shift_heads", "search_settings"},
    ),
    "line at the end of a stage": (
        "memat/stage.py",
        "start = time.monotonic()",
        "start = 0 + time.monotonic()",
        {path.stem for path in SCRIPTS.glob("*.py")},
    ),
}


@pytest.mark.parametrize(("name", "old", "new", "scripts"), REAL_CHANGES.values(), ids=REAL_CHANGES)
def test_a_change_of_the_library_counts_for_its_users(copied, name, old, new, scripts):
    assert changed_by(copied, name, old, new) == scripts


# file | old | new | solvers whose values are found again, and whose deltas
SOLVER_CHANGES = {
    "solve_keys": ("edit/linear.py", "    moment = weight *", "    moment = 2 * weight *",
                   set(), {"memit", "pmet"}),
    "cholesky": ("edit/linear.py", "    ridge = 1e-10", "    ridge = 1e-9",
                 set(), {"memit", "pmet", "emmet"}),
    "share": ("edit/solvers/memit.py", "residual / layers_left", "residual / (layers_left + 1)",
              set(), {"memit"}),
    "places": ("edit/solvers/memit.py", "layer + 1)", "layer + 2)",
               {"memit", "alphaedit", "emmet"}, {"memit", "alphaedit", "emmet"}),
    "label": ("edit/solvers/memit.py", 'LABEL = "MEMIT"', 'LABEL = "Memit"', set(), set()),
    "solve": ("edit/solvers/alphaedit.py", "cumsum(0)", "cumsum(-1)", set(), {"alphaedit"}),
}  # fmt: skip


def test_stages_that_load_a_model_count_its_architecture_and_no_other():
    rules = "".join(path.read_text() for path in (REPOSITORY / "rules").glob("*.smk"))
    found = set(re.findall(r'code_tag\(\s*"(\w+)\.py",[^)]*\barchitecture\b', rules))
    assert found == WITH_MODEL | {"prepare_model"}
    for path in SCRIPTS.glob("*.py"):
        loads = "memat.model.architecture:architecture_of" in reached(path, SCRIPTS)
        assert loads == (path.stem in found)


STAGES = {"optimise_values": leaves_of_values, "solve_deltas": leaves_of_deltas}


@pytest.mark.parametrize(
    ("name", "old", "new", "values", "deltas"), SOLVER_CHANGES.values(), ids=SOLVER_CHANGES
)
def test_a_change_of_a_solver_counts_for_its_jobs(copied, name, old, new, values, deltas):
    def tags_by_solver():
        return {
            (stage, solver): code_tag(copied / f"{stage}.py", copied, *placed(leaves(solver)))
            for stage, leaves in STAGES.items()
            for solver in solver_names()
        }

    def placed(leaves):
        return [(copied / path.relative_to(SCRIPTS), names) for path, names in leaves]

    path = copied / "memat" / name
    text, before = path.read_text(), tags_by_solver()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    after = tags_by_solver()
    path.write_text(text)
    expected = {("optimise_values", s) for s in values} | {("solve_deltas", s) for s in deltas}
    assert {key for key in before if before[key] != after[key]} == expected


METRIC_STAGES = {
    "summarise": lambda names: (
        *families.leaves_of_values(names),
        *families.leaves_of_labels(names),
    ),
    "draw_metrics": families.leaves_of_labels,
}
# a change of the leaf of magnitude | the stages that it counts for
METRIC_CHANGES = {
    "value": ('exp() - (-', 'exp() + (-', {"summarise"}),
    "label": ('LABEL = "mag', 'LABEL = "Mag', {"summarise", "draw_metrics"}),
    "docstring": ('"""P(wanted)', '"""Now P(wanted)', set()),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "stages"), METRIC_CHANGES.values(), ids=METRIC_CHANGES)
def test_a_change_of_a_metric_counts_for_jobs_that_use_it(copied, old, new, stages):
    def tags_by_stage(*names):
        return {
            stage: code_tag(
                copied / f"{stage}.py",
                copied,
                *((copied / path.relative_to(SCRIPTS), used) for path, used in leaves(names)),
            )
            for stage, leaves in METRIC_STAGES.items()
        }

    path = copied / "memat/evaluate/metrics/magnitude.py"
    text = path.read_text()
    assert old in text
    before = tags_by_stage("success", "magnitude"), tags_by_stage("success", "accuracy")
    path.write_text(text.replace(old, new, 1))
    after = tags_by_stage("success", "magnitude"), tags_by_stage("success", "accuracy")
    path.write_text(text)
    assert {stage for stage in METRIC_STAGES if before[0][stage] != after[0][stage]} == stages
    assert before[1] == after[1]


# file | old | new | engines and formats whose jobs run again
LEAF_CHANGES = {
    "engine": ("engines/table.py", "self.known.get(text, ", "self.known.pop(text, ", {"table"}),
    "setting of an engine": ("engines/apertium.py", 'OF_ONE_LANGUAGE = "pair"', "A = 1", set()),
    "what two engines use": ("engine.py", "len(translations) != len", "len(translations) < len",
                             {"apertium", "ctranslate2", "transformers"}),
    "format": ("readers/triples.py", "MOST_OF_TABLE = 10", "MOST_OF_TABLE = 9", {"triples"}),
    "setting of a format": ("readers/triples.py", '"] = "given"', '"] = "from_table"', set()),
    "how a format is recognised": ("readers/counterfact.py", 'return "requested_rewrite" in',
                                   'return "rewrite" in', set()),
}  # fmt: skip


@pytest.mark.parametrize(("name", "old", "new", "leaves"), LEAF_CHANGES.values(), ids=LEAF_CHANGES)
def test_a_change_of_an_engine_or_a_format_counts_for_its_jobs(copied, name, old, new, leaves):
    def tags_by_leaf():
        found = {("translate", name): leaves_of_engine(name) for name in engine_names()}
        for stage in ("read_facts", "list_lost", "list_facts"):
            found |= {(stage, name): leaves_of_reader(name, "read") for name in format_names()}
        return {
            (stage, leaf): code_tag(
                copied / f"{stage}.py",
                copied,
                *((copied / path.relative_to(SCRIPTS), used) for path, used in parts),
            )
            for (stage, leaf), parts in found.items()
        }

    path = copied / "memat/text" / name
    text, before = path.read_text(), tags_by_leaf()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    after = tags_by_leaf()
    path.write_text(text)
    assert {key for key in before if before[key] != after[key]} == {
        (stage, leaf) for stage, leaf in before if leaf in leaves
    }


def test_no_script_falls_back_to_a_whole_module():
    """Nothing in the library does more than bind names, so every script counts definitions."""
    for path in SCRIPTS.glob("*.py"):
        whole = {name for name in reached(path, SCRIPTS) if name.endswith(":*")}
        assert whole == {f"{path.stem}:*"}


def test_tags_of_all_scripts_take_no_time(copied):
    start = time.process_time()
    assert len(set(tags(copied).values())) == len(list(copied.glob("*.py")))
    assert time.process_time() - start < 2


def test_a_stage_that_loads_leaves_names_them_to_the_tag():
    rules = "".join(path.read_text() for path in (REPOSITORY / "rules").glob("*.smk"))
    for path in SCRIPTS.glob("*.py"):
        if "memat.leaves:load_leaf" in reached(path, SCRIPTS):
            assert re.search(rf'code_tag\(\s*"{path.name}",\s*\S', rules), path.name
