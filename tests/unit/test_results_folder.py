"""Results go to a folder of their own, and cleaning takes away only what a run made there."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from memat.clean import MADE as MADE_BY_A_RUN
from memat.clean import OF_MODEL, clean_model, clean_results, described_by, require_idle
from memat.errors import ConfigError
from memat.io import require_writable, write_json
from memat.provenance import Provenance
from memat.results_folder import layout_faults, model_name, results_faults, results_of

REPOSITORY = Path(__file__).resolve().parents[2]
NAMES = ["results", "results dir", 'it\'s "mine"; touch x $(touch y)', "results/", "./a\\b"]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of the user's, without git."""
    folder = tmp_path / "my" / "project"
    for name in ("resources/models", "docs"):
        (folder / name).mkdir(parents=True)
    (folder / "config.yaml").write_text("results: results\nmodel: {name: tiny}\n")
    monkeypatch.chdir(folder)
    return folder


def fault(results, project):
    return next(results_faults(results, project), "")


@pytest.mark.parametrize("name", [*NAMES, "runs/first", "/data-of-mine/me/run", "a..b", "x~"])
def test_a_folder_of_its_own_is_accepted(project, name):
    assert not fault(name, project)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "must not be empty"),
        ("  ", "must not be empty"),
        (None, "must be a text"),
        ("a\nb", "control characters"),
        ("a\x1bb", "control characters"),
        (".", "the project's own folder"),
        ("./", "the project's own folder"),
        ("/", "the project's own folder, or holds it"),
        ("~/results", "'~' is not expanded"),
        ("-rf", "begins with '-'"),
        ("r{edit}", "wildcards"),
        ("../results", "must not hold '..'"),
        ("a/../..", "must not hold '..'"),
        ("resources", "resources/ is part of the project"),
        ("docs/run", "docs/ is part of the project"),
        (".snakemake/r", ".snakemake/ is part of the project"),
        ("/srv", "folder of the system"),
        ("/etc/results", "folder of the system"),
        ("config.yaml", "config.yaml is a file"),
        ("config.yaml/results", "cannot be used: Not a directory|config.yaml is a file"),
        ("x" * 300, "File name too long"),
    ],
)
def test_any_other_is_refused_with_the_reason(project, name, why):
    found = fault(name, project)
    assert found.startswith("results: ")
    assert any(part in found for part in why.split("|")), found


def test_links_are_looked_through(project, tmp_path):
    (project / "gone").symlink_to(tmp_path / "nowhere")
    (project / "sources").symlink_to(project / "resources")
    (project / "up").symlink_to(tmp_path)
    (tmp_path / "disk" / "new").mkdir(parents=True)
    (project / "elsewhere").symlink_to(tmp_path / "disk" / "new")
    assert "is a link to" in fault("gone", project)
    assert "is a link to" in fault("gone/results", project)
    assert "resources/ is part of the project" in fault("sources/run", project)
    assert "or holds it" in fault("up", project)
    assert not fault("elsewhere", project)


def test_a_folder_outside_in_use_for_something_else_is_refused(project, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    assert not fault(str(outside), project)
    (outside / "thesis.tex").touch()
    assert "holds other files (thesis.tex)" in fault(str(outside), project)
    (outside / "dataset").mkdir()
    assert not fault(str(outside), project)
    home_of = tmp_path / "home"
    assert not fault(str(home_of), project)


def test_the_home_folder_is_refused(project, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home" / "me"))
    assert "home folder" in fault(str(tmp_path / "home" / "me"), project)
    assert "home folder" in fault(str(tmp_path / "home"), project)


def test_what_git_tracks_is_refused(project):
    git = ["git", "-c", "user.name=a", "-c", "user.email=a"]
    (project / "thesis" / "text").mkdir(parents=True)
    (project / "thesis" / "text" / "one.tex").touch()
    assert not fault("thesis", project)
    subprocess.run([*git, "init", "-q"], check=True)
    assert not fault("thesis", project)
    subprocess.run([*git, "add", "thesis"], check=True)
    assert "thesis/text/one.tex, which git tracks" in fault("thesis", project)
    assert not fault("thesis/other", project)


def test_a_config_without_results_has_those_of_the_defaults(project):
    Path("mine.yaml").write_text("seed: 3\n")
    assert results_of("mine.yaml", project) == Path("results")
    Path("mine.yaml").write_text("results: my run/\n")
    assert str(results_of("mine.yaml", project)) == "my run"
    Path("config.yaml").write_text("seed: 3\n")
    Path("mine.yaml").write_text("seed: 3\n")
    with pytest.raises(ConfigError, match="results: None: must be a text"):
        results_of("mine.yaml", project)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, r"mine\.yaml: cannot be read \(No such file"),
        ("a: [1\nb: 2\n", r"(?s)mine\.yaml: is not readable YAML.*line 2"),
        ("- a\n", r"mine\.yaml: must have the keys of config\.yaml"),
        ("", r"mine\.yaml: must have the keys of config\.yaml"),
    ],
)
def test_a_config_that_is_missing_or_no_yaml_is_named_with_its_line(project, content, why):
    if content is not None:
        Path("mine.yaml").write_text(content)
    with pytest.raises(ConfigError, match=why):
        results_of("mine.yaml", project)


MADE = [
    "dataset/blocks.parquet",
    "dataset/subset/all.parquet",
    "dataset/ca/review.csv",
    "model/templates_en.json",
    "model/moments_0.safetensors",
    "edits/memit-en/block_0/deltas.safetensors",
    "heads/memit-en/en/block_0/accuracy.parquet",
    "corrections/memit-en_en_located-4/block_0.safetensors",
    "scores/unedited/block_0/scores_0.parquet",
    "figures/metrics.svg",
    "paper/index.md",
    "logs/score/a/b.log",
    "benchmarks/score/a/b.tsv",
    "table.md",
    "first_table.md",
    "ship.html",
    "ship.md",
    "summary.csv",
    "report.html",
    "model/.covariance.safetensors.tmp",
]
KEPT = [
    "notes.txt",
    "dataset/corrections.csv",
    "my/blocks.parquet",
    "figures/own.ai",
    "summary.csv.bak",
]


def filled(results):
    for name in (*MADE, *KEPT):
        path = results / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def test_cleaning_takes_what_a_run_made_and_lists_the_rest(project, tmp_path):
    results = Path("results dir")
    filled(results)
    (tmp_path / "mine.parquet").write_text("mine")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x.parquet").write_text("mine")
    (results / "dataset" / "linked.parquet").symlink_to(tmp_path / "mine.parquet")
    (results / "scores" / "linked").symlink_to(tmp_path / "elsewhere")
    (results / "heads" / "empty").mkdir()
    lines = list(clean_results(results))
    left = {str(p.relative_to(results)) for p in results.rglob("*") if not p.is_dir()}
    assert left == {*KEPT, "dataset/linked.parquet"}
    assert (results / "scores" / "linked").is_symlink()
    assert (tmp_path / "mine.parquet").exists()
    assert (tmp_path / "elsewhere" / "x.parquet").exists()
    assert not (results / "heads").exists()
    assert all(name in lines[-1] for name in (*KEPT, "scores/linked", "dataset/linked.parquet"))
    assert "deleted results dir/logs/score/a: 1 files" in "\n".join(lines)


def test_cleaning_removes_a_folder_that_holds_nothing_else(project):
    filled(Path("r"))
    for name in KEPT:
        Path("r", name).unlink()
    os.rmdir("r/my")
    list(clean_results(Path("r")))
    assert not Path("r").exists()
    assert list(clean_results(Path("r"))) == []


def test_the_files_that_the_rules_name_are_known_to_cleaning():
    text = "".join(path.read_text() for path in (REPOSITORY / "rules").glob("*.smk"))
    named = re.findall(
        r'"\{(RESULTS|DATASET|INTO)\}/([^"]*\.(?:csv|html|json|log|md|parquet|safetensors|tsv))"',
        text,
    )
    folders = {"RESULTS": "", "DATASET": "dataset/", "INTO": "dataset/x/"}
    places = {folders[root] + name for root, name in named}
    places = {re.sub(r"\{\{.*?\}\}|\{.*?\}", "x", place) for place in places}
    assert len(places) > 20
    exported = {place for place in places if place.startswith("export/")}
    assert not [p for p in places - exported if not described_by(MADE_BY_A_RUN).fullmatch(p)]


def test_a_link_in_place_of_the_results_is_left(project, tmp_path):
    filled(tmp_path / "disk")
    Path("results").symlink_to(tmp_path / "disk")
    (line,) = clean_results(Path("results"))
    assert "is a link and is left" in line
    assert (tmp_path / "disk" / "table.md").exists()


def test_models_and_exports_lose_what_their_manifests_list(project, tmp_path):
    (tmp_path / "secret").write_text("mine")
    export, model = Path("r/export/memit"), Path("resources/models/tiny")
    for folder in (export, model):
        folder.mkdir(parents=True)
        for name in ("config.json", "mine.txt"):
            (folder / name).write_text("{}")
        files = {name: {} for name in ("config.json", "../../../../secret", "gone.json")}
        content = {"folder": ".", "files": files}
        write_json(folder / "manifest.json", content, Provenance("t", {}, "t"))
    list(clean_results(Path("r")))
    list(clean_model(model))
    assert [p.name for p in export.iterdir()] == ["mine.txt"]
    assert [p.name for p in model.iterdir()] == ["mine.txt"]
    assert (tmp_path / "secret").exists()


def test_what_was_computed_of_a_model_goes_with_it(project):
    cache = Path("resources/cache/models/tiny")
    names = ("templates_a/en.json", "text_b.parquet", "covariance_c/moments_0.safetensors")
    for name in (*names, "covariance_c/notes.txt"):
        (cache / name).parent.mkdir(parents=True, exist_ok=True)
        (cache / name).touch()
    list(clean_results(cache, OF_MODEL))
    left = [str(p.relative_to(cache)) for p in cache.rglob("*")]
    assert sorted(left) == ["covariance_c", "covariance_c/notes.txt"]


def test_a_local_model_keeps_its_files(project, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    folder = Path("resources/models/tiny")
    folder.mkdir()
    content = {"folder": str(tmp_path), "files": {"config.json": {}}}
    (folder / "manifest.json").write_text(json.dumps(content))
    list(clean_model(folder))
    assert (tmp_path / "config.json").exists()
    assert not folder.exists()


def test_nothing_is_cleaned_while_a_workflow_runs(project):
    require_idle(project)
    (project / ".snakemake" / "locks").mkdir(parents=True)
    (project / ".snakemake" / "locks" / "0.input.lock").touch()
    with pytest.raises(ConfigError, match="--unlock"):
        require_idle(project)


def prepared_model(name):
    """Files of a prepared model, and what was computed of it."""
    model = Path("resources/models", name)
    cache = Path("resources/cache/models", name)
    files = [model / "model.safetensors", cache / "templates_a/en.json", cache / "text_b.parquet"]
    for path in files:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    content = {"folder": ".", "files": {"model.safetensors": {}}}
    write_json(model / "manifest.json", content, Provenance("t", {}, "t"))
    return [*files, model / "manifest.json"]


def test_make_clean_model_takes_the_model_of_the_config_and_lists_it(project):
    for entry in ("Makefile", "envs", "workflow_scripts", ".venv"):
        Path(entry).symlink_to(REPOSITORY / entry)
    mine, other = prepared_model("mine"), prepared_model("tiny")
    Path("mine.yaml").write_text("model: {name: mine}\n")
    Path("results").mkdir()
    Path("results", "table.md").touch()
    command = ["make", "clean-model", "CONFIG=mine.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for folder in {path.parent for path in mine}:
        assert f"deleted {folder}: " in done.stdout
    assert not any(path.exists() for path in mine)
    assert all(path.exists() for path in (*other, Path("results/table.md")))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "nothing to delete\n"


def test_make_report_without_results_says_what_to_run(project):
    for entry in ("Makefile", "envs", "workflow_scripts", ".venv"):
        Path(entry).symlink_to(REPOSITORY / entry)
    Path("my own.yaml").write_text("results: mine\n")
    # -o: without a look at whether packages are to be installed
    command = ["make", "-o", ".venv/.installed", "report", "CONFIG=my own.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert done.stderr.startswith("mine holds no table yet; run the workflow first:")
    assert "--configfile 'my own.yaml'\n" in done.stderr


@pytest.mark.parametrize("name", ["", "..", "a/b", 3, None])
def test_a_model_is_named_by_a_name(project, name):
    Path("mine.yaml").write_text(json.dumps({"model": {"name": name}}))
    with pytest.raises(ConfigError, match=r"model\.name: must be a name"):
        model_name("mine.yaml", project)


@pytest.mark.parametrize("name", NAMES)
def test_make_clean_takes_the_folder_by_its_name_and_nothing_else(project, name):
    """The user's command, with a name that a shell would read as more than one word."""
    for entry in ("Makefile", "envs", "workflow_scripts", ".venv"):
        Path(entry).symlink_to(REPOSITORY / entry)
    shared = prepared_model("tiny")
    Path("configs").mkdir()
    Path("configs/it's mine.yaml").write_text(json.dumps({"results": name}))
    Path(name).mkdir()
    Path(name, "table.md").touch()
    Path("results").mkdir(exist_ok=True)
    Path("results", "notes.txt").touch()
    before = set(os.listdir())
    command = ["make", "clean", "CONFIG=configs/it's mine.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"deleted {Path(name)}: 1 files")
    assert "resources" not in done.stdout
    assert all(path.exists() for path in shared)
    assert not Path(name, "table.md").exists()
    assert before - set(os.listdir()) <= {str(Path(name))}
    assert not set(os.listdir()) - before
    assert Path("results", "notes.txt").exists()


def test_results_of_an_earlier_version_are_refused(tmp_path):
    assert list(layout_faults(str(tmp_path))) == []
    (tmp_path / "dataset").mkdir()
    (tmp_path / "dataset" / "repaired.parquet").touch()
    (fault,) = layout_faults(str(tmp_path))
    assert "holds results of an earlier version (dataset/repaired.parquet)" in fault
    assert "name another folder" in fault


def test_a_folder_that_cannot_be_written_to_is_named(project, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(ConfigError, match=r"results: .* cannot be written to"):
        require_writable("results/new")
