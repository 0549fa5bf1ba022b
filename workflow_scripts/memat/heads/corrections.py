"""Head corrections ω, optimised: eq. (12). Their deployment is `memat.heads.deployment`.

ω starts at zero; Adam over all facts in batches. Under `position: last` ω acts at
the last token of the prompt and the following target positions while training, so
everything before that token and below the first corrected layer is computed once.
Under `position: all` it acts everywhere, as deployed.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import nn
from tqdm import tqdm

from memat.errors import NonFiniteValue
from memat.heads.deployment import Corrections, head_slice
from memat.model.editable import EditableModel
from memat.model.hooks import input_changed, inputs_seen
from memat.model.sentences import EditRequest, request_sentence, subject_prompt_sentence
from memat.model.suffix import SuffixBatch, SuffixRow, prepare_suffixes, run_suffixes

log = logging.getLogger("memat")

Heads = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class CorrectionSettings:
    """Settings of the correction optimisation (config section `corrections`).

    norm_weight: λ_ω of eq. (12). kl_weight: factor of its KL term.
    position: where ω acts while training, `last` or `all`.
    """

    learning_rate: float
    epochs: int
    batch_size: int
    norm_weight: float
    kl_weight: float
    position: str = "last"


@dataclass(frozen=True)
class _Fact:
    """Prepared batches of one optimisation batch of facts, with what its losses need.

    head_norms: ‖head₋₁‖ of every corrected head on every fact, (n_facts, K).
    """

    batches: list[SuffixBatch]
    places: list[list[tuple[int, int, int, int]]]
    reference: torch.Tensor
    head_norms: torch.Tensor
    n_facts: int


def fit_corrections(
    model: EditableModel,
    requests: Sequence[EditRequest],
    contexts: Sequence[str],
    kl_prompt: str,
    heads: Heads,
    settings: CorrectionSettings,
    token_budget: int,
    seed: int,
) -> Corrections:
    """Optimise ω of the given heads on the (edited) model. Raises NonFiniteValue(epoch).

    Facts are shuffled once per epoch (seeded) in batches of `batch_size`; each batch
    makes one Adam step on the mean loss of its facts.
    """
    first_layer = min(layer for layer, _ in heads)
    accurate = torch.float64 if model.dtype == torch.float64 else torch.float32
    omega = torch.zeros(
        len(heads), model.head_dim, dtype=accurate, device=model.device, requires_grad=True
    )
    adam = torch.optim.Adam([omega], lr=settings.learning_rate)
    parts = [
        _prepare(
            model,
            requests[i : i + settings.batch_size],
            contexts,
            kl_prompt,
            heads,
            first_layer,
            settings,
            token_budget,
        )
        for i in range(0, len(requests), settings.batch_size)
    ]
    order = torch.Generator().manual_seed(seed)
    losses = []
    for epoch in tqdm(
        range(settings.epochs), desc=f"corrections of {len(heads)} heads", mininterval=5
    ):
        total = 0.0
        for number in torch.randperm(len(parts), generator=order).tolist():
            adam.zero_grad()
            total += _accumulate(model, parts[number], omega, heads, len(contexts), settings)
            if not bool(omega.grad.isfinite().all()):
                raise NonFiniteValue(f"corrections, epoch {epoch}: the gradient is not finite")
            adam.step()
        losses.append(total / len(requests))
    log.info("mean loss per epoch: %s", ", ".join(f"{loss:.3f}" for loss in losses))
    return Corrections(list(heads), omega.detach().cpu(), torch.tensor(losses, dtype=torch.float64))


def _prepare(
    model, requests, contexts, kl_prompt, heads, first_layer, settings, token_budget
) -> _Fact:
    rows, places = [], []
    for fact, request in enumerate(requests):
        for context in contexts:
            sentence = request_sentence(model.tokenizer, request, context)
            start = sentence.target_start - 1 if settings.position == "last" else 0
            read = sentence.target_start - 1 - start
            rows.append(SuffixRow.split(sentence.ids[:-1], start))
            places.append(
                [
                    (fact, read + i, token, len(sentence.target_ids))
                    for i, token in enumerate(sentence.target_ids)
                ]
            )
        kl = subject_prompt_sentence(model.tokenizer, request, kl_prompt)
        start = len(kl.ids) - 1 if settings.position == "last" else 0
        rows.append(SuffixRow.split(kl.ids, start))
        places.append([(fact, len(kl.ids) - 1 - start, -1, 1)])
    batches = prepare_suffixes(model, rows, first_layer, token_budget)
    reference, norms = _unchanged(model, batches, places, heads, len(requests), len(contexts))
    return _Fact(batches, places, reference, norms, len(requests))


@torch.no_grad()
def _unchanged(model, batches, places, heads, n_facts, n_contexts):
    """This fact's own next-token distribution and head norms without ω."""
    reference, norms = None, None
    for batch in batches:
        seen: dict[int, torch.Tensor] = {}
        with ExitStack() as hooks:
            for layer in {layer for layer, _ in heads}:
                hooks.enter_context(inputs_seen(model.attention_output(layer), _store(seen, layer)))
            hidden = run_suffixes(model, batch, batch.hidden)
        for place, row in enumerate(batch.rows.tolist()):
            fact, position, token, _count = places[row][0]
            if token < 0:
                found = model.log_probabilities(hidden[place, position])
                reference = found.new_zeros(n_facts, len(found)) if reference is None else reference
                reference[fact] = found
            elif row % (n_contexts + 1) == 0:  # the plain prompt: its last token gives head₋₁
                size = [
                    head_slice(model, seen[layer][place, position], head).float().norm()
                    for layer, head in heads
                ]
                norms = (
                    torch.zeros(n_facts, len(heads), device=hidden.device)
                    if norms is None
                    else norms
                )
                norms[fact] = torch.stack(size)
    return reference, norms


def _store(seen: dict, layer: int):
    def keep(heads: torch.Tensor) -> None:
        seen[layer] = heads.detach()

    return keep


def _accumulate(
    model, part: _Fact, omega, heads, n_contexts, settings: CorrectionSettings
) -> float:
    """Add the gradient of the batch's mean loss to ω; returns the summed loss of its facts."""
    total = 0.0
    for batch in part.batches:
        with corrected_inputs(model, heads, omega):
            hidden = run_suffixes(model, batch, batch.hidden)
        loss = _row_losses(model, hidden, batch, part, n_contexts, settings)
        total += float(loss.detach())
        (loss / part.n_facts).backward()
    size = (omega.norm(dim=1) / part.head_norms.to(omega.dtype)) ** 2
    penalty = settings.norm_weight / len(heads) * size.sum()
    (penalty / part.n_facts).backward()
    return total + float(penalty.detach())


def _row_losses(
    model, hidden, batch: SuffixBatch, part: _Fact, n_contexts: int, settings
) -> torch.Tensor:
    spots = [
        (place, *spot) for place, row in enumerate(batch.rows.tolist()) for spot in part.places[row]
    ]
    place, fact, position, token, _count = (
        torch.tensor(c, device=hidden.device) for c in zip(*spots, strict=True)
    )
    now = model.log_probabilities(hidden[place, position])
    kl = token < 0
    surprise = -now[~kl].gather(1, token[~kl, None]).sum() / n_contexts
    divergence = (now[kl].exp() * (now[kl] - part.reference[fact[kl]])).sum()
    return surprise + settings.kl_weight * divergence


@contextmanager
def corrected_inputs(model: EditableModel, heads: Heads, omega: torch.Tensor) -> Iterator[None]:
    """Add ω to the head activations at every position that is run; several heads of a layer add up."""
    by_layer: dict[int, list[int]] = {}
    for number, (layer, _head) in enumerate(heads):
        by_layer.setdefault(layer, []).append(number)
    with ExitStack() as hooks:
        for layer, numbers in by_layer.items():
            shift = omega.new_zeros(model.n_heads * model.head_dim)
            for number in numbers:
                start = heads[number][1] * model.head_dim
                shift = shift + nn.functional.pad(
                    omega[number], (start, len(shift) - start - model.head_dim)
                )
            hooks.enter_context(input_changed(model.attention_output(layer), _adder(shift)))
        yield


def _adder(shift: torch.Tensor):
    return lambda heads: heads + shift.to(heads.dtype)
