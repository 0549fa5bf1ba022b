"""Writes what is made from the library: `make docs`.

    python docs/settings.py [path]

From the sections of the configuration config.yaml, its JSON schema for editors, and the page of
settings; from the error classes the page of errors.
"""

import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "workflow_scripts"))

from memat.errors_page import errors_page  # noqa: E402
from memat.study.documents import config_text, json_schema, settings_page  # noqa: E402

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
