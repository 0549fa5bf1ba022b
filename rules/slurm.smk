# On a cluster: what SLURM knows about the jobs it ended, after Snakemake's own messages.

from snakemake.logging import logger

from memat.slurm import causes


def tell_causes(logs):
    """Name limit, size and remedy of each job SLURM ended; silent without SLURM."""
    if workflow.is_main_process:
        for line in causes("\n".join(Path(log).read_text("utf-8", "replace") for log in logs)):
            logger.warning(line)


onerror:
    tell_causes(log)


onsuccess:
    tell_causes(log)
