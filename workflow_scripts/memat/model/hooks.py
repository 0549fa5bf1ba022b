"""Looking into a running model, skipping what is known, and stopping when enough is known.

All are context managers, entered where they are made, that leave the model as they found it, also
after an error (a hook of torch takes itself off).
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

import torch
from torch import nn


class _Enough(Exception):
    """Raised inside a forward pass once the last wanted layer has run."""


def hidden_of(output) -> torch.Tensor:
    """Hidden states of a block output, which is a tensor or a tuple that starts with one."""
    return output[0] if isinstance(output, tuple) else output


def inputs_seen(
    module: nn.Module, see: Callable[[torch.Tensor], None]
) -> AbstractContextManager[object]:
    """Call `see` with the first input of a module at every forward pass."""
    return module.register_forward_pre_hook(lambda _module, args: see(args[0]))


def outputs_seen(
    module: nn.Module, see: Callable[[torch.Tensor], None]
) -> AbstractContextManager[object]:
    """Call `see` with the (first) output of a module at every forward pass."""
    return module.register_forward_hook(lambda _module, _args, output: see(hidden_of(output)))


def input_changed(
    module: nn.Module, change: Callable[[torch.Tensor], torch.Tensor]
) -> AbstractContextManager[object]:
    """Replace the first input of a module by `change(input)` at every forward pass."""
    return module.register_forward_pre_hook(lambda _module, args: (change(args[0]), *args[1:]))


def output_changed(
    module: nn.Module, change: Callable[[torch.Tensor], torch.Tensor]
) -> AbstractContextManager[object]:
    """Replace the (first) output of a module by `change(output)` at every forward pass."""

    def hook(_module, _args, output):
        changed = change(hidden_of(output))
        return (changed, *output[1:]) if isinstance(output, tuple) else changed

    return module.register_forward_hook(hook)


@contextmanager
def stopping_after(module: nn.Module) -> Iterator[None]:
    """End the forward pass once `module` has run; what its hooks saw is kept.

    The module's own hooks registered before this one still run first.
    """
    with suppress(_Enough), module.register_forward_hook(_stop):
        yield


@contextmanager
def stopping_before(module: nn.Module) -> Iterator[None]:
    """End the forward pass when `module` is reached; hooks registered earlier saw its input."""
    with suppress(_Enough), module.register_forward_pre_hook(_stop):
        yield


def _stop(*_given: object) -> None:
    raise _Enough


@contextmanager
def blocks_skipped(
    blocks: nn.ModuleList, count: int, hidden: torch.Tensor, tuple_size: int
) -> Iterator[None]:
    """Let the first `count` blocks do nothing and the last of them give out `hidden`.

    tuple_size: 0 where blocks give a tensor, else the length of their output tuple.
    """
    result = hidden if tuple_size == 0 else (hidden, *[None] * (tuple_size - 1))
    skipped = list(blocks)[:count]
    for block in skipped:
        block.forward = lambda *_args, **_kwargs: result
    try:
        yield
    finally:
        for block in skipped:
            del block.forward
