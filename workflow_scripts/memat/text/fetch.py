"""Downloading a facts file once, with a checksum that cannot change unnoticed."""

import shutil
import urllib.request
from pathlib import Path

from memat import io
from memat.errors import FactError

TIMEOUT_S = 60


def lock_path(path: str | Path) -> Path:
    """Where the checksum of a first download is kept."""
    return Path(f"{path}.sha256")


def fetch_file(url: str, path: str | Path, sha256: str | None) -> str:
    """Download `url` to `path`; returns its SHA-256.

    sha256: what the file must have. Without one, the first download writes it to a lock
    file beside `path`, and a later difference is an error. Raises FactError.
    """
    path = Path(path)
    lock = lock_path(path)
    expected = sha256 or (lock.read_text(encoding="utf-8").strip() if lock.is_file() else None)
    with io.atomic_path(path) as temporary:
        try:
            with (
                urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer,
                open(temporary, "wb") as file,
            ):
                shutil.copyfileobj(answer, file)
        except (OSError, ValueError) as error:
            raise FactError(f"facts.url {url}: cannot be downloaded ({error})") from error
        found = io.sha256_of(temporary)
        if expected and found != expected:
            raise FactError(
                f"facts.url {url}: has SHA-256 {found}, expected {expected} "
                f"({'facts.sha256' if sha256 else lock})"
            )
    if not sha256 and not lock.is_file():
        io.write_text(lock, f"{found}\n")
    return found
