"""Prints the results folder of a config file, for `make`, or removes what a run made.

    python envs/results.py configs/mine.yaml [--finished | --clean | --clean-model]

--finished refuses a folder in which no run has written its table yet. --clean empties the results
folder. --clean-model removes what runs share: the prepared model, and what was computed of it.
"""

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "workflow_scripts"))

from memat.clean import OF_MODEL, clean_model, clean_results, require_idle  # noqa: E402
from memat.errors import ConfigError, MematError  # noqa: E402
from memat.results_folder import model_name, results_of  # noqa: E402


def main(path: str, *options: str) -> None:
    if options and options[0] in CLEANING:
        require_idle(Path.cwd())
        for line in list(CLEANING[options[0]](path)) or ["nothing to delete"]:
            print(line)
    else:
        results = results_of(path, REPOSITORY)
        if options == ("--finished",):
            require_table(results, path)
        print(results)


def require_table(results: Path, config: str) -> None:
    """Raise ConfigError if a report would have nothing to hold."""
    if not (results / "table.md").is_file():
        raise ConfigError(
            f"{results} holds no table yet; run the workflow first:"
            f" .venv/bin/snakemake --cores all --configfile {shlex.quote(config)}"
        )


def cleaned_results(path: str) -> Iterator[str]:
    return clean_results(results_of(path, REPOSITORY))


def cleaned_model(path: str) -> Iterator[str]:
    name = model_name(path, REPOSITORY)
    yield from clean_model(Path("resources/models", name))
    yield from clean_results(Path("resources/cache/models", name), OF_MODEL)


CLEANING = {"--clean": cleaned_results, "--clean-model": cleaned_model}


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except MematError as error:
        sys.exit(str(error))
