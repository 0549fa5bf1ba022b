"""Context templates: how a prompt is varied while a value or correction is optimised.

The plain prompt and short greedy continuations of openers in the language of the
prompts, each followed by the prompt: `{}`, `The sky is. {}`, … Made once by the
unedited model.
"""

from collections.abc import Sequence

import torch

from memat.model.editable import EditableModel
from memat.model.sentences import PLAIN


@torch.no_grad()
def make_templates(model: EditableModel, openers: Sequence[str], tokens: int) -> list[str]:
    """`{}` and one template per opener: its greedy continuation of `tokens` tokens, then `. {}`.

    Braces the model happens to write become blanks, so that each template has one `{}`.
    Raises FactError (an opener that is longer than the model takes).
    """
    templates = [PLAIN]
    for opener in openers:
        ids = model.tokenizer(opener, return_tensors="pt")["input_ids"].to(model.device)
        model.require_positions(ids[0])
        whole = model.within_positions(ids.shape[1] + tokens, "context templates")
        grown = model.network.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=whole - ids.shape[1],
            do_sample=False,
            pad_token_id=0,
        )
        text = model.tokenizer.decode(grown[0], skip_special_tokens=True)
        text = " ".join(text.replace("{", " ").replace("}", " ").split())
        templates.append(f"{text.rstrip(' .,;:')}. {PLAIN}")
    return templates
