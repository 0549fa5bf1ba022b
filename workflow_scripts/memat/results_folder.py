"""Where results may go: a folder of their own, never a part of the project or of the system.

A folder that passes here may be made, filled, named in a command and emptied again.
"""

import os
import subprocess
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from memat.errors import ConfigError
from memat.suggest import shown
from memat.yaml_files import read_yaml

REPOSITORY = Path(__file__).resolve().parents[2]
CONTROL = ("Cc", "Cs", "Zl", "Zp")  # control characters, halves of characters, line breaks
PROJECT = frozenset(
    "configs docs envs examples profiles report resources rules schemas tests workflow_scripts"
    " .ci .git .snakemake .venv".split()
)
SYSTEM = frozenset("bin boot dev etc lib lib64 proc sbin sys usr".split())
# what a results folder begins with: one of these is there after the first job
OWN = frozenset("benchmarks dataset edits export figures heads logs model paper scores".split())
OWN |= {"general", "protected", "study"}
# files and folders that only earlier versions of the workflow wrote
EARLIER = ("dataset/repaired.parquet", "dataset/alignments.parquet", "model/covariance.safetensors")


def results_of(config: str | Path, repository: Path = REPOSITORY) -> Path:
    """The results folder of a config file; a key that it leaves out is as in `config.yaml`.

    Raises ConfigError(file, place) for a file that is missing or no YAML mapping, and for a
    folder that results may not go to.
    """
    return checked_results(read_config(config, repository).get("results"), repository)


def model_name(config: str | Path, repository: Path = REPOSITORY) -> str:
    """The name of a config's model, which names two folders. Raises ConfigError(model.name)."""
    model = read_config(config, repository).get("model")
    name = model.get("name") if isinstance(model, dict) else None
    if not isinstance(name, str) or name in ("", "..") or Path(name).name != name:
        raise ConfigError(f"model.name: must be a name, found {name!r}")
    return name


def read_config(path: str | Path, repository: Path = REPOSITORY) -> dict:
    """A config file over the defaults, as Snakemake puts them together. Raises ConfigError."""
    merged: dict = {}
    for file in (repository / "config.yaml", Path(path)):
        content = read_yaml(file, ConfigError)
        if not isinstance(content, dict):
            raise ConfigError(f"{file}: must have the keys of config.yaml, found {shown(content)}")
        _update(merged, content)
    return merged


def _update(settings: dict, changes: dict) -> None:
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(settings.get(key), dict):
            _update(settings[key], value)
        else:
            settings[key] = value


def checked_results(results: object, repository: Path = REPOSITORY) -> Path:
    """The folder as a path. Raises ConfigError(results)."""
    for fault in results_faults(results, repository):
        raise ConfigError(fault)
    return Path(str(results))


def results_faults(results: object, repository: Path = REPOSITORY) -> Iterator[str]:
    """Why results cannot go to a folder: at most one line, `results: 'x': why`."""
    path = Path(str(results))
    if fault := _text_fault(results) or _disk_fault(path) or _place_fault(path, repository):
        yield f"results: {shown(results)}: {fault}"


def layout_faults(results: str) -> Iterator[str]:
    """Results of an earlier version, whose files would be taken for others: at most one line."""
    found = [name for name in EARLIER if Path(results, name).exists()]
    if found:
        yield (
            f"results: {shown(results)}: holds results of an earlier version ({found[0]}), whose"
            " files mean something else now; name another folder, or delete this one"
        )


def _text_fault(results: object) -> str | None:
    if not isinstance(results, str) or any(unicodedata.category(c) in CONTROL for c in results):
        return "must be a text without line breaks and other control characters"
    if not results.strip():
        return "must not be empty"
    if results.startswith("~"):
        return "'~' is not expanded, a folder of that name would be made; write the whole path"
    if results.startswith("-"):
        return "begins with '-', so commands would take it for an option"
    if set(results) & set("{}"):
        return "must hold no braces, which are Snakemake's wildcards"
    if ".." in Path(results).parts:
        return "must not hold '..'; write the whole path of a folder outside the project"
    return None


def _disk_fault(path: Path) -> str | None:
    """What stands in the way on disk."""
    for part in [*reversed(path.parents), path]:
        try:
            os.lstat(part)
        except FileNotFoundError:
            return None
        except OSError as error:
            return f"cannot be used: {error.strerror}"
        if not os.path.exists(part):
            return f"{part} is a link to {os.readlink(part)}, which does not exist"
        if not os.path.isdir(part):
            return f"{part} is a file; results need a folder"
    return None


def _place_fault(path: Path, repository: Path = REPOSITORY) -> str | None:
    """What the folder is or belongs to, links followed."""
    real = Path(os.path.realpath(path))
    roots = {Path.cwd().resolve(), repository.resolve()}
    for root in roots:
        if real == root or real in root.parents:
            return "is the project's own folder, or holds it; results need a folder of their own"
        if real.is_relative_to(root) and (first := real.relative_to(root).parts[0]) in PROJECT:
            return f"{first}/ is part of the project; results need a folder of their own"
    home = Path(os.path.realpath(os.path.expanduser("~")))
    if real == home or real in home.parents:
        return "is a home folder, or holds it; results need a folder of their own"
    if tracked := _tracked(real, repository.resolve()):
        return f"holds {tracked}, which git tracks; results need a folder of their own"
    if any(real.is_relative_to(root) for root in roots):
        return None
    if len(real.parts) < 3 or real.parts[1] in SYSTEM:
        return "is a folder of the system; results need one of their own below it"
    return _foreign(real)


def _foreign(real: Path) -> str | None:
    """A folder outside the project that is in use for something else."""
    try:
        names = set(os.listdir(real))
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if names and not names & OWN:
        return f"holds other files ({shown(min(names))}); name a new folder below it"
    return None


def _tracked(real: Path, repository: Path = REPOSITORY) -> str | None:
    """A file at or below a folder that git keeps; None without git."""
    if not (real.is_relative_to(repository) and real.is_dir() and (repository / ".git").exists()):
        return None
    command = ["git", "--literal-pathspecs", "ls-files", "-z", "--", str(real)]
    try:
        done = subprocess.run(command, cwd=repository, capture_output=True, check=False)
    except OSError:  # no git here: the project's own folders are refused by name
        return None
    return os.fsdecode(done.stdout.split(b"\0")[0]) or None
