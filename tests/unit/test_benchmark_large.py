"""The benchmark for a GPU, tried small on the processor."""

import subprocess
import sys

import polars as pl
import pytest
import torch

from workflow.project import REPOSITORY

SCRIPT = REPOSITORY / "tests/benchmarks/large.py"
TOKENIZER = REPOSITORY / "resources/models/smollm2-135m-instruct/tokenizer.json"


@pytest.mark.skipif(not TOKENIZER.exists(), reason="the real model is not prepared")
def test_it_times_values_and_solves_of_a_falcon(tmp_path):
    small = [
        "--device",
        "cpu",
        "--dtypes",
        "float32",
        "--blocks",
        "3",
        "--width",
        "128",
        "--facts",
        "2",
    ]
    subprocess.run([sys.executable, SCRIPT, *small, "--folder", tmp_path], check=True)
    table = pl.read_csv(tmp_path / "benchmark_large.csv")
    assert table["stage"].to_list() == ["values", "5 solves"]
    assert (table["n"] == 2).all()
    assert (table["seconds"] > 0).all()
    assert (table["tflop_per_s"] > 0).all()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU to measure")
def test_without_a_gpu_it_says_that_nothing_is_measured():
    done = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "not measured: there is no CUDA device here\n"
