"""Result files: atomic, with provenance inside, equal work gives equal bytes, damage is named."""

import json

import polars as pl
import pytest
import torch

from memat import io
from memat.errors import DamagedFile
from memat.provenance import Provenance
from memat.tensors import read_tensors, write_tensors

MADE = Provenance("train_probes", {"cfg": {"c": 1.0}}, "abc", {"torch": "2"})
FRAME = pl.DataFrame({"case_id": [1, 2], "texts": [["a", "b"], []]})


def test_a_table_comes_back_with_what_made_it(tmp_path):
    path = tmp_path / "deep" / "table.parquet"
    io.write_table(path, FRAME, MADE)
    assert io.read_table(path).equals(FRAME)
    assert io.read_provenance(path) == json.loads(MADE.to_json())
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


@pytest.mark.parametrize(
    ("name", "read"),
    [("t.parquet", io.read_table), ("t.safetensors", read_tensors), ("t.json", io.read_json)],
)
def test_a_truncated_file_is_named(tmp_path, name, read):
    path = tmp_path / name
    io.write_table(tmp_path / "t.parquet", FRAME, MADE)
    write_tensors(tmp_path / "t.safetensors", {"a": torch.arange(50)}, MADE)
    io.write_json(tmp_path / "t.json", {"b": 1}, MADE)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DamagedFile, match=name):
        read(path)


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "t.txt"
    io.write_text(path, "old")
    with pytest.raises(UnicodeEncodeError):
        io.write_text(path, "half \ud800")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["t.txt"]
