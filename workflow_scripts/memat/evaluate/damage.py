"""What an edit costs beside its facts: the model's predictions on unrelated text, and the size of its updates."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import polars as pl
import torch
from tqdm import tqdm

from memat.edit.update import Delta
from memat.errors import ConfigError, NonFiniteValue
from memat.model.batching import halve_rows, length_batches, pad, run_halving
from memat.model.editable import EditableModel

TEXT_SCHEMA = {
    "language": pl.String,
    "paragraph": pl.Int64,
    "n_tokens": pl.Int64,
    "nll_unedited": pl.Float64,
    "nll": pl.Float64,
    "kl": pl.Float64,
}
UPDATE_SCHEMA = {
    "layer": pl.Int64,
    "update_norm": pl.Float64,
    "weight_norm": pl.Float64,
    "ratio": pl.Float64,
    "edited_norm": pl.Float64,
}
POSITIONS_TOGETHER = 64  # two rows of the whole vocabulary each are held at once


def read_texts(paths: Mapping[str, str]) -> dict[str, list[str]]:
    """Paragraphs by language: the lines of each file that are not empty.

    Raises ConfigError naming a file without any, or that is no UTF-8.
    """
    texts = {}
    for code, path in paths.items():
        try:
            lines = Path(path).read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError as error:
            raise ConfigError(f"{path}: no UTF-8 text (byte {error.start})") from None
        texts[code] = [line.strip() for line in lines if line.strip()]
        if not texts[code]:
            raise ConfigError(f"{path}: no paragraph; one line each is expected")
    return texts


@torch.no_grad()
def text_damage(
    model: EditableModel,
    texts: dict[str, Sequence[str]],
    edited: AbstractContextManager,
    token_budget: int,
    max_length: int,
) -> pl.DataFrame:
    """`TEXT_SCHEMA`: sums over the predicted tokens of every paragraph, in nats.

    texts: paragraphs by language; each is read alone, up to `max_length` tokens. edited: the
    model carries its edit inside it. nll: of the next token; kl: KL(unedited ‖ edited) of the
    distributions of the next token. A paragraph of one token predicts nothing and is no row.
    Raises NonFiniteValue(language, paragraph), ConfigError (no paragraph of two tokens).
    """
    longest = model.within_positions(max_length, "damage.tokens")
    asked = {
        (code, place): ids
        for code, paragraphs in texts.items()
        for place, text in enumerate(paragraphs)
        if len(ids := model.tokenizer(text)["input_ids"][:longest]) > 1
    }
    if not asked:
        raise ConfigError(
            "damage.texts: no paragraph has two tokens, so nothing is predicted there"
        )
    ids = list(asked.values())
    before = _hidden_states(model, ids, token_budget)
    with edited:
        after = _hidden_states(model, ids, token_budget)
    rows = []
    for key, row, old, new in zip(asked, ids, before, after, strict=True):
        nll_unedited, nll, kl = _compared(model, row, old, new)
        if not torch.tensor([nll_unedited, nll, kl]).isfinite().all():
            raise NonFiniteValue(f"text of language '{key[0]}', paragraph {key[1] + 1}: not finite")
        rows.append((*key, len(row) - 1, nll_unedited, nll, kl))
    return pl.DataFrame(rows, schema=TEXT_SCHEMA, orient="row")


def update_sizes(model: EditableModel, deltas: Sequence[dict[int, Delta]]) -> pl.DataFrame:
    """`UPDATE_SCHEMA`: Frobenius norm of each edit layer's update, all edits added, of its weight as it
    came, and of the weight with the update."""
    rows = []
    for layer in sorted({layer for part in deltas for layer in part}):
        weight = model.mlp_matrix(layer)
        update = sum(part[layer].matrix() for part in deltas if layer in part)
        sizes = float(update.double().norm()), float(weight.double().norm())
        written = float((weight.double() + update.to(weight.device)).norm())
        rows.append((layer, *sizes, sizes[0] / sizes[1], written))
    return pl.DataFrame(rows, schema=UPDATE_SCHEMA, orient="row")


def _hidden_states(
    model: EditableModel, rows: Sequence[Sequence[int]], token_budget: int
) -> list[torch.Tensor]:
    """Final hidden states before each predicted token, (n_tokens − 1, d_model) a row."""
    found: list[torch.Tensor] = [torch.empty(0)] * len(rows)

    def run(part: list[int]) -> None:
        ids, mask = pad([rows[number] for number in part], model.device)
        for number, hidden in zip(part, model.last_hidden(ids, mask), strict=True):
            found[number] = hidden[: len(rows[number]) - 1].clone()

    batches = length_batches([len(row) for row in rows], token_budget)
    for batch in tqdm(batches, desc="held-out text", mininterval=5):
        run_halving(batch, run, halve_rows)
    return found


def _compared(
    model: EditableModel, ids: Sequence[int], old: torch.Tensor, new: torch.Tensor
) -> tuple[float, float, float]:
    """NLL of the unedited and of the edited model, and KL, summed over the positions of one row."""
    sums = torch.zeros(3, dtype=torch.float64)
    wanted = torch.tensor(ids[1:], device=old.device)
    for start in range(0, len(wanted), POSITIONS_TOGETHER):
        part = slice(start, start + POSITIONS_TOGETHER)
        p, q = (model.log_probabilities(states[part]) for states in (old, new))
        next_token = wanted[part, None]
        sums[0] -= p.gather(1, next_token).double().sum().cpu()
        sums[1] -= q.gather(1, next_token).double().sum().cpu()
        sums[2] += (p.exp() * (p - q)).double().sum().cpu()
    return tuple(sums.tolist())
