"""Every stage against its plain loop: time, peak memory and agreement, in one process.

    python tests/benchmarks/run.py [--short] [--rounds 3] [--folder results]

The two ways take turns, several rounds; a ratio is the median over rounds of
(plain seconds / fast seconds), because absolute times drift on shared machines. Where
items do not depend on each other the plain loop does only the first few of them, and
both ways are compared per item; agreement is measured on the items both did.
Writes benchmark.csv, benchmark_scale.csv (time and memory of the values of more and more
facts) and benchmark.{png,svg}. The model is SmolLM2-135M, the facts are
the demo's English records.
"""

import argparse
import dataclasses
import json
import random
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY / "workflow_scripts"), str(Path(__file__).parent)]

import polars as pl  # noqa: E402
import reference  # noqa: E402
import torch  # noqa: E402
from figure import draw_benchmark  # noqa: E402

from memat.edit.covariance import key_moments, mean_moments  # noqa: E402
from memat.edit.keys import template_weights  # noqa: E402
from memat.edit.text_sample import make_templates  # noqa: E402
from memat.edit.update import DeltaSettings, spread  # noqa: E402
from memat.edit.values import ValueSettings, optimise_values  # noqa: E402
from memat.evaluate.scores import PromptTarget, score_prompts  # noqa: E402
from memat.heads.activations import dump_activations  # noqa: E402
from memat.heads.corrections import CorrectionSettings, fit_corrections  # noqa: E402
from memat.heads.probes import ProbeSettings, split_sentences, train_probes  # noqa: E402
from memat.io import write_csv  # noqa: E402
from memat.model.budget import token_budget, trie_budget  # noqa: E402
from memat.model.load import load_model  # noqa: E402
from memat.model.sentences import EditRequest  # noqa: E402

LAYERS = [6, 7, 8, 9, 10]
# upstream MEMIT's own: five contexts, 20 steps
VALUES = ValueSettings(0.5, 20, 0.75, 0.5, 0.0625, 0.05)
CORRECTIONS = CorrectionSettings(0.01, 1, 8, 1e-4, 1.0, "last")
PROBES = ProbeSettings(c=1.0, train=0.6, validation=0.2, standardise=True)
OPENERS = [
    "The people of the town",
    "Therefore, in the end,",
    "Because of the weather,",
    "I have always thought that",
    "You can find it in",
]


@dataclass(frozen=True)
class Case:
    """One stage: both ways of doing it, how many items each does, how far they are apart."""

    stage: str
    unit: str
    plain_n: int
    fast_n: int
    plain: Callable[[], object]
    fast: Callable[[], object]
    error: Callable[[object, object], float]


def main() -> None:
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    model = load_model(REPOSITORY / "resources/models/smollm2-135m-instruct/manifest.json")
    records = json.loads((REPOSITORY / "resources/facts/demo.json").read_text(encoding="utf-8"))
    random.Random(0).shuffle(records)  # the plain loops do the first few: any of them
    few, many = (1, 4) if arguments.short else (8, arguments.facts)
    values = dataclasses.replace(VALUES, steps=5) if arguments.short else VALUES
    folder = Path(arguments.folder)
    rows = []
    for case in _cases(model, records, few, many, values):
        if not arguments.stages or case.stage in arguments.stages:
            rows += _measure(case, arguments.rounds)
            write_csv(folder / "benchmark.csv", pl.DataFrame(rows))
    if not rows:
        sys.exit(f"no stage is called {' or '.join(arguments.stages)}")
    scale = _scale(model, records, arguments.sizes, shard=arguments.sizes[0])
    write_csv(folder / "benchmark_scale.csv", scale)
    frame = pl.DataFrame(rows)
    draw_benchmark(frame, scale, folder / "benchmark.png", folder / "benchmark.svg")
    print(scale)
    with pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_width_chars=120):
        print(frame)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--short", action="store_true", help="a few facts and steps, one round, one thread"
    )
    parser.add_argument("--facts", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", default="results")
    parser.add_argument(
        "--sizes",
        type=int,
        nargs="+",
        default=[50, 100, 200, 500, 1000],
        help="numbers of facts whose values are timed; the first is the size of a shard",
    )
    parser.add_argument("--stages", nargs="*", help="only these")
    arguments = parser.parse_args()
    if len(arguments.sizes) < 2:
        parser.error("--sizes: a growth needs at least two")
    if arguments.short:
        arguments.rounds = arguments.threads = 1
        arguments.sizes = [1, 2, 4]
    return arguments


def _cases(model, records, few: int, many: int, values: ValueSettings):
    contexts = make_templates(model, OPENERS, 10)
    kl, training = "{} is a", token_budget(model, 3000, gradients=True)
    reading = token_budget(model, 3000, gradients=False)
    new = [request_of(r, "target_new") for r in records[:many]]
    true = [request_of(r, "target_true") for r in records[:many]]
    yield Case(
        "values",
        "fact",
        few,
        many,
        lambda: reference.values(model, new[:few], contexts, kl, LAYERS[-1], values),
        lambda: optimise_values(model, [new], [contexts], [kl], LAYERS, values, training).z[0],
        lambda a, b: _row_error(a, b[:few]),
    )
    moments = yield from _covariance(model, records, 40 * many)
    z = torch.randn(many, model.d_model, generator=torch.Generator().manual_seed(0))
    weights = template_weights(len(contexts), "uniform")
    # one solve serves all facts, so both ways do all of them
    yield Case(
        "keys, spread, solve",
        "fact",
        many,
        many,
        lambda: reference.spread(model, new, z, contexts, weights, moments, LAYERS, 2000.0),
        lambda: spread(
            model, [new], z, [contexts], moments, LAYERS, DeltaSettings(2000.0), reading
        )[0],
        lambda a, b: max(_error(a[n], b[n].matrix()) for n in LAYERS),
    )
    both, labels = true + new, [0] * many + [1] * many
    yield Case(
        "activations",
        "sentence",
        many,
        len(both),
        lambda: reference.activations(model, both[:many]),
        lambda: dump_activations(model, both, labels).values,
        lambda a, b: _error(a, b[:many]),
    )
    yield _probes(model, dump_activations(model, both, labels))
    heads = [(12 + i // 2, (3 * i) % model.n_heads) for i in range(16)]
    part = new[: 3 * few]
    # ω is shared by all facts, so both ways do the same ones
    yield Case(
        "corrections",
        "fact",
        len(part),
        len(part),
        lambda: reference.corrections(model, part, contexts, kl, heads, CORRECTIONS, 0),
        lambda: fit_corrections(model, part, contexts, kl, heads, CORRECTIONS, training, 0).omega,
        _error,
    )
    rows = [_scored_rows(record) for record in records[:many]]
    flat = [PromptTarget(p, t) for part in rows for p, t in part]
    yield Case(
        "evaluation",
        "record",
        few,
        many,
        lambda: reference.scores(model, rows[:few]),
        lambda: score_prompts(model, flat, trie_budget(model)).nll,
        lambda a, b: float(((a - b[: len(a)]).abs() / a.abs()).max()),
    )


def _covariance(model, records, tokens: int):
    """The covariance case; returns the second moments for the cases after it."""
    texts = [
        f"{p} {r['requested_rewrite']['target_true']['str']}."
        for r in records
        for p in r["neighborhood_prompts"]
    ]
    budget = token_budget(model, 3000, gradients=False)
    yield Case(
        "covariance",
        "token",
        tokens,
        tokens,
        lambda: reference.covariance(model, texts, LAYERS, tokens, 128),
        lambda: _mean_moments(model, texts, tokens, budget),
        lambda a, b: max(_error(a[n], b[n]) for n in LAYERS),
    )
    # more token vectors than d_ff, or the solve would be of a singular matrix
    return _mean_moments(model, texts, 6000, budget)


def _mean_moments(model, texts: list[str], tokens: int, budget: int) -> dict[int, torch.Tensor]:
    return mean_moments([key_moments(model, texts, LAYERS, tokens, 128, budget)])[0]


def _probes(model, dumped) -> Case:
    split = split_sentences(dumped.case_ids, PROBES, 0)
    inside = dumped.values[split.train]
    scaled = (dumped.values - inside.mean(0)) / inside.std(0).clamp_min(1e-12)
    n_heads = model.n_layers * model.n_heads
    return Case(
        "probes",
        "head",
        n_heads,
        n_heads,
        lambda: reference.probe_accuracies(
            scaled, dumped.labels.numpy(), split.train, split.validation, PROBES.c
        )[0],
        lambda: train_probes(dumped, dumped.case_ids, PROBES, 0).accuracy,
        lambda a, b: float((a - b).abs().max()),
    )


def _scale(model, records, sizes: tuple[int, ...], shard: int) -> pl.DataFrame:
    """Seconds and peak memory of the values of more and more facts, in shards as the workflow's.

    Few steps and one context keep it short; facts are used again where there are too few,
    which costs the same, because facts do not know of each other.
    """
    contexts = make_templates(model, OPENERS[:1], 10)
    settings = dataclasses.replace(VALUES, steps=3, stop_loss=0.0)
    budget = token_budget(model, 3000, gradients=True)
    rows = []
    for n in sizes:
        requests = [request_of(records[i % len(records)], "target_new") for i in range(n)]
        _reset_peak()
        start = time.perf_counter()
        for first in range(0, n, shard):
            part = requests[first : first + shard]
            optimise_values(model, [part], [contexts], ["{} is a"], LAYERS, settings, budget)
        seconds = time.perf_counter() - start
        rows.append({"n": n, "seconds": seconds, "peak_mb": round(_peak_mb())})
    frame = pl.DataFrame(rows)
    slope, intercept = statistics.linear_regression(frame["n"], frame["seconds"])
    exponent = statistics.linear_regression(frame["n"].log(), frame["seconds"].log()).slope
    print(f"{slope:.3f} s a fact + {intercept:.1f} s; time grows with n to the {exponent:.2f}")
    return frame


def request_of(record: dict, role: str) -> EditRequest:
    rewrite = record["requested_rewrite"]
    return EditRequest(
        record["case_id"], rewrite["prompt"], rewrite["subject"], rewrite[role]["str"]
    )


def _scored_rows(record: dict) -> list[tuple[str, str]]:
    rewrite = record["requested_rewrite"]
    prompts = [rewrite["prompt"].replace("{}", rewrite["subject"])]
    prompts += record["paraphrase_prompts"] + record["neighborhood_prompts"]
    return [(p, rewrite[role]["str"]) for p in prompts for role in ("target_new", "target_true")]


def _measure(case: Case, rounds: int) -> list[dict]:
    items = {"plain": case.plain_n, "fast": case.fast_n}
    seconds: dict[str, list[float]] = {"plain": [], "fast": []}
    peaks: dict[str, float] = {"plain": 0.0, "fast": 0.0}
    results = {}
    for _round in range(rounds):
        for variant, n in items.items():
            _reset_peak()
            start = time.perf_counter()
            results[variant] = getattr(case, variant)()
            seconds[variant].append((time.perf_counter() - start) / n)
            peaks[variant] = max(peaks[variant], _peak_mb())
    ratios = [p / f for p, f in zip(seconds["plain"], seconds["fast"], strict=True)]
    error = case.error(results["plain"], results["fast"])
    print(
        f"{case.stage}: ratios {', '.join(f'{r:.1f}' for r in ratios)}; error {error:.2g}",
        flush=True,
    )
    return [
        {
            "stage": case.stage,
            "variant": variant,
            "unit": case.unit,
            "n": n,
            "seconds": statistics.median(seconds[variant]) * n,
            "seconds_per_unit": statistics.median(seconds[variant]),
            "ratio": statistics.median(ratios) if variant == "fast" else 1.0,
            "peak_mb": round(peaks[variant]),
            "max_relative_error": error if variant == "fast" else 0.0,
        }
        for variant, n in items.items()
    ]


def _reset_peak() -> None:
    """Let the kernel count this process's peak memory from here."""
    Path("/proc/self/clear_refs").write_text("5")


def _peak_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return float("nan")


def _error(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a.double() - b.double()).norm() / a.double().norm())


def _row_error(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(((a - b).norm(dim=1) / a.norm(dim=1)).max())


if __name__ == "__main__":
    main()
