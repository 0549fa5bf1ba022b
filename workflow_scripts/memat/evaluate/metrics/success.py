"""Success: the wanted target is the more probable of the two (paper, eq. 7)."""

LABEL = "success"
DESCRIPTION = (
    "share of the prompts after which the wanted target is more probable than the other one"
)
UNIT = "percent of prompts"
READS = "scores"
NAMES = {"rewrite": "ES", "paraphrase": "PS", "neighborhood": "NS", "distracted": "DS"}
SCORE = "S"
RANGE = (0.0, 1.0)
CHANCE = 0.5  # of two targets, either is as likely to be ahead
HIGHER_IS_BETTER = True


def of_prompts(prompts):
    """1 or 0; equal probabilities are no success.

    Compared as NLL: exp() of a long target's joint NLL underflows to 0 = 0.
    """
    return (prompts["nll"] < prompts["other_nll"]).cast(float)
