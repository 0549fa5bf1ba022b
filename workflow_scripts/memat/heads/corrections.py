"""Head corrections ω, optimised: eq. (12). Their deployment is `memat.heads.deployment`.

ω starts at zero; Adam over all facts in batches. Under `position: last` ω acts at
the last token of the prompt and the following target positions while training, so
everything before that token and below the first corrected layer is computed once.
Under `position: all` it acts everywhere, as deployed, and rows run as token trees.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

import torch
from torch import nn
from tqdm import tqdm

from memat.errors import NonFiniteValue
from memat.heads.deployment import Corrections, head_slice
from memat.model.editable import EditableModel
from memat.model.hooks import input_changed, inputs_seen
from memat.model.sentences import EditRequest, request_sentence, subject_prompt_sentence
from memat.model.suffix import (
    SuffixBatch,
    SuffixRow,
    prepare_suffixes,
    prepare_trees,
    run_suffixes,
)

log = logging.getLogger("memat")

Heads = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class CorrectionSettings:
    """Settings of the correction optimisation (config section `corrections`).

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
class _Pass:
    """One forward pass of the optimisation and the spots that its losses read.

    row, position: spots in the layout of `batch`, (n_spots,). fact: whose loss, (n_spots,).
    token: wanted next token, or -1 at the end of a KL prompt. plain: bool, whether a spot is
    the end of the fact's plain prompt, which gives head₋₁.
    """

    batch: SuffixBatch
    row: torch.Tensor
    position: torch.Tensor
    fact: torch.Tensor
    token: torch.Tensor
    plain: torch.Tensor


@dataclass(frozen=True)
class _Part:
    """The facts of one update, prepared.

    reference: next-token log-probabilities without ω that each fact is held to, (n_facts,
    vocabulary). head_norms: ‖head₋₁‖ that each ω is measured by, (n_facts, K).
    """

    passes: list[_Pass]
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
    log.info("mean loss per epoch: %s", ", ".join(f"{loss:.3f}" for loss in losses))
    return Corrections(list(heads), omega.detach().cpu(), torch.tensor(losses, dtype=torch.float64))


def _prepare(
    model, requests, contexts, kl_prompt, heads, first_layer, settings, token_budget
) -> _Part:
    rows, starts, spots = [], [], []
    for fact, request in enumerate(requests):
        for number, context in enumerate(contexts):
            sentence = request_sentence(model.tokenizer, request, context)
            end = sentence.target_start - 1
            rows.append(sentence.ids[:-1])
            starts.append(end)
            spots.append(
                [
                    (end + i, fact, token, number == 0 and i == 0)
                    for i, token in enumerate(sentence.target_ids)
                ]
            )
        kl = subject_prompt_sentence(model.tokenizer, request, kl_prompt)
        rows.append(kl.ids)
        starts.append(len(kl.ids) - 1)
        spots.append([(len(kl.ids) - 1, fact, -1, False)])
    if settings.position == "all":
        laid_out = _as_trees(model, rows, first_layer)
    else:
        laid_out = _as_suffixes(model, rows, starts, first_layer, token_budget)
    passes = []
    for batch, places in laid_out:
        found = [
            (*places[row][position], *rest) for row in places for position, *rest in spots[row]
        ]
        columns = (torch.tensor(c, device=model.device) for c in zip(*found, strict=True))
        passes.append(_Pass(batch, *columns))
    reference, norms = _unchanged(model, passes, heads, len(requests))
    return _Part(passes, reference, norms, len(requests))


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


Places = dict[int, dict[int, tuple[int, int]]]


def _as_trees(model, rows, first_layer: int) -> list[tuple[SuffixBatch, Places]]:
    """ω acts everywhere: every distinct beginning of a row is run once in each step."""
    return [
        (
            batch,
            {
                row: {position: (0, node) for position, node in enumerate(path)}
                for row, path in zip(batch.rows.tolist(), paths, strict=True)
            },
        )
        for batch, paths in prepare_trees(model, rows, first_layer)
    ]


def _as_suffixes(
    model, rows, starts, first_layer: int, token_budget: int
) -> list[tuple[SuffixBatch, Places]]:
    """ω acts from `start` on: what comes before is computed once."""
    split = [SuffixRow.split(row, start) for row, start in zip(rows, starts, strict=True)]
    return [
        (
            batch,
            {
                row: {p: (place, p - starts[row]) for p in range(starts[row], len(rows[row]))}
                for place, row in enumerate(batch.rows.tolist())
            },
        )
        for batch in prepare_suffixes(model, split, first_layer, token_budget)
    ]


@torch.no_grad()
def _unchanged(model, passes: list[_Pass], heads, n_facts: int):
    """Each fact's own next-token distribution and head norms without ω."""
    reference, norms = None, torch.zeros(n_facts, len(heads), device=model.device)
    for part in passes:
        seen: dict[int, torch.Tensor] = {}
        with ExitStack() as hooks:
            for layer in {layer for layer, _ in heads}:
                hooks.enter_context(inputs_seen(model.attention_output(layer), _store(seen, layer)))
            hidden = run_suffixes(model, part.batch, part.batch.hidden)[part.row, part.position]
        kl = part.token < 0
        if bool(kl.any()):
            found = model.log_probabilities(hidden[kl])
            if reference is None:
                reference = found.new_zeros(n_facts, found.shape[1])
            reference[part.fact[kl]] = found
        for number, (layer, head) in enumerate(heads):
            at_end = seen[layer][part.row[part.plain], part.position[part.plain]]
            norms[part.fact[part.plain], number] = (
                head_slice(model, at_end, head).float().norm(dim=1)
            )
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
    for step in part.passes:
        with corrected_inputs(model, heads, omega):
            hidden = run_suffixes(model, step.batch, step.batch.hidden)
        now = model.log_probabilities(hidden[step.row, step.position])
        kl = step.token < 0
        surprise = -now[~kl].gather(1, step.token[~kl, None]).sum() / n_contexts
        divergence = (now[kl].exp() * (now[kl] - part.reference[step.fact[kl]])).sum()
        loss = surprise + settings.kl_weight * divergence
        total += float(loss.detach())
        (loss / part.n_facts).backward()
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
