"""The page that shows MEMIT in plain loops does what the library does."""

import re
from pathlib import Path

import torch
from test_edit_covariance import covariance

from memat.edit.update import DeltaSettings, edited
from memat.edit.values import ValueSettings
from memat.model.sentences import EditRequest
from one_language import optimise_values, spread
from small_models import TEXTS, small_model

PAGE = Path(__file__).resolve().parents[2] / "docs" / "memit_in_sixty_lines.md"
PROMPT, SUBJECT, TARGET = "The mother tongue of {} is", "Marie Curie", "Polish"
LAYERS = [0, 1, 2]
SETTINGS = ValueSettings(0.3, 7, 0.6, 0.5, 0.0625, 0.05)


def page() -> str:
    return re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1]


def test_the_page_is_the_library_with_one_fact():
    model = small_model("llama")
    words = " ".join(TEXTS * 3)
    found = covariance(model, [words], LAYERS, 400, 32, 512)[0]
    moments = {n: c + 0.01 * torch.eye(len(c), dtype=c.dtype) for n, c in found.items()}
    names = {"model": model.network, "tokenizer": model.tokenizer, "covariance": moments}
    exec(page(), names)

    request = EditRequest(0, PROMPT, SUBJECT, TARGET)
    values = optimise_values(model, [request], ["{}"], "{} is a", LAYERS, SETTINGS, 512)
    z = names["value"](
        *(PROMPT, SUBJECT, TARGET, "{} is a", LAYERS[-1], SETTINGS.learning_rate, SETTINGS.steps),
        *(SETTINGS.clamp, SETTINGS.weight_decay, SETTINGS.kl_factor, SETTINGS.stop_loss),
    )
    assert (z - values.z[0]).norm() < 1e-9 * z.norm()

    deltas = spread(model, [request], values.z, ["{}"], moments, LAYERS, DeltaSettings(3.0), 512)
    with edited(model, deltas):
        ours = {n: model.mlp_matrix(n).clone() for n in LAYERS}
    before = {n: model.mlp_matrix(n).clone() for n in LAYERS}
    names["write"](PROMPT, SUBJECT, TARGET, z, LAYERS, 3.0)
    for n in LAYERS:
        change = (model.mlp_matrix(n) - before[n]).norm()
        # the library keeps the factors of a delta in float32
        assert (model.mlp_matrix(n) - ours[n]).norm() < 1e-6 * change


def test_the_page_keeps_its_promise_of_size():
    lines = [line for line in page().splitlines() if line.strip() and '"""' not in line]
    assert len(lines) <= 60
