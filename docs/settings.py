"""Writes what is made from the library: `make docs`.

    python docs/settings.py [path]

From the sections of the configuration config.yaml, its JSON schema for editors, and the page of
settings; from the error classes the page of errors.
"""

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "workflow_scripts"))

from memat import errors  # noqa: E402
from memat.study.documents import config_text, json_schema, settings_page  # noqa: E402

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
    page = HEAD
    for error in error_classes():
        meaning, _, advice = inspect.cleandoc(error.__doc__).partition("\n\n")
        page += f"\n## {error.__name__}\n\n{meaning}\n\n**What to do.** {advice.strip()}\n"
    return page


DOCUMENTS = {
    "config.yaml": config_text,
    "schemas/config.schema.json": json_schema,
    "docs/configuration.md": settings_page,
    "docs/errors.md": errors_page,
}

if __name__ == "__main__":
    for path in sys.argv[1:] or DOCUMENTS:
        (REPOSITORY / path).parent.mkdir(exist_ok=True)
        (REPOSITORY / path).write_text(DOCUMENTS[path](), encoding="utf-8")
