"""The wheel: built from a checkout alone, with every package and the files that edits need."""

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
LIBRARY = REPOSITORY / "workflow_scripts"


def test_every_package_is_listed():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    folders = {path.parent for path in (LIBRARY / "memat").rglob("*.py")}
    packages = {".".join(folder.relative_to(LIBRARY).parts) for folder in folders}
    listed = project["tool"]["setuptools"]["packages"]
    assert listed == sorted(packages | {"memat.resources"})


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built offline from a copy, so that nothing is left in the checkout."""
    copy = tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, copy)
    no_caches = shutil.ignore_patterns("__pycache__")
    shutil.copytree(LIBRARY, copy / "workflow_scripts", ignore=no_caches)
    for kind in ("languages", "models"):
        (copy / "resources" / kind).mkdir(parents=True)
        for path in (REPOSITORY / "resources" / kind).glob("*.yaml"):
            shutil.copy(path, copy / "resources" / kind)
    options = ("--no-deps", "--no-build-isolation", "--no-index", "--quiet")
    command = (sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", copy / "made", copy)
    subprocess.run(command, check=True, capture_output=True)
    return next((copy / "made").glob("memat-*.whl"))


def test_the_wheel_holds_the_library_and_the_files_beside_it(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
        names = archive.namelist()
    for kind in ("languages", "models"):
        for path in (REPOSITORY / "resources" / kind).glob("*.yaml"):
            assert f"memat/resources/{kind}/{path.name}" in names
    assert not [name for name in names if name.startswith("memat/resources/facts")]
    assert any(name.endswith("licenses/LICENSE") for name in names)
    code = (
        "import memat; from memat.resource_folders import resource_folder; "
        "from memat.text.languages import load_language; "
        "folder = resource_folder('languages'); load_language(folder / 'ca.yaml'); "
        "print(memat.__file__, folder)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.count(str(tmp_path)) == 2
