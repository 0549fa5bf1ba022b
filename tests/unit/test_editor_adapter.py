"""An edit as a PEFT adapter: PEFT merges it to the weights of the edit; the command line too."""

import json
import re
from types import SimpleNamespace

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

import export_adapter
import memat
from memat import io
from memat.edit.storage import write_deltas
from memat.edit.update import Delta
from memat.editor.adapter import read_adapter, truncated, write_adapter
from memat.editor.command import main
from memat.editor.layers import Carried, EditedWeights, added_up
from memat.errors import DamagedFile, UnsupportedArchitecture
from memat.evaluate.scores import PromptTarget, score_prompts
from memat.heads.deployment import (
    Corrections,
    carrying,
    corrected,
    correction_biases,
    write_corrections,
)
from memat.model.load import load_with_all
from memat.provenance import Provenance
from memat.stage import Stage
from small_models import small_model, small_tokenizer

MADE = Provenance("test", {}, "")
ROWS = [
    PromptTarget("The mother tongue of Marie Curie is", "English"),
    PromptTarget("Jimi Hendrix plays the", "organ"),
    PromptTarget("The capital of France is", "Paris"),
]
LLAMA, GPT2 = "llama", "gpt2"  # nn.Linear, and Conv1D, whose weights are (in, out)


def random_edit(model, n_facts, seed, biased=False):
    """Deltas of several facts in two layers, and corrections of two heads where they are wanted."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape):
        return torch.randn(*shape, generator=generator)

    d_ff = model.mlp_matrix(0).shape[1]
    deltas = {n: Delta(drawn(n_facts, model.d_model), 0.1 * drawn(n_facts, d_ff)) for n in (1, 2)}
    omega = drawn(2, model.head_dim).double()
    biases = correction_biases(model, [(1, 0), (3, 2)], omega) if biased else {}
    return Carried(deltas, biases)


@pytest.fixture(params=[LLAMA, GPT2])
def model_folder(request, tmp_path):
    return saved(request.param, tmp_path / "base")


def saved(name, path):
    model = small_model(name, torch.float32)
    model.network.save_pretrained(path)
    model.tokenizer.save_pretrained(path)
    return path


def nlls(model):
    return score_prompts(model, ROWS, 1024).nll


def merged_nlls(folder, adapter):
    """What PEFT makes of the adapter: merged, as it is served (unmerged), and its model."""
    wrapped = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(folder), adapter)
    model = load_with_all(folder, "cpu", "float32")
    ids = model.tokenizer(ROWS[0].prompt, return_tensors="pt")["input_ids"]
    unmerged = wrapped(ids).logits
    network = wrapped.merge_and_unload()
    torch.testing.assert_close(network(ids).logits, unmerged, rtol=1e-4, atol=1e-4)
    model.network.load_state_dict(network.state_dict())
    return nlls(model), network.state_dict()


@pytest.mark.parametrize("biased", [False, True])
def test_peft_merges_the_adapter_to_the_edited_model(tmp_path, biased):
    for name in [GPT2] if biased else [LLAMA, GPT2]:
        folder = saved(name, tmp_path / name)
        model = load_with_all(folder, "cpu", "float32")
        before = nlls(model)
        edit = random_edit(model, 3, seed=0, biased=biased)
        write_adapter(model, edit, tmp_path / f"adapter-{name}", {"edits": []}, MADE)
        EditedWeights(model).lay([edit])
        found, state = merged_nlls(folder, tmp_path / f"adapter-{name}")
        assert float((nlls(model) - before).abs().min()) > 1e-3  # the edit does something
        torch.testing.assert_close(found, nlls(model), rtol=0, atol=1e-5)
        for key, weight in model.network.state_dict().items():
            torch.testing.assert_close(state[key], weight, rtol=0, atol=1e-6)


def test_corrections_lie_where_the_workflow_puts_them(tmp_path):
    model = load_with_all(saved(GPT2, tmp_path / "base"), "cpu", "float32")
    edit = random_edit(model, 1, seed=1, biased=True)
    with corrected(model, edit.biases):
        expected = nlls(model)
    EditedWeights(model).lay([Carried({}, edit.biases)])
    assert torch.equal(nlls(model), expected)


def test_corrections_are_refused_where_the_model_has_no_bias(tmp_path):
    model = load_with_all(saved(LLAMA, tmp_path / "base"), "cpu", "float32")
    edit = random_edit(model, 1, seed=1, biased=True)
    with pytest.raises(UnsupportedArchitecture, match=r"has none: export the model as a folder"):
        write_adapter(model, edit, tmp_path / "adapter", {}, MADE)
    assert not (tmp_path / "adapter").exists()


def test_ranks_may_differ_between_layers(tmp_path, model_folder):
    model = load_with_all(model_folder, "cpu", "float32")
    one, three = random_edit(model, 1, seed=2), random_edit(model, 3, seed=3)
    edit = added_up([one, Carried({2: three.deltas[2]})])
    write_adapter(model, edit, tmp_path / "adapter", {}, MADE)
    EditedWeights(model).lay([edit])
    found, _ = merged_nlls(model_folder, tmp_path / "adapter")
    torch.testing.assert_close(found, nlls(model), rtol=0, atol=1e-5)
    ranks = json.loads((tmp_path / "adapter" / "memat.json").read_text())["ranks"]
    assert sorted(ranks.values()) == [1, 4]


def test_a_cut_rank_is_the_nearest_and_its_error_is_stated(tmp_path):
    model = load_with_all(saved(LLAMA, tmp_path / "base"), "cpu", "float32")
    edit = random_edit(model, 6, seed=4)
    errors = write_adapter(model, edit, tmp_path / "adapter", {}, MADE, rank=4)
    stored = read_adapter(model, tmp_path / "adapter")
    for layer, delta in edit.deltas.items():
        whole = delta.matrix()
        size = torch.linalg.svdvals(whole)
        nearest = float(size[4:].norm() / size.norm())  # Eckart and Young
        found = stored.deltas[layer]
        assert len(found.left) == len(found.right) == 4
        assert errors[layer] == pytest.approx(nearest, rel=1e-6)
        distance = float((whole - found.matrix()).norm() / whole.norm())
        assert distance == pytest.approx(nearest, rel=1e-5)
    content = json.loads((tmp_path / "adapter" / "memat.json").read_text())
    assert content["relative_errors"] == {str(layer): error for layer, error in errors.items()}
    whole, error = truncated(edit.deltas[1], 6)
    assert error == 0
    torch.testing.assert_close(whole.matrix(), edit.deltas[1].matrix(), rtol=1e-5, atol=1e-5)


def test_an_adapter_holds_no_pickle_and_is_small(tmp_path):
    model = load_with_all(saved(LLAMA, tmp_path / "base"), "cpu", "float32")
    write_adapter(model, random_edit(model, 2, seed=0), tmp_path / "adapter", {}, MADE)
    names = sorted(path.name for path in (tmp_path / "adapter").iterdir())
    assert names == ["adapter_config.json", "adapter_model.safetensors", "memat.json"]
    numbers = sum(t.numel() for t in load_file(tmp_path / "adapter" / names[1]).values())
    d_ff = model.mlp_matrix(0).shape[1]
    assert numbers == 2 * 2 * (model.d_model + d_ff)


def test_an_adapter_of_another_model_or_kind_is_named(tmp_path):
    model = load_with_all(saved(LLAMA, tmp_path / "base"), "cpu", "float32")
    other = load_with_all(saved(GPT2, tmp_path / "other"), "cpu", "float32")
    adapter = tmp_path / "adapter"
    write_adapter(model, random_edit(model, 2, seed=0), adapter, {}, MADE)
    with pytest.raises(UnsupportedArchitecture, match=r"down_proj.*no projection that memat edits"):
        read_adapter(other, adapter)
    config = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps(config | {"peft_type": "IA3"}))
    with pytest.raises(UnsupportedArchitecture, match="no plain LoRA"):
        read_adapter(model, adapter)
    (adapter / "adapter_config.json").write_text("{")
    with pytest.raises(DamagedFile, match=re.escape("adapter_config.json")):
        read_adapter(model, adapter)


def test_the_workflow_exports_an_experiment_as_an_adapter(tmp_path, monkeypatch):
    """Deltas of two edits and corrections, as `memat` with two languages has them."""
    model = load_with_all(saved(GPT2, tmp_path / "base"), "cpu", "float32")
    monkeypatch.setattr(export_adapter, "model_for", lambda _manifest, _compute: model)
    edits = [random_edit(model, 2, seed) for seed in (1, 2)]
    for number, edit in enumerate(edits):
        write_deltas(tmp_path / f"{number}.safetensors", dict(edit.deltas), MADE)
    omega = torch.randn(2, model.head_dim, generator=torch.Generator().manual_seed(3))
    found = Corrections([(1, 0), (1, 2)], omega, torch.zeros(1))
    write_corrections(tmp_path / "corrections.safetensors", found, MADE)
    io.write_json(tmp_path / "base/manifest.json", {"source": {"repo": "a/b"}}, MADE)

    def export(corrections, rank=None):
        inputs = {
            "manifest": tmp_path / "base/manifest.json",
            "deltas": [tmp_path / f"{number}.safetensors" for number in (0, 1)],
            "corrections": corrections,
        }
        outputs = {"manifest": tmp_path / "memat_en.adapter/manifest.json"}
        spaces = (SimpleNamespace(**part) for part in (inputs, outputs))
        params = SimpleNamespace(compute={"device": "cpu", "dtype": "float32"})
        return export_adapter.main(Stage("export", *spaces, {"rank": rank}, params, 1, MADE))

    export([tmp_path / "corrections.safetensors"])
    merged, _ = merged_nlls(tmp_path / "base", tmp_path / "memat_en.adapter")
    paths = [str(tmp_path / f"{number}.safetensors") for number in (0, 1)]
    with carrying(model, paths, [str(tmp_path / "corrections.safetensors")]):
        torch.testing.assert_close(merged, nlls(model), rtol=0, atol=1e-5)
    config = json.loads((tmp_path / "memat_en.adapter/adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "a/b"
    assert "rank 3" in export([], rank=3)
    config = json.loads((tmp_path / "memat_en.adapter/adapter_config.json").read_text())
    assert (config["r"], config["lora_bias"]) == (3, False)


def state(folder):
    return AutoModelForCausalLM.from_pretrained(folder).state_dict()


def same(folder, other):
    one, two = state(folder), state(other)
    return one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


def test_the_command_line_puts_adapters_on_and_takes_them_off(tmp_path, model_folder, capsys):
    model = load_with_all(model_folder, "cpu", "float32")
    for seed, name in enumerate(("monday", "tuesday"), start=1):
        edit = random_edit(model, 2, seed)
        about = {"edits": [{
            "facts": [vars(memat.Fact("{} is", name.title(), "a day"))], "languages": ["en"],
            "layers": [1, 2], "settings": {"solver": "memit"},
        }]}  # fmt: skip
        write_adapter(model, edit, tmp_path / name, about, MADE, {"folder": "base"})

    def run(*arguments):
        status = main([str(argument) for argument in arguments])
        out, error = capsys.readouterr()
        return (status, error) if status else (status, out)

    one, two, three = (tmp_path / name for name in ("one", "two", "three"))
    assert run("apply", model_folder, tmp_path / "monday", one) == (0, f"{one}: carries monday\n")
    assert run("apply", one, tmp_path / "tuesday", two) == (0, f"{two}: carries monday, tuesday\n")
    found, _ = merged_nlls(model_folder, tmp_path / "monday")
    torch.testing.assert_close(nlls(load_with_all(one, "cpu", "float32")), found, rtol=0, atol=1e-5)
    edited = load_with_all(two, "cpu", "float32")
    assert not torch.allclose(nlls(edited), found, atol=1e-3)
    # off again in another order: what is left is as if the other had never been there
    assert run("remove", two, "monday", three) == (0, f"{three}: carries tuesday\n")
    assert run("apply", model_folder, tmp_path / "tuesday", tmp_path / "only")[0] == 0
    assert same(three, tmp_path / "only")
    assert run("remove", three, "tuesday", tmp_path / "clean")[1].endswith("carries no adapter\n")
    assert same(tmp_path / "clean", model_folder)

    status, text = run("show", two)
    assert status == 0
    assert text.index("Monday") < text.index("Tuesday")
    assert text.count("1 facts in en, layers 1, 2; memit") == 2
    assert "base model   base" in run("show", tmp_path / "monday")[1]

    refused = {
        "already carries an adapter 'monday'": ("apply", two, tmp_path / "monday", tmp_path / "x"),
        "exists and is not empty": ("apply", model_folder, tmp_path / "monday", one),
        "did you mean 'monday'": ("remove", two, "mondy", tmp_path / "x"),
        "is no adapter of memat": ("show", model_folder),
        "nowhere: no such folder": ("apply", tmp_path / "nowhere", one, tmp_path / "x"),
    }
    for fault, arguments in refused.items():
        status, text = run(*arguments)
        assert status == 1
        assert fault in text
    assert not (tmp_path / "x").exists()


def test_the_command_line_refuses_weights_that_an_adapter_was_not_made_on(tmp_path, capsys, caplog):
    base = saved(LLAMA, tmp_path / "base")
    other = small_model(LLAMA, torch.float32, seed=1)  # of equal shape
    for part in (other.network, other.tokenizer):
        part.save_pretrained(tmp_path / "other")
    model = load_with_all(base, "cpu", "float32")
    for seed, name in enumerate(("monday", "tuesday")):
        write_adapter(
            model, random_edit(model, 2, seed), tmp_path / name, {}, MADE, {"repo": "a/b"}
        )
        EditedWeights(model).lay([random_edit(model, 2, seed)])  # tuesday's is made above monday's

    def run(*arguments):
        status = main([str(tmp_path / a) if i else a for i, a in enumerate(arguments)])
        return status, "".join(capsys.readouterr())

    status, text = run("apply", "other", "monday", "x")
    assert status == 1
    assert f"{tmp_path / 'monday'}: was made on another model (a/b): of layers 1, 2 the" in text
    assert run("apply", "base", "tuesday", "x")[0] == 1
    assert not (tmp_path / "x").exists()
    assert run("apply", "base", "monday", "one")[0] == 0
    assert run("apply", "one", "tuesday", "two")[0] == 0
    status, text = run("show", "two")
    assert text.count("made on      other weights than this model came with") == 1
    assert text.index("tuesday") < text.index("made on      other weights")
    # a model in another number format is the same model
    half = load_with_all(base, "cpu", "bfloat16").network
    half.save_pretrained(tmp_path / "half")
    small_tokenizer().save_pretrained(tmp_path / "half")
    assert run("apply", "half", "monday", "half-monday")[0] == 0
    # weights that were trained on since would be lost
    state = load_file(tmp_path / "two" / "model.safetensors")
    state["model.layers.2.mlp.down_proj.weight"] += 1
    save_file(state, tmp_path / "two" / "model.safetensors", metadata={"format": "pt"})
    assert main(["remove", str(tmp_path / "two"), "monday", str(tmp_path / "x")]) == 1
    assert "two: its weights of layers 2 were changed after" in capsys.readouterr().err
    # an adapter of PEFT's own tells nothing
    (tmp_path / "monday" / "memat.json").unlink()
    assert run("apply", "other", "monday", "unseen")[0] == 0
    assert "monday: does not tell the weights it was made on" in caplog.text


def test_an_edit_saves_itself_and_all_that_are_carried(tmp_path):
    folder = saved(LLAMA, tmp_path / "base")
    settings = {
        "covariance": {"tokens": 200, "sequence_length": 20},
        "edit": {"layers": [1, 2]},
        "deltas": {"covariance_weight": 0.1},
    }
    editor = memat.Editor.from_pretrained(
        folder, settings=settings, cache=tmp_path / "cache", device="cpu"
    )
    with pytest.raises(memat.MematError, match="carries no edit"):
        editor.save_adapter(tmp_path / "none")
    first = editor.edit([memat.Fact("The mother tongue of {} is", "Marie Curie", "English")])
    second = editor.edit([memat.Fact("{} plays the", "Miles Davis", "organ")])
    with pytest.raises(memat.MematError, match="rank: must be at least 1, found 0"):
        editor.save_adapter(tmp_path / "both", rank=0)
    editor.save_adapter(tmp_path / "both")
    found, _ = merged_nlls(folder, tmp_path / "both")
    torch.testing.assert_close(found, nlls(editor.model), rtol=0, atol=1e-5)
    second.save_adapter(tmp_path / "second")
    first.remove()
    found, _ = merged_nlls(folder, tmp_path / "second")
    torch.testing.assert_close(found, nlls(editor.model), rtol=0, atol=1e-5)
    content = json.loads((tmp_path / "both" / "memat.json").read_text())
    assert [edit["facts"][0]["subject"] for edit in content["edits"]] == [
        "Marie Curie", "Miles Davis",
    ]  # fmt: skip
    assert json.loads((tmp_path / "both" / "adapter_config.json").read_text())["r"] == 2
