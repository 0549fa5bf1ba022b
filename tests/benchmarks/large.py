"""Values and solves of a model of Àguila-7B's exact shape, with random weights, on a GPU.

    python tests/benchmarks/large.py [--device cuda] [--facts 1000] [--folder results]

Settings are those of configs/aguila.yaml, every fact does all its steps, the facts are the
demo's again and again. Writes benchmark_large.csv: seconds and FLOP rate of each stage.
FLOPs are counted by PyTorch for a few facts and steps and scale with both. `--blocks` and
`--width` make the model smaller, to try this without a GPU. Where the device is absent
it says "not measured" and ends with status 1.
"""

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [
    str(REPOSITORY / name) for name in ("workflow_scripts", "tests/benchmarks", "tests")
]

import polars as pl  # noqa: E402
import torch  # noqa: E402
import yaml  # noqa: E402
from run import OPENERS, request_of  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer  # noqa: E402

from memat.edit.linear import solve_keys  # noqa: E402
from memat.edit.text_sample import make_templates  # noqa: E402
from memat.edit.values import ValueSettings, optimise_values  # noqa: E402
from memat.io import write_csv  # noqa: E402
from memat.model.budget import token_budget  # noqa: E402
from memat.model.editable import EditableModel  # noqa: E402
from memat.model.load import DTYPES  # noqa: E402
from workflow.project import merged_config  # noqa: E402

TOKENIZER = REPOSITORY / "resources/models/smollm2-135m-instruct"
HEAD_SIZE = 64
N_SOLVES = 5


def main() -> None:
    arguments = _arguments()
    if arguments.device.startswith("cuda") and not torch.cuda.is_available():
        sys.exit("not measured: there is no CUDA device here")
    config = merged_config("configs/aguila.yaml")
    rows = []
    for dtype in arguments.dtypes:
        model = random_model(arguments, dtype)
        rows.append({"dtype": dtype, **_values(model, config, arguments.facts)})
        d_ff = model.mlp_matrix(0).shape[1]
        del model
    rows.append({"dtype": "float64", **_solves(config, d_ff, arguments)})
    frame = pl.DataFrame(rows)
    write_csv(Path(arguments.folder) / "benchmark_large.csv", frame)
    with pl.Config(tbl_cols=-1, tbl_width_chars=120):
        print(frame)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--dtypes", nargs="+", default=["bfloat16", "float32"], choices=DTYPES)
    parser.add_argument("--facts", type=int, default=1000)
    parser.add_argument("--blocks", type=int, help="fewer than Àguila's")
    parser.add_argument("--width", type=int, help="of the hidden states, fewer than Àguila's")
    parser.add_argument("--folder", default="results")
    return parser.parse_args()


def random_model(arguments: argparse.Namespace, dtype: str) -> EditableModel:
    """Falcon as resources/models/aguila-7b.yaml records it, or smaller."""
    path = REPOSITORY / "resources/models/aguila-7b.yaml"
    shape = yaml.safe_load(path.read_text(encoding="utf-8"))["architecture"]
    width = arguments.width or shape["hidden_size"]
    shape |= {
        "num_hidden_layers": arguments.blocks or shape["num_hidden_layers"],
        "hidden_size": width,
        "num_attention_heads": width // HEAD_SIZE,
    }
    torch.manual_seed(0)
    kind = shape.pop("model_type")
    with torch.device(arguments.device):
        network = AutoModelForCausalLM.from_config(
            AutoConfig.for_model(kind, **shape), dtype=DTYPES[dtype]
        )
    return EditableModel.wrap(network, AutoTokenizer.from_pretrained(TOKENIZER))


def _values(model: EditableModel, config: dict, n_facts: int) -> dict:
    records = json.loads((REPOSITORY / "resources/facts/demo.json").read_text(encoding="utf-8"))
    requests = [request_of(records[i % len(records)], "target_new") for i in range(n_facts)]
    contexts = make_templates(
        model, OPENERS[: config["templates"]["count"]], config["templates"]["tokens"]
    )
    own = {field.name: config["values"][field.name] for field in dataclasses.fields(ValueSettings)}
    settings = ValueSettings(**own | {"stop_loss": 0.0})
    layer = min(config["edit"]["layers"][-1], model.n_layers - 2)
    budget = token_budget(model, config["compute"]["memory_mb"], gradients=True)
    together = config["compute"]["batch_facts"]

    def optimise(part, steps: int) -> None:
        of_part = dataclasses.replace(settings, steps=steps)
        optimise_values(model, [part], [contexts], ["{} is a"], [layer], of_part, budget)

    few = requests[:together]
    first, second = (_flops(lambda n=steps: optimise(few, n)) for steps in (1, 2))
    flops = (first + (settings.steps - 1) * (second - first)) * n_facts / len(few)

    def all_values() -> None:
        for start in range(0, n_facts, together):
            optimise(requests[start : start + together], settings.steps)

    return _row("values", n_facts, _seconds(all_values, model.device), flops)


def _solves(config: dict, d_ff: int, arguments: argparse.Namespace) -> dict:
    """Solves of λC + KKᵀ; FLOPs of Cholesky and of both triangular solves."""
    n_facts, generator = arguments.facts, torch.Generator(arguments.device).manual_seed(0)
    sizes = {"generator": generator, "device": arguments.device, "dtype": torch.float64}
    text = torch.randn(2 * d_ff, d_ff, **sizes)
    moment = text.T @ text / len(text)
    keys = torch.randn(n_facts, d_ff, **sizes)
    weight = config["deltas"]["covariance_weight"]

    def solve() -> None:
        for layer in range(N_SOLVES):
            solve_keys(keys, moment, weight, layer)

    solve_keys(keys[:1], moment, weight, 0)  # the libraries' first call takes longer
    flops = N_SOLVES * (d_ff**3 / 3 + 2 * d_ff**2 * n_facts)
    return _row(f"{N_SOLVES} solves", n_facts, _seconds(solve, arguments.device), flops)


def _flops(work: Callable[[], None]) -> int:
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


def _seconds(work: Callable[[], None], device: str | torch.device) -> float:
    _wait_for(device)
    start = time.perf_counter()
    work()
    _wait_for(device)
    return time.perf_counter() - start


def _wait_for(device: str | torch.device) -> None:
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)


def _row(stage: str, n: int, seconds: float, flops: float) -> dict:
    return {"stage": stage, "n": n, "seconds": seconds, "tflop_per_s": flops / seconds / 1e12}


if __name__ == "__main__":
    main()
