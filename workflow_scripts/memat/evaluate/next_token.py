"""What a model thinks comes next: the distribution over the token after a prompt."""

import torch

from memat.errors import FactError
from memat.model.batching import pad
from memat.model.editable import EditableModel


@torch.no_grad()
def next_token_probabilities(model: EditableModel, prompt: str) -> torch.Tensor:
    """P of every token as the next one after a prompt, (n_vocabulary,) float32 or better.

    Raises FactError for a prompt without any token.
    """
    row = model.tokenizer(prompt)["input_ids"]
    if not row:
        raise FactError(f"the prompt {prompt!r} has no token")
    hidden = model.last_hidden(*pad([row], model.device))
    return model.log_probabilities(hidden[0, -1]).exp().cpu()
