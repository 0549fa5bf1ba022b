"""Random score tables for the tests of metrics and reports."""

import numpy as np
import polars as pl

from memat.evaluate.families import metrics_of

FAMILIES = ["success", "magnitude", "accuracy"]
GENERATE = {"prompt_types": ["rewrite"], "per_fact": None, "tokens": 2}
PROMPTS = {"rewrite": 1, "paraphrase": 2, "neighborhood": 5}
# what the tables below hold: metrics on those prompts, and scores
MEASURED = [m.name for m in metrics_of(FAMILIES) if m.parts or m.prompt_type in PROMPTS]


def random_scores(n_facts=12, seed=0, language="en", block=0, shift=0.0, prompts=PROMPTS):
    """A scores table; `shift` nats per token make every target_new more likely."""
    rng = np.random.default_rng(seed)
    rows = []
    for case_id in range(n_facts):
        for prompt_type, count in prompts.items():
            # every third fact has fewer prompts, as after dropped translations
            for index in range(max(1, count - (case_id % 3 == 0))):
                for role in ("target_new", "target_true"):
                    n_tokens = int(rng.integers(1, 4))
                    nll = n_tokens * rng.exponential(2.0)
                    if role == "target_new":
                        nll *= np.exp(-shift)
                    rows.append(
                        {
                            "case_id": 1000 * int(block) + case_id,
                            "block": block,
                            "language": language,
                            "role": role,
                            "prompt_type": prompt_type,
                            "index": index,
                            "nll": float(nll),
                            "n_tokens": n_tokens,
                            "is_greedy": bool(rng.random() < 0.3),
                        }
                    )
    return pl.DataFrame(rows)


def random_answers(scores, seed=0):
    """What a model says to the prompts of a scores table: about half name the wanted target."""
    rng = np.random.default_rng(seed)
    asked = scores.filter(pl.col("role") == "target_new").select(
        *("case_id", pl.col("block").cast(pl.String), "language", "prompt_type", "index")
    )
    said = rng.choice(["the piano.", "piano and", "flute", "a flute."], asked.height)
    return asked.with_columns(wanted=pl.lit("piano"), answer=pl.Series(said))


def experiment(
    name,
    method,
    edit_language=None,
    head_language=None,
    select=None,
    k=None,
    solver="memit",
    recycled=False,
    alpha=None,
    combine=None,
    protected=False,
    step_size=None,
    baselines=(),
    **place,
):
    """One row of a study file (`memat.study.rows.Row.described`)."""
    return {
        "name": name,
        "method": method,
        "solver": solver if edit_language else None,
        "edit_language": edit_language,
        "edit_languages": edit_language.split("+") if edit_language else [],
        "combine": combine,
        "transport": None,
        "taught": None,
        "protected": protected if edit_language else None,
        "step_size": step_size,
        "head_language": head_language,
        "select": select,
        "k": k,
        "alpha": alpha,
        "recycled": recycled,
        "baselines": list(baselines),
        **place,
    }


EXPERIMENTS = [
    experiment("unedited", "unedited"),
    experiment("memit-en", "memit", "en", baselines=["unedited"]),
    experiment("memit-ca", "memit", "ca", baselines=["unedited"]),
    experiment("memat-en-en", "memat", "en", "en", "located", 16, baselines=["memit-en"]),
    experiment("memat-ca-en", "memat", "ca", "en", "located", 16, baselines=["memit-ca"]),
    experiment(
        "random-ca-en", "memat", "ca", "en", "random", 16, baselines=["memit-ca", "memat-ca-en"]
    ),
]
LANGUAGES = ["en", "ca"]


def random_run(n_facts=12, blocks=(0,)):
    """(experiment name, scores) of a whole run over EXPERIMENTS and LANGUAGES."""
    shifts = [0.0, 1.2, 1.0, 1.4, 1.3, 1.1]
    return [
        (experiment["name"], random_scores(n_facts, seed, language, block, shift))
        for experiment, shift in zip(EXPERIMENTS, shifts, strict=True)
        for block in blocks
        for seed, language in enumerate(LANGUAGES)
    ]
