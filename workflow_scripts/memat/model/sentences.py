"""Tokenising: the whole sentence once, subject and target found by character offsets.

Lengths of separately tokenised pieces are never added up: that breaks with BOS
tokens, elisions (`d'{}`, `l'{}`) and BPE that is not prefix-stable.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from memat.errors import FactError

PLAIN = "{}"


@dataclass(frozen=True)
class EditRequest:
    """What an edit is asked to store: one fact in one language.

    template: rewrite prompt with one `{}` for the subject.
    joined: the target follows without a space (after an elided article).
    """

    case_id: int
    template: str
    subject: str
    target: str
    joined: bool = False

    @property
    def prompt(self) -> str:
        return self.template.replace(PLAIN, self.subject)


@dataclass(frozen=True)
class Sentence:
    """Token ids of prompt + target; BOS first where the model's tokenizer adds one.

    subject_last: index of the subject's last token (None where no subject was given).
    target_start: index of the first target token; len(ids) without a target.
    """

    ids: tuple[int, ...]
    subject_last: int | None
    target_start: int

    @property
    def target_ids(self) -> tuple[int, ...]:
        return self.ids[self.target_start :]


def join_target(prompt: str, target: str, joined: bool) -> str:
    """Prompt and target as one text; no space after an elided article."""
    return f"{prompt}{target}" if joined or not target else f"{prompt} {target}"


def request_sentence(tokenizer, request: EditRequest, context: str = PLAIN) -> Sentence:
    """One request under one context template (`{}` stands for the whole prompt)."""
    lead = context.index(PLAIN)
    subject_start = lead + request.template.index(PLAIN)
    prompt = context[:lead] + request.prompt + context[lead + len(PLAIN) :]
    return tokenise(
        tokenizer,
        prompt,
        request.target,
        request.joined,
        subject=(subject_start, subject_start + len(request.subject)),
        case_id=request.case_id,
    )


def subject_prompt_sentence(tokenizer, request: EditRequest, prompt: str) -> Sentence:
    """A prompt such as "{} is a" filled with the request's subject, without target."""
    start = prompt.index(PLAIN)
    text = prompt.replace(PLAIN, request.subject)
    span = (start, start + len(request.subject))
    return tokenise(tokenizer, text, "", False, subject=span, case_id=request.case_id)


def tokenise(
    tokenizer,
    prompt: str,
    target: str,
    joined: bool,
    subject: tuple[int, int] | None = None,
    case_id: int | None = None,
) -> Sentence:
    """Tokenise prompt + target once; `subject` is its character span in the prompt.

    A token that straddles the border of prompt and target belongs to the target.
    Raises FactError(case_id) if subject or target has no token.
    """
    text = join_target(prompt, target, joined)
    encoded = tokenizer(text, return_offsets_mapping=True)
    offsets = encoded["offset_mapping"]
    subject_last = None
    if subject is not None:
        inside = _overlapping(offsets, *subject)
        if not inside:
            raise FactError(f"case {case_id}: no token covers the subject in {text!r}")
        subject_last = inside[-1]
    target_start = len(offsets)
    if target:
        inside = _overlapping(offsets, len(text) - len(target), len(text))
        if not inside or inside[0] == 0:
            raise FactError(
                f"case {case_id}: no token of {text!r} belongs to the target {target!r} alone"
            )
        target_start = inside[0]
    return Sentence(tuple(encoded["input_ids"]), subject_last, target_start)


def _overlapping(offsets: Sequence[tuple[int, int]], start: int, end: int) -> list[int]:
    return [i for i, (a, b) in enumerate(offsets) if a < end and b > start and b > a]
