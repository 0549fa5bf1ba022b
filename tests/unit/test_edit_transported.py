"""Transported keys: where another language's keys would lie, and the solve that writes there."""

import polars as pl
import pytest
import torch
from test_edit_scripts import PROVENANCE, find_values, folder, solve
from test_edit_stacked import RIGHT
from test_edit_update import (
    CONTEXTS,
    ENGLISH,
    LAYERS,
    REQUESTS,
    assert_deltas_are,
    moments,
    wanted_values,
)

from memat import io
from memat.edit.keys import template_weights
from memat.edit.protected_subjects import PROTECTED_SCHEMA
from memat.edit.solver import solver_names
from memat.edit.transported_keys import key_shifts, with_transported
from memat.edit.update import DeltaSettings
from memat.errors import NotEnoughFacts
from memat.tensors import write_tensors
from one_language import spread_joint
from oracles import oracle_spread
from small_models import small_model

assert folder  # a fixture
LAMBDA = 3.0
OWN = {
    "alphaedit": {"null_share": 0.3, "delta_weight": 0.4},
    "emmet": {"least_weight": 1e-12},
}
# facts 12 and 14 are known in both languages; rows as keys stand, language by language
NUMBERS = {"en": [11, 12, 13, 14], "ca": [12, 14, 15]}


def subjects() -> pl.DataFrame:
    rows = [
        {"origin": "tuning", "number": number, "language": code, "subject": f"{code} {number}"}
        | {"template": "{} is", "target": "red", "joined": False}
        for code, numbers in NUMBERS.items()
        for number in numbers
    ]
    return pl.DataFrame(rows, schema=PROTECTED_SCHEMA).sample(fraction=1, shuffle=True, seed=1)


def ordered() -> pl.DataFrame:
    """As the keys of a file stand: by language, in the order of the table."""
    return pl.concat([subjects().filter(language=code) for code in NUMBERS])


def test_the_shift_is_the_mean_difference_over_subjects_known_in_both():
    keys = torch.randn(7, 5)
    at = {
        (code, number): keys[row].double()
        for row, (code, number) in enumerate(ordered().select("language", "number").iter_rows())
    }
    found = key_shifts(subjects(), {3: keys}, list(NUMBERS), "en", ["ca"])
    wanted = sum(at["ca", n] - at["en", n] for n in (12, 14)) / 2
    torch.testing.assert_close(found[3], wanted[None])


def test_languages_without_a_common_subject_are_refused():
    apart = subjects().filter(~pl.col("number").is_in([12, 14]))
    with pytest.raises(NotEnoughFacts, match="en to ca: no other subject is known in both"):
        key_shifts(apart, {0: torch.zeros(3, 5)}, list(NUMBERS), "en", ["ca"])


def moved_right(solver, shifts, by_moment):
    """Δ = R·right: what the fact's own keys and the guessed ones get adds up."""

    def right(keys, moment):
        shift = shifts[by_moment(moment)]
        if solver == "emmet":
            return constrained(keys, shift.T, moment)
        both = torch.cat([keys, *((keys + one[:, None]) for one in shift)], dim=1)
        rows = RIGHT_OF[solver](both, moment)
        return rows.reshape(1 + len(shift), keys.shape[1], -1).sum(0)

    return right


def constrained(keys, shift, moment):
    """Constraints ΔK = R and Δ(K + s) = R are ΔK = R and Δs = 0, the least tr(ΔCΔᵀ) with them."""
    both = torch.cat([keys, shift], dim=1)
    inverse = torch.linalg.inv(moment)
    return (torch.linalg.inv(both.T @ inverse @ both) @ both.T @ inverse)[: keys.shape[1]]


def least_squares(keys, moment):
    return keys.T @ torch.linalg.inv(LAMBDA * moment + keys @ keys.T)


RIGHT_OF = {**RIGHT, "memit": least_squares, "pmet": least_squares}


@pytest.mark.parametrize("solver", solver_names())
def test_every_fact_is_written_at_its_own_and_at_the_guessed_keys(solver):
    model = small_model("llama")
    covariance, values = moments(model), wanted_values(model)
    shifts = {n: 0.5 * torch.randn(2, c.shape[0]).double() for n, c in covariance.items()}
    settings = DeltaSettings(LAMBDA, solver=solver, own=OWN.get(solver, {}))
    deltas = spread_joint(
        *(model, [REQUESTS], values, [CONTEXTS], covariance, LAYERS, settings, 64),
        shifts=shifts,
    )
    assert len(deltas[0].left) == 3 * len(REQUESTS)

    def layer_of(moment):
        return next(n for n in LAYERS if torch.equal(covariance[n].double(), moment))

    expected = oracle_spread(
        *(model, ENGLISH, values, template_weights(len(CONTEXTS), "uniform"), covariance),
        *(LAYERS, LAMBDA),
        module=model.mlp_output(LAYERS[-1]) if solver == "pmet" else None,
        power=0.5 if solver == "pmet" else 1.0,
        right=moved_right(solver, shifts, layer_of),
    )
    assert_deltas_are(deltas, expected)


def test_a_shift_to_the_other_languages_key_writes_what_that_language_reads():
    """With the true difference of one fact's keys, its other language gets its residual."""
    key, other, residual = (torch.randn(1, n).double() for n in (9, 9, 5))
    keys, both = with_transported(key, residual, other - key)
    torch.testing.assert_close(keys, torch.cat([key, other]))
    covariance = 1e-7 * torch.eye(9).double()
    system = covariance + keys.T @ keys
    update = both.T @ keys @ torch.linalg.inv(system)
    torch.testing.assert_close(update @ other[0], residual[0], rtol=1e-4, atol=0)


def test_the_stage_reads_the_shift_from_the_keys_of_other_subjects(folder):
    values = find_values(folder, ["en"], "memit")
    model = small_model("llama")
    keys = {n: torch.randn(7, c.shape[0]) for n, c in moments(model).items()}
    io.write_table(folder / "subjects.parquet", subjects(), PROVENANCE)
    path = folder / "keys.safetensors"
    write_tensors(path, {f"layer.{n}": found for n, found in keys.items()}, PROVENANCE)
    languages = {"languages": list(NUMBERS), "source": "en", "targets": ["ca"]}
    moved = (folder / "subjects.parquet", languages)
    settings = {"protected_weight": 20.0}
    free = solve(folder, ["en"], values, [path], moved=moved)
    plain = solve(folder, ["en"], values)
    protected = solve(folder, ["en"], values, [path], moved=moved, protected=True, **settings)
    only = solve(folder, ["en"], values, [path], protected=True, **settings)
    assert len(free[0].left) == 2 * len(plain[0].left)
    for one, two in ((free, plain), (free, protected), (protected, only)):
        assert not torch.allclose(one[0].matrix(), two[0].matrix(), rtol=0.01)
    shifts = key_shifts(subjects(), keys, list(NUMBERS), "en", ["ca"])
    for found, weight in ((free, 0.0), (protected, 20.0)):
        wanted = _by_library(folder, values, shifts, keys if weight else {}, weight)
        for layer in LAYERS:
            torch.testing.assert_close(found[layer].matrix(), wanted[layer].matrix())


def _by_library(folder, values, shifts, protected, weight):
    from test_edit_scripts import CASES
    from test_edit_values import LANGUAGES

    from memat.edit.storage import stack_values

    model = small_model("llama")
    requests, contexts, _ = zip(*LANGUAGES["memit"], strict=True)
    settings = DeltaSettings(LAMBDA, protected_weight=weight)
    z = stack_values(values, CASES)
    arguments = (model, requests, z, contexts, moments(model), LAYERS, settings, 64)
    return spread_joint(*arguments, protected, shifts=shifts)
