"""Second moments of the keys against a plain loop; shards and their sum."""

from contextlib import nullcontext

import pytest
import torch

from memat.edit.covariance import key_moments, mean_moments
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
def test_shards_of_the_text_give_the_same_covariance(shards):
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
    for layer in LAYERS:  # up to the last bit of float32
        torch.testing.assert_close(found[layer], whole[layer], rtol=2**-23, atol=0)


def test_no_text_is_an_error():
    with pytest.raises(NotEnoughFacts, match="no token"):
        covariance(small_model("llama"), [""], [0], 50, 16, 40)
