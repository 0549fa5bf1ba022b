"""Prints the results folder of a config file, for `make`; with --clean removes what a run made.

    python envs/results.py configs/mine.yaml [--clean]
"""

import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "workflow_scripts"))

from memat.clean import OF_MODEL, clean_model, clean_results, require_idle  # noqa: E402
from memat.errors import ConfigError, MematError  # noqa: E402
from memat.results_folder import read_config, results_of  # noqa: E402


def main(path: str, *options: str) -> None:
    results = results_of(path, REPOSITORY)
    if "--clean" not in options:
        print(results)
        return
    require_idle(Path.cwd())
    for line in clean_results(results):
        print(line)
    name = read_config(path, REPOSITORY)["model"]["name"]
    if not isinstance(name, str) or Path(name).name != name:
        raise ConfigError(f"model.name: must be a name, found {name!r}")
    computed = clean_results(Path("resources/cache/models", name), OF_MODEL)
    for line in (*clean_model(Path("resources/models", name)), *computed):
        print(line)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except MematError as error:
        sys.exit(str(error))
