"""A file that carries the checksum of its own content.

The writer puts `PLACEHOLDER` somewhere into the file (a header, a metadata entry); `seal`
replaces its zeros by the SHA-256 of the whole file as it stands with the zeros. So every
byte is covered, whatever the format, and equal content gives equal files.
"""

import hashlib
import mmap
import re
from pathlib import Path

from memat.errors import DamagedFile

MARK = b"memat-sha256:"
ZEROS = b"0" * 64
PLACEHOLDER = (MARK + ZEROS).decode()
_SEAL = re.compile(re.escape(MARK) + rb"([0-9a-f]{64})")
AT_ONCE = 1 << 24


def seal(path: str | Path) -> None:
    """Fill in the checksum of a file that holds the placeholder once."""
    with open(path, "r+b") as file:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            (place,) = [found.span(1) for found in _SEAL.finditer(content)]
            digest = _digest(content, place)
        file.seek(place[0])
        file.write(digest)


def verify(path: str | Path) -> None:
    """Compare a file with the checksum it carries. Raises DamagedFile(path)."""
    try:
        with (
            open(path, "rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ):
            places = [found.span(1) for found in _SEAL.finditer(content)]
            whole = len(places) == 1 and content[slice(*places[0])] == _digest(content, places[0])
    except (OSError, ValueError) as error:  # ValueError: an empty file cannot be mapped
        raise DamagedFile(f"{path}: cannot be read ({error}); delete it and run again") from error
    if not whole:
        fault = "its content does not match its checksum" if places else "it holds no checksum"
        raise DamagedFile(
            f"{path}: {fault}, so it is truncated or altered; delete it and run again"
        )


def carries_checksum(path: str | Path) -> bool:
    """Whether a small file holds a checksum at all, right or wrong."""
    return _SEAL.search(Path(path).read_bytes()) is not None


def _digest(content: mmap.mmap, place: tuple[int, int]) -> bytes:
    """Hex SHA-256 of the content with zeros in the bytes of the checksum."""
    start, end = place
    digest = hashlib.sha256()
    for first, last in ((0, start), (end, len(content))):
        if first:
            digest.update(ZEROS)
        for part in range(first, last, AT_ONCE):
            digest.update(content[part : min(part + AT_ONCE, last)])
    return digest.hexdigest().encode()
