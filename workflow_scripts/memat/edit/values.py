"""Value vectors z: what the value layer should give out at the subject's last token.

Meng et al. 2023b, section 4.2 and eq. 14, for many facts at once. Facts do not
interact: the loss of a batch is the sum of the facts' losses, every fact has its
own δ, Adam state, norm bound and stop, so each follows the trajectory it would
follow alone. The plain one-fact loop is `tests/oracles.py`.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from tqdm import tqdm

from memat.errors import ConfigError, NonFiniteValue
from memat.model.batching import run_halving
from memat.model.editable import EditableModel
from memat.model.sentences import EditRequest, Sentence, request_sentence, subject_prompt_sentence
from memat.model.suffix import SuffixBatch, SuffixRow, prepare_suffixes, run_suffixes

log = logging.getLogger("memat")


@dataclass(frozen=True)
class ValueSettings:
    """Settings of the value optimisation (config section `values`).

    clamp: bound of ‖δ‖ in units of ‖h₀‖. stop_loss: a fact below it is finished.
    """

    learning_rate: float
    steps: int
    clamp: float
    weight_decay: float
    kl_factor: float
    stop_loss: float


@dataclass(frozen=True)
class Values:
    """z and h₀, (n_facts, d_model) float32; losses, (n_facts, steps), NaN after a fact's stop."""

    z: torch.Tensor
    initial: torch.Tensor
    losses: torch.Tensor


@dataclass(frozen=True)
class _Scored:
    """Positions of one batch whose next-token distribution enters a loss.

    row, position: where to read, (n,). token: wanted next token, (n,), or -1 for a KL
    position. fact: whose loss, (n,). weight: 1 / (templates · target tokens), (n,).
    """

    row: torch.Tensor
    position: torch.Tensor
    token: torch.Tensor
    fact: torch.Tensor
    weight: torch.Tensor


@dataclass(frozen=True)
class _Rows:
    """All rows of the optimisation, before batching."""

    rows: list[SuffixRow]
    fact: list[int]
    targets: list[tuple[int, ...] | None]
    target_offset: list[int]


def optimise_values(
    model: EditableModel,
    requests: Sequence[EditRequest],
    contexts: Sequence[str],
    kl_prompt: str,
    layer: int,
    settings: ValueSettings,
    token_budget: int,
) -> Values:
    """Optimise δ of every fact and return z = h₀ + δ at the value layer `layer`.

    contexts: templates with `{}` for the prompt; the first must be the plain "{}",
    whose row gives h₀. kl_prompt: "{} is a" in the language of the requests.
    Raises NonFiniteValue(case id), ConfigError (value layer is the model's last).
    """
    if layer + 1 >= model.n_layers:
        raise ConfigError(
            f"the value layer {layer} must be below the last layer, {model.n_layers - 1}"
        )
    rows = _rows_of(model, requests, contexts, kl_prompt)
    batches = prepare_suffixes(model, rows.rows, layer + 1, token_budget)
    initial = _plain_outputs(batches, len(requests), len(contexts))
    work = [(batch, _scored(batch, rows, len(contexts))) for batch in batches]
    reference = _reference(model, work, len(requests))
    return _descend(model, work, initial, reference, requests, settings)


def _rows_of(model, requests, contexts, kl_prompt) -> _Rows:
    """Rows 0 … n_contexts−1 of each fact are its templates, the next is its KL row."""
    rows, fact, targets, offsets = [], [], [], []
    for number, request in enumerate(requests):
        for context in contexts:
            sentence = request_sentence(model.tokenizer, request, context)
            rows.append(SuffixRow.split(sentence.ids[:-1], _subject_last(sentence)))
            targets.append(sentence.target_ids)
            offsets.append(sentence.target_start - 1 - _subject_last(sentence))
        kl = subject_prompt_sentence(model.tokenizer, request, kl_prompt)
        rows.append(SuffixRow.split(kl.ids[: _subject_last(kl) + 1], _subject_last(kl)))
        targets.append(None)
        offsets.append(0)
        fact += [number] * (len(contexts) + 1)
    return _Rows(rows, fact, targets, offsets)


def _subject_last(sentence: Sentence) -> int:
    # a subject that shares its last token with the target is read one token earlier
    return min(sentence.subject_last, sentence.target_start - 1)


def _plain_outputs(batches: list[SuffixBatch], n_facts: int, n_contexts: int) -> torch.Tensor:
    """h₀, (n_facts, d_model): block output at the subject's last token under the plain template."""
    first = batches[0].hidden
    initial = first.new_zeros(n_facts, first.shape[-1])
    for batch in batches:
        plain = batch.rows % (n_contexts + 1) == 0
        initial[batch.rows[plain] // (n_contexts + 1)] = batch.hidden[plain, 0]
    return initial


def _scored(batch: SuffixBatch, rows: _Rows, n_contexts: int) -> _Scored:
    places = []
    for place, number in enumerate(batch.rows.tolist()):
        targets, offset, fact = rows.targets[number], rows.target_offset[number], rows.fact[number]
        if targets is None:
            places.append((place, 0, -1, fact, 1.0))
            continue
        weight = 1.0 / (n_contexts * len(targets))
        places += [(place, offset + i, token, fact, weight) for i, token in enumerate(targets)]
    row, position, token, fact, weight = zip(*places, strict=True)
    device = batch.hidden.device
    whole = [torch.tensor(column, device=device) for column in (row, position, token, fact)]
    return _Scored(*whole, torch.tensor(weight, device=device, dtype=torch.float32))


@torch.no_grad()
def _reference(model, work, n_facts: int) -> torch.Tensor:
    """Log-probabilities at each fact's KL position before any δ, (n_facts, vocabulary)."""
    reference = None
    for batch, scored in work:
        kl = scored.token < 0
        if not bool(kl.any()):
            continue
        hidden = run_suffixes(model, batch, batch.hidden)[scored.row[kl], scored.position[kl]]
        found = model.log_probabilities(hidden)
        if reference is None:
            reference = found.new_zeros(n_facts, found.shape[-1])
        reference[scored.fact[kl]] = found
    return reference


def _descend(model, work, initial, reference, requests, settings: ValueSettings) -> Values:
    accurate = torch.float64 if initial.dtype == torch.float64 else torch.float32
    initial = initial.to(accurate)
    norms = initial.norm(dim=1)
    delta = torch.zeros_like(initial, requires_grad=True)
    adam = _FactwiseAdam(delta, settings.learning_rate)
    active = torch.ones(len(requests), dtype=torch.bool, device=delta.device)
    losses = torch.full((len(requests), settings.steps), torch.nan, dtype=accurate)
    progress = tqdm(range(settings.steps), desc=f"values of {len(requests)} facts", mininterval=5)
    for step in progress:
        work = _without_finished(work, active)
        loss, gradient, work = _loss_and_gradient(model, work, delta, reference, norms, settings)
        _check_finite(loss, gradient, active, requests, step)
        losses[active.cpu(), step] = loss[active].cpu()
        active = active & (loss >= settings.stop_loss)
        progress.set_postfix(active=int(active.sum()), loss=f"{loss.mean():.3f}")
        if not bool(active.any()) or step == settings.steps - 1:
            break
        with torch.no_grad():
            adam.step(gradient, active)
            bound = settings.clamp * norms
            size = delta.norm(dim=1)
            outside = active & (size > bound)
            delta[outside] *= (bound / size)[outside, None]
    return Values((initial + delta.detach()).cpu(), initial.cpu(), losses)


def _loss_and_gradient(model, work, delta, reference, norms, settings: ValueSettings):
    """Loss of every fact, (n_facts,), its gradient in δ, (n_facts, d_model), and the batches
    as they fitted into memory."""
    loss = torch.zeros_like(norms)
    gradient = torch.zeros_like(delta)

    def add(item):
        nonlocal loss, gradient
        part = _batch_loss(model, *item, delta, reference, settings.kl_factor)
        gradient += torch.autograd.grad(part.sum(), delta)[0]
        loss += part.detach()

    fitting = [part for item in work for part in run_halving(item, add, _halves)]
    decay = settings.weight_decay * delta.norm(dim=1) / norms**2
    gradient += torch.autograd.grad(decay.sum(), delta)[0]
    return loss + decay.detach(), gradient, fitting


def _batch_loss(model, batch, scored: _Scored, delta, reference, kl_factor: float) -> torch.Tensor:
    """This batch's share of every fact's loss, (n_facts,)."""
    owner = scored.fact.new_empty(len(batch.rows))
    owner[scored.row] = scored.fact
    shift = torch.zeros_like(batch.hidden)
    shift[:, 0] = delta[owner].to(shift.dtype)
    hidden = run_suffixes(model, batch, batch.hidden + shift)[scored.row, scored.position]
    now = model.log_probabilities(hidden)
    kl = scored.token < 0
    wanted = now[~kl].gather(1, scored.token[~kl, None])[:, 0]
    loss = torch.zeros(len(delta), dtype=now.dtype, device=now.device)
    loss = loss.index_add(0, scored.fact[~kl], -wanted * scored.weight[~kl])
    divergence = (now[kl].exp() * (now[kl] - reference[scored.fact[kl]])).sum(1)
    return loss.index_add(0, scored.fact[kl], kl_factor * divergence)


def _without_finished(work, active: torch.Tensor):
    """Finished facts leave their batches; empty batches leave the work."""
    kept = []
    for batch, scored in work:
        wanted = active[scored.fact]
        if not bool(wanted.any()):
            continue
        if not bool(wanted.all()):
            stays = torch.zeros(len(batch.rows), dtype=torch.bool, device=wanted.device)
            stays[scored.row[wanted]] = True
            batch, scored = _keep(batch, scored, stays)
        kept.append((batch, scored))
    return kept


def _halves(item: tuple[SuffixBatch, _Scored]):
    """Both halves of a batch; None if it holds one row."""
    batch, scored = item
    number = torch.arange(len(batch.rows), device=batch.rows.device)
    first = number < len(number) // 2
    return (_keep(batch, scored, first), _keep(batch, scored, ~first)) if len(number) > 1 else None


def _keep(batch: SuffixBatch, scored: _Scored, stays: torch.Tensor) -> tuple[SuffixBatch, _Scored]:
    """The rows where `stays`, (n,) bool, and what is scored in them."""
    wanted = stays[scored.row]
    renumber = stays.cumsum(0) - 1
    part = _Scored(
        renumber[scored.row[wanted]],
        scored.position[wanted],
        scored.token[wanted],
        scored.fact[wanted],
        scored.weight[wanted],
    )
    return batch.keep(stays), part


def _check_finite(loss, gradient, active, requests, step: int) -> None:
    bad = active & ~(loss.isfinite() & gradient.isfinite().all(1))
    if bool(bad.any()):
        cases = ", ".join(str(requests[i].case_id) for i in bad.nonzero()[:5, 0].tolist())
        raise NonFiniteValue(
            f"value optimisation, step {step}: loss or gradient of case {cases} is not finite"
        )


class _FactwiseAdam:
    """Adam on the rows of one tensor; a finished row keeps its value.

    All rows start together, so one step count serves all. Written out because the
    library's Adam moves finished rows on by momentum. Same update as
    `torch.optim.Adam` with its default betas and eps.
    """

    def __init__(self, rows: torch.Tensor, learning_rate: float, betas=(0.9, 0.999), eps=1e-8):
        self.rows, self.learning_rate, self.betas, self.eps = rows, learning_rate, betas, eps
        self.mean = torch.zeros_like(rows)
        self.square = torch.zeros_like(rows)
        self.count = 0

    def step(self, gradient: torch.Tensor, active: torch.Tensor) -> None:
        self.count += 1
        first, second = self.betas
        self.mean.lerp_(gradient, 1 - first)
        self.square.mul_(second).addcmul_(gradient, gradient, value=1 - second)
        denominator = (self.square / (1 - second**self.count)).sqrt_() + self.eps
        update = self.mean / denominator * (self.learning_rate / (1 - first**self.count))
        self.rows -= update * active[:, None]
