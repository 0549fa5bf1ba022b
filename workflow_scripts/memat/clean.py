"""Removes what a run made, file by file, and leaves what it did not make.

A file of a results folder is the run's if a line of `MADE` describes it, or the manifest of an
export lists it. Links are left and never followed.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from memat.errors import ConfigError

# paths in a results folder; * is part of a name, ** any folders
MADE = [
    "dataset/*.parquet",
    "dataset/*/*.parquet",
    "dataset/{edited_neighbours,funnel,lost}.csv",
    "dataset/*/{quality,review,review_columns}.csv",
    "model/*.{json,parquet,safetensors}",
    "edits/**/*.safetensors",
    "heads/**/*.{parquet,safetensors}",
    "protected/*/*.{csv,parquet,safetensors}",
    "corrections/**/*.safetensors",
    "damage/**/*.parquet",
    "scores/**/*.parquet",
    "general/*/*.parquet",
    "figures/*.{png,svg}",
    "{paper,study}/*.{csv,html,json,md,parquet,png,svg}",
    "logs/**/*.log",
    "benchmarks/**/*.tsv",
    "{benchmark,benchmark_large,benchmark_scale,damage,differences,facts,general,language_matrix,summary,updates}.csv",
    "{benchmark,benchmark_large,benchmark_scale}.{png,svg}",
    "{facts,headlines,index,report,ship}.html",
    "metrics.parquet",
    "{first_table,general,ship,table}.md",
]
# in resources/cache/models/<name>: what was computed of a model
OF_MODEL = ["templates_*/*.json", "text_*.parquet", "covariance_*/*.safetensors"]


def clean_results(results: Path, lines: Sequence[str] = MADE) -> Iterator[str]:
    """Delete what a run made in a folder that `memat.results_folder` has checked.

    lines: paths of files that a run makes there, as in `MADE`.
    Yields a line for each folder with deleted files and one for all that is left.
    """
    if results.is_symlink():
        yield f"{results} is a link and is left; it is not followed"
        return
    listed, described = set(_exported(results)), described_by(lines)
    made, left = [], []
    for path in _files(results):
        place = path.relative_to(results)
        name = re.sub(r"^\.(.+)\.tmp$", r"\1", place.name)  # of a killed job
        own = path in listed or described.fullmatch(place.with_name(name).as_posix())
        (made if own and path.is_file() and not path.is_symlink() else left).append(path)
    yield from _removed(made)
    _remove_empty(results, {line.split("/")[0] for line in lines if "/" in line} | {"export"})
    if left:
        yield f"left, because no run made it: {', '.join(map(str, left))}"


def described_by(lines: Sequence[str]) -> re.Pattern:
    """What paths of files that a run makes match as a whole."""
    return re.compile("|".join(f"(?:{_pattern(line)})" for line in lines))


def clean_model(folder: Path) -> Iterator[str]:
    """Delete the files that the manifest of a prepared model lists; a local model stays."""
    manifest = folder / "manifest.json"
    if not folder.is_symlink() and manifest.is_file() and not manifest.is_symlink():
        yield from _removed([path for path in (*_listed(manifest), manifest) if path.is_file()])
        _remove_empty(folder, set())


def require_idle(project: Path) -> None:
    """Raise ConfigError while a workflow runs in a folder, or after one was killed there."""
    if any(project.glob(".snakemake/locks/*")):
        raise ConfigError(
            "a workflow runs in this folder, or was killed: wait for it, or call "
            "`.venv/bin/snakemake --unlock` if none runs; nothing is deleted"
        )


def _exported(results: Path) -> Iterator[Path]:
    for manifest in results.glob("export/*/manifest.json"):
        if not manifest.parent.is_symlink() and not manifest.parent.parent.is_symlink():
            yield from (*_listed(manifest), manifest)


def _listed(manifest: Path) -> Iterator[Path]:
    """Files that lie beside a manifest and are in it; none of a folder elsewhere, no links."""
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
        names = [str(name) for name in content["files"]] if content["folder"] == "." else []
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return
    for name in names:
        path = manifest.parent / name
        if Path(name).name == name and not path.is_symlink():
            yield path


def _files(folder: Path) -> list[Path]:
    """Everything below a folder that is no folder; links count as files."""
    found = []
    for place, folders, files in os.walk(folder):
        links = [name for name in folders if Path(place, name).is_symlink()]
        found += [Path(place, name) for name in (*files, *links)]
    return sorted(found)


def _removed(files: list[Path]) -> Iterator[str]:
    count, size = Counter(), Counter()
    for path in files:
        count[path.parent] += 1
        size[path.parent] += path.stat().st_size
        path.unlink()
    for folder in sorted(count):
        yield f"deleted {folder}: {count[folder]} files, {size[folder] / 1e6:.1f} MB"


def _remove_empty(folder: Path, parts: set[str]) -> None:
    """Remove the empty folders of a run (the first parts of its paths), and at last the folder."""
    run = re.compile("|".join(_pattern(part) for part in sorted(parts)))
    for place, _folders, _files in os.walk(folder, topdown=False):
        path = Path(place)
        own = path == folder or run.fullmatch(path.relative_to(folder).parts[0])
        if own and not os.listdir(path):
            path.rmdir()


def _pattern(line: str) -> str:
    """A line of `MADE` as a regular expression."""
    words = {"**/": "(?:[^/]+/)*", "*": "[^/]+", "{": "(?:", "}": ")", ",": "|"}
    return re.sub(
        r"\*\*/|[*{},]|[^*{},]+", lambda found: words.get(found[0], re.escape(found[0])), line
    )
