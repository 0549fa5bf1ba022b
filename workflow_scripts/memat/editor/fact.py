"""What an edit is asked to store, as a user of the library says it."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from memat.errors import FactError
from memat.model.sentences import PLAIN, EditRequest
from memat.text.edited import normalised
from memat.text.languages import Language

log = logging.getLogger("memat")
Text = str | Mapping[str, str]  # the same in every language, or by language code


@dataclass(frozen=True)
class Fact:
    """A prompt with one `{}` for the subject, the subject, and what the model shall say next.

    Each is a text, or texts by language code for an edit in several languages:
    `Fact({"en": "{} lives in", "ca": "{} viu a"}, "Anna", {"en": "London", "ca": "Londres"})`.
    target_true: what it says so far, where that shall be reported beside.
    """

    prompt: Text
    subject: Text
    target_new: Text
    target_true: Text | None = None


def edit_requests(facts: Sequence[Fact], language: Language) -> list[EditRequest]:
    """The facts in one language; `case_id` is their number in the list, from 0.

    A target follows without a space where the prompt ends with an elided article ("d'").
    Raises FactError(place): a text missing or empty, no single `{}`, or a fact that wants
    another target for the prompt and subject of an earlier one.
    """
    requests, wanted = [], {}  # by what writing it differently does not change
    for number, fact in enumerate(facts):
        prompt, subject, target = (
            _text(number, fact, key, language.code) for key in ("prompt", "subject", "target_new")
        )
        if prompt.count(PLAIN) != 1:
            raise FactError(
                f"facts[{number}].prompt: must have exactly one '{PLAIN}' for the subject, found"
                f" {prompt!r}"
            )
        asked = normalised(prompt.replace(PLAIN, subject)), normalised(subject)
        earlier = wanted.setdefault(asked, (number, target))
        if normalised(earlier[1]) != normalised(target):
            raise FactError(
                f"facts[{number}].target_new: {target!r} contradicts facts[{earlier[0]}], which"
                f" wants {earlier[1]!r} for the same prompt and subject"
            )
        joined = prompt.lower().endswith(language.elided_endings)
        requests.append(EditRequest(number, prompt, subject, target, joined))
    return requests


def without_repeats(requests: Sequence[Sequence[EditRequest]]) -> list[int]:
    """Numbers of the facts that do not only say again, in every language, what an earlier one says;
    those left out are logged, as each would count twice. requests: of `edit_requests`, by language."""
    first: dict[tuple, int] = {}
    for number, one in enumerate(zip(*requests, strict=True)):
        said = tuple(tuple(map(normalised, (r.prompt, r.subject, r.target))) for r in one)
        if first.setdefault(said, number) != number:
            log.warning("facts[%d] repeats facts[%d] and is left out", number, first[said])
    return list(first.values())


def check_facts(facts: Sequence[Fact]) -> None:
    """Raises FactError where there is no fact, or something else stands among them."""
    if isinstance(facts, Fact | str):
        raise FactError(f"facts: must be a list of memat.Fact, found {facts!r}")
    if not facts:
        raise FactError("facts: the list is empty")
    for number, fact in enumerate(facts):
        if not isinstance(fact, Fact):
            names = ", ".join(field.name for field in fields(Fact))
            raise FactError(f"facts[{number}]: must be a memat.Fact({names}), found {fact!r}")


def _text(number: int, fact: Fact, key: str, language: str) -> str:
    value, place = getattr(fact, key), f"facts[{number}].{key}"
    if isinstance(value, Mapping):
        if language not in value:
            raise FactError(
                f"{place}: has no text in language {language!r}, only in {', '.join(value) or 'none'}"
            )
        value = value[language]
    if not isinstance(value, str) or not value.strip():
        raise FactError(f"{place}: must be a text in language {language!r}, found {value!r}")
    return value.strip()
