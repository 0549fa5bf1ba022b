"""Accuracy: every token of the wanted target is the model's first choice (paper, eq. 13)."""

LABEL = "accuracy"
DESCRIPTION = (
    "share of the prompts after which every token of the wanted target is the model's first "
    "choice, given the tokens of the target before it"
)
UNIT = "percent of prompts"
READS = "scores"
NAMES = {
    "rewrite": "EA",
    "paraphrase": "PA",
    "neighborhood": "NA",
    "distracted": "DA",
    "portability": "OA",
}
SCORE = None
RANGE = (0.0, 1.0)
CHANCE = None
HIGHER_IS_BETTER = True


def of_prompts(prompts):
    """1 or 0."""
    return prompts["is_greedy"].cast(float)
