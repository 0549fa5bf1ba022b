"""Matrix products of a float32 model on a processor: oneDNN's.

PyTorch takes MKL's by itself, which leaves the widest instructions of a processor unused that is
not Intel's. The two differ by rounding only.
"""

import torch
from torch import nn


def use_onednn(network: nn.Module) -> None:
    """From now on every `nn.Linear` of the network multiplies with `product`."""
    for module in network.modules():
        if type(module) is nn.Linear:  # a subclass has its own way of multiplying
            module.__class__ = OneDnnLinear


class OneDnnLinear(nn.Linear):
    """`nn.Linear` by `product`. The weights stay where they are, so that edits of them count."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return product(x, self.weight, self.bias)


def product(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None
) -> torch.Tensor:
    """x Wᵀ + b, (…, out); x: (…, in), weight: (out, in). Differentiable.

    Other number formats, other devices, weights that are trained and what is compiled or run in
    mixed precision are multiplied as usual.
    """
    if not _serves(x, weight, bias):
        return nn.functional.linear(x, weight, bias)
    return _Product.apply(x, weight, bias)


class _Product(torch.autograd.Function):
    """Keeps nothing but the weights for the way back."""

    @staticmethod
    def forward(ctx, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None):
        ctx.save_for_backward(weight)
        return _onednn_linear(x, weight, bias)

    @staticmethod
    def backward(ctx, gradient: torch.Tensor):
        (weight,) = ctx.saved_tensors
        if torch.is_grad_enabled():  # a gradient of this gradient is asked for
            return gradient @ weight, None, None
        return _onednn_linear(gradient, weight.T, None), None, None


def _onednn_linear(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None
) -> torch.Tensor:
    """On ordinary tensors: the public way, `x.to_mkldnn()`, copies x and the result."""
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")


def _serves(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> bool:
    return (
        x.dtype == weight.dtype == torch.float32
        and x.device.type == weight.device.type == "cpu"
        and x.ndim > 1
        and x.numel() > 0
        and not (weight.requires_grad or (bias is not None and bias.requires_grad))
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
        and torch.backends.mkldnn.is_available()
    )
