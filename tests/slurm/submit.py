"""Snakemake's command line; a job's end is noticed within a second.

The executor waits ten seconds longer after every look that finds no job ended, which no setting
changes. Nothing but the length of that wait is another here; what it submits is plain Snakemake.
"""

import asyncio
import sys

from snakemake.cli import main
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor


async def a_second(executor: RemoteExecutor) -> None:
    await asyncio.sleep(1)


assert "sleep" in vars(RemoteExecutor)  # or the wait is elsewhere now
RemoteExecutor.sleep = a_second
sys.path.pop(0)  # this folder, which `-m snakemake` would not have
main()
