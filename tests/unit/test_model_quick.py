"""Quick loading: what stages do not use stays unloaded, and what they use is the same."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from memat.model.quick import deferred
from small_models import SHAPES, small_model

LIBRARY = Path(__file__).resolve().parents[2] / "workflow_scripts"
LOADS = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import torch
from safetensors.torch import load_file, save_file
from memat.model.load import load_folder
from memat.model.quick import NOT_USED

folder = Path(sys.argv[2])
ids = load_file(folder / "ids.safetensors")
logits = {}
for name, batch in ids.items():
    model = load_folder(folder / name)
    logits[name] = model.network(batch).logits
    model.network.generate(batch[:1], max_new_tokens=2, do_sample=False, pad_token_id=0)
save_file(logits, folder / "logits.safetensors")
print(*(name for name in (*NOT_USED, "torch.distributed.tensor") if name in sys.modules))

from scipy.optimize import linear_sum_assignment
assert linear_sum_assignment([[1, 0], [0, 1]])[1].tolist() == [1, 0]
import torch._dynamo
assert torch._dynamo.config.cache_size_limit and torch.distributed.is_available()
"""


def test_a_fresh_process_loads_every_type_the_same_without_what_no_stage_uses(tmp_path):
    ids, wanted = {}, {}
    for name in SHAPES:
        model = small_model(name, torch.float32)
        model.network.save_pretrained(tmp_path / name)
        model.tokenizer.save_pretrained(tmp_path / name)
        ids[name] = torch.arange(3, 17).reshape(2, 7)
        wanted[name] = model.network(ids[name]).logits
    save_file(ids, tmp_path / "ids.safetensors")
    done = subprocess.run(
        [sys.executable, "-c", LOADS, str(LIBRARY), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
    found = load_file(tmp_path / "logits.safetensors")
    for name, logits in wanted.items():
        assert torch.equal(found[name], logits), name


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package on disk that no process has loaded."""
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "__init__.py").write_text("LOADED = True\n")
    (tmp_path / "later" / "part.py").write_text(
        "class Thing:\n    size = 3\n    def __init__(self, name=''):\n        self.name = name\n"
        "def mark(function):\n    raise AssertionError\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in ("later", "later.part"):
        sys.modules.pop(name, None)


def test_a_deferred_package_is_loaded_when_something_of_it_is_used(package):
    with deferred("later"):
        from later.part import Thing

        assert not isinstance("a text", Thing)
    assert "later" not in sys.modules
    assert Thing(name="made").name == "made"
    assert sys.modules["later"].LOADED
    assert Thing.size == 3
    assert isinstance(sys.modules["later.part"].Thing(), Thing)


def test_what_a_deferred_package_decorates_is_left_as_it_is(package):
    with deferred("later"):
        import later.part

        assert later.part.mark(len) is len
        assert later.part.mark(None)(len) is len
    assert "later" not in sys.modules


def test_a_package_that_is_loaded_is_not_deferred(package):
    import later

    with deferred("later"):
        from later.part import Thing

        assert sys.modules["later"] is later
    assert Thing.__module__ == "later.part"


def test_use_inside_loads_the_package_at_once(package):
    with deferred("later"):
        from later.part import Thing

        assert Thing.size == 3
        import later

        assert later.LOADED
