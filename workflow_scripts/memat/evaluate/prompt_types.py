"""The types of prompts that a model is asked, and the target each of them wants."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PromptType:
    """label: what its metrics are about, in figures. wanted: role of the target that should be
    ahead, and `other`: that of the target it is compared with."""

    label: str
    wanted: str
    other: str


# neighbours are other subjects, which should stay as they are
PROMPT_TYPES = {
    "rewrite": PromptType("efficacy", "target_new", "target_true"),
    "paraphrase": PromptType("paraphrase", "target_new", "target_true"),
    "neighborhood": PromptType("neighborhood", "target_true", "target_new"),
}
SCORED = ("rewrite", "paraphrase", "neighborhood")  # those whose harmonic mean is a score
