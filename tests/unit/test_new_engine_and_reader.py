"""A translation engine or a format of facts that is one more file: config, plan and tags know it."""

import re
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from memat.check_files import check_facts
from memat.errors import FactError
from memat.study.config import completed
from memat.study.section import Section, with_leaf_sections
from memat.study.translation import used_settings
from memat.text import engine, engines, reader, readers
from memat.text.engine import make_engine
from memat.text.facts import read_facts
from text_samples import REPOSITORY, record, write_records
from workflow.project import merged_config

SHOUT = '''"""shout: every word in capitals (as an example)."""

from memat.study.section import Count, OptionalText, Section
from memat.text.engine import Translation


class Shout(Section):
    """Capitals."""

    words: OptionalText = None
    """file of words to leave out"""
    times: Count = 1
    """marks of exclamation"""


SETTINGS = {"translate": Shout}
FILES = ("words",)
OF_ONE_LANGUAGE = "words"


def completed(own, source, target):
    return own | {"words": own["words"] or f"{source.stem}-{target.stem}"}


def make(own, batch_size, threads):
    return ShoutEngine(own["times"])


class ShoutEngine:
    name = "shout"
    whole_sources = False

    def __init__(self, times):
        self.times = times

    def translate(self, sentences):
        return [Translation(text.upper() + "!" * self.times) for text in sentences]
'''
LINES = '''"""lines: one fact a line, subject, target (as an example)."""

from pathlib import Path

from memat.errors import FactError
from memat.study.section import Section, Text
from memat.text.rejections import READING, Rejection


class Lines(Section):
    """Lines."""

    separator: Text = ","
    """between subject and target"""


SETTINGS = {"facts": Lines}


def recognises(path):
    return Path(path).suffix == ".lines"


def read(path, own):
    rows, rejections = [], []
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), 1):
        subject, comma, target = line.partition(own["separator"])
        if not comma:
            raise FactError(f"{path}: record {number}: no {own['separator']!r}")
        if not target:
            rejections.append(Rejection(number, READING, "record", "no_target", detail=line))
            continue
        rows.append(
            {
                "case_id": number,
                "position": number,
                "relation_id": "is",
                "subject": subject,
                "prompt": "{} is",
                "target_new": target,
                "target_true": None,
                "paraphrase_prompts": [],
                "neighborhood_prompts": [],
            }
        )
    return rows, rejections
'''


@pytest.fixture
def added(tmp_path, monkeypatch):
    """The engine `shout` and the format `lines`, in files of their own."""
    for package, name, text in ((engines, "shout", SHOUT), (readers, "lines", LINES)):
        folder = tmp_path / package.__name__
        folder.mkdir()
        (folder / f"{name}.py").write_text(text)
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
    yield tmp_path
    for name in ("memat.text.engines.shout", "memat.text.readers.lines"):
        sys.modules.pop(name, None)


def test_their_settings_are_sections_and_their_names_are_explained(added):
    translate = with_leaf_sections(engine.PACKAGE, "translate")(Section)
    assert translate().model_dump()["shout"] == {"words": None, "times": 1}
    with pytest.raises(ValidationError, match=r"shout\.times"):
        translate.model_validate({"shout": {"times": 0}})
    facts = with_leaf_sections(reader.PACKAGE, "facts")(Section)
    assert facts().model_dump()["lines"] == {"separator": ","}
    assert "shout (every word in capitals)" in engine.engines_in_words()
    assert "lines (one fact a line, subject, target)" in reader.formats_in_words()


def test_the_plan_asks_the_engine_for_its_settings_and_files(added):
    translate = completed(merged_config())["translate"]
    translate |= {"engine": "shout", "shout": {"words": None, "times": 2}}
    settings = used_settings(translate, Path("l/en.yaml"), Path("l/ca.yaml"))
    assert settings["shout"] == {"words": "en-ca", "times": 2}
    assert "apertium" not in settings
    assert engine.files_of(settings) == {"shout.words": "en-ca"}
    assert engine.fits_one_language(settings) == ("shout.words", "en-ca")
    assert [t.text for t in make_engine(settings).translate(["Hola"])] == ["HOLA!!"]


def test_facts_of_the_new_format_are_read_and_what_it_rejects_is_kept(added, tmp_path):
    path = tmp_path / "facts.lines"
    path.write_text("Ada,cook\nBob,\nEva,smith\nAda,nurse\n", encoding="utf-8")
    own = {"separator": ","}
    with pytest.raises(FactError, match=r"record 1 \(case_id 1\) and record 4 \(case_id 4\)"):
        read_facts(path, "lines", own=own)
    facts, rejected = read_facts(path, "lines", own=own, contradictions="drop")
    assert facts["case_id"].to_list() == [1, 3]
    assert dict(rejected.select("case_id", "reason").iter_rows()) == {
        2: "no_target",
        4: "contradicts_earlier_fact",
    }
    ids = tmp_path / "ids.txt"
    ids.write_text("2\n3\n")  # a rejected record is in the file all the same
    facts, rejected = read_facts(path, "lines", own=own, keep_ids=ids, contradictions="drop")
    assert facts["case_id"].to_list() == [3]
    assert rejected.filter(case_id=2)["reason"].to_list() == ["no_target"]


@pytest.mark.parametrize(
    ("file_format", "like"), [("lines", "counterfact"), ("triples", "counterfact")]
)
def test_a_file_of_another_format_says_which(added, tmp_path, file_format, like):
    config = completed(merged_config() | {"facts": {"path": "x.json"}})
    path = write_records(tmp_path, record())
    config["facts"] |= {"path": str(path), "format": file_format, "lines": {"separator": ";"}}
    with pytest.raises(FactError, match=f"; the file looks like one of facts.format: {like}$"):
        check_facts(config)


def test_a_broken_file_of_the_asked_format_is_no_other(tmp_path):
    config = completed(merged_config() | {"facts": {"path": "x.json"}})
    broken = record()
    del broken["requested_rewrite"]["subject"]
    config["facts"]["path"] = str(write_records(tmp_path, record(1), broken))
    with pytest.raises(FactError, match=r"found nothing$"):
        check_facts(config)


@pytest.fixture
def documented(tmp_path, monkeypatch):
    """The engine and the format that docs/adding.md shows, in files of their own."""
    page = (REPOSITORY / "docs" / "adding.md").read_text(encoding="utf-8")
    for package, name in ((engines, "glossary"), (readers, "lines")):
        folder = tmp_path / package.__name__
        folder.mkdir()
        (code,) = re.findall(rf'```python\n(""\"{name}: .*?)```', page, re.DOTALL)
        (folder / f"{name}.py").write_text(code, encoding="utf-8")
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
    yield tmp_path
    for name in ("memat.text.engines.glossary", "memat.text.readers.lines"):
        sys.modules.pop(name, None)


def test_the_examples_of_the_page_work(documented):
    words, facts = documented / "words.txt", documented / "facts.lines"
    words.write_text("cook cuinera\n", encoding="utf-8")
    settings = {"engine": "glossary", "batch_size": 1, "glossary": {"path": str(words)}}
    (answer,) = make_engine(settings).translate(["Ada is cook"])
    assert answer.text == "Ada is cuinera"
    assert engine.files_of(settings) == {"glossary.path": str(words)}
    facts.write_text("Ada,cook\nBob\n", encoding="utf-8")
    assert reader.formats_like(facts) == ["lines"]
    frame, rejected = read_facts(facts, "lines")
    assert frame.select("case_id", "subject", "target_new").rows() == [(1, "Ada", "cook")]
    assert rejected.select("case_id", "reason").rows() == [(2, "no_target")]
