"""Where the files that come with the library lie: in the package, or in a checkout beside it."""

from pathlib import Path

PACKAGE = Path(__file__).parent


def resource_folder(name: str) -> Path:
    """`resources/<name>`: `languages` or `models`."""
    installed = PACKAGE / "resources" / name
    return installed if installed.is_dir() else PACKAGE.parents[1] / "resources" / name
