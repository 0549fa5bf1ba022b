"""Result files: atomic, with provenance inside, equal work gives equal bytes, damage is named."""

import json
import os
import stat

import polars as pl
import pytest
import torch

from memat import io
from memat.errors import CannotWrite, DamagedFile
from memat.evaluate.export import export_model
from memat.provenance import Provenance
from memat.report.figures import new_figure, save_figure
from memat.tensors import read_tensors, write_tensors
from small_models import small_model

MADE = Provenance("train_probes", {"cfg": {"c": 1.0}}, "abc", {"torch": "2"})
FRAME = pl.DataFrame({"case_id": [1, 2], "texts": [["a", "b"], []]})


def test_a_table_comes_back_with_what_made_it(tmp_path):
    path = tmp_path / "deep" / "table.parquet"
    io.write_table(path, FRAME, MADE)
    assert io.read_table(path).equals(FRAME)
    entry = json.loads(pl.read_parquet_metadata(path)[io.PROVENANCE_KEY])
    assert entry.pop(io.CHECKSUM_KEY)
    assert entry == json.loads(MADE.to_json())
    assert [p.name for p in path.parent.iterdir()] == ["table.parquet"]


def test_tensors_come_back_with_their_notes(tmp_path):
    path = tmp_path / "x.safetensors"
    tensor = torch.randn(3, 4).T
    write_tensors(path, {"a": tensor}, MADE, heads=[(1, 2)], refine=True)
    tensors, notes = read_tensors(path)
    assert torch.equal(tensors["a"], tensor)
    assert notes == {"heads": [[1, 2]], "refine": True}


def test_equal_work_gives_equal_bytes(tmp_path):
    tensors = {"b": torch.ones(2), "a": torch.arange(5)}
    written = set()
    for _ in range(10):  # an order left to chance shows in a few of them
        io.write_table(tmp_path / "x.parquet", FRAME, MADE)
        write_tensors(tmp_path / "x.safetensors", tensors, MADE, k=3, refine=True)
        io.write_json(tmp_path / "x.json", {"b": 1}, MADE)
        names = ("x.parquet", "x.safetensors", "x.json")
        written.add(tuple((tmp_path / name).read_bytes() for name in names))
    assert len(written) == 1


READERS = {"t.parquet": io.read_table, "t.safetensors": read_tensors, "t.json": io.read_json}


@pytest.fixture(params=READERS)
def written(tmp_path, request):
    """A file of each kind and its reader."""
    frame = pl.DataFrame({"n": range(200), "text": [f"text {n}" for n in range(200)]})
    io.write_table(tmp_path / "t.parquet", frame, MADE)
    write_tensors(tmp_path / "t.safetensors", {"a": torch.arange(200)}, MADE, refine=True)
    io.write_json(tmp_path / "t.json", {"templates": [f"text {n}" for n in range(50)]}, MADE)
    return tmp_path / request.param, READERS[request.param]


def test_a_flipped_bit_anywhere_is_named(written):
    path, read = written
    whole = path.read_bytes()
    # every byte of the ends, where formats keep what they need to read the rest
    places = {*range(64), *range(len(whole) - 64, len(whole)), *range(64, len(whole) - 64, 7)}
    for place in places:
        altered = bytearray(whole)
        altered[place] ^= 1 << place % 8
        path.write_bytes(altered)
        with pytest.raises(DamagedFile, match=path.name):
            read(path)
    path.write_bytes(whole)
    read(path)


def test_a_truncated_or_longer_file_is_named(written):
    path, read = written
    whole = path.read_bytes()
    for content in (b"", whole[:1], *(whole[:-cut] for cut in (1, 20, len(whole) // 2)), whole * 2):
        path.write_bytes(content)
        with pytest.raises(DamagedFile, match=path.name):
            read(path)
    path.unlink()
    with pytest.raises(DamagedFile, match=path.name):
        read(path)


def test_other_content_of_equal_length_is_named(written):
    """Not only what the formats notice themselves: a number, a text."""
    path, read = written
    content = path.read_bytes().replace(b"train_probes", b"train_prober")
    path.write_bytes(content)
    with pytest.raises(DamagedFile, match="does not match its checksum"):
        read(path)


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "t.txt"
    io.write_text(path, "old")
    with pytest.raises(UnicodeEncodeError):
        io.write_text(path, "half \ud800")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["t.txt"]


@pytest.fixture(params=[0o022, 0o027, 0o077])
def umask(request):
    """The umask of a user, for one test."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_every_file_has_the_rights_of_the_users_umask(tmp_path, umask):
    io.write_table(tmp_path / "t.parquet", FRAME, MADE)
    io.write_csv(tmp_path / "t.csv", FRAME.select("case_id"))
    io.write_json(tmp_path / "t.json", {}, MADE)
    io.write_text(tmp_path / "t.md", "text")
    write_tensors(tmp_path / "t.safetensors", {"a": torch.ones(1)}, MADE)
    save_figure(new_figure(1, 1, "t"), tmp_path / "t.png", tmp_path / "t.svg", MADE)
    export_model(small_model("llama", torch.float32), tmp_path / "export")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"model.safetensors", "tokenizer.json", "t.svg"} <= {path.name for path in files}
    rights = {path.name: stat.S_IMODE(path.stat().st_mode) for path in files}
    assert rights == dict.fromkeys(rights, 0o666 & ~umask)


def test_what_a_killed_job_left_lends_its_rights_to_nothing(tmp_path):
    left = tmp_path / ".t.txt.tmp"
    left.write_text("half")
    left.chmod(0o600)
    (tmp_path / ".model.part").mkdir()
    (tmp_path / ".model.part" / "half.safetensors").write_text("half")
    before = os.umask(0o022)
    io.write_text(tmp_path / "t.txt", "whole")
    os.umask(before)
    assert stat.S_IMODE((tmp_path / "t.txt").stat().st_mode) == 0o644
    with io.atomic_folder(tmp_path / "model") as scratch:
        (scratch / "config.json").write_text("{}")
    assert sorted(p.name for p in (tmp_path / "model").iterdir()) == ["config.json"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model", "t.txt"]


def fill_a_full_disk(folder):
    with io.atomic_folder(folder) as scratch:
        (scratch / "config.json").write_text("new")
        raise OSError("No space left on device")


def test_a_folder_that_could_not_be_filled_stays_as_it_was(tmp_path):
    (tmp_path / "config.json").write_text("old")
    with pytest.raises(CannotWrite, match="No space left"):
        fill_a_full_disk(tmp_path)
    assert (tmp_path / "config.json").read_text() == "old"
    assert not tmp_path.with_name(f".{tmp_path.name}.part").exists()
