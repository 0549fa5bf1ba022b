"""Which device a job loads the model on."""

import multiprocessing
import time
from types import SimpleNamespace

import pytest
import torch

from memat.model import for_stage


@pytest.fixture
def two_gpus(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(
        torch.cuda,
        "get_device_properties",
        lambda number: SimpleNamespace(uuid=f"gpu-{number}"),
    )
    monkeypatch.setattr(for_stage, "_held", [])


def test_jobs_side_by_side_take_one_gpu_each_and_give_it_back(two_gpus, tmp_path):
    processes = multiprocessing.get_context("fork")
    answers = processes.Queue()

    def hold():
        answers.put(for_stage.free_gpu(tmp_path))
        time.sleep(600)

    other = processes.Process(target=hold, daemon=True)
    other.start()
    assert answers.get(timeout=60) == 0
    assert for_stage.free_gpu(tmp_path) == 1
    assert for_stage.free_gpu(tmp_path) == 0  # both have a job: a second place on the first
    other.kill()
    other.join()
    assert for_stage.free_gpu(tmp_path) == 0  # the place that was given back


@pytest.mark.parametrize(
    ("asked", "gets"),
    [("cuda", "cuda:0"), ("auto", "cuda:0"), ("cuda:1", "cuda:1"), ("cpu", "cpu")],
)
def test_only_a_device_without_number_is_chosen(two_gpus, monkeypatch, tmp_path, asked, gets):
    loaded = []
    monkeypatch.setattr(for_stage.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(for_stage, "load_model", lambda _m, device, _d: loaded.append(device))
    for_stage.model_for("manifest.json", {"device": asked, "dtype": "float32"})
    assert loaded == [gets]
