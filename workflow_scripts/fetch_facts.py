"""Downloads the facts file once and checks its checksum."""

from memat.stage import Stage, run_stage
from memat.text.fetch import fetch_file


def main(stage: Stage) -> str:
    fetch_file(stage.cfg["url"], stage.outputs.facts, stage.cfg["sha256"])
    return f"from {stage.cfg['url']}"


if __name__ == "__main__":
    run_stage(snakemake, main)  # noqa: F821
