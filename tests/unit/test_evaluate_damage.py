"""Damage on unrelated text against one plain pass per paragraph, and what the tables make of it."""

import copy
from contextlib import contextmanager
from math import exp

import polars as pl
import pytest
import torch
from test_report_figures import summary

from memat.edit.update import Delta, edited
from memat.errors import ConfigError, NonFiniteValue
from memat.evaluate.damage import read_texts, text_damage, update_sizes
from memat.evaluate.intervals import BootstrapSettings
from memat.report.damage import damage_frame, draw_gain_and_damage, updates_frame
from memat.report.figures import styled
from score_tables import EXPERIMENTS
from small_models import TOLERANCE, small_model

TEXTS = {
    "en": ["The capital of France is Paris.", "Miles", "Therefore, the sky is blue. It is a city."],
    "ca": ["La llengua materna és el polonès."],
}


def delta(model, seed=0, scale=0.3):
    torch.manual_seed(seed)
    d_model, d_ff = model.mlp_matrix(1).shape
    return Delta(scale * torch.randn(2, d_model), scale * torch.randn(2, d_ff))


def plain(model, text, max_length):
    """NLL of the next tokens and their log-probabilities, one row at a time."""
    ids = model.tokenizer(text)["input_ids"][:max_length]
    with torch.no_grad():
        logits = model.network(input_ids=torch.tensor([ids])).logits[0, :-1]
    return -logits.log_softmax(-1).gather(
        1, torch.tensor(ids[1:])[:, None]
    ).sum(), logits.log_softmax(-1)


@pytest.mark.parametrize("max_length", [4, 256])
@pytest.mark.parametrize("name", ["llama", "gpt2", "gemma2", "gemma3_text"])
def test_sums_equal_a_plain_pass_of_both_models(name, max_length):
    model = small_model(name)
    other = copy.deepcopy(model.network)
    changed = delta(model)
    found = text_damage(model, TEXTS, edited(model, {1: changed}), 16, max_length)
    before = {
        (c, i): plain(model, t, max_length) for c, ts in TEXTS.items() for i, t in enumerate(ts)
    }
    with edited(model, {1: changed}):
        after = {(c, i): plain(model, t, max_length) for c, i in before for t in [TEXTS[c][i]]}
    assert found["paragraph"].to_list() == [0, 1, 2, 0]
    for row in found.iter_rows(named=True):
        key = row["language"], row["paragraph"]
        (nll_unedited, p), (nll, q) = before[key], after[key]
        kl = (p.exp() * (p - q)).sum()
        tolerance = TOLERANCE.get(name, 1e-9)
        assert row["nll_unedited"] == pytest.approx(float(nll_unedited), rel=tolerance)
        assert row["nll"] == pytest.approx(float(nll), rel=tolerance)
        assert row["kl"] == pytest.approx(float(kl), rel=max(1e-6, tolerance))
        assert row["n_tokens"] == len(p)
    assert found["kl"].min() > 0
    for old, new in zip(other.parameters(), model.network.parameters(), strict=True):
        assert torch.equal(old, new), "the model is left as it came"


@contextmanager
def nothing():
    yield


def test_a_model_without_an_edit_costs_nothing():
    found = text_damage(small_model("llama"), TEXTS, nothing(), 64, 256)
    assert found["nll"].equals(found["nll_unedited"])
    assert found["kl"].abs().max() == 0


def test_texts_of_single_tokens_are_refused():
    with pytest.raises(ConfigError, match=r"damage\.texts: no paragraph has two tokens"):
        text_damage(small_model("llama"), {"en": ["a"]}, nothing(), 64, 256)


def test_a_broken_edit_names_the_paragraph():
    model = small_model("llama")
    broken = delta(model, scale=float("nan"))
    with pytest.raises(NonFiniteValue, match="'en', paragraph 1"):
        text_damage(model, TEXTS, edited(model, {1: broken}), 64, 256)


def test_sizes_are_norms_of_the_sum_of_all_edits():
    model = small_model("gpt2")
    one, two = delta(model), delta(model, seed=1)
    sizes = update_sizes(model, [{1: one, 2: one}, {1: two}])
    assert sizes["layer"].to_list() == [1, 2]
    whole = one.left.double().T @ one.right.double() + two.left.double().T @ two.right.double()
    weight = model.network.transformer.h[1].mlp.c_proj.weight.double()
    assert sizes["update_norm"][0] == pytest.approx(float(whole.norm()))
    written = model.mlp_matrix(int(sizes["layer"][0])).double() + whole
    assert sizes["edited_norm"][0] == pytest.approx(float(written.norm()))
    assert sizes["ratio"][0] == pytest.approx(float(whole.norm() / weight.norm()))


def test_texts_are_lines_and_faults_name_the_file(tmp_path):
    good, empty, latin = (tmp_path / name for name in ("good", "empty", "latin"))
    good.write_text("One.\n\n  Two.  \n")
    empty.write_text("\n \n")
    latin.write_bytes("Això és".encode("latin-1"))
    assert read_texts({"en": str(good)}) == {"en": ["One.", "Two."]}
    with pytest.raises(ConfigError, match="empty: no paragraph"):
        read_texts({"en": str(empty)})
    with pytest.raises(ConfigError, match="latin: no UTF-8"):
        read_texts({"ca": str(latin)})


def text_table(shift):
    """Paragraphs with 1 nat a token unedited and 1 + shift edited, but for one with twice that."""
    rows = [
        ("en", i, 10 * (i + 1), 10.0 * (i + 1), 10.0 * (i + 1) * (1 + shift), 2.0) for i in range(4)
    ]
    names = ("language", "paragraph", "n_tokens", "nll_unedited", "nll", "kl")
    return pl.DataFrame(rows, schema=names, orient="row")


def test_perplexities_are_of_tokens_and_the_ratio_is_paired():
    table = damage_frame(
        {"a": [text_table(0.5)], "b": [text_table(0.0)] * 2}, BootstrapSettings(100)
    )
    values = {(r["experiment"], r["measure"]): r for r in table.iter_rows(named=True)}
    assert values["a", "perplexity_unedited"]["value"] == pytest.approx(exp(1))
    assert values["a", "perplexity"]["value"] == pytest.approx(exp(1.5))
    # each paragraph has the same ratio, so that drawing them changes nothing
    ratio = values["a", "perplexity_ratio"]
    assert ratio["value"] == pytest.approx(exp(0.5))
    assert ratio["low"] == pytest.approx(ratio["high"])
    kl = values["a", "kl"]
    assert kl["value"] == pytest.approx(8 / 100)
    assert kl["low"] < kl["value"] < kl["high"]
    assert (kl["n_texts"], kl["n_tokens"]) == (4, 100)
    assert values["b", "kl"]["n_texts"] == 8
    assert values["b", "perplexity_ratio"]["value"] == 1


def test_the_figure_sets_gain_over_cost_in_every_language():
    table = damage_frame({"memit-en": [text_table(0.5)]}, BootstrapSettings(50))
    with styled():
        figure = draw_gain_and_damage(summary(), table, EXPERIMENTS, 0.95)
    english, catalan = figure.axes
    points = {c.get_label(): c.lines[0].get_xydata()[0] for c in english.containers}
    assert points["memit-en"][0] == pytest.approx(8 / 100)
    assert points["unedited"][0] == 0
    assert not catalan.containers, "no text was measured in it"


def test_norms_of_every_block_are_rows():
    sizes = update_sizes(small_model("llama"), [{1: delta(small_model("llama"))}])
    table = updates_frame({"a": [sizes, sizes]})
    assert table.select("experiment", "block", "layer").rows() == [("a", 0, 1), ("a", 1, 1)]
