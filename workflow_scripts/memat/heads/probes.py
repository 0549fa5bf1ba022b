"""Sigmoid probes: one logistic regression per attention head, all heads at once.

Section 5.2 and appendix D of the paper. Each head's problem is scikit-learn's
(½‖w‖² + C·Σ log-loss, intercept free), solved by Newton's method with a step
halved until the objective falls; the heads are one batched dimension.
"""

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import torch

from memat.errors import EmptySplit, NotConverged
from memat.heads.activations import HeadActivations

# numbers of the features of one batch of heads: float64 copies of them stay below 1 GB, and a
# batch of 2,000 sentences is 60 heads
AT_ONCE = 8_000_000


@dataclass(frozen=True)
class ProbeSettings:
    """Settings of the probes (config section `probes`).

    c: inverse regularisation, as scikit-learn's C. train, validation: shares of the
    groups (the rest is the test set). group: `fact`, or `object` so that a probe
    cannot learn who the object is. standardise: scale features by the training set.
    """

    c: float
    train: float
    validation: float
    group: str = "fact"
    standardise: bool = False
    max_iterations: int = 100
    tolerance: float = 1e-6


@dataclass(frozen=True)
class Split:
    """Masks over sentences, each (n_sentences,) bool; no group stands on two sides."""

    train: torch.Tensor
    validation: torch.Tensor
    test: torch.Tensor


@dataclass(frozen=True)
class Probes:
    """weights: (n_layers, n_heads, head_dim), biases and accuracies: (n_layers, n_heads)."""

    weights: torch.Tensor
    biases: torch.Tensor
    train_accuracy: torch.Tensor
    accuracy: torch.Tensor
    test_accuracy: torch.Tensor


def split_sentences(groups: torch.Tensor, settings: ProbeSettings, seed: int) -> Split:
    """Cut the sentences by group (case ids, or objects). Raises EmptySplit(side)."""
    distinct = np.unique(groups.numpy())
    shuffled = np.random.default_rng(seed).permutation(distinct)
    n_train = round(settings.train * len(shuffled))
    n_validation = round(settings.validation * len(shuffled))
    sides = np.split(shuffled, [n_train, n_train + n_validation])
    masks = [torch.from_numpy(np.isin(groups.numpy(), side)) for side in sides]
    for name, side in zip(("training", "validation"), sides, strict=False):
        if not len(side):
            raise EmptySplit(
                f"probes: the {name} side of the split is empty with {len(distinct)} groups; "
                "use more facts, or activations.refine: false"
            )
    return Split(*masks)


def train_probes(
    activations: HeadActivations, groups: torch.Tensor, settings: ProbeSettings, seed: int
) -> Probes:
    """Fit every head's probe on the training side and measure it on all three.

    activations.values: (n_sentences, n_layers, n_heads, head_dim); groups: (n_sentences,).
    Raises EmptySplit, NotConverged(layer, head).
    """
    split = split_sentences(groups, settings, seed)
    n, n_layers, n_heads, head_dim = activations.values.shape
    heads = activations.values.reshape(n, n_layers * n_heads, head_dim)
    at_once = max(1, AT_ONCE // (n * (head_dim + 1)))
    parts = [
        _train_part(heads[:, first : first + at_once], activations.labels, split, settings)
        for first in range(0, n_layers * n_heads, at_once)
    ]
    weights, biases, converged, *accuracies = (
        torch.cat(column) for column in zip(*parts, strict=True)
    )
    if not bool(converged.all()):
        layer, head = divmod(int((~converged).nonzero()[0]), n_heads)
        raise NotConverged(
            f"probe of layer {layer}, head {head} did not converge in {settings.max_iterations} steps"
        )
    return Probes(
        weights.view(n_layers, n_heads, head_dim),
        biases.view(n_layers, n_heads),
        *(accuracy.view(n_layers, n_heads) for accuracy in accuracies),
    )


def _train_part(heads: torch.Tensor, labels: torch.Tensor, split: Split, settings: ProbeSettings):
    """Probes of some heads, (n_sentences, k, head_dim): weights and biases for raw features,
    whether each converged, and its accuracy on the three sides."""
    features, labels = heads.transpose(0, 1).double(), labels.double()
    inside = features[:, split.train]
    centre = inside.mean(1, keepdim=True) if settings.standardise else torch.zeros(1, 1, 1).double()
    scale = (
        inside.std(1, keepdim=True).clamp_min(1e-12)
        if settings.standardise
        else torch.ones(1, 1, 1).double()
    )
    scaled = (features - centre) / scale
    weights, biases, converged = fit_logistic(scaled[:, split.train], labels[split.train], settings)
    right = ((scaled @ weights[:, :, None])[:, :, 0] + biases[:, None] > 0) == (labels > 0.5)
    accuracies = [
        right[:, side].double().mean(1) for side in (split.train, split.validation, split.test)
    ]
    raw = weights / scale[:, 0]
    return raw, biases - (raw * centre[:, 0]).sum(1), converged, *accuracies


def fit_logistic(features: torch.Tensor, labels: torch.Tensor, settings: ProbeSettings):
    """Minimise ½‖w‖² + C·Σ log-loss for a stack of problems with shared labels.

    features: (n_problems, n, d) float64; labels: (n,) of 0 and 1.
    Returns weights (n_problems, d), biases (n_problems,), converged (n_problems,) bool.
    """
    n_problems, n, d = features.shape
    design = torch.cat([features, torch.ones(n_problems, n, 1, dtype=features.dtype)], 2)
    penalty = torch.ones(d + 1, dtype=features.dtype)
    penalty[-1] = 0
    solution = torch.zeros(n_problems, d + 1, dtype=features.dtype)
    open_problems = torch.arange(n_problems)
    objective = _objective(design, labels, solution, penalty, settings.c)
    for _ in range(settings.max_iterations):
        part, current = design[open_problems], solution[open_problems]
        probability = torch.sigmoid((part @ current[:, :, None])[:, :, 0])
        gradient = settings.c * ((probability - labels)[:, None] @ part)[:, 0] + penalty * current
        unsolved = gradient.abs().amax(1) > settings.tolerance
        open_problems = open_problems[unsolved]
        if not len(open_problems):
            break
        part, current, gradient = part[unsolved], current[unsolved], gradient[unsolved]
        curvature = settings.c * (probability * (1 - probability))[unsolved]
        hessian = part.transpose(1, 2) @ (curvature[:, :, None] * part) + torch.diag(
            penalty + 1e-12
        )
        direction = torch.linalg.solve(hessian, gradient)
        step = torch.ones(len(part), dtype=features.dtype)
        before = objective[open_problems]
        for _halving in range(40):
            trial = current - step[:, None] * direction
            after = _objective(part, labels, trial, penalty, settings.c)
            slope = (gradient * direction).sum(1)
            bad = after > before - 1e-4 * step * slope + 1e-12 * before.abs()
            if not bool(bad.any()):
                break
            step[bad] /= 2
        solution[open_problems], objective[open_problems] = trial, after
    converged = torch.ones(n_problems, dtype=torch.bool)
    converged[open_problems] = False
    return solution[:, :-1], solution[:, -1], converged


def _objective(design, labels, solution, penalty, c: float) -> torch.Tensor:
    margin = (design @ solution[:, :, None])[:, :, 0]
    loss = torch.nn.functional.softplus(margin) - labels * margin
    return c * loss.sum(1) + 0.5 * (penalty * solution**2).sum(1)


def rank_heads(probes: Probes, shuffled: torch.Tensor) -> pl.DataFrame:
    """One row per head, best validation accuracy first (eq. 11); ties go by layer, then head.

    shuffled: validation accuracy of probes trained on shuffled labels, (n_layers, n_heads).
    """
    n_layers, n_heads = probes.accuracy.shape
    frame = pl.DataFrame(
        {
            "layer": np.repeat(np.arange(n_layers), n_heads),
            "head": np.tile(np.arange(n_heads), n_layers),
            "accuracy": probes.accuracy.flatten().numpy(),
            "train_accuracy": probes.train_accuracy.flatten().numpy(),
            "test_accuracy": probes.test_accuracy.flatten().numpy(),
            "shuffled_accuracy": shuffled.flatten().numpy(),
        }
    )
    ranked = frame.sort(["accuracy", "layer", "head"], descending=[True, False, False])
    return ranked.with_columns(rank=pl.int_range(1, pl.len() + 1))


def choose_heads(ranking: pl.DataFrame, k: int, select: str, seed: int) -> list[tuple[int, int]]:
    """Ψ^K: the K best heads (`located`), or K heads drawn from all of them (`random`)."""
    if select == "random":
        ranking = ranking.sort("layer", "head").sample(k, seed=seed, shuffle=True)
    else:
        ranking = ranking.sort("rank").head(k)
    return [(row["layer"], row["head"]) for row in ranking.iter_rows(named=True)]


def shuffled_accuracy(
    activations: HeadActivations, groups: torch.Tensor, settings: ProbeSettings, seed: int
) -> torch.Tensor:
    """Control: validation accuracy with the labels shuffled over the sentences, (n_layers, n_heads)."""
    order = torch.randperm(len(activations.labels), generator=torch.Generator().manual_seed(seed))
    shuffled = replace(activations, labels=activations.labels[order])
    return train_probes(shuffled, groups, settings, seed).accuracy
