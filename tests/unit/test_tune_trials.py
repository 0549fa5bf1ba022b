"""A candidate tried in the search against the stages that a run with its settings goes through,
and a search that is stopped and goes on."""

import dataclasses
from types import SimpleNamespace

import polars as pl
import pytest
import torch
from test_edit_update import moments
from test_edit_values import CATALAN, CATALAN_CONTEXTS, CONTEXTS, REQUESTS

import dump_activations
import fit_corrections
import optimise_values
import score
import solve_deltas
import train_probes
from memat import io
from memat.errors import NonFiniteValue
from memat.evaluate.fact_metrics import fact_metrics
from memat.evaluate.prompt_types import SCORED
from memat.fact_sets import first
from memat.provenance import Provenance
from memat.stage import Stage
from memat.tensors import write_tensors
from memat.tune import bench, trials
from memat.tune.bench import FAMILIES, TrialSpec
from memat.tune.candidates import candidate_id
from memat.tune.search import search_settings
from memat.tune.trials import Task, set_up_trials
from small_models import small_model

PROVENANCE = Provenance(stage="test", settings={}, code="0")
SETS = {"en": (REQUESTS, CONTEXTS, "{} is a"), "ca": (CATALAN, CATALAN_CONTEXTS, "{} és")}
CODES = list(SETS)
LAYERS = [0, 1, 2]
MODELS = {"llama": "residual", "gemma3_text": "layerwise"}
VALUES = {"weight_decay": 0.5, "kl_factor": 0.0625, "stop_loss": 0.05}
EDIT = {
    "edit.layers": [0, 1],
    "values.learning_rate": 0.3,
    "values.clamp": 2.0,
    "values.steps": 4,
    "deltas.covariance_weight": 3.0,
    "deltas.key_templates": "grouped",
    "covariance.protected_subjects.weight": 0,
}
HEADS = {"corrections.k": 3, "corrections.learning_rate": 0.05}
PROBES = {"c": 1.0, "train": 0.6, "validation": 0.2, "group": "object", "standardise": True}
CORRECTIONS = {
    "epochs": 2,
    "batch_size": 2,
    "contexts": 1,
    "norm_weight": 0.1,
    "kl_weight": 1.0,
    "position": "all",
    "kl_reference": "own",
    "correction_norm": "own",
    "heads_per_layer": "last_wins",
}
MEMORY = 500
N_FACTS = 4


def bilingual():
    """Five facts in two languages; the third has no Catalan, so that an edit there holds fewer."""
    rows = []
    for code, (requests, _, _) in SETS.items():
        for request, other in zip(requests, requests[1:] + requests[:1], strict=True):
            if code == "ca" and request.case_id == 3:
                continue
            prompts = {
                "rewrite": [request.template],
                "paraphrase": [f"Therefore, {request.template}"],
                "neighborhood": [f"Because {request.template}", f"The sky. {request.template}"],
            }
            for role, target in (("target_new", request.target), ("target_true", "Paris")):
                for prompt_type, templates in prompts.items():
                    subject = other.subject if prompt_type == "neighborhood" else request.subject
                    rows += [
                        {
                            "case_id": request.case_id, "language": code, "role": role,
                            "prompt_type": prompt_type, "index": index, "subject": subject,
                            "template": template, "prompt": template.replace("{}", subject),
                            "target": target, "joined": request.joined,
                        }
                        for index, template in enumerate(templates)
                    ]  # fmt: skip
    return pl.DataFrame(rows)


@pytest.fixture(params=sorted(MODELS))
def world(request, tmp_path, monkeypatch):
    """Files of a run, the model in place of a loaded one, and the spec of a search on them."""
    model = small_model(request.param)
    for module in (
        trials, optimise_values, solve_deltas, score,
        dump_activations, fit_corrections,
    ):  # fmt: skip
        monkeypatch.setattr(module, "model_for", lambda _manifest, _compute: model)
    io.write_table(tmp_path / "bilingual.parquet", bilingual(), PROVENANCE)
    blocks = pl.DataFrame({"case_id": [4, 3, 1, 5, 2], "block": ["tuning"] * 5})
    io.write_table(tmp_path / "blocks.parquet", blocks, PROVENANCE)
    rejected = pl.DataFrame({"case_id": [1], "prompt_type": ["neighborhood"], "index": [1]})
    io.write_table(tmp_path / "rejected.parquet", rejected, PROVENANCE)
    for code, (_, contexts, _) in SETS.items():
        io.write_json(tmp_path / f"{code}.json", {"templates": contexts}, PROVENANCE)
    spec = TrialSpec(
        manifest="",
        compute={},
        bilingual=str(tmp_path / "bilingual.parquet"),
        blocks=str(tmp_path / "blocks.parquet"),
        rejected=str(tmp_path / "rejected.parquet"),
        text="",
        templates={code: str(tmp_path / f"{code}.json") for code in CODES},
        kl_prompts={code: SETS[code][2] for code in CODES},
        values=VALUES,
        deltas={"residual": "updated"},
        spread=MODELS[request.param],
        pairing="by_prompt",
        probability="geometric",
        seed=0,
        refine=False,
        probes=PROBES,
        corrections=CORRECTIONS,
        covariance={},
        memory_mb=MEMORY,
        folder=tmp_path / "trials",
        provenance=PROVENANCE,
    )
    found = moments(model, LAYERS)
    write_tensors(
        tmp_path / "c.safetensors", {f"layer.{n}": c for n, c in found.items()}, PROVENANCE
    )
    spec.moments(LAYERS).write(found, PROVENANCE)
    return spec, tmp_path


def run(script, folder, inputs, outputs, cfg, **params):
    """One script on the first facts; returns its first output."""
    files = {
        "manifest": "",
        "bilingual": folder / "bilingual.parquet",
        "blocks": folder / "blocks.parquet",
        "blocks_rejected": folder / "rejected.parquet",
        "covariance": folder / "c.safetensors",
    }
    outputs = {name: folder / path for name, path in outputs.items()}
    spaces = (SimpleNamespace(**part) for part in (files | inputs, outputs))
    given = {
        "compute": {},
        "block": first("tuning", N_FACTS),
        "shard": 0,
        "together": 50,
        "seed": 0,
    }
    stage = Stage("test", *spaces, cfg, SimpleNamespace(**given | params), 1, PROVENANCE, MEMORY)
    script.main(stage)
    return next(iter(outputs.values()))


def staged(spec, folder, language, with_heads):
    """Scores of the edited model in one language as the stages of a run give them."""
    spread = spec.spread
    keys = {"kl_prompt": SETS[language][2]}
    values = run(
        optimise_values, folder,
        {"templates": [folder / f"{language}.json"]},
        {"values": f"values_{language}.safetensors"},
        VALUES | {"learning_rate": 0.3, "clamp": 2.0, "steps": 4, "spread": spread, "shard_size": None},
        languages=[language], language_keys=[keys], solver="memit",
        layers=EDIT["edit.layers"] if spread == "layerwise" else EDIT["edit.layers"][-1:],
    )  # fmt: skip
    deltas = run(
        solve_deltas, folder,
        {"templates": [folder / f"{language}.json"], "values": [values], "protected": [],
         "subjects": []},
        {"deltas": f"deltas_{language}.safetensors"},
        {
            "covariance_weight": 3.0, "key_templates": "grouped", "residual": "updated",
            "solver": "memit", "own": {}, "spread": spread,
        },
        languages=[language], stacked=False, protected=False, transport={}, layers=EDIT["edit.layers"],
    )  # fmt: skip
    corrections = []
    if with_heads:
        activations = run(
            dump_activations, folder, {"deltas": deltas},
            {"activations": f"activations_{language}.safetensors"},
            {"refine": False, "shard_size": None}, language=language, edited=[language],
        )  # fmt: skip
        accuracy = run(
            train_probes, folder, {"activations": [activations]},
            {"accuracy": f"accuracy_{language}.parquet", "probes": f"probes_{language}.safetensors"},
            PROBES,
        )  # fmt: skip
        corrections = [
            run(
                fit_corrections, folder,
                {"templates": folder / f"{language}.json", "deltas": deltas, "accuracy": accuracy},
                {"corrections": f"corrections_{language}.safetensors"},
                CORRECTIONS | {"learning_rate": 0.05},
                language=language, edited=[language], language_keys=keys, select="located", k=3,
            )
        ]  # fmt: skip
    return scored(folder, [deltas], corrections, [language])


def scored(folder, deltas, corrections, edited):
    path = run(
        score, folder, {"deltas": deltas, "corrections": corrections},
        {"scores": "scores.parquet", "answers": "answers.parquet"},
        {
            "pairing": "by_prompt", "shard_size": None, "prompt_types": list(SCORED),
            "generate": {"prompt_types": [], "per_fact": None, "tokens": 2},
        },
        languages=CODES, edited=edited, context=[],
    )  # fmt: skip
    return fact_metrics(io.read_table(path), FAMILIES)


def means(metrics, unedited, language):
    """{(asked in, metric): (edited, unedited)}, in percent over the facts of the edit."""
    cases = metrics["case_id"].unique().to_list()
    found = {}
    for (asked, metric), rows in metrics.group_by("language", "metric"):
        before = unedited.filter(pl.col("case_id").is_in(cases), language=asked, metric=metric)
        both = rows.join(before, on="case_id")
        assert len(both) == len(rows)
        found[language, asked, metric] = (
            100 * both["value"].mean(), 100 * both["value_right"].mean(),
        )  # fmt: skip
    return found


@pytest.mark.parametrize("with_heads", [False, True], ids=["edit", "corrections"])
def test_a_candidate_has_the_numbers_of_the_stages(world, with_heads):
    spec, folder = world
    do = set_up_trials(spec)
    do(Task("unedited", ()))
    # values grow with the facts, as in the rounds of a search
    do(Task("values", (EDIT, "en", 2)))
    settings = EDIT
    if with_heads:
        settings = EDIT | HEADS
        for code in CODES:
            do(Task("ranking", (EDIT, code, N_FACTS)))
        do(Task("corrections", (EDIT, settings, N_FACTS, True)))
    else:
        do(Task("edit", (settings, N_FACTS, True)))
    measured, failed = spec.kept(settings, N_FACTS)
    assert failed is None

    unedited = scored(folder, [], [], [])
    expected = {}
    for code in CODES:
        expected |= means(staged(spec, folder, code, with_heads), unedited, code)
    found = {(m.edit_language, m.asked_in, m.metric): (m.value, m.unedited) for m in measured}
    assert found.keys() == expected.keys()
    for key, pair in expected.items():
        assert found[key] == pytest.approx(pair, abs=1e-5), key
    # the edit did something, or equality would say little
    assert max(abs(value - before) for value, before in found.values()) > 1


TUNE = {
    "rounds": 2,
    "neighbours_lost": 5.0,
    "edit": {
        "layers": [[0, 1], [1, 2]],
        "learning_rate": [0.3],
        "clamp": [2.0],
        "steps": [2],
        "covariance_weight": [1.0, 10.0],
        "key_templates": ["grouped"],
        "protected_weight": [0],
        "values_tried": 2,
        "maximise": ["S"],
    },
    "corrections": {"k": [2], "learning_rate": [0.01, 0.05], "maximise": ["EM", "PM"]},
}


class Killed(Exception):
    pass


def counted(monkeypatch, most):
    """Tasks done from now on; the one after `most` of them is not finished."""
    done = []
    set_up = trials.set_up_trials

    def make(spec):
        work = set_up(spec)

        def do(task):
            if len(done) == most:
                raise Killed
            work(task)
            done.append(task)

        return do

    monkeypatch.setattr("memat.tune.search.set_up_trials", make)
    return done


def told(searches):
    return [(s.part, s.chosen, s.keeps, [r.outcomes for r in s.rounds]) for s in searches]


def test_a_search_that_was_stopped_goes_on_and_ends_alike(world, monkeypatch, tmp_path):
    spec, _ = world
    spec = dataclasses.replace(spec, probes=PROBES | {"validation": 0.4})
    with monkeypatch.context() as patch:
        at_once = counted(patch, 10**6)
        elsewhere = dataclasses.replace(spec, folder=tmp_path / "again")
        elsewhere.moments(LAYERS).write(spec.moments(LAYERS), PROVENANCE)
        whole = search_settings(elsewhere, TUNE, 4, 16, 1, lambda _searches: None)
    with monkeypatch.context() as patch:
        before = counted(patch, 9)
        with pytest.raises(Killed):
            search_settings(spec, TUNE, 4, 16, 1, lambda _searches: None)
    with monkeypatch.context() as patch:
        after = counted(patch, 10**6)
        resumed = search_settings(spec, TUNE, 4, 16, 1, lambda _searches: None)
    assert told(resumed) == told(whole)
    whats = [task.what for task in at_once]
    # 4 candidates, then 2; values of two windows in two languages, then of those left
    assert [whats.count(name) for name in ("unedited", "edit", "corrections")] == [1, 4 + 2, 2 + 1]
    tried = [task for task in before + after if task.what in ("edit", "corrections", "unedited")]
    assert len(tried) == 1 + 4 + 2 + 2 + 1
    with monkeypatch.context() as patch:
        nothing = counted(patch, 10**6)
        search_settings(spec, TUNE, 4, 16, 1, lambda _searches: None)
    assert nothing == []


def test_a_candidate_without_numbers_is_told_and_the_search_goes_on(world, monkeypatch):
    spec, _ = world
    wild = TUNE | {"corrections": TUNE["corrections"] | {"k": []}}
    wild["edit"] = TUNE["edit"] | {"layers": [[0, 1]], "learning_rate": [0.3, 0.7]}
    whole = bench.optimise_values

    def diverging(*given):
        if given[5].learning_rate == 0.7:
            raise NonFiniteValue("value of case 1 is not finite")
        return whole(*given)

    monkeypatch.setattr(bench, "optimise_values", diverging)
    (search,) = search_settings(spec, wild, 4, 16, 1, lambda _searches: None)
    failed = [
        search.candidates[name]["values.learning_rate"]
        for name, outcome in search.rounds[0].outcomes.items()
        if outcome.failed
    ]
    assert failed == [0.7, 0.7]
    assert search.settings["values.learning_rate"] == 0.3


def test_values_are_found_once_for_all_that_share_them(world):
    spec, _ = world
    do = set_up_trials(spec)
    do(Task("unedited", ()))
    for weight in (1.0, 10.0):
        do(Task("edit", (EDIT | {"deltas.covariance_weight": weight}, N_FACTS, False)))
    names = sorted(path.name for path in (spec.folder / "values").iterdir())
    assert len(names) == len(CODES)
    one, other = (
        spec.kept(EDIT | {"deltas.covariance_weight": w}, N_FACTS)[0] for w in (1.0, 10.0)
    )
    assert [m.unedited for m in one] == [m.unedited for m in other]
    assert [m.value for m in one] != [m.value for m in other]
    assert candidate_id(EDIT) != candidate_id(EDIT | {"values.steps": 5})
    assert torch.get_num_threads() >= 1
