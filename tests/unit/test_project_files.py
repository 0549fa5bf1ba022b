"""The files around the code say what the code says: versions, licences, errors, links."""

import inspect
import re
import runpy
from pathlib import Path

import pytest
import yaml

import memat
from memat.version import __version__

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").glob("*.md")], key=lambda path: path.name
)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#([^)\s]+))?\)|\]\(#([^)\s]+)\)")


def text(name):
    return (REPOSITORY / name).read_text(encoding="utf-8")


def test_the_version_is_the_same_everywhere():
    assert memat.__version__ == __version__
    assert yaml.safe_load(text("CITATION.cff"))["version"] == __version__
    assert re.search(r"^## (\S+)", text("CHANGELOG.md"), re.MULTILINE)[1] == __version__


def test_every_error_says_what_it_means_and_what_to_do():
    documents = runpy.run_path(str(REPOSITORY / "docs/settings.py"))
    classes = list(documents["error_classes"]())
    assert len(classes) >= 14
    page = text("docs/errors.md")
    for error in classes:
        meaning, _, advice = inspect.cleandoc(error.__doc__).partition("\n\n")
        assert meaning.endswith((".", "reason")), error
        assert advice.endswith("."), error
        assert f"\n## {error.__name__}\n" in page


def test_every_model_and_shipped_folder_has_its_licence():
    page = text("docs/licences.md")
    for path in sorted((REPOSITORY / "resources/models").glob("*.yaml")):
        spec = yaml.safe_load(path.read_text(encoding="utf-8"))
        if path.stem.endswith(".settings") or spec["kind"] == "local":
            continue
        row = f"| `{path.stem}` | {spec['license']} | <{spec['license_url']}> |"
        assert row in page, path
    shipped = [path for path in (REPOSITORY / "resources").iterdir() if path.name != "cache"]
    for folder in [*shipped, REPOSITORY / "examples", REPOSITORY / "tests/data"]:
        assert str(folder.relative_to(REPOSITORY)) in page, folder


def test_the_licence_is_whole():
    licence = text("LICENSE")
    assert licence.count("\n") > 195
    for words in ("Version 2.0, January 2004", "9. Accepting Warranty", "APPENDIX: How to apply"):
        assert words in licence


def anchors(page):
    """As GitHub and the site make them of headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    kept = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.strip().replace(" ", "-") for heading in kept}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    found = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target, anchor, own in LINK.findall(found):
        if target.startswith(("http://", "https://")):
            continue
        path = page.parent / target if target else page
        assert path.exists(), target
        if anchor or own:
            assert (anchor or own) in anchors(path), f"{target}#{anchor or own}"


def test_the_site_has_every_page():
    def pages(entry):
        if isinstance(entry, dict):
            return [page for value in entry.values() for page in pages(value)]
        return (
            [page for item in entry for page in pages(item)] if isinstance(entry, list) else [entry]
        )

    listed = pages(yaml.safe_load(text("mkdocs.yml"))["nav"])
    assert sorted(listed) == sorted(path.name for path in (REPOSITORY / "docs").glob("*.md"))


def test_public_ci_runs_what_a_change_must_pass():
    jobs = yaml.safe_load(text(".github/workflows/ci.yml"))["jobs"]
    steps = {name: [step.get("run", "") for step in job["steps"]] for name, job in jobs.items()}
    assert any(".ci/run" in line for line in steps["everything"])
    assert any("pip wheel" in line for line in steps["wheel"])
    assert "make site" in steps["site"]
    targets = set(re.findall(r"^([a-z-]+):", text("Makefile"), re.MULTILINE))
    for name in ("CONTRIBUTING.md", ".ci/run"):
        assert set(re.findall(r"make ([a-z-]+)", text(name))) <= targets, name
