"""The types of prompts that a model is asked, and the target each of them wants."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PromptType:
    """label: what its metrics are about, in figures. letter: its letter in the names of most
    metrics, and `about`: what that stands for, below tables. wanted: role of the target that should
    be ahead, and `other`: that of the target it is compared with; None: of none."""

    label: str
    letter: str
    about: str
    wanted: str
    other: str | None


# neighbours are other subjects, which should stay as they are
PROMPT_TYPES = {
    "rewrite": PromptType(
        "efficacy", "E", "efficacy (rewrite prompts)", "target_new", "target_true"
    ),
    "paraphrase": PromptType("paraphrase", "P", "paraphrases", "target_new", "target_true"),
    "neighborhood": PromptType("neighborhood", "N", "neighbours", "target_true", "target_new"),
    "distracted": PromptType(
        "distracted", "D", "neighbours after the new fact", "target_true", "target_new"
    ),
    "portability": PromptType("portability", "O", "portability (one step away)", "answer", None),
}
WANTED = {name: PROMPT_TYPES[name].wanted for name in PROMPT_TYPES}  # no call: see `code_tag`
SCORED = ("rewrite", "paraphrase", "neighborhood")  # those whose harmonic mean is a score
