"""Apertium: rules, no model (its language pair, installed: Debian's apertium-eng-cat)."""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field
from tqdm import tqdm

from memat.errors import TranslationError
from memat.study.section import PlainText, Section
from memat.suggest import likely
from memat.text.engine import Translation, checked, engine_names
from memat.text.languages import apertium_pair

# words marked by `apertium` as unknown (*), not translated (@) or not generated (#)
MARKED_WORD = re.compile(r"[*@#](?=\w)([\w'’.-]*\w)")
PROGRAM = "apertium"
MODES = "/usr/share/apertium/modes"  # the steps of each installed pair
RESERVED = str.maketrans(dict.fromkeys("^$/<>{}[]\\@#+~*", " "))  # signs of the stream format
VERB_TAGS = re.compile(r"<(v(?:blex|bser|bhaver|bmod|aux|bdo))>((?:<\w+>)*)")
NOT_FINITE = re.compile(r"<(?:inf|ger|pp|pprs|subs)>")
LINES_PER_PROCESS = 4000  # starting a process costs 0.2 s


class Apertium(Section):
    """An Apertium language pair."""

    pair: Annotated[PlainText, Field(pattern="^[A-Za-z_]+-[A-Za-z_]+$")] | None = None
    """an installed language pair (eng-cat); null: that of the languages' codes (`iso639_3` of
    their files)"""


SETTINGS = {"translate": Apertium}
OF_ONE_LANGUAGE = "pair"


def completed(own: dict, source: Path, target: Path) -> dict:
    return own if own["pair"] else own | {"pair": apertium_pair(source, target)}


def missing(own: dict) -> str | None:
    """Why it cannot translate on this machine, or None."""
    if shutil.which(PROGRAM) is None:
        return f"the program {PROGRAM!r} is not installed (Debian: apertium-{own['pair']})"
    return _missing_pair(own["pair"], PROGRAM)


def make(own: dict, batch_size: int, threads: int) -> "ApertiumEngine":
    return ApertiumEngine(own["pair"])


class ApertiumEngine:
    """`apertium -f line <pair>`: one sentence a line, each closed by a full stop.

    Neighbouring lines influence each other unless each ends like a sentence.
    """

    name = "apertium"
    whole_sources = False

    def __init__(self, pair: str, program: str = PROGRAM, modes: str = MODES) -> None:
        self.pair, self.program, self.modes = pair, program, modes
        if shutil.which(program) is None:
            others = ", ".join(name for name in engine_names() if name != self.name)
            raise TranslationError(
                f"translate.engine apertium: the program {program!r} is not installed "
                f"(Debian: apt-get install apertium-{pair}); other engines: {others}"
            )

    def translate(self, sentences: Sequence[str]) -> list[Translation]:
        translations = []
        with tqdm(total=len(sentences), desc="apertium", unit="sentence") as progress:
            for start in range(0, len(sentences), LINES_PER_PROCESS):
                lines = [_one_line(text) for text in sentences[start : start + LINES_PER_PROCESS]]
                clean, marked = self._run(["-u"], lines), self._run([], lines)
                translations += [
                    _translation(*three) for three in zip(lines, clean, marked, strict=True)
                ]
                progress.update(len(lines))
        return checked(self.name, sentences, translations)

    def back(self) -> "ApertiumEngine | None":
        """The reverse pair, if it is installed."""
        pair = "-".join(reversed(self.pair.split("-", 1)))
        return None if _missing_pair(pair, self.program) else ApertiumEngine(pair, self.program)

    def has_verb(self, sentences: Sequence[str]) -> list[bool]:
        """Whether the pair's own tagger finds a finite verb in each sentence.

        Empty where the steps of the pair cannot be read: then nothing is known.
        """
        steps = _steps_to_tagger(Path(self.modes) / f"{self.pair}.mode")
        if steps is None:
            return []
        lines = [_one_line(text) for text in sentences]
        # the text goes in as data; only the pair's own steps are a command
        done = _done(["sh", "-c", steps], [line.translate(RESERVED) for line in lines])
        tagged = done.stdout.split("\n")[: len(lines)]
        if done.returncode or len(tagged) != len(lines):
            return []
        return [
            any(not NOT_FINITE.search(tags) for _, tags in VERB_TAGS.findall(line))
            for line in tagged
        ]

    def _run(self, options: list[str], lines: list[str]) -> list[str]:
        done = _done([self.program, *options, "-f", "line", self.pair], lines)
        output = done.stdout.split("\n")[:-1]
        said = (done.stderr or done.stdout).strip()[-300:]
        if done.returncode and (fault := _missing_pair(self.pair, self.program)):
            raise TranslationError(f"engine apertium: {fault}")
        if done.returncode or len(output) != len(lines):
            raise TranslationError(
                f"engine apertium ({self.pair}): {len(lines)} lines went in, "
                f"{len(output)} came out, exit status {done.returncode}: {said}"
            )
        return output


def _missing_pair(pair: str, program: str) -> str | None:
    """Why a pair cannot be used, or None. Older pairs are named by two letters: en-gl."""
    installed = _done([program, "-l"], []).stdout.split()
    if pair in installed:
        return None
    return (
        f"pair: no pair {pair!r} is installed (envs/debian.sh apertium {pair} tries to); installed:"
        f" {', '.join(sorted(installed)) or 'none'}{likely(pair, installed)}"
    )


def _done(command: list[str], lines: list[str]) -> subprocess.CompletedProcess:
    """A command that has read these lines."""
    return subprocess.run(
        command,
        input="".join(f"{line}\n" for line in lines),
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        check=False,
    )


def _steps_to_tagger(mode: Path) -> str | None:
    """The pair's command from text to tagged words; None where there is none."""
    try:
        steps = mode.read_text(encoding="utf-8").split("|")
    except OSError:
        return None
    taggers = [i for i, step in enumerate(steps) if "apertium-tagger" in step]
    return "|".join(steps[: taggers[0] + 1]) if taggers else None


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if line.endswith((".", "!", "?")) else f"{line}."


def _translation(source: str, clean: str, marked: str) -> Translation:
    text = " ".join(clean.split())
    if text and source.endswith(".") and not text.endswith("."):
        text += "."  # the line format swallows the last full stop
    words = len(marked.split())
    unknown = tuple(MARKED_WORD.findall(marked)) if "*" not in source else ()
    return Translation(text, 1 - len(unknown) / words if words else None, unknown)
