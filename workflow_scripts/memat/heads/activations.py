"""Head activations at the last token: eq. (10), all layers and heads in one pass."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import torch
from tqdm import tqdm

from memat.errors import NonFiniteValue
from memat.model.batching import halve_rows, run_halving
from memat.model.budget import trie_budget
from memat.model.editable import EditableModel
from memat.model.hooks import inputs_seen
from memat.model.prefix_trie import build_trie, run_trie, trie_batches
from memat.model.sentences import EditRequest, request_sentence
from memat.model.vocabulary import read_targets
from memat.provenance import Provenance
from memat.tensors import read_tensors, write_tensors

COLUMNS = ("values", "labels", "case_ids", "predicted")


@dataclass(frozen=True)
class HeadActivations:
    """Activations of labelled sentences (prompt + target).

    values: (n_sentences, n_layers, n_heads, head_dim) float32, at the last token.
    labels: (n_sentences,) 0 for o^c, 1 for o*. case_ids: (n_sentences,).
    predicted: (n_sentences,) bool, every target token is the model's argmax.
    """

    values: torch.Tensor
    labels: torch.Tensor
    case_ids: torch.Tensor
    predicted: torch.Tensor


@torch.no_grad()
def dump_activations(
    model: EditableModel, requests: Sequence[EditRequest], labels: Sequence[int]
) -> HeadActivations:
    """Run every request's prompt + target; what several begin with runs once.

    Raises NonFiniteValue(case ids).
    """
    sentences = [request_sentence(model.tokenizer, request) for request in requests]
    rows = [sentence.ids for sentence in sentences]
    shape = (len(requests), model.n_layers, model.n_heads, model.head_dim)
    values = torch.zeros(shape, dtype=torch.float32)
    predicted = torch.ones(len(requests), dtype=torch.bool)

    def dump(part: list[int]) -> None:
        trie = build_trie([rows[number] for number in part])
        last = torch.tensor([path[-1] for path in trie.paths], device=model.device)
        with ExitStack() as hooks:
            for layer in range(model.n_layers):
                keep = _keeper(values, part, layer, last)
                hooks.enter_context(inputs_seen(model.attention_output(layer), keep))
            hidden = run_trie(model, trie)
        read = read_targets(model, trie, hidden, [sentences[number] for number in part])
        predicted[torch.tensor(part)[read.row[~read.is_greedy]]] = False

    batches = trie_batches(rows, trie_budget(model))
    for batch in tqdm(batches, desc="head activations", mininterval=5):
        run_halving(batch, dump, halve_rows)
    _check(values, requests)
    cases = torch.tensor([request.case_id for request in requests], dtype=torch.long)
    return HeadActivations(values, torch.tensor(labels, dtype=torch.long), cases, predicted)


def object_numbers(targets: Sequence[str]) -> torch.Tensor:
    """One number per distinct object, for splits by object; the same in every shard."""
    numbers = {target: number for number, target in enumerate(dict.fromkeys(targets))}
    return torch.tensor([numbers[target] for target in targets], dtype=torch.long)


def refined(
    activations: HeadActivations, groups: torch.Tensor
) -> tuple[HeadActivations, torch.Tensor]:
    """Only the facts whose o* the edited model predicts (appendix D), and their groups."""
    known = activations.case_ids[(activations.labels == 1) & activations.predicted]
    keep = torch.isin(activations.case_ids, known)
    part = HeadActivations(*(getattr(activations, name)[keep] for name in COLUMNS))
    return part, groups[keep]


def write_activations(
    path: str,
    parts: Sequence[HeadActivations],
    objects: torch.Tensor,
    refine: bool,
    provenance: Provenance,
) -> None:
    """One shard's activations, part after part. objects: (n_sentences,) number of each target."""
    tensors = {name: torch.cat([getattr(part, name) for part in parts]) for name in COLUMNS}
    write_tensors(path, tensors | {"objects": objects}, provenance, refine=refine)


def read_activations(paths: Sequence[str], group: str) -> tuple[HeadActivations, torch.Tensor]:
    """Activations that probes are trained on, and the group of each sentence.

    paths: every shard. group: `fact` or `object`. All sentences with o^c come first, then those
    with o*, so that shards make no difference to sums over sentences. With `refine` in the
    files, only the facts whose o* the edited model predicts (appendix D).
    """
    parts, notes = zip(*(read_tensors(path) for path in paths), strict=True)
    order = torch.cat([part["labels"] for part in parts]).argsort(stable=True)
    tensors = {name: torch.cat([part[name] for part in parts])[order] for name in parts[0]}
    activations = HeadActivations(*(tensors[name] for name in COLUMNS))
    groups = tensors["case_ids" if group == "fact" else "objects"]
    return refined(activations, groups) if notes[0]["refine"] else (activations, groups)


def _keeper(values, rows, layer, last):
    def keep(heads: torch.Tensor) -> None:
        values[rows, layer] = heads[0, last].float().cpu().view(len(rows), *values.shape[2:])

    return keep


def _check(values: torch.Tensor, requests) -> None:
    bad = ~values.flatten(1).isfinite().all(1)
    if bool(bad.any()):
        cases = sorted({requests[i].case_id for i in bad.nonzero()[:5, 0].tolist()})
        raise NonFiniteValue(
            f"head activations are not finite for case {', '.join(map(str, cases))}"
        )
