"""Second moments of the keys against a plain loop; shards and their exact sum."""

from contextlib import nullcontext

import pytest
import torch

from memat.edit.covariance import ExactSum, key_moments, mean_moments
from memat.errors import NotEnoughFacts
from memat.model.hooks import inputs_seen
from small_models import TEXTS, small_model

LAYERS = [0, 1, 2]


def covariance(*arguments, **options):
    return mean_moments([key_moments(*arguments, **options)])


@pytest.mark.parametrize("name", ["llama", "falcon", "gpt2", "opt"])
def test_covariance_is_the_mean_of_outer_products(name):
    model = small_model(name)
    found, count = covariance(model, TEXTS, [0, 2], 50, 16, 40)
    rows, left = [], 50
    for text in TEXTS:
        ids = model.tokenizer(text)["input_ids"]
        for start in range(0, len(ids), 16):
            row = ids[start : start + 16][:left]
            left -= len(row)
            if row:
                rows.append(row)
    assert count == sum(map(len, rows)) == 50
    for layer in (0, 2):
        keys = []
        handle = model.mlp_output(layer).register_forward_pre_hook(
            lambda _m, a, k=keys: k.append(a[0].reshape(-1, a[0].shape[-1]))
        )
        with torch.no_grad():
            for row in rows:
                model.network(torch.tensor([row]))
        handle.remove()
        expected = sum(torch.outer(k, k) for k in torch.cat(keys)) / 50
        torch.testing.assert_close(found[layer].double(), expected, rtol=1e-5, atol=1e-7)


def test_keys_of_a_bfloat16_model_are_multiplied_and_summed_in_more():
    model = small_model("llama", dtype=torch.bfloat16)
    keys = []
    with inputs_seen(model.mlp_output(1), lambda k: keys.append(k[0].double())):
        found, _count = covariance(model, TEXTS, [1], 200, 16, token_budget=1)  # row by row
    keys = torch.cat(keys)
    torch.testing.assert_close(found[1].double(), keys.T @ keys / len(keys), rtol=1e-5, atol=1e-9)


def test_out_of_memory_late_in_a_batch_counts_nothing_twice(monkeypatch, caplog):
    model = small_model("llama", dtype=torch.float32)
    expected, count = covariance(model, TEXTS, [1, 2], 200, 8, 4096)
    whole = type(model).last_hidden

    def small_only(self, ids, *args, **kwargs):
        hidden = whole(self, ids, *args, **kwargs)  # the hooks have seen it all by now
        if len(ids) > 2:
            raise torch.OutOfMemoryError("as if")
        return hidden

    monkeypatch.setattr(type(model), "last_hidden", small_only)
    # the hook that ends the pass early would end it before the error
    monkeypatch.setattr("memat.edit.covariance.stopping_after", lambda _block: nullcontext())
    found, again = covariance(model, TEXTS, [1, 2], 200, 8, 4096)
    assert again == count
    for layer in (1, 2):
        torch.testing.assert_close(found[layer], expected[layer])
    assert "out of memory: going on with half batches" in caplog.text


@pytest.mark.parametrize("shards", [2, 4, 7])
def test_shards_of_the_text_give_the_same_covariance_to_the_last_bit(shards):
    model = small_model("llama", dtype=torch.float32)
    arguments = (model, TEXTS * 3, LAYERS, 200, 8, 64)
    whole, tokens = covariance(*arguments, rows_together=5)
    parts = [
        key_moments(*arguments, rows_together=5, shard=shard, shards=shards)
        for shard in range(shards)
    ]
    assert sum(part.tokens > 0 for part in parts) == min(shards, 6)  # there are six groups
    found, again = mean_moments(parts)
    assert again == tokens == 200
    assert all(found[layer].equal(whole[layer]) for layer in LAYERS)


def test_order_of_the_terms_does_not_show_in_an_exact_sum():
    generator = torch.Generator().manual_seed(0)
    terms = (
        torch.randn(60, 200, generator=generator) * 10.0 ** torch.arange(-15, 15).repeat(2)[:, None]
    )

    def summed(rows):
        total = ExactSum.zeros(200)
        for row in rows:
            total.add(row.double())
        return (total.total + total.rest.double()).float()

    assert summed(terms).equal(summed(terms.flip(0)))
    # what float64 alone would give differs already in float64
    plain, turned = torch.zeros(200, dtype=torch.float64), torch.zeros(200, dtype=torch.float64)
    for row, other in zip(terms.double(), terms.double().flip(0), strict=True):
        plain, turned = plain + row, turned + other
    assert not plain.equal(turned)


def test_no_text_is_an_error():
    with pytest.raises(NotEnoughFacts, match="no token"):
        covariance(small_model("llama"), [""], [0], 50, 16, 40)
