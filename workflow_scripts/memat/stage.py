"""What runs a library function as the script of a Snakemake rule.

A script defines `main(stage)`, which returns one line on what it made, and ends with
`run_stage(snakemake, main)`. The stage object holds the rule's files and settings as plain data,
so that `main` can be called from a test with a `Stage` made by hand.
"""

import logging
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from types import SimpleNamespace

from memat.errors import MematError
from memat.provenance import Provenance, recorded_versions

log = logging.getLogger("memat")
# set in the environment: a line in the log on the params that a script did not read
CHECK_PARAMS = "MEMAT_CHECK_PARAMS"


class Given(dict):
    """Params of a rule by name, and what of them was read; sections within are `Given` too.

    A param that nothing reads would run its stage again for no reason, and a setting that is read
    and is no param would not run it again when it should. A missing name is a KeyError that names
    the rule and the param.
    """

    def __init__(self, rule: str, content: dict, place: str = ""):
        self.rule, self.place, self.read = rule, place, set()
        super().__init__(
            (key, Given(rule, value, f"{place}{key}.") if isinstance(value, dict) else value)
            for key, value in content.items()
        )

    def __getitem__(self, key):
        if key not in self:
            raise KeyError(f"rule {self.rule} gives its script no param {self.place}{key}")
        self.read.add(key)
        return super().__getitem__(key)

    def get(self, key, default=None):
        if key not in self:
            return default
        return self[key]

    def __iter__(self) -> Iterator:
        """Names alone are not read. With this method, `dict(given)` and `**given` read each value."""
        return super().__iter__()

    def items(self) -> list[tuple]:
        return [(key, self[key]) for key in self]

    def values(self) -> list:
        return [self[key] for key in self]

    def __or__(self, other: dict) -> dict:
        return dict(self) | other

    def unread(self) -> list[str]:
        """Dotted names of what nothing has read, in order."""
        names = []
        for key in self:
            value = super().__getitem__(key)
            if isinstance(value, Given):
                names += value.unread()
            elif key not in self.read:
                names.append(f"{self.place}{key}")
        return names


class Params(SimpleNamespace):
    """Params of a rule as attributes, read from `Given`."""

    def __init__(self, given: Given):
        super().__init__(_given=given)

    def __getattr__(self, name: str):
        try:
            return self._given[name]
        except KeyError as error:
            raise AttributeError(error.args[0]) from None


@dataclass(frozen=True)
class Stage:
    """One rule's job: named files, its settings, other params, threads.

    cfg and params know what was read of them (`Given`).

    memory_mb: what the batches of a job with a model may use (resource `batch_mb` of the rule);
    no param, because another memory is no reason to run again.
    """

    name: str
    inputs: SimpleNamespace
    outputs: SimpleNamespace
    cfg: dict
    params: SimpleNamespace
    threads: int
    provenance: Provenance
    memory_mb: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "cfg", Given(self.name, self.cfg, "cfg."))
        object.__setattr__(self, "params", Params(Given(self.name, vars(self.params))))

    def unread(self) -> list[str]:
        """Names of the params that nothing has read so far."""
        return [*self.cfg.unread(), *self.params._given.unread()]


def run_stage(snakemake, main: Callable[[Stage], str]) -> None:
    """Run `main` for one Snakemake job: log file, seeds, threads, clean errors, a line at the end.

    `params.cfg` holds the settings that the script reads, if it reads any, and `params.code`
    its code tag; all other params become attributes of `stage.params`.
    """
    _log_to(snakemake.log[0] if snakemake.log else None)
    params = dict(snakemake.params.items())
    code, cfg = params.pop("code"), params.pop("cfg", {})
    _prepare_torch(snakemake.threads, params.get("seed", 0))
    stage = Stage(
        name=snakemake.rule,
        inputs=_by_name(snakemake.input),
        outputs=_by_name(snakemake.output),
        cfg=cfg,
        params=SimpleNamespace(**params),
        threads=snakemake.threads,
        provenance=Provenance(
            stage=snakemake.rule,
            settings={"cfg": cfg} | params,
            code=code,
            versions=recorded_versions(),
        ),
        memory_mb=snakemake.resources.get("batch_mb"),
    )
    start = time.monotonic()
    try:
        summary = main(stage)
    except MematError as error:
        log.error("%s: %s: %s", stage.name, type(error).__name__, error)
        sys.exit(1)
    if CHECK_PARAMS in os.environ and (unread := stage.unread()):
        log.info("%s: params that nothing reads: %s", stage.name, ", ".join(unread))
    made = snakemake.output[0]
    log.info("%s: %s (%.0f s) -> %s", stage.name, summary, time.monotonic() - start, made)


def _by_name(files) -> SimpleNamespace:
    """Named files of a rule; a name given as a list of files is a list of str."""
    return SimpleNamespace(**{k: v if isinstance(v, str) else list(v) for k, v in files.items()})


class _Tee:
    """Writes to the console and to the rule's log, so that progress bars reach both.

    The log is a binary file without a buffer: on a full disk its lines are lost, and the
    console still says why.
    """

    def __init__(self, console, file):
        self.console, self.file = console, file

    def write(self, text: str) -> int:
        self.console.write(text)
        with suppress(OSError):
            self.file.write(text.encode("utf-8", "backslashreplace"))
        return len(text)

    def flush(self) -> None:
        self.console.flush()

    def isatty(self) -> bool:
        return self.console.isatty()


def _log_to(path: str | None) -> None:
    if path:
        sys.stderr = _Tee(sys.stderr, open(path, "wb", buffering=0))  # noqa: SIM115
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s", force=True)
    for noisy in ("transformers", "simalign", "matplotlib", "filelock", "httpx"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _prepare_torch(threads: int, seed: int) -> None:
    random.seed(seed)
    if "torch" in sys.modules:  # stages that only handle tables need not load it
        torch = sys.modules["torch"]
        torch.manual_seed(seed)
        torch.set_num_threads(threads)
