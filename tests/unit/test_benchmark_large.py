"""The benchmark for a GPU, tried small on the processor."""

import runpy
import sys

import polars as pl
import pytest
import torch

from workflow.project import REPOSITORY

SCRIPT = REPOSITORY / "tests/benchmarks/large.py"
TOKENIZER = REPOSITORY / "resources/models/smollm2-135m-instruct/tokenizer.json"
SMALL = ["--device=cpu", "--dtypes=float32", "--blocks=3", "--width=128", "--facts=2"]


@pytest.fixture
def run_large(monkeypatch):
    """The script with arguments, as `python large.py` runs it."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), *arguments])
        monkeypatch.setattr(sys, "path", [*sys.path])
        runpy.run_path(str(SCRIPT), run_name="__main__")

    return run


@pytest.mark.skipif(not TOKENIZER.exists(), reason="the real model is not prepared")
def test_it_times_values_and_solves_of_a_falcon(run_large, tmp_path):
    run_large(*SMALL, "--folder", str(tmp_path))
    table = pl.read_csv(tmp_path / "benchmark_large.csv")
    assert table["stage"].to_list() == ["values", "5 solves"]
    assert (table["n"] == 2).all()
    assert (table["seconds"] > 0).all()
    assert (table["tflop_per_s"] > 0).all()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU to measure")
def test_without_a_gpu_it_says_that_nothing_is_measured(run_large):
    with pytest.raises(SystemExit, match=r"^not measured: there is no CUDA device here$"):
        run_large()
