"""Nothing runs that the code tag does not count: scripts traced, against what the tag reaches.

What a definition reads is taken from its bytecode, so not in the way that the tag finds it.
"""

import dis
import sys
from pathlib import Path

import pytest
import test_edit_scripts
import test_report_scripts

import draw_metrics
import memat
import optimise_values
import solve_deltas
from memat.definitions import reached
from memat.edit.solver import (
    leaves_of_deltas,
    leaves_of_label,
    leaves_of_values,
    load_solver,
    solver_names,
)
from memat.evaluate.families import leaves_of_labels
from memat.source_code import module_name, read_source
from score_tables import FAMILIES

ROOT = Path(memat.__file__).resolve().parents[1]
LEAVES = {
    "optimise_values": leaves_of_values,
    "solve_deltas": leaves_of_deltas,
    "draw_metrics": leaves_of_label,
}
edit_folder, score_files = test_edit_scripts.folder, test_report_scripts.results  # fixtures


@pytest.fixture
def ran(monkeypatch):
    """Script → code objects of the library that ran in its `main`."""
    found = {script.__name__: set() for script in (optimise_values, solve_deltas, draw_metrics)}
    for name in solver_names():
        load_solver(name)  # now: the first to load a leaf also runs what else it defines

    def trace(name, main):
        def look(frame, event, _argument):
            if event == "call" and frame.f_code.co_filename.startswith(str(ROOT)):
                found[name].add(frame.f_code)

        def traced(stage):
            sys.setprofile(look)
            try:
                return main(stage)
            finally:
                sys.setprofile(None)

        return traced

    for name in found:
        monkeypatch.setattr(sys.modules[name], "main", trace(name, sys.modules[name].main))
    return found


def top_level_names(code):
    """`module:name` of what a code object is part of, and of the definitions it reads."""
    module = module_name(Path(code.co_filename), ROOT)
    known = read_source(ROOT, module).definitions
    names = {i.argval for i in dis.get_instructions(code) if i.opname == "LOAD_GLOBAL"}
    names.add(code.co_qualname.split(".")[0])
    return {f"{module}:{name}" for name in names if name in known}


def test_scripts_run_only_what_their_tags_count(ran, edit_folder, score_files, tmp_path):
    codes = test_edit_scripts.CODES
    for way, solver in (("joint", "memit"), ("pmet", "pmet")):
        languages = codes[: len(test_edit_scripts.LANGUAGES[way])]
        values = test_edit_scripts.find_values(edit_folder, languages, way)
        test_edit_scripts.solve(edit_folder, languages, values, solver=solver)
    test_report_scripts.test_the_metrics_script_draws_from_the_csv(score_files, tmp_path)
    for script, code in ran.items():
        used = set().union(*map(top_level_names, code))
        leaves = [leaf for name in ("memit", "pmet") for leaf in LEAVES[script](name)]
        leaves += leaves_of_labels(FAMILIES)
        counted = reached(ROOT / f"{script}.py", ROOT, *leaves)
        assert len(used) > 20
        assert {n for n in used - counted.keys() if not n.startswith(f"{script}:")} == set()
