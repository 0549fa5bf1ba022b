"""Sigmoid probes: one logistic regression per attention head.

Section 5.2 and appendix D of the paper. Each head's problem is scikit-learn's
(½‖w‖² + C·Σ log-loss, intercept free), solved by Newton's method.
"""

import math
import warnings
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import polars as pl
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

from memat.errors import EmptySplit, NotConverged
from memat.heads.activations import HeadActivations


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


class Split(NamedTuple):
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
    _, n_layers, n_heads, _ = activations.values.shape
    labels = activations.labels > 0.5
    found = []
    for layer, head in tqdm(list(np.ndindex(n_layers, n_heads)), desc="probes", mininterval=5):
        features = activations.values[:, layer, head].double()
        try:
            weights, bias = _fit(features[split.train], labels[split.train], settings)
        except ConvergenceWarning as warning:
            raise NotConverged(
                f"probe of layer {layer}, head {head} did not converge in {settings.max_iterations} steps"
            ) from warning
        right = (features @ weights + bias > 0) == labels
        found.append((weights, bias, *(right[side].double().mean() for side in split)))
    weights, *numbers = zip(*found, strict=True)
    return Probes(
        torch.stack(weights).view(n_layers, n_heads, -1),
        *(torch.stack(column).view(n_layers, n_heads) for column in numbers),
    )


def _fit(
    features: torch.Tensor, labels: torch.Tensor, settings: ProbeSettings
) -> tuple[torch.Tensor, torch.Tensor]:
    """Weights, (head_dim,), and bias of one probe for features as they are, (n, head_dim) float64.

    labels: (n,) bool; where all are alike nothing is to be told apart, and the bias says so.
    Raises ConvergenceWarning.
    """
    if len(labels.unique()) < 2:
        return torch.zeros_like(features[0]), torch.tensor(math.inf if labels[0] else -math.inf)
    centre, scale = torch.zeros_like(features[0]), torch.ones_like(features[0])
    if settings.standardise:
        centre, scale = features.mean(0), features.std(0).clamp_min(1e-12)
    problem = LogisticRegression(
        C=settings.c,
        tol=settings.tolerance,
        max_iter=settings.max_iterations,
        solver="newton-cholesky",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        problem.fit(((features - centre) / scale).numpy(), labels.numpy())
    weights = torch.from_numpy(problem.coef_[0]) / scale
    return weights, torch.tensor(problem.intercept_[0]) - weights @ centre


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
