"""The scripts of an edit: shards of values in one or two languages, then the deltas."""

from types import SimpleNamespace

import polars as pl
import pytest
import torch
from test_edit_update import LAYERS, moments
from test_edit_values import LANGUAGES, SETTINGS, WAYS, run

import optimise_values
import solve_deltas
from memat import io
from memat.edit.storage import read_deltas
from memat.edit.update import DeltaSettings
from memat.errors import DamagedFile
from memat.provenance import Provenance
from memat.stage import Stage
from memat.tensors import read_tensors, write_tensors
from one_language import spread_joint
from small_models import small_model

PROVENANCE = Provenance(stage="test", settings={}, code="0")
CODES = ("en", "ca")
KL_PROMPTS = {code: part[2] for code, part in zip(CODES, LANGUAGES["joint"], strict=True)}
CASES = [1, 2, 3, 4, 5]


def stage(inputs, outputs, cfg, **params):
    spaces = (SimpleNamespace(**part) for part in (inputs, outputs))
    return Stage("test", *spaces, cfg, SimpleNamespace(**params), 1, PROVENANCE, memory_mb=500)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with everything the scripts read, and a small model in place of a loaded one."""
    model = small_model("llama")
    for script in (optimise_values, solve_deltas):
        monkeypatch.setattr(script, "model_for", lambda _manifest, _compute: model)
    rows = [
        {
            "language": code,
            "role": "target_new",
            "prompt_type": "rewrite",
            "index": 0,
            **vars(request),
        }
        for code, (requests, _, _) in zip(CODES, LANGUAGES["joint"], strict=True)
        for request in requests
    ]
    io.write_table(tmp_path / "bilingual.parquet", pl.DataFrame(rows), PROVENANCE)
    blocks = pl.DataFrame({"case_id": CASES, "block": ["0"] * len(CASES)})
    io.write_table(tmp_path / "blocks.parquet", blocks, PROVENANCE)
    for code, (_, contexts, _) in zip(CODES, LANGUAGES["joint"], strict=True):
        io.write_json(tmp_path / f"{code}.json", {"templates": contexts}, PROVENANCE)
    covariance = {f"layer.{n}": moment for n, moment in moments(model).items()}
    write_tensors(tmp_path / "covariance.safetensors", covariance, PROVENANCE)
    return tmp_path


def inputs(folder, codes):
    return {
        "manifest": "",
        "bilingual": folder / "bilingual.parquet",
        "blocks": folder / "blocks.parquet",
        "templates": [folder / f"{code}.json" for code in codes],
        "covariance": folder / "covariance.safetensors",
        "protected": [],
    }


def spread_of(way):
    return "layerwise" if way.startswith("layerwise") else "residual"


def find_values(folder, codes, way):
    """Both shards of the block: facts 1 to 3, facts 4 and 5."""
    paths = [folder / f"{'+'.join(codes)}_values_{shard}.safetensors" for shard in (0, 1)]
    cfg = {**vars(SETTINGS), "shard_size": 3, "spread": spread_of(way)}
    for shard, path in enumerate(paths):
        optimise_values.main(
            stage(
                inputs(folder, codes),
                {"values": path},
                cfg,
                compute={},
                together=3,
                languages=list(codes),
                language_keys=[{"kl_prompt": KL_PROMPTS[code]} for code in codes],
                solver="pmet" if way == "pmet" else "memit",
                layers=LAYERS if spread_of(way) == "layerwise" else [1],
                block="0",
                shard=shard,
            )
        )
    return paths


def solve(folder, codes, values, keys=(), stacked=False, protected=False, moved=None, **cfg):
    path = folder / "deltas.safetensors"
    solve_deltas.main(
        stage(
            {
                **inputs(folder, codes),
                "values": values,
                "protected": list(keys),
                "subjects": [moved[0]] if moved else [],
            },
            {"deltas": path},
            {"covariance_weight": 3.0, **cfg},
            compute={},
            languages=list(codes),
            stacked=stacked,
            protected=protected,
            transport=moved[1] if moved else {},
            layers=LAYERS,
            block="0",
        )
    )
    return read_deltas(path)


@pytest.mark.parametrize("way", WAYS)
def test_shards_of_values_become_the_deltas_of_the_block(folder, way):
    codes = CODES[: len(LANGUAGES[way])]
    paths, whole = find_values(folder, codes, way), run(small_model("llama"), way)
    parts = [read_tensors(path)[0] for path in paths]
    assert [part["case_ids"].tolist() for part in parts] == [[1, 2, 3], [4, 5]]
    for name, wanted in (("z", whole.z), ("initial", whole.initial)):
        found = torch.cat([part[name] for part in parts], dim=-2)
        assert found.ndim == 2 + way.endswith("joint") + way.startswith("layerwise")
        torch.testing.assert_close(found, wanted.squeeze(-3), rtol=1e-9, atol=1e-9)

    solver = "pmet" if way == "pmet" else "memit"
    deltas = solve(folder, codes, paths, solver=solver, spread=spread_of(way))
    requests, contexts, _ = zip(*LANGUAGES[way], strict=True)
    model = small_model("llama")
    settings = DeltaSettings(3.0, solver=solver, spread=spread_of(way))
    expected = spread_joint(
        model, requests, whole.z, contexts, moments(model), LAYERS, settings, 64
    )
    for layer in LAYERS:
        assert len(deltas[layer].left) == len(codes) * len(CASES)
        torch.testing.assert_close(deltas[layer].matrix(), expected[layer].matrix())


def test_values_of_other_facts_are_refused(folder):
    paths = find_values(folder, CODES, "joint")
    with pytest.raises(DamagedFile, match="not those of the block"):
        solve(folder, CODES, paths[::-1])


def test_the_keys_of_a_file_are_protected(folder):
    values = find_values(folder, CODES[:1], "memit")
    keys = {
        n: torch.randn(3, moment.shape[0]) for n, moment in moments(small_model("llama")).items()
    }
    path = folder / "keys.safetensors"
    write_tensors(path, {f"layer.{n}": found for n, found in keys.items()}, PROVENANCE)
    deltas = solve(folder, CODES[:1], values, [path], protected=True, protected_weight=20.0)
    requests, contexts, _ = zip(*LANGUAGES["memit"], strict=True)
    model, z = small_model("llama"), run(small_model("llama"), "memit").z
    settings = DeltaSettings(3.0, protected_weight=20.0)
    arguments = (model, requests, z, contexts, moments(model), LAYERS, settings, 64)
    expected, plain = spread_joint(*arguments, keys), spread_joint(*arguments)
    for layer in LAYERS:
        torch.testing.assert_close(deltas[layer].matrix(), expected[layer].matrix())
        assert not torch.allclose(deltas[layer].matrix(), plain[layer].matrix(), rtol=0.01)
