"""Model hub snapshots: a pinned revision, and checksums that cannot change unnoticed."""

import json
from pathlib import Path

from memat.commits import full_commit
from memat.errors import ModelError
from memat.io import sha256_of, write_text

SAFETENSORS = "*.safetensors"
BESIDE_WEIGHTS = ("*.json", "*.model", "*.spm", "*.txt")


def hub_snapshot(
    repo: str,
    revision: str | None,
    lock: Path,
    checksums: dict[str, str] | None = None,
    weights: str = SAFETENSORS,
) -> Path:
    """Folder with the files of a hub repository at a commit, whole or cut short (`full_commit`).

    checksums: SHA-256 by file name. Without them, the first download writes what it got
    to `lock`, and a later difference is an error. weights: pattern of the only files of weights
    that are downloaded. Raises ModelError (also where there are none).
    """
    if not revision:
        raise ModelError(f"{repo}: a hub model needs a pinned revision (a commit id)")
    commit = full_commit(repo, revision)
    from huggingface_hub import snapshot_download  # only where a hub is used
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        found = snapshot_download(repo, revision=commit, allow_patterns=[*BESIDE_WEIGHTS, weights])
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise ModelError(f"{repo}@{revision}: could not be downloaded ({error})") from error
    if not any(Path(found).glob(weights)):
        raise ModelError(
            f"{repo}@{revision}: has no weights as {weights}; pickled ones (*.bin, *.pt) are not"
            " loaded: name a commit or a repository that has them, or convert them into a folder"
        )
    check_files(Path(found), repo, lock, checksums)
    return Path(found)


def check_files(folder: Path, repo: str, lock: Path, checksums: dict[str, str] | None) -> None:
    """Compare a folder with known checksums, or with (or into) a lock file. Raises ModelError."""
    found = {path.name: sha256_of(path) for path in sorted(folder.iterdir()) if path.is_file()}
    expected = checksums or (
        json.loads(lock.read_text(encoding="utf-8")) if lock.is_file() else None
    )
    if expected is None:
        write_text(lock, json.dumps(found, indent=1, sort_keys=True) + "\n")
        return
    for name, checksum in expected.items():
        if found.get(name) != checksum:
            raise ModelError(
                f"{repo}: {name} has SHA-256 {found.get(name, 'none: the file is missing')}, "
                f"{checksum} is recorded{'' if checksums else f' in {lock}'}"
            )
