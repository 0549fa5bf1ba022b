"""Activations, probes and corrections against direct computations and scikit-learn."""

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from test_edit_values import CONTEXTS, REQUESTS

from memat.errors import EmptySplit, NotConverged
from memat.heads.activations import (
    COLUMNS,
    HeadActivations,
    dump_activations,
    read_activations,
    refined,
    write_activations,
)
from memat.heads.corrections import CorrectionSettings, corrected_inputs, fit_corrections
from memat.heads.deployment import Corrections, carrying, read_corrections, write_corrections
from memat.heads.iti import iti_shifts
from memat.heads.probes import (
    ProbeSettings,
    choose_heads,
    rank_heads,
    shuffled_accuracy,
    split_sentences,
    train_probes,
)
from memat.model.sentences import request_sentence
from memat.provenance import Provenance
from oracles import (
    oracle_correction_loss,
    oracle_head_norm,
    oracle_nll,
    oracle_reference,
)
from small_models import SHAPES, small_model

PROBES = ProbeSettings(c=1.0, train=0.6, validation=0.2)


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_activations_are_the_projection_inputs_of_each_sentence_alone(name, monkeypatch):
    model = small_model(name)
    monkeypatch.setattr("memat.heads.activations.trie_budget", lambda _model: 20)
    found = dump_activations(model, REQUESTS, [1] * len(REQUESTS))
    for i, request in enumerate(REQUESTS):
        sentence = request_sentence(model.tokenizer, request)
        for layer in range(model.n_layers):
            seen = []
            handle = model.attention_output(layer).register_forward_pre_hook(
                lambda _m, a, s=seen: s.append(a[0])
            )
            with torch.no_grad():
                model.network(torch.tensor([sentence.ids]))
            handle.remove()
            expected = seen[0][0, -1].view(model.n_heads, model.head_dim).float()
            torch.testing.assert_close(found.values[i, layer], expected, rtol=1e-5, atol=1e-6)
        assert (
            bool(found.predicted[i])
            == oracle_nll(model, request.prompt, request.target, request.joined)[2]
        )


def planted(n_facts=60, seed=0):
    """Activations in which head (1, 2) alone tells the labels apart."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.tensor([0] * n_facts + [1] * n_facts)
    values = torch.randn(2 * n_facts, 3, 4, 6, generator=generator)
    values[:, 1, 2, 0] += 3.0 * (labels * 2 - 1)
    cases = torch.arange(n_facts).repeat(2)
    return HeadActivations(values, labels, cases, torch.ones(2 * n_facts, dtype=torch.bool))


def test_activations_halve_their_tries_on_out_of_memory(monkeypatch, caplog):
    from memat.heads import activations as module

    model = small_model("llama")
    expected = dump_activations(model, REQUESTS, [0] * len(REQUESTS))
    whole = module.run_trie

    def small_only(model, trie):
        if len(trie.paths) > 1:
            raise torch.OutOfMemoryError("as if")
        return whole(model, trie)

    monkeypatch.setattr(module, "run_trie", small_only)
    found = dump_activations(model, REQUESTS, [0] * len(REQUESTS))
    torch.testing.assert_close(found.values, expected.values)
    assert found.predicted.equal(expected.predicted)
    assert "out of memory: going on with half batches" in caplog.text


def test_all_probes_at_once_agree_with_scikit_learn():
    activations = planted()
    probes = train_probes(activations, activations.case_ids, PROBES, seed=0)
    split = split_sentences(activations.case_ids, PROBES, seed=0)
    labels = activations.labels.numpy()
    for layer in range(3):
        for head in range(4):
            features = activations.values[:, layer, head].double().numpy()
            reference = LogisticRegression(C=1.0, tol=1e-10, max_iter=10_000)
            reference.fit(features[split.train], labels[split.train])
            np.testing.assert_allclose(probes.weights[layer, head], reference.coef_[0], atol=1e-3)
            np.testing.assert_allclose(
                probes.biases[layer, head], reference.intercept_[0], atol=1e-3
            )
            accuracy = reference.score(features[split.validation], labels[split.validation])
            assert float(probes.accuracy[layer, head]) == pytest.approx(accuracy, abs=1e-12)


def test_a_probe_is_where_the_gradient_of_its_objective_is_zero():
    activations = planted()
    settings = ProbeSettings(c=0.3, train=0.6, validation=0.2)
    probes = train_probes(activations, activations.case_ids, settings, seed=0)
    train = split_sentences(activations.case_ids, settings, seed=0).train
    features = activations.values.double()[train].flatten(1, 2)
    labels = activations.labels[train].double()
    weights, biases = probes.weights.flatten(0, 1), probes.biases.flatten()
    wrong = (torch.einsum("nhd,hd->nh", features, weights) + biases).sigmoid() - labels[:, None]
    gradient = weights + 0.3 * torch.einsum("nh,nhd->hd", wrong, features)
    torch.testing.assert_close(gradient, torch.zeros_like(gradient), rtol=0, atol=1e-4)
    torch.testing.assert_close(wrong.sum(0), torch.zeros_like(biases), rtol=0, atol=1e-4)


def test_labels_that_are_all_alike_are_told_by_the_bias():
    found = planted()
    alike = HeadActivations(
        found.values, torch.ones_like(found.labels), found.case_ids, found.predicted
    )
    probes = train_probes(alike, alike.case_ids, PROBES, seed=0)
    assert (probes.accuracy == 1).all()
    assert not probes.weights.any()


def test_a_probe_that_does_not_converge_is_named():
    settings = dataclasses.replace(PROBES, max_iterations=1, tolerance=1e-12)
    activations = planted()
    with pytest.raises(NotConverged, match="probe of layer 0, head 0 did not converge in 1 steps"):
        train_probes(activations, activations.case_ids, settings, seed=0)


def test_standardised_probes_are_the_pipeline_folded_into_raw_weights():
    activations = planted()
    settings = ProbeSettings(c=0.5, train=0.6, validation=0.2, standardise=True)
    probes = train_probes(activations, activations.case_ids, settings, seed=0)
    split = split_sentences(activations.case_ids, settings, seed=0)
    features, labels = activations.values[:, 1, 2].double(), activations.labels.numpy()
    inside = features[split.train]
    scaled = ((features - inside.mean(0)) / inside.std(0)).numpy()
    reference = LogisticRegression(C=0.5, tol=1e-10, max_iter=10_000).fit(
        scaled[split.train], labels[split.train]
    )
    expected = reference.decision_function(scaled)
    found = (features @ probes.weights[1, 2] + probes.biases[1, 2]).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_the_planted_head_is_ranked_first_and_shuffled_labels_are_chance():
    activations = planted()
    probes = train_probes(activations, activations.case_ids, PROBES, seed=0)
    control = shuffled_accuracy(activations, activations.case_ids, PROBES, seed=0)
    ranking = rank_heads(probes, control)
    assert choose_heads(ranking, 1, "located", seed=0) == [(1, 2)]
    assert ranking["accuracy"][0] > 0.95
    assert ranking["test_accuracy"][0] > 0.95
    # 12 heads × 24 validation sentences: mean within five standard errors of one half
    assert abs(ranking["shuffled_accuracy"].mean() - 0.5) < 5 * 0.5 / (12 * 24) ** 0.5


def test_no_group_stands_on_two_sides_of_the_split():
    groups = torch.arange(30).repeat(2)
    split = split_sentences(groups, PROBES, seed=1)
    sides = [set(groups[side].tolist()) for side in (split.train, split.validation, split.test)]
    assert set.union(*sides) == set(range(30))
    assert sum(map(len, sides)) == 30
    assert list(map(len, sides)) == [18, 6, 6]


def test_an_empty_side_is_named():
    with pytest.raises(EmptySplit, match="validation side of the split is empty with 2 groups"):
        split_sentences(torch.tensor([1, 2]), PROBES, seed=0)


def test_refinement_keeps_the_facts_whose_new_target_is_predicted():
    activations = planted(10)
    predicted = activations.predicted.clone()
    predicted[10:14] = False  # o* of cases 0…3
    predicted[5] = False  # o^c of case 5 does not matter
    part = HeadActivations(activations.values, activations.labels, activations.case_ids, predicted)
    kept, groups = refined(part, part.case_ids)
    assert sorted(set(kept.case_ids.tolist())) == list(range(4, 10))
    assert len(kept.labels) == len(groups) == 12


def test_random_heads_are_seeded_distinct_and_not_the_best():
    activations = planted()
    probes = train_probes(activations, activations.case_ids, PROBES, seed=0)
    ranking = rank_heads(probes, probes.accuracy)
    one = choose_heads(ranking, 6, "random", seed=3)
    assert one == choose_heads(ranking, 6, "random", seed=3)
    assert len(set(one)) == 6
    assert one != choose_heads(ranking, 6, "random", seed=4)
    assert set(one) != set(choose_heads(ranking, 6, "located", seed=3))


def test_iti_shifts_by_standard_deviations_along_the_difference_of_the_means():
    activations = planted()
    inside = torch.rand(len(activations.labels), generator=torch.Generator().manual_seed(1)) < 0.7
    found = iti_shifts(activations, inside, [(1, 2), (0, 1)], alpha=3.0)
    for (layer, head), omega in zip(found.heads, found.omega.numpy(), strict=True):
        rows = {0: [], 1: []}
        for values, label, used in zip(
            activations.values.numpy(), activations.labels.tolist(), inside.tolist(), strict=True
        ):
            if used:
                rows[label].append(values[layer, head].astype(np.float64))
        difference = np.mean(rows[1], 0) - np.mean(rows[0], 0)
        unit = difference / np.sqrt((difference**2).sum())
        projections = [float(row @ unit) for row in rows[0] + rows[1]]
        np.testing.assert_allclose(omega, 3.0 * np.std(projections) * unit, rtol=1e-5)


def test_iti_turns_with_the_labels_and_leaves_equal_means_alone():
    activations = planted()
    everyone = torch.ones(len(activations.labels), dtype=torch.bool)
    turned = dataclasses.replace(activations, labels=1 - activations.labels)
    there, back = (iti_shifts(a, everyone, [(1, 2)], 2.0).omega for a in (activations, turned))
    torch.testing.assert_close(there, -back)
    same = dataclasses.replace(activations, values=torch.ones_like(activations.values))
    assert iti_shifts(same, everyone, [(1, 2)], 2.0).omega.abs().max() == 0


HEADS = [(1, 0), (1, 2), (2, 1)]


@pytest.mark.parametrize("position", ["last", "all"])
@pytest.mark.parametrize("name", sorted(SHAPES))
def test_corrections_follow_plain_adam_on_equation_12(name, position):
    """All facts of one model; of the others a target of several tokens, and a joined one."""
    model, requests = small_model(name), REQUESTS if name == "llama" else REQUESTS[1:3]
    settings = CorrectionSettings(0.05, 3, len(requests), 0.1, 1.0, position)
    found = fit_corrections(model, requests, CONTEXTS, "{} is a", HEADS, settings, 64, seed=0)
    omega = torch.zeros(len(HEADS), model.head_dim, dtype=torch.float64, requires_grad=True)
    adam = torch.optim.Adam([omega], lr=0.05)
    for epoch in range(3):
        adam.zero_grad()
        losses = [
            oracle_correction_loss(model, r, CONTEXTS, "{} is a", HEADS, omega, settings)
            for r in requests
        ]
        loss = sum(losses) / len(requests)
        assert float(found.losses[epoch]) == pytest.approx(float(loss.detach()), rel=1e-6)
        loss.backward()
        adam.step()
    assert (found.omega - omega.detach()).norm() / omega.norm() < 1e-5


# (1, 2) is the first of these that a forward pass reaches, and not the first of the list
SHARING_HEADS = [(2, 1), (1, 2), (1, 0)]
# the released code's way, on one fact for all facts and updates
SHARED = {
    "equation": lambda _model: {},
    "kl_reference": lambda model: {"reference": oracle_reference(model, REQUESTS[0], "{} is a")},
    "correction_norm": lambda model: {"norm": oracle_head_norm(model, REQUESTS[0], 1, 2)},
}


@pytest.mark.parametrize("switch", SHARED)
def test_the_first_facts_reference_and_norm_hold_for_all_only_where_a_switch_says(switch):
    model = small_model("llama")
    plain = CorrectionSettings(0.05, 2, 2, norm_weight=3.0, kl_weight=1.0)
    released = {"kl_reference": "first_fact", "correction_norm": "shared"}
    settings = dataclasses.replace(plain, **{k: v for k, v in released.items() if k == switch})

    def fitted(wanted):
        return fit_corrections(
            model, REQUESTS, CONTEXTS, "{} is a", SHARING_HEADS, wanted, 64, seed=1
        )

    found, shared = fitted(settings), SHARED[switch](model)
    omega = torch.zeros(3, model.head_dim, dtype=torch.float64, requires_grad=True)
    adam, order = torch.optim.Adam([omega], lr=0.05), torch.Generator().manual_seed(1)
    updates = [REQUESTS[0:2], REQUESTS[2:4], REQUESTS[4:5]]
    for epoch in range(2):
        total = 0.0
        for number in torch.randperm(3, generator=order).tolist():
            adam.zero_grad()
            losses = [
                oracle_correction_loss(
                    model, r, CONTEXTS, "{} is a", SHARING_HEADS, omega, settings, **shared
                )
                for r in updates[number]
            ]
            (sum(losses) / len(losses)).backward()
            adam.step()
            total += float(sum(losses).detach())
        assert float(found.losses[epoch]) == pytest.approx(total / len(REQUESTS), rel=1e-6)
    assert (found.omega - omega.detach()).norm() / omega.norm() < 1e-5
    if switch != "equation":
        assert (found.omega - fitted(plain).omega).norm() / omega.norm() > 1e-2


def test_the_starting_loss_has_no_divergence_and_no_penalty():
    model = small_model("llama")
    settings = CorrectionSettings(0.05, 1, 2, 10.0, 100.0)
    found = fit_corrections(model, REQUESTS, ["{}"], "{} is a", HEADS, settings, 64, seed=0)
    big = CorrectionSettings(1e-12, 1, 2, 0.0, 0.0)
    plain = fit_corrections(model, REQUESTS, ["{}"], "{} is a", HEADS, big, 64, seed=0)
    expected = sum(oracle_nll(model, r.prompt, r.target, r.joined)[0] for r in REQUESTS) / len(
        REQUESTS
    )
    assert float(plain.losses[0]) == pytest.approx(expected, rel=1e-6)
    assert float(found.losses[0]) >= float(plain.losses[0]) - 1e-6


@pytest.mark.parametrize("position", ["last", "all"])
def test_corrections_run_out_of_memory_and_count_nothing_twice(monkeypatch, caplog, position):
    from memat.heads import corrections as module

    model = small_model("llama")
    settings = CorrectionSettings(0.05, 2, len(REQUESTS), 0.1, 1.0, position)
    arguments = (model, REQUESTS, CONTEXTS, "{} is a", HEADS, settings, 4096, 0)
    expected = fit_corrections(*arguments)
    whole = module.run_suffixes

    def fail(_gradient=None):
        raise torch.OutOfMemoryError("as if")

    def small_only(model, batch, hidden):
        found = whole(model, batch, hidden)
        if len(batch.rows) > 2:
            # with gradients, in the middle of the backward pass
            found.register_hook(fail) if found.requires_grad else fail()
        return found

    monkeypatch.setattr(module, "run_suffixes", small_only)
    found = fit_corrections(*arguments)
    torch.testing.assert_close(found.omega, expected.omega)
    torch.testing.assert_close(found.losses, expected.losses)
    assert "out of memory: going on with half batches" in caplog.text


def test_training_lowers_the_loss():
    model = small_model("llama")
    settings = CorrectionSettings(0.05, 10, 2, 0.01, 0.1)
    losses = fit_corrections(
        model, REQUESTS, CONTEXTS, "{} is a", HEADS, settings, 64, seed=0
    ).losses
    assert losses[-1] < losses[0] - 0.05


# two heads of one layer: the list has them by rank, not by number
DEPLOYED = [(1, 2), (1, 0), (2, 1)]


@pytest.mark.parametrize(
    ("heads_per_layer", "surviving"), [("add_up", [0, 1, 2]), ("last_wins", [1, 2])]
)
def test_a_correction_file_says_which_heads_of_a_layer_are_deployed(
    heads_per_layer, surviving, tmp_path
):
    """What scoring and export see is ω added to the head activations that survive."""
    model = small_model("llama")
    generator = torch.Generator().manual_seed(2)
    omega = torch.randn(3, model.head_dim, generator=generator, dtype=torch.float64)
    path = str(tmp_path / "corrections.safetensors")
    corrections = Corrections(DEPLOYED, omega, torch.zeros(0), heads_per_layer)
    write_corrections(path, corrections, Provenance(stage="test", settings={}, code="0"))
    assert read_corrections(path).heads_per_layer == heads_per_layer
    ids = torch.tensor([model.tokenizer("The capital of France is")["input_ids"]])
    with carrying(model, [], [path]):
        found = model.last_hidden(ids)
    with corrected_inputs(model, [DEPLOYED[n] for n in surviving], omega[surviving]):
        expected = model.last_hidden(ids)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("cuts", [[], [7], [3, 6, 9]])
def test_stored_shards_of_activations_are_read_as_one(tmp_path, cuts):
    """True and new sentences of a shard lie together; of the whole, all true ones come first."""
    whole, provenance = planted(n_facts=12), Provenance(stage="test", settings={}, code="0")
    objects = torch.arange(24) % 5
    paths = []
    for first, last in pairwise([0, *cuts, 12]):
        rows = torch.cat([torch.arange(first, last), torch.arange(12 + first, 12 + last)])
        part = HeadActivations(*(getattr(whole, name)[rows] for name in COLUMNS))
        paths.append(str(tmp_path / f"activations_{first}.safetensors"))
        write_activations(paths[-1], [part], objects[rows], False, provenance)
    for group, groups in (("fact", whole.case_ids), ("object", objects)):
        found, found_groups = read_activations(paths, group)
        assert all(getattr(found, name).equal(getattr(whole, name)) for name in COLUMNS)
        assert found_groups.equal(groups)
