"""Magnitude: how much more probable the wanted target is than the other one (paper, eq. 8)."""

LABEL = "magnitude"
DESCRIPTION = "probability of the wanted target minus that of the other one, mean over the prompts"
UNIT = "points of probability (%)"
READS = "scores"
NAMES = {"rewrite": "EM", "paraphrase": "PM", "neighborhood": "NM", "distracted": "DM"}
SCORE = None
RANGE = (-1.0, 1.0)
CHANCE = None
HIGHER_IS_BETTER = True


def of_prompts(prompts):
    """P(wanted) − P(other), in [−1, 1]."""
    return (-prompts["nll"]).exp() - (-prompts["other_nll"]).exp()
