"""Protected subjects: which they are, their keys, and what they do to each solver's update."""

from types import SimpleNamespace

import polars as pl
import pytest
import torch
from test_edit_update import (
    CATALAN,
    CATALAN_CONTEXTS,
    CONTEXTS,
    LAYERS,
    REQUESTS,
    assert_deltas_are,
    moments,
    paired,
    wanted_values,
)

import choose_protected as choose_script
import read_protected_keys as keys_script
from memat import io
from memat.edit import update
from memat.edit.keys import subject_keys, template_weights
from memat.edit.protected_subjects import (
    PROTECTED_SCHEMA,
    choose_protected,
    name_words,
    protected_requests,
    read_subject_list,
    subjects_of_facts,
)
from memat.edit.solver import solver_names
from memat.edit.update import DeltaSettings
from memat.errors import ConfigError, NotEnoughFacts
from memat.model.sentences import EditRequest
from memat.provenance import Provenance
from memat.stage import Stage
from memat.tensors import read_tensors
from memat.text.blocks import assign_blocks
from memat.text.facts import read_facts
from memat.text.gender import LeastPrompts
from memat.text.two_record import read_two_record
from one_language import spread_joint
from oracles import oracle_key, oracle_spread
from small_models import small_model
from text_samples import DEMO, facts_of, imported_facts, language, record, untranslated

PROVENANCE = Provenance(stage="test", settings={}, code="0")
LAMBDA, MU = 0.7, 5.0
OWN = {
    "alphaedit": {"null_share": 0.3, "delta_weight": 0.4},
    "emmet": {"least_weight": 1e-10},
}
OTHERS = [
    EditRequest(11, "The capital of {} is", "Poland", "Paris"),
    EditRequest(12, "{} plays the", "Anna Curie", "trumpet"),
]
OTHERS_CATALAN = [EditRequest(11, "La capital de {} és", "Polònia", "París")]


def settings_of(solver, weight=MU, **more):
    own = OWN.get(solver, {})
    return DeltaSettings(LAMBDA, solver=solver, own=own, protected_weight=weight, **more)


def solved(solver, keys, covariance, protected, weight=MU):
    settings = settings_of(solver, weight)
    return update._solve(keys, covariance, protected, None, settings, 0, torch.device("cpu"))


def drawn(n_facts=4, d_ff=12, n_protected=3):
    torch.manual_seed(n_facts)
    root = torch.randn(d_ff, 2 * d_ff, dtype=torch.float64)
    keys, protected = (torch.randn(n, d_ff).double() for n in (n_facts, n_protected))
    return keys, root @ root.T / d_ff, protected, torch.randn(n_facts, 7).double()


# --- each solver's problem, written down with the protected keys as keys of their own


def least_squares(keys, covariance, protected, residual):
    """argmin ‖ΔK − R‖² + λ·tr(ΔCΔᵀ) + μ‖ΔK₀‖², as one least squares problem in Δᵀ."""
    root = torch.linalg.cholesky(covariance).T
    rows = torch.cat([LAMBDA**0.5 * root, MU**0.5 * protected, keys])
    wanted = torch.cat([torch.zeros(len(rows) - len(keys), residual.shape[1]).double(), residual])
    return torch.linalg.lstsq(rows, wanted, driver="gelsd").solution.T


def constrained(keys, covariance, protected, residual):
    """argmin λ·tr(ΔCΔᵀ) + μ‖ΔK₀‖² with ΔK = R, from the conditions of Lagrange."""
    n, d_ff = keys.shape
    system = torch.zeros(d_ff + n, d_ff + n, dtype=torch.float64)
    system[:d_ff, :d_ff] = LAMBDA * covariance
    for key in protected:
        system[:d_ff, :d_ff] += MU * torch.outer(key, key)
    system[:d_ff, d_ff:], system[d_ff:, :d_ff] = keys.T, keys
    right = torch.cat([torch.zeros(d_ff, residual.shape[1]).double(), residual])
    return torch.linalg.solve(system, right)[:d_ff].T


def projected(keys, covariance, protected, residual):
    """AlphaEdit's RKᵀP(KKᵀP + w·I)⁻¹; P from the singular vectors of all old keys as rows."""
    root = torch.linalg.cholesky(covariance).T
    old = torch.cat([root, (MU / LAMBDA) ** 0.5 * protected])
    _, sizes, directions = torch.linalg.svd(old, full_matrices=False)
    weights, share, free = sizes**2, 0.0, torch.zeros(len(sizes), len(sizes)).double()
    for weight, direction in zip(weights.flip(0), directions.flip(0), strict=True):
        share += float(weight / weights.sum())
        if share <= OWN["alphaedit"]["null_share"]:
            free += torch.outer(direction, direction)
    width = OWN["alphaedit"]["delta_weight"] * torch.eye(len(free)).double()
    return residual.T @ keys @ free @ torch.linalg.inv(keys.T @ keys @ free + width)


ORACLES = {
    "memit": least_squares,
    "pmet": least_squares,
    "emmet": constrained,
    "alphaedit": projected,
}


def test_every_solver_has_an_oracle_here():
    assert ORACLES.keys() == set(solver_names())


@pytest.mark.parametrize("solver", ORACLES)
@pytest.mark.parametrize("n_facts", [1, 4])
def test_protected_keys_enter_the_solve_as_old_keys_of_weight_mu(solver, n_facts):
    keys, covariance, protected, residual = drawn(n_facts)
    delta = residual.T @ solved(solver, keys, covariance, protected)
    expected = ORACLES[solver](keys, covariance, protected, residual)
    torch.testing.assert_close(delta, expected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("solver", ["memit", "pmet", "emmet"])
def test_a_heavy_weight_leaves_protected_keys_alone_and_none_changes_nothing(solver):
    keys, covariance, protected, residual = drawn()

    def moved(weight):
        delta = residual.T @ solved(solver, keys, covariance, protected, weight)
        return float((delta @ protected.T).norm())

    sizes = [moved(weight) for weight in (0.0, 1.0, 30.0, 1e9)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < 1e-6 * sizes[0]
    plain = solved(solver, keys, covariance, None)
    assert torch.equal(solved(solver, keys, covariance, protected, 0.0), plain)


def test_keys_are_those_of_an_edit_of_the_unedited_model():
    model = small_model("llama")
    contexts = [CONTEXTS, CATALAN_CONTEXTS]
    found = subject_keys(model, [OTHERS, OTHERS_CATALAN], contexts, LAYERS, "grouped", 48)
    weights = template_weights(3, "grouped")
    pairs = paired((OTHERS, CONTEXTS), (OTHERS_CATALAN, CATALAN_CONTEXTS))
    for layer in LAYERS:
        assert found[layer].dtype == torch.float32
        for key, (request, templates) in zip(found[layer], pairs, strict=True):
            expected = oracle_key(model, request, templates, weights, layer)
            torch.testing.assert_close(key.double(), expected, rtol=1e-6, atol=1e-6)


def test_a_subject_without_a_template_has_a_key():
    model, alone = small_model("llama", bos=True), EditRequest(1, "{}", "Anna Curie", "")
    found = subject_keys(model, [[alone]], [["{}"]], [1], "uniform", 48)[1][0]
    seen, ids = [], model.tokenizer("Anna Curie")["input_ids"]
    hook = model.mlp_output(1).register_forward_pre_hook(lambda _m, args: seen.append(args[0]))
    with torch.no_grad():
        model.network(torch.tensor([ids]))
    hook.remove()
    torch.testing.assert_close(found.double(), seen[0][0, -1].double(), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("way", ["residual", "layerwise"])
def test_the_spread_protects_in_every_layer_what_the_unedited_model_has_there(way):
    model = small_model("llama")
    covariance, layerwise = moments(model), way == "layerwise"
    values = wanted_values(model, *([len(LAYERS)] if layerwise else []), 2)
    contexts = [CONTEXTS, CATALAN_CONTEXTS]
    weights = template_weights(3, "grouped")
    others = paired((OTHERS, CONTEXTS), (OTHERS_CATALAN, CATALAN_CONTEXTS))
    old = {}
    for layer in LAYERS:
        keys = torch.stack([oracle_key(model, *pair, weights, layer) for pair in others])
        old[layer] = covariance[layer].double() + MU / LAMBDA * keys.T @ keys
    protected = subject_keys(model, [OTHERS, OTHERS_CATALAN], contexts, LAYERS, "grouped", 48)
    settings = settings_of("memit", key_templates="grouped", spread=way)
    requests = [REQUESTS, CATALAN]
    deltas = spread_joint(
        model, requests, values, contexts, covariance, LAYERS, settings, 48, protected
    )
    pairs = paired((REQUESTS, CONTEXTS), (CATALAN, CATALAN_CONTEXTS))
    rows = values.flatten(-3, -2)
    expected = oracle_spread(model, pairs, rows, weights, old, LAYERS, LAMBDA, layerwise=layerwise)
    assert_deltas_are(deltas, expected)


# --- which subjects


@pytest.fixture(scope="module")
def demo():
    """The demo's facts in both languages, and its sets, one of each kind."""
    facts, _ = read_facts(DEMO / "demo.json", tuning_ids=DEMO / "demo_tuning_ids.txt")
    two_record = read_two_record(DEMO / "demo_reference_ca.json")
    languages = language("en"), language("ca")
    bilingual, _ = imported_facts(facts, two_record, *languages, LeastPrompts(1, 1))
    subset = bilingual.select("case_id").unique()
    blocks = assign_blocks(bilingual, subset, "report", 100, 1, donor=50, tuning=30, seed=0)
    return bilingual, blocks


def plain_texts(rows, column):
    return {text.casefold() for text in rows[column] if text is not None}


@pytest.mark.parametrize("block", ["0", "donor", "tuning"])
def test_no_edited_subject_and_no_evaluated_neighbour_is_protected(demo, block):
    bilingual, blocks = demo
    candidates = subjects_of_facts(bilingual, blocks, block)
    kept, left_out = choose_protected(candidates, bilingual, blocks, block)
    assert kept.height + left_out.height == candidates.height
    assert set(kept["language"]) == {"en", "ca"}
    held = bilingual.join(blocks.filter(block=block), on="case_id")
    names = plain_texts(kept, "subject")
    assert not names & plain_texts(held, "subject")
    others = held.filter(~pl.col("prompt_type").is_in(["rewrite", "paraphrase"]))
    for prompt in plain_texts(others, "prompt"):
        words = f" {prompt} ".replace(",", " ").replace("'", " ").replace("’", " ")
        assert not [name for name in names if f" {name} " in words], prompt
    # a fact that the set holds gives nothing, one that it does not hold gives its subject
    assert not set(kept["number"]) & set(held["case_id"])
    assert set(kept["origin"]) == {"donor", "tuning"} - {block}
    assert len(names) > 10


def small_world(folder, *records):
    """Facts 1 and 2 in block 0, fact 3 to 5 donors, whose Catalan is their English."""
    bilingual, _ = untranslated(facts_of(folder, *records))
    cases = bilingual["case_id"].unique().sort().to_list()
    blocks = pl.DataFrame({"case_id": cases, "block": ["0" if n < 3 else "donor" for n in cases]})
    return bilingual, blocks


RECORDS = [
    record(1, subject="Nina Simone", neighbours=["The sound of Zoë Keating is the"]),
    record(2, subject="Pau Casals"),
    record(3, subject="Jimi Hendrix"),
    record(4, subject="zoe keating"),
    record(5, subject="Toumani Diabaté"),
    record(6, subject="Toumani Diabaté", new="organ"),
    record(7, subject="PAU CASALS"),
    record(8, subject="Ravi Shankar"),
]


def test_what_is_left_out_is_listed_with_its_reason(tmp_path):
    bilingual, blocks = small_world(tmp_path, *RECORDS)
    # the subject of fact 1's neighbour is not told, and fact 3 has another name in Catalan
    bilingual = bilingual.with_columns(
        pl.when((pl.col("prompt_type") == "neighborhood") & (pl.col("case_id") == 1))
        .then(None)
        .when((pl.col("language") == "ca") & (pl.col("case_id") == 3))
        .then(pl.lit("En Jimi"))
        .otherwise(pl.col("subject"))
        .alias("subject")
    )
    one_step_away = (
        bilingual.filter(case_id=2, prompt_type="neighborhood")
        .head(1)
        .with_columns(
            pl.lit("portability").alias("prompt_type"),
            pl.lit("Pau Casals").alias("subject"),
            pl.lit("Ravi Shankar's friend Pau Casals lives in").alias("prompt"),
        )
    )
    candidates = subjects_of_facts(bilingual, blocks, "0")
    asked = pl.concat([bilingual, one_step_away])
    kept, left_out = choose_protected(candidates, asked, blocks, "0")
    assert kept.select("number", "language", "subject").rows() == [
        (5, "en", "Toumani Diabaté"),
        (5, "ca", "Toumani Diabaté"),
    ]
    reasons = {(n, code): why for n, code, why in left_out.select("number", "language", "reason").iter_rows()}  # fmt: skip
    assert reasons == {
        (3, "en"): "neighbour",
        (3, "ca"): "left_out_in_another_language",
        (4, "en"): "in_prompt",
        (4, "ca"): "in_prompt",
        (6, "en"): "repeated",
        (6, "ca"): "repeated",
        (7, "en"): "edited",
        (7, "ca"): "edited",
        (8, "en"): "in_prompt",
        (8, "ca"): "in_prompt",
    }
    details = dict(left_out.filter(language="en").select("number", "detail").iter_rows())
    assert details == {
        3: "Jimi Hendrix plays the",
        4: "The sound of Zoë Keating is the",
        6: "donor 5",
        7: "2",
        8: "Ravi Shankar's friend Pau Casals lives in",
    }


def test_a_set_without_a_subject_to_protect_says_so(tmp_path):
    bilingual, blocks = small_world(tmp_path, *RECORDS[:4])
    candidates = subjects_of_facts(bilingual, blocks, "0")
    with pytest.raises(NotEnoughFacts, match="block 0: no subject is left to protect"):
        choose_protected(candidates, bilingual, blocks, "0")


@pytest.mark.parametrize(
    ("one", "other"),
    [("Beyoncé", "beyonce"), ("L’Hospitalet", "l'hospitalet"), ("AC/DC", "AC DC"), ("Ⅳ", "IV")],
)
def test_names_are_compared_without_what_writing_them_changes(one, other):
    assert name_words(one) == name_words(other)


# --- a list of the user's own


def write(folder, name, text):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_list_is_a_text_or_a_table(tmp_path):
    text = read_subject_list(
        write(tmp_path, "a.txt", "Nina Simone\n\n Pau Casals \n"), ["en", "ca"]
    )
    assert text.schema == pl.Schema(PROTECTED_SCHEMA)
    assert text.select("number", "language", "subject", "template").rows() == [
        (1, "en", "Nina Simone", "{}"),
        (1, "ca", "Nina Simone", "{}"),
        (3, "en", "Pau Casals", "{}"),
        (3, "ca", "Pau Casals", "{}"),
    ]
    rows = "subject;template;language\nNina Simone;Ha cantat {};ca\nPau Casals;;\n"
    table = read_subject_list(write(tmp_path, "a.csv", rows), ["en", "ca"])
    assert table.select("number", "language", "subject", "template").rows() == [
        (2, "ca", "Nina Simone", "Ha cantat {}"),
        (3, "en", "Pau Casals", "{}"),
        (3, "ca", "Pau Casals", "{}"),
    ]
    requests = protected_requests(table, ["en", "ca"])
    assert requests["en"] == [EditRequest(3, "{}", "Pau Casals", "")]


@pytest.mark.parametrize(
    ("name", "text", "part"),
    [
        ("a.txt", "\n \n", "holds no subject"),
        ("a.txt", "Nina\n{} Simone\n", "line 2: subject: must not hold '{}'"),
        ("a.csv", "name\nNina\n", "has no column 'subject'"),
        ("a.csv", "subject,template\nNina,she sang\n", "line 2: template: must have exactly one"),
        ("a.csv", "subject,language\nNina,fr\n", "line 2: language: 'fr' is unknown; allowed: en, ca"),
        ("a.csv", "subject,language\n,en\n", "line 2: subject: must not be empty"),
    ],
)  # fmt: skip
def test_a_faulty_list_is_refused_with_its_line(tmp_path, name, text, part):
    with pytest.raises(ConfigError) as error:
        read_subject_list(write(tmp_path, name, text), ["en", "ca"])
    assert part in str(error.value)


# --- the scripts


def test_the_scripts_write_subjects_and_keys(tmp_path, monkeypatch):
    bilingual, blocks = small_world(tmp_path, *RECORDS)
    inputs = {"manifest": "", "subjects": [], "templates": []}
    for name, table in (("bilingual", bilingual), ("blocks", blocks)):
        inputs[name] = str(tmp_path / f"{name}.parquet")
        io.write_table(inputs[name], table, PROVENANCE)
    for code, templates in (("en", CONTEXTS), ("ca", CATALAN_CONTEXTS)):
        inputs["templates"].append(str(tmp_path / f"{code}.json"))
        io.write_json(inputs["templates"][-1], {"templates": templates}, PROVENANCE)
    outputs = {name: str(tmp_path / name) for name in ("left_out", "protected")}
    outputs["subjects"] = str(tmp_path / "subjects.parquet")

    def stage(inputs, cfg, **params):
        spaces = (SimpleNamespace(**part) for part in (inputs, outputs))
        return Stage("test", *spaces, cfg, SimpleNamespace(**params), 1, PROVENANCE, 500)

    line = choose_script.main(stage(inputs, {}, languages=["en", "ca"], block="0"))
    assert line == "4 prompts with a subject to protect, 8 left out"
    assert pl.read_csv(outputs["left_out"]).columns[-2:] == ["reason", "detail"]
    listed = inputs | {"subjects": [str(write(tmp_path, "a.txt", "Ella\nPau Casals\n"))]}
    line = choose_script.main(stage(listed, {}, languages=["en", "ca"], block="0"))
    assert line == "2 prompts with a subject to protect, 2 left out"

    monkeypatch.setattr(keys_script, "model_for", lambda _manifest, _compute: small_model("llama"))
    given = inputs | {"subjects": outputs["subjects"]}
    params = {"languages": ["en", "ca"], "layers": [0, 2], "compute": {}}
    keys_script.main(stage(given, {"key_templates": "uniform"}, **params))
    keys, _ = read_tensors(outputs["protected"])
    weights = template_weights(3, "uniform")
    for layer in (0, 2):
        for key, templates in zip(
            keys[f"layer.{layer}"], (CONTEXTS, CATALAN_CONTEXTS), strict=True
        ):
            request = EditRequest(1, "{}", "Ella", "")
            expected = oracle_key(small_model("llama"), request, templates, weights, layer)
            torch.testing.assert_close(key.double(), expected, rtol=1e-6, atol=1e-6)
