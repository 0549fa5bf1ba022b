"""One repaired prompt, and the same with another form of its subject or its target, and the article
that goes with it."""

from dataclasses import dataclass, field, replace

from memat.text.gender import agreeing_text
from memat.text.languages import Language, join_words
from memat.text.prompts import Prompt, columns_of
from memat.text.protect import join_name
from memat.text.sentences import starts_sentence
from memat.text.spans import is_article, occurrences
from memat.text.words import words_of

Article = tuple[int, int]  # positions in a row of `agreement`: of the old form, of the new
UNSURE = "article_unsure"
# what a prompt has in every language
KEPT = ("prompt_id", "case_id", "relation_id", "split", "role", "prompt_type", "index", "answer")


@dataclass(frozen=True)
class RepairedPrompt:
    """One prompt of a fact in the other language, for one of its targets.

    prompt_id: of the same prompt in the source language, and what it has in every language.
    plain_target: the target translated alone. joined: no space before the target. answer: the
    prompt's own, in the source language, whichever target this row has.
    """

    prompt_id: str
    case_id: int
    relation_id: str
    split: str
    role: str
    prompt_type: str
    index: int
    source: str
    translation: str
    template: str | None
    subject: str | None
    prompt: str
    target: str
    plain_target: str
    joined: bool
    answer: str | None = None
    score: float | None = None
    flags: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, asked: Prompt, **made: object) -> "RepairedPrompt":
        """made: what the other language has of its own, by field."""
        return cls(**{name: getattr(asked, name) for name in KEPT}, source=asked.source, **made)

    @property
    def editable(self) -> str:
        """The prompt as a person edits it: with "{}" for the subject of a rewrite."""
        return self.prompt if self.template is None else self.template

    @property
    def sentence(self) -> str:
        return f"{self.prompt}{'' if self.joined else ' '}{self.target}."


REPAIRED_SCHEMA = columns_of(RepairedPrompt)


def with_subject(row: RepairedPrompt, old: str, new: str, language: Language) -> RepairedPrompt:
    """The row with `new` wherever `old` stands; elisions are made anew.

    Where another, longer subject of the row's own contains the old form, it stays.
    """
    other = row.subject is not None and row.subject != old
    if other and occurrences(row.subject, old):
        return row
    places = occurrences(row.prompt, old)
    if not places:
        return row
    subject = row.subject if other else None
    prompt = row.prompt
    for start in reversed(places):
        form = new
        if starts_sentence(prompt, start) and prompt[start].isupper():
            form = new[:1].upper() + new[1:]
        before, form = join_name(language, prompt[:start], form)
        prompt = before + form + prompt[start + len(old) :]
        subject = subject if other else form
    template = row.template
    if template is not None and not other:
        at = template.index("{}")
        lead, _ = join_name(language, template[:at], new)
        template = lead + "{}" + template[at + 2 :]
        prompt = template.replace("{}", subject)
    return replace(row, prompt=prompt, template=template, subject=subject)


def with_target(
    row: RepairedPrompt, new: str, article: Article | None, language: Language
) -> RepairedPrompt:
    """The row with another target, after the article it asks for.

    article: how the article changed where a person corrected the same target. Flagged
    `article_unsure` where nothing says which article the new target takes.
    """
    if row.target == new:
        return replace(row, plain_target=new)
    texts, joined, sure = {}, row.joined, True
    for name in ("prompt", "template"):
        text = getattr(row, name)
        if text is not None:
            text, joined, sure = _before(text, row, new, article, language)
        texts[name] = text
    flags = row.flags if sure else [*row.flags, UNSURE]
    return replace(row, **texts, target=new, plain_target=new, joined=joined, flags=flags)


def article_change(before: tuple[str, bool], after: str, language: Language) -> Article | None:
    """Positions of the articles at the ends of two prompts; None if they tell of no change.

    before: the prompt, and whether the target joined it.
    """
    text, joined = before
    if joined:
        return None
    for forms in language.agreement:
        old, new = _ending(text, forms), _ending(after, forms)
        if old is not None and new is not None:
            return old, new
    return None


def _before(
    text: str, row: RepairedPrompt, new: str, article: Article | None, language: Language
) -> tuple[str, bool, bool]:
    """What stands before the new target, whether it joins it, and whether its article is sure."""
    agreed = agreeing_text(text, row.target, new, row.joined, language)
    if agreed is not None:
        return agreed, row.joined, True
    last = words_of(text)[-1:]
    has_article = bool(last) and is_article(last[0], language)
    sure = not has_article
    if article is not None and has_article:
        old_position, new_position = article
        fitting = [
            forms
            for forms in language.agreement
            if max(article) < len(forms) and _ending(text, forms) == old_position
        ]
        if fitting:
            # "de la" rather than "la"
            forms = max(fitting, key=lambda forms: len(forms[old_position]))
            text = text[: -len(forms[old_position])] + forms[new_position]
            sure = True
    elided = join_words(language, text if row.joined else f"{text} ", new)
    text = elided.removesuffix(new)
    joined = text.lower().endswith(language.elided_endings)
    return text.rstrip(), joined, sure or joined


def _ending(text: str, forms: tuple[str, ...]) -> int | None:
    """Position of the form that a text ends with as whole words, the longest."""
    fitting = [i for i, form in enumerate(forms) if f" {text}".lower().endswith(f" {form}")]
    return max(fitting, key=lambda i: len(forms[i])) if fitting else None
