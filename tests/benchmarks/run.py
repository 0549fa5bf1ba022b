"""Every stage against its plain loop: time, peak memory and agreement, in one process.

    python tests/benchmarks/run.py [--short] [--rounds 3] [--folder results]

The two ways take turns, several rounds; a ratio is the median over rounds of
(plain seconds / fast seconds), because absolute times drift on shared machines.
Writes benchmark.csv and benchmark.{png,svg}. The model is the demo's, the facts
are the demo's English records.
"""

import argparse
import json
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

from memat.edit.covariance import estimate_covariance  # noqa: E402
from memat.edit.keys import template_weights  # noqa: E402
from memat.edit.templates import make_templates  # noqa: E402
from memat.edit.update import DeltaSettings, spread  # noqa: E402
from memat.edit.values import ValueSettings, optimise_values  # noqa: E402
from memat.evaluate.scores import PromptTarget, score_prompts  # noqa: E402
from memat.heads.activations import dump_activations  # noqa: E402
from memat.heads.corrections import CorrectionSettings, fit_corrections  # noqa: E402
from memat.heads.probes import ProbeSettings, split_sentences, train_probes  # noqa: E402
from memat.io import write_csv  # noqa: E402
from memat.model.load import load_model  # noqa: E402
from memat.model.sentences import EditRequest  # noqa: E402
from memat.report.figure_benchmark import draw_benchmark  # noqa: E402

LAYERS = [6, 7, 8, 9, 10]
VALUES = ValueSettings(0.5, 20, 0.75, 0.5, 0.0625, 0.05)
CORRECTIONS = CorrectionSettings(0.02, 1, 8, 1e-4, 1.0)
PROBES = ProbeSettings(c=1.0, train=0.6, validation=0.2, standardise=True)
BUDGET = 4096


@dataclass(frozen=True)
class Case:
    """One stage: both ways of doing it, and how far their results are apart."""

    stage: str
    n: int
    plain: Callable[[], object]
    fast: Callable[[], object]
    error: Callable[[object, object], float]


def main() -> None:
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    model = load_model(REPOSITORY / "resources/models/smollm2-135m-instruct/manifest.json")
    records = json.loads((REPOSITORY / "resources/facts/demo.json").read_text(encoding="utf-8"))
    n = 6 if arguments.short else arguments.facts
    cases = list(_cases(model, records[:n], records))
    rows = [row for case in cases for row in _measure(case, arguments.rounds)]
    frame = pl.DataFrame(rows)
    folder = Path(arguments.folder)
    write_csv(folder / "benchmark.csv", frame)
    draw_benchmark(frame, folder / "benchmark.png", folder / "benchmark.svg")
    with pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_width_chars=120):
        print(frame)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="a few facts, for CI")
    parser.add_argument("--facts", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", default="results")
    return parser.parse_args()


def _cases(model, records, everything):
    contexts = make_templates(model, ["The people of the town", "Therefore, in the end,",
        "Because of the weather,", "I have always thought that", "You can find it in"], 10)  # fmt: skip
    new = [_request(r, "target_new") for r in records]
    true = [_request(r, "target_true") for r in records]
    kl = "{} is a"
    yield Case(
        "values",
        len(new),
        lambda: reference.values(model, new, contexts, kl, LAYERS[-1], VALUES),
        lambda: optimise_values(model, new, contexts, kl, LAYERS[-1], VALUES, BUDGET).z,
        _row_error,
    )
    texts = [
        f"{p} {r['requested_rewrite']['target_true']['str']}."
        for r in everything
        for p in r["neighborhood_prompts"]
    ]
    tokens = 400 if len(new) < 10 else 6000
    yield Case(
        "covariance",
        tokens,
        lambda: reference.covariance(model, texts, LAYERS, tokens, 128),
        lambda: estimate_covariance(model, texts, LAYERS, tokens, 128, BUDGET)[0],
        lambda a, b: max(_error(a[n], b[n]) for n in LAYERS),
    )
    moments, _count = estimate_covariance(model, texts, LAYERS, 6000, 128, BUDGET)
    z = optimise_values(
        model,
        new,
        contexts[:2],
        kl,
        LAYERS[-1],
        ValueSettings(0.5, 3, 0.75, 0.5, 0.06, 0.05),
        BUDGET,
    ).z
    weights = template_weights(len(contexts), "uniform")
    yield Case(
        "keys, spread, solve",
        len(new),
        lambda: reference.spread(model, new, z, contexts, weights, moments, LAYERS, 2000.0),
        lambda: spread(model, new, z, contexts, moments, LAYERS, DeltaSettings(2000.0), BUDGET),
        lambda a, b: max(_error(a[n], b[n].matrix()) for n in LAYERS),
    )
    both, labels = true + new, [0] * len(true) + [1] * len(new)
    yield Case(
        "activations",
        len(both),
        lambda: reference.activations(model, both),
        lambda: dump_activations(model, both, labels, BUDGET).values,
        _error,
    )
    dumped = dump_activations(model, both, labels, BUDGET)
    split = split_sentences(dumped.case_ids, PROBES, 0)
    inside = dumped.values[split.train]
    scaled = (dumped.values - inside.mean(0)) / inside.std(0).clamp_min(1e-12)
    yield Case(
        "probes",
        model.n_layers * model.n_heads,
        lambda: reference.probe_accuracies(
            scaled, dumped.labels.numpy(), split.train, split.validation, 1.0
        )[0],
        lambda: train_probes(dumped, dumped.case_ids, PROBES, 0).accuracy,
        lambda a, b: float((a - b).abs().max()),
    )
    heads = [(12 + i // 2, (3 * i) % model.n_heads) for i in range(16)]
    yield Case(
        "corrections",
        len(new),
        lambda: reference.corrections(model, new, contexts, kl, heads, CORRECTIONS, 0),
        lambda: fit_corrections(model, new, contexts, kl, heads, CORRECTIONS, BUDGET, 0).omega,
        _error,
    )
    rows = [_scored_rows(record) for record in records]
    flat = [PromptTarget(p, t) for part in rows for p, t in part]
    yield Case(
        "evaluation",
        len(records),
        lambda: reference.scores(model, rows),
        lambda: score_prompts(model, flat, BUDGET).nll,
        lambda a, b: float(((a - b).abs() / a.abs()).max()),
    )


def _request(record: dict, role: str) -> EditRequest:
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
    seconds: dict[str, list[float]] = {"plain": [], "fast": []}
    peaks: dict[str, float] = {"plain": 0.0, "fast": 0.0}
    results = {}
    for _round in range(rounds):
        for variant in ("plain", "fast"):
            _reset_peak()
            start = time.perf_counter()
            results[variant] = getattr(case, variant)()
            seconds[variant].append(time.perf_counter() - start)
            peaks[variant] = max(peaks[variant], _peak_mb())
    ratio = statistics.median(p / f for p, f in zip(seconds["plain"], seconds["fast"], strict=True))
    error = case.error(results["plain"], results["fast"])
    print(f"{case.stage}: ratio {ratio:.1f}, error {error:.2g}", flush=True)
    return [
        {
            "stage": case.stage,
            "variant": variant,
            "n": case.n,
            "seconds": round(statistics.median(seconds[variant]), 3),
            "ratio": round(ratio, 2) if variant == "fast" else 1.0,
            "peak_mb": round(peaks[variant]),
            "max_relative_error": error if variant == "fast" else 0.0,
        }
        for variant in ("plain", "fast")
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
