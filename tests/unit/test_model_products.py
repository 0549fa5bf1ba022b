"""Products of a float32 model, and next tokens of a vocabulary in slices."""

import pytest
import torch
from torch import nn

from memat.model import vocabulary
from memat.model.products import OneDnnLinear, product, use_onednn
from memat.model.vocabulary import greedy_tokens, read_next_tokens
from small_models import small_model

X = torch.randn(3, 5, 24, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def layer(bias: bool = True) -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(24, 40, bias=bias).requires_grad_(False)


def swapped(bias: bool = True) -> nn.Sequential:
    network = nn.Sequential(layer(bias))
    use_onednn(network)
    return network


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(3, 5, 24), (15, 24), (24,), (0, 24)])
def test_the_product_and_its_gradient_are_those_of_float64(bias, shape):
    plain, network = layer(bias), swapped(bias)
    assert type(network[0]) is OneDnnLinear
    exact = X.flatten()[: torch.Size(shape).numel()].view(shape).clone().requires_grad_()
    x = exact.detach().float().requires_grad_()
    wanted, found = plain.double()(exact), network(x)
    torch.testing.assert_close(found.double(), wanted, rtol=1e-5, atol=1e-6)
    weight = torch.randn(wanted.shape, generator=torch.Generator().manual_seed(2)).double()
    (wanted * weight).sum().backward()
    (found * weight.float()).sum().backward()
    torch.testing.assert_close(x.grad.double(), exact.grad, rtol=1e-5, atol=1e-6)


def test_an_edit_of_the_weights_counts_at_once():
    network, x = swapped(), X.float()
    before = network(x)
    network[0].weight[7] += 1
    change = network(x) - before
    torch.testing.assert_close(change[..., 7], x.sum(-1), rtol=1e-4, atol=1e-4)
    assert not change[..., [*range(7), *range(8, 40)]].any()


def by_onednn(y: torch.Tensor) -> bool:
    return type(y.grad_fn).__name__ == "_ProductBackward"


def test_products_of_float32_are_onednns_and_others_as_usual():
    assert by_onednn(swapped()(X.float().requires_grad_()))
    for kind in (torch.float64, torch.bfloat16):
        plain = layer().to(kind)
        x = X.to(kind).requires_grad_()
        found = product(x, plain.weight, plain.bias)
        assert not by_onednn(found)
        assert torch.equal(found, plain(x))


@pytest.mark.parametrize("trained", [["weight", "bias"], ["bias"], ["weight"]])
def test_weights_that_are_trained_get_their_gradient(trained):
    plain, network = layer(), swapped()
    for linear in (plain, network[0]):
        for name in trained:
            getattr(linear, name).requires_grad_(True)
        linear(X.float()).square().sum().backward()
    for name in trained:
        assert torch.equal(getattr(network[0], name).grad, getattr(plain, name).grad)


def test_mixed_precision_is_as_usual():
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(swapped()(X.float()), layer()(X.float()))


def test_a_gradient_has_a_gradient():
    plain, network = layer(), swapped()
    found = []
    for linear in (plain, network):
        x = X.float().requires_grad_()
        (first,) = torch.autograd.grad(linear(x).pow(3).sum(), x, create_graph=True)
        found.append(torch.autograd.grad(first.square().sum(), x)[0])
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-4)


def test_a_network_is_exported_as_usual():
    exported = torch.export.export(swapped(), (X.float(),))
    torch.testing.assert_close(exported.module()(X.float()), layer()(X.float()))


def test_a_subclass_keeps_its_own_way_of_multiplying():
    class Doubled(nn.Linear):
        def forward(self, x):
            return 2 * super().forward(x)

    network = nn.Sequential(Doubled(24, 40))
    use_onednn(network)
    assert type(network[0]) is Doubled


# Gemma 2 bounds its logits; GPT-J's head has a bias
@pytest.mark.parametrize("name", ["llama", "gemma2", "gptj"])
@pytest.mark.parametrize("positions_together", [1, 4, 256])
@pytest.mark.parametrize("words_together", [7, 1000])
def test_next_tokens_are_those_of_the_whole_distribution(
    monkeypatch, name, positions_together, words_together
):
    monkeypatch.setattr(vocabulary, "POSITIONS_TOGETHER", positions_together)
    monkeypatch.setattr(vocabulary, "WORDS_TOGETHER", words_together)
    model = small_model(name)
    hidden = 4 * torch.randn(9, model.d_model, dtype=torch.float64)
    logits = model.network.get_output_embeddings()(hidden)
    if name == "gemma2":
        logits = 10 * (logits / 10).tanh()
    position = torch.tensor([0, 0, 3, 8, 5, 3])
    token = torch.tensor([0, model.vocabulary_size - 1, 7, 6, 100, 7])
    found = read_next_tokens(model, hidden, position, token)
    wanted = logits.log_softmax(-1)[position, token]
    torch.testing.assert_close(found.log_probability, wanted, rtol=1e-12, atol=1e-12)
    assert torch.equal(found.greedy, logits.argmax(-1))
    assert torch.equal(greedy_tokens(model, hidden), logits.argmax(-1))


def test_a_position_that_is_not_finite_spoils_no_other():
    model = small_model("llama", torch.float32)
    hidden = torch.randn(3, model.d_model)
    asked = torch.tensor([0, 1, 2]), torch.tensor([4, 5, 6])
    whole = read_next_tokens(model, hidden, *asked).log_probability
    hidden[1, 0] = torch.nan
    found = read_next_tokens(model, hidden, *asked).log_probability
    assert found.isfinite().tolist() == [True, False, True]
    assert torch.equal(found[[0, 2]], whole[[0, 2]])
