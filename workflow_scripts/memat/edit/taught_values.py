"""Taught values: an edited model says in L2 what the fact in L1, in its prompt, would make it say.

The teacher is the unedited model that reads the new fact in the edit language (L1) before a
question in another (L2), as in-context editing does, after other facts as examples, said in both:
they show that the answer is to be in L2. Values in L2 make p(· | question) follow p(· | fact,
question): no target of the fact in L2 is needed. In place of a target's NLL, the loss of a fact has
KL(now ‖ teacher), of the next-token distributions after the question and after the first tokens of
the teacher's greedy answer, as the next token alone may be an article; the mean is over these
positions and over context templates, which the teacher does not read. KL on "{s} is a", weight
decay, clamp and stop are those of `memat.edit.values`. The direction is that of its other KL term:
it lets go of what the teacher does not say, rather than holding all that it might. The plain loop
is `oracle_taught_value` in `tests/oracles.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl
import torch

from memat.edit.requests import edit_position, requests_of_block
from memat.edit.solver import DEFAULT
from memat.edit.value_rows import ValueRow
from memat.edit.values import Values, ValueSettings, optimise_on_rows
from memat.errors import NotEnoughFacts
from memat.fact_sets import DONOR, TUNING, whole_and_size
from memat.model.batching import halve_rows, length_batches, pad, run_halving
from memat.model.editable import EditableModel
from memat.model.sentences import (
    EditRequest,
    join_target,
    request_sentence,
    subject_prompt_sentence,
)
from memat.model.suffix import SuffixRow

Example = tuple[EditRequest, EditRequest]  # a fact in L1, and in L2


@dataclass(frozen=True)
class TeacherAnswers:
    """What the teacher says after each question, greedily.

    said: its tokens, at least one a question; one that ends a text is the last.
    log_probabilities: of the next token before each of them, (most_tokens, n_questions,
    vocabulary), on the model's device; 0 after a question's last.
    """

    said: list[tuple[int, ...]]
    log_probabilities: torch.Tensor


def optimise_taught_values(
    model: EditableModel,
    facts: Sequence[EditRequest],
    questions: Sequence[EditRequest],
    contexts: Sequence[str],
    kl_prompt: str,
    layers: Sequence[int],
    settings: ValueSettings,
    token_budget: int,
    solver: str = DEFAULT,
    *,
    tokens: int,
    examples: Sequence[Example] = (),
) -> Values:
    """z and h₀ at the last token of the questions' subjects, as `optimise_values` of one
    language gives them: (1, n_facts, d_model), with n_layers before that where they are layerwise.

    facts: with their targets, in the language that the teacher reads them in. questions: rewrite
    prompts of the same facts in another language; their targets are not read. contexts,
    kl_prompt: in the language of the questions. tokens: most positions of the teacher's answer.
    examples: other facts in both languages, with their targets.
    Raises NonFiniteValue(case id), ConfigError (value layer, spread, solver).
    """
    asked = [replace(question, target="", joined=False) for question in questions]
    texts = [told_question(fact, one, examples) for fact, one in zip(facts, asked, strict=True)]
    answers = teacher_answers(model, texts, tokens, token_budget)
    rows = _rows(model, asked, contexts, kl_prompt, answers.said, tokens, settings.kl_factor)
    wanted = answers.log_probabilities.flatten(0, 1)
    # the rows' weights hold the factor of each KL term
    own = replace(settings, kl_factor=1.0)
    return optimise_on_rows(model, [asked], rows, layers, own, token_budget, solver, wanted)


def told_question(
    fact: EditRequest, question: EditRequest, examples: Sequence[Example] = ()
) -> str:
    """What the teacher reads: examples, the new fact as a sentence, then the question."""
    said = [*(one for example in examples for one in example), fact]
    sentences = [f"{join_target(one.prompt, one.target, one.joined)}." for one in said]
    return " ".join([*sentences, question.prompt])


def examples_for_block(
    bilingual: pl.DataFrame, blocks: pl.DataFrame, block: str, languages: Sequence[str], number: int
) -> list[Example]:
    """The first `number` donor facts in two languages; for an edit of donor facts, tuning facts.

    languages: that of the facts, then that of the questions. Raises NotEnoughFacts.
    """
    if not number:
        return []
    whole, _size = whole_and_size(block)
    for others in (DONOR, TUNING):
        if others != whole and others in blocks["block"]:
            facts, questions = requests_of_block(bilingual, blocks, others, languages)
            return list(zip(facts, questions, strict=True))[:number]
    raise NotEnoughFacts(
        f"values.taught.examples: {number} for block {block}, but there are no other donor or tuning"
        " facts; set blocks.donor or blocks.tuning, or no examples"
    )


@torch.no_grad()
def teacher_answers(
    model: EditableModel, texts: Sequence[str], most_tokens: int, token_budget: int
) -> TeacherAnswers:
    """The first tokens of the model's greedy answer to each text, and what else it might say."""
    read = [tuple(model.tokenizer(text)["input_ids"]) for text in texts]
    said: list[tuple[int, ...]] = [() for _ in read]
    accurate = torch.promote_types(model.dtype, torch.float32)
    found = torch.zeros(
        (most_tokens, len(read), model.vocabulary_size), dtype=accurate, device=model.device
    )
    for place in range(most_tokens):
        going = [
            number
            for number, tokens in enumerate(said)
            if model.tokenizer.eos_token_id not in tokens
        ]

        def work(part: list[int], place: int = place) -> None:
            ids, mask = pad([read[number] + said[number] for number in part], model.device)
            each = torch.arange(len(part), device=model.device)
            hidden = model.last_hidden(ids, mask)[each, mask.sum(1) - 1]
            found[place, part] = model.log_probabilities(hidden)

        lengths = [len(read[number]) + place for number in going]
        for batch in length_batches(lengths, token_budget):
            run_halving([going[row] for row in batch], work, halve_rows)
        for number, token in zip(going, found[place, going].argmax(-1).tolist(), strict=True):
            said[number] += (token,)
    return TeacherAnswers(said, found)


def _rows(
    model: EditableModel,
    questions: Sequence[EditRequest],
    contexts: Sequence[str],
    kl_prompt: str,
    said: Sequence[tuple[int, ...]],
    most_tokens: int,
    kl_factor: float,
) -> list[ValueRow]:
    """A row for each template and position of the teacher's answer, and one of "{s} is a".

    Their requests number the references: position · n_facts + fact, then those of "{s} is a".
    """
    rows = []
    for fact, question in enumerate(questions):
        for template, context in enumerate(contexts):
            sentence = request_sentence(model.tokenizer, question, context)
            for place in range(len(said[fact])):
                ids = sentence.ids + said[fact][:place]
                rows.append(
                    _row(
                        ids,
                        edit_position(sentence),
                        place * len(questions) + fact,
                        fact,
                        weight=1.0 / (len(contexts) * len(said[fact])),
                        plain=template == place == 0,
                    )
                )
        kl = subject_prompt_sentence(model.tokenizer, question, kl_prompt)
        start = edit_position(kl)
        number = most_tokens * len(questions) + fact
        rows.append(_row(kl.ids[: start + 1], start, number, fact, weight=kl_factor, plain=False))
    return rows


def _row(
    ids: Sequence[int], start: int, request: int, fact: int, weight: float, plain: bool
) -> ValueRow:
    """A row whose KL is read at its last token."""
    tokens = SuffixRow.split(ids, start)
    return ValueRow(tokens, request, fact, (), len(ids) - 1 - start, weight, plain)
