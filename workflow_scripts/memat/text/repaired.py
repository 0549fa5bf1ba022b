"""One repaired prompt, and the table of all of them."""

from dataclasses import dataclass, field

import polars as pl

REPAIRED_SCHEMA = {
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
Key = tuple[str, str, int]  # role, prompt_type, index


@dataclass(frozen=True)
class RepairedPrompt:
    """One prompt of a fact in the other language, for one of its targets.

    plain_target: the target translated alone. joined: no space before the target. answer: the
    prompt's own, in the source language, whichever target this row has.
    """

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

    @property
    def key(self) -> Key:
        return self.role, self.prompt_type, self.index

    @property
    def has_own_answer(self) -> bool:
        """Whether the target is the prompt's own, and no form of a target of the fact."""
        return self.role != "target_new" and self.answer is not None

    @property
    def editable(self) -> str:
        """The prompt as a person edits it: with "{}" for the subject of a rewrite."""
        return self.prompt if self.template is None else self.template

    @property
    def sentence(self) -> str:
        return f"{self.prompt}{'' if self.joined else ' '}{self.target}."
