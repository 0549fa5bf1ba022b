"""What made a file: stage, settings, code tag and package versions.

The same record is written into the metadata of every table, tensor file and
JSON file (`memat.io`), so that a result can always be traced to its making. It
holds no time and no path: equal work gives equal bytes.
"""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version

RECORDED_PACKAGES = ("torch", "transformers", "simalign", "ctranslate2", "scikit-learn", "polars")


@dataclass(frozen=True)
class Provenance:
    """The making of one file."""

    stage: str
    settings: dict
    code: str
    versions: dict = field(default_factory=dict)

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True, ensure_ascii=False)


def recorded_versions() -> dict[str, str]:
    """Installed versions of the packages that can change a number."""
    found = {}
    for package in RECORDED_PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found
