"""Controls without any change of weights: the new fact stands in the prompt.

`in_context` puts the new fact of a prompt's own record before it (in-context editing).
`retrieval` puts there the edited fact that the prompt is nearest to, or none: nothing but the
prompt's text says which, as a user's question would. Both say the fact in one language,
whatever language the prompt has.
"""

from collections.abc import Sequence

import polars as pl
import torch

from memat.evaluate.distracted import new_facts
from memat.model.batching import length_batches, pad
from memat.model.editable import EditableModel
from memat.model.hooks import outputs_seen, stopping_after
from memat.study.models import IN_CONTEXT


def with_context(
    model: EditableModel, rows: pl.DataFrame, method: str, language: str, token_budget: int
) -> pl.DataFrame:
    """The rows of the bilingual table with the new fact, said in `language`, before each prompt.

    rows: everything that is asked of one set of facts; each fact has its rewrite prompt in
    `language`. method: of `memat.study.models.CONTEXT_METHODS`. With `retrieval` a prompt that is
    near no fact stays as it is.
    """
    facts = new_facts(rows.filter(language=language)).unique("case_id", maintain_order=True)
    sentences = dict(facts.select("case_id", "sentence").iter_rows())
    if method == IN_CONTEXT:
        said = [sentences[case] for case in rows["case_id"]]
    else:
        found = nearest_facts(model, facts, rows, token_budget)
        said = [sentences.get(case) for case in found]
    before = pl.Series("before", said, dtype=pl.String)
    return rows.with_columns(
        prompt=pl.concat_str(before, "prompt", separator=" ", ignore_nulls=True)
    )


def nearest_facts(
    model: EditableModel, facts: pl.DataFrame, rows: pl.DataFrame, token_budget: int
) -> list[int | None]:
    """case_id of the fact that each row's prompt is about, or None.

    A prompt is the mean of its hidden states behind the middle block, less the mean over the
    prompts asked in its language; facts are their rewrite prompts, so no target is compared.
    The nearest fact (cosine) is taken if the prompt is nearer to it than every other fact is:
    no threshold is set by hand.
    """
    prompts = list(dict.fromkeys(rows["prompt"]))
    place = {prompt: number for number, prompt in enumerate(prompts)}
    vectors = prompt_vectors(model, prompts, token_budget)
    asked = rows.select("language", "prompt").unique(keep="first", maintain_order=True)
    centred: dict[tuple[str, str], torch.Tensor] = {}
    for _, own in asked.group_by("language", maintain_order=True):
        of_language = vectors[[place[prompt] for prompt in own["prompt"]]]
        units = torch.nn.functional.normalize(of_language - of_language.mean(0), dim=-1)
        centred |= zip(own.iter_rows(), units, strict=True)
    of_facts = torch.stack([centred[key] for key in facts.select("language", "prompt").iter_rows()])
    between = (of_facts @ of_facts.T).fill_diagonal_(-1.0)
    nearest_other = between.max(1).values
    cases = facts["case_id"].to_list()
    found: dict[tuple[str, str], int | None] = {}
    for key, vector in centred.items():
        similarity, number = (of_facts @ vector).max(0)
        near = bool(similarity > nearest_other[number])
        found[key] = cases[int(number)] if near else None
    return [found[key] for key in rows.select("language", "prompt").iter_rows()]


@torch.no_grad()
def prompt_vectors(model: EditableModel, prompts: Sequence[str], token_budget: int) -> torch.Tensor:
    """Mean over tokens of the hidden states behind the middle block, (n_prompts, d_model) float64."""
    rows = [model.tokenizer(prompt)["input_ids"] for prompt in prompts]
    vectors = torch.zeros(len(prompts), model.d_model, dtype=torch.float64)
    middle = model.blocks[model.n_layers // 2]
    for batch in length_batches([len(row) for row in rows], token_budget):
        ids, mask = pad([rows[number] for number in batch], model.device)
        read = mask.clone()
        # the first position of a decoder is an attention sink, whatever token it holds
        read[:, 0] = torch.tensor([len(rows[n]) == 1 for n in batch])

        def keep(hidden: torch.Tensor, batch=batch, read=read) -> None:
            weights = read[..., None].double()
            mean = (hidden.double() * weights).sum(1) / weights.sum(1)
            vectors[batch] = mean.cpu()

        with outputs_seen(middle, keep), stopping_after(middle):
            model.last_hidden(ids, mask)
    return vectors
