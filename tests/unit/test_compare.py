"""Comparing models: which are there, what each says and thinks comes next, and the page's text."""

import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest
import torch
import yaml

from memat.compare.answers import (
    LIKELIEST,
    Asking,
    facts_of_run,
    prompts_of_fact,
    shown_token,
)
from memat.compare.models import CarriedFiles, comparison_of
from memat.compare.page import answer, load_gradio
from memat.edit.storage import write_deltas
from memat.edit.update import Delta
from memat.errors import ConfigError, FactError, MissingPackage
from memat.evaluate.answers import next_token_probabilities
from memat.heads.deployment import Corrections, write_corrections
from memat.provenance import Provenance
from memat.text.prompts import BILINGUAL_SCHEMA
from small_models import small_model

REPOSITORY = Path(__file__).resolve().parents[2]
PROVENANCE = Provenance("test", {}, "")
PROMPT = "The mother tongue of Miles Davis is"
EVIL = '<script>alert("x")</script>'


def plain_probabilities(network, ids):
    """Of the next token, by the network's own head on the whole row."""
    with torch.no_grad():
        return network(input_ids=torch.tensor([ids])).logits[0, -1].double().softmax(-1)


@pytest.mark.parametrize(("shape", "bos"), [("llama", True), ("gemma2", False), ("gpt2", False)])
def test_next_token_probabilities_are_those_of_the_whole_network(shape, bos):
    model = small_model(shape, bos=bos)
    found = next_token_probabilities(model, PROMPT)
    expected = plain_probabilities(model.network, model.tokenizer(PROMPT)["input_ids"])
    assert torch.allclose(found.double(), expected, rtol=1e-6, atol=1e-9)
    assert found.double().sum().item() == pytest.approx(1)


def test_a_prompt_without_tokens_is_refused():
    with pytest.raises(FactError, match="no token"):
        next_token_probabilities(small_model("llama"), "")


@pytest.fixture
def asking(tmp_path):
    """An unedited, an edited and a corrected model; the last two share the delta."""
    torch.manual_seed(1)
    model = small_model("opt")
    deltas, corrections = str(tmp_path / "d.safetensors"), str(tmp_path / "c.safetensors")
    d_model, d_ff = model.mlp_matrix(1).shape
    write_deltas(deltas, {1: Delta(torch.randn(3, d_model), torch.randn(3, d_ff))}, PROVENANCE)
    omega = torch.randn(2, model.head_dim) * 3
    write_corrections(corrections, Corrections([(0, 1), (2, 0)], omega, torch.zeros(1)), PROVENANCE)
    models = [
        CarriedFiles("unedited"),
        CarriedFiles("edited", (deltas,)),
        CarriedFiles("corrected", (deltas,), (corrections,)),
    ]
    return Asking(model, models)


def slowly_changed(asking, name):
    """The model of a name with its change written into the weights, by hand."""
    from memat.edit.storage import read_deltas
    from memat.heads.deployment import read_corrections

    model, files = small_model("opt"), asking.models[name]
    with torch.no_grad():
        for path in files.deltas:
            for layer, delta in read_deltas(path).items():
                change = torch.einsum("nd,nf->df", delta.left.double(), delta.right.double())
                model.mlp_matrix(layer).add_(change)
        for path in files.corrections:
            found = read_corrections(path)
            for (layer, head), omega in zip(found.heads, found.omega, strict=True):
                whole = torch.zeros(model.n_heads, model.head_dim, dtype=torch.float64)
                whole[head] = omega
                projection = model.attention_output(layer)
                projection.bias += projection.weight @ whole.flatten()
    return model


def test_each_model_answers_as_with_its_change_in_the_weights(asking):
    before = [p.clone() for p in asking.model.network.parameters()]
    asked = asking.ask(PROMPT, ["unedited", "edited", "corrected"], 5)
    assert [one.name for one in asked] == ["unedited", "edited", "corrected"]
    for one in asked:
        model = slowly_changed(asking, one.name)
        ids = model.tokenizer(PROMPT)["input_ids"]
        expected = plain_probabilities(model.network, ids)
        assert torch.allclose(one.next_token.double(), expected, rtol=1e-5, atol=1e-9)
        for _ in range(5):
            ids = [*ids, int(plain_probabilities(model.network, ids).argmax())]
        said = model.tokenizer.decode(ids)[len(PROMPT) :].strip()
        assert said.startswith(one.says.removesuffix(" …"))
        assert one.says
    several = torch.stack([one.next_token for one in asked])
    assert (several[0] - several[1]).abs().max() > 1e-3
    assert (several[1] - several[2]).abs().max() > 1e-3
    after = list(asking.model.network.parameters())
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_questions_asked_at_once_do_not_meet(asking):
    alone = {name: asking.ask(PROMPT, [name], 3)[0] for name in asking.models}
    names = [*asking.models] * 4
    with ThreadPoolExecutor(4) as pool:
        asked = list(pool.map(lambda name: asking.ask(PROMPT, [name], 3)[0], names))
    for name, one in zip(names, asked, strict=True):
        assert torch.equal(one.next_token, alone[name].next_token)
        assert one.says == alone[name].says


def test_an_unknown_model_is_refused(asking):
    with pytest.raises(ConfigError, match="allowed: unedited, edited, corrected"):
        asking.ask(PROMPT, ["other"], 3)


def test_the_likeliest_tokens_of_every_model_are_listed_once(asking):
    asked = asking.ask(PROMPT, ["unedited", "corrected"], 1)
    rows = asking.likeliest(asked)
    assert LIKELIEST <= len(rows) <= 2 * LIKELIEST
    highest = [max(values) for _, values in rows]
    assert highest == sorted(highest, reverse=True)
    for number, one in enumerate(asked):
        best = one.next_token.sort(descending=True)
        found = sorted((values[number] for _, values in rows), reverse=True)
        assert found[:LIKELIEST] == best.values[:LIKELIEST].tolist()
        token = shown_token(asking.model.tokenizer.decode([int(best.indices[0])]))
        assert any(token == t and v[number] == found[0] for t, v in rows)


def test_spaces_and_line_ends_of_tokens_are_seen():
    assert shown_token(" French") == "␣French"
    assert shown_token("\n") == "⏎"
    assert shown_token("a b") == "a b"


def test_the_answers_of_a_page_are_escaped(asking):
    asking.models[EVIL] = CarriedFiles(EVIL)
    html = answer(asking, EVIL, ["unedited", EVIL], 3)
    assert "<script" not in html
    assert html.count("&lt;script&gt;") == 2
    assert "%</td>" in html
    for prompt, names in (("", ["unedited"]), ("  ", ["unedited"]), (PROMPT, [])):
        assert "Type a prompt" in answer(asking, prompt, names, 3)
    assert "allowed: unedited" in answer(asking, PROMPT, ["none"], 3)


def test_without_gradio_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(MissingPackage, match=r"pip install '\.\[compare\]'"):
        load_gradio()


def table_of_facts():
    rows = []
    for case_id in (5, 6):
        for code in ("en", "ca"):
            for kind in ("rewrite", "neighborhood"):
                for role, target in (("target_new", "piano"), ("target_true", "guitar")):
                    rows.append(
                        dict.fromkeys(BILINGUAL_SCHEMA)
                        | {"case_id": case_id, "language": code, "role": role, "prompt_type": kind}
                        | {"index": 0, "prompt": f"P{case_id} {code} {kind}", "target": target}
                    )
    return pl.DataFrame(rows, schema=BILINGUAL_SCHEMA)


def test_facts_of_the_block_and_their_prompts_can_be_picked():
    bilingual = table_of_facts()
    blocks = pl.DataFrame({"case_id": [6, 5], "block": ["0", "donor"]})
    assert facts_of_run(bilingual, blocks, "0", ["en", "ca"]) == [("6 · P6 en rewrite → piano", 6)]
    assert prompts_of_fact(bilingual, 6, ["en", "ca"]) == [
        ("en · rewrite · P6 en rewrite → piano", "P6 en rewrite"),
        ("en · neighborhood · P6 en neighborhood → guitar", "P6 en neighborhood"),
        ("ca · rewrite · P6 ca rewrite → piano", "P6 ca rewrite"),
        ("ca · neighborhood · P6 ca neighborhood → guitar", "P6 ca neighborhood"),
    ]


EDIT = "results-tiny/edits/memit-ca/block_0/deltas.safetensors"
HEADS = "results-tiny/corrections/memit-ca_en_{}/block_0.safetensors"
SHARED = (
    "resources/models/tiny-llama/manifest.json",
    "results-tiny/dataset/bilingual.parquet",
    "results-tiny/dataset/blocks.parquet",
)


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A folder in which a run of configs/tiny.yaml has made some files."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").mkdir()
    shutil.copy(REPOSITORY / "configs/paper.yaml", tmp_path / "configs")

    def make(*paths):
        for path in paths:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).touch()

    return make


def compared(*names):
    return comparison_of(str(REPOSITORY / "configs/tiny.yaml"), names, REPOSITORY)


def test_models_that_a_run_has_made_are_compared(made):
    made(*SHARED, EDIT)
    assert [files.name for files in compared().models] == ["unedited", "memit_ca"]
    made(HEADS.format("located-3"), HEADS.format("random-2"))
    found = compared()
    assert [files.name for files in found.models] == [
        *("unedited", "memit_ca", "memat_ca_en", "random_ca_en")
    ]
    assert found.first == ("unedited", "memit_ca", "memat_ca_en")
    corrected = found.models[2]
    assert (corrected.deltas, corrected.corrections) == ((EDIT,), (HEADS.format("located-3"),))
    assert (found.manifest, found.bilingual, found.blocks) == SHARED
    assert found.block == "0"
    named = compared("random_ca_en", "memit_ca")
    assert named.first == ("unedited", "random_ca_en", "memit_ca")


def test_what_is_not_there_is_said_with_what_to_run(made):
    with pytest.raises(ConfigError, match=r"manifest.json has not been made yet.*snakemake.*tiny"):
        compared()
    made(*SHARED)
    with pytest.raises(ConfigError, match=r"experiment memit_ca: .*deltas.safetensors has not"):
        compared("memit_ca")
    with pytest.raises(ConfigError, match=r"experiment: .*allowed: unedited, memit_ca"):
        compared("other")
    with pytest.raises(ConfigError, match=r"in_context_ca: method in_context changes no weight"):
        compared("in_context_ca")


def test_a_fault_of_the_config_is_named(made, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({"edit": {"layer": [1]}}))
    with pytest.raises(ConfigError, match=r"edit\.layer"):
        comparison_of(str(path), (), REPOSITORY)
