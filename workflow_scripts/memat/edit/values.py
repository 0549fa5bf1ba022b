"""Value vectors z: what the value layer should give out at the subject's last token.

Meng et al. 2023b, section 4.2 and eq. 14, for many facts at once. Facts do not interact: each
follows, with its own δ, Adam state, norm bound and stop, the trajectory it would follow alone. PMET
(Li et al. 2023) has two δs per fact, at two hook points of the value layer; layerwise values
(`memat.edit.spread`) have one in every edit layer; a joint δ (the paper's appendix H) serves the
prompts of several languages. The plain one-fact loop is `tests/oracles.py`.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from tqdm import tqdm

from memat.edit.hook_points import HookPoints
from memat.edit.requests import named_cases
from memat.edit.solver import DEFAULT, can_be_joint
from memat.edit.spread import RESIDUAL, hook_points_of
from memat.edit.value_rows import ValueBatch, ValueRow, fact_rows, row_batches, without_finished
from memat.errors import ConfigError, NonFiniteValue
from memat.model.batching import run_halving
from memat.model.editable import EditableModel
from memat.model.hooks import output_changed, outputs_seen, stopping_after
from memat.model.sentences import EditRequest
from memat.model.suffix import run_suffixes


@dataclass(frozen=True)
class ValueSettings:
    """Config section `values`. clamp: bound of each ‖δ‖ in units of the ‖h₀‖ at its hook point.
    stop_loss: facts below it are finished. spread: `residual` or `layerwise`."""

    learning_rate: float
    steps: int
    clamp: float
    weight_decay: float
    kl_factor: float
    stop_loss: float
    spread: str = RESIDUAL


@dataclass(frozen=True)
class Values:
    """z and h₀, (n_facts, d_model), with n_languages before that where δ is joint and n_layers before
    all where spread is layerwise; float32, or float64 of a float64 model. losses: (n_facts, steps),
    NaN after a fact's stop."""

    z: torch.Tensor
    initial: torch.Tensor
    losses: torch.Tensor


def no_values(n_languages: int, d_model: int, steps: int) -> Values:
    """Of no facts: those of a shard behind the last fact that has the languages of an edit."""
    empty = torch.zeros(n_languages, 0, d_model)
    return Values(empty, empty, torch.zeros(0, steps))


def optimise_values(
    model: EditableModel,
    requests_by_language: Sequence[Sequence[EditRequest]],
    contexts_by_language: Sequence[Sequence[str]],
    kl_prompts: Sequence[str],
    layers: Sequence[int],
    settings: ValueSettings,
    token_budget: int,
    solver: str = DEFAULT,
) -> Values:
    """Optimise δ of every fact and return z = h₀ + δ at the value layer, the last of `layers`.

    The same facts in the same order in every language: a fact has one δ for its prompts in all of
    them (the paper's appendix H). NLL is averaged over all templates, KL over languages; ‖h₀‖ in
    clamp and weight decay is the mean over languages. z and h₀ are (n_languages, n_facts, d_model).
    Layerwise there is a δ in each layer, on the output u of its MLP projection; z of a layer is
    that output with all δ in place, and u under the plain template takes the place of h₀: n_layers
    come first in their shape.
    contexts: templates with `{}` for the prompt; the first must be the plain "{}", whose row gives
    h₀. kl_prompts: "{} is a" in each language. solver: at whose hook points δ is added; of
    several, what is returned is of the target module. Raises NonFiniteValue(case id), ConfigError
    (value layer is the model's last, facts, solver of one language, spread).
    """
    rows = fact_rows(model, requests_by_language, contexts_by_language, kl_prompts)
    return optimise_on_rows(
        model, requests_by_language, rows, layers, settings, token_budget, solver
    )


def optimise_on_rows(
    model: EditableModel,
    requests_by_language: Sequence[Sequence[EditRequest]],
    rows: Sequence[ValueRow],
    layers: Sequence[int],
    settings: ValueSettings,
    token_budget: int,
    solver: str,
    wanted: torch.Tensor | None = None,
) -> Values:
    """As `optimise_values`, from rows of one's own: NLL of their targets, KL(now ‖ reference).

    `request` of a row without targets numbers its reference; a fact's plain row has the fact's.
    wanted: the first references, (n, vocabulary) log-probabilities; others are the model's own.
    """
    _check_task(model, requests_by_language, layers[-1], solver)
    requests, n_languages = requests_by_language[0], len(requests_by_language)
    points = hook_points_of(model, layers, solver, settings.spread)
    batches = row_batches(model, rows, points.first_layer, token_budget)
    initial = _plain_outputs(model, points, batches, n_languages, len(requests), None)
    reference = _reference(model, batches, 1 + max(row.request for row in rows))
    if wanted is not None:
        reference[: len(wanted)] = wanted
    return _descend(model, points, batches, initial, reference, requests, settings)


def _check_task(model, requests_by_language, layer: int, solver: str) -> None:
    if layer + 1 >= model.n_layers:
        raise ConfigError(
            f"the value layer {layer} must be below the last layer, {model.n_layers - 1}"
        )
    if len(requests_by_language) > 1 and not can_be_joint(solver):
        raise ConfigError(f"solver {solver} finds no δ that several languages share")
    cases = [[request.case_id for request in requests] for requests in requests_by_language]
    if any(others != cases[0] for others in cases[1:]):
        raise ConfigError("a shared δ needs the same facts in the same order in every language")


@torch.no_grad()
def _plain_outputs(
    model,
    points: HookPoints,
    batches: list[ValueBatch],
    n_languages: int,
    n_facts: int,
    delta: torch.Tensor | None,
) -> torch.Tensor:
    """Outputs at the subject's last token under the plain template, with δ in place if it is
    given: h₀ and z, (n_languages, n_facts, n_points, d_model)."""
    n_points, d_model = len(points.modules), model.d_model
    initial = batches[0].suffixes.hidden.new_zeros(n_languages * n_facts, n_points, d_model)

    def store(requests: torch.Tensor, point: int):
        def keep(hidden):
            # some blocks add to this tensor in place later on: what is kept must be a copy
            initial[requests, point] = hidden.reshape(len(requests), -1, d_model)[:, 0]

        return keep

    for batch in batches:
        if not bool(batch.plain.any()):
            continue
        plain = batch.keep(batch.plain)
        with ExitStack() as hooks:
            if delta is not None:
                hooks.enter_context(_shifted(points, delta[plain.fact]))
            for point, module in enumerate(points.modules):
                hooks.enter_context(outputs_seen(module, store(plain.request, point)))
            hooks.enter_context(stopping_after(points.block))
            run_suffixes(model, plain.suffixes, plain.suffixes.hidden)
    return initial.view(n_languages, n_facts, n_points, d_model)


@torch.no_grad()
def _reference(model, batches: list[ValueBatch], n_requests: int) -> torch.Tensor:
    """Log-probabilities at each request's KL position before any δ, (n_requests, vocabulary)."""
    reference = None
    for batch in batches:
        kl = batch.token < 0
        if not bool(kl.any()):
            continue
        row, position = batch.row[kl], batch.position[kl]
        found = model.log_probabilities(
            run_suffixes(model, batch.suffixes, batch.suffixes.hidden)[row, position]
        )
        if reference is None:
            reference = found.new_zeros(n_requests, found.shape[-1])
        reference[batch.request[row]] = found
    return reference


class FactwiseAdam:
    """Adam on the facts of one tensor, (n_facts, n_points, d_model); a finished fact keeps its δs.

    All facts start together, so one step count serves all. Written out because the library's Adam
    moves finished facts on by momentum; same update as `torch.optim.Adam` with its defaults.
    """

    def __init__(self, delta: torch.Tensor, learning_rate: float):
        self.delta, self.learning_rate, self.count = delta, learning_rate, 0
        self.mean, self.square = torch.zeros_like(delta), torch.zeros_like(delta)

    def step(self, gradient: torch.Tensor, active: torch.Tensor) -> None:
        self.count += 1
        first, second = 0.9, 0.999
        self.mean.lerp_(gradient, 1 - first)
        self.square.mul_(second).addcmul_(gradient, gradient, value=1 - second)
        denominator = (self.square / (1 - second**self.count)).sqrt_() + 1e-8
        update = self.mean / denominator * (self.learning_rate / (1 - first**self.count))
        self.delta -= update * active[:, None, None]


def _descend(
    model, points, all_batches, initial, reference, requests, settings: ValueSettings
) -> Values:
    accurate = torch.promote_types(initial.dtype, torch.float32)
    initial = initial.to(accurate)
    norms = initial.norm(dim=-1).mean(0)
    delta = torch.zeros_like(initial[0], requires_grad=True)
    adam = FactwiseAdam(delta, settings.learning_rate)
    active = torch.ones(len(requests), dtype=torch.bool, device=delta.device)
    losses = torch.full((len(requests), settings.steps), torch.nan, dtype=accurate)
    batches = all_batches
    progress = tqdm(range(settings.steps), desc=f"values of {len(requests)} facts", mininterval=5)
    for step in progress:
        batches = without_finished(batches, active)
        loss, gradient, batches = _loss_and_gradient(
            model, points, batches, delta, reference, norms, settings
        )
        _check_finite(loss, gradient, active, requests, step)
        losses[active.cpu(), step] = loss[active].cpu()
        active = active & (loss >= settings.stop_loss)
        progress.set_postfix(active=int(active.sum()), loss=f"{loss.mean():.3f}")
        if not bool(active.any()) or step == settings.steps - 1:
            break
        with torch.no_grad():
            adam.step(gradient, active)
            bound = settings.clamp * norms
            size = delta.norm(dim=-1)
            outside = active[:, None] & (size > bound)
            delta[outside] *= (bound / size)[outside, None]
    if points.layerwise:
        # not u + δ: the δs below change what a layer is asked
        z = _plain_outputs(model, points, all_batches, *initial.shape[:2], delta.detach())
        both = (part.to(accurate).permute(2, 0, 1, 3).cpu() for part in (z, initial))
        return Values(*both, losses)
    of_target = initial[:, :, -1]
    return Values((of_target + delta.detach()[:, -1]).cpu(), of_target.cpu(), losses)


def _loss_and_gradient(model, points, batches, delta, reference, norms, settings: ValueSettings):
    """Losses, (n_facts,), their gradient in δ, (n_facts, n_points, d_model), and fitting batches."""
    loss = norms.new_zeros(len(norms))
    gradient = torch.zeros_like(delta)

    def add(batch):
        nonlocal loss, gradient
        part = _batch_loss(model, points, batch, delta, reference, settings.kl_factor)
        gradient += torch.autograd.grad(part.sum(), delta)[0]
        loss += part.detach()

    fitting = [part for batch in batches for part in run_halving(batch, add, ValueBatch.halves)]
    sizes = delta.norm(dim=-1) / norms**2
    # as many δs as layers would make the decay most of the loss
    decay = settings.weight_decay * (sizes.mean(1) if points.layerwise else sizes.sum(1))
    gradient += torch.autograd.grad(decay.sum(), delta)[0]
    return loss + decay.detach(), gradient, fitting


def _batch_loss(
    model, points, batch: ValueBatch, delta, reference, kl_factor: float
) -> torch.Tensor:
    """This batch's share of every fact's loss, (n_facts,)."""
    with _shifted(points, delta[batch.fact]):
        hidden = run_suffixes(model, batch.suffixes, batch.suffixes.hidden)
    now = model.log_probabilities(hidden[batch.row, batch.position])
    kl, fact = batch.token < 0, batch.fact[batch.row]
    wanted = now[~kl].gather(1, batch.token[~kl, None])[:, 0]
    loss = torch.zeros(len(delta), dtype=now.dtype, device=now.device)
    loss = loss.index_add(0, fact[~kl], -wanted * batch.weight[~kl])
    before = reference[batch.request[batch.row[kl]]]
    divergence = (now[kl].exp() * (now[kl] - before)).sum(1) * batch.weight[kl]
    return loss.index_add(0, fact[kl], kl_factor * divergence)


@contextmanager
def _shifted(points: HookPoints, shift: torch.Tensor) -> Iterator[None]:
    """Add each hook point's δ, shift: (n_rows, n_points, d_model), at the subject's last token."""
    with ExitStack() as hooks:
        for point, module in enumerate(points.modules):
            hooks.enter_context(output_changed(module, _adder(shift[:, point])))
        yield


def _adder(shift: torch.Tensor):
    def add(hidden: torch.Tensor) -> torch.Tensor:
        # OPT flattens rows and positions before its projection, the others do not
        by_row = hidden.reshape(len(shift), -1, shift.shape[-1])
        first = by_row[:, :1] + shift[:, None].to(hidden.dtype)
        return torch.cat([first, by_row[:, 1:]], 1).view_as(hidden)

    return add


def _check_finite(loss, gradient, active, requests, step: int) -> None:
    bad = active & ~(loss.isfinite() & gradient.flatten(1).isfinite().all(1))
    if bool(bad.any()):
        raise NonFiniteValue(
            f"value optimisation, step {step}: loss or gradient of case "
            f"{named_cases(requests, bad)} is not finite"
        )
