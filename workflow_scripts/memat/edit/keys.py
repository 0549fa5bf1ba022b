"""Keys and residuals of many facts, measured layer by layer on the model as edited so far.

A key is the input of an MLP output projection at the subject's last token,
averaged over context templates. Only tokens up to that one are run (causal
attention makes the rest irrelevant), and each state of the model continues from
the input of the layer that was changed last.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import torch
from torch import nn

from memat.edit.requests import edit_position
from memat.errors import ConfigError, NonFiniteValue
from memat.model.batching import length_batches, pad, run_halving
from memat.model.editable import EditableModel, entering_at
from memat.model.hooks import inputs_seen, outputs_seen, stopping_after, stopping_before
from memat.model.sentences import EditRequest, request_sentence


def template_weights(n_contexts: int, mode: str) -> torch.Tensor:
    """Weight of each template in a key, (n_contexts,): `uniform`, or `grouped` (plain ½, rest share ½)."""
    if mode == "uniform" or n_contexts == 1:
        return torch.full((n_contexts,), 1.0 / n_contexts, dtype=torch.float64)
    weights = torch.full((n_contexts,), 0.5 / (n_contexts - 1), dtype=torch.float64)
    weights[0] = 0.5
    return weights


@dataclass
class _Batch:
    rows: torch.Tensor
    last: torch.Tensor
    ids: torch.Tensor
    mask: torch.Tensor
    entry_layer: int = 0
    entry: torch.Tensor | None = None

    def halves(self) -> "tuple[_Batch, _Batch] | None":
        """Both halves of the batch; None if it holds one row."""
        middle = len(self.rows) // 2
        return (self._part(slice(middle)), self._part(slice(middle, None))) if middle else None

    def _part(self, rows: slice) -> "_Batch":
        entry = None if self.entry is None else self.entry[rows]
        own = (column[rows] for column in (self.rows, self.last, self.ids, self.mask))
        return _Batch(*own, self.entry_layer, entry)


class KeyReader:
    """Reads keys and value-layer outputs of fixed requests from a model that changes between calls.

    Between two calls only layers at or above the one last read may have changed.
    Requests are in the order of their languages, each under the templates of its own.
    weights: of the templates, (n_contexts,), as many in every language.
    Raises ConfigError (languages with unlike numbers of templates).
    """

    def __init__(
        self,
        model: EditableModel,
        requests_by_language: Sequence[Sequence[EditRequest]],
        contexts_by_language: Sequence[Sequence[str]],
        weights: torch.Tensor,
        token_budget: int,
    ):
        if {len(contexts) for contexts in contexts_by_language} != {len(weights)}:
            raise ConfigError("the languages of one edit need equally many context templates")
        self.model, self.weights = model, weights
        self.n_requests = sum(map(len, requests_by_language))
        languages = list(zip(requests_by_language, contexts_by_language, strict=True))
        sentences = [
            request_sentence(model.tokenizer, request, contexts[number])
            for number in range(len(weights))
            for requests, contexts in languages
            for request in requests
        ]
        rows = [s.ids[: edit_position(s) + 1] for s in sentences]
        self.plain = self._batches(rows[: self.n_requests], 0, token_budget)
        self.others = self._batches(rows[self.n_requests :], self.n_requests, token_budget)

    def _batches(self, rows, first: int, token_budget: int) -> list[_Batch]:
        batches = []
        for numbers in length_batches([len(r) for r in rows], token_budget):
            ids, mask = pad([rows[n] for n in numbers], self.model.device)
            last = torch.tensor([len(rows[n]) - 1 for n in numbers], device=self.model.device)
            batches.append(_Batch(torch.tensor(numbers) + first, last, ids, mask))
        return batches

    @torch.no_grad()
    def read(self, layer: int, target_module: nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys at `layer`, (n_requests, d_ff), and outputs of `target_module` under the plain
        template, (n_requests, d_model); both float64 on the processor. The module must run with
        or after the layer's MLP projection."""
        d_ff = self.model.mlp_matrix(layer).shape[1]
        keys = torch.zeros(len(self.weights) * self.n_requests, d_ff, dtype=torch.float64)
        outputs = torch.zeros(self.n_requests, self.model.d_model, dtype=torch.float64)

        def read_plain(batch: _Batch) -> None:
            found = self._run(batch, layer, target_module)
            keys[batch.rows], outputs[batch.rows] = found["key"], found["output"]

        def read_other(batch: _Batch) -> None:
            keys[batch.rows] = self._run(batch, layer, None)["key"]

        self.plain = _run_all(self.plain, read_plain)
        self.others = _run_all(self.others, read_other)
        by_context = keys.view(len(self.weights), self.n_requests, d_ff)
        return torch.einsum("c,cfd->fd", self.weights, by_context), outputs

    def _run(
        self, batch: _Batch, layer: int, target_module: nn.Module | None
    ) -> dict[str, torch.Tensor]:
        model, seen = self.model, {}
        everyone = torch.arange(len(batch.rows), device=model.device)

        def at_last(name):
            def keep(hidden):
                # OPT flattens rows and positions before its projection, the others do not
                by_row = hidden.reshape(*batch.ids.shape, -1)
                seen[name] = by_row[everyone, batch.last].double().cpu()

            return keep

        def keep_entry(hidden):
            seen["entry"] = hidden.clone()

        with ExitStack() as hooks:
            hooks.enter_context(inputs_seen(model.blocks[layer], keep_entry))
            hooks.enter_context(inputs_seen(model.mlp_output(layer), at_last("key")))
            if target_module is None:
                hooks.enter_context(stopping_before(model.mlp_output(layer)))
            else:
                hooks.enter_context(outputs_seen(target_module, at_last("output")))
                hooks.enter_context(stopping_after(target_module))
            if batch.entry is None:
                model.last_hidden(batch.ids, batch.mask)
            else:
                with entering_at(model, batch.entry_layer, batch.entry):
                    model.last_hidden(batch.ids, batch.mask)
        batch.entry_layer, batch.entry = layer, seen["entry"]
        return seen


def _run_all(batches: list[_Batch], work: Callable[[_Batch], None]) -> list[_Batch]:
    """Do `work` on every batch; returns the batches that fitted in memory."""
    return [part for batch in batches for part in run_halving(batch, work, _Batch.halves)]


def subject_keys(
    model: EditableModel,
    requests_by_language: Sequence[Sequence[EditRequest]],
    contexts_by_language: Sequence[Sequence[str]],
    layers: Sequence[int],
    key_templates: str,
    token_budget: int,
) -> dict[int, torch.Tensor]:
    """K₀ of each edit layer with subjects as rows, {layer: (n_requests, d_ff) float32}.

    Keys as those of an edit: at the subject's last token, averaged over the context templates
    with the weights of `key_templates`. They are those of the model as it is given, unedited.
    Raises NonFiniteValue(layer).
    """
    weights = template_weights(len(contexts_by_language[0]), key_templates)
    reader = KeyReader(model, requests_by_language, contexts_by_language, weights, token_budget)
    found = {}
    for layer in layers:
        keys, _outputs = reader.read(layer, model.mlp_output(layer))
        if not bool(keys.isfinite().all()):
            raise NonFiniteValue(f"key of a protected subject in layer {layer} is not finite")
        found[layer] = keys.float()
    return found
