"""Tasks done by a few processes, each with its own model, that stay until all work is done."""

import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from typing import TypeVar

from memat.errors import MematError, ProcessEnded

Spec = TypeVar("Spec")
Task = TypeVar("Task")
Work = Callable[[Task], None]
Do = Callable[[Sequence[Task]], Iterator[Task]]


@contextmanager
def side_by_side(set_up: Callable[[Spec], Work], spec: Spec, workers: int) -> Iterator[Do]:
    """`do(tasks)`, which yields each task when some process has done it.

    set_up: makes what does a task from `spec`, once in each process; a function of a module, as
    it is sent there by name. Tasks and spec are plain data; what a task makes is a file. One
    worker is this process; more are processes of one thread that end with this one, however
    it ends. They are not forked: threads of polars and torch would hang in them.
    `do` raises what a task raises, and ProcessEnded where a process was killed.
    """
    if workers < 2:
        work = set_up(spec)

        def here(tasks: Sequence[Task]) -> Iterator[Task]:
            for task in tasks:
                work(task)
                yield task

        yield here
        return
    context = get_context("spawn")
    todo, done = context.Queue(), context.Queue()
    arguments = (set_up, spec, todo, done, os.getpid())
    processes = [
        context.Process(target=_work_off, args=arguments, daemon=True) for _ in range(workers)
    ]
    for process in processes:
        process.start()

    def do(tasks: Sequence[Task]) -> Iterator[Task]:
        for number, task in enumerate(tasks):
            todo.put((number, task))
        for _ in tasks:
            number, fault = _next(done, processes)
            if fault is not None:
                raise fault
            yield tasks[number]

    try:
        yield do
    finally:
        todo.cancel_join_thread()
        for process in processes:
            process.terminate()
            process.join()


def _next(done, processes) -> tuple[int, Exception | None]:
    while done.empty():
        ended = [process.exitcode for process in processes if process.exitcode is not None]
        if ended and done.empty():
            raise ProcessEnded(
                f"a process that tries candidates ended with {ended[0]} (-9: it was killed, most"
                " likely for want of memory: set tune.workers to 1, or use a larger machine);"
                " what is finished is kept"
            )
        time.sleep(0.05)
    return done.get()


def _work_off(set_up, spec, todo, done, parent: int) -> None:
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    if "torch" in sys.modules:  # what sets up a model has loaded it by now
        sys.modules["torch"].set_num_threads(1)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(message)s")
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115  (progress bars of several processes)
    number = 0
    try:
        work = set_up(spec)
        while True:
            number, task = todo.get()
            work(task)
            done.put((number, None))
    except MematError as error:
        done.put((number, error))
    except Exception:
        done.put((number, RuntimeError(traceback.format_exc())))


def _end_with(parent: int) -> None:
    """End this process when the one that started it is gone, even if it was killed."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
