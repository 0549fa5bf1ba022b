"""Prints the Apertium pairs that a config file needs, one a line, for `make`.

python envs/pairs.py configs/mine.yaml
"""

import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "workflow_scripts"))

from memat.check import translations  # noqa: E402
from memat.errors import ConfigError, MematError  # noqa: E402
from memat.results_folder import read_config  # noqa: E402
from memat.study.config import completed, config_faults  # noqa: E402


def main(path: str) -> None:
    config = read_config(path, REPOSITORY)
    for fault in config_faults(config):
        raise ConfigError(fault)
    used = translations(completed(config)).values()
    for pair in dict.fromkeys(s["apertium"]["pair"] for s in used if s["engine"] == "apertium"):
        print(pair)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except MematError as error:
        sys.exit(str(error))
