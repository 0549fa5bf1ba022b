"""Head corrections ω, optimised: eq. (12). Their deployment is `memat.heads.deployment`.

ω starts at zero; Adam over all facts in batches. What each step runs and reads is in
`memat.heads.correction_passes`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

import torch
from torch import nn
from tqdm import tqdm

from memat.errors import NonFiniteValue
from memat.heads.correction_passes import Pass, lay_out_passes, read_sentences, run_passes
from memat.heads.deployment import Corrections, Heads, head_slice
from memat.model.editable import EditableModel
from memat.model.hooks import input_changed, inputs_seen
from memat.model.sentences import EditRequest
from memat.model.suffix import run_suffixes


@dataclass(frozen=True)
class CorrectionSettings:
    """Settings of the correction optimisation (config section `corrections`, and `reproduce`).

    norm_weight: λ_ω of eq. (12). kl_weight: factor of its KL term.
    position: where ω acts while training, `last` or `all`.
    kl_reference: the distribution without ω of the KL term, each fact's `own` or the
    `first_fact`'s for all. correction_norm: what ‖ω‖ is divided by, ‖head₋₁‖ of a fact's and
    head's `own` or one `shared` by all. What is not `own` is the released code: `_share_first`.
    """

    learning_rate: float
    epochs: int
    batch_size: int
    norm_weight: float
    kl_weight: float
    position: str = "last"
    kl_reference: str = "own"
    correction_norm: str = "own"


@dataclass(frozen=True)
class _Part:
    """The facts of one update, prepared.

    lay_out: passes that run the sentences of given numbers. passes: those of all; they become
    smaller where memory runs out. reference: next-token log-probabilities without ω that each
    fact is held to, (n_facts, vocabulary). head_norms: ‖head₋₁‖ that each ω is measured by,
    (n_facts, K).
    """

    lay_out: Callable[[list[int]], list[Pass]]
    passes: list[Pass]
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
    parts = _share_first(parts, heads, settings)
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
    return Corrections(list(heads), omega.detach().cpu(), torch.tensor(losses, dtype=torch.float64))


def _prepare(
    model, requests, contexts, kl_prompt, heads, first_layer, settings, token_budget
) -> _Part:
    sentences = read_sentences(model, requests, contexts, kl_prompt)

    def lay_out(numbers: list[int]) -> list[Pass]:
        return lay_out_passes(
            model, sentences, numbers, first_layer, settings.position, token_budget
        )

    passes = lay_out(list(range(len(sentences.ids))))
    reference, norms = _unchanged(model, lay_out, passes, heads, len(requests))
    return _Part(lay_out, passes, reference, norms, len(requests))


def _share_first(parts: list[_Part], heads: Heads, settings: CorrectionSettings) -> list[_Part]:
    """What the released code keeps from the first fact it sees, for all facts of all updates.

    `kl_reference: first_fact`: the distribution without ω after that fact's KL prompt.
    `correction_norm: shared`: ‖head₋₁‖ on that fact of the head a forward pass reaches first,
    which is the one of the lowest corrected layer (the best ranked of several there). The
    first fact is the first of `requests`, however the updates are shuffled.
    """
    reference = parts[0].reference[:1].clone()
    reached_first = min(range(len(heads)), key=lambda number: heads[number][0])
    norm = parts[0].head_norms[0, reached_first]
    if settings.kl_reference == "first_fact":
        parts = [replace(p, reference=reference.expand_as(p.reference)) for p in parts]
    if settings.correction_norm == "shared":
        parts = [replace(p, head_norms=norm.expand_as(p.head_norms)) for p in parts]
    return parts


@torch.no_grad()
def _unchanged(model, lay_out, passes: list[Pass], heads, n_facts: int):
    """Each fact's own next-token distribution and head norms without ω."""
    kind = torch.float64 if model.dtype == torch.float64 else torch.float32
    reference = torch.zeros(n_facts, model.vocabulary_size, dtype=kind, device=model.device)
    norms = torch.zeros(n_facts, len(heads), device=model.device)

    def read(part: Pass) -> None:
        seen: dict[int, torch.Tensor] = {}
        with ExitStack() as hooks:
            for layer in {layer for layer, _ in heads}:
                hooks.enter_context(inputs_seen(model.attention_output(layer), _store(seen, layer)))
            hidden = run_suffixes(model, part.batch, part.batch.hidden)[part.row, part.position]
        kl = part.token < 0
        if bool(kl.any()):
            reference[part.fact[kl]] = model.log_probabilities(hidden[kl])
        for number, (layer, head) in enumerate(heads):
            at_end = seen[layer][part.row[part.plain], part.position[part.plain]]
            norms[part.fact[part.plain], number] = (
                head_slice(model, at_end, head).float().norm(dim=1)
            )

    run_passes(lay_out, passes, read)
    return reference, norms


def _store(seen: dict, layer: int):
    def keep(heads: torch.Tensor) -> None:
        seen[layer] = heads.detach()

    return keep


def _accumulate(
    model, part: _Part, omega, heads, n_contexts, settings: CorrectionSettings
) -> float:
    """Add the gradient of the batch's mean loss to ω; returns the summed loss of its facts."""
    total = 0.0

    def add(step: Pass) -> None:
        nonlocal total
        with corrected_inputs(model, heads, omega):
            hidden = run_suffixes(model, step.batch, step.batch.hidden)
        now = model.log_probabilities(hidden[step.row, step.position])
        kl = step.token < 0
        nll = -now[~kl].gather(1, step.token[~kl, None]).sum() / n_contexts
        divergence = (now[kl].exp() * (now[kl] - part.reference[step.fact[kl]])).sum()
        loss = nll + settings.kl_weight * divergence
        (loss / part.n_facts).backward()  # ω's gradient is added to at its very end
        total += float(loss.detach())

    run_passes(part.lay_out, part.passes, add)
    size = (omega.norm(dim=1) / part.head_norms.to(omega.dtype)) ** 2
    penalty = settings.norm_weight / len(heads) * size.sum()
    (penalty / part.n_facts).backward()
    return total + float(penalty.detach())


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
