"""Tasks in several processes: each is done once, faults arrive, a killed process is told."""

import os
import signal
import time

import pytest

from memat.errors import NonFiniteValue, ProcessEnded
from memat.tune.side_by_side import side_by_side


def writing(folder):
    def work(task):
        if task == "fault":
            raise NonFiniteValue("case 3 is not finite")
        if task == "bug":
            raise ZeroDivisionError("no such thing")
        if task == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        (folder / task).write_text(str(os.getpid()))
        time.sleep(0.2)

    return work


@pytest.mark.parametrize("workers", [1, 2])
def test_every_task_is_done_once(tmp_path, workers):
    tasks = [f"task{number}" for number in range(6)]
    with side_by_side(writing, tmp_path, workers) as do:
        assert sorted(do(tasks)) == tasks
        assert sorted(do(["later"])) == ["later"]
    pids = {(tmp_path / task).read_text() for task in tasks}
    assert (str(os.getpid()) in pids) == (workers == 1)
    assert len(pids) <= workers


@pytest.mark.parametrize(
    ("task", "kind", "part"),
    [
        ("fault", NonFiniteValue, "case 3 is not finite"),
        ("bug", RuntimeError, "no such thing"),
        ("killed", ProcessEnded, "-9"),
    ],
)
def test_what_goes_wrong_in_a_process_is_raised_here(tmp_path, task, kind, part):
    with pytest.raises(kind, match=part), side_by_side(writing, tmp_path, 2) as do:
        list(do(["before", task, "after"]))
