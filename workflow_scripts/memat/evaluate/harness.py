"""lm-eval (Gao et al. 2024), which only target `general` needs: whether it is here, and its tasks.

Nothing of it is imported at the head: the plan reads this file whether or not it is installed.
"""

from collections.abc import Sequence
from fnmatch import filter as matching
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from memat.errors import ConfigError
from memat.suggest import likely

OWN_TASKS = "resources/general"  # the project's: one a language
PACKAGE = "lm_eval"


def require_harness() -> None:
    """Raises ConfigError that says what to install, where lm-eval is missing."""
    try:
        version(PACKAGE)  # importlib.util would count as code that loads code, for every code tag
    except PackageNotFoundError:
        raise ConfigError(
            "general needs the package lm_eval, which is not installed here: `make install` brings"
            " it, and so does `.venv/bin/python -m pip install lm_eval -c envs/constraints.txt`"
        ) from None


def own_tasks(languages: Sequence[str]) -> dict[str, str]:
    """The project's task in each of some languages, as far as it has one: task → language."""
    names = {f"common_knowledge_{code}": code for code in languages}
    return {name: code for name, code in names.items() if Path(OWN_TASKS, f"{name}.yaml").is_file()}


def task_manager(tasks: Sequence[str], include: str | None):
    """lm-eval's list of tasks: the project's and those of the folder `include`; with lm-eval's own,
    which take a while to list, where one of `tasks` is none of these.

    Raises ConfigError(general.tasks) naming a task that there is not; * stands for any characters.
    """
    from lm_eval.tasks import TaskManager

    folders = [OWN_TASKS, *([include] if include else [])]
    manager = TaskManager(include_path=folders, include_defaults=False)
    if not all(matching(manager.all_tasks, task) for task in tasks):
        manager = TaskManager(include_path=folders)
    for task in tasks:
        if not matching(manager.all_tasks, task):
            where = f"{OWN_TASKS}{f' or {include}' if include else ''}"
            raise ConfigError(
                f"general.tasks: {task!r} is no task of lm-eval, nor of {where}"
                f"{likely(task, manager.all_tasks)}"
            )
    return manager
