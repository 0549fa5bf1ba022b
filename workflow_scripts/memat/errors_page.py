"""The page of errors: what each means and what to do, from the docstrings of the classes."""

import inspect
from collections.abc import Iterator

from memat import errors

HEAD = """# Errors

Every fault in input or settings is one line: the stage, the name of the error, and the place: which
key, file or record, what was found, what is allowed. In Python each is a `memat.MematError`.
What `--configfile` names is read by Snakemake before this workflow: a file that is missing ends in its
traceback, whose last line says `FileNotFoundError` and the path (from `make` it is one line).
Written by `make docs` from `workflow_scripts/memat/errors.py`.
"""


def error_classes() -> Iterator[type[errors.MematError]]:
    """Every error a user can meet, in the order of the file, the base aside."""
    for found in vars(errors).values():
        of_ours = isinstance(found, type) and issubclass(found, errors.MematError)
        if of_ours and found is not errors.MematError:
            yield found


def errors_page() -> str:
    """Markdown: a section for each class."""
    return HEAD + "".join(map(_section, error_classes()))


def _section(error: type[errors.MematError]) -> str:
    meaning, _, advice = inspect.cleandoc(error.__doc__).partition("\n\n")
    return f"\n## {error.__name__}\n\n{meaning}\n\n**What to do.** {advice.strip()}\n"
