"""Reading and writing result files: tables and small JSON facts (tensors: `memat.tensors`).

Writes are atomic (a temporary name in the same folder, then a rename), carry
the provenance and the checksum of the file in its own metadata, and never use pickle.
"""

import errno
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterable
from contextlib import contextmanager, suppress
from pathlib import Path

import polars as pl

from memat.cells import with_formulas, without_formulas
from memat.checksum import PLACEHOLDER, seal, verify
from memat.errors import CannotWrite, ConfigError, DamagedFile
from memat.provenance import Provenance

PROVENANCE_KEY = "memat_provenance"
CHECKSUM_KEY = "checksum"
DISK_FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO)


@contextmanager
def atomic_path(path: str | Path):
    """Yield a temporary path beside `path`; on success it takes the final name.

    Its name is always the same: what a killed job left is written over by the next one. The
    file gets the rights that the user's umask gives, whatever wrote it: safetensors makes its
    files for the owner alone. Raises CannotWrite(path) where the disk refuses; then nothing is
    left behind.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with _named_disk_faults(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            rights = _new_file_rights(temporary)
            yield temporary
            temporary.chmod(rights)
            os.replace(temporary, path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(folder: str | Path):
    """Yield an empty scratch folder; on success its files go to `folder`, over those of their names.

    What else is in `folder` stays. Rights and faults are as in `atomic_path`.
    """
    folder = Path(folder)
    scratch = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        with _named_disk_faults(folder):
            scratch.mkdir(parents=True)
            folder.mkdir(exist_ok=True)
            rights = _new_file_rights(scratch / ".rights")
            yield scratch
            for path in sorted(scratch.iterdir()):
                path.chmod(rights)
                path.replace(folder / path.name)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _new_file_rights(path: Path) -> int:
    """Rights of a file made here by the user's umask (or the folder's own rules); none is left."""
    path.unlink(missing_ok=True)
    path.touch()
    rights = stat.S_IMODE(path.stat().st_mode)
    path.unlink()
    return rights


@contextmanager
def _named_disk_faults(path: Path):
    try:
        yield
    except Exception as error:
        if reason := disk_fault(error):
            raise CannotWrite(f"{path}: cannot be written: {reason}") from error
        raise


def disk_fault(error: Exception) -> str | None:
    """What the system said of the disk; None for other errors.

    Polars and safetensors give the system's error as a text of their own, without its number.
    """
    reasons = [os.strerror(number) for number in DISK_FAULTS]
    return next((reason for reason in reasons if reason in str(error)), None)


def require_writable(folder: str | Path) -> None:
    """Raise ConfigError(results) unless files can be written below a folder, made or not."""
    existing = next(p for p in (Path(folder), *Path(folder).absolute().parents) if p.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise ConfigError(f"results: {existing} cannot be written to (read-only, or not yours)")


def write_table(path: str | Path, frame: pl.DataFrame, provenance: Provenance) -> None:
    """Write a Parquet table with its provenance in the file metadata."""
    # one entry: the order of several is not settled, and equal work would not give equal bytes
    entry = json.dumps(_entry(provenance), sort_keys=True, ensure_ascii=False)
    with atomic_path(path) as temporary:
        frame.write_parquet(temporary, metadata={PROVENANCE_KEY: entry})
        seal(temporary)


def read_table(path: str | Path) -> pl.DataFrame:
    """Read a Parquet table. Raises DamagedFile(path) if it is truncated or altered."""
    verify(path)
    try:
        return pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DamagedFile(
            f"{path}: not a readable Parquet table ({error}); delete it and run again"
        ) from error


def read_tables(paths: Iterable[str | Path]) -> pl.DataFrame:
    """The rows of several Parquet tables, one after another. Raises DamagedFile(path)."""
    return pl.concat(map(read_table, paths))


def write_csv(path: str | Path, frame: pl.DataFrame) -> None:
    """Write a table for people; provenance lives in the Parquet file beside it.

    Texts that a spreadsheet would run as a formula begin with an apostrophe (`memat.cells`);
    `read_csv`, or `memat.csv_files.read_csv_rows` for rows with line numbers, takes it away.
    """
    with atomic_path(path) as temporary:
        without_formulas(frame).write_csv(temporary)


def read_csv(path: str | Path, **options: object) -> pl.DataFrame:
    """A table that `write_csv` wrote, or a person saved from it; options are those of polars."""
    return with_formulas(pl.read_csv(path, **options))


def write_json(path: str | Path, content: dict, provenance: Provenance) -> None:
    """Write a JSON object; the provenance is its last key."""
    with atomic_path(path) as temporary:
        body = content | {PROVENANCE_KEY: _entry(provenance)}
        temporary.write_text(
            json.dumps(body, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
        )
        seal(temporary)


def _entry(provenance: Provenance) -> dict:
    """Provenance and the checksum still to be filled in, as they stand in a file's metadata."""
    return json.loads(provenance.to_json()) | {CHECKSUM_KEY: PLACEHOLDER}


def read_json(path: str | Path) -> dict:
    """Content of a file written by `write_json`, without its provenance.

    Raises DamagedFile(path) if it is truncated or altered.
    """
    verify(path)
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise DamagedFile(
            f"{path}: not readable JSON ({error}); delete it and run again"
        ) from error
    content.pop(PROVENANCE_KEY, None)
    return content


def write_text(path: str | Path, text: str) -> None:
    """Write a text for people (Markdown, a list of ids)."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def sha256_of(path: str | Path) -> str:
    """Hex SHA-256 of a file, read in chunks."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
