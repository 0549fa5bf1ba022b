"""Keys K₀ of protected subjects."""

from collections.abc import Sequence

import torch

from memat.edit.keys import KeyReader, template_weights
from memat.errors import NonFiniteValue
from memat.model.editable import EditableModel
from memat.model.sentences import EditRequest


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
