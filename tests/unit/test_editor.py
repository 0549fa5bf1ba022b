"""Editing from Python: the same numbers as the workflow's, edits that stack and come off."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

import memat
from memat.edit.covariance import key_moments, mean_moments
from memat.edit.step import edit_step
from memat.edit.storage import summed
from memat.edit.text_sample import make_templates, sample_text
from memat.edit.update import DeltaSettings, add_delta
from memat.edit.values import ValueSettings
from memat.editor import moments
from memat.editor.edit import step_settings
from memat.editor.settings import default_layers
from memat.evaluate.scores import PromptTarget, score_prompts
from memat.model.sentences import EditRequest
from memat.resource_folders import resource_folder
from memat.text.languages import load_language
from one_language import optimise_values, spread
from small_models import small_model

REPOSITORY = Path(__file__).resolve().parents[2]
REAL = REPOSITORY / "resources/models/smollm2-135m-instruct"
SETTINGS = {
    "templates": {"count": 1, "tokens": 4},
    "covariance": {"tokens": 400, "sequence_length": 20, "batch_size": 10},
    "edit": {"layers": [1, 2]},
    "values": {
        "learning_rate": 0.5,
        "steps": 15,
        "clamp": 4.0,
        "weight_decay": 0.1,
        "stop_loss": 0.05,
    },
    "deltas": {"covariance_weight": 0.001, "key_templates": "uniform"},
}
POLISH = memat.Fact("The mother tongue of {} is", "Marie Curie", "English")
TRUMPET = memat.Fact("{} plays the", "Miles Davis", "organ", "trumpet")
ORGAN = memat.Fact(
    {"en": "{} plays the", "ca": "{} toca l'"},
    "Jimi Hendrix",
    {"en": "trumpet", "ca": "orgue"},
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model folder whose weights are random."""
    path = tmp_path_factory.mktemp("models") / "small"
    model = small_model("llama", torch.float32)
    model.network.save_pretrained(path)
    model.tokenizer.save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def editor(folder, cache):
    return memat.Editor.from_pretrained(folder, settings=SETTINGS, cache=cache, device="cpu")


def weights(network):
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def equal(network, kept):
    return all(torch.equal(tensor, kept[name]) for name, tensor in network.state_dict().items())


def test_the_lines_of_the_readme_as_they_stand(folder, tmp_path, monkeypatch):
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    lines = next(b for b in re.findall(r"```python\n(.*?)```", readme, re.DOTALL) if "Editor" in b)
    name = re.search(r'from_pretrained\("([^"]+)"', lines)[1]
    (tmp_path / name).symlink_to(folder)  # a folder is taken before a listed model
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEMAT_CACHE", str(tmp_path / "cache"))
    names = {}
    exec(lines, names)
    assert names["edit"].is_applied
    assert (tmp_path / "my-edit").is_dir()
    assert (tmp_path / "cache" / "covariance").is_dir()


def test_the_cells_of_the_notebook_as_they_stand(folder, tmp_path, monkeypatch):
    cells = json.loads((REPOSITORY / "docs/editing.ipynb").read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    name = re.search(r'from_pretrained\("([^"]+)"', code[0])[1]
    (tmp_path / name).symlink_to(folder)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEMAT_CACHE", str(tmp_path / "cache"))
    names = {}
    exec(code[0], names)
    base = weights(names["editor"].network)
    for cell in code[1:]:
        exec(cell, names)
    assert (tmp_path / "two-facts" / "adapter_model.safetensors").is_file()
    assert equal(names["editor"].network, base)


def test_the_deltas_are_those_of_the_stages(editor):
    english = load_language(resource_folder("languages") / "en.yaml")
    model, chosen = editor.model, editor.settings
    texts = sample_text(model, english.openers, 400, 20, 1.0, 10, seed=0)
    covariance, _ = mean_moments([key_moments(model, texts, [1, 2], 400, 20, 1024, 10)])
    contexts = make_templates(model, english.openers[:1], 4)
    requests = [
        EditRequest(0, POLISH.prompt, POLISH.subject, POLISH.target_new),
        EditRequest(1, TRUMPET.prompt, TRUMPET.subject, TRUMPET.target_new),
    ]
    values = optimise_values(
        model, requests, contexts, english.kl_prompt, [1, 2],
        ValueSettings(0.5, 15, 4.0, 0.1, chosen.values.kl_factor, 0.05), 1024,
    )  # fmt: skip
    expected = spread(
        model, requests, values.z, contexts, covariance, [1, 2], DeltaSettings(0.001), 1024
    )
    found = editor.edit([POLISH, TRUMPET], languages=["en"]).deltas
    assert found.keys() == expected.keys()
    for layer, delta in expected.items():
        assert float(delta.matrix().norm()) > 0
        torch.testing.assert_close(found[layer].matrix(), delta.matrix(), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_edits_come_off_in_any_order_bit_for_bit(folder, cache, dtype):
    editor = memat.Editor.from_pretrained(
        folder, settings=SETTINGS, cache=cache, device="cpu", dtype=dtype
    )
    base = weights(editor.network)
    first, second, third = (editor.edit([fact]) for fact in (POLISH, TRUMPET, ORGAN))
    assert editor.edits == (first, second, third)
    assert not equal(editor.network, base)
    second.remove()
    alone = memat.Editor.from_pretrained(
        folder, settings=SETTINGS, cache=cache, device="cpu", dtype=dtype
    )
    for edit in (first, third):
        for layer, delta in edit.deltas.items():
            add_delta(alone.model, layer, delta)
    assert equal(editor.network, weights(alone.network))
    first.remove()
    third.remove()
    third.remove()  # nothing more
    assert equal(editor.network, base)
    assert editor.edits == ()


def test_a_later_edit_is_found_on_top_of_the_earlier_ones(editor):
    first = editor.edit([POLISH])
    before = editor.edit([TRUMPET]).deltas
    editor.carry([])
    alone = editor.edit([TRUMPET]).deltas
    assert not torch.equal(before[2].matrix(), alone[2].matrix())
    editor.carry([first])
    again = editor.edit([TRUMPET]).deltas
    assert torch.equal(before[2].matrix(), again[2].matrix())


def test_the_keys_of_the_edits_that_it_carries_are_a_term_of_a_later_one(editor):
    first = editor.edit([POLISH])

    def second(keep_earlier, carried):
        editor.carry(carried)
        return editor.edit([TRUMPET], keep_earlier=keep_earlier)

    def moved(edit):
        pairs = ((edit.deltas[n].matrix(), first.keys[n].double()) for n in first.keys)
        return [float((delta @ keys.T).norm() / delta.norm()) for delta, keys in pairs]

    kept, free = (second(keep, [first]) for keep in (True, False))
    assert all(a < b for a, b in zip(moved(kept), moved(free), strict=True))
    assert kept.settings["keep_earlier"] is True
    # an edit that is off the model is none of the earlier ones
    alone, without = (second(keep, []) for keep in (True, False))
    for layer, delta in alone.deltas.items():
        assert torch.equal(delta.matrix(), without.deltas[layer].matrix())


def test_within_applied_and_removed_and_after_a_fault(editor):
    base = weights(editor.network)
    edit = editor.edit([POLISH])
    carried = weights(editor.network)
    with edit.removed():
        assert equal(editor.network, base)
    assert equal(editor.network, carried)
    with pytest.raises(memat.MematError), edit.removed():
        editor.edit([])
    assert equal(editor.network, carried)
    edit.remove()
    with edit.applied():
        assert edit.is_applied
        assert equal(editor.network, carried)
    assert not edit.is_applied
    assert equal(editor.network, base)


@pytest.mark.skipif(not REAL.is_dir(), reason="the real model is not prepared")
def test_the_demo_model_says_the_new_target_and_then_the_old_one(cache):
    editor = memat.Editor.from_pretrained(
        REAL, settings={"covariance": {"tokens": 500}}, cache=cache, device="cpu"
    )
    assert editor.settings.edit.layers == [6, 7, 8, 9, 10]
    prompt = "The mother tongue of Danielle Darrieux is"
    before = editor.says([prompt])
    edit = editor.edit([memat.Fact("The mother tongue of {} is", "Danielle Darrieux", "English")])
    assert editor.says([prompt])[0].startswith("English")
    row = edit.report().rows[0]
    assert row["P before"] < 0.1 < 0.7 < row["P after"]
    edit.remove()
    assert editor.says([prompt]) == before


def test_the_report_says_what_each_model_gives_to_the_target(editor):
    rows = [
        PromptTarget("The mother tongue of Marie Curie is", "English"),
        PromptTarget("Jimi Hendrix plays the", "trumpet"),
    ]

    def probability(row):
        scores = score_prompts(editor.model, [rows[row]], 1024)
        return float(torch.exp(-scores.nll / scores.n_tokens))

    editor.edit([TRUMPET])  # one that counts in both
    before = probability(0)
    edit = editor.edit([POLISH, ORGAN])
    report = edit.report()
    assert report.rows[0]["P before"] == pytest.approx(before, rel=1e-5)
    for place in (0, 1):
        assert report.rows[place]["P after"] == pytest.approx(probability(place), rel=1e-5)
        assert report.rows[place]["P after"] != pytest.approx(report.rows[place]["P before"])
    assert "Jimi Hendrix plays the" in str(report)
    assert report._repr_html_().count("<tr>") == 3


@pytest.fixture
def no_more_text(monkeypatch):
    def refuse(*_arguments):
        raise AssertionError("text is sampled again")

    return lambda: monkeypatch.setattr(moments, "sample_text", refuse)


def test_the_covariance_is_made_once_per_model_and_settings(folder, tmp_path, no_more_text):
    def fresh(**more):
        settings = SETTINGS | more
        return memat.Editor.from_pretrained(folder, settings=settings, cache=tmp_path, device="cpu")

    first = fresh()
    random_state = torch.get_rng_state()
    made = first.edit([POLISH]).deltas
    assert torch.equal(torch.get_rng_state(), random_state)
    no_more_text()
    again = fresh()
    found = again.edit([POLISH]).deltas
    assert all(torch.equal(found[layer].right, made[layer].right) for layer in found)
    again.edit([TRUMPET])  # the edit below does not make it another model
    fresh(edit={"layers": [0, 1]}).edit([POLISH])  # of the same text
    with pytest.raises(AssertionError, match="sampled again"):
        fresh(seed=1).edit([POLISH])
    changed = fresh()
    with torch.no_grad():
        changed.network.lm_head.weight[0, 0] += 1
    with pytest.raises(AssertionError, match="sampled again"):
        changed.edit([POLISH])


def test_several_languages_add_up_or_share_their_values(editor):
    fact = memat.Fact(ORGAN.prompt, "Jimi Hendrix", {"en": "trumpet", "ca": "orgue"})
    total = editor.edit([fact], languages=["en", "ca"], combine="sum")
    editor.carry([])
    joint = editor.edit([fact], languages=["en", "ca"])
    assert joint.settings["combine"] == "joint"
    editor.carry([])
    stacked = editor.edit([fact], languages=["en", "ca"], combine="stacked")
    editor.carry([])
    twice, once = (_stacked(editor, total, number) for number in (2, 1))
    alone = summed([_alone(editor, fact, code, total) for code in ("en", "ca")])
    for layer, delta in alone.items():
        torch.testing.assert_close(total.deltas[layer].matrix(), delta.matrix())
        for other in (joint, stacked):
            assert not torch.allclose(other.deltas[layer].matrix(), delta.matrix(), rtol=1e-3)
        # a language given twice: equal keys share one residual, so the sum is that of one
        weight = twice[layer].matrix().norm() / once[layer].matrix().norm()
        assert float(weight) == pytest.approx(1, abs=0.05)


def _stacked(editor, total, number):
    """Stacked deltas of the first language, given so many times; its keys outweigh old ones."""
    chosen = editor.settings.deltas.model_copy(update={"covariance_weight": 1e-6})
    settings = editor.settings.model_copy(update={"deltas": chosen})
    covariance = editor._covariance([part.language for part in total._asked])
    asked = [total._asked[0]] * number
    how = step_settings(editor.model, settings, "memit", "stacked", 2000)
    return edit_step(editor.model, asked, covariance, how).deltas


def _alone(editor, fact, code, total):
    """Deltas of one language with the covariance of both."""
    asked = [part for part in total._asked if part.language.code == code]
    languages = [part.language for part in total._asked]
    covariance = editor._covariance(languages)
    how = step_settings(editor.model, editor.settings, "memit", "sum", 2000)
    return edit_step(editor.model, asked, covariance, how).deltas


def test_an_elided_article_has_its_target_beside_it(editor):
    edit = editor.edit([ORGAN], languages=["ca"])
    assert edit._asked[0].requests[0].joined
    assert not editor.edit([ORGAN], languages=["en"])._asked[0].requests[0].joined


def test_the_exported_folder_gives_what_the_edited_model_gives(editor, tmp_path):
    edit = editor.edit([POLISH])
    ids = editor.tokenizer("The mother tongue of Marie Curie is", return_tensors="pt")["input_ids"]
    expected = editor.network(ids).logits
    edit.remove()
    assert not torch.allclose(editor.network(ids).logits, expected, atol=1e-3)
    edit.export(tmp_path / "model")
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    torch.testing.assert_close(loaded(ids).logits, expected)
    content = json.loads((tmp_path / "model" / "memat.json").read_text())
    assert content["edits"][0]["facts"][0]["subject"] == "Marie Curie"
    assert content["memat_provenance"]["settings"]["model"] == {"folder": "small"}


def test_an_export_writes_over_nothing_but_an_earlier_export(editor, folder, tmp_path):
    edit, theirs = editor.edit([POLISH]), tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "model.safetensors").write_text("weights")
    kept = (folder / "model.safetensors").read_bytes()
    refused = {folder: "is the folder that the model was loaded from", theirs: "is not empty"}
    for place, fault in (refused | {theirs / "model.safetensors": "is a file"}).items():
        with pytest.raises(memat.MematError, match=fault):
            edit.export(place)
    with pytest.raises(memat.MematError, match="is not empty"):
        edit.save_adapter(theirs)
    assert (folder / "model.safetensors").read_bytes() == kept
    assert (theirs / "model.safetensors").read_text() == "weights"
    for write in (edit.export, edit.save_adapter):
        for _ in range(2):  # a cell of a notebook, run again
            write(tmp_path / write.__name__)


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"dtype": "float16"}, "dtype: 'float16' is unknown; allowed: .*float32"),
        ({"device": "gpu"}, "device: 'gpu' is unknown; allowed: auto, cpu, cuda"),
        ({"device": "cuda"}, "device: 'cuda' is asked for, but torch finds no CUDA device"),
    ],
)
def test_how_a_model_cannot_be_loaded_is_said(folder, given, fault, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(memat.MematError, match=fault):
        memat.Editor.from_pretrained(folder, **given)


def test_one_prompt_is_asked_like_a_list_of_one(editor):
    assert editor.says("Marie Curie is") == editor.says(["Marie Curie is"])


WRONG = {
    "facts: the list is empty": ([], ["en"], {}),
    "facts: must be a list of memat.Fact, found Fact(": (POLISH, ["en"], {}),
    "facts[0]: must be a memat.Fact": (["Marie Curie speaks"], ["en"], {}),
    "facts[1].prompt: must have exactly one '{}'": (
        [POLISH, memat.Fact("no place", "a", "b")], ["en"], {}),
    "facts[0].subject: must be a text": ([memat.Fact("{} is", " ", "b")], ["en"], {}),
    "facts[0].prompt: has no text in language 'es', only in en, ca": ([ORGAN], ["es"], {}),
    "facts[1].target_new: 'b' contradicts facts[0], which wants 'a'": (
        [memat.Fact("{} is", "x", "a"), memat.Fact("{}  Is", "X", "b")], ["en"], {}),
    "languages: 'cat' is unknown; allowed: ca, en": ([POLISH], ["cat"], {}),
    "solvers: 'memitt' is unknown": ([POLISH], ["en"], {"solver": "memitt"}),
    "combine: 'joined' is unknown; allowed: sum, joint, stacked": (
        [POLISH], ["en"], {"combine": "joined"}),
}  # fmt: skip


def test_a_fact_that_is_given_twice_counts_once(editor, caplog):
    again = memat.Fact("The mother  tongue of {} is", "Marie Curie", "English")
    edit = editor.edit([POLISH, again, TRUMPET])
    assert edit.facts == (POLISH, TRUMPET)
    assert "facts[1] repeats facts[0] and is left out" in caplog.text
    edit.remove()
    once = editor.edit([POLISH, TRUMPET])
    for layer, delta in once.deltas.items():
        assert torch.equal(edit.deltas[layer].matrix(), delta.matrix())
    # in another language it is another fact
    one, other = (
        memat.Fact({"en": "{} plays the", "ca": prompt}, "Miles Davis", "organ")
        for prompt in ("{} toca l'", "{} sap tocar l'")
    )
    assert len(editor.edit([one, other], ["en", "ca"], combine="joint").facts) == 2


@pytest.mark.parametrize("fault", WRONG)
def test_a_wrong_call_says_what_is_allowed_and_changes_nothing(editor, fault):
    facts, languages, more = WRONG[fault]
    kept = editor.edit([TRUMPET])
    carried = weights(editor.network)
    with pytest.raises(memat.MematError, match=re.escape(fault)):
        editor.edit(facts, languages, **more)
    assert editor.edits == (kept,)
    assert equal(editor.network, carried)


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"values": {"stepss": 3}}, "values.stepss: unknown key"),
        ({"facts": {}}, "facts: unknown key"),
        ({"edit": {"layers": [3]}}, "edit.layers: [3] must lie below the last layer, 3"),
        ({"edit": {"layers": [2, 1]}}, "edit.layers: must be ascending"),
        ({"covariance": {"source": "text"}}, "covariance.path: missing"),
    ],
)
def test_wrong_settings_are_named_before_anything_runs(folder, settings, fault):
    with pytest.raises(memat.MematError, match=re.escape(fault)):
        memat.Editor.from_pretrained(folder, settings=settings, device="cpu")


def test_a_model_that_is_not_found_is_told_with_those_there_are():
    with pytest.raises(memat.MematError, match=r"smollm2-135m-instruct.*did you mean"):
        memat.Editor.from_pretrained("smollm-135m-instruct")
    with pytest.raises(memat.MematError, match="give a folder, or a revision="):
        memat.Editor.from_pretrained("owner/name")  # no network in tests


def test_default_layers_are_those_of_the_models_they_were_chosen_on():
    assert default_layers(30, layerwise=False) == [6, 7, 8, 9, 10]  # SmolLM2-135M
    assert default_layers(18, layerwise=True) == [5, 6, 7, 8, 9]  # Gemma 3 270M
    for n_layers in range(2, 100):
        for layerwise in (False, True):
            layers = default_layers(n_layers, layerwise)
            assert layers == list(range(layers[0], layers[-1] + 1))
            assert 0 <= layers[0] <= layers[-1] < n_layers - 1


def test_settings_that_come_with_a_model_are_found_by_its_name(folder, tmp_path, monkeypatch):
    from memat.editor import editor

    (tmp_path / "small.settings.yaml").write_text(
        "edit: {layers: [0, 2]}\nvalues: {steps: 3}\nprobes: {c: 2.0}\n"
    )
    monkeypatch.setattr(editor, "settings_file", lambda name: tmp_path / f"{name}.settings.yaml")
    found = memat.Editor.from_pretrained(folder, device="cpu")
    assert found.settings.edit.layers == [0, 2]
    assert found.settings.values.steps == 3
    assert "small.settings.yaml" in found.settings_from
    given = memat.Editor.from_pretrained(folder, device="cpu", settings={"values": {"steps": 4}})
    assert (given.settings.edit.layers, given.settings.values.steps) == ([1], 4)
    assert given.settings.covariance.tokens == 4 * 40  # MLP widths


def test_importing_memat_loads_nothing_that_is_slow():
    code = (
        "import sys; import memat; assert memat.__version__; "
        "print([m for m in ('torch', 'transformers', 'polars', 'pydantic') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(REPOSITORY / "workflow_scripts")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
    assert set(dir(memat)) == set(memat.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Edited'"):
        memat.Edited  # noqa: B018
