"""What each candidate gave, one file each, so that a killed search goes on where it stopped."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from memat import io
from memat.provenance import Provenance
from memat.tune.candidates import Settings, candidate_id
from memat.tune.halving import Measured


@dataclass(frozen=True)
class Journal:
    """The folder of one search. Its name tells what every record in it rests on."""

    folder: Path
    provenance: Provenance

    def path(self, settings: Settings, n_facts: int) -> Path:
        return self.folder / "candidates" / f"{candidate_id(settings)}_{n_facts}.json"

    def has(self, settings: Settings, n_facts: int) -> bool:
        return self.path(settings, n_facts).exists()

    def write(
        self,
        settings: Settings,
        n_facts: int,
        measured: Sequence[Measured],
        failed: str | None = None,
    ) -> None:
        """Keep what a candidate gave on so many facts, or why it could not be tried."""
        content = {
            "settings": dict(settings),
            "n_facts": n_facts,
            "failed": failed,
            "measured": [list(astuple(found)) for found in measured],
        }
        io.write_json(self.path(settings, n_facts), content, self.provenance)

    def read(self, settings: Settings, n_facts: int) -> tuple[list[Measured], str | None]:
        """What `write` kept. Raises DamagedFile(path)."""
        content = io.read_json(self.path(settings, n_facts))
        return [Measured(*found) for found in content["measured"]], content["failed"]
