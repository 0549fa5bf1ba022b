"""One repaired prompt, and the table of all of them."""

from dataclasses import dataclass, field

import polars as pl

from memat.text.prompts import Prompt

REPAIRED_SCHEMA = {
    "prompt_id": pl.String,
    "case_id": pl.Int64,
    "relation_id": pl.String,
    "split": pl.String,
    "role": pl.String,
    "prompt_type": pl.String,
    "index": pl.Int64,
    "source": pl.String,
    "translation": pl.String,
    "template": pl.String,
    "subject": pl.String,
    "prompt": pl.String,
    "target": pl.String,
    "plain_target": pl.String,
    "joined": pl.Boolean,
    "answer": pl.String,
    "score": pl.Float64,
    "flags": pl.List(pl.String),
}

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
